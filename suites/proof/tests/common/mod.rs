//! What an archived record says to somebody who has nothing else.

use twinproof_evidence::ledger::{self, Events, Ledger};
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};

/// Judges a record, and once more after it was archived.
pub fn judged_twice(events: &Events) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let report = judge(events, &catalogue, tool()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let archive = Ledger::create(&path).unwrap();
    events
        .records
        .iter()
        .cloned()
        .for_each(|record| archive.write(record));
    drop(archive);
    let archived = ledger::read(&path).unwrap();
    assert_eq!(archived.cut, None);
    let again = judge(&archived, &catalogue, tool()).unwrap();
    assert!(
        text(&report) == text(&again),
        "judged again, the record says something else"
    );
    report
}

fn tool() -> Tool {
    Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    }
}

fn text(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap()
}
