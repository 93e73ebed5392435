// Clocks of processor time have no safe door in the standard library.
#![expect(unsafe_code, reason = "every block says why it holds")]

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long after the last look the two clocks are compared anew.
const FRESH: Duration = Duration::from_millis(50);

/// How often they are compared, of which the best counts.
const LOOKS: usize = 3;

/// The time since it was started, and the stamps of the kernel in the same time.
///
/// The kernel stamps by the clock of the day, which may be set while we run; how far it is from the one that
/// only goes on is therefore looked at again and again.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    /// What the clock of the day would have said then.
    day: Duration,
    /// When they were compared, since then.
    compared: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let began = Instant::now();
        let mut clock = Self {
            began,
            day: Duration::ZERO,
            compared: Duration::ZERO,
        };
        clock.compare();
        clock
    }

    /// How long ago it was started.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// When that was which the kernel has stamped so, since the clock was started; never later than `now`, which it
    /// has said after that.
    pub fn since_start(&mut self, stamp: Duration, now: Duration) -> Duration {
        if now.saturating_sub(self.compared) > FRESH {
            self.compare();
        }
        stamp.saturating_sub(self.day).min(now)
    }

    fn compare(&mut self) {
        // Between two looks at one clock there is one at the other: the closer those are, the better.
        let looks = (0..LOOKS).map(|_| {
            let before = self.began.elapsed();
            let day = SystemTime::now().duration_since(UNIX_EPOCH);
            let took = self.began.elapsed().saturating_sub(before);
            let began = day.unwrap_or_default().saturating_sub(before + took / 2);
            (took, began)
        });
        if let Some((_, began)) = looks.min() {
            self.day = began;
        }
        self.compared = self.now();
    }
}

/// How much processor time this thread has had.
///
/// # Errors
///
/// When the system does not say.
pub fn cpu_of_thread() -> io::Result<Duration> {
    cpu_of(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// How much processor time a process has had.
///
/// # Errors
///
/// When there is no such process, or the system does not say.
pub fn cpu_of_process(id: u32) -> io::Result<Duration> {
    let id = libc::pid_t::try_from(id).map_err(io::Error::other)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is that of a value in this frame.
    match unsafe { libc::clock_getcpuclockid(id, &raw mut clock) } {
        0 => cpu_of(clock),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn cpu_of(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is that of a value in this frame.
    match unsafe { libc::clock_gettime(clock, &raw mut time) } {
        0 => Ok(Duration::new(
            time.tv_sec.try_into().unwrap_or(0),
            time.tv_nsec.try_into().unwrap_or(0),
        )),
        _ => Err(io::Error::last_os_error()),
    }
}
