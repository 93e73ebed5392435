//! Every requirement of the source documents, and the register of their ambiguities.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::features::Features;

/// The enablers, in the order in which they are reported.
pub const ENABLERS: [&str; 4] = ["twinning", "lwm2m", "dm", "gwmo"];

/// A source document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The short name that verdicts cite.
    pub id: String,
    /// The enabler that it belongs to.
    pub enabler: String,
    /// The full title.
    pub title: String,
    /// OMA's own document name.
    pub reference: String,
    /// Which of the five source files it is.
    pub seed: String,
}

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum Level {
    /// Binding.
    #[serde(rename = "SHALL")]
    Shall,
    /// Binding, as a prohibition.
    #[serde(rename = "SHALL NOT")]
    ShallNot,
    /// Binding.
    #[serde(rename = "MUST")]
    Must,
    /// Recommended.
    #[serde(rename = "SHOULD")]
    Should,
    /// Optional.
    #[serde(rename = "MAY")]
    May,
    /// A clause without a key word.
    #[serde(rename = "STATEMENT")]
    Statement,
}

impl Level {
    /// As the documents print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shall => "SHALL",
            Self::ShallNot => "SHALL NOT",
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Statement => "STATEMENT",
        }
    }
}

/// Whether a requirement is in force.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In force.
    Active,
    /// Withdrawn by its own document.
    Deleted,
    /// Left to a later release by its own document.
    Future,
}

impl Status {
    /// As the report prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Future => "future",
        }
    }
}

/// How a requirement can be judged.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum JudgedBy {
    /// By scenarios.
    Scenarios,
    /// By a person, whom lints may help.
    Inspection,
    /// Not from outside.
    NotObservable,
}

/// A relation between two requirements that are broken together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The other requirement.
    pub with: String,
    /// Why.
    pub because: String,
}

/// A second half of a requirement that binds differently.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How it binds.
    pub level: Level,
    /// What it says, in our words.
    pub says: String,
}

/// A requirement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its label as printed, OCR damage mended.
    pub id: String,
    /// The section it stands in.
    pub section: String,
    /// How binding it is.
    pub level: Level,
    /// Whether it is in force.
    pub status: Status,
    /// Who is bound.
    pub role: String,
    /// Who else is bound.
    #[serde(default)]
    pub also_role: Vec<String>,
    /// A title in our words.
    pub title: String,
    /// What it says, in one sentence of our own.
    pub says: String,
    /// How it is judged.
    pub judged_by: JudgedBy,
    /// Where and how it is seen from outside, or what a person looks at, or why it cannot be seen.
    pub observed: String,
    /// What a failure means to those who use the system.
    pub failure: String,
    /// The rulings that it is judged by.
    #[serde(default)]
    pub rulings: Vec<String>,
    /// The requirements that break together with it.
    #[serde(default)]
    pub overlaps: Vec<Overlap>,
    /// Halves that bind differently.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// The short name of its document; filled in by the loader.
    #[serde(skip)]
    pub document: String,
    /// Its enabler; filled in by the loader.
    #[serde(skip)]
    pub enabler: String,
}

impl Requirement {
    /// The clause, as a verdict cites it.
    pub fn clause(&self) -> String {
        format!("{} §{}", self.document, self.section)
    }
}

/// An entry of the ambiguity register.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// Its id.
    pub id: String,
    /// The document whose text is ambiguous.
    pub document: String,
    /// A title.
    pub title: String,
    /// What is ambiguous.
    pub issue: String,
    /// What the harness does.
    pub ruling: String,
    /// Whether the reading may fail nobody.
    pub disputable: bool,
    /// The admissible readings.
    #[serde(default)]
    pub readings: Vec<String>,
    /// The requirements that it touches.
    #[serde(default)]
    pub requirements: Vec<String>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The documents.
    pub documents: Vec<Document>,
    /// The requirements, by document and then in the document's order.
    pub requirements: Vec<Requirement>,
    /// The register.
    pub rulings: BTreeMap<String, Ruling>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequirementFile {
    document: Document,
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterFile {
    ruling: Vec<Ruling>,
}

/// What is wrong with the catalogue.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct CatalogueError {
    /// The file below `features/`.
    pub file: String,
    /// What is wrong.
    pub why: String,
}

impl Catalogue {
    /// Reads `requirements/*.toml`.
    ///
    /// # Errors
    ///
    /// A file that is not as described, a label that stands twice, or a reference to nothing.
    pub fn load(features: &Features) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (name, contents) in features.requirements() {
            let fault = |why: String| CatalogueError {
                file: name.to_owned(),
                why,
            };
            let text = std::str::from_utf8(contents).map_err(|_| fault("not UTF-8".to_owned()))?;
            if name.ends_with("ambiguities.toml") {
                let register: RegisterFile =
                    toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                for ruling in register.ruling {
                    if let Some(twice) = catalogue.rulings.insert(ruling.id.clone(), ruling) {
                        return Err(fault(format!("ruling {} stands twice", twice.id)));
                    }
                }
            } else {
                let read: RequirementFile =
                    toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                for mut requirement in read.requirement {
                    requirement.document.clone_from(&read.document.id);
                    requirement.enabler.clone_from(&read.document.enabler);
                    catalogue.requirements.push(requirement);
                }
                catalogue.documents.push(read.document);
            }
        }
        let rank = |enabler: &str| ENABLERS.iter().position(|e| *e == enabler);
        catalogue.documents.sort_by_key(|d| rank(&d.enabler));
        catalogue.requirements.sort_by_key(|r| rank(&r.enabler));
        catalogue.verify()?;
        Ok(catalogue)
    }

    fn verify(&self) -> Result<(), CatalogueError> {
        let mut labels = BTreeSet::new();
        for requirement in &self.requirements {
            let fault = |why: String| {
                Err(CatalogueError {
                    file: requirement.document.clone(),
                    why,
                })
            };
            if !labels.insert(requirement.id.as_str()) {
                return fault(format!("requirement {} stands twice", requirement.id));
            }
            if let Some(ruling) = requirement
                .rulings
                .iter()
                .find(|id| !self.rulings.contains_key(*id))
            {
                return fault(format!(
                    "{} names ruling {ruling}, which does not exist",
                    requirement.id
                ));
            }
        }
        for requirement in &self.requirements {
            if let Some(overlap) = requirement
                .overlaps
                .iter()
                .find(|o| !labels.contains(o.with.as_str()))
            {
                let why = format!(
                    "{} overlaps {}, which does not exist",
                    requirement.id, overlap.with
                );
                return Err(CatalogueError {
                    file: requirement.document.clone(),
                    why,
                });
            }
        }
        Ok(())
    }

    /// The requirement with this label.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|r| r.id == id)
    }
}
