//! Nothing but benches stands here, and nothing depends on them: `cargo bench -p twinproof-benches`.
