//! Bodies in blocks (RFC 7959).

use std::borrow::Cow;

use twinproof_kernel::Time;

use crate::{Block, Code, Packet, option};

/// A request body that is being put together from Block1.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) body: Vec<u8>,
    pub(crate) touched: Time,
}

/// What a block of a request comes to.
pub(crate) enum Step<'d> {
    /// 2.31: more follow.
    Continue(Assembly),
    /// The body is complete.
    Complete(Cow<'d, [u8]>),
    /// The block is refused with this code; what there was is forgotten.
    Refuse(Code, &'static str),
}

/// Adds a block of a request to what there is of the body.
pub(crate) fn assemble<'d>(
    before: Option<Assembly>,
    block: Block,
    packet: &Packet<'d>,
    max_body: usize,
    now: Time,
) -> Step<'d> {
    let payload = packet.payload();
    let announced = packet.uint(option::SIZE1).ok().flatten().unwrap_or(0) as usize;
    if announced.max(block.offset() + payload.len()) > max_body {
        return Step::Refuse(Code::REQUEST_ENTITY_TOO_LARGE, "body too large");
    }
    if block.more() && payload.len() != block.size() {
        return Step::Refuse(
            Code::BAD_REQUEST,
            "a block that is not the last must be full",
        );
    }
    if payload.len() > block.size() {
        return Step::Refuse(Code::BAD_REQUEST, "a block longer than its size");
    }
    let mut body = match before {
        _ if block.num() == 0 && !block.more() => return Step::Complete(Cow::Borrowed(payload)),
        _ if block.num() == 0 => Vec::new(),
        Some(assembly) if assembly.body.len() == block.offset() => assembly.body,
        _ => {
            return Step::Refuse(
                Code::REQUEST_ENTITY_INCOMPLETE,
                "a block before it is missing",
            );
        }
    };
    body.extend_from_slice(payload);
    if block.more() {
        Step::Continue(Assembly { body, touched: now })
    } else {
        Step::Complete(Cow::Owned(body))
    }
}

/// A response body that is being put together from Block2.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) body: Vec<u8>,
    etag: Option<Vec<u8>>,
    pub(crate) size: usize,
}

/// Why blocks of a response do not make a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// A block is not the one that was asked for.
    Gap {
        /// Where the block should begin in the body, in bytes.
        expected: usize,
        /// Where it begins.
        got: usize,
    },
    /// A block that is not the last is not full, or one is longer than its size.
    Length {
        /// The size of the block in bytes.
        expected: usize,
        /// The length of its payload in bytes.
        got: usize,
    },
    /// The ETag is not that of the blocks before.
    Changed,
    /// The body is larger than [`crate::Parameters::max_body`].
    TooLarge,
    /// The option is no block.
    Illegal,
}

impl std::fmt::Display for BlockFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gap { expected, got } => {
                write!(
                    f,
                    "block at byte {got} of the body, expected byte {expected}"
                )
            }
            Self::Length { expected, got } => {
                write!(f, "block of {got} bytes, expected {expected}")
            }
            Self::Changed => f.write_str("ETag differs from that of the block before"),
            Self::TooLarge => f.write_str("body larger than we take"),
            Self::Illegal => f.write_str("illegal Block2"),
        }
    }
}

impl Download {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            body: Vec::new(),
            etag: None,
            size: 0,
        }
    }

    /// Adds a block.
    pub(crate) fn add(
        &mut self,
        block: Block,
        packet: &Packet<'_>,
        max_body: usize,
    ) -> Result<(), BlockFault> {
        let payload = packet.payload();
        let expected = self.body.len();
        if block.offset() != expected {
            return Err(BlockFault::Gap {
                expected,
                got: block.offset(),
            });
        }
        let full = payload.len() == block.size();
        if !full && (block.more() || payload.len() > block.size()) {
            return Err(BlockFault::Length {
                expected: block.size(),
                got: payload.len(),
            });
        }
        if expected + payload.len() > max_body {
            return Err(BlockFault::TooLarge);
        }
        let etag = packet.value(option::ETAG).map(<[u8]>::to_vec);
        if expected > 0 && etag != self.etag {
            return Err(BlockFault::Changed);
        }
        self.etag = etag;
        self.size = block.size();
        self.body.extend_from_slice(payload);
        Ok(())
    }

    /// The block to ask for next: none if its number would need more than 20 bits.
    pub(crate) fn next(&self) -> Option<Block> {
        let num = u32::try_from(self.body.len() / self.size.max(1)).ok()?;
        Block::new(num, false, self.size).ok()
    }
}

/// The piece of `body` that a block asks for, and the block that says so; none if it begins behind the
/// end.
pub(crate) fn slice(body: &[u8], asked: Option<Block>, size: usize) -> Option<(Block, &[u8])> {
    let size = asked.map_or(size, |block| block.size().min(size));
    let start = asked.map_or(0, Block::offset);
    if start > 0 && start >= body.len() {
        return None;
    }
    let end = body.len().min(start + size);
    let num = u32::try_from(start / size).ok()?;
    let block = Block::new(num, end < body.len(), size).ok()?;
    Some((block, &body[start..end]))
}

/// What requests for blocks of the same body have in common: code and options but for those that
/// differ from block to block (RFC 7959 §2.4), in one number.
pub(crate) fn cache_key(packet: &Packet<'_>) -> u64 {
    let mut hash = fnv(FNV_START, &[packet.code().byte()]);
    for option in packet.options() {
        let differs = matches!(
            option.number,
            option::OBSERVE | option::BLOCK1 | option::BLOCK2
        );
        if differs || option.number.is_no_cache_key() {
            continue;
        }
        hash = fnv(hash, &option.number.0.to_be_bytes());
        hash = fnv(hash, &(option.value.len() as u32).to_be_bytes());
        hash = fnv(hash, option.value);
    }
    hash
}

/// An ETag for a body.
pub(crate) fn etag(body: &[u8]) -> [u8; 8] {
    fnv(FNV_START, body).to_be_bytes()
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
