//! Scenarios say how long they wait, and no other one waits for long.

#[path = "common/threads.rs"]
mod threads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::What;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, waiting};
use twinproof_proof::whole::WholeSystem;
use twinproof_stage::Kind;

/// What a scenario may take without saying so, and beyond what it says: patience and times of grace are
/// the profile's, and not the standard's.
const MARGIN: Duration = Duration::from_secs(10);

/// What it may take less than it says: when the message layer repeats itself is drawn.
const DRAWN: Duration = Duration::from_secs(5);

#[test]
fn tags_say_how_long_scenarios_wait() {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Arc::new(Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}")));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(Arc::new(WholeSystem::new()));
    let run = Run::new(target, Kind::Virtual, Arc::clone(&suite), ledger.clone());
    runtime(1).block_on(perform(&run));
    let mut lasted = BTreeMap::<String, Duration>::new();
    for record in ledger.read_back().unwrap().records {
        if let (Some(scene), What::StepEnded { .. }) = (record.scene, record.what) {
            lasted.insert(scene.scenario, Duration::from_micros(record.at));
        }
    }
    let mut slow = 0;
    for entry in suite.entries() {
        let Some(lasted) = lasted.get(&entry.id) else {
            continue;
        };
        let said = waiting::said(&entry.described.tags).unwrap_or_default();
        slow += usize::from(!said.is_zero());
        let id = &entry.id;
        assert!(
            *lasted + DRAWN >= said,
            "{id} waits {lasted:?} and says {said:?}"
        );
        assert!(
            *lasted < said + MARGIN,
            "{id} waits {lasted:?} and says {said:?}"
        );
    }
    assert!(slow > 0);
}
