//! A device against a server that is only a message layer: what the device says and does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::endpoint::{Endpoint, Event, Turn};
use twinproof_coap::{Code, ContentFormat, Message, Parameters, Type, option};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role, Seed, Time};
use twinproof_lwm2m::device::{Answer, Device, Notify, NotifyWith, Order, Register, Shared};
use twinproof_lwm2m::wire::{Value, Version};

/// Counts the bytes that a thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is.
#[expect(unsafe_code, reason = "an allocator cannot be had otherwise")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = HELD.try_with(|held| held.set(held.get() + layout.size() as isize));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set(held.get() - layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SERVER: &str = "127.0.0.1:5683";
const DEVICE: &str = "127.0.0.1:5700";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A device, its server's message layer, and a clock that only the test moves.
struct Pair {
    device: Device,
    shared: Shared,
    server: Endpoint<SocketAddr>,
    parameters: Parameters,
    now: Time,
    answers: Vec<Answer>,
    /// Requests of the device, as they read.
    asked: Vec<String>,
    /// Answers and notifications to the server.
    heard: Vec<String>,
    /// With what updates are answered.
    update: Code,
}

impl Pair {
    fn new(version: Version, lifetime: u32) -> Self {
        Self {
            device: Device::new("dev", address(DEVICE), Seed::new(1)),
            shared: Shared::new(version, lifetime, &[address(SERVER)]),
            server: Endpoint::new(Seed::new(2)),
            parameters: Parameters::default(),
            now: Time::ZERO,
            answers: Vec::new(),
            asked: Vec::new(),
            heard: Vec::new(),
            update: Code::CHANGED,
        }
    }

    fn registered(version: Version, lifetime: u32) -> Self {
        let mut pair = Self::new(version, lifetime);
        pair.order(Order::Register(Register::default()));
        let created = matches!(&pair.answers[..], [Answer::Response(r)] if r.code == Code::CREATED);
        assert!(created, "{:?}", pair.answers);
        pair
    }

    fn order(&mut self, order: Order) {
        self.input(Input::Order {
            call: CallId(0),
            order,
        });
    }

    fn input(&mut self, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        self.device.handle(&self.shared, self.now, input, &mut out);
        self.deliver(&mut out);
    }

    fn deliver(&mut self, out: &mut Outbox<Answer>) {
        let bytes = out.bytes().to_vec();
        let mut to_server = VecDeque::new();
        for output in out.drain() {
            match output {
                Output::Answer { answer, .. } => self.answers.push(answer),
                Output::Datagram { range, .. } => to_server.push_back(bytes[range].to_vec()),
                _ => {}
            }
        }
        for datagram in to_server {
            self.serve(&datagram);
        }
    }

    fn serve(&mut self, datagram: &[u8]) {
        let mut sent = Vec::new();
        let mut send = |_, bytes: &[u8]| sent.push(bytes.to_vec());
        let mut turn = Turn {
            parameters: &self.parameters,
            now: self.now,
            send: &mut send,
        };
        match self.server.receive(&mut turn, address(DEVICE), datagram) {
            Some(Event::Request {
                exchange, packet, ..
            }) => {
                self.asked.push(packet.to_string());
                let created = Message::new(Code::CREATED)
                    .option(option::LOCATION_PATH, b"rd")
                    .option(option::LOCATION_PATH, b"5a3f");
                let answer = match (packet.code(), packet.path_is(&["rd"])) {
                    (Code::POST, true) => created,
                    (Code::DELETE, _) => Message::new(Code::DELETED),
                    _ => Message::new(self.update),
                };
                self.server.respond(&mut turn, &exchange, answer).unwrap();
            }
            Some(
                Event::Response { packet, body, .. } | Event::Notification { packet, body, .. },
            ) => {
                let text = String::from_utf8_lossy(&body).into_owned();
                self.heard.push(format!("{} {text}", packet.code()));
            }
            _ => {}
        }
        for bytes in sent {
            self.input(Input::Datagram {
                at: address(DEVICE),
                from: address(SERVER),
                bytes: &bytes,
            });
        }
    }

    /// The server asks, and hears what the device answers.
    fn ask(&mut self, message: Message) -> String {
        let mut sent = Vec::new();
        let mut send = |_, bytes: &[u8]| sent.push(bytes.to_vec());
        let mut turn = Turn {
            parameters: &self.parameters,
            now: self.now,
            send: &mut send,
        };
        self.server
            .request(&mut turn, address(DEVICE), Type::Con, message)
            .unwrap();
        for bytes in sent {
            self.input(Input::Datagram {
                at: address(DEVICE),
                from: address(SERVER),
                bytes: &bytes,
            });
        }
        self.heard.pop().expect("the device answers")
    }

    fn get(&mut self, path: &str) -> String {
        self.ask(Message::new(Code::GET).path(path))
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.device.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Wake);
        }
        self.now = end;
    }
}

fn text(code: Code, path: &str, value: &str) -> Message {
    Message::new(code)
        .path(path)
        .content_format(ContentFormat::TEXT)
        .payload(value)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn it_registers_with_what_it_has() {
    let pair = Pair::registered(Version::V1_0, 60);
    let asked = &pair.asked[0];
    for part in [
        "/rd?ep=dev&lt=60&lwm2m=1.0&b=U",
        "</1/0>",
        "</3/0>",
        "</26241/1>",
    ] {
        assert!(asked.contains(part), "{asked}");
    }
    assert!(!asked.contains("</0"), "{asked}");
    assert_eq!(pair.device.shown().registrations[0].location, "/rd/5a3f");
}

#[test]
fn it_updates_in_time_and_registers_again_when_it_is_unknown() {
    let mut pair = Pair::registered(Version::V1_0, 60);
    pair.wait(seconds(31));
    assert!(pair.asked[1].contains("POST /rd/5a3f"), "{:?}", pair.asked);
    pair.update = Code::NOT_FOUND;
    pair.wait(seconds(31));
    assert!(
        pair.asked[3].contains("POST /rd?ep=dev"),
        "{:?}",
        pair.asked
    );
    assert_eq!(pair.device.shown().registrations[0].registered, 2);
}

#[test]
fn it_reads_and_writes_as_the_model_allows() {
    let mut pair = Pair::registered(Version::V1_0, 60);
    assert_eq!(pair.get("/3/0/2"), "2.05 Content dev");
    assert_eq!(pair.get("/3/0/99"), "4.04 Not Found ");
    assert_eq!(pair.get("/0/0/0"), "4.01 Unauthorized ");
    assert_eq!(pair.get("/3/0/4"), "4.05 Method Not Allowed ");
    assert_eq!(
        pair.ask(text(Code::PUT, "/1/0/0", "7")),
        "4.05 Method Not Allowed "
    );
    assert_eq!(
        pair.ask(text(Code::PUT, "/3/0/13", "soon")),
        "4.00 Bad Request "
    );
    assert_eq!(
        pair.ask(text(Code::PUT, "/26241/0/1", "-7")),
        "2.04 Changed "
    );
    assert_eq!(pair.get("/26241/0/1"), "2.05 Content -7");
    let strange = Message::new(Code::PUT).path("/26241/0/1");
    let strange = strange.content_format(ContentFormat(9999)).payload("1");
    assert_eq!(pair.ask(strange), "4.15 Unsupported Content-Format ");
    assert_eq!(
        pair.ask(Message::new(Code::DELETE).path("/3/0")),
        "4.05 Method Not Allowed "
    );
    assert_eq!(
        pair.ask(Message::new(Code::POST).path("/26241/0/22")),
        "2.04 Changed "
    );
    assert_eq!(pair.get("/26241/0/20"), "2.05 Content 1");
}

#[test]
fn a_life_time_that_is_written_is_told() {
    let mut pair = Pair::registered(Version::V1_0, 60);
    pair.ask(text(Code::PUT, "/1/0/1", "120"));
    assert!(
        pair.asked[1].contains("POST /rd/5a3f?lt=120"),
        "{:?}",
        pair.asked
    );
}

#[test]
fn notifications_keep_to_their_periods_and_thresholds() {
    let mut pair = Pair::registered(Version::V1_0, 86_400);
    let attributes = Message::new(Code::PUT).path("/26241/0/1");
    let attributes = attributes
        .query("pmin=5")
        .query("pmax=15")
        .query("gt=45")
        .query("st=10");
    assert_eq!(pair.ask(attributes), "2.04 Changed ");
    pair.order(set("/26241/0/1", 40));
    let observe = Message::new(Code::GET).path("/26241/0/1").observe();
    assert_eq!(pair.ask(observe), "2.05 Content 40");
    // 44 neither crosses 45 nor is ten away; 46 crosses, and has to wait for pmin.
    pair.order(set("/26241/0/1", 44));
    pair.wait(seconds(6));
    assert!(pair.heard.is_empty(), "{:?}", pair.heard);
    pair.order(set("/26241/0/1", 46));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 46"]);
    pair.order(set("/26241/0/1", 57));
    pair.wait(seconds(4));
    assert!(pair.heard.is_empty(), "{:?}", pair.heard);
    pair.wait(seconds(2));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 57"]);
    pair.wait(seconds(16));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 57"]);
}

#[test]
fn a_report_that_is_due_later_waits_and_its_confirmation_with_it() {
    let due = |value| {
        Order::Notify(Notify {
            server: 0,
            path: "/26241/0/1".parse().unwrap(),
            with: NotifyWith::Due(Value::Integer(value)),
        })
    };
    let mut pair = Pair::registered(Version::V1_0, 86_400);
    let attributes = Message::new(Code::PUT).path("/26241/0/1");
    let attributes = attributes.query("pmin=5").query("pmax=15");
    assert_eq!(pair.ask(attributes), "2.04 Changed ");
    let observe = Message::new(Code::GET).path("/26241/0/1").observe();
    assert_eq!(pair.ask(observe), "2.05 Content 42");
    pair.answers.clear();
    pair.wait(seconds(6));
    pair.order(due(100));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 100"]);
    assert_eq!(std::mem::take(&mut pair.answers), [Answer::Done]);
    // Of two that come too soon only the newer one is said, and stands for both.
    pair.wait(seconds(1));
    pair.order(due(101));
    pair.wait(seconds(1));
    pair.order(due(102));
    pair.wait(seconds(2));
    assert!(
        pair.heard.is_empty() && pair.answers.is_empty(),
        "{:?}",
        pair.heard
    );
    pair.wait(seconds(2));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 102"]);
    assert_eq!(
        std::mem::take(&mut pair.answers),
        [Answer::Done, Answer::Done]
    );
    // Nobody waits for what is said again because nothing was said for so long.
    pair.wait(seconds(16));
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 102"]);
    assert!(pair.answers.is_empty());
}

#[test]
fn whoever_wants_a_notification_confirmed_hears_what_became_of_it() {
    let tell = |value| {
        Order::Notify(Notify {
            server: 0,
            path: "/3/0/10".parse().unwrap(),
            with: NotifyWith::Confirmed(Value::Integer(value)),
        })
    };
    let mut pair = Pair::registered(Version::V1_0, 86_400);
    pair.order(tell(1));
    assert!(matches!(pair.answers.pop(), Some(Answer::Impossible(_))));
    let observe = Message::new(Code::GET).path("/3/0/10").observe();
    assert_eq!(pair.ask(observe), "2.05 Content 15");
    pair.answers.clear();
    pair.order(tell(1_000));
    assert_eq!(pair.answers, [Answer::Done]);
    assert_eq!(std::mem::take(&mut pair.heard), ["2.05 Content 1000"]);
    assert_eq!(pair.get("/3/0/10"), "2.05 Content 1000");

    // Two at once, of which the second waits; the server rejects the first.
    let mut out = Outbox::default();
    for (number, value) in (1..).zip([2_000, 3_000]) {
        let order = tell(value);
        let call = CallId(number);
        pair.device.handle(
            &pair.shared,
            pair.now,
            Input::Order { call, order },
            &mut out,
        );
    }
    let said: Vec<_> = out.drain().collect();
    assert!(matches!(said[..], [Output::Datagram { .. }]), "{said:?}");
    let id = out.bytes()[2..4].to_vec();
    out.clear();
    let (at, from) = (address(DEVICE), address(SERVER));
    let bytes = &[0x70, 0, id[0], id[1]];
    let input = Input::Datagram { at, from, bytes };
    pair.device.handle(&pair.shared, pair.now, input, &mut out);
    let answers: Vec<_> = out
        .drain()
        .map(|output| match output {
            Output::Answer { call, answer } => (call, answer),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        answers,
        [(CallId(1), Answer::Reset), (CallId(2), Answer::Reset)]
    );
}

#[test]
fn what_waits_is_confirmed_by_itself() {
    let mut pair = Pair::registered(Version::V1_0, 86_400);
    let observe = Message::new(Code::GET).path("/3/0/10").observe();
    pair.ask(observe);
    let mut out = Outbox::default();
    for (number, value) in (1..).zip([2_000, 3_000, 4_000]) {
        let order = Order::Notify(Notify {
            server: 0,
            path: "/3/0/10".parse().unwrap(),
            with: NotifyWith::Confirmed(Value::Integer(value)),
        });
        let call = CallId(number);
        pair.device.handle(
            &pair.shared,
            pair.now,
            Input::Order { call, order },
            &mut out,
        );
    }
    for expected in [vec![1], vec![2, 3]] {
        let id = out.bytes()[2..4].to_vec();
        out.clear();
        let (at, from) = (address(DEVICE), address(SERVER));
        let bytes = &[0x60, 0, id[0], id[1]];
        let input = Input::Datagram { at, from, bytes };
        pair.device.handle(&pair.shared, pair.now, input, &mut out);
        let (outputs, _) = out.take();
        let answered = outputs.filter_map(|output| match output {
            Output::Answer {
                call,
                answer: Answer::Done,
            } => Some(call.0),
            _ => None,
        });
        assert_eq!(answered.collect::<Vec<_>>(), expected);
    }
}

fn set(path: &str, value: i64) -> Order {
    Order::Set {
        path: path.parse().unwrap(),
        value: Value::Integer(value),
    }
}

#[test]
fn a_registered_idle_device_is_small() {
    let mut pair = Pair::new(Version::V1_0, 86_400);
    pair.shared.remembers = false;
    let before = HELD.get();
    pair.device = Device::new("urn:dev:ops:32473-idle-0001", address(DEVICE), Seed::new(3));
    let (asked, answers) = (
        std::mem::take(&mut pair.asked),
        std::mem::take(&mut pair.answers),
    );
    drop((asked, answers));
    pair.order(Order::Register(Register::default()));
    pair.wait(seconds(300));
    (pair.asked, pair.answers) = (Vec::new(), Vec::new());
    pair.server = Endpoint::new(Seed::new(2));
    let heap = usize::try_from(HELD.get() - before).unwrap_or_default();
    let size = size_of::<Device>() + heap;
    assert_eq!(pair.device.shown().registrations[0].location, "/rd/5a3f");
    assert!(
        size <= 512,
        "{size} B: {} B and {heap} B on the heap",
        size_of::<Device>()
    );
}
