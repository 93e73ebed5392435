//! What a number of devices needs of this machine, and whether it is there.

mod dtls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use std::{fs, io};

use twinproof_fleet::{Addresses, Fleet, Roster};
use twinproof_judge::profile::Span;
use twinproof_kernel::{CallId, Input, Outbox, Output, Seed, Time};
use twinproof_lwm2m::device::{Device, Shared};
use twinproof_sockets::most_files;

use crate::apart::OTHER_FILES;
use crate::devices::{Devices, shared};
use crate::floor::{Round, floor, write_answer};
use crate::generator::Traffic as _;
use crate::jury::EXCHANGE_LIFETIME;
use crate::run::NoRun;
use crate::workload::{Operation, Stage, Workload};

pub use dtls::Association;

/// Which share of what the generator can do at most is asked of it, so that it is seldom late.
const SHARE: f64 = 0.7;

/// What the kernel keeps for a socket with nothing in it, in octets.
const SOCKET: u64 = 2_560;

/// How many devices are awakened to see what one takes.
const SAMPLE: u32 = 8_192;

/// Devices that are measured go on until that is over.
const LONG: Span = Span::from_secs(86_400);

/// What a fleet is asked to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// How many devices.
    pub devices: u32,
    /// The address of the first.
    pub first: IpAddr,
    /// The port of the first, if all have its address and each a port of its own.
    pub ports: Option<u16>,
    /// For how long their registrations hold, each of which is renewed once in that time.
    pub lifetime: Duration,
    /// How many operations per second are wanted beside that.
    pub rate: f64,
}

/// What devices and operations take on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// A device at rest, in octets.
    pub packed: u64,
    /// A device that has just been answered, in octets.
    pub awake: u64,
    /// Processor time for an operation, in microseconds.
    pub each_us: f64,
    /// What an association takes, if devices come over DTLS.
    pub association: Option<Association>,
}

/// What this machine has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Machine {
    /// How much memory may be had, in octets; none if the system does not say.
    pub memory: Option<u64>,
    /// How many sockets this process may have; none if the system does not say.
    pub sockets: Option<u64>,
}

/// What is needed, and what of it is missing.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Plan {
    /// How many devices.
    pub devices: u32,
    /// The addresses that they have, the first and the last; none if there are not so many.
    pub addresses: Option<[IpAddr; 2]>,
    /// How long the longest prefix of IPv6 is, in bits, that has all of them, if they are of IPv6.
    pub prefix: Option<u32>,
    /// The ports that they have of the first address, the first and the last, if that is how they are told apart and there are
    /// so many.
    pub ports: Option<[u16; 2]>,
    /// How many addresses, or ports, there are from the first one on.
    pub room: u64,
    /// Memory of associations, in octets, which is part of that at rest.
    pub associations: u64,
    /// Memory at rest, in octets.
    pub at_rest: u64,
    /// Memory while they work at that rate, in octets.
    pub at_work: u64,
    /// How much memory may be had, in octets.
    pub memory: Option<u64>,
    /// Operations per second that keep them registered.
    pub upkeep: f64,
    /// Operations per second in all.
    pub rate: f64,
    /// Operations per second that one generator should be asked for on this machine.
    pub ceiling: f64,
    /// How long it takes until all are registered, in seconds.
    pub registers_in: f64,
    /// What is missing, and what helps; nothing if nothing is.
    pub missing: Vec<String>,
}

/// Holds what is asked for against what there is.
pub fn plan(asked: &Asked, costs: &Costs, machine: &Machine) -> Plan {
    let Asked { devices, first, .. } = *asked;
    let fleet = crate::workload::Devices {
        first,
        ports: asked.ports,
        ..crate::workload::Devices::new(devices)
    };
    // Where the port lies does not matter to how many addresses there are.
    let addresses = fleet.addresses(1);
    let room = addresses.room();
    let last = devices.checked_sub(1).and_then(|last| addresses.of(last));
    let block = last.map(|last| [first, last.ip()]);
    let prefix = match block {
        Some([IpAddr::V6(first), IpAddr::V6(last)]) => {
            Some((u128::from(first) ^ u128::from(last)).leading_zeros())
        }
        _ => None,
    };
    let last_port = last.map(|last| last.port());
    let ports = asked
        .ports
        .zip(last_port)
        .map(|(first, last)| [first, last]);
    let upkeep = f64::from(devices) / asked.lifetime.as_secs_f64().max(1.0);
    let rate = upkeep + asked.rate;
    let ceiling = SHARE * 1e6 / costs.each_us;
    let awake = (rate * EXCHANGE_LIFETIME.as_secs_f64()).min(f64::from(devices)) as u64;
    let each = costs
        .association
        .map_or(0, |association| association.octets);
    let associations = u64::from(devices) * each;
    let sockets = asked.ports.map_or(0, |_| u64::from(devices) * SOCKET);
    let at_rest = u64::from(devices) * costs.packed + associations + sockets;
    let at_work = at_rest + awake * costs.awake.saturating_sub(costs.packed);
    let mut missing = Vec::new();
    let mut shards = 1;
    let shakes_us = costs.association.map_or(0.0, |one| one.handshake_us);
    if let Err(why) = fleet.check_ports() {
        missing.push(why);
    } else if let Some(most) = machine
        .sockets
        .filter(|most| asked.ports.is_some() && u64::from(devices) > *most)
    {
        shards = shards.max(u64::from(devices).div_ceil(most.max(1)));
        missing.push(format!(
            "sockets: {devices} ports need as many, and a process may have {most} (ulimit -Hn)"
        ));
    }
    if block.is_none() && asked.ports.is_none() {
        let lower = Ipv4Addr::new(127, 0, 0, 2);
        let reaches = Addresses::Block {
            first: lower,
            port: 1,
        };
        let is_enough = reaches.room() >= u64::from(devices);
        let helps = match first {
            IpAddr::V4(first) if first.is_loopback() && is_enough => {
                format!("begin at {lower}: --first {lower}")
            }
            IpAddr::V6(Ipv6Addr::LOCALHOST) => {
                "of IPv6, loopback has one alone: take ports of it (--ports), or a prefix that is routed to this machine"
                    .to_owned()
            }
            _ => "take fewer devices, or a larger block that is routed to this machine".to_owned(),
        };
        missing.push(format!(
            "addresses: {devices} are needed and there are {room} from {first} on; {helps}"
        ));
    }
    if let Some(memory) = machine.memory.filter(|memory| at_work > *memory) {
        shards = shards.max(at_work.div_ceil(memory.max(1)));
        let short = at_work - memory;
        missing.push(format!("memory: {} more", octets(short)));
    }
    if rate > ceiling {
        shards = shards.max((rate / ceiling).ceil() as u64);
        missing.push(format!(
            "rate: {rate:.0}/s are needed, and a generator on this machine should not be asked for more than {ceiling:.0}/s"
        ));
    }
    if shards > 1 {
        missing.push(format!(
            "what memory, sockets or rate lack, {shards} machines like this one have: --shard 0/{shards} to {}/{shards} share a \
             workload among them",
            shards - 1
        ));
    }
    Plan {
        devices,
        addresses: block,
        prefix,
        ports,
        room,
        associations,
        at_rest,
        at_work,
        memory: machine.memory,
        upkeep,
        rate,
        ceiling,
        registers_in: f64::from(devices) * (1.0 / ceiling + shakes_us / (SHARE * 1e6)),
        missing,
    }
}

/// So many octets as people say it.
pub fn octets(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// Finds out what devices that do this take on this machine, in a second or so.
///
/// # Errors
///
/// When the system takes sockets or clocks away, or does not say how much memory this process has.
pub fn costs(workload: &Workload, operation: Operation, dtls: bool) -> Result<Costs, NoRun> {
    let measured = Workload {
        devices: crate::workload::Devices::new(256),
        mix: [(operation, 1)].into(),
        every: [].into(),
        stages: vec![Stage {
            from: None,
            rate: 0.0,
            span: LONG,
        }],
        ..workload.clone()
    };
    let association = dtls.then(dtls::association).transpose()?;
    let (packed, awake) = memory(&measured)?;
    let floors = floor(&measured, 3, Duration::from_millis(400))?;
    let rounds = Round::together(&floors);
    let mut times: Vec<f64> = rounds.iter().map(|round| round.ours_us).collect();
    times.sort_by(f64::total_cmp);
    Ok(Costs {
        packed,
        awake,
        each_us: times[times.len() / 2],
        association,
    })
}

/// What there is.
pub fn machine() -> Machine {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Machine {
        memory: kib.map(|kib| kib * 1024),
        sockets: most_files()
            .ok()
            .map(|files| files.saturating_sub(OTHER_FILES)),
    }
}

/// What a device takes at rest, and after it was answered.
fn memory(workload: &Workload) -> Result<(u64, u64), NoRun> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 5683));
    let shared = shared(workload, server);
    let addresses = Addresses::Block {
        first: Ipv4Addr::new(127, 1, 0, 1),
        port: 1,
    };
    let roster = Roster::new(SAMPLE, addresses, "dev-", Seed::new(0)).map_err(NoRun::Room)?;
    let mut fleet = Fleet::<Device>::new(roster, 10);
    let packed = fleet.sizes().packed as u64;
    let mut out = Outbox::default();
    // The first ones wake up what is there once for all of them.
    for member in 0..SAMPLE / 8 {
        register(&mut fleet, &shared, member, &mut out);
    }
    let before = resident()?;
    for member in SAMPLE / 8..SAMPLE {
        register(&mut fleet, &shared, member, &mut out);
    }
    let each = resident()?.saturating_sub(before) / u64::from(SAMPLE - SAMPLE / 8);
    Ok((packed, packed + each))
}

fn register(
    fleet: &mut Fleet<Device>,
    shared: &Shared,
    member: u32,
    out: &mut Outbox<DeviceAnswer>,
) {
    let order = Devices::default().order(Operation::Register, 0);
    let call = CallId(u64::from(member));
    fleet.handle(
        shared,
        member,
        Time::ZERO,
        Input::Order { call, order },
        out,
    );
    let mut answer = Vec::new();
    let (outputs, bytes) = out.take();
    let sent = outputs.into_iter().find_map(|output| match output {
        Output::Datagram { at, to, range } => Some((at, to, range)),
        _ => None,
    });
    let answers = sent.filter(|(.., range)| write_answer(&bytes[range.clone()], &mut answer));
    let route = answers.map(|(at, to, _)| (at, to));
    out.clear();
    if let Some((at, to)) = route {
        fleet.hear(shared, Time::ZERO, (at, to, &answer), out);
        out.clear();
    }
}

type DeviceAnswer = <Device as twinproof_kernel::Role>::Answer;

/// How much memory this process has, in octets.
pub(crate) fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("the system does not say how much memory this process has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        packed: 80,
        awake: 4_080,
        each_us: 7.0,
        association: None,
    };

    const ROOM: Machine = Machine {
        memory: Some(8_000_000_000),
        sockets: Some(20_000),
    };

    fn asked(devices: u32) -> Asked {
        Asked {
            devices,
            first: [127, 1, 0, 1].into(),
            ports: None,
            lifetime: Duration::from_secs(86_400),
            rate: 0.0,
        }
    }

    #[test]
    fn a_million_fit_here() {
        let plan = plan(&asked(1_000_000), &COSTS, &ROOM);
        assert_eq!(plan.missing, [] as [String; 0]);
        let last = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + 999_999);
        let last = IpAddr::V4(last);
        assert_eq!(plan.addresses.unwrap()[1], last);
        assert_eq!(plan.at_rest, 80_000_000);
        assert!((plan.upkeep - 11.574).abs() < 0.001);
        // Who speaks in 247 s is awake.
        assert_eq!(plan.at_work, 80_000_000 + 2_858 * 4_000);
        assert!((plan.ceiling - 100_000.0).abs() < 1e-6);
        assert!((plan.registers_in - 10.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_missing_is_said_with_what_helps() {
        let many = plan(&asked(16_750_000), &COSTS, &ROOM);
        assert!(many.addresses.is_none());
        assert!(many.missing[0].contains("--first 127.0.0.2"), "{many:?}");
        let far = Asked {
            first: [255, 255, 255, 0].into(),
            ..asked(1_000)
        };
        let far = plan(&far, &COSTS, &ROOM);
        assert!(far.missing[0].contains("there are 255"), "{far:?}");
        let small = Machine {
            memory: Some(100_000_000),
            ..ROOM
        };
        let wide = plan(&asked(2_000_000), &COSTS, &small);
        assert!(wide.missing[0].starts_with("memory: "), "{wide:?}");
        assert!(wide.missing[1].contains("2 machines"), "{wide:?}");
        let fast = Asked {
            rate: 250_000.0,
            ..asked(1_000)
        };
        let fast = plan(&fast, &COSTS, &ROOM);
        assert!(fast.missing[0].starts_with("rate: 250000/s"), "{fast:?}");
        assert!(fast.missing[1].contains("3 machines"), "{fast:?}");
    }

    #[test]
    fn a_prefix_has_room_for_all_and_the_loopback_of_it_for_one() {
        let from = |first: &str, devices| Asked {
            first: first.parse().unwrap(),
            ..asked(devices)
        };
        let wide = plan(&from("2001:db8::1", 1_000_000), &COSTS, &ROOM);
        assert_eq!(wide.missing, [] as [String; 0]);
        let last: IpAddr = "2001:db8::f:4240".parse().unwrap();
        assert_eq!((wide.addresses.unwrap()[1], wide.prefix), (last, Some(108)));
        let narrow = plan(&from("::1", 2), &COSTS, &ROOM);
        assert_eq!(narrow.addresses, None);
        assert!(
            narrow.missing[0].contains("there are 1 from ::1"),
            "{narrow:?}"
        );
        assert!(narrow.missing[0].contains("--ports"), "{narrow:?}");
        assert_eq!(
            plan(&from("::1", 1), &COSTS, &ROOM).missing,
            [] as [String; 0]
        );
    }

    #[test]
    fn ports_and_associations_are_counted() {
        let ported = |devices| Asked {
            ports: Some(20_000),
            ..asked(devices)
        };
        let fits = plan(&ported(19_000), &COSTS, &ROOM);
        assert_eq!(fits.missing, [] as [String; 0]);
        assert_eq!(fits.ports, Some([20_000, 38_999]));
        assert_eq!(fits.at_rest, 19_000 * (80 + SOCKET));
        let many = plan(&ported(40_000), &COSTS, &ROOM);
        assert!(many.missing[0].starts_with("sockets: 40000"), "{many:?}");
        assert!(many.missing[1].contains("2 machines"), "{many:?}");
        let beyond = plan(&ported(50_000), &COSTS, &ROOM);
        assert!(beyond.missing[0].contains("there are 45536"), "{beyond:?}");
        let sealed = Costs {
            association: Some(Association {
                octets: 2_000,
                handshake_us: 70.0,
            }),
            ..COSTS
        };
        let sealed = plan(&asked(1_000_000), &sealed, &ROOM);
        assert_eq!(sealed.associations, 2_000_000_000);
        assert_eq!(sealed.at_rest, 2_080_000_000);
        // Ten for the registrations, and a hundred for the handshakes.
        assert!((sealed.registers_in - 110.0).abs() < 1e-6);
    }

    #[test]
    fn octets_are_said_as_people_say_them() {
        for (count, says) in [
            (80, "80 B"),
            (82_000_000, "82.0 MB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(octets(count), says);
        }
    }
}
