//! What the operator is told, held against what devices have said.

use twinproof_kernel::Time;

use super::rule::{Broken, Rule};
use super::{Jury, REMEMBERED};
use crate::devices::reported;
use crate::generator::{Overheard, name as device_name};

/// How many times longer it may be on its way while anything is told at all.
const SLOW: u32 = 6;

impl Jury {
    /// Something is known that is in no datagram of a device.
    pub(crate) fn overhears(&mut self, overheard: Overheard, now: Time) {
        self.now = self.now.max(now);
        match overheard {
            Overheard::Confirmed { member, number } => {
                let witness = self.devices.entry(member).or_default();
                witness.confirmed = witness.confirmed.max(Some(number));
                if witness.told < Some(number) {
                    witness.owed.get_or_insert((number, now));
                }
            }
            Overheard::Deaf => self.is_deaf = true,
            Overheard::Read { member, values } => {
                self.reads += 1;
                let name = device_name(member);
                if let Some(Err(got)) = self.traffic.misread(&values, &name) {
                    let at = (self.address(member), now);
                    self.breaks(Rule::OwnValues, at, (format!("{name:?}"), got), (&[], &[]));
                }
            }
            Overheard::Reports { member, number } => {
                self.reports += 1;
                let witness = self.devices.entry(member).or_default();
                if witness.reports.len() == REMEMBERED {
                    witness.reports.pop_front();
                    witness.forgot_reports = true;
                }
                witness.reports.push_back(number);
            }
            Overheard::Told { member, values } => {
                if let Some((number, wrong)) = self.traffic.report_in(&values) {
                    self.told(member, (number, wrong), now);
                }
                self.is_deaf |= self.traffic.is_foreign(&values);
            }
        }
    }

    /// The operator is told that a device has made the report with this number.
    fn told(&mut self, member: u32, (number, wrong): (u64, Option<String>), now: Time) {
        self.told += 1;
        self.told_at = now;
        let witness = self.devices.entry(member).or_default();
        let before = witness.told;
        let anew = std::mem::take(&mut witness.is_observed_anew);
        let is_own = witness.reports.contains(&number);
        if is_own {
            witness.told = before.max(Some(number));
            // What is confirmed and newer than that is owed from now on.
            let newest = witness.confirmed.filter(|newest| *newest > number);
            let paid = witness.owed.is_some_and(|(owed, _)| owed <= number);
            if paid {
                witness.owed = newest.map(|newest| (newest, now));
            }
        }
        let forgot = witness.forgot_reports;
        let is_written = witness.is_written;
        // Who observes twice is told twice, and nobody knows which of both comes first.
        let several = witness.tokens.len() > 1;
        let value = reported(number);
        let at = (self.address(member), now);
        let broken = match before {
            _ if !is_own && forgot => None,
            _ if !is_own => {
                let mut others = self.devices.iter();
                let other = others.find(|(_, other)| other.reports.contains(&number));
                let whose = other.map_or("it never was".to_owned(), |(other, _)| {
                    format!("it was by the device at {}", self.address(*other).ip())
                });
                let got = format!("{value}, as if it were reported by this one; {whose}");
                let expected = "a value that the device has reported".to_owned();
                Some((Rule::OwnReports, expected, got))
            }
            _ if wrong.is_some() => {
                let expected = format!("{value}, and behind it what the device has reported");
                Some((
                    Rule::OwnReports,
                    expected,
                    format!("{value}, and {}", wrong.unwrap_or_default()),
                ))
            }
            Some(_) if several => None,
            // A server that observes anew is told the present value anew.
            Some(before) if before == number && !anew && !is_written => {
                let expected = format!("a value after {value}, which was told before");
                Some((Rule::ReportToldOnce, expected, format!("{value} again")))
            }
            Some(before) if before > number => {
                let expected = format!("a value after {}", reported(before));
                Some((
                    Rule::ReportsInOrder,
                    expected,
                    format!("{value}, which is older"),
                ))
            }
            _ => None,
        };
        if let Some((rule, expected, got)) = broken {
            self.breaks(rule, at, (expected, got), (&[], &[]));
        }
    }

    /// A report that was confirmed long ago, and neither that nor anything newer was told.
    pub(super) fn untold(&self) -> Option<Broken> {
        if self.is_deaf {
            return None;
        }
        // Who tells something is perhaps only slow.
        let silent = self.told_at + self.patience < self.now;
        let patience = match silent {
            true => self.patience,
            false => self.patience * SLOW,
        };
        let owed = self.devices.iter().filter_map(|(member, witness)| {
            let (number, at) = witness.owed?;
            (at + patience < self.now).then_some((at, *member, number))
        });
        let owed: Vec<_> = owed.collect();
        let (at, member, number) = *owed.iter().min()?;
        let told = self.devices.get(&member).and_then(|witness| witness.told);
        let got = told.map_or("nothing".to_owned(), |told| {
            format!("{} at last", reported(told))
        });
        let broken = self.found(
            Rule::ReportTold,
            (self.address(member), at),
            (
                format!(
                    "{}, which was confirmed, or a newer value",
                    reported(number)
                ),
                got,
            ),
            (&[], &[]),
        );
        Some(Broken {
            times: owed.len() as u64,
            ..broken
        })
    }
}
