//! How devices are told apart on the network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
            None => match self.first {
                IpAddr::V4(first) => Addresses::Block { first, port },
                IpAddr::V6(first) => Addresses::Prefix { first, port },
            },
            Some(first) => Addresses::Ports {
                address: self.first,
                first,
            },
        }
    }

    /// Whether devices can have addresses from that on.
    ///
    /// # Errors
    ///
    /// When nobody can have the first; says what was expected.
    pub(crate) fn check_first(&self) -> Result<(), String> {
        let is_for_one = match self.first {
            IpAddr::V4(first) => {
                !first.is_unspecified() && !first.is_multicast() && !first.is_broadcast()
            }
            // An address that holds on one cable alone would have to be said with that.
            IpAddr::V6(first) => {
                !first.is_unspecified()
                    && !first.is_multicast()
                    && !first.is_unicast_link_local()
                    && first.to_ipv4_mapped().is_none()
            }
        };
        match is_for_one {
            true => Ok(()),
            false => Err(format!(
                "devices.first: expected an address of IPv4 or IPv6 that a device can have everywhere, got {}",
                self.first
            )),
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
            return match self.first {
                IpAddr::V4(_) => Ok(Socket::open(0)?),
                IpAddr::V6(_) => self.open_v6(members, is_operated),
            };
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
            true => socket.and_at((Ipv4Addr::LOCALHOST, 0).into())?,
            false => socket,
        })
    }

    /// A socket for addresses of IPv6, and for the operator of the server beside it, who is heard over IPv4.
    #[cfg(target_os = "linux")]
    fn open_v6(&self, members: &Range<u32>, is_operated: bool) -> Result<Socket, NoRun> {
        let ends = [members.start, members.end.saturating_sub(1)];
        let ends = ends.map(|member| self.addresses(0).of(member).map(|at| at.ip()));
        // Whether there are so many is looked at elsewhere.
        if let [Some(first), Some(last)] = ends
            && let Some(strange) = [first, last].into_iter().find(|ip| !is_routed_here(*ip))
        {
            return Err(NoRun::Unfit(format!(
                "devices.first: the addresses from {first} to {last} have to be routed to this machine as its own, and {strange} is \
                 not: expected something like ip -6 route add local PREFIX dev lo"
            )));
        }
        Ok(match is_operated {
            true => Socket::open_v6_and(Ipv4Addr::LOCALHOST)?,
            false => Socket::open_v6(0)?,
        })
    }
}

/// Where the kernel says which prefixes of IPv6 it has routes for.
#[cfg(target_os = "linux")]
const ROUTES: &str = "/proc/net/ipv6_route";

/// Whether an address of IPv6 is one of this machine's own. It may be sent from in any case, which others might not like.
#[cfg(target_os = "linux")]
fn is_routed_here(ip: IpAddr) -> bool {
    // Where the system does not say, nothing is known of it.
    std::fs::read_to_string(ROUTES)
        .map_or(true, |routes| routes.lines().any(|route| is_own(route, ip)))
}

/// Whether a line of the kernel's says that an address is of a prefix of this machine's own.
#[cfg(target_os = "linux")]
fn is_own(route: &str, ip: IpAddr) -> bool {
    /// The kernel's `RTF_LOCAL`.
    const LOCAL: u32 = 0x8000_0000;
    let words: Vec<&str> = route.split_whitespace().collect();
    let [prefix, length, .., flags, _] = words[..] else {
        return false;
    };
    let (Ok(prefix), Ok(length), Ok(flags), IpAddr::V6(ip)) = (
        u128::from_str_radix(prefix, 16),
        u32::from_str_radix(length, 16),
        u32::from_str_radix(flags, 16),
        ip,
    ) else {
        return false;
    };
    // Of a prefix without any length all addresses are.
    let differs = (prefix ^ u128::from(ip)).checked_shr(128 - length.min(128));
    flags & LOCAL != 0 && differs.unwrap_or(0) == 0
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

    #[test]
    fn devices_have_addresses_of_a_prefix() {
        let mut devices = Devices::new(70_000);
        devices.first = "2001:db8::1".parse().unwrap();
        let far = devices.address(69_999);
        assert_eq!(far.ip(), "2001:db8::1:1170".parse::<IpAddr>().unwrap());
        assert_eq!(devices.at(SocketAddr::new(far.ip(), 9)), Some(69_999));
        assert_eq!(devices.check_first(), Ok(()));
        for first in [
            "::",
            "ff02::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            devices.first = first.parse().unwrap();
            let why = devices.check_first().unwrap_err();
            assert!(why.contains(first), "{why}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_what_is_routed_here_is_ours() {
        let line = |prefix, length, flags| {
            format!(
                "{prefix} {length} {} 00 {} 00000400 00000001 00000000 {flags}       lo",
                "0".repeat(32),
                "0".repeat(32)
            )
        };
        let ours = line("20010db8000000000000000000000000", "40", "80000001");
        let theirs = line("20010db8000000000000000000000000", "40", "00000001");
        let all = line("00000000000000000000000000000000", "00", "80000001");
        let is_own = |route: &str, ip: &str| is_own(route, ip.parse().unwrap());
        assert!(is_own(&ours, "2001:db8::5"));
        assert!(!is_own(&ours, "2001:db8:0:1::5"));
        assert!(!is_own(&theirs, "2001:db8::5"));
        assert!(is_own(&all, "fd00::1"));
        assert!(!is_own("", "fd00::1"));
        assert!(is_routed_here("::1".parse().unwrap()));
        assert!(!is_routed_here("2001:db8:ffff::1".parse().unwrap()));
    }
}
