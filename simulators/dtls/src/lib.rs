//! DTLS 1.2 without sockets and without a clock of its own.
//!
//! A [`Transport`] stands behind one socket and holds an association per peer: datagrams and data go in
//! with the [`Time`](twinproof_kernel::Time), [`Event`]s come out. What an association is made of is a
//! [`Backend`]'s affair; the one that is here, [`Rtc`], has the library rtc-dtls shake hands and protects
//! records itself, because tests must reach every record: see [`Trick`].
//!
//! Suites are `TLS_PSK_WITH_AES_128_CCM_8` and `TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8`. Raw public keys
//! (RFC 7250) and connection identifiers (RFC 9146) are not there, because no library that we may use has
//! them: what needs them is not applicable, by name.
//!
//! ```
//! use std::sync::Arc;
//! use twinproof_dtls::{Credentials, Event, Guests, Limits, Rtc, Transport};
//! use twinproof_kernel::{Seed, Time};
//!
//! let (here, there) = ("127.0.0.1:1000".parse().unwrap(), "127.0.0.1:5684".parse().unwrap());
//! let guests = Guests::default().with_psk(b"device", b"0123456789abcdef");
//! let own = Credentials::psk(b"device", b"0123456789abcdef");
//! let (mut client, mut server) = (
//!     Transport::new(Arc::new(Rtc::seeded(None, Seed::new(1)).unwrap()), Limits::default()),
//!     Transport::new(Arc::new(Rtc::seeded(Some(guests), Seed::new(2)).unwrap()), Limits::default()),
//! );
//! client.introduce(there, own);
//! client.send(Time::ZERO, there, b"hello");
//! let mut heard = Vec::new();
//! loop {
//!     if let Some(event) = client.poll() {
//!         if let Event::Transmit { datagram, .. } = event {
//!             server.receive(Time::ZERO, here, &datagram);
//!         }
//!     } else if let Some(event) = server.poll() {
//!         match event {
//!             Event::Transmit { datagram, .. } => client.receive(Time::ZERO, there, &datagram),
//!             Event::Received { data, .. } => heard.push(data),
//!             _ => {}
//!         }
//!     } else {
//!         break;
//!     }
//! }
//! assert_eq!(heard, [b"hello"]);
//! ```
#![forbid(unsafe_code)]

mod alert;
mod credentials;
mod doorkeeper;
mod keys;
mod provider;
mod record;
mod rtc;
mod session;
mod transport;
mod trick;

pub use alert::Alert;
pub use credentials::{Certificate, Credentials, Guests, Identity};
pub use doorkeeper::{Doorkeeper, KeyFacts, RecordFacts};
pub use record::{ContentType, HandshakeType, Header, RecordView, records};
pub use rtc::Rtc;
pub use session::{Backend, Ended, Established, Fate, Forgery, Rejection, Session, Signal};
pub use transport::{Event, Limits, Progress, Transport};
pub use trick::{Forge, Leaving, Place, Tap, Trick};
