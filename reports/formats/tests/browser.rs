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

    /// A copy in which a script plays the reader, once the page's own script has run. The page's policy
    /// would forbid it, so the copy has none.
    fn played(&self, script: &str) -> String {
        let page = fs::read_to_string(self.dir.path().join("report.html")).unwrap();
        let at = page
            .find("<meta http-equiv=\"Content-Security-Policy\"")
            .unwrap();
        let end = at + page[at..].find('>').unwrap() + 1;
        let hands = "const at = (css) => document.querySelector(css);\n\
            const type = (text) => { const q = at('[name=q]'); q.value = text;\n\
            q.dispatchEvent(new Event('input', { bubbles: true })); };\n\
            const key = (key) => (document.activeElement ?? document.body).dispatchEvent(\n\
            new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));\n\
            const pause = () => new Promise((done) => setTimeout(done, 200));\n\
            const note = (name, value) => top.document.body.setAttribute('data-' + name, String(value));\n";
        format!(
            "{}{}<script>\n(async () => {{\n{hands}{script}\n}})().catch((e) => note('broke', e));</script>",
            &page[..at],
            &page[end..]
        )
    }

    fn act(&self, script: &str) -> Seen {
        self.open_written(&self.played(script))
    }

    /// The same in a frame of a width that no browser's window can have.
    fn act_within(&self, width: u32, script: &str) -> Seen {
        let page = self.played(script);
        let page = page.replace('&', "&amp;").replace('"', "&quot;");
        self.open_written(&format!(
            "<!doctype html><body><iframe style=\"width: {width}px; height: 900px; border: 0\" \
             srcdoc=\"{page}\"></iframe>"
        ))
    }

    fn open_written(&self, page: &str) -> Seen {
        fs::write(self.dir.path().join("acted.html"), page).unwrap();
        let seen = self.open_file("acted.html", "");
        seen.is_quiet();
        seen
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
                "--window-size=1400,900",
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

    /// What the script that plays the reader wrote down.
    fn noted(&self, name: &str) -> &str {
        let body = self.tags("<body").next().unwrap();
        assert!(!body.contains("data-broke"), "{body}");
        attribute(body, &format!("data-{name}"))
    }

    /// The verdicts whose figures are pressed.
    fn pressed(&self) -> Vec<&str> {
        self.tags("<button class=\"figure")
            .filter(|tag| attribute(tag, "aria-pressed") == "true")
            .map(|tag| attribute(tag, "data-verdict"))
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
        let scenarios = report.summary.scenarios.of(verdict);
        assert_eq!(attribute(figure, "data-scenarios"), scenarios.to_string());
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

#[test]
fn a_click_on_a_figure_filters_and_another_takes_it_back() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let seen = browser.act(
        "at('[data-verdict=fail]').click(); at('[data-verdict=error]').click();\n\
         note('hash', location.hash);",
    );
    assert_eq!(seen.pressed(), ["fail", "error"]);
    assert_eq!(seen.noted("hash"), "#verdict=fail%2Cerror");
    assert_eq!(seen.requirements(), ["HLF-TE-005", "HLF-TE-007"]);
    assert_eq!(
        seen.scenarios(),
        [
            "twinning/enabler/code-works-once",
            "twinning/enabler/default-name"
        ]
    );
    let seen = browser.act(
        "at('[data-verdict=fail]').click(); note('during', at('#shown').textContent);\n\
         at('[data-verdict=fail]').click();",
    );
    assert_eq!(seen.pressed(), [""; 0]);
    assert_eq!(
        seen.noted("during"),
        "1 of 19 requirements, 1 of 12 scenarios"
    );
    assert!(seen.dom.contains(">19 requirements, 12 scenarios</output>"));
    let seen = browser.act(
        "at('[name=enabler]').value = 'lwm2m';\n\
         at('[name=enabler]').dispatchEvent(new Event('change', { bubbles: true }));\n\
         note('hash', location.hash);",
    );
    assert_eq!(seen.noted("hash"), "#enabler=lwm2m");
    assert_eq!(seen.scenarios(), ["lwm2m/registration/register"]);
}

#[test]
fn what_is_typed_is_searched_for() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let seen = browser.act(
        "key('/'); note('focus', document.activeElement.name);\n\
         type('callbackdata off'); await pause(); note('hash', location.hash);\n\
         note('button', at('#clear').hidden);",
    );
    assert_eq!(seen.noted("focus"), "q");
    assert_eq!(seen.noted("hash"), "#q=callbackdata+off");
    assert_eq!(seen.noted("button"), "false");
    let found = seen.scenarios();
    assert!(
        found.contains(&"twinning/primary-device/toggle"),
        "{found:?}"
    );
    assert!(found.len() < 12, "{found:?}");
    // The messages that are searched need not have been laid out.
    assert_eq!(seen.tags("<details class=\"message").count(), 0);

    let cleared = [
        ("Escape", "at('[name=q]').focus(); key('Escape');"),
        ("the button", "at('#clear').click();"),
    ];
    for (how, script) in cleared {
        let script = format!(
            "type('nowhere'); await pause(); note('during', at('#shown').textContent);\n{script}"
        );
        let seen = browser.act(&script);
        assert_eq!(
            seen.noted("during"),
            "0 of 19 requirements, 0 of 12 scenarios",
            "{how}"
        );
        assert_eq!(seen.scenarios().len(), 12, "{how}");
    }
}

#[test]
fn a_scenario_opens_with_a_click_and_for_the_printer() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    let id = "twinning/primary-device/toggle";
    let opened = |seen: &Seen| -> Vec<String> {
        seen.tags("<details class=\"scenario")
            .filter(|tag| tag.contains(" open"))
            .map(|tag| attribute(tag, "id").to_owned())
            .collect()
    };
    let click =
        format!("document.getElementById('{id}').querySelector('summary').click(); await pause();");
    let seen = browser.act(&click);
    assert_eq!(opened(&seen), [id]);
    assert_eq!(seen.tags("<details class=\"message").count(), 8);

    let seen = browser.act("window.dispatchEvent(new Event('beforeprint'));");
    let graver = opened(&seen);
    assert!(
        graver.contains(&"twinning/enabler/code-works-once".to_owned()),
        "{graver:?}"
    );
    assert!(!graver.contains(&id.to_owned()), "{graver:?}");
    let seen = browser.act(
        "window.dispatchEvent(new Event('beforeprint'));\n\
         window.dispatchEvent(new Event('afterprint')); await pause();",
    );
    assert_eq!(opened(&seen), [""; 0]);
}

#[test]
fn no_width_makes_the_page_scroll_sideways() {
    let Some(browser) = Browser::with(&fixture::report()) else {
        return;
    };
    // Everything open; whatever reaches beyond the right edge is named.
    let measure = "window.dispatchEvent(new Event('beforeprint'));\n\
        for (const d of document.querySelectorAll('details')) d.open = true;\n\
        await pause();\n\
        for (const d of document.querySelectorAll('details')) d.open = true;\n\
        note('width', innerWidth);\n\
        const edge = document.documentElement.clientWidth;\n\
        const beyond = (e) => e.getBoundingClientRect().right > edge + 1;\n\
        const boxes = [...document.querySelectorAll('.wide')];\n\
        const scrolls = boxes.filter((e) => e.scrollWidth > e.clientWidth + 1);\n\
        const wide = document.documentElement.scrollWidth > edge\n\
        ? [...document.querySelectorAll('body *')].filter(beyond) : scrolls;\n\
        note('wide', wide.map((e) => `${e.tagName} ${e.className}`).slice(0, 20).join(', '));";
    for width in [400, 700, 1280] {
        let seen = browser.act_within(width, measure);
        assert_eq!(seen.noted("width"), width.to_string());
        assert_eq!(seen.noted("wide"), "", "at {width}");
    }
}
