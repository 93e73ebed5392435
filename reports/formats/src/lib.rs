//! What people and pipelines read of a run. Every format prints a [`Report`]; none of them judges.
//!
//! | format | file | reader |
//! |---|---|---|
//! | [`json`] | `report.json` | programs; `judge`, `--rerun` and the other formats need nothing else |
//! | [`junit`] | `junit.xml` | continuous integration |
//! | [`html`] | `report.html` | people who want to see the evidence |
//! | [`markdown`] | `report.md` | people who read the summary of a pipeline |
//! | [`pcap`] | `pcap/*.pcapng` | Wireshark, where a run asks for captures |
//! | [`terminal`] | none | the person who has just started the run |
//!
//! All begin with the same [`Headline`].
#![forbid(unsafe_code)]

mod headline;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod pcap;
mod progress;
pub mod terminal;
mod text;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use twinproof_evidence::report::Report;

pub use headline::Headline;
pub use progress::Progress;
pub use text::count;

/// The files that [`all`] writes, in the order in which it does.
pub const FILE_NAMES: [&str; 4] = [json::FILE_NAME, "junit.xml", "report.html", "report.md"];

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}; choose another place with --report", path.display())]
pub struct WriteError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Writes the report in every format below `dir`, which is made where it is missing, and returns the
/// paths of the files. Each file is there as a whole or as it was before.
///
/// # Errors
///
/// The directory or one of the files cannot be written.
pub fn all(dir: &Path, report: &Report) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(dir).map_err(|source| WriteError {
        doing: "make the directory",
        path: dir.to_owned(),
        source,
    })?;
    let texts = [
        json::render(report),
        junit::render(report),
        html::render(report),
        markdown::render(report),
    ];
    FILE_NAMES
        .iter()
        .zip(texts)
        .map(|(name, text)| {
            let path = dir.join(name);
            // In the same directory, so that the rename stays within one file system.
            let unfinished = dir.join(format!(".{name}.{}", std::process::id()));
            fs::write(&unfinished, text)
                .and_then(|()| fs::rename(&unfinished, &path))
                .map_err(|source| {
                    let _ = fs::remove_file(&unfinished);
                    WriteError {
                        doing: "write",
                        path: path.clone(),
                        source,
                    }
                })?;
            Ok(path)
        })
        .collect()
}
