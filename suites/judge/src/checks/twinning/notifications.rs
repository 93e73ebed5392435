//! Checks on notifications (HLF-PD-007, HLF-SD-008, and wherever news of a toggle is the evidence).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinproof_evidence::report::Provenance;
use twinproof_twinning::address;
use twinproof_twinning::device::created;
use twinproof_twinning::device::notify::{Notification, notifications};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Status, Twinning};
use twinproof_twinning::url::{resolve, same};

use super::served;
use crate::checks::{Context, Found};
use crate::scene::{Exchange, SUT, Scene};

/// A check and its arguments. Exchanges are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A device's application was told of a change in time.
    Notified {
        /// The device, by its name on the stage.
        part: String,
        /// The exchange that made the change.
        after: u64,
        /// The status that it was changed to.
        status: Status,
        /// What the subscription asked to be sent along.
        data: Option<String>,
        /// How long it may take after the change, in microseconds.
        within: u64,
        /// The device cannot be called back and fetches its news from a channel, which no text
        /// demands (ruling TW-C19).
        #[serde(default)]
        by_channel: bool,
        /// The twinning that changed, by the URLs of its two sides; not looked at if there is none.
        #[serde(default)]
        urls: Vec<String>,
        /// The same by the addresses of its two devices.
        #[serde(default)]
        devices: Vec<String>,
    },
    /// A device's application was told nothing of what did not happen, or what is not its business,
    /// up to the end of the scene.
    NotNotified {
        /// The device, by its name on the stage.
        part: String,
        /// The exchange from which on there must be silence.
        after: u64,
        /// The exchange from which on there may be news again, and of which statuses.
        until: Option<(u64, Vec<Status>)>,
        /// Only notifications that bring this along count: those of a subscription that has ended,
        /// which the requirements do not know (ruling TW-C41).
        data: Option<String>,
        /// For how many seconds that subscription was granted, if this tester could not wait for its
        /// end.
        #[serde(default)]
        granted: Option<u64>,
    },
    /// The same request made twice with the same correlator leads to one subscription.
    SubscribedOnce {
        /// The exchanges of the requests.
        exchanges: Vec<u64>,
    },
    /// The device's list of subscriptions holds exactly those that it made.
    SubscriptionsListed {
        /// The exchange that read the list.
        exchange: u64,
        /// The URLs of those that it made.
        urls: Vec<String>,
    },
    /// A device's application that says that it is gone is not called again and again.
    CalledAtMost {
        /// The device, by its name on the stage.
        part: String,
        /// The exchange from which on.
        after: u64,
        /// How often.
        times: usize,
    },
    /// No answer of a notification channel holds more notifications than its client takes at once
    /// (ruling TW-C19).
    FetchedAtMost {
        /// The device, by its name on the stage.
        part: String,
        /// How many.
        notifications: usize,
    },
    /// Every notification to a device says whose subscription it answers, as sibling APIs do.
    NotificationsLinked {
        /// The device, by its name on the stage.
        part: String,
    },
}

/// A notification, and when and how it came.
struct Arrival {
    exchange: u64,
    at: u64,
    /// When it was sent, or asked for: what it takes a client to fetch it is not the system's.
    begun: u64,
    accepted: bool,
    notification: Notification,
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        let found = match self {
            Self::Notified {
                part,
                after,
                status,
                data,
                within,
                by_channel,
                urls,
                devices,
            } => {
                let wanted = Wanted {
                    status: *status,
                    data: data.as_deref(),
                    within: *within,
                    urls,
                    devices,
                };
                let found = notified(scene, context, part, *after, &wanted);
                match by_channel {
                    true => found.under(&["TW-C19"]),
                    false => found,
                }
            }
            Self::NotNotified {
                part,
                after,
                until,
                data,
                granted: None,
            } => silent(
                scene,
                context,
                part,
                *after,
                until.as_ref(),
                data.as_deref(),
            ),
            Self::NotNotified {
                granted: Some(granted),
                ..
            } => Found::not_applicable(
                "no notification once the time of the subscription is over",
                format!("it was granted for {granted} seconds, longer than this tester waits"),
            )
            .under(&["TW-C41"]),
            Self::NotificationsLinked { part } => return linked(scene, context, part),
            Self::SubscriptionsListed { exchange, urls } => {
                served(scene, *exchange, |seen| listed(seen, context, urls))
            }
            Self::CalledAtMost { part, after, times } => {
                called_at_most(scene, part, *after, *times)
            }
            Self::FetchedAtMost {
                part,
                notifications,
            } => fetched_at_most(scene, context, part, *notifications),
            Self::SubscribedOnce { exchanges } => subscribed_once(scene, context, exchanges),
        };
        found.relying_on(&[
            "twinning.knobs.paths.subscriptions",
            "twinning.knobs.names.subscription",
            "twinning.knobs.names.notification",
            "twinning.knobs.names.twinning_status",
        ])
    }
}

fn arrivals(scene: &Scene, part: &str, knobs: &Knobs) -> Vec<Arrival> {
    let mut found = Vec::new();
    for exchange in scene.exchanges.values() {
        let (at, accepted, read) = if exchange.from == SUT && exchange.to == part {
            let media_type = exchange
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
                .map_or("", |(_, value)| value.as_str());
            let accepted = exchange
                .response
                .as_ref()
                .is_some_and(twinproof_kernel::http::Response::is_success);
            let read = notifications(media_type, &exchange.body.octets(), knobs);
            (exchange.at, accepted, read)
        } else if let Some(response) = polled(exchange, part) {
            let media_type = response.headers.first("Content-Type").unwrap_or_default();
            let read = notifications(media_type, &response.body, knobs);
            (exchange.ended.unwrap_or(exchange.at), true, read)
        } else {
            continue;
        };
        found.extend(read.into_iter().map(|notification| Arrival {
            exchange: exchange.number,
            at,
            begun: exchange.at,
            accepted,
            notification,
        }));
    }
    found
}

fn polled<'a>(exchange: &'a Exchange, part: &str) -> Option<&'a twinproof_kernel::http::Response> {
    (exchange.from == part && exchange.to == SUT && exchange.method == "POST")
        .then_some(exchange.response.as_ref()?)
        .filter(|response| response.is_success())
}

/// Whether a system that calls back would have been heard.
fn reachable(scene: &Scene, context: &Context<'_>, part: &str) -> bool {
    let fetched = scene.exchanges.values().any(|exchange| {
        polled(exchange, part).is_some() && exchange.body.text.as_deref().is_some_and(is_poll)
    });
    fetched || (context.provenance)("harness.advertise") == Provenance::Declared || {
        context.called.iter().any(|name| name != "peer")
    }
}

fn is_poll(body: &str) -> bool {
    body.contains("longPollingRequestParameters")
}

struct Wanted<'a> {
    status: Status,
    data: Option<&'a str>,
    within: u64,
    urls: &'a [String],
    devices: &'a [String],
}

impl Wanted<'_> {
    /// Whether a notification tells of this: all of it, or nothing that it would have to take back.
    fn is_met_by(&self, arrival: &Arrival, context: &Context<'_>, in_full: bool) -> bool {
        let notification = &arrival.notification;
        let twinning = notification.twinning.as_ref();
        let status = twinning.and_then(|twinning| twinning.status(context.knobs));
        let said = status == Some(self.status) || twinning.is_none() && !in_full;
        let data = notification.callback_data.as_deref();
        let sent_along = self.data.is_none() || data == self.data || data.is_none() && !in_full;
        let about = twinning.map_or(Some(true), |twinning| self.is_of(twinning, context));
        arrival.accepted && said && sent_along && about.unwrap_or(!in_full)
    }

    /// Whether this is the twinning that changed, on either of its sides; nothing if it names neither
    /// an address on the network nor a device.
    fn is_of(&self, twinning: &Twinning, context: &Context<'_>) -> Option<bool> {
        let url = twinning.resource_url.as_deref();
        let url = url.filter(|_| !self.urls.is_empty()).map(|named| {
            let mut sides = self.urls.iter();
            sides.any(|side| same(&resolve(side, named), side))
        });
        let device = twinning.other_address();
        let device = device.filter(|_| !self.devices.is_empty()).map(|named| {
            let mut devices = self.devices.iter();
            devices.any(|device| {
                context.same_device(device, named) || address::is_of_another_kind(named, device)
            })
        });
        match (url, device) {
            (None, None) if self.urls.is_empty() && self.devices.is_empty() => Some(true),
            (None, None) => None,
            (url, device) => Some(url.unwrap_or(true) && device.unwrap_or(true)),
        }
    }
}

fn notified(
    scene: &Scene,
    context: &Context<'_>,
    part: &str,
    after: u64,
    wanted: &Wanted<'_>,
) -> Found {
    let knobs = context.knobs;
    let within = Duration::from_micros(wanted.within);
    let mut expected = format!(
        "{part} is told within {within:?} that the status is {}",
        wanted.status.literal(knobs)
    );
    if let [_, .., of] | [of] = wanted.devices {
        expected = format!("{expected}, in the twinning with {of}");
    }
    if let Some(data) = wanted.data {
        expected = format!("{expected}, with {data:?} as it had asked");
    }
    let Some(change) = scene.exchanges.get(&after) else {
        return Found::inconclusive(expected, format!("exchange {after} was not recorded"));
    };
    let deadline = change.ended.unwrap_or(change.at) + wanted.within;
    let all = arrivals(scene, part, knobs);
    let later = || all.iter().filter(|arrival| arrival.at >= change.at);
    let met = |in_full| later().find(|arrival| wanted.is_met_by(arrival, context, in_full));
    match met(true) {
        Some(arrival) if arrival.begun <= deadline => {
            Found::decide(true, expected, "it was told in time").shown_by([after, arrival.exchange])
        }
        Some(arrival) => {
            let took = Duration::from_micros(arrival.at - change.ended.unwrap_or(change.at));
            Found::decide(false, expected, format!("it was told after {took:?}"))
                .shown_by([after, arrival.exchange])
        }
        // To be told is what the requirement gives; what the news look like the sibling APIs say.
        None if met(false).is_some_and(|arrival| arrival.begun <= deadline) => {
            let bare = met(false).map(|arrival| (arrival.exchange, describe(arrival, knobs)));
            let (exchange, got) = bare.unwrap_or_default();
            Found::decide(false, expected, format!("only {got}"))
                .by("sibling APIs: a notification brings what changed and what was to be sent along")
                .advisory()
                .shown_by([after, exchange])
        }
        None if all.is_empty() && !reachable(scene, context, part) => Found::inconclusive(
            expected,
            "no notification; but nothing of the system has reached this tester in the run, so it may \
             be out of its reach: declare harness.advertise in the profile",
        )
        .shown_by([after]),
        None => {
            let got = match later().next_back() {
                Some(other) => format!("only {}", describe(other, knobs)),
                None => "no notification".to_owned(),
            };
            Found::decide(false, expected, got)
                .shown_by(std::iter::once(after).chain(later().map(|a| a.exchange)))
        }
    }
}

fn describe(arrival: &Arrival, knobs: &Knobs) -> String {
    let notification = &arrival.notification;
    let status = match &notification.twinning {
        Some(twinning) => match (twinning.status(knobs), &twinning.status) {
            (Some(status), _) => format!("of status {}", status.literal(knobs)),
            (None, Some(text)) => format!("of status {text:?}, which is none"),
            (None, None) => "without a status".to_owned(),
        },
        None => "without a twinning".to_owned(),
    };
    let twinning = notification.twinning.as_ref();
    let of = twinning.and_then(|twinning| {
        twinning
            .other_address()
            .or(twinning.resource_url.as_deref())
    });
    let of = of.map_or_else(String::new, |of| format!(" in the twinning with {of}"));
    match &notification.callback_data {
        Some(data) => format!("a notification {status}{of} with {data:?}"),
        None => format!("a notification {status}{of} without what was to be sent along"),
    }
}

fn silent(
    scene: &Scene,
    context: &Context<'_>,
    part: &str,
    after: u64,
    until: Option<&(u64, Vec<Status>)>,
    data: Option<&str>,
) -> Found {
    let knobs = context.knobs;
    let expected = format!("no notification to {part} of what is not news for it");
    let Some(start) = scene.exchanges.get(&after) else {
        return Found::inconclusive(expected, format!("exchange {after} was not recorded"));
    };
    let lawful = |arrival: &Arrival| {
        until.is_some_and(|(exchange, statuses)| {
            let status = arrival
                .notification
                .twinning
                .as_ref()
                .and_then(|twinning| twinning.status(knobs));
            scene
                .exchanges
                .get(exchange)
                .is_some_and(|again| arrival.at >= again.at)
                && status.is_some_and(|status| statuses.contains(&status))
        })
    };
    let unlawful: Vec<_> = arrivals(scene, part, knobs)
        .into_iter()
        .filter(|arrival| arrival.at >= start.at && !lawful(arrival))
        .filter(|arrival| data.is_none() || arrival.notification.callback_data.as_deref() == data)
        .collect();
    let found = match unlawful.first() {
        Some(arrival) => Found::decide(false, expected, describe(arrival, knobs))
            .shown_by(unlawful.iter().map(|arrival| arrival.exchange)),
        None => Found::decide(true, expected, "none").shown_by([after]),
    };
    match data {
        Some(_) => found.under(&["TW-C41"]),
        None => found,
    }
}

fn subscribed_once(scene: &Scene, context: &Context<'_>, exchanges: &[u64]) -> Found {
    let expected =
        "the same subscription again, or a refusal since the request was made before (409)";
    let seen: Vec<_> = exchanges
        .iter()
        .filter_map(|number| scene.exchanges.get(number))
        .collect();
    let [first, second] = seen.as_slice() else {
        return Found::inconclusive(expected, "two requests are needed");
    };
    let url = |seen: &Exchange| created(&seen.url, seen.response.as_ref()?, context.knobs);
    let found = match (second.status(), url(first), url(second)) {
        (Some(409), ..) => Found::decide(true, expected, second.outcome()),
        (Some(200..=299), Some(one), Some(other)) => {
            Found::decide(same(&one, &other), expected, format!("{one} and {other}"))
        }
        _ => Found::inconclusive(expected, second.outcome()),
    };
    found
        .by("clientCorrelator of the sibling APIs")
        .advisory()
        .shown_by(exchanges.iter().copied())
}

fn listed(seen: &Exchange, context: &Context<'_>, urls: &[String]) -> Found {
    let expected = format!("a list of {} subscriptions: the device's own", urls.len());
    let names = &context.knobs.names;
    let document = match seen.document() {
        Ok(document) if document.root == names.subscription_list => document,
        Ok(document) => {
            return Found::decide(false, expected, format!("the root {}", document.root))
                .advisory();
        }
        Err(_) => return Found::decide(false, expected, seen.outcome()).advisory(),
    };
    let shown: Vec<String> = document
        .tree
        .children(&names.subscription)
        .filter_map(|one| one.child_text(&names.resource_url))
        .map(|url| resolve(&seen.url, url))
        .collect();
    let is_shown = |url: &String| shown.iter().any(|one| same(one, url));
    let holds = shown.len() == urls.len() && urls.iter().all(is_shown);
    let got = match shown.as_slice() {
        [] => "an empty list".to_owned(),
        shown => shown.join(", "),
    };
    Found::decide(holds, expected, got)
        .by("subscription lists of the sibling APIs")
        .advisory()
}

fn called_at_most(scene: &Scene, part: &str, after: u64, times: usize) -> Found {
    let expected = format!("an application that answers 404 is called {times} times at most");
    let Some(start) = scene.exchanges.get(&after) else {
        return Found::inconclusive(expected, format!("exchange {after} was not recorded"));
    };
    let calls: Vec<u64> = scene
        .exchanges
        .values()
        .filter(|seen| seen.from == SUT && seen.to == part && seen.at >= start.at)
        .map(|seen| seen.number)
        .collect();
    let got = format!("{} calls", calls.len());
    Found::decide(calls.len() <= times, expected, got)
        .by("sibling APIs: a receiver that is gone may be given up")
        .advisory()
        .shown_by(calls)
}

fn fetched_at_most(scene: &Scene, context: &Context<'_>, part: &str, most: usize) -> Found {
    let expected = format!("no more than {most} at once from the notification channel");
    let mut counts = BTreeMap::<u64, usize>::new();
    for arrival in arrivals(scene, part, context.knobs) {
        *counts.entry(arrival.exchange).or_default() += 1;
    }
    match counts.iter().max_by_key(|(_, count)| **count) {
        None => Found::inconclusive(expected, "no notification"),
        Some((exchange, count)) => {
            Found::decide(*count <= most, expected, format!("{count} at once"))
                .by("notification channels of the sibling APIs: maxNotifications")
                .under(&["TW-C19"])
                .shown_by([*exchange])
        }
    }
}

fn linked(scene: &Scene, context: &Context<'_>, part: &str) -> Found {
    let expected = "each notification links to the subscription that it answers";
    let all = arrivals(scene, part, context.knobs);
    if all.is_empty() {
        return Found::inconclusive(expected, "no notification");
    }
    let bare: Vec<_> = all
        .iter()
        .filter(|arrival| arrival.notification.links.is_empty())
        .collect();
    let got = format!("{} of {} without a link", bare.len(), all.len());
    Found::decide(bare.is_empty(), expected, got)
        .by("sibling APIs: a notification should link to its subscription")
        .advisory()
        .shown_by(bare.iter().map(|arrival| arrival.exchange))
}
