//! What README.md shows is what there is: its commands, its excerpt, its table of exit codes.

mod common;

use std::fs;

use common::twinproof;
use twinproof_evidence::ExitCode;

fn readme() -> String {
    fs::read_to_string(format!("{}/../../README.md", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every command line of the command that the text shows, without what a shell makes of it.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let starts = [
        "$ twinproof ",
        "`twinproof ",
        "run: twinproof ",
        "script: twinproof ",
    ];
    let mut commands = Vec::new();
    for start in starts {
        for (at, _) in text.match_indices(start) {
            let line = &text[at + start.len()..];
            let line = &line[..line.find(['`', '\n', '#', '>', '&']).unwrap_or(line.len())];
            commands.push(line.split_whitespace().collect());
        }
    }
    commands
}

#[test]
fn every_command_that_it_shows_is_one() {
    let text = readme();
    let commands = commands(&text);
    assert!(commands.len() > 12, "{commands:?}");
    let dir = tempfile::tempdir().unwrap();
    for mut command in commands {
        // Help is given only where all that stands in front of it is known.
        command.push("--help");
        let ran = twinproof(dir.path(), &command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn what_it_explains_can_be_explained() {
    let text = readme();
    let dir = tempfile::tempdir().unwrap();
    let explained: Vec<_> = commands(&text)
        .into_iter()
        .filter(|command| command[0] == "explain")
        .collect();
    assert_eq!(explained.len(), 3, "{explained:?}");
    for command in explained {
        let ran = twinproof(dir.path(), &command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn its_exit_codes_are_those_of_the_command() {
    let text = readme();
    for code in ExitCode::ALL {
        let row = format!("\n| {} | {} |\n", code.code(), code.meaning());
        assert!(text.contains(&row), "expected in README.md:{row}");
    }
}

/// Its profile is short, and still one that is read.
#[test]
fn its_profile_is_read() {
    let text = readme();
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (profile, _) = rest.split_once("```").unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("my-enabler.toml"), profile).unwrap();
    let output = common::command(dir.path(), &["check", "--sut", "my-enabler.toml"])
        .env("TOKEN_0100", "secret")
        .output()
        .unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        told.contains("Example Enabler 4.2, twinning-enabler;"),
        "{told}"
    );
    // One subscriber is too few, as the text says.
    assert_eq!(output.status.code(), Some(3), "{told}");
}

/// The excerpt is of a run over sockets. Its words are the same on the virtual stage; only times, and
/// what is counted, may differ.
#[test]
fn its_excerpt_is_what_a_run_prints() {
    let text = readme();
    let (_, rest) = text.split_once("```\nTwinproof ").unwrap();
    let (excerpt, _) = rest.split_once("```").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(dir.path(), &["run", "--stage", "virtual"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let bare = |line: &str| {
        let line = line.replace(" --stage virtual", "");
        let line: String = line.chars().filter(|c| !c.is_ascii_digit()).collect();
        // A number that is longer moves what stands behind it.
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let printed: Vec<_> = ran.stdout.lines().map(bare).collect();
    let mut from = 0;
    // The first lines say how much there was, and how long it took.
    let lines = excerpt.lines().skip_while(|line| !line.is_empty());
    for line in lines.filter(|line| *line != "…") {
        let wanted = bare(line);
        let found = printed[from..]
            .iter()
            .position(|printed| *printed == wanted);
        let Some(at) = found else {
            panic!(
                "README.md shows {line:?}, which a run does not print there:\n{}",
                ran.stdout
            );
        };
        from += at + 1;
    }
}

#[test]
fn workloads_that_are_shown_can_be_used() {
    let text = readme();
    let blocks = text.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let workloads: Vec<_> = blocks
        .filter(|block| block.contains("[[stages]]"))
        .collect();
    assert_eq!(workloads.len(), 2);
    for text in workloads {
        let read = twinproof_load::Workload::read(text);
        assert!(read.is_ok(), "{read:?}");
    }
}

const MANIFEST: &str = include_str!("../../load/kubernetes.yaml");

/// What stands after a key on its line.
fn after<'t>(text: &'t str, key: &str) -> &'t str {
    let mut lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(key));
    let value = lines.next().unwrap_or_else(|| panic!("no line has {key}"));
    assert!(lines.next().is_none(), "{key} is there twice");
    value.trim()
}

/// The block of text below a key.
fn block(text: &str, key: &str) -> String {
    let below = text.lines().skip_while(|line| line.trim() != key).skip(1);
    let block = below.take_while(|line| line.is_empty() || line.starts_with("    "));
    block
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn each_pod_of_the_job_carries_out_the_shard_of_its_index() {
    let count: usize = after(MANIFEST, "completions:").parse().unwrap();
    assert_eq!(after(MANIFEST, "parallelism:"), count.to_string());
    assert_eq!(after(MANIFEST, "completionMode:"), "Indexed");
    assert_eq!(after(MANIFEST, "command:"), r#"["twinproof"]"#);
    // A list in brackets is JSON as well as YAML.
    let args: Vec<String> = serde_json::from_str(after(MANIFEST, "args:")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for name in ["storm.toml", "server.toml"] {
        fs::write(
            dir.path().join(name),
            block(MANIFEST, &format!("{name}: |")),
        )
        .unwrap();
    }
    for index in 0..count {
        let args: Vec<String> = args
            .iter()
            .map(|arg| arg.replace("$(JOB_COMPLETION_INDEX)", &index.to_string()))
            .map(|arg| arg.replace("/etc/twinproof/", ""))
            .collect();
        let mut typed: Vec<&str> = args.iter().map(String::as_str).collect();
        let shard = typed.iter().position(|arg| *arg == "--shard").unwrap();
        assert_eq!(typed[shard + 1], format!("{index}/{count}"));
        let report = typed.iter().position(|arg| *arg == "--report").unwrap();
        assert!(!reports.contains(&typed[report + 1].to_owned()));
        reports.push(typed[report + 1].to_owned());
        let consent = typed
            .iter()
            .position(|arg| *arg == "--target-consent")
            .unwrap();
        // Everything is known and read, and nobody is loaded who has not agreed.
        typed.drain(consent..consent + 2);
        let ran = twinproof(dir.path(), &typed);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("say --target-consent 192.0.2.10"),
            "{}",
            ran.stderr
        );
        typed.push("--help");
        let ran = twinproof(dir.path(), &typed);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
}
