//! The checks: pure functions from a scene to a finding, called by name.

pub mod dm;
pub mod gwmo;
pub mod lwm2m;
pub mod twinning;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_evidence::Verdict;
use twinproof_evidence::report::Provenance;
use twinproof_twinning::address::same;
use twinproof_twinning::knobs::Knobs;

use crate::scene::Scene;

/// A check and its arguments, as a Then step records it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// None: the run did not have the step that would ask for one.
    NotRecorded {
        /// The words of the step.
        step: String,
    },
    /// On a DM client or server.
    Dm(dm::Check),
    /// On a gateway.
    Gwmo(gwmo::Check),
    /// On a server above a gateway.
    GwmoServer(gwmo::server::Check),
    /// On an LwM2M server.
    Lwm2m(lwm2m::Check),
    /// On a Twinning enabler.
    Twinning(twinning::Check),
}

/// What a check may look at besides its scene.
pub struct Context<'a> {
    /// The shapes of the interface.
    pub knobs: &'a Knobs,
    /// Where the value of a knob comes from.
    pub provenance: &'a dyn Fn(&str) -> Provenance,
    /// Addresses of one device each, where the profile gives a device several.
    pub aliases: Vec<Vec<String>>,
    /// The simulated parties that the system called in this run: it can reach this tester.
    pub called: BTreeSet<String>,
}

impl Context<'_> {
    /// Whether two addresses mean the same device, by themselves or by the profile.
    pub fn same_device(&self, one: &str, other: &str) -> bool {
        let among = |all: &[String], address: &str| all.iter().any(|a| same(a, address));
        same(one, other) || {
            let mut devices = self.aliases.iter();
            devices.any(|all| among(all, one) && among(all, other))
        }
    }
}

/// What a check found, before levels and claims are weighed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Pass, fail, or what else the check itself can tell.
    pub verdict: Verdict,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    /// The rule, where it is not simply the scenario's requirement.
    pub rule: Option<String>,
    /// The rulings of the ambiguity register that this rests on.
    pub rulings: Vec<&'static str>,
    /// The exchanges that show it.
    pub evidence: Vec<u64>,
    /// The knobs that a fail would rest on.
    pub relies_on: Vec<&'static str>,
}

impl Found {
    fn new(verdict: Verdict, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self {
            verdict,
            expected: expected.into(),
            got: got.into(),
            rule: None,
            rulings: Vec::new(),
            evidence: Vec::new(),
            relies_on: Vec::new(),
        }
    }

    /// Pass if `holds`, else fail.
    pub fn decide(holds: bool, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::new(
            if holds { Verdict::Pass } else { Verdict::Fail },
            expected,
            got,
        )
    }

    /// It could not be found out.
    pub fn inconclusive(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::new(Verdict::Inconclusive, expected, got)
    }

    /// What the system lawfully chose leaves nothing to look at.
    pub fn not_applicable(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, expected, got)
    }

    /// The tester itself broke.
    pub fn broken(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::new(Verdict::Error, expected, got)
    }

    /// Names the exchanges that show it.
    #[must_use]
    pub fn shown_by(mut self, exchanges: impl IntoIterator<Item = u64>) -> Self {
        self.evidence.extend(exchanges);
        self
    }

    /// Names the rule.
    #[must_use]
    pub fn by(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// Names the rulings that this rests on. A disputable one turns a fail into a warning.
    #[must_use]
    pub fn under(mut self, rulings: &[&'static str]) -> Self {
        self.rulings.extend_from_slice(rulings);
        self
    }

    /// What is not met is a recommendation or our own judgement: a fail is but a warning.
    #[must_use]
    pub fn advisory(mut self) -> Self {
        if self.verdict == Verdict::Fail {
            self.verdict = Verdict::Warning;
        }
        self
    }

    /// Names the knobs that a fail would rest on.
    #[must_use]
    pub fn relying_on(mut self, knobs: &[&'static str]) -> Self {
        self.relies_on.extend_from_slice(knobs);
        self
    }
}

impl Check {
    /// The check's name.
    pub fn name(&self) -> String {
        let (family, value) = match self {
            Self::NotRecorded { .. } => return "not-recorded".to_owned(),
            Self::Dm(check) => ("dm", serde_json::to_value(check)),
            Self::Gwmo(check) => ("gwmo", serde_json::to_value(check)),
            Self::GwmoServer(check) => ("gwmo-server", serde_json::to_value(check)),
            Self::Lwm2m(check) => ("lwm2m", serde_json::to_value(check)),
            Self::Twinning(check) => ("twinning", serde_json::to_value(check)),
        };
        let name = value
            .ok()
            .and_then(|v| v.get("check").and_then(|n| n.as_str().map(str::to_owned)));
        format!("{family}/{}", name.unwrap_or_default())
    }

    /// Looks at the scene.
    pub fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::NotRecorded { step } => Found::inconclusive(
                format!("a record of \u{201c}{step}\u{201d}"),
                "not recorded: the scenario did not have this step when it ran",
            ),
            Self::Dm(check) => check.look(scene),
            Self::Gwmo(check) => check.look(scene),
            Self::GwmoServer(check) => check.look(scene),
            Self::Lwm2m(check) => check.look(scene),
            Self::Twinning(check) => check.look(scene, context),
        }
    }
}
