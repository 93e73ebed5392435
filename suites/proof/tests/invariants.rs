//! The invariants hold for the built-in system and not for a broken one.

use std::fs;
use std::sync::Arc;

use twinproof_conformance::Target;
use twinproof_evidence::Verdict;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::hunt::{Scenario, hunt, verdict};
use twinproof_proof::properties::{Command, Failure, Options, Way, search};
use twinproof_reference::mutants;
use twinproof_twinning::enabler::rules::{self as facts, Rules, Standard};

fn target(rules: Arc<dyn Rules>) -> Target {
    Target::BuiltIn(Arc::new(TwinningSystem::new(rules)))
}

fn options(rules: Arc<dyn Rules>, cases: u32) -> Options {
    Options::new(target(rules), cases, 7)
}

fn mutant(name: &str) -> Arc<dyn Rules> {
    let mutant = mutants::twinning().find(|m| m.name == name);
    (mutant
        .unwrap_or_else(|| panic!("there is no mutant {name}"))
        .rules)()
}

/// What these commands and no others break.
fn broken_by(rules: Arc<dyn Rules>, commands: &[Command], only: Option<&str>) -> Option<Failure> {
    let options = Options {
        known: vec![commands.to_vec()],
        only: only.map(str::to_owned),
        ..options(rules, 0)
    };
    let found = search(&options).unwrap();
    assert_eq!(found.transport, 0, "{found:#?}");
    found.failure
}

const ASKS: Command = Command::RequestCode {
    by: 1,
    extended: false,
};
const ACTIVATES: Command = Command::Activate {
    by: 0,
    code_of: 1,
    named: false,
};

#[test]
fn the_clean_system_keeps_every_invariant() {
    let found = search(&options(Arc::new(Standard), 100)).unwrap();
    assert!(found.failure.is_none(), "{:#?}", found.failure);
    assert_eq!((found.cases, found.transport), (100, 0), "{found:#?}");
    assert_eq!(found.not_checked, []);
}

#[test]
fn a_reusable_code_is_found_and_shrunk_to_what_matters() {
    let found = search(&options(mutant("code-reusable"), 256)).unwrap();
    let failure = found.failure.unwrap();
    // One after the other, or both at the same time.
    let known = ["I5", "I31"].contains(&failure.invariant.as_str());
    assert!(known && !failure.exchange.is_empty(), "{failure:#?}");
    assert!(failure.commands.len() <= 4, "{failure:#?}");
}

#[test]
fn what_was_found_can_be_saved_as_a_scenario_and_run() {
    let failure = broken_by(
        mutant("code-reusable"),
        &[
            ASKS,
            ACTIVATES,
            Command::Activate {
                by: 2,
                code_of: 1,
                named: false,
            },
        ],
        None,
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("found.feature");
    fs::write(&file, failure.unwrap().feature.unwrap()).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        "Feature: Found by random commands

  @HLF-TE-005 @exclusive @id:i5
  Scenario: I5, a code makes at most one relationship
    When the secondary device asks for an activation code
    And the primary device activates with the code of the secondary device
    Given the secondary device has been given access to its twinning
    When the second primary device activates with the code of the secondary device
    Then the enabler refuses because the code is not valid
"
    );
    let clean = verdict(&text, target(Arc::new(Standard))).unwrap();
    let broken = verdict(&text, target(mutant("code-reusable"))).unwrap();
    assert_eq!((clean, broken), (Verdict::Pass, Verdict::Fail));
}

/// All mutants are searched by `twinproof properties --mutants`, which `.ci/run` does.
#[test]
fn some_mutants_are_found_and_told_as_scenarios() {
    const SAMPLE: [&str; 10] = [
        "channel-closed",
        "code-never-expires",
        "echo",
        "everybody-is-told",
        "nobody-is-told",
        "nothing-goes-abroad",
        "toggle-terminates",
        "tokens-survive",
        "wish-counts-twice",
        "wish-outlives-its-end",
    ];
    let hunt = hunt(256, 7, &|m| SAMPLE.contains(&m.name), &|_| ()).unwrap();
    assert_eq!(hunt.mutants.len(), SAMPLE.len());
    for row in &hunt.mutants {
        assert!(row.as_expected, "{row:#?}");
        // Only a race has no words.
        let told = matches!(
            row.scenario,
            Some(Scenario::Confirmed(_) | Scenario::None(_))
        );
        assert!(told, "{row:#?}");
    }
    assert!(hunt.scenarios >= 8, "{hunt:#?}");
}

#[test]
fn some_order_has_to_explain_an_activation_against_a_withdrawal() {
    for end_first in [false, true] {
        let race = Command::ActivateAgainstWithdraw {
            by: 0,
            code_of: 1,
            end_first,
        };
        let clean = broken_by(Arc::new(Standard), &[ASKS, race], None);
        assert!(clean.is_none(), "{clean:#?}");
    }
    let race = Command::ActivateAgainstWithdraw {
        by: 0,
        code_of: 1,
        end_first: true,
    };
    let broken = broken_by(mutant("nothing-ends"), &[ASKS, race], None).unwrap();
    assert_eq!(broken.invariant, "I31", "{broken:#?}");
}

#[test]
fn some_order_has_to_explain_a_switch_against_an_end() {
    for end_first in [false, true] {
        let race = Command::ToggleAgainstDeactivate {
            by: 0,
            on: false,
            end_first,
        };
        let clean = broken_by(Arc::new(Standard), &[ASKS, ACTIVATES, race], None);
        assert!(clean.is_none(), "{clean:#?}");
        let broken = broken_by(mutant("ends-one-side"), &[ASKS, ACTIVATES, race], None).unwrap();
        assert_eq!(broken.invariant, "I31", "{broken:#?}");
    }
}

/// Refuses what a later version might send.
struct KnowsEverything;

impl Rules for KnowsEverything {
    fn document_is_accepted(&self, f: facts::DocumentFacts<'_>) -> bool {
        f.unknown.is_empty() && Standard.document_is_accepted(f)
    }
}

#[test]
fn who_refuses_an_unknown_element_is_advised() {
    let asks = Command::RequestCode {
        by: 1,
        extended: true,
    };
    for only in [None, Some("I28")] {
        let clean = broken_by(Arc::new(Standard), &[asks], only);
        assert!(clean.is_none(), "{clean:#?}");
    }
    let broken = broken_by(Arc::new(KnowsEverything), &[asks], Some("I28")).unwrap();
    assert!(
        broken.invariant == "I28" && broken.is_advice(),
        "{broken:#?}"
    );
    // It is no defect by itself, and nothing else is hidden by it.
    let found = search(&options(Arc::new(KnowsEverything), 40)).unwrap();
    assert!(found.failure.is_some_and(|f| f.is_advice()));
    assert_eq!(found.cases, 40);
}

/// Does not say what the subscriber wanted to hear with its news.
struct TellsWithoutData;

impl Rules for TellsWithoutData {
    fn notified(&self, n: facts::Notification) -> Vec<facts::Notification> {
        vec![facts::Notification {
            callback_data: None,
            ..n
        }]
    }
}

#[test]
fn news_say_which_wish_they_answer() {
    let wish = Command::Subscribe {
        by: 0,
        way: Way::CalledBack,
    };
    let switch = Command::Toggle { by: 1, on: false };
    let commands = [ASKS, ACTIVATES, wish, switch];
    let clean = broken_by(Arc::new(Standard), &commands, None);
    assert!(clean.is_none(), "{clean:#?}");
    let broken = broken_by(Arc::new(TellsWithoutData), &commands, Some("I24")).unwrap();
    assert!(
        broken.invariant == "I24" && broken.is_advice(),
        "{broken:#?}"
    );
    let text = broken.feature.unwrap();
    let verdicts = [
        Arc::new(Standard) as Arc<dyn Rules>,
        Arc::new(TellsWithoutData),
    ]
    .map(|rules| verdict(&text, target(rules)).unwrap());
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Warning], "{text}");
}

#[test]
fn one_seed_finds_the_same_however_many_lanes_there_are() {
    let found = || {
        let found = search(&options(mutant("two-primaries"), 256)).unwrap();
        (found.cases, found.commands, found.failure.unwrap().commands)
    };
    assert_eq!(found(), found());
}
