//! What LwM2M devices do for a workload.

use std::net::SocketAddr;

use twinproof_kernel::Role;
use twinproof_lwm2m::device::{
    Answer, Device, Notify, NotifyWith, Order, Register, Shared, Update,
};
use twinproof_lwm2m::upper;
use twinproof_lwm2m::wire::{Entry, Path, Value, Version};

use crate::generator::Traffic;
use crate::measure::Outcome;
use crate::workload::{Operation, Workload};

/// LwM2M devices with one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Devices;

/// What devices report: how much memory is free, which may be any number.
const REPORTED: [u16; 3] = [3, 0, 10];

/// What is read of devices: the serial number, which is the name of the device.
const READ: [u16; 3] = [3, 0, 2];

/// What no device holds before it reports, nor anything below.
const FIRST: i64 = 1_000_000;

fn path(ids: [u16; 3]) -> Path {
    Path::new(&ids).unwrap_or(Path::ROOT)
}

/// Where devices have what they report.
#[cfg(target_os = "linux")]
pub(crate) fn reported_path() -> Path {
    path(REPORTED)
}

/// The value of the report with this number.
pub(crate) fn reported(number: u64) -> i64 {
    FIRST.saturating_add_unsigned(number)
}

/// The number of the report that says these values, if devices of ours said them.
pub(crate) fn report_in(values: &[Entry]) -> Option<u64> {
    let entry = values.iter().find(|entry| entry.path == path(REPORTED))?;
    let number = entry.value.as_ref()?.number()? as i64;
    u64::try_from(number.checked_sub(FIRST)?).ok()
}

/// The name that is read of a device, if that is what these values are.
pub(crate) fn name_in(values: &[Entry]) -> Option<&str> {
    let entry = values.iter().find(|entry| entry.path == path(READ))?;
    match entry.value.as_ref()? {
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// What the devices of a workload have in common, with their server at this address.
pub fn shared(workload: &Workload, server: SocketAddr) -> Shared {
    let sends = workload.operations().any(|one| one == Operation::Send);
    let version = match sends {
        true => Version::V1_1,
        false => Version::V1_0,
    };
    let lifetime = workload.devices.lifetime.duration().as_secs();
    let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX);
    let shared = Shared {
        remembers: false,
        ..Shared::new(version, lifetime, &[server])
    };
    shared.for_many()
}

impl Traffic for Devices {
    type Role = Device;

    fn order(&self, operation: Operation, number: u64) -> <Device as Role>::Order {
        match operation {
            Operation::Notify => Order::Notify(Notify {
                server: 0,
                path: path(REPORTED),
                with: NotifyWith::Confirmed(Value::Integer(reported(number))),
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
                paths: Path::new(&[3, 0, 9]).into_iter().collect(),
            },
            Operation::Update => Order::Update(Update::default()),
        }
    }

    fn asks(&self, operation: Operation, endpoint: &str) -> Option<upper::Operation> {
        (operation == Operation::Read).then(|| upper::Operation::Read {
            endpoint: endpoint.to_owned(),
            path: path(READ),
            accept: None,
        })
    }

    fn prepares(&self, endpoint: &str) -> upper::Operation {
        upper::Operation::Observe {
            endpoint: endpoint.to_owned(),
            path: path(REPORTED),
            accept: None,
        }
    }

    fn told(&self, operation: Operation, endpoint: &str, answer: &upper::Answer) -> Outcome {
        match answer {
            upper::Answer::Reply(reply) if !reply.code.is_success() => {
                Outcome::Refused(reply.code.to_string())
            }
            upper::Answer::Reply(reply) if operation == Operation::Read => {
                match name_in(&reply.values) {
                    Some(name) if name == endpoint => Outcome::Answered,
                    Some(_) => Outcome::Refused(format!("{} of another device", reply.code)),
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
