//! The ledger: one JSON line per event, each sealed with a hash over itself and all before it.
//!
//! A line is written when the event happens and reaches the operating system at once, so what
//! happened before a crash can be read after it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{Record, What, hex};

/// The name of the ledger in a report directory.
pub const FILE_NAME: &str = "events.jsonl";

/// Where events are written to. Clones write to the same ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
enum Inner {
    Memory(Vec<Record>),
    File {
        path: PathBuf,
        file: File,
        chain: Chain,
        broken: Option<String>,
    },
}

#[derive(Debug, Default)]
struct Chain {
    head: String,
}

impl Chain {
    fn seal(&mut self, record: &str) -> &str {
        let mut hash = Sha256::new();
        hash.update(self.head.as_bytes());
        hash.update(b"\n");
        hash.update(record.as_bytes());
        self.head = hex(&hash.finalize());
        &self.head
    }
}

#[derive(Deserialize, Serialize)]
struct Line<'a> {
    seal: &'a str,
    #[serde(borrow)]
    record: &'a serde_json::value::RawValue,
}

/// Why a ledger cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A line that is not the last does not follow from those before it.
    #[error("{path}:{line}: {why}; the ledger was edited after the run and is not judged")]
    Edited {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl Ledger {
    /// A ledger that is kept in memory.
    pub fn in_memory() -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner::Memory(Vec::new()))),
        }
    }

    /// A ledger in a new file; an old one of the same name is replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self, LedgerError> {
        let file = File::create(path).map_err(|source| LedgerError::Io {
            path: path.to_owned(),
            source,
        })?;
        let inner = Inner::File {
            path: path.to_owned(),
            file,
            chain: Chain::default(),
            broken: None,
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// Writes an event. A write that fails is reported by [`Ledger::read_back`].
    pub fn write(&self, record: Record) {
        match &mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner) {
            Inner::Memory(records) => records.push(record),
            Inner::File {
                file,
                chain,
                broken,
                ..
            } => {
                let text = serde_json::to_string(&record).expect("records have string keys only");
                let seal = chain.seal(&text).to_owned();
                let line = format!("{{\"seal\":\"{seal}\",\"record\":{text}}}\n");
                if let Err(error) = file.write_all(line.as_bytes()) {
                    broken.get_or_insert(error.to_string());
                }
            }
        }
    }

    /// Why events could not be written, if that has happened: what comes after is no evidence.
    pub fn fault(&self) -> Option<String> {
        match &*self.inner.lock().unwrap_or_else(PoisonError::into_inner) {
            Inner::File {
                broken: Some(why), ..
            } => Some(why.clone()),
            Inner::File { .. } | Inner::Memory(_) => None,
        }
    }

    /// Reads what was written so far, from where it was written to.
    ///
    /// # Errors
    ///
    /// The file cannot be read, was edited meanwhile, or could not be written in the first place.
    pub fn read_back(&self) -> Result<Events, LedgerError> {
        match &*self.inner.lock().unwrap_or_else(PoisonError::into_inner) {
            Inner::Memory(records) => Ok(Events {
                records: records.clone(),
                cut: None,
            }),
            Inner::File {
                path,
                broken: Some(why),
                ..
            } => Err(LedgerError::Io {
                path: path.clone(),
                source: std::io::Error::other(why.clone()),
            }),
            Inner::File { path, .. } => read(path),
        }
    }
}

/// The events of a ledger.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// In the order in which they were written.
    pub records: Vec<Record>,
    /// Where the ledger ends before the run did: the words say how.
    pub cut: Option<String>,
}

/// Reads a ledger and verifies its chain.
///
/// A last line that is incomplete, or a missing end of the run, is what a crash leaves: the events up
/// to there are returned and [`Events::cut`] says so.
///
/// # Errors
///
/// The file cannot be read, or a line that is not the last one does not follow from those before it.
pub fn read(path: &Path) -> Result<Events, LedgerError> {
    let io = |source| LedgerError::Io {
        path: path.to_owned(),
        source,
    };
    let mut lines = BufReader::new(File::open(path).map_err(io)?);
    let mut events = Events::default();
    let mut chain = Chain::default();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if lines.read_until(b'\n', &mut text).map_err(io)? == 0 {
            break;
        }
        let whole = text.last() == Some(&b'\n');
        match open_line(&text, &mut chain) {
            Ok(record) => events.records.push(record),
            Err(_) if !whole => {
                events.cut = Some(format!("line {number} was not written to its end"));
                break;
            }
            Err(why) => {
                return Err(LedgerError::Edited {
                    path: path.to_owned(),
                    line: number,
                    why,
                });
            }
        }
    }
    let ended = matches!(
        events.records.last(),
        Some(Record {
            what: What::RunEnded { .. },
            ..
        })
    );
    if !ended && events.cut.is_none() {
        events.cut = Some(format!(
            "the end of the run is missing behind line {}",
            events.records.len()
        ));
    }
    Ok(events)
}

/// Reads a ledger while it is written: every event once.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    lines: BufReader<File>,
    chain: Chain,
    unfinished: Vec<u8>,
    line: usize,
}

impl Follower {
    /// Begins before the first event.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = File::open(path).map_err(|source| LedgerError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            lines: BufReader::new(file),
            chain: Chain::default(),
            unfinished: Vec::new(),
            line: 0,
        })
    }

    /// The next event; none if no more has been written to its end so far.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line does not follow from those before it.
    pub fn advance(&mut self) -> Result<Option<Record>, LedgerError> {
        let read = self.lines.read_until(b'\n', &mut self.unfinished);
        read.map_err(|source| LedgerError::Io {
            path: self.path.clone(),
            source,
        })?;
        if self.unfinished.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.line += 1;
        let record = open_line(&self.unfinished, &mut self.chain);
        self.unfinished.clear();
        record.map(Some).map_err(|why| LedgerError::Edited {
            path: self.path.clone(),
            line: self.line,
            why,
        })
    }
}

fn open_line(text: &[u8], chain: &mut Chain) -> Result<Record, String> {
    let line: Line<'_> =
        serde_json::from_slice(text).map_err(|e| format!("not a line of a ledger ({e})"))?;
    if chain.seal(line.record.get()) != line.seal {
        return Err("the seal does not fit the line".to_owned());
    }
    serde_json::from_str(line.record.get())
        .map_err(|e| format!("not a record that this version knows ({e})"))
}

#[cfg(test)]
mod tests {
    use super::{Follower, Ledger, LedgerError, read};
    use crate::record::{Record, What};

    fn record(at: u64) -> Record {
        Record {
            at,
            scene: None,
            what: What::StepStarted { step: 0 },
        }
    }

    fn written(dir: &tempfile::TempDir) -> std::path::PathBuf {
        let path = dir.path().join("events.jsonl");
        let ledger = Ledger::create(&path).unwrap();
        ledger.write(record(1));
        ledger.write(record(2));
        ledger.write(Record {
            at: 3,
            scene: None,
            what: What::RunEnded { interrupted: false },
        });
        assert_eq!(ledger.read_back().unwrap().records.len(), 3);
        path
    }

    #[test]
    fn a_whole_ledger_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let events = read(&written(&dir)).unwrap();
        assert_eq!((events.records.len(), events.cut), (3, None));
    }

    #[test]
    fn a_follower_sees_every_event_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let ledger = Ledger::create(&path).unwrap();
        let mut follower = Follower::open(&path).unwrap();
        assert_eq!(follower.advance().unwrap(), None);
        ledger.write(record(1));
        ledger.write(record(2));
        assert_eq!(follower.advance().unwrap(), Some(record(1)));
        assert_eq!(follower.advance().unwrap(), Some(record(2)));
        assert_eq!(follower.advance().unwrap(), None);
        ledger.write(record(3));
        assert_eq!(follower.advance().unwrap(), Some(record(3)));
    }

    #[test]
    fn a_follower_waits_for_the_end_of_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let text = std::fs::read(written(&dir)).unwrap();
        let path = dir.path().join("growing.jsonl");
        std::fs::write(&path, &text[..40]).unwrap();
        let mut follower = Follower::open(&path).unwrap();
        assert_eq!(follower.advance().unwrap(), None);
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, &text[40..]).unwrap();
        for at in [1, 2, 3] {
            assert_eq!(follower.advance().unwrap().unwrap().at, at);
        }
        assert_eq!(follower.advance().unwrap(), None);
    }

    #[test]
    fn a_cut_ledger_is_read_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(&dir);
        let text = std::fs::read(&path).unwrap();
        let two_lines = text
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .nth(1)
            .unwrap()
            .0
            + 1;
        for (length, records) in [
            (text.len() - 5, 2),
            (two_lines, 2),
            (two_lines - 4, 1),
            (0, 0),
        ] {
            std::fs::write(&path, &text[..length]).unwrap();
            let events = read(&path).unwrap();
            assert_eq!(events.records.len(), records, "{length}");
            assert!(events.cut.is_some(), "{length}");
        }
    }

    #[test]
    fn an_edited_ledger_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(&dir);
        let text = std::fs::read_to_string(&path).unwrap();
        for (edited, line) in [
            (text.replace("\"at\":2", "\"at\":7"), 2),
            (text.lines().skip(1).map(|l| format!("{l}\n")).collect(), 1),
            (text.replacen("{\"seal\"", "{\"sael\"", 1), 1),
        ] {
            std::fs::write(&path, edited).unwrap();
            match read(&path) {
                Err(LedgerError::Edited { line: at, .. }) => assert_eq!(at, line),
                other => panic!("{other:?}"),
            }
        }
    }
}
