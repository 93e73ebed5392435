//! Every mutant is killed for its reason, and every check is proven able to fail.

#![expect(
    clippy::print_stdout,
    reason = "the matrix is what one reads when it is no proof"
)]

use std::collections::BTreeSet;

use twinproof_conformance::suite::Suite;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_proof::kill::{Matrix, Options, matrix};
use twinproof_stage::Kind;

/// The scenarios that judge several requirements, each with those of them that it never says no to: a
/// scenario that looks at one alone would let the others pass along with it.
fn carried_along(enabler: &str, matrix: &Matrix) -> Vec<String> {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap();
    let purposes = catalogue.requirements.iter();
    let clauses: BTreeSet<_> = purposes
        .filter_map(|r| Some(&r.purpose.as_ref()?.clause))
        .collect();
    let says_no = |scenario: &str, requirement: &String| {
        matrix.mutants.iter().any(|row| {
            let broken = row.breaks == *requirement || row.also.contains(requirement);
            broken && row.failed.iter().any(|check| check.scenario == scenario)
        })
    };
    let mut carried = Vec::new();
    for entry in suite.entries().iter().filter(|e| e.enabler == enabler) {
        // A clause is judged by its purposes, and is no promise of its own.
        let mut judged = entry.described.requirements.clone();
        judged.retain(|id| !clauses.contains(id));
        let along = judged.iter().filter(|id| !says_no(&entry.id, id));
        if judged.len() > 1 {
            carried.extend(along.map(|id| format!("{} {id}", entry.id)));
        }
    }
    carried
}

#[test]
fn the_kill_matrix_of_twinning_is_a_proof() {
    is_a_proof("twinning");
}

#[test]
fn the_kill_matrix_of_lwm2m_is_a_proof() {
    is_a_proof("lwm2m");
}

#[test]
fn the_kill_matrix_of_dm_is_a_proof() {
    is_a_proof("dm");
}

#[test]
fn the_kill_matrix_of_gwmo_is_a_proof() {
    is_a_proof("gwmo");
}

fn is_a_proof(enabler: &str) {
    let options = Options {
        enabler: enabler.to_owned(),
        only: None,
        full: false,
        kind: Kind::Virtual,
        seed: 7,
        jobs: 2,
    };
    let matrix = matrix(options, &|_| {}).unwrap();
    // Printed and not part of the assertion: the runner of scenarios owns the panic hook.
    println!("{matrix}");
    assert!(matrix.is_proof());
    let carried = carried_along(enabler, &matrix);
    println!("no mutant of the requirement is noticed in: {carried:#?}");
    assert!(carried.is_empty());
}
