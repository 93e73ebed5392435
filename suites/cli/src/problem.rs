//! Why a command ends before it has anything to say.

use std::any::Any;
use std::io;

use twinproof_evidence::ExitCode;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The filters leave nothing.
    Nothing(String),
    /// Twinproof broke.
    Ours(String),
    /// The evidence could not be written, which is the machine's fault and not the system's.
    NoEvidence(String),
    /// The reports could not be written; the verdicts were printed all the same.
    NoReports {
        /// What could not be written, and why.
        why: String,
        /// How the process would have ended.
        judged: ExitCode,
    },
    /// The reader of our output has gone, which is the reader's right.
    Pipe,
    /// The command line, a profile or a feature is wrong; the text is ready to be printed.
    Usage(String),
}

impl Problem {
    /// What to print.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Nothing(why) => Some(format!("nothing selected: {why}")),
            Self::Ours(why) => Some(format!(
                "Twinproof itself broke: {why}. Please report it, if possible with the report directory."
            )),
            Self::NoEvidence(why) => Some(format!(
                "no verdict: the evidence could not be written: {why}. Make room, or choose another \
                 place with --report, and run again."
            )),
            Self::NoReports { why, .. } => Some(format!(
                "the verdicts stand, but not all reports could be written: {why}. Make room; \
                 `twinproof judge` on the report directory, or --report with another one, writes them \
                 from the evidence without another run."
            )),
            Self::Pipe => None,
            Self::Usage(why) => Some(format!("error: {why}")),
        }
    }

    /// How the process ends.
    pub(crate) const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Nothing(_) => ExitCode::NothingSelected,
            // A system that fails does so whatever becomes of the reports.
            Self::NoReports {
                judged: ExitCode::Fails,
                ..
            } => ExitCode::Fails,
            Self::NoEvidence(_) | Self::NoReports { .. } | Self::Ours(_) => ExitCode::OurFault,
            Self::Pipe => ExitCode::Conformant,
            Self::Usage(_) => ExitCode::Usage,
        }
    }

    /// From what the first panic left, and where it was, in one line.
    pub(crate) fn of_panic(panic: &(dyn Any + Send), place: Option<&String>) -> Self {
        let why = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        let why = why.lines().next().unwrap_or_default();
        Self::Ours(match place {
            Some(place) => format!("{why} (at {place})"),
            None => why.to_owned(),
        })
    }
}

/// Errors of writing to standard output.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::Ours(format!("cannot write to standard output: {error}")),
        }
    }
}

/// At most how many near names are proposed.
const AT_MOST: usize = 3;

/// The names among `known` that were probably meant, as the end of a sentence; `else_see` where none is
/// near.
pub(crate) fn did_you_mean<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
    else_see: &str,
) -> String {
    match near(typed, known).as_slice() {
        [] => format!("; {else_see}"),
        [one] => format!("; did you mean {one}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// The names among `known` that were probably meant: those that differ the least, or else those that
/// hold what was typed.
fn near<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.to_lowercase();
    let mut known: Vec<(usize, String, &str)> = known
        .into_iter()
        .map(|name| (name, name.to_lowercase()))
        .map(|(name, lower)| (strsim::osa_distance(&typed, &lower), lower, name))
        .collect();
    known.sort_unstable();
    known.dedup();
    let least = known.first().map_or(usize::MAX, |(distance, ..)| *distance);
    let close = least <= (typed.chars().count() / 4).max(1);
    known
        .into_iter()
        .filter(|(distance, lower, _)| match close {
            true => *distance == least,
            false => typed.len() > 2 && lower.contains(&typed),
        })
        .map(|(.., name)| name)
        .take(AT_MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn only_near_names_are_proposed() {
        let known = [
            "HLF-TE-005",
            "HLF-TE-006",
            "HLF-PD-001",
            "a/code-works-once",
        ];
        for (typed, said) in [
            ("hlf-te-05", "; did you mean HLF-TE-005?"),
            ("HLF-TE-007", "; did you mean HLF-TE-005 or HLF-TE-006?"),
            ("TE-005", "; did you mean HLF-TE-005?"),
            ("code", "; did you mean a/code-works-once?"),
            (
                "hlf",
                "; did you mean HLF-PD-001, HLF-TE-005 or HLF-TE-006?",
            ),
            ("HLF-XX-999", "; see elsewhere"),
            ("x", "; see elsewhere"),
            ("", "; see elsewhere"),
        ] {
            assert_eq!(did_you_mean(typed, known, "see elsewhere"), said, "{typed}");
        }
    }
}
