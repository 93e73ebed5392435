//! The manifest: what a run left in its report directory, so that a file that was changed later shows.
//!
//! It is written when everything else is, so a directory without one was not finished. It is no
//! signature: whoever can change a file can change the manifest, too. It tells accidents, and edits
//! that nobody meant to hide.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::record::sha256;

/// The name of the manifest in a report directory.
pub const FILE_NAME: &str = "manifest.json";

/// The files of a report directory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Manifest {
    /// The files, in the order in which they were named.
    pub files: Vec<Listed>,
}

/// One file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// Its name in the directory.
    pub name: String,
    /// Its size in octets.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a directory is not what its manifest says, or has no manifest that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The manifest cannot be read as one.
    #[error("{path} is not a manifest ({why}); it was edited after the run, and nothing is judged")]
    NotOne {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file is not what the run wrote.
    #[error(
        "{path} was edited after the run, and nothing is judged: expected {expected}, got {got}; put the \
         original back"
    )]
    Edited {
        /// Which file.
        path: PathBuf,
        /// What the manifest says of it.
        expected: String,
        /// What it is.
        got: String,
    },
}

impl Manifest {
    /// The manifest of those of these files that are in a directory.
    ///
    /// # Errors
    ///
    /// One of them is there and cannot be read.
    pub fn of<'a>(
        dir: &Path,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ManifestError> {
        let mut files = Vec::new();
        for name in names {
            files.extend(list(dir, name)?);
        }
        Ok(Self { files })
    }

    /// Writes the manifest into the directory: as a whole, or not at all.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), ManifestError> {
        let path = dir.join(FILE_NAME);
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has string keys only");
        text.push('\n');
        let unfinished = dir.join(format!(".{FILE_NAME}.{}", std::process::id()));
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(|source| ManifestError::Io { path, source })
    }

    /// Reads the manifest of a directory and compares the files with it. None is there where a run was
    /// not finished. A listed file that is gone is no edit.
    ///
    /// # Errors
    ///
    /// The manifest or a listed file cannot be read, or a file is not what the run wrote.
    pub fn verify(dir: &Path) -> Result<Option<Self>, ManifestError> {
        let path = dir.join(FILE_NAME);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ManifestError::Io { path, source }),
            Ok(text) => text,
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| {
            let why = error.to_string();
            ManifestError::NotOne { path, why }
        })?;
        for listed in &manifest.files {
            match list(dir, &listed.name)? {
                Some(found) if found != *listed => {
                    return Err(ManifestError::Edited {
                        path: dir.join(&listed.name),
                        expected: listed.in_words(),
                        got: found.in_words(),
                    });
                }
                _ => {}
            }
        }
        Ok(Some(manifest))
    }
}

impl Listed {
    fn in_words(&self) -> String {
        format!("{} octets with SHA-256 {}", self.size, self.sha256)
    }
}

fn list(dir: &Path, name: &str) -> Result<Option<Listed>, ManifestError> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(octets) => Ok(Some(Listed {
            name: name.to_owned(),
            size: octets.len() as u64,
            sha256: sha256(&octets),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ManifestError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{FILE_NAME, Manifest, ManifestError};

    #[test]
    fn an_edited_file_is_named_and_a_missing_manifest_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::write(dir.join("a"), "one").unwrap();
        fs::write(dir.join("b"), "two").unwrap();
        assert_eq!(Manifest::verify(dir).unwrap(), None);
        let manifest = Manifest::of(dir, ["a", "b", "never-written"]).unwrap();
        manifest.write(dir).unwrap();
        assert_eq!(manifest.files.len(), 2);
        // Somebody's own file beside ours is none of our business.
        fs::write(dir.join("notes"), "mine").unwrap();
        assert_eq!(Manifest::verify(dir).unwrap(), Some(manifest));
        // Of the same length, so that only the digest tells.
        fs::write(dir.join("b"), "owt").unwrap();
        match Manifest::verify(dir) {
            Err(ManifestError::Edited { path, .. }) => assert_eq!(path, dir.join("b")),
            other => panic!("{other:?}"),
        }
        fs::remove_file(dir.join("b")).unwrap();
        assert!(Manifest::verify(dir).unwrap().is_some());
        fs::write(dir.join(FILE_NAME), "{").unwrap();
        assert!(matches!(
            Manifest::verify(dir),
            Err(ManifestError::NotOne { .. })
        ));
    }
}
