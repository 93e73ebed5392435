//! What is judged by: features and catalogue, read and checked.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use twinproof_conformance::suite::Suite;
use twinproof_evidence::report::Report;
use twinproof_judge::Features;
use twinproof_judge::catalogue::Catalogue;

use crate::args::Words;
use crate::problem::Problem;

/// The words that a run is judged by.
pub(crate) struct Source {
    pub(crate) catalogue: Catalogue,
    pub(crate) suite: Arc<Suite>,
    pub(crate) sha256: String,
    pub(crate) features: Features,
    /// Whether the scenarios came with the catalogue, and so cover it.
    pub(crate) whole: bool,
}

impl Source {
    /// Reads and checks them.
    pub(crate) fn load(words: &Words) -> Result<Self, Problem> {
        let features = features(words)?;
        let catalogue = Catalogue::load(&features)
            .map_err(|error| Problem::Usage(format!("the catalogue is wrong: {error}")))?;
        let suite = Suite::load(&features, &catalogue).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(|error| format!("  {error}")).collect();
            Problem::Usage(format!(
                "the features are wrong, and nothing was run:\n{}",
                lines.join("\n")
            ))
        })?;
        Ok(Self {
            catalogue,
            suite: Arc::new(suite),
            sha256: features.sha256(),
            whole: features.is_whole(),
            features,
        })
    }
}

impl Source {
    /// Says of enablers that no scenario is for them, and what there is of them.
    pub(crate) fn without_scenarios(&self, enablers: &[String]) -> String {
        let known = self.catalogue.requirements.iter();
        let known = known.filter(|r| enablers.contains(&r.enabler)).count();
        let whose = if self.whole {
            "this version has"
        } else {
            "the features that --features names have"
        };
        let list: Vec<_> = enablers.iter().map(|e| format!(" --enabler {e}")).collect();
        format!(
            "{whose} no scenarios for {} yet; the catalogue has {known} requirements of {}: `twinproof \
             list{}` shows them",
            enablers.join(" and "),
            if enablers.len() == 1 { "it" } else { "them" },
            list.concat()
        )
    }
}

fn features(words: &Words) -> Result<Features, Problem> {
    let Some(dir) = &words.features else {
        return Ok(Features::built_in());
    };
    let mut files = Vec::new();
    collect(dir, "", &mut files).map_err(|error| {
        Problem::Usage(format!(
            "cannot read the features in {}: {error}",
            dir.display()
        ))
    })?;
    if !files.iter().any(|(path, _)| path.ends_with(".feature")) {
        return Err(Problem::Usage(format!(
            "expected .feature files below {}, found none",
            dir.display()
        )));
    }
    Ok(Features::of_files(files))
}

fn collect(dir: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if path.ends_with(".feature") || path.ends_with(".toml") {
            files.push((path, fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// Reads a report: a report directory, or a `report.json` itself.
pub(crate) fn report(path: &Path) -> Result<Report, Problem> {
    let file = if path.is_dir() {
        path.join(twinproof_formats::json::FILE_NAME)
    } else {
        path.to_owned()
    };
    let text = fs::read_to_string(&file).map_err(|error| {
        Problem::Usage(format!(
            "expected a report at {}, got: {error}; `twinproof run` writes one",
            file.display()
        ))
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::Usage(format!(
            "{} is not a report that this version reads: {error}; `twinproof judge DIR` makes it anew \
             from its ledger",
            file.display()
        ))
    })
}
