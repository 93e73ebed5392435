//! What people and pipelines read, as it stands, and what must hold of it whatever a run gives.

mod fixture;

use std::path::Path;
use std::time::{Duration, Instant};

use fixture::{WHY, accepted, alike, counted, large, repeated, report, stale, uniform};
use twinproof_evidence::report::{Change, Rejudged, Report, Scenario};
use twinproof_evidence::{ExitCode, Verdict};
use twinproof_formats::terminal::{self, Style};
use twinproof_formats::{Headline, html, json, junit, markdown};

const PLAIN: Style = Style {
    colour: false,
    width: 100,
};

#[test]
fn the_terminal_reads_like_this() {
    let html = Path::new("twinproof-report/report.html");
    insta::assert_snapshot!(
        "terminal",
        terminal::render(&report(), &Headline::of(&report()), PLAIN, Some(html))
    );
    let narrow = Style {
        colour: false,
        width: 56,
    };
    insta::assert_snapshot!(
        "terminal-narrow",
        terminal::render(&report(), &Headline::of(&report()), narrow, Some(html))
    );
    let colour = Style {
        colour: true,
        width: 100,
    };
    let coloured = terminal::render(&report(), &Headline::of(&report()), colour, Some(html));
    insta::assert_snapshot!("terminal-colour", coloured.replace('\u{1b}', "ESC"));
}

#[test]
fn the_markdown_reads_like_this() {
    insta::assert_snapshot!("markdown", markdown::render(&report()));
}

#[test]
fn what_is_flaky_is_called_so_everywhere() {
    let report = repeated();
    let headline = Headline::of(&report);
    assert!(
        headline.figures.contains(" 1 scenario is flaky: "),
        "{}",
        headline.figures
    );
    let text = terminal::troubles(&report, PLAIN);
    for says in [
        "fail   (flaky) An activation code works once",
        "attempt   1–2, 4–5 pass\n",
        "attempt   3 fail: expected ",
        // What ends the same way five times is told once.
        "attempt   1–5 inconclusive: ",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert_eq!(text.matches("(flaky)").count(), 1, "{text}");
    let text = markdown::render(&report);
    assert!(
        text.contains("### An activation code works once (flaky)\n"),
        "{text}"
    );
    let page = html::render(&report);
    // In the card, and in the list of scenarios.
    assert_eq!(page.matches("<span class=\"flaky\"").count(), 2);
}

#[test]
fn findings_that_say_the_same_are_told_once() {
    let report = alike();
    let (once, all) = (
        "expected  a refusal because the code is not valid",
        "exchanges 5, 6 and 7",
    );
    let text = terminal::troubles(&report, PLAIN);
    let failed = text.split("\n\n").next().unwrap();
    assert_eq!(failed.matches(once).count(), 1, "{failed}");
    assert!(failed.contains(all), "{failed}");
    let text = markdown::render(&report);
    assert!(text.contains(&format!("in {all}\n")), "{text}");
    let page = html::render(&report);
    let card = &page[page.find("<article").unwrap()..page.find("</article>").unwrap()];
    assert_eq!(card.matches("<dt>expected</dt>").count(), 1, "{card}");
    for number in 5..=7 {
        assert!(card.contains(&format!(">exchange {number}</a>")), "{card}");
    }
}

#[test]
fn the_junit_file_reads_like_this() {
    insta::assert_snapshot!("junit", junit::render(&report()));
}

#[test]
fn the_page_reads_like_this() {
    let page = html::render(&report());
    // Style, script and messages have tests of their own in a browser.
    let (from, to) = (page.find("<body>").unwrap(), page.find("<script").unwrap());
    insta::assert_snapshot!("html", page[from..to].replace("><", ">\n<"));
}

#[test]
fn the_schema_reads_like_this() {
    let schema = serde_json::to_string_pretty(&json::schema()).unwrap();
    insta::assert_snapshot!("schema", schema);
}

#[test]
fn headlines_say_no_more_than_the_run_showed() {
    let mut lines = String::new();
    let mut say = |what: &str, report: Report| {
        let headline = Headline::of(&report);
        let code = report.exit_code();
        assert_eq!(
            headline.tone == Verdict::Pass,
            code == ExitCode::Conformant
                && report.summary.requirements.pass > 0
                && report.scenarios.iter().all(|s| s.accepted.is_empty()),
            "{what}: {headline:?}"
        );
        lines.push_str(&format!(
            "{what}: {}. {}\n",
            headline.answer, headline.figures
        ));
    };
    say("every verdict", report());
    for verdict in Verdict::ALL {
        say(&format!("all {verdict}"), uniform(verdict));
        let mut one = uniform(Verdict::Pass);
        one.requirements[3].verdict = verdict;
        say(&format!("one {verdict}"), counted(one));
    }
    let mut scenario = uniform(Verdict::Pass);
    scenario.scenarios[0].verdict = Verdict::Fail;
    say(
        "a failing scenario without a requirement",
        counted(scenario),
    );
    let mut silent = uniform(Verdict::Pass);
    silent.summary.contact = false;
    say("no contact", silent);
    let mut cut = uniform(Verdict::Pass);
    cut.summary.cut = Some("the ledger ends in the middle of a line".to_owned());
    say("cut", cut);
    let mut filtered = uniform(Verdict::Pass);
    filtered.summary.filtered = true;
    say("filtered", filtered);
    let mut unrecorded = uniform(Verdict::Pass);
    unrecorded.scenarios[0].verdict = Verdict::Untested;
    say("a scenario that is not on record", counted(unrecorded));
    say("accepted", accepted());
    say("accepted, and out of date", stale());
    insta::assert_snapshot!("headlines", lines);
}

#[test]
fn junit_is_red_exactly_when_the_exit_code_is_not_0() {
    let mut reports = vec![report()];
    for verdict in Verdict::ALL {
        reports.push(uniform(verdict));
        // One odd requirement, one odd scenario: neither may hide behind the other.
        let mut one = uniform(Verdict::Pass);
        one.requirements[3].verdict = verdict;
        reports.push(counted(one));
        let mut one = uniform(Verdict::Pass);
        one.scenarios[2].verdict = verdict;
        reports.push(counted(one));
        let mut alone = uniform(Verdict::Pass);
        alone.requirements[17].verdict = verdict;
        reports.push(counted(alone));
    }
    for flag in 0..2 {
        let mut odd = uniform(Verdict::Pass);
        if flag == 0 {
            odd.summary.contact = false;
        } else {
            odd.summary.cut = Some("cut".to_owned());
        }
        reports.push(odd);
    }
    reports.extend([accepted(), stale()]);
    // One that is not accepted may not hide behind those that are.
    let mut but_one = accepted();
    let fails = |s: &&mut Scenario| s.verdict == Verdict::Fail;
    if let Some(scenario) = but_one.scenarios.iter_mut().find(fails) {
        scenario.accepted.clear();
    }
    assert_eq!(but_one.exit_code(), ExitCode::Fails);
    reports.push(but_one);
    for report in reports {
        let text = junit::render(&report);
        let red = text.contains("<failure") || text.contains("<error");
        let (head, _) = text.split_once("<testsuite ").unwrap();
        assert_eq!(
            red,
            !(head.contains("failures=\"0\"") && head.contains("errors=\"0\"")),
            "{head}"
        );
        assert_eq!(red, report.exit_code() != ExitCode::Conformant, "{text}");
    }
}

#[test]
fn what_a_baseline_accepts_stays_counted_and_is_said_with_its_reason_everywhere() {
    let report = accepted();
    let excused = report.scenarios.iter().filter(|s| !s.accepted.is_empty());
    let excused = excused.count();
    assert!(excused >= 2, "a fail and an inconclusive");
    let headline = Headline::of(&report);
    assert_eq!(report.exit_code(), ExitCode::Conformant);
    assert!(headline.answer.starts_with("Accepted"), "{headline:?}");
    assert!(headline.figures.contains("1 fail"), "{headline:?}");
    let wide = Style {
        colour: false,
        width: 120,
    };
    let pages = [
        ("terminal", terminal::render(&report, &headline, wide, None)),
        ("brief", terminal::brief(&report, &headline, wide, None)),
        ("markdown", markdown::render(&report)),
        ("page", html::render(&report)),
        ("junit", junit::render(&report)),
        ("json", json::render(&report)),
    ];
    for (name, text) in &pages {
        let said = text.replace('\\', "").matches(WHY).count();
        assert!(said >= excused, "{name} says it {said} times\n{text}");
    }
    // JSON and JUnit have no headline.
    for (name, text) in &pages[..4] {
        assert!(text.contains("Accepted: "), "{name}");
        assert!(!text.contains("Conforms"), "{name}");
    }
    assert_eq!(
        pages[4].1.matches("accepted by the baseline: ").count(),
        excused
    );
    assert!(!pages[4].1.contains("<failure"), "{}", pages[4].1);

    let report = stale();
    let headline = Headline::of(&report);
    assert_eq!(report.exit_code(), ExitCode::StaleBaseline);
    let now = "the run has no scenario twinning/enabler/gone";
    for text in [
        terminal::brief(&report, &headline, wide, None),
        markdown::render(&report),
        html::render(&report),
        junit::render(&report),
        json::render(&report),
    ] {
        let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(now), "{text}");
    }
}

#[test]
fn what_moved_when_a_record_was_judged_again_is_said_everywhere() {
    let mut report = report();
    let change = |part: Option<&str>, before, after, reason: &str| Change {
        id: "twinning/enabler/one".to_owned(),
        part: part.map(str::to_owned),
        before,
        after,
        reason: reason.to_owned(),
    };
    report.rejudged = Some(Rejudged {
        tool: report.tool.clone(),
        suite_sha256: "0123456789abcdef".repeat(4),
        changes: vec![
            change(
                None,
                Some(Verdict::Pass),
                Some(Verdict::Inconclusive),
                "no record",
            ),
            change(Some("it is <b>on</b>"), Some(Verdict::Fail), None, "gone"),
        ],
    });
    let headline = Headline::of(&report);
    let wide = Style {
        colour: false,
        width: 120,
    };
    for text in [
        terminal::render(&report, &headline, wide, None),
        terminal::brief(&report, &headline, wide, None),
        markdown::render(&report),
        html::render(&report),
    ] {
        let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for says in [
            "with the suite 0123456789ab; since then these 2 have moved",
            "twinning/enabler/one: pass → inconclusive: no record",
        ] {
            assert!(flat.contains(says), "{says}\n{text}");
        }
        let tag = [
            "it is <b>on</b>: fail → –: gone",
            "it is &lt;b&gt;on&lt;/b&gt;: fail → –: gone",
        ];
        let is_page = flat.starts_with(['#', '<']);
        assert!(flat.contains(tag[usize::from(is_page)]), "{text}");
    }
    let record = json::render(&report);
    assert!(record.contains("\"reason\": \"no record\""), "{record}");
}

#[test]
fn what_was_not_judged_is_never_a_passed_case() {
    for row in junit::MAPPING {
        let judged = matches!(
            row.verdict,
            Verdict::Pass | Verdict::Warning | Verdict::Inspect
        );
        assert_eq!(row.scenario == junit::Outcome::Pass, judged, "{row:?}");
        if row.verdict == Verdict::Inspect {
            assert_eq!(row.requirement, junit::Outcome::Skipped);
        }
    }
    let text = junit::render(&uniform(Verdict::Untested));
    let cases = text.matches("<testcase").count();
    // All but the two of the suite `run`, which says nothing of a requirement.
    assert_eq!(text.matches("<skipped").count(), cases - 2, "{text}");
}

#[test]
fn junit_has_the_full_denominator() {
    let report = report();
    let text = junit::render(&report);
    for requirement in &report.requirements {
        assert!(text.contains(&requirement.id), "{}", requirement.id);
    }
}

#[test]
fn json_is_read_back_as_it_was() {
    let text = json::render(&report());
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(back, report());
    assert_eq!(text, json::render(&back));
    assert!(text.find("\"schema_version\"").unwrap() < text.find("\"tool\"").unwrap());
}

#[test]
fn what_a_system_answers_stays_text() {
    let page = html::render(&report());
    for tag in ["<script>document", "<img"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert_eq!(page.matches("</script>").count(), 2, "data and script");
    let md = markdown::render(&report());
    assert!(!md.contains("\n<script>") && !md.contains('\u{1b}'));
    let screen = terminal::render(&report(), &Headline::of(&report()), PLAIN, None);
    assert!(!screen.contains('\u{1b}') && !screen.contains('\u{202e}'));
    assert!(!junit::render(&report()).contains('\u{1b}'));
}

#[test]
fn the_page_asks_for_nothing() {
    let page = html::render(&report());
    assert!(page.contains("default-src 'none'"));
    let between = |from: &str, to: &str| &page[page.find(from).unwrap()..page.find(to).unwrap()];
    let style = between("<style>", "</style>");
    assert!(!style.contains("@import") && !style.contains("url("));
    // Text is escaped, so what stands between angle brackets is a tag.
    let tags = between("<body>", "<script").split('<');
    for (tag, _) in tags.filter_map(|rest| rest.split_once('>')) {
        // Every second part stands outside the quotes.
        let names: String = tag.split('"').step_by(2).collect();
        for demand in [" src=", " srcset=", " style=", " on"] {
            assert!(!names.contains(demand), "{tag}");
        }
        assert!(
            !tag.contains("href=\"http") && !tag.contains("href=\"/"),
            "{tag}"
        );
    }
}

#[test]
fn a_terminal_line_is_no_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr as _;
    for width in [56, 80, 100, 120] {
        let style = Style {
            colour: false,
            width,
        };
        for line in terminal::render(&report(), &Headline::of(&report()), style, None).lines() {
            // A command stays whole so that it can be copied.
            if !line.contains("twinproof run") {
                assert!(line.width() <= width, "{width}: {} {line}", line.width());
            }
        }
    }
}

#[test]
fn markdown_stays_below_its_limit_and_says_what_is_cut() {
    let mut big = large(6_000);
    big.scenarios
        .iter_mut()
        .for_each(|s| s.verdict = Verdict::Fail);
    let big = counted(big);
    let text = markdown::render(&big);
    assert!(text.len() < markdown::LIMIT, "{}", text.len());
    assert!(text.contains("Cut here") && text.contains("not a certification"));
    assert!(!markdown::render(&large(100)).contains("Cut here"));
}

#[test]
fn a_thousand_scenarios_stay_handy() {
    let large = large(1_000);
    let began = Instant::now();
    let page = html::render(&large);
    let took = began.elapsed();
    assert!(page.len() < 10_000_000, "{}", page.len());
    // An order of magnitude above what it takes, for busy machines without optimization.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn long_answers_leave_the_page_handy_and_failures_whole() {
    let mut large = large(1_000);
    for (index, scenario) in large.scenarios.iter_mut().enumerate() {
        for exchange in &mut scenario.exchanges {
            let padding = "0123456789abcde\n".repeat(128);
            let (n, verdict) = (exchange.exchange, scenario.verdict);
            if let Some(answer) = &mut exchange.answer {
                let text = format!("answer {n} to {index}, {verdict}\n{padding}");
                answer.body.text = Some(text);
            }
        }
    }
    let page = html::render(&large);
    assert!(page.len() < 10_000_000, "{}", page.len());
    assert!(page.contains("\"left_out\":true"));
    let fails = |index: &usize| large.scenarios[*index].verdict == Verdict::Fail;
    for index in (0..large.scenarios.len()).filter(fails) {
        assert!(
            page.contains(&format!("answer 5 to {index}, fail")),
            "{index}"
        );
    }
}

#[test]
fn all_files_are_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a/b");
    let paths = twinproof_formats::all(&below, &report()).unwrap();
    let again = twinproof_formats::all(&below, &report()).unwrap();
    assert_eq!(paths, again);
    let mut names: Vec<_> = std::fs::read_dir(&below)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["junit.xml", "report.html", "report.json", "report.md"]
    );
    assert_eq!(
        std::fs::read_to_string(below.join("report.json")).unwrap(),
        json::render(&report())
    );

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = twinproof_formats::all(&file.join("below"), &report()).unwrap_err();
    assert!(error.to_string().contains("--report"), "{error}");
    let taken = dir.path().join("taken");
    std::fs::create_dir_all(taken.join("report.html")).unwrap();
    assert!(twinproof_formats::all(&taken, &report()).is_err());
    let left: Vec<_> = std::fs::read_dir(&taken).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}
