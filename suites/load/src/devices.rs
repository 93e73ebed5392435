//! What LwM2M devices do for a workload.

use std::net::SocketAddr;

use twinproof_kernel::Role;
use twinproof_lwm2m::device::{
    Answer, Device, Filling, Notify, NotifyWith, Order, Register, Shared, Update,
};
use twinproof_lwm2m::model::TEST_OBJECT;
use twinproof_lwm2m::upper;
use twinproof_lwm2m::wire::{Entry, Path, Value, Version};

use crate::generator::Traffic;
use crate::measure::Outcome;
use crate::payload::Format;
use crate::workload::{Operation, Workload};

/// LwM2M devices with one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Devices {
    /// How values are said, if at length, and whether they are octets that are no text.
    filling: Option<(Filling, bool)>,
}

/// What devices report: how much memory is free, which may be any number.
const REPORTED: [u16; 3] = [3, 0, 10];

/// What is read of devices: the serial number, which is the name of the device.
const READ: [u16; 3] = [3, 0, 2];

/// What is sent unasked: how full the battery is.
const SENT: [u16; 3] = [3, 0, 9];

/// The resources of the test object that hold text, and octets that are no text, of any length.
const TEXT: u16 = 12;
const OCTETS: u16 = 5;

/// What no device holds before it reports, nor anything below.
const FIRST: i64 = 1_000_000;

fn path(ids: [u16; 3]) -> Path {
    Path::new(&ids).unwrap_or(Path::ROOT)
}

/// The number that the report with this number says.
pub(crate) fn reported(number: u64) -> i64 {
    FIRST.saturating_add_unsigned(number)
}

impl Devices {
    /// Those of a workload.
    pub fn of(workload: &Workload) -> Self {
        let filling = workload
            .payload
            .map(|payload| (payload.filling(workload.seed), payload.is_opaque()));
        Self { filling }
    }

    /// Where devices have what they report.
    pub(crate) fn reported_path(&self) -> Path {
        self.filled(0).unwrap_or_else(|| path(REPORTED))
    }

    /// Where devices have what is read of them.
    pub(crate) fn read_path(&self) -> Path {
        self.filled(1).unwrap_or_else(|| path(READ))
    }

    fn sent_path(&self) -> Path {
        self.filled(1).unwrap_or_else(|| path(SENT))
    }

    /// Where devices have a value that is said at length: the first they report, and the second says who they are.
    fn filled(&self, instance: u16) -> Option<Path> {
        let resource = |(_, is_opaque)| if is_opaque { OCTETS } else { TEXT };
        let resource = self.filling.map(resource)?;
        Some(path([TEST_OBJECT, instance, resource]))
    }

    /// The number of the report that says these values, if devices of ours said them, and what else is wrong with them.
    pub(crate) fn report_in(&self, values: &[Entry]) -> Option<(u64, Option<String>)> {
        let value = self.value_in(values, self.reported_path())?;
        let (number, wrong) = match self.filling {
            Some((filling, _)) => {
                let held = Filling::held(value)?;
                (held.parse().ok()?, differs(&filling.said(held), value))
            }
            None => (value.number()? as i64, None),
        };
        Some((u64::try_from(number.checked_sub(FIRST)?).ok()?, wrong))
    }

    /// Whether these values are what devices report, in words that are not theirs: nothing can be said of them.
    pub(crate) fn is_foreign(&self, values: &[Entry]) -> bool {
        let value = self.value_in(values, self.reported_path());
        let is_opaque = self.filling.is_some_and(|(_, is_opaque)| is_opaque);
        is_opaque && matches!(value, Some(Value::String(_)))
    }

    /// What is wrong with these values if they were read of the device with this name; nothing where its value is not among
    /// them.
    pub(crate) fn misread(&self, values: &[Entry], name: &str) -> Option<Result<(), String>> {
        let value = self.value_in(values, self.read_path())?;
        Some(match (self.filling, value) {
            (Some((filling, _)), value) => match Filling::held(value) {
                Some(held) if held == name => {
                    differs(&filling.said(held), value).map_or(Ok(()), Err)
                }
                Some(held) => Err(format!("{held:?}")),
                None => return None,
            },
            (None, Value::String(got)) if got == name => Ok(()),
            (None, Value::String(got)) => Err(format!("{got:?}")),
            (None, _) => return None,
        })
    }

    fn value_in<'v>(&self, values: &'v [Entry], path: Path) -> Option<&'v Value> {
        let entry = values.iter().find(|entry| entry.path == path)?;
        entry.value.as_ref()
    }
}

/// What is wrong with a value that begins as it should.
fn differs(expected: &Value, got: &Value) -> Option<String> {
    let octets = |value: &Value| match value {
        Value::Opaque(octets) => octets.clone(),
        Value::String(text) => text.clone().into_bytes(),
        _ => Vec::new(),
    };
    let (expected, got) = (octets(expected), octets(got));
    if expected == got {
        return None;
    }
    let (length, most) = (got.len(), expected.len());
    Some(match length == most {
        true => format!("{most} octets, of which some are others"),
        false => format!("{length} octets of {most}"),
    })
}

/// What the devices of a workload have in common, with their server at this address.
pub fn shared(workload: &Workload, server: SocketAddr) -> Shared {
    let sends = workload.operations().any(|one| one == Operation::Send);
    let format = workload.payload.and_then(|payload| payload.format);
    let since = format.map_or(Version::V1_0, Format::since);
    let version = match sends {
        true => Version::V1_1.max(since),
        false => since,
    };
    let lifetime = workload.devices.lifetime.duration().as_secs();
    let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX);
    let mut shared = Shared {
        remembers: false,
        speaks: format.map(Format::number),
        ..Shared::new(version, lifetime, &[server])
    };
    if let Some(awake) = workload.devices.awake() {
        shared = shared.sleeping(lifetime);
        shared.awake = awake;
    }
    let devices = Devices::of(workload);
    if let Some((filling, _)) = devices.filling {
        let name = Value::String("{endpoint}".to_owned());
        let contents = &mut shared.contents;
        contents.fill(devices.reported_path(), Value::Integer(0), filling);
        contents.fill(devices.read_path(), name, filling);
    }
    shared.for_many()
}

impl Traffic for Devices {
    type Role = Device;

    fn order(&self, operation: Operation, number: u64) -> <Device as Role>::Order {
        match operation {
            Operation::Notify => Order::Notify(Notify {
                server: 0,
                path: self.reported_path(),
                with: NotifyWith::Due(Value::Integer(reported(number))),
            }),
            // Who is read is not told to do anything; its server is. What other devices do, none of these is told.
            Operation::DmSession
            | Operation::Fanout
            | Operation::FanoutDevice
            | Operation::Handshake
            | Operation::Read
            | Operation::Register
            | Operation::Twinning => Order::Register(Register::default()),
            Operation::Send => Order::Send {
                server: 0,
                paths: vec![self.sent_path()],
            },
            Operation::Update => Order::Update(Update::default()),
        }
    }

    fn asks(&self, operation: Operation, endpoint: &str) -> Option<upper::Operation> {
        (operation == Operation::Read).then(|| upper::Operation::Read {
            endpoint: endpoint.to_owned(),
            path: self.read_path(),
            accept: None,
        })
    }

    fn prepares(&self, endpoint: &str) -> upper::Operation {
        upper::Operation::Observe {
            endpoint: endpoint.to_owned(),
            path: self.reported_path(),
            accept: None,
        }
    }

    fn told(&self, operation: Operation, endpoint: &str, answer: &upper::Answer) -> Outcome {
        match answer {
            upper::Answer::Reply(reply) if !reply.code.is_success() => {
                Outcome::Refused(reply.code.to_string())
            }
            upper::Answer::Reply(reply) if operation == Operation::Read => {
                match self.misread(&reply.values, endpoint) {
                    Some(Ok(())) => Outcome::Answered,
                    Some(Err(_)) => Outcome::Refused(format!("{} of another value", reply.code)),
                    None => Outcome::Refused(format!("{} without the value", reply.code)),
                }
            }
            upper::Answer::Done | upper::Answer::Reply(_) => Outcome::Answered,
            upper::Answer::Timeout => Outcome::Lost,
            upper::Answer::Refused(why) | upper::Answer::Unsupported(why) => {
                Outcome::Refused(why.clone())
            }
            upper::Answer::Clients(_)
            | upper::Answer::Events { .. }
            | upper::Answer::Kept { .. } => {
                Outcome::Refused("the operator was told something else".to_owned())
            }
        }
    }

    fn farewell(&self) -> Option<Order> {
        Some(Order::Deregister { server: 0 })
    }

    fn outcome(&self, operation: Operation, answer: &Answer) -> Outcome {
        match answer {
            Answer::Response(response) if response.code.is_success() => Outcome::Answered,
            Answer::Response(response) => Outcome::Refused(response.code.to_string()),
            Answer::Reset => Outcome::Refused("reset".to_owned()),
            Answer::NoAnswer => Outcome::Lost,
            Answer::Impossible(why) => Outcome::Impossible(why.clone()),
            Answer::Done if operation == Operation::Notify => Outcome::Answered,
            Answer::Done => Outcome::Impossible("there was nothing to answer".to_owned()),
        }
    }
}
