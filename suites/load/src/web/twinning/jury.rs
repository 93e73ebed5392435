//! Watches what pairs are answered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use twinproof_judge::profile::Subscriber;
use twinproof_kernel::http::Response;
use twinproof_twinning::message::Status;

use super::{Pair, names_of};
use crate::jury::{Broken, Judgement, Rule};

/// Watches what pairs are answered.
pub(super) struct Jury {
    /// The number of the subscriber that an address is of.
    subscribers: HashMap<String, usize>,
    pairs: BTreeSet<u32>,
    seen: u64,
    broken: BTreeMap<Rule, Broken>,
    /// By which other subscriber's number: a device was twinned with that one.
    strangers: BTreeMap<usize, Broken>,
    /// Whose code, used once more, was a new one of the same digits: we have taken it from the device that was given it.
    took: BTreeSet<usize>,
}

/// Who is named in what one of two devices is answered.
pub(super) struct Named<'n> {
    /// The addresses of the primary.
    pub(super) primary: &'n [String],
    /// The addresses of the secondary.
    pub(super) secondary: &'n [String],
    /// With whom the device is twinned, as it is told.
    pub(super) other: Option<&'n str>,
}

/// Which pair, and when.
type Moment = (u32, Duration);

impl Jury {
    pub(super) fn new(subscribers: &[Subscriber]) -> Self {
        let named = subscribers.iter().enumerate().flat_map(|(number, one)| {
            let names = names_of(one);
            names.map(move |name| (name.to_owned(), number))
        });
        Self {
            subscribers: named.collect(),
            pairs: BTreeSet::new(),
            seen: 0,
            broken: BTreeMap::new(),
            strangers: BTreeMap::new(),
            took: BTreeSet::new(),
        }
    }

    /// A device of a pair is answered.
    pub(super) fn hears(&mut self, at: Moment, named: Named<'_>, body: &[u8]) {
        self.pairs.insert(at.0);
        self.seen += 1;
        let Some(other) = named.other else { return };
        let is_own = |own: &[String]| own.iter().any(|name| name == other);
        if is_own(named.primary) || is_own(named.secondary) {
            return;
        }
        // An address that nobody of these has may be another of the right device.
        if let Some(number) = self.subscribers.get(other) {
            let [primary, secondary] = [&named.primary[0], &named.secondary[0]];
            let expected = format!("{primary} and {secondary}, twinned with each other");
            let found = (expected, format!("one of them twinned with {other}"));
            let place = (primary.clone(), at.1);
            let new = || Broken::new(Rule::OwnTwin, place, found, (&[], body));
            self.strangers.entry(*number).or_insert_with(new).times += 1;
        }
    }

    /// The primary of a pair has activated, and its twinning is shown to have this status. Nobody has switched it yet.
    pub(super) fn sees_activated(
        &mut self,
        at: Moment,
        pair: &Pair,
        status: Option<Status>,
        body: &[u8],
    ) {
        if status == Some(Status::Off) {
            let found = ("On, or Off once it is switched off", "Off");
            let found = (found.0.to_owned(), found.1.to_owned());
            let device = (&*pair.primary.provision.address, at.1);
            self.breaks(Rule::SwitchedByOwn, device, found, body);
        }
    }

    /// The primary of a pair has used its code once more: with whom it is twinned then, as it is told.
    pub(super) fn sees_again(
        &mut self,
        at: Moment,
        pair: &Pair,
        (other, response): (Option<&str>, &Response),
    ) {
        self.seen += 1;
        let is_own = other.is_some_and(|other| pair.secondary.named.iter().any(|own| own == other));
        if response.is_success() && is_own {
            let expected = "the code is refused, since it was used".to_owned();
            let got = format!("HTTP {}", response.status);
            let device = (&*pair.primary.provision.address, at.1);
            self.breaks(Rule::CodeUsedOnce, device, (expected, got), &response.body);
        } else if response.is_success()
            && let Some(number) = self.subscribers.get(&pair.primary.provision.address)
        {
            self.took.insert(*number);
        }
    }

    /// Who is twinned with a device that is none of its own, and not because we made it so.
    fn strange(&self) -> Option<Broken> {
        let strangers = self.strangers.iter();
        let strangers = strangers.filter(|(number, _)| !self.took.contains(number));
        let strangers: Vec<&Broken> = strangers.map(|(_, broken)| broken).collect();
        let first = strangers.iter().min_by_key(|broken| broken.at_us)?;
        Some(Broken {
            times: strangers.iter().map(|broken| broken.times).sum(),
            ..Broken::clone(first)
        })
    }

    fn breaks(
        &mut self,
        rule: Rule,
        (device, at): (&str, Duration),
        (expected, got): (String, String),
        body: &[u8],
    ) {
        let broken = self.broken.entry(rule).or_insert_with(|| {
            let found = (expected, got);
            Broken::new(rule, (device.to_owned(), at), found, (&[], body))
        });
        broken.times += 1;
    }

    pub(super) fn judgement(&self) -> Judgement {
        Judgement {
            devices: self.pairs.len() as u64,
            requests: self.seen,
            answers: self.seen,
            broken: self
                .broken
                .values()
                .cloned()
                .chain(self.strange())
                .collect(),
            ..Judgement::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(address: &str) -> Subscriber {
        Subscriber {
            address: address.to_owned(),
            token: Some("token".to_owned()),
            ..Subscriber::default()
        }
    }

    fn trial(act: impl Fn(&mut Jury, &Pair)) -> Vec<Rule> {
        let all = ["tel:+1", "tel:+2", "tel:+3", "tel:+4"].map(subscriber);
        let pair = Pair::new(&all[..2]).unwrap();
        let mut jury = Jury::new(&all);
        act(&mut jury, &pair);
        let judged = jury.judgement();
        judged.broken.iter().map(|broken| broken.rule).collect()
    }

    #[test]
    fn what_can_be_explained_breaks_nothing() {
        let at = (0, Duration::ZERO);
        let broken = trial(|jury, pair| {
            for other in [None, Some("tel:+1"), Some("tel:+2"), Some("acr:somebody")] {
                let named = Named {
                    primary: &pair.primary.named,
                    secondary: &pair.secondary.named,
                    other,
                };
                jury.hears(at, named, &[]);
            }
            for status in [None, Some(Status::On), Some(Status::Pending)] {
                jury.sees_activated(at, pair, status, &[]);
            }
            // Refused; or a new code of the same digits, of somebody else; or nobody knows.
            jury.sees_again(at, pair, (Some("tel:+2"), &Response::new(403)));
            jury.sees_again(at, pair, (Some("tel:+4"), &Response::new(201)));
            jury.sees_again(at, pair, (None, &Response::new(201)));
            // Whose code that was is twinned with the wrong one now, and that is our doing.
            let other = ["tel:+3".to_owned(), "tel:+4".to_owned()];
            let named = Named {
                primary: &other[..1],
                secondary: &other[1..],
                other: Some("tel:+1"),
            };
            jury.hears((1, Duration::ZERO), named, &[]);
        });
        assert_eq!(broken, []);
    }

    #[test]
    fn each_rule_sees_what_breaks_it() {
        let at = (0, Duration::ZERO);
        let broken = trial(|jury, pair| {
            let named = Named {
                primary: &pair.primary.named,
                secondary: &pair.secondary.named,
                other: Some("tel:+3"),
            };
            jury.hears(at, named, &[]);
        });
        assert_eq!(broken, [Rule::OwnTwin]);
        let broken = trial(|jury, pair| jury.sees_activated(at, pair, Some(Status::Off), &[]));
        assert_eq!(broken, [Rule::SwitchedByOwn]);
        let broken = trial(|jury, pair| {
            jury.sees_again(at, pair, (Some("tel:+2"), &Response::new(201)));
        });
        assert_eq!(broken, [Rule::CodeUsedOnce]);
    }
}
