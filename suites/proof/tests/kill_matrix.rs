//! Every mutant is killed for its reason.

use twinproof_proof::kill::{Fate, Options, matrix};
use twinproof_stage::Kind;

#[test]
fn every_mutant_is_killed_for_its_reason() {
    let options = Options {
        only: None,
        full: false,
        kind: Kind::Virtual,
        seed: 7,
        jobs: 2,
    };
    let matrix = matrix(options, &|_| {}).unwrap();
    for row in &matrix.mutants {
        assert_eq!(row.fate, Fate::Killed, "{row:#?}");
        assert!(row.collateral.is_empty(), "{row:#?}");
    }
}
