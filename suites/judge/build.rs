//! New feature files have to be built in, too: the macro that does it only notices changed ones. And
//! proofs have to know the checks that they were made with.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn main() {
    println!("cargo:rerun-if-changed=../../features");
    println!("cargo:rerun-if-changed=src/checks");
    let checks = Path::new("src/checks");
    let mut enablers: Vec<String> = fs::read_dir(checks)
        .expect("src/checks is a folder")
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    enablers.sort();
    let digests: Vec<String> = enablers
        .iter()
        .map(|enabler| {
            let mut files = Vec::new();
            collect(&checks.join(enabler), &mut files);
            files.sort();
            format!("{enabler}={}", digest(&files))
        })
        .collect();
    println!("cargo:rustc-env=TWINPROOF_CHECKS={}", digests.join(";"));
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of checks").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The digest of code: comments, blank lines, indents and tests change nothing.
fn digest(files: &[PathBuf]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        let text = fs::read_to_string(file).expect("a file of the crate");
        let code = text
            .lines()
            .map(str::trim)
            .take_while(|line| *line != "#[cfg(test)]")
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        for line in code {
            hash.update(line);
            hash.update("\n");
        }
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
