//! How devices are told apart on the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use twinproof_fleet::Addresses;
#[cfg(target_os = "linux")]
use twinproof_sockets::{Socket, most_files};

#[cfg(target_os = "linux")]
use crate::run::NoRun;
use crate::workload::Devices;

/// How many files this process has beside the sockets of devices, at most.
pub(crate) const OTHER_FILES: u64 = 64;

impl Devices {
    /// Their addresses; those of a block have this port.
    pub(crate) fn addresses(&self, port: u16) -> Addresses {
        match self.ports {
            None => Addresses::Block {
                first: self.first,
                port,
            },
            Some(first) => Addresses::Ports {
                address: self.first.into(),
                first,
            },
        }
    }

    /// The address of a device. The port means nothing where each has an address of its own.
    pub(crate) fn address(&self, member: u32) -> SocketAddr {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.addresses(0).of(member).unwrap_or(nowhere)
    }

    /// The device at an address.
    pub(crate) fn at(&self, at: SocketAddr) -> Option<u32> {
        self.addresses(at.port()).member(at, self.count)
    }

    /// Whether there are ports for all of them, if that is how they are told apart.
    ///
    /// # Errors
    ///
    /// When there are not; says how many there are.
    pub(crate) fn check_ports(&self) -> Result<(), String> {
        let Some(first) = self.ports else {
            return Ok(());
        };
        let room = self.addresses(0).room();
        match u64::from(self.count) > room || first == 0 {
            true => Err(format!(
                "devices.ports: {} devices need as many ports of {}, and there are {room} from {first} on (64512 at most, from \
                 1024 on, of which others may have some; the kernel gives 28232 from 32768 on to whoever asks): take fewer \
                 devices, or a block of addresses that is routed to this machine",
                self.count, self.first
            )),
            false => Ok(()),
        }
    }

    /// A socket, or as many as these devices need, and one for the operator of the server where it has another.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(&self, members: &Range<u32>, is_operated: bool) -> Result<Socket, NoRun> {
        let Some(first) = self.ports else {
            return Ok(Socket::open(0)?);
        };
        let count = members.end - members.start;
        let files = most_files()?;
        if u64::from(count) + OTHER_FILES > files {
            return Err(NoRun::Unfit(format!(
                "devices.ports: {count} devices need as many sockets, and this process may have {} (ulimit -Hn): take \
                 fewer devices, or more shards (--shard K/N)",
                files.saturating_sub(OTHER_FILES)
            )));
        }
        // Who has the last device has its port, as was looked at before.
        let first = u32::from(first).saturating_add(members.start);
        let first = u16::try_from(first).unwrap_or(u16::MAX);
        let socket = Socket::open_ports(self.first, first, count).map_err(|error| {
            NoRun::Unfit(format!(
                "devices.ports: {error}; expected ports that nobody else has, and an address of this machine"
            ))
        })?;
        Ok(match is_operated {
            true => socket.and_at(Ipv4Addr::LOCALHOST)?,
            false => socket,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_ports_of_one_address_or_addresses_of_a_block() {
        let mut devices = Devices::new(40);
        let block = devices.address(3);
        assert_eq!(devices.at(SocketAddr::new(block.ip(), 7)), Some(3));
        devices.ports = Some(20_000);
        let port = devices.address(3);
        assert_eq!(port, SocketAddr::from(([127, 1, 0, 1], 20_003)));
        assert_eq!(devices.at(port), Some(3));
        assert_eq!(devices.at("127.1.0.1:20040".parse().unwrap()), None);
        assert_eq!(devices.at("127.1.0.2:20003".parse().unwrap()), None);
        assert_eq!(devices.check_ports(), Ok(()));
        devices.count = 45_537;
        let why = devices.check_ports().unwrap_err();
        assert!(why.contains("there are 45536 from 20000 on"), "{why}");
    }
}
