//! What proves that verdicts mean something: which deliberately broken systems a requirement fails, and
//! in how many lawful ones it came to a verdict without a fail.
//!
//! The data is written by `twinproof mutants --write` and `twinproof variants --write`, stands in
//! `features/proofs`, and holds for the very scenarios, requirements and checks that it was made with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use twinproof_evidence::record::hex;
use twinproof_evidence::report::Proof;

use crate::features::{self, Features};
use crate::{FEATURES, catalogue};

/// Digests of the checks of each enabler as `name=digest` with `;` between them; see build.rs.
const CHECKS: &str = env!("TWINPROOF_CHECKS");

/// Which deliberately broken systems a suite fails.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// [`digest`] of the suite.
    pub suite: String,
    /// Requirement → the mutants that break it and that it fails for.
    pub mutants: BTreeMap<String, Vec<String>>,
}

/// Which lawful systems a suite fails not.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerant {
    /// [`digest`] of the suite.
    pub suite: String,
    /// How many lawful systems there are.
    pub variants: usize,
    /// Requirement → how many of them are judged by it, where not all are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub judged: BTreeMap<String, usize>,
    /// Requirement → in how many of them all its scenarios came to a verdict, none of which was a fail.
    pub decided: BTreeMap<String, usize>,
}

/// What is written on top of a file of proofs.
const HEAD: &str = "# Made by `twinproof mutants` or `variants` with --write. `.ci/run` says when it is out of date.\n\n";

impl Failing {
    /// The file's name for an enabler, below `features/`.
    pub fn file(enabler: &str) -> String {
        format!("{}{enabler}-mutants.toml", features::PROOFS)
    }

    /// As a file holds it.
    pub fn text(&self) -> String {
        text(self)
    }

    /// What is built in for an enabler.
    pub fn built_in(enabler: &str) -> Option<Self> {
        read(&Self::file(enabler))
    }
}

impl Tolerant {
    /// The file's name for an enabler, below `features/`.
    pub fn file(enabler: &str) -> String {
        format!("{}{enabler}-variants.toml", features::PROOFS)
    }

    /// As a file holds it.
    pub fn text(&self) -> String {
        text(self)
    }

    /// What is built in for an enabler.
    pub fn built_in(enabler: &str) -> Option<Self> {
        read(&Self::file(enabler))
    }
}

fn text(found: &impl Serialize) -> String {
    let text = toml::to_string(found).expect("digests, names and counts are TOML");
    format!("{HEAD}{text}")
}

/// What is not there, or not to be read, proves nothing; the tests of suites/proof tell which.
fn read<T: for<'de> Deserialize<'de>>(path: &str) -> Option<T> {
    let contents = features::built_in_proof(path)?;
    toml::from_str(std::str::from_utf8(contents).ok()?).ok()
}

/// The digest of what proofs of an enabler hold for: its scenarios and requirements, and the code of its
/// checks, comments aside.
pub fn digest(features: &Features, enabler: &str) -> String {
    let mut hash = Sha256::new();
    for (path, contents) in features.of_enabler(enabler) {
        hash.update(path);
        hash.update([0]);
        hash.update(contents);
        hash.update([0]);
    }
    hash.update(checks(enabler).unwrap_or_default());
    hex(&hash.finalize())
}

fn checks(enabler: &str) -> Option<&'static str> {
    CHECKS
        .split(';')
        .filter_map(|entry| entry.split_once('='))
        .find_map(|(name, digest)| (name == enabler).then_some(digest))
}

/// The proofs of one enabler that hold for a suite.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    failing: Option<Failing>,
    tolerant: Option<Tolerant>,
}

impl Proofs {
    /// Those that hold for these features with the checks of this version.
    ///
    /// # Errors
    ///
    /// There are none, or they were made with other scenarios, requirements or checks: says which.
    pub fn of(features: &Features, enabler: &str) -> Result<Self, String> {
        let (failing, tolerant) = (Failing::built_in(enabler), Tolerant::built_in(enabler));
        let failing_for = failing.as_ref().map(|failing| &failing.suite);
        let tolerant_for = tolerant.as_ref().map(|tolerant| &tolerant.suite);
        let mut made_for = failing_for.into_iter().chain(tolerant_for).peekable();
        if made_for.peek().is_none() {
            return Err(format!(
                "not proven: no deliberately broken and no lawful systems were tried for {enabler}"
            ));
        }
        let digest = digest(features, enabler);
        if made_for.any(|suite| *suite != digest) {
            return Err(stale(enabler));
        }
        Ok(Self { failing, tolerant })
    }

    /// Those that hold for the features of a run, by their digest.
    ///
    /// # Errors
    ///
    /// As [`Proofs::of`].
    pub(crate) fn of_run(suite_sha256: &str, enabler: &str) -> Result<Self, String> {
        static BUILT_IN: LazyLock<BTreeMap<&str, Result<Proofs, String>>> = LazyLock::new(|| {
            let enablers = catalogue::ENABLERS.into_iter();
            enablers
                .map(|enabler| (enabler, Proofs::of(&FEATURES, enabler)))
                .collect()
        });
        static SUITE: LazyLock<String> = LazyLock::new(|| FEATURES.sha256());
        match BUILT_IN.get(enabler) {
            Some(Ok(_)) if *SUITE != suite_sha256 => Err(stale(enabler)),
            Some(found) => found.clone(),
            None => Ok(Self::default()),
        }
    }

    /// What proves a requirement's verdicts. Nothing where no system was tried that could.
    pub fn proof(&self, requirement: &str) -> Option<Proof> {
        let mutants = self.failing.as_ref().map(|f| f.mutants.get(requirement));
        let decided = self.tolerant.as_ref().map(|t| t.decided.get(requirement));
        let (mutants, decided) = (mutants.flatten(), decided.flatten().copied());
        (mutants.is_some() || decided.is_some()).then(|| Proof {
            mutants: mutants.cloned().unwrap_or_default(),
            variants: decided.unwrap_or_default(),
            variants_total: self.tolerant.as_ref().map_or(0, |tolerant| {
                let judged = tolerant.judged.get(requirement);
                judged.copied().unwrap_or(tolerant.variants)
            }),
        })
    }
}

fn stale(enabler: &str) -> String {
    format!(
        "not proven for this suite: the deliberately broken and the lawful systems of {enabler} were tried \
         with other scenarios, requirements or checks"
    )
}

#[cfg(test)]
mod tests {
    use super::{Failing, HEAD, Proofs, checks, digest};
    use crate::{FEATURES, Features};

    #[test]
    fn a_file_of_proofs_can_be_read_again() {
        let failing = Failing {
            suite: "abc".to_owned(),
            mutants: [("HLF-TE-005".to_owned(), vec!["code-reusable".to_owned()])].into(),
        };
        assert!(failing.text().starts_with(HEAD));
        assert_eq!(toml::from_str::<Failing>(&failing.text()).unwrap(), failing);
    }

    #[test]
    fn the_digest_is_that_of_one_enabler_and_its_checks() {
        assert!(checks("twinning").is_some_and(|digest| digest.len() == 64));
        let with = |path: &str, text: &str| {
            let files = FEATURES.files().map(|(p, c)| (p.to_owned(), c.to_vec()));
            Features::of_files(files.chain([(path.to_owned(), text.as_bytes().to_vec())]))
        };
        let own = digest(&FEATURES, "twinning");
        assert_eq!(own, digest(&with("lwm2m/own.feature", "x"), "twinning"));
        assert_eq!(own, digest(&with("proofs/own.toml", "x"), "twinning"));
        assert_ne!(own, digest(&with("twinning/own.feature", "x"), "twinning"));
        let ambiguities = "requirements/ambiguities.toml";
        assert_ne!(own, digest(&with(ambiguities, "x"), "twinning"));
    }

    #[test]
    fn another_suite_is_not_proven() {
        let other = Features::of_files([("twinning/a.feature".to_owned(), b"x".to_vec())]);
        let why = Proofs::of(&other, "twinning").unwrap_err();
        assert!(why.starts_with("not proven for this suite"), "{why}");
        let why = Proofs::of(&FEATURES, "nothing of ours").unwrap_err();
        assert!(why.starts_with("not proven: no"), "{why}");
        let why = Proofs::of_run("of another suite", "twinning").unwrap_err();
        assert!(why.starts_with("not proven for this suite"), "{why}");
    }
}
