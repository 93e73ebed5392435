//! One shape of error for everything that is read or written, and how sure we are of a fact.

use std::borrow::Cow;
use std::fmt;

/// What could not be read or written, said as expected, got and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The class of the failure, for code that has to branch.
    pub fault: Fault,
    /// Where it happened, in octets from the start of the input. Zero when writing.
    pub offset: usize,
    /// What the standard, or a limit, asks for at that place.
    pub expected: Cow<'static, str>,
    /// What was there instead.
    pub got: String,
}

/// Classes of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The input is larger, deeper or richer than the caller's [`Limits`](crate::Limits).
    Limit,
    /// Something mandatory is not there.
    Missing,
    /// The input breaks the grammar of its format.
    Syntax,
    /// The input ends in the middle of something.
    Truncated,
    /// Well formed, but in a variant or language that this crate does not speak.
    Unsupported,
    /// Well formed, but the value is outside what the standard allows.
    Value,
}

impl Error {
    pub(crate) fn new(
        fault: Fault,
        offset: usize,
        expected: impl Into<Cow<'static, str>>,
        got: impl Into<String>,
    ) -> Self {
        Self {
            fault,
            offset,
            expected: expected.into(),
            got: got.into(),
        }
    }

    /// The same error seen from an enclosing document in which this input starts at `base`.
    #[must_use]
    pub fn shifted(mut self, base: usize) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, got {} at offset {}",
            self.expected, self.got, self.offset
        )
    }
}

impl std::error::Error for Error {}

/// How well a fact in one of our tables is known.
///
/// The texts of some enablers are not public. A verdict that rests on an [`Assumed`](Basis::Assumed)
/// fact must be able to come out inconclusive, so the mark travels with the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Our own reading or recollection; no text was at hand.
    Assumed,
    /// Seen in implementations, not in the text of the standard.
    Peer,
    /// The text or the registry of the standard says so.
    Text,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assumed => "assumed",
            Self::Peer => "peer implementations",
            Self::Text => "text of the standard",
        })
    }
}

/// A value from the wire, cut and escaped for an error message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
