//! Which of many sockets have something.

#![expect(
    unsafe_code,
    reason = "epoll takes pointers; every block says why they hold"
)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use crate::socket::BATCH;

/// Looks at many sockets at once.
#[derive(Debug)]
pub struct Poll(OwnedFd);

impl Poll {
    /// One that looks at none yet.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn new() -> io::Result<Self> {
        // SAFETY: it takes no pointer.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given it to us, and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Looks at one more from now on, which has this number; until that is closed.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn add(&self, socket: &impl AsRawFd, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: number,
        };
        // SAFETY: the pointer is that of an event in this frame; the kernel copies it.
        let done = unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                socket.as_raw_fd(),
                &raw mut event,
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The numbers of those that have something, of as many as there is room for in a batch. Those that are left come the
    /// next time. It waits for the first of them, but no longer than this, in whole milliseconds.
    ///
    /// # Errors
    ///
    /// When the system says that something is wrong.
    pub fn wait(&self, most: Duration) -> io::Result<Vec<u32>> {
        let most = libc::c_int::try_from(most.as_millis()).unwrap_or(libc::c_int::MAX);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        // SAFETY: the pointer and the length are those of an array in this frame.
        let count = unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                BATCH as libc::c_int,
                most,
            )
        };
        match usize::try_from(count) {
            Ok(count) => Ok(events
                .iter()
                .take(count)
                .map(|event| event.u64 as u32)
                .collect()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
                error => Err(error),
            },
        }
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Lets this process have as many sockets as the system allows it, and says how many files that is.
///
/// # Errors
///
/// When the system does not say, or does not let us.
pub fn most_files() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is that of a value in this frame.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer is that of a value in this frame.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_max)
}
