//! CoAP (RFC 7252) for a party that must be able to say exactly what is wrong with a datagram, and
//! to send wrong ones on purpose.
//!
//! Legal and illegal are different types:
//!
//! - [`Packet`] is a borrowed view of a datagram that *is* a CoAP message. Parsing does not
//!   allocate, and everything that is not a message is a [`ParseError`] with its offset.
//! - [`Writer`] writes messages, and only messages: option order, lengths and sizes are checked.
//! - [`Raw`] is any datagram at all: version 2, a token length of 15, an option that ends before
//!   its value. It is what negative tests are made with.
//!
//! On top of them, [`endpoint::Endpoint`] is the message layer: it repeats, de-duplicates, observes
//! and transfers in blocks.
//!
//! Nothing here does I/O or reads a clock, and no input makes any of it panic.
//!
//! ```
//! use twinproof_coap::{Code, ContentFormat, Packet, Type, Writer, option};
//!
//! let mut datagram = Vec::new();
//! Writer::new(&mut datagram, Type::Con, Code::POST, 1, &[0xab, 0x12])
//!     .path("/rd")
//!     .content_format(ContentFormat::LINK_FORMAT)
//!     .query("ep=x")
//!     .query("lt=60")
//!     .payload(b"</1/0>,</3/0>")?;
//!
//! let packet = Packet::parse(&datagram).expect("what the writer writes is a message");
//! assert!(packet.path_is(&["rd"]));
//! assert_eq!(packet.query("lt"), Some("60"));
//! assert_eq!(packet.uint(option::CONTENT_FORMAT), Ok(Some(40)));
//! assert_eq!(
//!     packet.to_string(),
//!     r#"CON POST /rd?ep=x&lt=60 MID=1 T=ab12 Content-Format=link-format 13 B "</1/0>,</3/0>""#
//! );
//! # Ok::<(), twinproof_coap::WriteError>(())
//! ```
#![forbid(unsafe_code)]

mod block;
mod code;
mod content_format;
mod display;
pub mod endpoint;
mod few;
pub mod link;
mod message;
pub mod option;
mod packet;
mod parameters;
mod raw;
mod token;
mod transfer;
mod writer;

pub use block::{Block, BlockError};
pub use code::{Class, Code, Type};
pub use content_format::ContentFormat;
pub use message::Message;
pub use option::OptionNumber;
pub use packet::{Header, Opt, Options, Packet, ParseError, ParseFault, ValueError, ValueFault};
pub use parameters::Parameters;
pub use raw::{Raw, RawOption};
pub use token::Token;
pub use transfer::BlockFault;
pub use writer::{Sink, Slice, WriteError, Writer};

/// The largest payload of a UDP datagram over IPv4, in bytes.
pub const MAX_DATAGRAM: usize = 65_507;

/// The byte between options and payload (RFC 7252 §3).
pub const PAYLOAD_MARKER: u8 = 0xff;
