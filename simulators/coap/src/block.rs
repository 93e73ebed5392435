//! The value of Block1 and Block2 (RFC 7959 §2.2).

use std::fmt;

/// Which block of a body, whether more follow, and how large blocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    num: u32,
    more: bool,
    szx: u8,
}

/// Why a value is no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// Size exponent 7 is reserved over UDP (RFC 7959 §2.2; RFC 8323 gives it a meaning on TCP).
    ReservedSize,
    /// The block number does not fit in 20 bits.
    NumberTooLarge {
        /// The number.
        got: u32,
    },
    /// A block size is a power of two from 16 to 1024.
    Size {
        /// The size in bytes.
        got: usize,
    },
    /// The option is longer than three bytes.
    Length {
        /// The length in bytes.
        got: usize,
    },
}

impl Block {
    /// The largest block number: 20 bits.
    pub const MAX_NUM: u32 = (1 << 20) - 1;

    /// Block `num`, with more to follow or not, in blocks of `size` bytes (16, 32, … 1024).
    ///
    /// # Errors
    ///
    /// When the number needs more than 20 bits, or the size is none of the seven.
    pub const fn new(num: u32, more: bool, size: usize) -> Result<Self, BlockError> {
        if num > Self::MAX_NUM {
            return Err(BlockError::NumberTooLarge { got: num });
        }
        if !size.is_power_of_two() || size < 16 || size > 1024 {
            return Err(BlockError::Size { got: size });
        }
        Ok(Self {
            num,
            more,
            szx: (size.trailing_zeros() - 4) as u8,
        })
    }

    /// Reads the value of an option of 0 to 3 bytes.
    ///
    /// # Errors
    ///
    /// When it is longer, or the size exponent is the reserved one.
    pub const fn decode(value: &[u8]) -> Result<Self, BlockError> {
        let bits = match *value {
            [] => 0,
            [a] => a as u32,
            [a, b] => (a as u32) << 8 | b as u32,
            [a, b, c] => (a as u32) << 16 | (b as u32) << 8 | c as u32,
            _ => return Err(BlockError::Length { got: value.len() }),
        };
        let szx = (bits & 0b111) as u8;
        if szx == 7 {
            return Err(BlockError::ReservedSize);
        }
        Ok(Self {
            num: bits >> 4,
            more: bits & 0b1000 != 0,
            szx,
        })
    }

    /// The value as the number that a uint option carries.
    pub const fn bits(self) -> u32 {
        self.num << 4 | (self.more as u32) << 3 | self.szx as u32
    }

    /// The block number, from 0.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Whether more blocks follow.
    pub const fn more(self) -> bool {
        self.more
    }

    /// The size of a block in bytes.
    pub const fn size(self) -> usize {
        1 << (self.szx + 4)
    }

    /// Where the block begins in the body, in bytes.
    pub const fn offset(self) -> usize {
        self.num as usize * self.size()
    }
}

/// `num/more/size`, as in `2/1/64`.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.num, u8::from(self.more), self.size())
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedSize => f.write_str("size exponent 7 is reserved, expected 0 to 6"),
            Self::NumberTooLarge { got } => {
                write!(f, "block number {got}, expected at most {}", Block::MAX_NUM)
            }
            Self::Size { got } => {
                write!(
                    f,
                    "block size {got}, expected a power of two from 16 to 1024"
                )
            }
            Self::Length { got } => write!(f, "block option of {got} bytes, expected 0 to 3"),
        }
    }
}

impl std::error::Error for BlockError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (num, more, size, bits) in [
            (0, true, 512, 0x0d),
            (1, true, 512, 0x1d),
            (2, false, 512, 0x25),
            (0, true, 1024, 0x0e),
            (0, false, 16, 0),
            // coap-lite keeps the number in 16 bits and fails here.
            (65_536, true, 16, 0x10_0008),
            (Block::MAX_NUM, true, 1024, 0xff_fffe),
        ] {
            let block = Block::new(num, more, size).unwrap();
            assert_eq!(block.bits(), bits);
            let bytes = bits.to_be_bytes();
            let value = &bytes[bytes.iter().take_while(|&&b| b == 0).count()..];
            assert_eq!(Block::decode(value), Ok(block));
        }
    }

    #[test]
    fn what_is_no_block() {
        assert_eq!(Block::decode(&[7]), Err(BlockError::ReservedSize));
        assert_eq!(Block::decode(&[0; 4]), Err(BlockError::Length { got: 4 }));
        assert_eq!(
            Block::new(1 << 20, false, 16),
            Err(BlockError::NumberTooLarge { got: 1 << 20 })
        );
        for size in [0, 8, 24, 2048] {
            assert_eq!(
                Block::new(0, false, size),
                Err(BlockError::Size { got: size })
            );
        }
    }
}
