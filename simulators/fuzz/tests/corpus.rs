//! Every target holds for every file of the corpus.

#![expect(
    clippy::print_stdout,
    reason = "the name of the file has to stand in the output when it fails"
)]

use std::fs;
use std::path::Path;

use twinproof_fuzz::TARGETS;

#[test]
fn every_target_holds_for_the_corpus() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in TARGETS {
        let mut files = 0;
        for file in fs::read_dir(home.join("corpus").join(name)).expect(name) {
            let file = file.expect(name).path();
            println!("{}", file.display());
            target(&fs::read(&file).expect(name));
            files += 1;
        }
        assert!(files > 0, "{name} has no corpus");
    }
}

#[test]
fn every_target_can_be_run() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let manifest = fs::read_to_string(home.join("Cargo.toml")).expect("the crate of targets");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(home.join(format!("{name}.rs")).exists(), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
