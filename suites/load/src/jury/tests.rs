//! What is told of devices, by cases.

use twinproof_lwm2m::wire::{Entry, Path, Value};

use super::*;
use crate::devices::reported;
use crate::generator::Overheard;

struct Trial {
    jury: Jury,
    now: Time,
}

impl Trial {
    fn new() -> Self {
        let text = "name = \"jury\"\ndrain = \"1s\"\njudged = 9\n[devices]\ncount = 9\n[mix]\nnotify = 1\n\
                    [[stages]]\nrate = 1\nfor = \"1s\"";
        Self {
            jury: Jury::new(&Workload::read(text).unwrap()),
            now: Time::ZERO,
        }
    }

    fn reports(&mut self, member: u32, number: u64) {
        let now = self.now;
        self.jury
            .overhears(Overheard::Reports { member, number }, now);
        self.jury
            .overhears(Overheard::Confirmed { member, number }, now);
    }

    fn told(&mut self, member: u32, number: u64) {
        let path = Path::new(&[3, 0, 10]).unwrap();
        let values = vec![Entry::new(path, Value::Integer(reported(number)))];
        self.jury
            .overhears(Overheard::Told { member, values }, self.now);
    }

    fn read(&mut self, member: u32, name: &str) {
        let path = Path::new(&[3, 0, 2]).unwrap();
        let values = vec![Entry::new(path, Value::String(name.to_owned()))];
        self.jury
            .overhears(Overheard::Read { member, values }, self.now);
    }

    fn observed(&mut self, member: u32, token: u8) {
        let at = self.jury.address(member);
        // A confirmable GET with an empty Observe.
        let bytes = [0x41, 1, 0, 7, token, 0x60];
        self.jury.heard((at, at, &bytes), self.now);
    }

    fn passes(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        // Something or other happens.
        let at = self.jury.address(8);
        self.jury.sent((at, at, &[]), self.now);
    }

    fn broken(&self) -> Vec<Rule> {
        let judged = self.jury.judgement();
        judged.broken.iter().map(|broken| broken.rule).collect()
    }
}

#[test]
fn reports_that_are_told_as_they_were_made_break_nothing() {
    let mut trial = Trial::new();
    trial.reports(1, 5);
    trial.reports(2, 6);
    trial.told(2, 6);
    trial.told(1, 5);
    // Of two that came close together only the newer one is told.
    trial.reports(1, 7);
    trial.reports(1, 8);
    trial.told(1, 8);
    // The present value is told anew where it is observed anew.
    trial.observed(1, 9);
    trial.told(1, 8);
    // Who observes twice is told twice.
    trial.reports(1, 9);
    trial.observed(1, 10);
    trial.told(1, 9);
    trial.told(1, 9);
    trial.told(1, 8);
    trial.read(1, "dev-1");
    trial.passes(60);
    assert_eq!(trial.broken(), [], "{:?}", trial.jury.judgement());
    // Who is told nothing by anybody cannot say what is missing.
    trial.reports(3, 10);
    trial.jury.overhears(Overheard::Deaf, trial.now);
    trial.passes(60);
    assert_eq!(trial.broken(), []);
    assert_eq!(trial.jury.judgement().told, None);
}

#[test]
fn an_answer_to_what_is_remembered_is_strange_however_much_is_forgotten() {
    let mut trial = Trial::new();
    let at = trial.jury.address(1);
    for id in 0..=u16::try_from(REMEMBERED).unwrap() {
        let [high, low] = id.to_be_bytes();
        // A confirmable POST with a token of two octets.
        let asked = [0x42, 2, high, low, high, low];
        trial.jury.sent((at, at, &asked), trial.now);
    }
    // A 2.04 to the newest, with a token of nobody, and one to what nobody has asked as far as is known.
    let [high, low] = u16::try_from(REMEMBERED).unwrap().to_be_bytes();
    trial
        .jury
        .heard((at, at, &[0x62, 0x44, 0xff, 0xff, 1, 1]), trial.now);
    assert_eq!(trial.broken(), []);
    trial
        .jury
        .heard((at, at, &[0x62, 0x44, high, low, 0xee, 0xee]), trial.now);
    assert_eq!(trial.broken(), [Rule::OwnAnswers]);
}

#[test]
fn each_rule_about_what_is_told_sees_what_breaks_it() {
    type Fault = fn(&mut Trial);
    let faults: [(Rule, Fault); 7] = [
        (Rule::ReportToldOnce, |trial| trial.told(1, 5)),
        (Rule::ReportsInOrder, |trial| {
            trial.reports(1, 7);
            trial.told(1, 7);
            trial.told(1, 5);
        }),
        (Rule::OwnReports, |trial| {
            trial.reports(2, 6);
            trial.told(2, 6);
            trial.told(1, 6);
        }),
        (Rule::OwnReports, |trial| trial.told(1, 4_711)),
        (Rule::OwnValues, |trial| trial.read(1, "dev-2")),
        (Rule::ReportTold, |trial| {
            trial.reports(1, 7);
            trial.passes(2);
        }),
        // Of this one alone nothing is told, and much of another.
        (Rule::ReportTold, |trial| {
            trial.reports(1, 7);
            for number in 8..16 {
                trial.reports(2, number);
                trial.told(2, number);
                trial.passes(1);
            }
        }),
    ];
    for (rule, fault) in faults {
        let mut trial = Trial::new();
        trial.reports(1, 5);
        trial.told(1, 5);
        assert_eq!(trial.broken(), []);
        fault(&mut trial);
        assert_eq!(trial.broken(), [rule], "{:?}", trial.jury.judgement());
        assert_eq!(trial.jury.judgement().broken[0].times, 1);
    }
}

#[test]
fn some_reports_come_twice() {
    let mut trial = Trial::new();
    let at = trial.jury.address(1);
    // A confirmable 2.05 with a token.
    let bytes = [0x41, 0x45, 0, 7, 9];
    let repeats = (0..32).filter(|_| trial.jury.repeats((at, &bytes)));
    assert_eq!(repeats.count(), 4);
    let stranger = SocketAddr::from(([127, 2, 0, 1], 0));
    assert!((0..32).all(|_| !trial.jury.repeats((stranger, &bytes))));
}
