//! What goes as most exchanges do leaves devices as they are packed; nobody can tell.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use twinproof_fleet::{Addresses, Fleet, Roster};
use twinproof_kernel::{CallId, Input, Outbox, Output, Rests as _, Role as _, Seed, Time};
use twinproof_lwm2m::device::rules::Standard;
use twinproof_lwm2m::device::{
    Answer, Device, Filling, Notify, NotifyWith, Order, Register, Shared, Update,
};
use twinproof_lwm2m::wire::{Path, Value, Version};

const MEMBERS: u32 = 3;
const GRAIN: u32 = 10;

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5683))
}

fn shared() -> Shared {
    devices(None, false)
}

/// Devices that say the number that they report at such length, and sleep three seconds after they have spoken, or do not.
fn devices(filling: Option<Filling>, sleeps: bool) -> Shared {
    let mut shared = Shared {
        remembers: false,
        ..Shared::new(Version::V1_1, 600, &[server()])
    };
    if sleeps {
        shared = shared.sleeping(600);
        shared.awake = Duration::from_secs(3);
    }
    if let Some(filling) = filling {
        let path = Path::new(&[3, 0, 10]).unwrap();
        shared.contents.fill(path, Value::Integer(15), filling);
    }
    shared.for_many()
}

/// The same, of devices that are taken up for all that happens: nobody knows that their decisions are those of the
/// standard.
fn unknown() -> Shared {
    taken_up(shared())
}

fn taken_up(shared: Shared) -> Shared {
    let shared = Shared {
        rules: Arc::new(Standard),
        ..shared
    };
    shared.for_many()
}

fn kind() -> impl Strategy<Value = Shared> {
    prop_oneof![
        4 => Just(None),
        2 => Just(Some(Filling::text(30..=900, 1))),
        // Some of that takes more than one block.
        1 => Just(Some(Filling::opaque(8..=2_000, 2))),
    ]
    .prop_flat_map(|filling| any::<bool>().prop_map(move |sleeps| devices(filling, sleeps)))
}

fn roster() -> Roster {
    let addresses = Addresses::Block {
        first: [127, 1, 0, 1].into(),
        port: 5683,
    };
    Roster::new(MEMBERS, addresses, "dev-", Seed::new(1)).unwrap()
}

/// Something that happens to a device.
#[derive(Clone, Copy, Debug)]
enum Act {
    Register,
    Update,
    /// Values are sent of this resource of the device: its battery, or its name.
    Send(u16),
    /// An update that says a life time.
    Tell,
    /// An answer to what it said last: code, options and payload.
    Answer(u8, &'static [u8]),
    /// The last answer again.
    Again,
    /// An answer under another message id, or another token.
    Stray(usize),
    /// The answer that was usual, from somebody else.
    Stranger,
    /// An acknowledgement without answer, or a Reset.
    Empty(u8),
    /// An answer in a message of its own.
    Separate,
    /// A request of the server.
    Read,
    /// The server observes how much memory is free.
    Observe,
    /// The server observes no more, or says so.
    Cancel,
    /// The device reports this number, now or when its server wants it.
    Report(i64),
    Due(i64),
    /// The server wants so many seconds between two reports.
    Pmin(u8),
    Garbage,
    /// So many milliseconds go by.
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Register),
        8 => Just(Act::Update),
        4 => prop_oneof![8 => Just(Act::Send(9)), 1 => Just(Act::Send(2))],
        1 => Just(Act::Tell),
        6 => Just(Act::Answer(0x41, b"\x82rd\x01x")),
        9 => Just(Act::Answer(0x44, b"")),
        1 => prop_oneof![
            Just(Act::Answer(0x41, b"")),
            Just(Act::Answer(0x41, b"\x82rd\x0d\x0fa-location-that-is-long-12345")),
            Just(Act::Answer(0x41, b"\x81\xff")),
            Just(Act::Answer(0x41, b"\x82rd\xff1")),
            Just(Act::Answer(0x44, b"\xd1\x0a1")),
            Just(Act::Answer(0x44, b"\xff1")),
            Just(Act::Answer(0x44, b"\x91x")),
            Just(Act::Answer(0x84, b"")),
            Just(Act::Answer(0x80, b"")),
            Just(Act::Answer(0xa3, b"\xd1\x01\x05")),
        ],
        1 => Just(Act::Again),
        1 => (2..6_usize).prop_map(Act::Stray),
        1 => Just(Act::Stranger),
        8 => Just(Act::Empty(0x60)),
        1 => Just(Act::Empty(0x70)),
        5 => Just(Act::Observe),
        1 => Just(Act::Cancel),
        9 => prop_oneof![0..3_i64, any::<i64>()].prop_map(Act::Report),
        5 => any::<i64>().prop_map(Act::Due),
        1 => (0..4_u8).prop_map(Act::Pmin),
        1 => Just(Act::Separate),
        1 => Just(Act::Read),
        1 => Just(Act::Garbage),
        4 => prop_oneof![8 => 0..4_000_u64, 1 => 0..300_000_u64, 1 => Just(250_000)].prop_map(Act::Wait),
    ]
}

/// Two fleets to which the same happens, and the same devices never packed at all.
struct Pair {
    fleets: [(Fleet<Device>, Shared); 2],
    awake: Vec<Device>,
    now: Time,
    /// What each member said last, and was answered last.
    said: [Vec<u8>; MEMBERS as usize],
    heard: [Vec<u8>; MEMBERS as usize],
    calls: u64,
}

/// What a device leaves: where it goes, and the octets; or an answer.
type Left = Vec<Result<(SocketAddr, SocketAddr, Vec<u8>), (CallId, Answer)>>;

/// The answer to an update that is taken.
fn taken(said: &[u8]) -> Vec<u8> {
    let token = usize::from(said[0] & 0x0f);
    [&[0x60 | said[0] & 0x0f, 0x44], &said[2..4 + token]].concat()
}

fn left(out: &mut Outbox<Answer>) -> Left {
    let (outputs, bytes) = out.take();
    let left = outputs.map(|output| match output {
        Output::Datagram { at, to, range } => Ok((at, to, bytes[range].to_vec())),
        Output::Answer { call, answer } => Err((call, answer)),
        other => panic!("{other:?}"),
    });
    let left = left.collect();
    out.clear();
    left
}

impl Pair {
    fn new() -> Self {
        Self::of(shared())
    }

    fn of(shared: Shared) -> Self {
        let awake = (0..MEMBERS).map(|member| {
            let (roster, mut name) = (roster(), String::new());
            let who = roster.identity(member, &mut name).unwrap();
            Device::new(who.name, who.at, who.seed)
        });
        Self {
            fleets: [shared.clone(), taken_up(shared)]
                .map(|shared| (Fleet::new(roster(), GRAIN), shared)),
            awake: awake.collect(),
            now: Time::from_micros(1 << GRAIN),
            said: Default::default(),
            heard: Default::default(),
            calls: 0,
        }
    }

    fn act(&mut self, member: u32, act: Act) {
        let place = member as usize;
        let said = &self.said[place];
        let head = match said.get(..4) {
            Some(head) => [head[0], head[1], head[2], head[3]],
            None => [0x40, 0, 0, 0],
        };
        let token = said
            .get(4..4 + usize::from(head[0] & 0x0f))
            .unwrap_or_default();
        let answer = |ty: u8, code: u8, behind: &[u8]| {
            [
                &[ty | token.len() as u8, code, head[2], head[3]],
                token,
                behind,
            ]
            .concat()
        };
        let mut from = server();
        let datagram = match act {
            Act::Register => return self.order(member, Order::Register(Register::default())),
            Act::Update => return self.order(member, Order::Update(Update::default())),
            Act::Send(resource) => {
                let paths = Path::new(&[3, 0, resource]).into_iter().collect();
                return self.order(member, Order::Send { server: 0, paths });
            }
            Act::Report(number) | Act::Due(number) => {
                let value = Value::Integer(number);
                let notify = Notify {
                    server: 0,
                    path: Path::new(&[3, 0, 10]).unwrap(),
                    with: match act {
                        Act::Due(_) => NotifyWith::Due(value),
                        _ => NotifyWith::Confirmed(value),
                    },
                };
                return self.order(member, Order::Notify(notify));
            }
            Act::Tell => {
                let query = vec!["lt=900".to_owned()];
                let how = Update {
                    query,
                    ..Update::default()
                };
                return self.order(member, Order::Update(how));
            }
            Act::Wait(millis) => return self.wait(Duration::from_millis(millis)),
            Act::Answer(code, behind) => answer(0x60, code, behind),
            Act::Again => self.heard[place].clone(),
            Act::Stray(at) => {
                let mut answer = answer(0x60, 0x44, b"");
                answer.get_mut(at).into_iter().for_each(|octet| *octet ^= 1);
                answer
            }
            Act::Stranger => {
                from = SocketAddr::from(([127, 0, 0, 9], 5683));
                answer(0x60, 0x44, b"")
            }
            Act::Empty(ty) => vec![ty, 0, head[2], head[3]],
            Act::Separate => [&[0x40 | token.len() as u8, 0x44, 9, head[3]], token].concat(),
            Act::Read => [&[0x41, 1, 7, head[3], 5], &b"\xb13\x010\x010"[..]].concat(),
            Act::Observe => [&[0x41, 1, 7, head[3], 5], &b"\x60\x513\x010\x0210"[..]].concat(),
            Act::Cancel => [&[0x41, 1, 8, head[3], 5], &b"\x61\x01\x513\x010\x0210"[..]].concat(),
            Act::Pmin(seconds) => [
                &[0x41, 3, 10 + seconds, head[3], 5],
                &b"\xb13\x010\x0210\x46pmin="[..],
                &[b'0' + seconds],
            ]
            .concat(),
            Act::Garbage => vec![0x44, 0x44],
        };
        self.heard[place].clone_from(&datagram);
        let now = self.now;
        let left = self.fleets.each_mut().map(|(fleet, shared)| {
            let (mut out, at) = (Outbox::default(), fleet.roster().address(member).unwrap());
            let heard = fleet.hear(shared, now, (at, from, &datagram), &mut out);
            assert_eq!(heard, Some(member));
            left(&mut out)
        });
        let at = self.fleets[0].0.roster().address(member).unwrap();
        let bytes = &datagram;
        let plain = self.plainly(member, Input::Datagram { at, from, bytes });
        assert_eq!(left[0], plain);
        self.compare(member, left);
    }

    fn order(&mut self, member: u32, order: Order) {
        self.calls += 1;
        let (now, call) = (self.now, CallId(self.calls));
        let left = self.fleets.each_mut().map(|(fleet, shared)| {
            let (mut out, order) = (Outbox::default(), order.clone());
            fleet.handle(shared, member, now, Input::Order { call, order }, &mut out);
            left(&mut out)
        });
        let plain = self.plainly(member, Input::Order { call, order });
        assert_eq!(left[0], plain);
        self.compare(member, left);
    }

    /// What a device does that is never packed.
    fn plainly(&mut self, member: u32, input: Input<'_, Order>) -> Left {
        let mut out = Outbox::default();
        let (_, shared) = &self.fleets[1];
        self.awake[member as usize].handle(shared, self.now, input, &mut out);
        left(&mut out)
    }

    /// Lets time go by in steps in which everybody who is due is woken.
    fn wait(&mut self, span: Duration) {
        let end = (self.now + span).as_micros().next_multiple_of(1 << GRAIN);
        loop {
            let next = self
                .fleets
                .each_ref()
                .map(|(fleet, _)| fleet.next_deadline());
            let next = next.into_iter().flatten().min();
            let next = next.map_or(end, |at| at.as_micros().next_multiple_of(1 << GRAIN));
            self.now = self.now.max(Time::from_micros(next.min(end)));
            let now = self.now;
            let woken = self.fleets.each_mut().map(|(fleet, shared)| {
                let mut woken: Vec<(u32, Left)> = Vec::new();
                let mut out = Outbox::default();
                while let Some(member) = fleet.wake(shared, now, &mut out) {
                    woken.push((member, left(&mut out)));
                }
                woken.sort_by_key(|(member, _)| *member);
                woken
            });
            let [one, other] = woken;
            assert_eq!(one, other);
            for member in 0..MEMBERS {
                let of = one.iter().filter(|(woken, _)| *woken == member);
                let packed: Left = of.flat_map(|(_, left)| left.clone()).collect();
                let mut plain = Vec::new();
                while self.awake[member as usize]
                    .next_deadline()
                    .is_some_and(|at| at <= now)
                {
                    plain.extend(self.plainly(member, Input::Wake));
                }
                assert_eq!(packed, plain);
            }
            for (member, left) in one {
                self.compare(member, [left.clone(), left]);
            }
            if now.as_micros() >= end {
                return;
            }
        }
    }

    fn compare(&mut self, member: u32, left: [Left; 2]) {
        let [one, other] = left;
        assert_eq!(one, other);
        let datagrams = one.into_iter().flatten();
        if let Some((.., bytes)) = datagrams.last() {
            self.said[member as usize] = bytes;
        }
        self.compare_all();
    }

    fn compare_all(&self) {
        for member in 0..MEMBERS {
            let [one, other] = self.fleets.each_ref().map(|(fleet, shared)| {
                let at = fleet.roster().address(member).unwrap();
                let look = |device: &Device| {
                    let packed = device.pack(shared, at);
                    let deadline = device.next_deadline();
                    format!("{packed:?} {deadline:?} {:?}", device.shown())
                };
                let is_packed = fleet.is_packed(member);
                let seen = fleet.look(shared, member, look);
                (seen, is_packed, fleet.deadline(member), fleet.sizes())
            });
            assert_eq!(one, other);
        }
    }

    /// Lets a member update so often, and looks at it only at the end. Says how many updates had answers.
    fn rush(&mut self, member: u32, updates: u32) -> u32 {
        let mut answered = 0;
        for _ in 0..updates {
            self.calls += 1;
            let (now, call) = (self.now, CallId(self.calls));
            let left = self.fleets.each_mut().map(|(fleet, shared)| {
                let (mut out, order) = (Outbox::default(), Order::Update(Update::default()));
                fleet.handle(shared, member, now, Input::Order { call, order }, &mut out);
                let mut all = left(&mut out);
                if let [Ok((at, to, said))] = all.as_slice() {
                    let (at, from) = (*at, *to);
                    let answer = taken(said);
                    fleet.hear(shared, now, (at, from, &answer), &mut out);
                    all.extend(left(&mut out));
                }
                all
            });
            let [one, other] = left;
            assert_eq!(one, other);
            let order = Order::Update(Update::default());
            let mut plain = self.plainly(member, Input::Order { call, order });
            if let [Ok((at, from, said))] = plain.as_slice() {
                let (at, from, answer) = (*at, *from, taken(said));
                let bytes = &answer;
                plain.extend(self.plainly(member, Input::Datagram { at, from, bytes }));
            }
            assert_eq!(one, plain);
            answered += u32::from(one.len() == 2);
        }
        self.compare_all();
        answered
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_tell_who_was_taken_up(
        acts in prop::collection::vec((0..MEMBERS, act()), 1..120),
        kind in kind(),
    ) {
        let mut pair = Pair::of(kind);
        for (member, act) in acts {
            pair.act(member, act);
        }
        // What is under way then comes to its end, and what the devices do by themselves.
        pair.wait(Duration::from_secs(900));
    }
}

#[test]
fn message_ids_are_watched_in_runs_all_the_same() {
    let mut pair = Pair::new();
    pair.act(0, Act::Register);
    pair.act(0, Act::Answer(0x41, b"\x82rd\x01x"));
    assert_eq!(pair.rush(0, 1_022), 1_022);
    for _ in 0..3 {
        pair.act(0, Act::Update);
        pair.act(0, Act::Answer(0x44, b""));
    }
    assert!(pair.fleets[0].0.is_packed(0));
}

#[test]
fn no_message_id_is_taken_again_before_its_time_and_each_is_after_it() {
    let mut pair = Pair::new();
    pair.act(0, Act::Register);
    pair.act(0, Act::Answer(0x41, b"\x82rd\x01x"));
    assert_eq!(pair.rush(0, 2_047), 2_047);
    pair.act(0, Act::Wait(100_000));
    assert_eq!(pair.rush(0, 70_000), 65_536 - 2_048, "all are taken");
    pair.act(0, Act::Wait(146_000));
    assert_eq!(
        pair.rush(0, 10),
        0,
        "a run is not free before its last id is"
    );
    pair.act(0, Act::Wait(2_000));
    assert_eq!(pair.rush(0, 2_100), 2_048, "two runs are free again");
    assert!(pair.fleets[0].0.is_packed(0));
    pair.act(0, Act::Wait(250_000));
    assert_eq!(
        pair.rush(0, 2_000),
        2_000,
        "what was quiet for so long begins anew"
    );
}

#[test]
fn who_is_observed_rests_between_reports() {
    let mut pair = Pair::new();
    pair.act(0, Act::Register);
    pair.act(0, Act::Answer(0x41, b"\x82rd\x01x"));
    pair.act(0, Act::Observe);
    assert!(pair.fleets[0].0.is_packed(0));
    for number in 0..1_100 {
        pair.act(0, Act::Report(number));
        assert!(!pair.fleets[0].0.is_packed(0));
        pair.act(0, Act::Empty(0x60));
        assert!(pair.fleets[0].0.is_packed(0));
    }
    pair.act(0, Act::Update);
    pair.act(0, Act::Answer(0x44, b""));
    pair.act(0, Act::Wait(250_000));
    pair.act(0, Act::Report(7));
    pair.act(0, Act::Empty(0x60));
    assert!(pair.fleets[0].0.is_packed(0));
    // What is not confirmed is repeated, and at last ends the observation.
    pair.act(0, Act::Report(8));
    pair.act(0, Act::Wait(200_000));
    pair.act(0, Act::Report(9));
}

#[test]
fn devices_are_left_as_they_are_packed_in_most_exchanges_and_only_by_the_standard() {
    let paths = Path::new(&[3, 0, 9]).into_iter().collect();
    let orders = [
        Order::Register(Register::default()),
        Order::Send { server: 0, paths },
    ];
    for (order, (shared, is_usual)) in orders
        .iter()
        .flat_map(|order| [(order, (shared(), true)), (order, (unknown(), false))])
    {
        let (roster, mut name) = (roster(), String::new());
        let at = roster.address(0).unwrap();
        let mut out = Outbox::default();
        let packed = Default::default();
        let usual = Device::begin(
            &shared,
            &packed,
            at,
            || roster.identity(0, &mut name),
            Time::ZERO,
            order,
            &mut out,
        );
        assert_eq!(
            (usual.is_some(), out.bytes().is_empty()),
            (is_usual, !is_usual),
            "{order:?}"
        );
    }
}

#[test]
fn who_says_much_rests_as_small_as_who_says_little() {
    let path = Path::new(&[3, 0, 10]).unwrap();
    let filling = Filling::text(900..=900, 1);
    let mut pair = Pair::of(devices(Some(filling), false));
    pair.act(0, Act::Register);
    pair.act(0, Act::Answer(0x41, b"\x82rd\x01x"));
    pair.act(0, Act::Observe);
    for number in [7, 8] {
        pair.act(0, Act::Due(number));
        let said = &pair.said[0];
        let Value::String(text) = filling.said(&number.to_string()) else {
            panic!("text is text");
        };
        assert!(said.ends_with(text.as_bytes()), "{path}: {said:?}");
        pair.act(0, Act::Empty(0x60));
        assert!(pair.fleets[0].0.is_packed(0));
    }
}

#[test]
fn who_sleeps_hears_nothing_until_it_has_spoken_again() {
    let mut pair = Pair::of(devices(None, true));
    let answers = |pair: &mut Pair| {
        pair.said[0].clear();
        pair.act(0, Act::Read);
        !pair.said[0].is_empty()
    };
    pair.act(0, Act::Register);
    pair.act(0, Act::Answer(0x41, b"\x82rd\x01x"));
    pair.act(0, Act::Wait(4_000));
    assert!(!answers(&mut pair));
    // While it waits for an answer it listens, however long that takes.
    pair.act(0, Act::Update);
    pair.act(0, Act::Wait(10_000));
    pair.act(0, Act::Answer(0x44, b""));
    pair.act(0, Act::Wait(2_000));
    assert!(answers(&mut pair));
    pair.act(0, Act::Wait(4_000));
    assert!(!answers(&mut pair));
}
