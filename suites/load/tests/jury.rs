//! A jury sees what breaks its rules, and nothing in what loss, repetition and overtaking can explain.

use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, Message, Type, Writer, option};
use twinproof_kernel::Time;
use twinproof_load::{Judgement, Jury, Rule, Workload};

const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 5683);

type Fault<'f> = &'f dyn Fn(&mut Trial);

struct Trial {
    jury: Jury,
    now: Time,
}

fn workload(judged: u32) -> Workload {
    let text = format!(
        "name = \"jury\"\njudged = {judged}\n[devices]\ncount = 100\n[mix]\nupdate = 1\n\
         [[stages]]\nrate = 1\nfor = \"1s\""
    );
    Workload::read(&text).unwrap()
}

fn at(member: u8) -> SocketAddr {
    SocketAddr::from(([127, 1, 0, 1 + member], 40_000))
}

impl Trial {
    fn new() -> Self {
        Self {
            jury: Jury::new(&workload(100)),
            now: Time::ZERO,
        }
    }

    fn asks(&mut self, member: u8, id: u16, path: &[&str]) {
        let bytes = request(id, path);
        let to = SocketAddr::from(SERVER);
        self.jury.sent((at(member), to, &bytes), self.now);
    }

    fn hears(&mut self, member: u8, message: Message, (ty, id, token): (Type, u16, u16)) {
        let token = token.to_be_bytes();
        let is_empty = message.code() == Code::EMPTY;
        let bytes = octets(&message, ty, id, if is_empty { &[] } else { &token });
        let from = SocketAddr::from(SERVER);
        self.jury.heard((at(member), from, &bytes), self.now);
    }

    fn answered(&mut self, member: u8, id: u16, message: Message) {
        self.hears(member, message, (Type::Ack, id, id));
    }

    fn registers(&mut self, member: u8, id: u16, place: &str) {
        self.asks(member, id, &["rd"]);
        self.answered(member, id, located(place));
    }

    fn broken(&self) -> Vec<Rule> {
        let judged = self.jury.judgement();
        judged.broken.iter().map(|broken| broken.rule).collect()
    }
}

fn request(id: u16, path: &[&str]) -> Vec<u8> {
    let mut message = Message::new(Code::POST);
    for segment in path {
        message = message.option(option::URI_PATH, segment.as_bytes());
    }
    if path == ["rd"] {
        message = message.option(option::URI_QUERY, b"lt=60");
    }
    octets(&message, Type::Con, id, &id.to_be_bytes())
}

fn octets(message: &Message, ty: Type, id: u16, token: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, ty, message.code(), id, token);
    for number in [option::LOCATION_PATH, option::URI_PATH, option::URI_QUERY] {
        for value in message.values(number) {
            writer = writer.option(number, value);
        }
    }
    writer.payload(&[]).unwrap();
    bytes
}

fn located(place: &str) -> Message {
    Message::new(Code::CREATED)
        .option(option::LOCATION_PATH, b"rd")
        .option(option::LOCATION_PATH, place.as_bytes())
}

#[test]
fn what_is_right_breaks_nothing_whatever_is_lost_repeated_or_late() {
    let mut trial = Trial::new();
    trial.registers(1, 10, "a");
    trial.registers(2, 10, "b");
    // Acknowledged first, answered later, and that once more.
    trial.asks(1, 11, &["rd", "a"]);
    trial.hears(1, Message::new(Code::EMPTY), (Type::Ack, 11, 0));
    for _ in 0..2 {
        trial.hears(1, Message::new(Code::CHANGED), (Type::Con, 900, 11));
    }
    // Repeated, and both answered.
    trial.asks(2, 12, &["rd", "b"]);
    trial.asks(2, 12, &["rd", "b"]);
    trial.answered(2, 12, Message::new(Code::CHANGED));
    trial.answered(2, 12, Message::new(Code::CHANGED));
    // A registration and an update cross each other.
    trial.asks(1, 13, &["rd", "a"]);
    trial.asks(1, 14, &["rd"]);
    trial.answered(1, 14, located("c"));
    trial.answered(1, 13, Message::new(Code::NOT_FOUND));
    // What is free again is given to another.
    trial.asks(2, 15, &["rd"]);
    trial.registers(3, 16, "b");
    trial.answered(2, 15, located("d"));
    // A refusal is one.
    trial.asks(3, 17, &["rd", "b"]);
    trial.answered(3, 17, Message::new(Code::SERVICE_UNAVAILABLE));
    // The life time is over.
    trial.now = Time::ZERO + Duration::from_secs(61);
    trial.asks(3, 18, &["rd", "b"]);
    trial.answered(3, 18, Message::new(Code::NOT_FOUND));
    trial.registers(4, 19, "b");
    assert_eq!(trial.broken(), [], "{:?}", trial.jury.judgement());
    assert_eq!(trial.jury.judgement().devices, 4);
}

#[test]
fn each_rule_sees_what_breaks_it() {
    let kept = |trial: &mut Trial| {
        trial.asks(1, 11, &["rd", "a"]);
        trial.answered(1, 11, Message::new(Code::NOT_FOUND));
    };
    let other_token = |trial: &mut Trial| {
        trial.asks(1, 11, &["rd", "a"]);
        trial.hears(1, Message::new(Code::CHANGED), (Type::Ack, 11, 77));
    };
    let unasked = |trial: &mut Trial| trial.answered(1, 4_711, Message::new(Code::CHANGED));
    let of_other = |trial: &mut Trial| {
        trial.asks(2, 55, &["rd", "x"]);
        trial.answered(1, 55, Message::new(Code::CHANGED));
    };
    let same_place = |trial: &mut Trial| trial.registers(2, 12, "a");
    let nowhere = |trial: &mut Trial| {
        trial.asks(2, 12, &["rd"]);
        trial.answered(2, 12, Message::new(Code::CREATED));
    };
    let content = |trial: &mut Trial| {
        trial.asks(1, 11, &["rd", "a"]);
        trial.answered(1, 11, Message::new(Code::CONTENT));
    };
    let sent = |trial: &mut Trial| {
        trial.asks(1, 11, &["dp"]);
        trial.answered(1, 11, Message::new(Code::CREATED));
    };
    let faults: [(Rule, Fault<'_>); 8] = [
        (Rule::RegistrationKept, &kept),
        (Rule::OwnAnswers, &other_token),
        (Rule::OwnAnswers, &unasked),
        (Rule::OwnAnswers, &of_other),
        (Rule::OwnLocation, &same_place),
        (Rule::RegistrationAnswered, &nowhere),
        (Rule::UpdateConfirmed, &content),
        (Rule::SendConfirmed, &sent),
    ];
    for (rule, fault) in faults {
        let mut trial = Trial::new();
        trial.registers(1, 10, "a");
        fault(&mut trial);
        assert_eq!(trial.broken(), [rule]);
        let judged = trial.jury.judgement();
        assert_eq!(judged.broken[0].times, 1);
        assert!(!judged.broken[0].answer.is_empty());
    }
}

#[test]
fn only_so_many_are_watched() {
    let mut few = Jury::new(&workload(4));
    let to = SocketAddr::from(SERVER);
    for member in 0..100 {
        few.sent((at(member), to, &request(1, &["rd"])), Time::ZERO);
    }
    assert_eq!(few.judgement().devices, 4);
    let mut none = Jury::new(&workload(0));
    none.sent((at(0), to, &request(1, &["rd"])), Time::ZERO);
    assert_eq!(none.judgement(), Judgement::default());
}

#[test]
fn who_deregisters_leaves_its_place_to_others() {
    for (deregisters, broken) in [(true, vec![]), (false, vec![Rule::OwnLocation])] {
        let mut trial = Trial::new();
        trial.registers(1, 1, "x");
        if deregisters {
            let message = Message::new(Code::DELETE)
                .option(option::URI_PATH, b"rd")
                .option(option::URI_PATH, b"x");
            let bytes = octets(&message, Type::Con, 2, &2_u16.to_be_bytes());
            let to = SocketAddr::from(SERVER);
            trial.jury.sent((at(1), to, &bytes), trial.now);
            trial.answered(1, 2, Message::new(Code::DELETED));
        }
        trial.registers(2, 3, "x");
        assert_eq!(trial.broken(), broken);
    }
}

#[test]
fn nobody_answers_for_what_others_say() {
    let mut trial = Trial::new();
    trial.registers(1, 7, "a");
    let stray = octets(&Message::new(Code::CHANGED), Type::Ack, 99, &[9]);
    let other = SocketAddr::from(([127, 0, 0, 1], 5684));
    trial.jury.heard((at(1), other, &stray), trial.now);
    assert_eq!(trial.broken(), []);
    let server = SocketAddr::from(SERVER);
    trial.jury.heard((at(1), server, &stray), trial.now);
    assert_eq!(trial.broken(), [Rule::OwnAnswers]);
}

#[test]
fn a_registration_that_nobody_answers_is_settled_when_nothing_of_it_can_be_on_its_way() {
    for (after, broken) in [(246, vec![]), (247, vec![Rule::OwnLocation])] {
        let mut trial = Trial::new();
        trial.asks(1, 1, &["rd"]);
        trial.now = trial.now + Duration::from_secs(100);
        // Of this one and the one before nobody knows which is the last.
        trial.registers(1, 2, "a");
        trial.registers(2, 3, "a");
        assert_eq!(trial.broken(), []);
        trial.now = Time::ZERO + Duration::from_secs(after);
        trial.registers(1, 4, "x");
        trial.registers(2, 5, "x");
        assert_eq!(trial.broken(), broken, "after {after} s");
    }
}

#[test]
fn a_registration_that_nobody_answers_has_perhaps_taken_the_place_of_the_one_before() {
    let registers = |trial: &mut Trial, id: u16| {
        // It lives for a day.
        let message = Message::new(Code::POST).option(option::URI_PATH, b"rd");
        let bytes = octets(&message, Type::Con, id, &id.to_be_bytes());
        let to = SocketAddr::from(SERVER);
        trial.jury.sent((at(1), to, &bytes), trial.now);
    };
    for (is_lost, broken) in [(true, vec![]), (false, vec![Rule::RegistrationKept])] {
        let mut trial = Trial::new();
        registers(&mut trial, 1);
        trial.answered(1, 1, located("a"));
        if is_lost {
            registers(&mut trial, 2);
        }
        trial.now = trial.now + Duration::from_secs(300);
        trial.asks(1, 3, &["rd", "a"]);
        trial.answered(1, 3, Message::new(Code::NOT_FOUND));
        assert_eq!(trial.broken(), broken);
    }
}
