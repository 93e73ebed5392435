//! The page in a real browser: figures, filters, search, deep links, and that nothing leaves it.
//!
//! Needs `chromium` on the path (Debian: `apt-get install chromium`); without it the tests say so and
//! prove nothing. `TWINPROOF_BROWSER` names another one; where it is set, a browser must be there.

mod fixture;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use twinproof_evidence::Verdict;
use twinproof_evidence::report::Report;

/// What the browser made of the page.
struct Seen {
    dom: String,
    log: String,
    net: String,
}

struct Browser {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Browser {
    /// A browser and a directory with the report's files; none, with a message, where none is installed.
    fn with(report: &Report) -> Option<Self> {
        let named = std::env::var_os("TWINPROOF_BROWSER").map(PathBuf::from);
        let program = named.clone().unwrap_or_else(|| "chromium".into());
        let there = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !there {
            assert!(
                named.is_none(),
                "TWINPROOF_BROWSER names no browser: {program:?}"
            );
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no chromium on the path, so the page was not opened in a browser"
            );
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        twinproof_formats::all(dir.path(), report).unwrap();
        Some(Self { program, dir })
    }

    fn open(&self, fragment: &str) -> Seen {
        self.open_file("report.html", fragment)
    }

    fn open_file(&self, name: &str, fragment: &str) -> Seen {
        let net = self.dir.path().join("net.json");
        let output = Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-extensions",
                "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter",
                // Whatever the browser wants for itself, it finds nobody outside this machine.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
                "--virtual-time-budget=2000",
                "--dump-dom",
            ])
            .arg(format!(
                "--user-data-dir={}",
                self.dir.path().join("user").display()
            ))
            .arg(format!("--log-net-log={}", net.display()))
            .arg(url(&self.dir.path().join(name), fragment))
            .output()
            .unwrap();
        Seen {
            dom: String::from_utf8(output.stdout).unwrap(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
            net: fs::read_to_string(net).unwrap(),
        }
    }
}

fn url(path: &Path, fragment: &str) -> String {
    format!("file://{}#{fragment}", path.display())
}

impl Seen {
    /// The opening tags of elements that hold `class` and are not hidden.
    fn tags<'a>(&'a self, start: &'static str) -> impl Iterator<Item = &'a str> {
        self.dom
            .match_indices(start)
            .map(|(at, _)| &self.dom[at..at + self.dom[at..].find('>').unwrap()])
    }

    /// The ids of the elements that are shown.
    fn shown(&self, start: &'static str) -> Vec<&str> {
        self.tags(start)
            .filter(|tag| !tag.contains("hidden"))
            .map(|tag| attribute(tag, "id"))
            .collect()
    }

    fn scenarios(&self) -> Vec<&str> {
        self.shown("<details class=\"scenario")
    }

    fn requirements(&self) -> Vec<&str> {
        self.shown("<tr class=\"requirement")
    }

    /// What was written to the console.
    fn console(&self) -> Vec<&str> {
        let lines = self.log.lines();
        lines.filter(|line| line.contains("CONSOLE")).collect()
    }

    /// What a page asked the network for. The browser asks for things of its own; those have no
    /// origin, and find nobody.
    fn requests(&self) -> Vec<&str> {
        self.net
            .lines()
            .filter(|event| event.contains("\"initiator\":\""))
            .filter(|event| !event.contains("\"initiator\":\"not an origin\""))
            .filter_map(|event| event.split_once("\"url\":\"")?.1.split('"').next())
            .collect()
    }

    fn is_quiet(&self) {
        assert_eq!(self.console(), [""; 0]);
        assert_eq!(self.requests(), [""; 0]);
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    let at = tag
        .find(&start)
        .unwrap_or_else(|| panic!("{name} in {tag}"));
    tag[at + start.len()..].split('"').next().unwrap()
}

#[test]
fn a_page_that_is_not_quiet_is_noticed() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let loud = "<img src=http://127.0.0.1:9/pixel><script>undefined.call()</script>";
    fs::write(browser.dir.path().join("loud.html"), loud).unwrap();
    let seen = browser.open_file("loud.html", "");
    assert!(seen.requests().contains(&"http://127.0.0.1:9/pixel"));
    assert!(!seen.console().is_empty(), "{}", seen.log);
}

#[test]
fn the_figures_are_those_of_the_report() {
    let report = fixture::report();
    let Some(browser) = Browser::with(&report) else {
        return;
    };
    let seen = browser.open("");
    seen.is_quiet();
    let text = fs::read_to_string(browser.dir.path().join("report.json")).unwrap();
    let report: Report = serde_json::from_str(&text).unwrap();
    for verdict in Verdict::ALL {
        let class = verdict.name().replace(' ', "_");
        let figure = seen
            .tags("<button class=\"figure")
            .find(|tag| attribute(tag, "data-verdict") == class)
            .unwrap();
        let n = report.summary.requirements.of(verdict);
        assert_eq!(attribute(figure, "data-count"), n.to_string());
        let of_verdict = |start: &'static str| {
            seen.tags(start)
                .filter(|tag| attribute(tag, "data-verdict") == class)
                .count()
        };
        assert_eq!(of_verdict("<tr class=\"requirement"), n);
        let n = report.summary.scenarios.of(verdict);
        assert_eq!(of_verdict("<details class=\"scenario"), n);
    }
    let ids: Vec<_> = report.scenarios.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(seen.scenarios(), ids);
    assert!(seen.dom.contains(">19 requirements, 12 scenarios</output>"));
    // Messages wait until somebody opens their scenario.
    assert_eq!(seen.tags("<details class=\"message").count(), 0);
}

#[test]
fn filters_and_search_stand_in_the_address() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let seen = browser.open("verdict=fail,error");
    seen.is_quiet();
    assert_eq!(seen.requirements(), ["HLF-TE-005", "HLF-TE-007"]);
    assert_eq!(
        seen.scenarios(),
        [
            "twinning/enabler/code-works-once",
            "twinning/enabler/default-name"
        ]
    );
    assert!(
        seen.dom
            .contains(">2 of 19 requirements, 2 of 12 scenarios</output>")
    );

    let seen = browser.open("enabler=lwm2m");
    assert_eq!(seen.scenarios(), ["lwm2m/registration/register"]);
    assert_eq!(seen.requirements().len(), 3);

    // In the messages only, in another case, both words, and of one verdict.
    let seen = browser.open("q=CALLBACKDATA+off&verdict=pass");
    seen.is_quiet();
    assert_eq!(seen.scenarios(), ["twinning/primary-device/toggle"]);
    assert_eq!(seen.requirements(), [""; 0]);

    let seen = browser.open("q=g%C3%BCnthers%20%E2%8C%9A&enabler=twinning&verdict=fail");
    assert_eq!(seen.scenarios(), ["twinning/enabler/code-works-once"]);
    let seen = browser.open("q=nowhere-to-be-found");
    assert!(
        seen.dom
            .contains(">0 of 19 requirements, 0 of 12 scenarios</output>")
    );
}

#[test]
fn links_open_what_they_name() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let seen = browser.open("HLF-TE-005");
    seen.is_quiet();
    let row = seen
        .tags("<tr class=\"requirement")
        .find(|tag| attribute(tag, "id") == "HLF-TE-005")
        .unwrap();
    assert!(row.contains("here"), "{row}");

    let seen = browser.open("twinning/primary-device/toggle:8");
    seen.is_quiet();
    let messages: Vec<_> = seen.tags("<details class=\"message").collect();
    assert_eq!(messages.len(), 8);
    let last = messages.last().unwrap();
    assert_eq!(attribute(last, "id"), "twinning/primary-device/toggle:8");
    assert!(last.contains(" open"), "{last}");
    // The callback came after the last step and was cut.
    let late = &seen.dom[seen.dom.find("Not during a step").unwrap()..];
    assert!(late.contains("/callback"));
    assert!(late.contains("4882 KiB; 82 octets were read"));
    assert!(
        seen.dom.contains("  \"twinning\": {"),
        "bodies are laid out"
    );
}

#[test]
fn a_hostile_answer_stays_text() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let seen = browser.open("twinning/authorization/discovery:8");
    seen.is_quiet();
    assert!(!seen.dom.contains("<title>owned"));
    assert_eq!(seen.dom.matches("<img").count(), 0);
    assert!(seen.dom.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_thousand_scenarios_can_be_searched() {
    let Some(browser) = Browser::with(&fixture::large(1_000)) else {
        return;
    };
    let seen = browser.open("q=5550777");
    seen.is_quiet();
    let id = "lwm2m/registration/register-227";
    assert!(!seen.scenarios().contains(&id));
    assert_eq!(seen.scenarios().len(), 1);
}
