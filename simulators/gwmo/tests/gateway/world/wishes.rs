//! What a server wants, and what it hears of it.

use std::time::Duration;

use twinproof_dm::upper::{Act, Outcome, Put};
use twinproof_gwmo::aggregate::Aggregate;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::PUSH_PATH;
use twinproof_gwmo::manager::{Answer, Order};
use twinproof_gwmo::objects::below;
use twinproof_gwmo::payload;
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, Input};

use super::people::{leaf, text};
use super::{HOSTS, Heard, Party, World};

impl World {
    /// Has the gateway do things in a session.
    pub fn manage(&mut self, acts: Vec<Act>) -> Vec<Outcome> {
        self.manage_within(acts, Duration::ZERO)
            .expect("it is done at once")
    }

    /// The same, if it is done in so long.
    pub fn manage_within(&mut self, acts: Vec<Act>, span: Duration) -> Option<Vec<Outcome>> {
        self.calls += 1;
        let call = CallId(self.calls);
        let order = Order::Manage {
            device: HOSTS[self.at].to_owned(),
            push: format!("http://{}{PUSH_PATH}", HOSTS[self.at]),
            acts,
        };
        self.tell_server(Input::Order { call, order });
        self.settle();
        if !span.is_zero() {
            self.pass(span);
            self.tell_server(Input::Wake);
            self.settle();
        }
        match self.answers.remove(&call) {
            None => None,
            Some(Answer::Done(outcomes)) => {
                for told in outcomes.iter().flat_map(|outcome| &outcome.statuses) {
                    assert!((200..300).contains(&told.code), "{told:?}");
                }
                Some(outcomes)
            }
            other => panic!("expected it to be done, got {other:?}"),
        }
    }

    pub fn switch(&mut self, on: bool) {
        let at = below(
            &self.gateway().places().config,
            &self.names().report_attached,
        );
        self.manage(vec![Act::Replace(Put {
            uri: at.to_string(),
            format: Some("bool".to_owned()),
            ..text(if on { "true" } else { "false" })
        })]);
    }

    fn instance(&mut self, above: &str) -> String {
        self.instances += 1;
        leaf(above, &format!("I{:04}", self.instances))
    }

    fn add(&self, at: &str, format: Option<&str>, value: &str) -> Act {
        Act::Add(Put {
            uri: at.to_owned(),
            format: format.map(str::to_owned),
            ..text(value)
        })
    }

    /// Describes a group. Returns where its members are, by their numbers.
    pub fn group(&mut self, name: &str, members: &[&str]) -> String {
        let names = self.names();
        let groups = below(&self.gateway().places().inventory, &names.groups).to_string();
        let at = self.instance(&groups);
        let mut acts = vec![self.add(&leaf(&at, &names.group_name), None, name)];
        for (number, member) in members.iter().enumerate() {
            let member_at = leaf(&leaf(&at, &names.members), &number.to_string());
            acts.push(self.add(&member_at, None, member));
        }
        self.manage(acts);
        leaf(&at, &names.members)
    }

    pub fn fan_out(
        &mut self,
        devices: &[&str],
        group: Option<&str>,
        acts: &[Act],
        deadline: Option<u32>,
    ) -> String {
        let names = self.names();
        let above = self.gateway().places().fanouts.to_string();
        let at = self.instance(&above);
        let payload = payload::write(acts);
        let mut setup = vec![self.add(&leaf(&at, &names.payload), Some("xml"), &payload)];
        for (number, device) in devices.iter().enumerate() {
            let device_at = leaf(&leaf(&at, &names.target_devices), &number.to_string());
            setup.push(self.add(&device_at, None, device));
        }
        if let Some(group) = group {
            setup.push(self.add(&leaf(&at, &names.target_group), None, group));
        }
        if let Some(deadline) = deadline {
            let seconds = deadline.to_string();
            setup.push(self.add(&leaf(&at, &names.deadline), Some("int"), &seconds));
        }
        self.manage(setup);
        at
    }

    pub fn image(&mut self, name: &str, source: &str) -> String {
        let names = self.names();
        let above = below(&self.gateway().places().images, &names.images).to_string();
        let at = leaf(&above, name);
        let source = self.add(&leaf(&at, &names.image_source), None, source);
        self.manage(vec![source]);
        at
    }

    pub fn exec(&mut self, uri: &str, correlator: &str) {
        self.manage(vec![Act::Exec {
            uri: uri.to_owned(),
            correlator: Some(correlator.to_owned()),
            data: None,
        }]);
    }

    /// What was reported of a kind, in order.
    pub fn reported(&self, report: Report) -> Vec<String> {
        let of_kind = self.heard.iter().filter(|heard| heard.report == report);
        of_kind.map(|heard| heard.value.clone()).collect()
    }

    /// Which devices a gateway has announced, in order.
    pub fn announced(&self, site: usize) -> Vec<&str> {
        let own = self.heard.iter().filter(|heard| heard.site == site);
        let own = own.filter(|heard| heard.report == Report::Attached);
        own.map(|heard| &*heard.value).collect()
    }

    /// What was reported about an `Exec`.
    pub fn correlated(&self, correlator: &str) -> Vec<Heard> {
        let about = |heard: &&Heard| heard.correlator.as_deref() == Some(correlator);
        self.heard.iter().filter(about).cloned().collect()
    }

    fn one(&self, correlator: &str, report: Report) -> String {
        let mut all = self.correlated(correlator);
        all.retain(|heard| heard.report == report);
        assert_eq!(all.len(), 1, "{report:?} about {correlator}");
        all.remove(0).value
    }

    pub fn aggregate(&self, correlator: &str) -> Aggregate {
        Aggregate::parse(&self.one(correlator, Report::Results)).unwrap()
    }

    pub fn overall(&self, correlator: &str) -> String {
        self.one(correlator, Report::Completed)
    }

    /// Whether the server reaches a device by itself.
    pub fn reach_from_outside(&mut self, number: usize) -> bool {
        let request = Request::new("POST", format!("http://d{number}/push"));
        self.carry(Party::Server, &request).is_ok()
    }

    /// What a device gets from there.
    pub fn download(&mut self, url: &str) -> Option<Vec<u8>> {
        let response = self.carry(Party::Device(1), &Request::new("GET", url));
        response
            .ok()
            .filter(Response::is_success)
            .map(|response| response.body)
    }
}
