//! Every mutant is killed for its reason, and every check is proven able to fail.

#![expect(
    clippy::print_stdout,
    reason = "the matrix is what one reads when it is no proof"
)]

use twinproof_proof::kill::{Options, matrix};
use twinproof_stage::Kind;

#[test]
fn the_kill_matrix_of_twinning_is_a_proof() {
    is_a_proof("twinning");
}

#[test]
fn the_kill_matrix_of_lwm2m_is_a_proof() {
    is_a_proof("lwm2m");
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
}
