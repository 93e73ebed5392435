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

    /// From what a panic left, in one line.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let why = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Self::Ours(why.lines().next().unwrap_or_default().to_owned())
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

/// The name among `known` that was probably meant, as the end of a sentence.
pub(crate) fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(
        || "; `twinproof list` names them all".to_owned(),
        |name| format!("; did you mean {name}?"),
    )
}

/// The name among `known` that was probably meant.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    known
        .into_iter()
        .map(|name| (distance(&typed, &name.to_lowercase()), name))
        .min()
        .filter(|(distance, _)| *distance <= typed.len() / 3 + 1)
        .map(|(_, name)| name)
}

/// How many characters have to be changed, put in or taken out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let changed = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, distance};

    #[test]
    fn distances_are_counted() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_a_near_name_is_proposed() {
        let known = ["HLF-TE-005", "HLF-PD-001"];
        assert_eq!(
            did_you_mean("hlf-te-05", known),
            "; did you mean HLF-TE-005?"
        );
        assert_eq!(
            did_you_mean("x", known),
            "; `twinproof list` names them all"
        );
    }
}
