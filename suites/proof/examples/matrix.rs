//! prints
use twinproof_proof::kill::{Options, matrix};
use twinproof_stage::Kind;
fn main() {
    let t = std::time::Instant::now();
    let options = Options {
        only: std::env::args().nth(1),
        full: false,
        kind: Kind::Virtual,
        seed: 7,
        jobs: 2,
    };
    let m = matrix(options, &|_| {}).unwrap();
    for row in &m.mutants {
        println!(
            "{} [{}] {:?} ran {} missed {:?}",
            row.mutant, row.breaks, row.fate, row.scenarios, row.missed
        );
        for f in &row.failed {
            println!(
                "    {}{} {} {}",
                if row.collateral.contains(f) { "! " } else { "" },
                f.scenario,
                f.step,
                f.check
            );
        }
    }
    println!("UNPROVEN");
    for u in &m.unproven {
        println!("  {} {} {}", u.scenario, u.step, u.check);
    }
    println!("{:?} {:?} {:?}", m.summary, m.checks, t.elapsed());
}
