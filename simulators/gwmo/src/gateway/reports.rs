//! What a gateway reports to its servers, until they have heard it.

use std::collections::VecDeque;

use twinproof_dm::client::{End, Order};
use twinproof_dm::syncml::Alert;
use twinproof_kernel::{Input, Time};

use super::{ACCOUNT, Gateway, Moment};

/// What a server is to be told.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    server: String,
    alerts: Vec<Alert>,
}

/// What is being told.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    report: Pending,
    /// How many sessions end before the one that tells it.
    before: usize,
}

impl Gateway {
    /// The servers that it has accounts of.
    pub(super) fn servers(&self) -> Vec<String> {
        let tree = self.tree();
        let accounts = tree.objects(ACCOUNT);
        let ids = accounts
            .iter()
            .filter_map(|at| tree.text(&at.child("ServerID")));
        ids.map(str::to_owned).collect()
    }

    pub(super) fn tell(&mut self, server: &str, alerts: Vec<Alert>) {
        self.reports.push_back(Pending {
            server: server.to_owned(),
            alerts,
        });
    }

    /// Begins a session with the first of its servers, with nothing to report.
    pub(crate) fn comes(&mut self) {
        if let Some(server) = self.servers().first() {
            self.tell(server, Vec::new());
        }
    }

    /// Tells what waits longest, once nothing else is being told; again later what was not heard.
    pub(super) fn report(&mut self, moment: &mut Moment<'_>) {
        let ended = self
            .sent
            .take_if(|sent| self.north.ended().len() > sent.before);
        if let Some(Sent { report, before }) = ended {
            let heard = self.north.ended().get(before);
            if heard.is_none_or(|ended| ended.how != End::Complete) {
                self.reports.push_front(report);
                self.retry_at = Some(moment.now + moment.shared.retry);
            }
        }
        if self.retry_at.is_some_and(|at| at <= moment.now) {
            self.retry_at = None;
        }
        if self.sent.is_some() || self.retry_at.is_some() {
            return;
        }
        let rules = &moment.shared.rules;
        let Some(report) = first(&mut self.reports, |waiting| rules.joins(waiting)) else {
            return;
        };
        let mut alerts = report.alerts.clone();
        let metas = alerts.iter_mut().flat_map(|alert| &mut alert.items);
        for meta in metas.filter_map(|item| item.meta.as_mut()) {
            meta.media_type = meta.media_type.take().map(|kind| rules.spells(kind));
        }
        let order = Order::Report {
            server: report.server.clone(),
            alerts,
        };
        let before = self.north.ended().len() + self.north.open();
        self.sent = Some(Sent { report, before });
        let call = self.call();
        self.north(moment, Input::Order { call, order });
    }

    /// When a report is tried again.
    #[must_use]
    pub fn retries_at(&self) -> Option<Time> {
        self.retry_at
    }
}

/// The report that waits longest, and with it what waits for the same server: as many alerts as `joins` says,
/// of so many.
fn first(reports: &mut VecDeque<Pending>, joins: impl FnOnce(usize) -> usize) -> Option<Pending> {
    let server = reports.front()?.server.clone();
    let (same, other): (Vec<_>, Vec<_>) = reports
        .drain(..)
        .partition(|waiting| waiting.server == server);
    let mut alerts: Vec<Alert> = same
        .into_iter()
        .flat_map(|waiting| waiting.alerts)
        .collect();
    let now = joins(alerts.len()).max(1).min(alerts.len());
    let rest = alerts.split_off(now);
    reports.extend(other);
    if !rest.is_empty() {
        let server = server.clone();
        reports.push_front(Pending {
            server,
            alerts: rest,
        });
    }
    Some(Pending { server, alerts })
}
