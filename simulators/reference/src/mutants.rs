//! One rule broken at a time.

use std::sync::Arc;

use twinproof_twinning::enabler::rules::{CodeFacts, Rules};

/// A deliberately broken system.
pub struct Mutant {
    /// Its name, as `--mutant` takes it.
    pub name: &'static str,
    /// What it does wrong, in one sentence.
    pub does: &'static str,
    /// The requirement that it breaks.
    pub breaks: &'static str,
    /// The rules that it overrides.
    pub rules_broken: &'static [&'static str],
    /// The checks that must fail: scenario and check.
    pub caught_by: &'static [(&'static str, &'static str)],
    /// Its rules.
    pub rules: fn() -> Arc<dyn Rules>,
}

struct CodeReusable;

impl Rules for CodeReusable {
    fn code_is_usable(&self, facts: CodeFacts) -> bool {
        facts.known && facts.age < facts.lifetime && !facts.own
    }
}

/// All of them.
pub const TWINNING: &[Mutant] = &[Mutant {
    name: "code-reusable",
    does: "accepts an activation code that was used before",
    breaks: "HLF-TE-005",
    rules_broken: &["code_is_usable"],
    caught_by: &[
        ("twinning/enabler/code-works-once", "twinning/refused"),
        ("twinning/enabler/code-works-once", "twinning/list-counts"),
        ("twinning/enabler/code-works-once", "twinning/unchanged"),
    ],
    rules: || Arc::new(CodeReusable),
}];
