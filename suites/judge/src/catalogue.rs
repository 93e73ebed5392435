//! Every requirement of the source documents, and the register of their ambiguities.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use twinproof_lwm2m::wire::Version;

use crate::capabilities::{self, Capabilities};
use crate::features::Features;
use crate::sources::{self, Clause, Source, SourceFile};

/// The enablers, in the order in which they are reported.
pub const ENABLERS: [&str; 4] = ["twinning", "lwm2m", "dm", "gwmo"];

/// The file of the ambiguity register, among the requirement files.
pub(crate) const REGISTER: &str = "ambiguities.toml";

/// The roles that this version judges. What binds another role only is nobody's gap.
pub const ROLES: [&str; 8] = [
    "twinning-enabler",
    "lwm2m-server",
    "lwm2m-client",
    "lwm2m-bootstrap-server",
    "dm-client",
    "dm-server",
    "dm-bootstrap-server",
    "dm-gateway",
];

/// In front of the role that a scenario judges, where it is not the first of its enabler.
pub const ROLE_TAG: &str = "role:";

/// The role that a scenario of an enabler judges, by its tags.
pub fn role_of<'a>(enabler: &str, tags: &'a [String]) -> &'a str {
    let tagged = tags.iter().find_map(|tag| tag.strip_prefix(ROLE_TAG));
    let mut own = ROLES.into_iter().filter(|role| {
        let rest = role.strip_prefix(enabler);
        rest.is_some_and(|rest| rest.starts_with('-'))
    });
    tagged.or_else(|| own.next()).unwrap_or_default()
}

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
    /// No text of its own: a test purpose, which binds as the clause does that it rests on.
    #[serde(rename = "PURPOSE")]
    Purpose,
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
            Self::Purpose => "PURPOSE",
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

/// What it takes to judge a test purpose.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A client is judged; the tester plays the server.
    Client,
    /// A person looks at what was put on record.
    Person,
    /// Somebody has to make the server act, or look at what it shows its operator.
    UpperTester,
    /// A simulated device is enough.
    Wire,
}

impl Kind {
    /// How such a purpose is seen from outside, in one sentence.
    pub const fn observed(self) -> &'static str {
        match self {
            Self::Client => "The tester plays the server and watches the client.",
            Self::Person => "A person looks at what was put on record; no message shows it.",
            Self::UpperTester => {
                "An upper tester makes the server act, or reads what it shows its operator, while \
                 simulated devices see what arrives."
            }
            Self::Wire => "Simulated devices see it in what the server answers.",
        }
    }
}

/// What makes a requirement a test purpose of another one.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// The label of the clause that it belongs to. That clause only groups.
    pub clause: String,
    /// What it takes to judge it.
    pub kinds: Vec<Kind>,
    /// The version of the enabler that introduced what it looks at.
    pub since: Version,
    /// The clauses of the specifications that a failure rests on.
    pub basis: Vec<Clause>,
    /// The cases of the official test specification that come nearest.
    pub ets: Vec<String>,
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
    /// Why no scenario of this version judges it, although scenarios could.
    #[serde(default)]
    pub untested: Option<String>,
    /// What makes it a test purpose, if it is one; filled in by the loader.
    #[serde(skip)]
    pub purpose: Option<Purpose>,
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
        match &self.purpose {
            Some(purpose) => sources::cited(&purpose.basis),
            None => format!("{} §{}", self.document, self.section),
        }
    }

    /// Whether a failure can rest on it: at least one of its clauses was read.
    pub fn is_read(&self) -> bool {
        let purpose = self.purpose.as_ref();
        purpose.is_none_or(|purpose| purpose.basis.iter().any(|clause| clause.known))
    }

    /// Whether it binds a role that this version judges.
    pub fn binds_a_judged_role(&self) -> bool {
        ROLES.contains(&self.role.as_str())
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
    /// The texts that purposes rest on, and what of them was read.
    pub sources: Vec<Source>,
    /// What systems can be able to do, by enabler.
    pub capabilities: Vec<Capabilities>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequirementFile {
    document: Document,
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurposeFile {
    document: Document,
    purpose: Vec<PurposeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurposeEntry {
    id: String,
    clause: String,
    kinds: Vec<Kind>,
    role: String,
    #[serde(default)]
    also_role: Vec<String>,
    #[serde(default)]
    since: Option<String>,
    title: String,
    says: String,
    basis: String,
    #[serde(default)]
    ets: Vec<String>,
    #[serde(default)]
    rulings: Vec<String>,
    #[serde(default)]
    overlaps: Vec<Overlap>,
    #[serde(default)]
    untested: Option<String>,
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
        let mut purposes = Vec::new();
        for (name, contents) in features.requirements() {
            let fault = |why: String| CatalogueError {
                file: name.to_owned(),
                why,
            };
            let text = std::str::from_utf8(contents).map_err(|_| fault("not UTF-8".to_owned()))?;
            if name.ends_with(capabilities::FILES) {
                let read: Capabilities = toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                catalogue.capabilities.push(read);
            } else if name.ends_with(sources::FILES) {
                let read: SourceFile = toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                catalogue.sources.extend(read.source);
            } else if name.ends_with(REGISTER) {
                let register: RegisterFile =
                    toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                for ruling in register.ruling {
                    if let Some(twice) = catalogue.rulings.insert(ruling.id.clone(), ruling) {
                        return Err(fault(format!("ruling {} stands twice", twice.id)));
                    }
                }
            } else if name.ends_with("-purposes.toml") {
                let read: PurposeFile = toml::from_str(text).map_err(|e| fault(e.to_string()))?;
                catalogue.documents.push(read.document.clone());
                purposes.push((name, read));
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
        for (name, read) in purposes {
            for entry in read.purpose {
                let purpose = entry.into_requirement(&read.document, &catalogue.sources);
                let purpose = purpose.map_err(|why| CatalogueError {
                    file: name.to_owned(),
                    why,
                })?;
                catalogue.requirements.push(purpose);
            }
        }
        catalogue.link_purposes()?;
        let rank = |enabler: &str| ENABLERS.iter().position(|e| *e == enabler);
        catalogue.documents.sort_by_key(|d| rank(&d.enabler));
        catalogue.requirements.sort_by_key(|r| rank(&r.enabler));
        catalogue.verify()?;
        Ok(catalogue)
    }

    /// Gives every purpose what it has from its clause.
    fn link_purposes(&mut self) -> Result<(), CatalogueError> {
        let clauses: BTreeMap<String, (String, String)> = self
            .requirements
            .iter()
            .filter(|r| r.purpose.is_none())
            .map(|r| (r.id.clone(), (r.section.clone(), r.failure.clone())))
            .collect();
        for requirement in &mut self.requirements {
            let Some(purpose) = &requirement.purpose else {
                continue;
            };
            let Some((section, failure)) = clauses.get(&purpose.clause) else {
                return Err(CatalogueError {
                    file: requirement.document.clone(),
                    why: format!(
                        "{} belongs to {}, which does not exist",
                        requirement.id, purpose.clause
                    ),
                });
            };
            requirement.section.clone_from(section);
            requirement.failure.clone_from(failure);
        }
        Ok(())
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
        for table in &self.capabilities {
            let named = table.capability.iter().flat_map(|c| &c.purposes);
            let mut named = named.chain([&table.requirement]);
            let unknown = named.find(|id| !labels.contains(id.as_str()));
            let unknown = unknown.map(|id| format!("{id} is named, and does not exist"));
            if let Some(why) = table.fault().or(unknown) {
                let file = format!("{}{}", table.enabler, capabilities::FILES);
                return Err(CatalogueError { file, why });
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

    /// Whether a clause was read, given as a verdict cites it: `RFC 7252 §4.5`.
    pub fn knows(&self, clause: &str) -> bool {
        let cited = sources::clauses(clause, &self.sources);
        cited.iter().any(|clause| clause.known)
    }

    /// The test purposes of a clause, in their order.
    pub fn purposes_of<'a>(&'a self, clause: &'a str) -> impl Iterator<Item = &'a Requirement> {
        self.requirements
            .iter()
            .filter(move |r| r.purpose.as_ref().is_some_and(|p| p.clause == clause))
    }

    /// The capabilities of an enabler that a profile can claim by their ids.
    pub fn capabilities_of<'a>(
        &'a self,
        enabler: &'a str,
    ) -> impl Iterator<Item = &'a capabilities::Capability> {
        let tables = self.capabilities.iter();
        let own = tables.filter(move |table| table.enabler == enabler);
        own.flat_map(|table| &table.capability)
    }

    /// The requirement with this label.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|r| r.id == id)
    }
}

impl PurposeEntry {
    fn into_requirement(
        self,
        document: &Document,
        sources: &[Source],
    ) -> Result<Requirement, String> {
        let since = match &self.since {
            Some(text) => text
                .parse()
                .map_err(|e| format!("{}: since = {text:?}: {e}", self.id))?,
            None => Version::V1_0,
        };
        let judged_by = match self.kinds.as_slice() {
            [] => return Err(format!("{} has no kind", self.id)),
            [Kind::Person] => JudgedBy::Inspection,
            _ => JudgedBy::Scenarios,
        };
        let mut observed: Vec<_> = self.kinds.iter().map(|kind| kind.observed()).collect();
        if judged_by == JudgedBy::Inspection {
            // The person has to know what to look at.
            observed.push(&self.says);
        }
        let observed = observed.join(" ");
        Ok(Requirement {
            id: self.id,
            section: String::new(),
            level: Level::Purpose,
            status: Status::Active,
            role: self.role,
            also_role: self.also_role,
            title: self.title,
            says: self.says,
            judged_by,
            observed,
            failure: String::new(),
            rulings: self.rulings,
            overlaps: self.overlaps,
            parts: Vec::new(),
            untested: self.untested,
            purpose: Some(Purpose {
                clause: self.clause,
                kinds: self.kinds,
                since,
                basis: sources::clauses(&self.basis, sources),
                ets: self.ets,
            }),
            document: document.id.clone(),
            enabler: document.enabler.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, JudgedBy, Kind, Level};
    use crate::{FEATURES, Features};

    #[test]
    fn every_purpose_stands_under_a_clause_and_rests_on_a_specification() {
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let purposes: Vec<_> = catalogue
            .requirements
            .iter()
            .filter_map(|r| Some((r, r.purpose.as_ref()?)))
            .collect();
        assert_eq!(purposes.len(), 179);
        for (requirement, purpose) in purposes {
            let id = &requirement.id;
            assert!(!requirement.failure.is_empty(), "{id}");
            assert!(
                purpose.ets.iter().all(|ets| ets.starts_with("ETS-1.")),
                "{id}"
            );
            let by_person = purpose.kinds == [Kind::Person];
            assert_eq!(
                requirement.judged_by == JudgedBy::Inspection,
                by_person,
                "{id}"
            );
            // What nobody but a person judges needs no rule that a failure could rest on.
            let architecture = requirement.clause().starts_with("AD ");
            assert_eq!(architecture, by_person, "{id}: {}", requirement.clause());
        }
        let clauses = catalogue
            .requirements
            .iter()
            .filter(|r| r.enabler == "lwm2m" && r.level == Level::Statement);
        for clause in clauses {
            assert!(
                catalogue.purposes_of(&clause.id).next().is_some(),
                "{}",
                clause.id
            );
        }
    }

    #[test]
    fn what_purposes_rest_on_is_known_or_says_that_it_is_not() {
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let mut unread = Vec::new();
        for requirement in &catalogue.requirements {
            let Some(purpose) = &requirement.purpose else {
                continue;
            };
            for clause in &purpose.basis {
                // A document that no source names would be inference by a slip of the pen.
                let named = catalogue.sources.iter().any(|s| s.id == clause.document);
                assert!(named, "{}: {clause:?}", requirement.id);
                let marked = format!("{} [inference]", clause.section);
                let says = requirement.clause().contains(&marked);
                assert_eq!(says, !clause.known, "{}: {clause:?}", requirement.id);
            }
            if !requirement.is_read() {
                unread.push(requirement.id.as_str());
            }
        }
        unread.retain(|id| !id.starts_with("LW-SEC-") && !id.starts_with("LW-SC-"));
        assert_eq!(
            unread,
            [
                "LW-CLI-09",
                "LW-IF3-17",
                "LW-IF4-14",
                "LW-IF4-15",
                "LW-IF4-16",
                "LW-REL-02",
                "LW-MUL-06"
            ]
        );
        assert!(catalogue.knows("RFC 7252 §4.5") && !catalogue.knows("RFC 6347 §4.1"));
    }

    fn with_purpose(entry: &str) -> String {
        let document = "[document]\nid = \"X\"\nenabler = \"lwm2m\"\ntitle = \"x\"\n\
                        reference = \"x\"\nseed = \"002\"\n";
        let text = format!("{document}[[purpose]]\nid = \"X-1\"\n{entry}");
        let files = FEATURES
            .requirements()
            .map(|(path, contents)| (path.to_owned(), contents.to_vec()))
            .chain([("requirements/x-purposes.toml".to_owned(), text.into_bytes())]);
        Catalogue::load(&Features::of_files(files))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_purpose_without_a_clause_or_with_a_bad_version_is_refused() {
        let rest = "role = \"lwm2m-server\"\ntitle = \"t\"\nsays = \"s\"\nbasis = \"b\"\n";
        let words = with_purpose(&format!("clause = \"NO-1\"\nkinds = [\"wire\"]\n{rest}"));
        assert_eq!(words, "X: X-1 belongs to NO-1, which does not exist");
        let words = with_purpose(&format!(
            "clause = \"LWM2M-AD-5.4\"\nkinds = [\"wire\"]\nsince = \"one\"\n{rest}"
        ));
        assert!(
            words.contains("X-1: since = \"one\": expected a version"),
            "{words}"
        );
        let words = with_purpose(&format!("clause = \"LWM2M-AD-5.4\"\nkinds = []\n{rest}"));
        assert!(words.contains("X-1 has no kind"), "{words}");
    }
}
