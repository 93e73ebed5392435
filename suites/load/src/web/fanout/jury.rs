//! Watches what devices behind a gateway are told, and holds the report on each fan-out against what its devices have done.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use twinproof_dm::syncml::Command;
use twinproof_gwmo::aggregate::Entry;
use twinproof_kernel::http::Response;

use super::super::witness::Witnesses;
use crate::jury::{Judgement, Rule};

/// So much of a report is shown where something in it is wrong, in octets.
const SHOWN: usize = 1 << 14;

/// Watches devices and reports.
#[derive(Default)]
pub(super) struct Jury(Witnesses);

/// A device, as the jury is told of it.
#[derive(Clone, Copy)]
pub(super) struct Watched<'w> {
    pub(super) number: u32,
    pub(super) name: &'w str,
    /// When.
    pub(super) at: Duration,
}

/// What is known of a device when the report on its fan-out has come.
pub(super) struct Member<'m> {
    pub(super) name: &'m str,
    /// What it says if it is asked in this fan-out.
    pub(super) says: String,
    /// It was told, and the gateway has taken its answer before the fan-out was to end.
    pub(super) answered: bool,
}

/// What a report comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Came {
    /// Every device did what was wanted.
    Whole,
    /// Some did not: with this code.
    Partly(u16),
    /// It says what is not so.
    Wrong,
}

impl Jury {
    /// A session of a device begins: what was not taken of the one before may be told again.
    pub(super) fn begins(&mut self, number: u32) {
        self.0.begins(number);
    }

    /// A device is told something. `concerns` says whether a fan-out is for it.
    pub(super) fn hears(
        &mut self,
        device: Watched<'_>,
        (asked, response): (&[u8], &Response),
        told: impl Fn(&[Command]) -> Vec<u64>,
        concerns: impl Fn(u64) -> bool,
    ) {
        let Some((message, witness)) = self.0.hears(device.number, response) else {
            return;
        };
        let mut found = Vec::new();
        for fanout in told(&message.commands) {
            if !concerns(fanout) {
                let expected = "nothing of a fan-out to a group that it is not in".to_owned();
                let got = format!("the command of fan-out {fanout}");
                found.push((Rule::MembersAlone, (expected, got)));
            }
            let command = format!("the command of fan-out {fanout}");
            if let Err(again) = witness.is_told(fanout, &command) {
                found.push((Rule::FannedOutOnce, again));
            }
        }
        for (rule, found) in found {
            let said = (asked, &response.body[..]);
            self.0.breaks(rule, (device.name, device.at), found, said);
        }
    }

    /// The report on a fan-out has come, as far as it ever will. `text` is all that was said.
    pub(super) fn sees(
        &mut self,
        members: &[Member<'_>],
        entries: &[Entry],
        (at, text): (Duration, &[u8]),
    ) -> Came {
        let text = &text[..text.len().min(SHOWN)];
        let mut of: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for entry in entries {
            of.entry(&entry.device).or_default().push(entry);
        }
        let said: HashSet<&str> = members.iter().map(|member| &*member.says).collect();
        let (mut found, mut failed) = (Vec::new(), None);
        for member in members {
            let own = of.remove(member.name).unwrap_or_default();
            let [entry] = own[..] else {
                let got = match own.len() {
                    0 => "none".to_owned(),
                    many => format!("{many} of them"),
                };
                let expected = "one result of this device, which is in the group".to_owned();
                found.push((Rule::OneResultEach, member.name, expected, got));
                continue;
            };
            let values = entry.commands.iter().flat_map(|said| &said.values);
            let values: Vec<&str> = values.map(|value| &**value).collect();
            let is_own = values.contains(&&*member.says);
            let of_others = |value: &&&str| **value != member.says && said.contains(**value);
            let is_mixed = values.iter().any(|value| of_others(&value));
            match entry.is_success() {
                true if is_own && !is_mixed => {}
                // What else a gateway says of a failure is its own business.
                false if !member.answered && !is_mixed => {
                    failed = failed.or(Some(entry.status));
                }
                _ => {
                    let expected = match member.answered {
                        true => format!("a success with {:?}, as the device has said", member.says),
                        false => format!("a failure, or a success with {:?}", member.says),
                    };
                    let got = format!("{} with {values:?}", entry.status);
                    found.push((Rule::OwnResults, member.name, expected, got));
                }
            }
        }
        // The others are named in the order in which they were reported.
        let mut others = entries
            .iter()
            .filter(|entry| of.contains_key(&*entry.device));
        if let Some(other) = others.next() {
            let expected = "results of members of the group alone".to_owned();
            let got = format!("one of this device: {}", other.status);
            found.push((Rule::OneResultEach, &other.device, expected, got));
        }
        let wrong = !found.is_empty();
        for (rule, device, expected, got) in found {
            self.0
                .breaks(rule, (device, at), (expected, got), (&[], text));
        }
        match (wrong, failed) {
            (true, _) => Came::Wrong,
            (false, Some(code)) => Came::Partly(code),
            (false, None) => Came::Whole,
        }
    }

    pub(super) fn judgement(&self) -> Judgement {
        self.0.judgement()
    }
}

#[cfg(test)]
mod tests {
    use twinproof_gwmo::aggregate::Said;

    use super::*;

    fn entry(device: &str, status: u16, values: &[&str]) -> Entry {
        Entry {
            device: device.to_owned(),
            status,
            commands: vec![Said {
                status,
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            }],
        }
    }

    /// What two devices come to of which the first has answered and the second has not.
    fn seen(entries: &[Entry]) -> (Came, Vec<(Rule, String)>) {
        let member = |name, answered| Member {
            name,
            says: format!("{name} in fan-out 1"),
            answered,
        };
        let members = [member("a", true), member("b", false)];
        let mut jury = Jury::default();
        let came = jury.sees(&members, entries, (Duration::ZERO, b"all of it"));
        let broken = jury.judgement().broken.into_iter();
        (came, broken.map(|one| (one.rule, one.device)).collect())
    }

    const A: &str = "a in fan-out 1";
    const B: &str = "b in fan-out 1";

    #[test]
    fn a_report_that_says_what_devices_have_said_is_right() {
        let right = || entry("a", 200, &[A]);
        assert_eq!(
            seen(&[right(), entry("b", 200, &[B])]),
            (Came::Whole, vec![])
        );
        // Who was not seen to answer may have failed, in whatever words.
        for failed in [
            entry("b", 408, &[]),
            entry("b", 500, &["it is switched off"]),
        ] {
            let code = failed.status;
            assert_eq!(seen(&[failed, right()]), (Came::Partly(code), vec![]));
        }
    }

    #[test]
    fn a_report_that_says_anything_else_is_wrong() {
        let (a, b) = (|| entry("a", 200, &[A]), || entry("b", 200, &[B]));
        for (entries, rule, device) in [
            // The answer of one device at another, also beside its own.
            (vec![entry("a", 200, &[B]), b()], Rule::OwnResults, "a"),
            (vec![a(), entry("b", 200, &[B, A])], Rule::OwnResults, "b"),
            (vec![a(), entry("b", 408, &[A])], Rule::OwnResults, "b"),
            // That of another fan-out, or none.
            (
                vec![entry("a", 200, &["a in fan-out 0"]), b()],
                Rule::OwnResults,
                "a",
            ),
            (vec![a(), entry("b", 200, &[])], Rule::OwnResults, "b"),
            // It has answered, in time.
            (vec![entry("a", 408, &[]), b()], Rule::OwnResults, "a"),
            (vec![a()], Rule::OneResultEach, "b"),
            (vec![a(), b(), a()], Rule::OneResultEach, "a"),
            (
                vec![a(), b(), entry("c", 408, &[])],
                Rule::OneResultEach,
                "c",
            ),
        ] {
            let found = (Came::Wrong, vec![(rule, device.to_owned())]);
            assert_eq!(seen(&entries), found, "{entries:?}");
        }
    }
}
