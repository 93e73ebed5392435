use std::collections::BTreeMap;

use include_dir::Dir;
use sha2::{Digest as _, Sha256};
use twinproof_evidence::record::hex;

use crate::catalogue;

/// The folder whose requirement files make the catalogue.
const REQUIREMENTS: &str = "requirements/";

/// The folder of what proves the verdicts: made with the features, and no part of them.
pub(crate) const PROOFS: &str = "proofs/";

static BUILT_IN: Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../features");

/// The files of a features folder: scenarios and requirement files, by path below the folder.
#[derive(Clone, Debug, Default)]
pub struct Features {
    files: BTreeMap<String, Vec<u8>>,
    whole: bool,
}

impl Features {
    /// Those that are built in.
    pub fn built_in() -> Self {
        fn visit(dir: &Dir<'_>, files: &mut BTreeMap<String, Vec<u8>>) {
            files.extend(dir.files().map(|file| {
                let path = file.path().to_string_lossy().replace('\\', "/");
                (path, file.contents().to_vec())
            }));
            dir.dirs().for_each(|dir| visit(dir, files));
        }
        let mut files = BTreeMap::new();
        visit(&BUILT_IN, &mut files);
        files.retain(|path, _| !path.starts_with(PROOFS));
        Self { files, whole: true }
    }

    /// Somebody's own: paths below the folder, with `/` between their segments. Where they bring no
    /// requirement files, the built-in catalogue stands.
    pub fn of_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut own: BTreeMap<_, _> = files.into_iter().collect();
        own.retain(|path: &String, _| !path.starts_with(PROOFS));
        let whole = own.keys().any(|path| path.starts_with(REQUIREMENTS));
        if !whole {
            let built_in = Self::built_in().files;
            own.extend(
                built_in
                    .into_iter()
                    .filter(|(path, _)| path.starts_with(REQUIREMENTS)),
            );
        }
        Self { files: own, whole }
    }

    /// Whether scenarios and requirements came together, so that a requirement without a scenario is a
    /// gap. Somebody's own scenarios beside the built-in catalogue need not cover it.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The requirement files in the order of their names.
    pub fn requirements(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.ending(".toml")
            .filter(|(path, _)| path.starts_with(REQUIREMENTS))
    }

    /// The feature files in the order of their names.
    pub fn scenarios(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.ending(".feature")
    }

    /// Digest of all files: two runs with the same digest were judged by the same words.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (path, contents) in &self.files {
            hash.update(path.as_bytes());
            hash.update([0]);
            hash.update(contents);
            hash.update([0]);
        }
        hex(&hash.finalize())
    }

    /// The scenarios and requirements of one enabler, and the ambiguity register that all share.
    pub(crate) fn of_enabler(&self, enabler: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let scenarios = format!("{enabler}/");
        let requirements = format!("{REQUIREMENTS}{enabler}-");
        let register = format!("{REQUIREMENTS}{}", catalogue::REGISTER);
        self.ending("").filter(move |(path, _)| {
            path.starts_with(&scenarios) || path.starts_with(&requirements) || *path == register
        })
    }

    /// All files, by path.
    #[cfg(test)]
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.ending("")
    }

    fn ending(&self, suffix: &'static str) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .map(|(path, contents)| (path.as_str(), contents.as_slice()))
    }
}

/// A file of proofs that is built in.
pub(crate) fn built_in_proof(path: &str) -> Option<&'static [u8]> {
    BUILT_IN.get_file(path).map(include_dir::File::contents)
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn somebodys_own_scenarios_stand_on_the_built_in_catalogue() {
        let own = Features::of_files([("twinning/own.feature".to_owned(), b"Feature: x".to_vec())]);
        assert_eq!(own.scenarios().count(), 1);
        assert_eq!(
            own.requirements().collect::<Vec<_>>(),
            Features::built_in().requirements().collect::<Vec<_>>()
        );
        assert!(!own.is_whole());
    }

    #[test]
    fn scenarios_that_bring_their_requirements_are_whole() {
        let files = ["requirements/own.toml", "twinning/own.feature"];
        assert!(Features::of_files(files.map(|path| (path.to_owned(), Vec::new()))).is_whole());
        assert!(Features::built_in().is_whole());
    }

    #[test]
    fn the_digest_knows_names_and_contents() {
        let digest = |path: &str, text: &str| {
            Features::of_files([(path.to_owned(), text.as_bytes().to_vec())]).sha256()
        };
        assert_eq!(digest("a.feature", "x"), digest("a.feature", "x"));
        assert_ne!(digest("a.feature", "x"), digest("a.feature", "y"));
        assert_ne!(digest("a.feature", "x"), digest("b.feature", "x"));
    }
}
