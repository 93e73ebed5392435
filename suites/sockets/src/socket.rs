// The one place in the house where calls of the system are made by hand.
#![expect(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take pointers; every block says why they hold"
)]

use std::collections::BTreeMap;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use crate::address::{CONTROL, Control, Name};
use crate::poll::Poll;

/// How many datagrams go with one call; more at a time gain nothing on any machine that was measured.
pub const BATCH: usize = 64;

/// How long a datagram may be that is received, in octets. Longer ones are told to be cut.
pub const ROOM: usize = 2048;

/// How much the kernel is asked to keep for us in each direction, in octets.
const BUFFERS: usize = 4 << 20;

/// How many ports are tried until one is free for both kinds of addresses.
const TRIES: usize = 16;

/// A UDP socket for all addresses of the machine at one port, those of IPv4 or those of IPv6, or one for each of many ports
/// of an address.
#[derive(Debug)]
pub struct Socket {
    /// One for all addresses; or one for each port, in their order, and what was added.
    ends: Vec<End>,
    /// Says which of several have something.
    all: Option<Poll>,
}

/// What the kernel knows as a socket.
#[derive(Debug)]
struct End {
    inner: socket2::Socket,
    at: SocketAddr,
}

/// What one call of [`Socket::receive`] has brought.
pub struct Arrivals {
    buffers: Box<[[u8; ROOM]; BATCH]>,
    controls: Box<[Control; BATCH]>,
    senders: Box<[Name; BATCH]>,
    lengths: [(usize, usize, bool); BATCH],
    /// Which of several sockets each has come to, and at which port.
    ends: [(u32, u16); BATCH],
    count: usize,
    /// How many datagrams the kernel had no room for, since the sockets were opened: in all, and of each that had any.
    lost: u32,
    lost_of: BTreeMap<u32, u32>,
}

/// A datagram that has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The address that it was sent to.
    pub at: SocketAddr,
    /// Who sent it.
    pub from: SocketAddr,
    /// Its octets, at most [`ROOM`].
    pub bytes: &'a [u8],
    /// Whether it was longer.
    pub is_cut: bool,
    /// When the kernel received it, since 1970 by the clock of the machine; none if it does not say.
    pub stamp: Option<Duration>,
}

/// Datagrams that wait to be sent together.
#[derive(Debug, Default)]
pub struct Departures {
    bytes: Vec<u8>,
    items: Vec<Departure>,
}

#[derive(Clone, Copy, Debug)]
struct Departure {
    from: SocketAddr,
    to: SocketAddr,
    starts: usize,
    ends: usize,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Sent {
    /// How many datagrams the kernel took.
    pub sent: usize,
    /// How many it refused for good.
    pub refused: usize,
    /// Why it refused the first of them.
    pub why: Option<io::Error>,
    /// How often it had no room, and was waited for.
    pub waited: usize,
}

impl Socket {
    /// A socket for this port of all addresses of IPv4, or for any that is free if it is 0.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn open(port: u16) -> io::Result<Self> {
        Self::open_at((Ipv4Addr::UNSPECIFIED, port).into())
    }

    /// A socket for this port of all addresses of IPv6, or for any that is free if it is 0. It sends from whichever is
    /// wanted, as long as that is routed to this machine.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn open_v6(port: u16) -> io::Result<Self> {
        Self::open_at((Ipv6Addr::UNSPECIFIED, port).into())
    }

    /// A socket for a port of all addresses of IPv6 that is free at this address of IPv4, too, and for that.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn open_v6_and(address: Ipv4Addr) -> io::Result<Self> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let socket = Self::open_v6(0)?;
            let port = socket.port();
            match socket.and_at((address, port).into()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
                opened => return opened,
            }
        }
    }

    fn open_at(at: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            ends: vec![End::open(at)?],
            all: None,
        })
    }

    /// One for each of so many ports of an address, from `first` on.
    ///
    /// # Errors
    ///
    /// When there are not so many ports, the system has not so many sockets for this process, or somebody else has one of
    /// the ports.
    pub fn open_ports(address: IpAddr, first: u16, count: u32) -> io::Result<Self> {
        let ports = (u32::from(first)..).take(count as usize);
        let ends = ports.map(|port| {
            let port = u16::try_from(port).map_err(|_| {
                io::Error::other(format!("{count} ports from {first} on: 65535 is the last"))
            })?;
            End::open(SocketAddr::new(address, port)).map_err(|error| {
                let kind = error.kind();
                io::Error::new(kind, format!("the port {port} of {address}: {error}"))
            })
        });
        Self {
            ends: ends.collect::<io::Result<_>>()?,
            all: None,
        }
        .polled()
    }

    /// It with one more, at this address; at any port of it that is free if that is 0.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn and_at(mut self, at: SocketAddr) -> io::Result<Self> {
        self.ends.push(End::open(at)?);
        self.polled()
    }

    fn polled(mut self) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (number, end) in self.ends.iter().enumerate() {
            poll.add(&end.inner, number as u64)?;
        }
        self.all = Some(poll);
        Ok(self)
    }

    /// Its port; of several, that of the last.
    pub fn port(&self) -> u16 {
        self.ends.last().map_or(0, |end| end.at.port())
    }

    /// Whether its addresses are of IPv6; of several, those of the first.
    pub fn is_v6(&self) -> bool {
        self.ends.first().is_some_and(|end| end.at.is_ipv6())
    }

    /// How much the kernel keeps for it, received and to be sent, in octets; of several, for each.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn buffers(&self) -> io::Result<(usize, usize)> {
        let Some(end) = self.ends.first() else {
            return Ok((0, 0));
        };
        Ok((end.inner.recv_buffer_size()?, end.inner.send_buffer_size()?))
    }

    /// From which of several something goes that is to come from there.
    fn end_of(&self, from: SocketAddr) -> usize {
        let first = self.ends.first().map_or(0, |end| end.at.port());
        let place = usize::from(from.port().wrapping_sub(first));
        match self.ends.get(place) {
            Some(end) if end.is_for(from) => place,
            // Who has one port need not say which.
            _ => {
                let of_kind = self.ends.iter().rposition(|end| end.is_of_kind(from));
                of_kind.unwrap_or(self.ends.len().saturating_sub(1))
            }
        }
    }

    /// Takes what is there, without waiting, and says how many datagrams that is.
    ///
    /// # Errors
    ///
    /// When the system says that something is wrong with the socket.
    pub fn receive(&self, into: &mut Arrivals) -> io::Result<usize> {
        into.count = 0;
        let Some(all) = &self.all else {
            let end = self.ends.first();
            return end.map_or(Ok(0), |end| end.receive(0, into, BATCH));
        };
        // Each has its share of the batch, and what is left of it comes with the next.
        let ready = all.wait(Duration::ZERO)?;
        let share = BATCH / ready.len().max(1);
        for number in ready {
            if let Some(end) = self.ends.get(number as usize) {
                end.receive(number, into, share)?;
            }
        }
        Ok(into.count)
    }

    /// Sends all that waits, each datagram from the address that it says, and waits where the kernel has no
    /// room. What the kernel refuses is counted and left out.
    ///
    /// # Errors
    ///
    /// When the system does not let us wait.
    pub fn send(&self, batch: &mut Departures) -> io::Result<Sent> {
        let mut said = Sent::default();
        let mut done = 0;
        while done < batch.items.len() {
            let place = self.end_of(batch.items[done].from);
            let Some(end) = self.ends.get(place) else {
                break;
            };
            let most = batch.items.len().min(done + BATCH);
            let mut rest = batch.items[done..most].iter();
            let last = match self.all {
                None => most,
                Some(_) => rest
                    .position(|item| self.end_of(item.from) != place)
                    .map_or(most, |other| done + other),
            };
            match end.send_some(&mut batch.bytes, &batch.items[done..last]) {
                Ok(sent) => {
                    said.sent += sent;
                    done += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        || error.raw_os_error() == Some(libc::ENOBUFS) =>
                {
                    said.waited += 1;
                    wait_for(
                        end.inner.as_raw_fd(),
                        libc::POLLOUT,
                        Duration::from_millis(10),
                    )?;
                }
                Err(error) => {
                    // The first of those that were left is the one that it refuses.
                    said.refused += 1;
                    said.why.get_or_insert(error);
                    done += 1;
                }
            }
        }
        batch.items.clear();
        batch.bytes.clear();
        Ok(said)
    }

    /// Waits until something has arrived, but no longer than this. Says whether something has.
    ///
    /// # Errors
    ///
    /// When the system does not let us wait.
    pub fn wait(&self, most: Duration) -> io::Result<bool> {
        let one = self.ends.first().map(|end| end.inner.as_raw_fd());
        match self.all.as_ref().map(Poll::as_raw_fd).or(one) {
            Some(descriptor) => wait_for(descriptor, libc::POLLIN, most),
            None => Ok(false),
        }
    }
}

impl End {
    fn open(at: SocketAddr) -> io::Result<Self> {
        let inner =
            socket2::Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        // The kernel gives what its limits allow; whoever wants to know asks `buffers`.
        inner.set_recv_buffer_size(BUFFERS)?;
        inner.set_send_buffer_size(BUFFERS)?;
        let on: libc::c_int = 1;
        // What is routed here belongs to no interface, and IPv6 wants to be told that it may be sent from all the same.
        let of_kind: &[_] = match at {
            SocketAddr::V4(_) => &[(libc::IPPROTO_IP, libc::IP_PKTINFO)],
            SocketAddr::V6(_) => &[
                (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
                (libc::IPPROTO_IPV6, libc::IPV6_FREEBIND),
                (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
            ],
        };
        let of_both = [
            (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL),
        ];
        for (level, name) in of_kind.iter().copied().chain(of_both) {
            // SAFETY: the pointer and the length are those of `on`, which outlives the call.
            let done = unsafe {
                libc::setsockopt(
                    inner.as_raw_fd(),
                    level,
                    name,
                    (&raw const on).cast(),
                    mem::size_of_val(&on) as libc::socklen_t,
                )
            };
            if done != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        inner.bind(&at.into())?;
        let at = inner.local_addr()?.as_socket().unwrap_or(at);
        Ok(Self { inner, at })
    }

    /// Whether something goes from it that is to come from there.
    fn is_for(&self, from: SocketAddr) -> bool {
        self.at == from || self.at.ip().is_unspecified() && self.is_of_kind(from)
    }

    fn is_of_kind(&self, address: SocketAddr) -> bool {
        self.at.is_ipv4() == address.is_ipv4()
    }

    /// Takes so many at most of what is there, behind those that were taken before.
    fn receive(&self, number: u32, into: &mut Arrivals, most: usize) -> io::Result<usize> {
        let before = into.count;
        let most = most.min(BATCH - before);
        let mut vectors = [const { MaybeUninit::<libc::iovec>::zeroed() }; BATCH];
        // SAFETY: all of its fields are integers or pointers, for which zero is a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for (index, header) in (before..).zip(headers.iter_mut().take(most)) {
            let vector = vectors[index].write(libc::iovec {
                iov_base: into.buffers[index].as_mut_ptr().cast(),
                iov_len: ROOM,
            });
            header.msg_hdr.msg_name = (&raw mut into.senders[index]).cast();
            header.msg_hdr.msg_namelen = size_of::<Name>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = into.controls[index].0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL;
        }
        let count = loop {
            // SAFETY: each header points to a vector, a name and a control buffer of its own, with their true
            // lengths; all of them live in `into` or in this frame and are touched by nobody else meanwhile.
            let count = unsafe {
                libc::recvmmsg(
                    self.inner.as_raw_fd(),
                    headers.as_mut_ptr(),
                    most as libc::c_uint,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                )
            };
            match usize::try_from(count) {
                Ok(count) => break count,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
            }
        };
        for (index, header) in (before..).zip(headers.iter().take(count)) {
            into.ends[index] = (number, self.at.port());
            into.lengths[index] = (
                header.msg_len as usize,
                header.msg_hdr.msg_controllen,
                header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            );
        }
        into.count = before + count;
        Ok(count)
    }

    fn send_some(&self, bytes: &mut [u8], items: &[Departure]) -> io::Result<usize> {
        let ours = |item: &Departure| self.is_of_kind(item.from) && self.is_of_kind(item.to);
        let ours = items.iter().take_while(|item| ours(item)).count();
        let items = &items[..ours];
        if items.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an address of IPv4 and one of IPv6 do not reach each other",
            ));
        }
        let mut names = [Name::NONE; BATCH];
        // SAFETY: all of their fields are integers or pointers, for which zero is a value.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut controls = [Control([0; CONTROL]); BATCH];
        for (index, item) in items.iter().enumerate() {
            let octets = &mut bytes[item.starts..item.ends];
            vectors[index].iov_base = octets.as_mut_ptr().cast();
            vectors[index].iov_len = octets.len();
            let header = &mut headers[index].msg_hdr;
            header.msg_namelen = names[index].write(item.to);
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_controllen = controls[index].write(item.from.ip());
            header.msg_control = controls[index].0.as_mut_ptr().cast();
        }
        // SAFETY: the first `items.len()` headers point to names, vectors and control buffers in this frame, and
        // those to octets of `bytes`, all with their true lengths; there are at most `BATCH` items.
        let sent = unsafe {
            libc::sendmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                items.len().min(BATCH) as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Waits for something of a descriptor, but no longer than this. Says whether it has come.
fn wait_for(descriptor: RawFd, events: libc::c_short, most: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: descriptor,
        events,
        revents: 0,
    };
    let most = libc::timespec {
        tv_sec: most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: one `pollfd` and one `timespec`, both in this frame; no signal mask.
    let ready = unsafe { libc::ppoll(&raw mut poll, 1, &raw const most, std::ptr::null()) };
    match ready {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        ready => Ok(ready > 0),
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            buffers: Box::new([[0; ROOM]; BATCH]),
            controls: Box::new([Control([0; CONTROL]); BATCH]),
            senders: Box::new([Name::NONE; BATCH]),
            lengths: [(0, 0, false); BATCH],
            ends: [(0, 0); BATCH],
            count: 0,
            lost: 0,
            lost_of: BTreeMap::new(),
        }
    }
}

impl Arrivals {
    /// How many datagrams the kernel had no room for since the socket was opened, as far as those that have
    /// been looked at tell.
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Takes one of the last batch; none if there are not so many, or if the kernel does not say where it was for.
    pub fn take(&mut self, index: usize) -> Option<Arrival<'_>> {
        let (length, control, is_cut) = *self.lengths[..self.count].get(index)?;
        let said = self.controls[index].read(control);
        let (end, port) = self.ends[index];
        if let Some(lost) = said.lost.filter(|lost| *lost > 0) {
            let before = self.lost_of.insert(end, lost).unwrap_or(0);
            self.lost = self.lost.wrapping_add(lost.wrapping_sub(before));
        }
        Some(Arrival {
            at: SocketAddr::new(said.at?, port),
            from: self.senders[index].read()?,
            bytes: &self.buffers[index][..length.min(ROOM)],
            is_cut,
            stamp: said.stamp,
        })
    }
}

impl Departures {
    /// Adds a datagram. The port that it comes from means nothing to a socket that has one.
    pub fn push(&mut self, from: impl Into<SocketAddr>, to: impl Into<SocketAddr>, bytes: &[u8]) {
        let (from, to) = (from.into(), to.into());
        let starts = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let ends = self.bytes.len();
        self.items.push(Departure {
            from,
            to,
            starts,
            ends,
        });
    }

    /// How many datagrams wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
