//! What a system takes while it is under load, second by second: of a process of this machine, or as the system tells it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use twinproof_load::{Measures, Phase, Report, Taken, cpu_of_process};

use crate::problem::Problem;

/// How often a system is asked that tells it, and how long it may take.
const OFTEN: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of what it tells is read, in octets.
const MOST: u64 = 4 << 20;

/// Which part of the time between two moments at which it was asked may be doubtful.
const DOUBT: f64 = 0.1;

/// What a system has taken up to some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sample {
    /// Processor time, in seconds, since it began.
    cpu: Option<f64>,
    /// Memory, in octets.
    memory: Option<u64>,
}

/// What was seen, not before a moment and not longer after it than that.
type Seen = (Instant, Duration, Sample);

/// Looks at a system.
enum Source {
    Process(u32),
    /// The last that it told.
    Told(Arc<Mutex<Option<Seen>>>),
}

/// Looks at a system again and again.
pub(super) struct Gauge {
    source: Source,
    /// What was seen first in the stages, and last.
    first: Option<Sample>,
    last: Option<Seen>,
    /// How many seconds were over when it was last looked at.
    over: usize,
    seconds: Vec<Taken>,
}

impl Gauge {
    /// Looks at this process.
    pub(super) fn of_process(id: u32) -> Self {
        Self::of(Source::Process(id))
    }

    /// Asks at this URL, whose text is that of Prometheus.
    pub(super) fn of_url(url: &str, consent: Option<&str>) -> Result<Self, Problem> {
        let usage = |why: String| Problem::Usage(format!("--scrape {url}: {why}"));
        let rest = url.strip_prefix("http://");
        let rest =
            rest.ok_or_else(|| usage("expected a URL that begins with http://".to_owned()))?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority.to_owned(), format!("/{path}")),
            None => (rest.to_owned(), "/".to_owned()),
        };
        let place = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.clone(),
            _ => format!("{authority}:80"),
        };
        let addresses = place.to_socket_addrs();
        let mut addresses = addresses.map_err(|error| usage(error.to_string()))?;
        let address = addresses
            .next()
            .ok_or_else(|| usage("it has no address".to_owned()))?;
        let ip = address.ip();
        if !ip.is_loopback() && consent != Some(&*ip.to_string()) {
            return Err(usage(format!(
                "{ip} is not on this machine; if its owner agrees, say --target-consent {ip}"
            )));
        }
        let ask = move || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            // In one piece: who answers at the first octets and closes breaks the pipe of the rest.
            let request =
                format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nAccept: text/plain\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            let mut text = String::new();
            stream.take(MOST).read_to_string(&mut text)?;
            Ok(text)
        };
        let asked = Instant::now();
        let first = ask().map_err(|error| usage(error.to_string()))?;
        let sample = told(&first).map_err(usage)?;
        let told_last = Arc::new(Mutex::new(Some((asked, asked.elapsed(), sample))));
        let tells = Arc::downgrade(&told_last);
        std::thread::spawn(move || {
            while let Some(tells) = tells.upgrade() {
                // What is not told in time is missing where it would stand.
                let asked = Instant::now();
                let sample = ask().ok().and_then(|text| told(&text).ok());
                let sample = sample.map(|sample| (asked, asked.elapsed(), sample));
                *tells.lock().unwrap_or_else(PoisonError::into_inner) = sample;
                drop(tells);
                std::thread::sleep(OFTEN);
            }
        });
        Ok(Self::of(Source::Told(told_last)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            first: None,
            last: None,
            over: 0,
            seconds: Vec::new(),
        }
    }

    fn sample(&self) -> Option<Seen> {
        match &self.source {
            Source::Process(id) => {
                let sample = Sample {
                    cpu: cpu_of_process(*id).ok().map(|cpu| cpu.as_secs_f64()),
                    memory: memory_of(*id),
                };
                Some((Instant::now(), Duration::ZERO, sample))
            }
            Source::Told(told) => *told.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Looks at the system if a second is over.
    pub(super) fn look(&mut self, phase: Phase, measures: &Measures) {
        if matches!(phase, Phase::Preparing(_)) {
            return;
        }
        let over = measures.seconds().len();
        if self.first.is_some() && over == self.over {
            return;
        }
        self.over = over;
        let now = self.sample();
        let Some((at, within, sample)) = now else {
            self.last = None;
            return;
        };
        if self.first.is_none() {
            self.first = Some(sample);
        } else if over > 0 {
            let processors = self
                .last
                .and_then(|before| processors(before, (at, within, sample)));
            self.seconds.push(Taken {
                second: over as u64 - 1,
                processors,
                memory: sample.memory,
            });
        }
        self.last = Some((at, within, sample));
    }

    /// Puts what was seen into the report.
    pub(super) fn into_report(self, report: &mut Report) {
        let last = self.sample().map(|(.., sample)| sample);
        let cpu = self.first.and_then(|first| {
            let last = last.or(self.last.map(|(.., sample)| sample))?;
            Some(last.cpu? - first.cpu?)
        });
        if let Some(cpu) = cpu.filter(|cpu| *cpu >= 0.0) {
            report.system.get_or_insert_default().cpu = rounded(cpu);
        }
        if !self.seconds.is_empty() {
            report.system.get_or_insert_default().seconds = self.seconds;
        }
    }
}

/// How many processors a system had between two moments, if these are known well enough: who is asked by somebody without
/// a processor seems to take what it took before.
fn processors((then, first, before): Seen, (at, last, sample): Seen) -> Option<f64> {
    let wall = at.saturating_duration_since(then).as_secs_f64();
    let cpu = sample.cpu? - before.cpu?;
    let doubt = (first + last).as_secs_f64();
    (wall > 0.0 && cpu >= 0.0 && doubt <= wall * DOUBT).then(|| rounded(cpu / wall))
}

/// To the thousandth, so that what is read is what was written.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// How much memory a process has that is in no file or swap, in octets.
fn memory_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

/// What a text of Prometheus says of the process that tells it.
fn told(response: &str) -> Result<Sample, String> {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("expected 200, got {status:?}"));
    }
    let value = |name: &str| {
        body.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            // Labels, if there are any, say nothing that matters here.
            let rest = match rest.strip_prefix('{') {
                Some(labels) => labels.split_once('}')?.1,
                None => rest,
            };
            let number = rest.strip_prefix(' ')?.split(' ').next()?;
            number.parse::<f64>().ok()
        })
    };
    let sample = Sample {
        cpu: value("process_cpu_seconds_total"),
        memory: value("process_resident_memory_bytes").map(|octets| octets as u64),
    };
    match sample {
        Sample {
            cpu: None,
            memory: None,
        } => Err(
            "expected process_cpu_seconds_total or process_resident_memory_bytes, got neither"
                .to_owned(),
        ),
        sample => Ok(sample),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_tells_is_read() {
        let text = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n# HELP x\nprocess_cpu_seconds_total 12.5\n\
                    process_resident_memory_bytes{job=\"x\"} 4.096e+06 1700000000\n";
        let sample = Sample {
            cpu: Some(12.5),
            memory: Some(4_096_000),
        };
        assert_eq!(told(text), Ok(sample));
        assert!(
            told("HTTP/1.1 404 Not Found\r\n\r\n")
                .unwrap_err()
                .contains("404")
        );
        assert!(
            told("HTTP/1.1 200 OK\r\n\r\nup 1\n")
                .unwrap_err()
                .contains("got neither")
        );
    }

    #[test]
    fn processors_are_said_where_the_moments_are_known() {
        let (then, one) = (Instant::now(), Duration::from_secs(1));
        let taken = |cpu| Sample {
            cpu: Some(cpu),
            memory: None,
        };
        let short = Duration::from_millis(40);
        let before = (then, short, taken(3.0));
        assert_eq!(
            processors(before, (then + one, short, taken(3.5))),
            Some(0.5)
        );
        // Perhaps it told that at once, perhaps only half a second later.
        assert_eq!(processors(before, (then + one, one / 2, taken(3.5))), None);
        assert_eq!(processors(before, before), None);
        assert_eq!(processors(before, (then + one, short, taken(2.0))), None);
    }

    #[test]
    fn a_process_of_this_machine_has_memory() {
        assert!(memory_of(std::process::id()) > Some(1 << 20));
    }
}
