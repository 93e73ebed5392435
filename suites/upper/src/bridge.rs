//! Devices that a vendor brings: a child process that says to a gateway, in the vendor's own protocol, what a
//! device of the tester says in lines.
//!
//! The device sends datagrams to an address of the bridge, and each goes to the process as a line; each line
//! that the process writes goes back as a datagram. So what was said stands in the record as what any other
//! device hears and says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UdpSocket;
use tokio::process::Child;
use tokio::task::JoinHandle;

use crate::command::child_of;

/// The octets of the longest line that a process may write.
const LINE: u64 = 60_000;

/// How much of what a process said last on its standard error is repeated when it has ended.
const SAID: usize = 400;

/// Whether octets with a line feed at their end are what a device can hear; the words say what was expected.
pub type Reads = fn(&[u8]) -> Result<(), String>;

/// A process between a device and a gateway. It ends with this.
#[derive(Debug)]
pub struct Bridge {
    at: SocketAddr,
    fault: Arc<Mutex<Option<String>>>,
    carrying: JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Bridge {
    /// Starts a program, its name before its arguments.
    ///
    /// # Errors
    ///
    /// It cannot be started, or there is no address for the bridge; the words name it.
    pub async fn start(command: &[String], reads: Reads) -> Result<Self, String> {
        let (program, child) = child_of(command)?;
        let opened = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = opened.map_err(|error| format!("no address for {program}: {error}"))?;
        let at = socket.local_addr().map_err(|error| error.to_string())?;
        let fault = Arc::new(Mutex::new(None));
        let (program, found) = (program.to_owned(), Arc::clone(&fault));
        let carrying = tokio::spawn(async move {
            let why = match carry(child, &socket, reads).await {
                Ok(why) => why,
                Err(error) => error.to_string(),
            };
            *found.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(format!("{program} {why}"));
        });
        Ok(Self {
            at,
            fault,
            carrying,
        })
    }

    /// Where the device reaches the gateway.
    #[must_use]
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// Why nothing is carried any more, if nothing is: the process has ended, or wrote what is no line.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }
}

/// Carries lines and datagrams until that makes no sense any more. Says why.
async fn carry(mut child: Child, socket: &UdpSocket, reads: Reads) -> io::Result<String> {
    let no_pipe = || io::Error::other("has no pipes");
    let mut stdin = child.stdin.take().ok_or_else(no_pipe)?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;
    let errors = Arc::new(Mutex::new(Vec::new()));
    let listening = tokio::spawn(last_of(stderr, Arc::clone(&errors)));
    let mut datagram = vec![0; usize::from(u16::MAX)];
    let mut device = None;
    let mut line = Vec::new();
    loop {
        // What was read of a line stays there when a datagram comes first.
        let room = LINE.saturating_sub(line.len() as u64);
        let mut limited = (&mut stdout).take(room);
        tokio::select! {
            received = socket.recv_from(&mut datagram) => {
                let (length, from) = received?;
                device = Some(from);
                let mut octets = datagram[..length].to_vec();
                if octets.last() != Some(&b'\n') {
                    octets.push(b'\n');
                }
                // A process that has ended takes nothing; its output says so next.
                let _ = stdin.write_all(&octets).await;
                let _ = stdin.flush().await;
            }
            read = limited.read_until(b'\n', &mut line) => {
                read?;
                if line.last() != Some(&b'\n') {
                    if line.len() as u64 >= LINE {
                        return Ok(format!("wrote a line of more than {LINE} octets"));
                    }
                    let _ = child.wait().await;
                    let _ = listening.await;
                    let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                    let said = String::from_utf8_lossy(&errors);
                    return Ok(match said.trim() {
                        "" => "has ended".to_owned(),
                        said => format!("has ended, and said: {said}"),
                    });
                }
                if let Err(why) = reads(&line) {
                    let shown = String::from_utf8_lossy(&line);
                    return Ok(format!("wrote {:?}: {why}", shown.trim_end()));
                }
                if let Some(device) = device {
                    socket.send_to(&line, device).await?;
                }
                line.clear();
            }
        }
    }
}

/// Keeps the last of what a process says.
async fn last_of(mut from: impl tokio::io::AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&piece[..length]);
        let more = kept.len().saturating_sub(SAID);
        kept.drain(..more);
    }
}
