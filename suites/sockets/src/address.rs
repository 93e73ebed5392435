//! Addresses of either kind, as the kernel writes and reads them.

#![expect(
    unsafe_code,
    reason = "what the kernel says of a datagram lies behind pointers; every block says why they hold"
)]

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// Room for all that the kernel says about a datagram: where it was for, when it came, what was lost before.
pub(crate) const CONTROL: usize = 128;

/// Whose address it is, with room for one of either kind.
#[derive(Clone, Copy)]
pub(crate) union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    /// Nobody's.
    pub(crate) const NONE: Self = Self {
        v6: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// Writes an address, and says how long it is.
    pub(crate) fn write(&mut self, at: SocketAddr) -> libc::socklen_t {
        match at {
            SocketAddr::V4(at) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: at.port().to_be(),
                    sin_addr: in_addr(*at.ip()),
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(at) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: at.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: in6_addr(*at.ip()),
                    sin6_scope_id: at.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    /// The address that it is, if it is one.
    pub(crate) fn read(&self) -> Option<SocketAddr> {
        // SAFETY: each of its octets was written when it was made; both kinds begin with the family and have integers
        // alone, for which all octets are values.
        unsafe {
            match libc::c_int::from(self.v4.sin_family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr));
                    Some(SocketAddr::from((ip, u16::from_be(self.v4.sin_port))))
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    let port = u16::from_be(self.v6.sin6_port);
                    let at = SocketAddrV6::new(ip, port, 0, self.v6.sin6_scope_id);
                    Some(SocketAddr::V6(at))
                }
                _ => None,
            }
        }
    }
}

fn in_addr(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from(ip).to_be(),
    }
}

fn in6_addr(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr {
        s6_addr: ip.octets(),
    }
}

/// As aligned as what the kernel writes into it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(crate) struct Control(pub(crate) [u8; CONTROL]);

/// What the kernel said of a datagram.
#[derive(Default)]
pub(crate) struct Said {
    /// The address that it was for.
    pub(crate) at: Option<IpAddr>,
    /// When it came, since 1970.
    pub(crate) stamp: Option<Duration>,
    /// How many there was no room for before.
    pub(crate) lost: Option<u32>,
}

impl Control {
    /// Says from which address a datagram goes, and how much of it says that.
    pub(crate) fn write(&mut self, from: IpAddr) -> usize {
        match from {
            IpAddr::V4(from) => {
                let source = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr(from),
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.put((libc::IPPROTO_IP, libc::IP_PKTINFO), source)
            }
            IpAddr::V6(from) => {
                let source = libc::in6_pktinfo {
                    ipi6_addr: in6_addr(from),
                    ipi6_ifindex: 0,
                };
                self.put((libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), source)
            }
        }
    }

    /// Writes one entry, which has to be shorter than 100 octets.
    fn put<T: Copy>(&mut self, (level, kind): (libc::c_int, libc::c_int), data: T) -> usize {
        const { assert!(size_of::<T>() < 100) };
        let length = size_of::<T>() as libc::c_uint;
        // SAFETY: all of its fields are integers or pointers, for which zero is a value.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_control = self.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
        // SAFETY: the buffer is aligned as a `cmsghdr` is, and longer than one with less than 100 octets behind it, so
        // that the first header and its data are inside of it; the others compute lengths.
        unsafe {
            let entry = libc::CMSG_FIRSTHDR(&raw const header);
            (*entry).cmsg_level = level;
            (*entry).cmsg_type = kind;
            (*entry).cmsg_len = libc::CMSG_LEN(length) as usize;
            libc::CMSG_DATA(entry).cast::<T>().write_unaligned(data);
            libc::CMSG_SPACE(length) as usize
        }
    }

    /// Reads what the kernel said in so many octets.
    pub(crate) fn read(&self, length: usize) -> Said {
        let mut said = Said::default();
        // SAFETY: all of its fields are integers or pointers, for which zero is a value.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_control = self.0.as_ptr().cast_mut().cast();
        header.msg_controllen = length.min(CONTROL);
        // SAFETY: the header describes a buffer that lives as long as this call and is not written to; the macros stay
        // within its length, and so do the reads, which happen only after a look at the length of the entry.
        unsafe {
            let mut entry = libc::CMSG_FIRSTHDR(&raw const header);
            while !entry.is_null() {
                let kind = ((*entry).cmsg_level, (*entry).cmsg_type);
                let room = (*entry).cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(entry);
                match kind {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO)
                        if room >= size_of::<libc::in_pktinfo>() =>
                    {
                        let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        let ip = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                        said.at = Some(ip.into());
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                        if room >= size_of::<libc::in6_pktinfo>() =>
                    {
                        let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        said.at = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                    }
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS)
                        if room >= size_of::<libc::timespec>() =>
                    {
                        let at = data.cast::<libc::timespec>().read_unaligned();
                        let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
                        let nanos = u32::try_from(at.tv_nsec).unwrap_or(0);
                        said.stamp = Some(Duration::new(seconds, nanos));
                    }
                    (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if room >= size_of::<u32>() => {
                        said.lost = Some(data.cast::<u32>().read_unaligned());
                    }
                    _ => {}
                }
                entry = libc::CMSG_NXTHDR(&raw const header, entry);
            }
        }
        said
    }
}
