// The one place in the house where calls of the system are made by hand.
#![expect(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take pointers; every block says why they hold"
)]

use std::collections::BTreeMap;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use crate::poll::Poll;

/// How many datagrams go with one call; more at a time gain nothing on any machine that was measured.
pub const BATCH: usize = 64;

/// How long a datagram may be that is received, in octets. Longer ones are told to be cut.
pub const ROOM: usize = 2048;

/// How much the kernel is asked to keep for us in each direction, in octets.
const BUFFERS: usize = 4 << 20;

/// Room for all that the kernel says about a datagram: where it was for, when it came, what was lost before.
const CONTROL: usize = 128;

/// A UDP socket for all IPv4 addresses of the machine at one port, or one for each of many ports of an address.
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
    at: SocketAddrV4,
}

/// What one call of [`Socket::receive`] has brought.
pub struct Arrivals {
    buffers: Box<[[u8; ROOM]; BATCH]>,
    controls: Box<[Control; BATCH]>,
    senders: Box<[libc::sockaddr_in; BATCH]>,
    lengths: [(usize, usize, bool); BATCH],
    /// Which of several sockets each has come to, and at which port.
    ends: [(u32, u16); BATCH],
    count: usize,
    /// How many datagrams the kernel had no room for, since the sockets were opened: in all, and of each that had any.
    lost: u32,
    lost_of: BTreeMap<u32, u32>,
}

/// As aligned as what the kernel writes into it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// A datagram that has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The address that it was sent to.
    pub at: SocketAddrV4,
    /// Who sent it.
    pub from: SocketAddrV4,
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
    from: SocketAddrV4,
    to: SocketAddrV4,
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
    /// A socket for this port, or for any that is free if it is 0.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn open(port: u16) -> io::Result<Self> {
        let end = End::open(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
        Ok(Self {
            ends: vec![end],
            all: None,
        })
    }

    /// One for each of so many ports of an address, from `first` on.
    ///
    /// # Errors
    ///
    /// When there are not so many ports, the system has not so many sockets for this process, or somebody else has one of
    /// the ports.
    pub fn open_ports(address: Ipv4Addr, first: u16, count: u32) -> io::Result<Self> {
        let ports = (u32::from(first)..).take(count as usize);
        let ends = ports.map(|port| {
            let port = u16::try_from(port).map_err(|_| {
                io::Error::other(format!("{count} ports from {first} on: 65535 is the last"))
            })?;
            End::open(SocketAddrV4::new(address, port)).map_err(|error| {
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

    /// It with one more, at any port of this address that is free.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn and_at(mut self, address: Ipv4Addr) -> io::Result<Self> {
        self.ends.push(End::open(SocketAddrV4::new(address, 0))?);
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
    fn end_of(&self, from: SocketAddrV4) -> usize {
        let last = self.ends.len().saturating_sub(1);
        let first = self.ends.first().map_or(0, |end| end.at.port());
        let place = usize::from(from.port().wrapping_sub(first));
        match self.ends.get(place) {
            Some(end) if end.at == from => place,
            _ => last,
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
        let ready = all.ready()?;
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
    fn open(at: SocketAddrV4) -> io::Result<Self> {
        let inner = socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        // The kernel gives what its limits allow; whoever wants to know asks `buffers`.
        inner.set_recv_buffer_size(BUFFERS)?;
        inner.set_send_buffer_size(BUFFERS)?;
        let on: libc::c_int = 1;
        for (level, name) in [
            (libc::IPPROTO_IP, libc::IP_PKTINFO),
            (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL),
        ] {
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
        let at = inner.local_addr()?.as_socket_ipv4().unwrap_or(at);
        Ok(Self { inner, at })
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
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
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
        // SAFETY: all of their fields are integers or pointers, for which zero is a value.
        let (mut names, mut vectors, mut headers): (
            [libc::sockaddr_in; BATCH],
            [libc::iovec; BATCH],
            [libc::mmsghdr; BATCH],
        ) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        let mut controls = [Control([0; CONTROL]); BATCH];
        for (index, item) in items.iter().enumerate() {
            names[index].sin_family = libc::AF_INET as libc::sa_family_t;
            names[index].sin_port = item.to.port().to_be();
            names[index].sin_addr.s_addr = u32::from(*item.to.ip()).to_be();
            let octets = &mut bytes[item.starts..item.ends];
            vectors[index].iov_base = octets.as_mut_ptr().cast();
            vectors[index].iov_len = octets.len();
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = controls[index].0.as_mut_ptr().cast();
            // SAFETY: it computes a length.
            header.msg_controllen =
                unsafe { libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as u32) } as usize;
            let source = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from(*item.from.ip()).to_be(),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            // SAFETY: the control buffer is aligned as a `cmsghdr` is and longer than one with an `in_pktinfo`, so
            // that the first header and its data are inside of it.
            unsafe {
                let control = libc::CMSG_FIRSTHDR(header);
                (*control).cmsg_level = libc::IPPROTO_IP;
                (*control).cmsg_type = libc::IP_PKTINFO;
                (*control).cmsg_len = libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as u32) as usize;
                libc::CMSG_DATA(control)
                    .cast::<libc::in_pktinfo>()
                    .write_unaligned(source);
            }
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
            // SAFETY: all of its fields are integers, for which zero is a value.
            senders: Box::new(unsafe { mem::zeroed() }),
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
        let said = read(&self.controls[index], control);
        let (end, port) = self.ends[index];
        if let Some(lost) = said.lost.filter(|lost| *lost > 0) {
            let before = self.lost_of.insert(end, lost).unwrap_or(0);
            self.lost = self.lost.wrapping_add(lost.wrapping_sub(before));
        }
        let sender = &self.senders[index];
        let from = Ipv4Addr::from(u32::from_be(sender.sin_addr.s_addr));
        Some(Arrival {
            at: SocketAddrV4::new(said.at?, port),
            from: SocketAddrV4::new(from, u16::from_be(sender.sin_port)),
            bytes: &self.buffers[index][..length.min(ROOM)],
            is_cut,
            stamp: said.stamp,
        })
    }
}

#[derive(Default)]
struct Said {
    at: Option<Ipv4Addr>,
    stamp: Option<Duration>,
    lost: Option<u32>,
}

/// Reads what the kernel said of a datagram.
fn read(control: &Control, length: usize) -> Said {
    let mut said = Said::default();
    // SAFETY: all of its fields are integers or pointers, for which zero is a value.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_control = control.0.as_ptr().cast_mut().cast();
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
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if room >= size_of::<libc::in_pktinfo>() => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    said.at = Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)));
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

impl Departures {
    /// Adds a datagram. The port that it comes from means nothing to a socket that has one.
    pub fn push(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8]) {
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
