//! Devices that are as most are take no memory for a report, however much it says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_fleet::{Addresses, Fleet, Roster};
use twinproof_kernel::{CallId, Input, Outbox, Output, Seed, Time};
use twinproof_lwm2m::device::{
    Device, Filling, Notify, NotifyWith, Order, Register, Shared, Update,
};
use twinproof_lwm2m::wire::{Path, Value, Version};

/// Counts how often a thread asks for memory, and the octets that it holds.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is.
#[expect(unsafe_code, reason = "an allocator cannot be had otherwise")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
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

const MEMBERS: u32 = 512;

struct World {
    fleet: Fleet<Device>,
    shared: Shared,
    out: Outbox<<Device as twinproof_kernel::Role>::Answer>,
    now: Time,
}

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5683))
}

fn path() -> Path {
    Path::new(&[3, 0, 10]).unwrap()
}

impl World {
    /// Devices that are registered and observed.
    fn new(filling: Option<Filling>, sleeps: bool) -> Self {
        let mut shared = Shared {
            remembers: false,
            ..Shared::new(Version::V1_1, 86_400, &[server()])
        };
        if sleeps {
            shared = shared.sleeping(86_400);
        }
        if let Some(filling) = filling {
            shared.contents.fill(path(), Value::Integer(0), filling);
        }
        let addresses = Addresses::Block {
            first: [127, 1, 0, 1].into(),
            port: 5683,
        };
        let roster = Roster::new(MEMBERS, addresses, "dev-", Seed::new(1)).unwrap();
        let mut world = Self {
            fleet: Fleet::new(roster, 10),
            shared: shared.for_many(),
            out: Outbox::default(),
            now: Time::from_micros(1 << 10),
        };
        for member in 0..MEMBERS {
            world.order(
                member,
                Order::Register(Register::default()),
                b"\x82rd\x01x",
                0x41,
            );
            let at = world.fleet.roster().address(member).unwrap();
            let observe = b"\x41\x01\x07\x07\x05\x60\x513\x010\x0210";
            let datagram = (at, server(), &observe[..]);
            world
                .fleet
                .hear(&world.shared, world.now, datagram, &mut world.out);
            world.out.clear();
        }
        world
    }

    /// Has a device do something, and answers that as is usual. Says how long its datagram is.
    fn order(&mut self, member: u32, order: Order, behind: &[u8], code: u8) -> usize {
        let input = Input::Order {
            call: CallId(0),
            order,
        };
        self.fleet
            .handle(&self.shared, member, self.now, input, &mut self.out);
        let (mut answer, mut length, mut route) = ([0; 32], 0, None);
        let (outputs, bytes) = self.out.take();
        for output in outputs {
            if let Output::Datagram { at, to, range } = output {
                let said = &bytes[range.clone()];
                let token = if code == 0 {
                    0
                } else {
                    usize::from(said[0] & 0x0f)
                };
                answer[0] = 0x60 | token as u8;
                answer[1] = code;
                answer[2..4 + token].copy_from_slice(&said[2..4 + token]);
                answer[4 + token..4 + token + behind.len()].copy_from_slice(behind);
                length = range.len();
                route = Some((at, to, 4 + token + behind.len()));
            }
        }
        self.out.clear();
        if let Some((at, to, end)) = route {
            let datagram = (at, to, &answer[..end]);
            self.fleet
                .hear(&self.shared, self.now, datagram, &mut self.out);
            self.out.clear();
        }
        length
    }

    fn report(&mut self, member: u32, number: i64) -> usize {
        let notify = Notify {
            server: 0,
            path: path(),
            with: NotifyWith::Due(Value::Integer(number)),
        };
        self.order(member, Order::Notify(notify), b"", 0)
    }
}

#[test]
fn a_report_of_any_length_asks_for_no_memory_and_leaves_none_behind() {
    // What is there once for all is there before anything is counted.
    drop(World::new(None, false));
    let mut held = Vec::new();
    for (filling, sleeps, least) in [
        (None, false, 10),
        (Some(Filling::text(800..=800, 1)), false, 800),
        (Some(Filling::opaque(50..=800, 1)), false, 50),
        (Some(Filling::text(400..=400, 1)), true, 400),
    ] {
        let before = HELD.get();
        let mut world = World::new(filling, sleeps);
        // What was answered when it was observed is forgotten once it cannot be asked again (EXCHANGE_LIFETIME).
        world.now = world.now + Duration::from_secs(250);
        for member in (0..2 * MEMBERS).map(|number| number % MEMBERS) {
            world.report(member, 1_000_000 + i64::from(member));
        }
        assert_eq!(world.fleet.sizes().awake, 0);
        held.push((HELD.get() - before) / MEMBERS as isize);
        let asked = ASKED.get();
        for number in 0..2_000 {
            let length = world.report(number % MEMBERS, 2_000_000 + i64::from(number));
            assert!(length > least, "{length}");
        }
        assert_eq!(ASKED.get() - asked, 0, "{filling:?}, {sleeps}");
        let update = Order::Update(Update::default());
        world.order(7, update, b"", 0x44);
        assert_eq!(world.fleet.sizes().awake, 0);
    }
    // What is said is nowhere in memory: tables that have grown to the same size differ by what is rounded.
    let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
    assert!(most - least < 40 && *most <= 512 + 96, "{held:?}");
}
