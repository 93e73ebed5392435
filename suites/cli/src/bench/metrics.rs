//! `--metrics`: a run while it goes on, for whoever scrapes it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use twinproof_load::{Measures, OPENMETRICS, Phase, Workload, openmetrics};

use crate::args::bench::Beside;
use crate::problem::Problem;

/// How old what is told may be.
const FRESH: Duration = Duration::from_millis(250);

/// How long a caller may take to ask and to listen; one is served after the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a question is read.
const MOST: usize = 8 << 10;

/// Tells whoever asks how the run goes.
pub(super) struct Metrics {
    told: Arc<Mutex<String>>,
    changed: Option<Instant>,
}

impl Metrics {
    /// Listens where somebody wants that.
    pub(super) fn start(args: &Beside, workload: &Workload) -> Result<Option<Self>, Problem> {
        let Some(address) = args.metrics else {
            return Ok(None);
        };
        let agreed = args.metrics_consent == Some(address.ip());
        if !address.ip().is_loopback() && !agreed {
            let ip = address.ip();
            return Err(Problem::Usage(format!(
                "--metrics {address}: others than this machine could read it; if they may, say --metrics-consent {ip}"
            )));
        }
        let usage = |error: std::io::Error| {
            Problem::Usage(format!(
                "--metrics {address}: {error}; expected a free address of this machine"
            ))
        };
        let listener = TcpListener::bind(address).map_err(usage)?;
        let address = listener.local_addr().map_err(usage)?;
        // Nobody reads what cannot be printed.
        drop(writeln!(
            anstream::stderr(),
            "metrics: http://{address}/metrics"
        ));
        let nothing = Measures::new((Duration::ZERO, Duration::ZERO), Duration::ZERO);
        let first = openmetrics(workload, Phase::Preparing(0), &nothing);
        let told = Arc::new(Mutex::new(first));
        let tells = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let text = tells.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Who breaks off does not want it.
                drop(answer(stream, &text));
            }
        });
        Ok(Some(Self {
            told,
            changed: None,
        }))
    }

    /// Takes over how the run goes.
    pub(super) fn show(&mut self, workload: &Workload, phase: Phase, measures: &Measures) {
        if self.changed.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        self.changed = Some(Instant::now());
        let text = openmetrics(workload, phase, measures);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let began = Instant::now();
    let (mut asked, mut room) = (Vec::new(), [0; 1_024]);
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut room)?;
        asked.extend_from_slice(&room[..length]);
        if length == 0 || asked.len() > MOST || began.elapsed() > PATIENCE {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&asked);
    let mut words = line.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = path.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET", "/metrics") => ("200 OK", OPENMETRICS, text),
        (_, "/metrics") => ("405 Method Not Allowed", "text/plain", "expected GET\n"),
        _ => ("404 Not Found", "text/plain", "expected /metrics\n"),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Where metrics are told, as it is typed.
pub(crate) fn place(typed: &str) -> Result<SocketAddr, String> {
    let expected = || "expected an IP address and a port, such as 127.0.0.1:9464".to_owned();
    typed.parse().map_err(|_| expected())
}
