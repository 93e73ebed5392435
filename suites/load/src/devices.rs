//! What LwM2M devices do for a workload.

use std::net::SocketAddr;

use twinproof_kernel::Role;
use twinproof_lwm2m::device::{Answer, Device, Order, Register, Shared, Update};
use twinproof_lwm2m::wire::{Path, Version};

use crate::generator::Traffic;
use crate::measure::Outcome;
use crate::workload::{Operation, Workload};

/// LwM2M devices with one server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Devices;

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

    fn order(&self, operation: Operation) -> <Device as Role>::Order {
        match operation {
            Operation::Register => Order::Register(Register::default()),
            Operation::Send => Order::Send {
                server: 0,
                paths: Path::new(&[3, 0, 9]).into_iter().collect(),
            },
            Operation::Update => Order::Update(Update::default()),
        }
    }

    fn outcome(&self, _: Operation, answer: &Answer) -> Outcome {
        match answer {
            Answer::Response(response) if response.code.is_success() => Outcome::Answered,
            Answer::Response(response) => Outcome::Refused(response.code.to_string()),
            Answer::Reset => Outcome::Refused("reset".to_owned()),
            Answer::NoAnswer => Outcome::Lost,
            Answer::Impossible(why) => Outcome::Impossible(why.clone()),
            Answer::Done => Outcome::Impossible("there was nothing to answer".to_owned()),
        }
    }
}
