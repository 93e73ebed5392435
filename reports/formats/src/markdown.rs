//! `report.md` for the job summary of a pipeline: failures first, and always below [`LIMIT`].

use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Proof, Report, Scenario};

use crate::headline::Headline;
use crate::text;

/// How long the file may be, in octets. GitHub takes 1 MiB per step; this leaves room for a line
/// that a pipeline adds itself.
pub const LIMIT: usize = 1_000_000;

/// How much one text of a run may take, in octets.
const TEXT_LIMIT: usize = 2_000;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let headline = Headline::of(report);
    let mut page = Page::default();
    page.block(&format!(
        "# {}: {}\n\n{} {}\n\n{} {} · {} · seed {} · {} stage · {}\n",
        words(&format!("{} {}", report.sut.name, report.sut.version)),
        headline.answer,
        mark(headline.tone),
        words(&headline.figures),
        words(&report.tool.name),
        words(&report.tool.version),
        text::performed(report),
        report.seed,
        words(&report.stage),
        text::run_time(report),
    ));
    for verdict in text::ATTENTION {
        let scenarios = text::of_verdict(report, verdict);
        if scenarios.is_empty() {
            continue;
        }
        page.block(&format!(
            "\n## {} {}: {}\n",
            mark(verdict),
            verdict.name(),
            text::count(scenarios.len(), "scenario")
        ));
        for scenario in scenarios {
            page.block(&trouble(scenario, report));
        }
    }
    for (index, sentence) in text::stale(report).enumerate() {
        let heading = match index {
            0 => "\n## Out of date in the baseline\n\n",
            _ => "",
        };
        page.block(&format!("{heading}- {}\n", words(&sentence)));
    }
    if let Some((by, changes)) = text::rejudged(report) {
        page.block(&format!("\n## Judged again\n\n{}\n\n", words(&by)));
        for change in changes {
            page.block(&format!("- {}\n", words(&change)));
        }
    }
    page.block("\n## By requirement\n");
    let mut document = None;
    for requirement in text::worth_a_row(report) {
        let mut row = String::new();
        if document != Some(&requirement.document) {
            document = Some(&requirement.document);
            row.push_str(&format!(
                "\n**{}**\n\n| requirement | level | verdict | title | why | proven |\n|---|---|---|---|---|---|\n",
                words(&requirement.document)
            ));
        }
        row.push_str(&format!(
            "| {} | {} | {} {}{} | {} | {} | {} |\n",
            words(&requirement.id),
            words(&requirement.level),
            mark(requirement.verdict),
            requirement.verdict,
            text::partly(requirement).map_or_else(String::new, |partly| format!(", {partly}")),
            words(&requirement.title),
            words(&text::line(&requirement.reason, 300)),
            words(
                &requirement
                    .proof
                    .as_ref()
                    .map(Proof::to_string)
                    .unwrap_or_default()
            ),
        ));
        page.block(&row);
    }
    if let Some(left_out) = text::left_out(report) {
        page.block(&format!("\n{left_out}.\n"));
    }
    for (enabler, rows) in text::claims(report) {
        let mut table = format!(
            "\n## What {} claims, and what was seen\n\n| {} | claimed | exercised | seen | |\n|---|---|---|---|---|\n",
            words(&report.sut.name),
            words(enabler),
        );
        for claim in rows {
            table.push_str(&format!(
                "| {} | {}{} | {} | {} | {}{} |\n",
                words(&claim.row.title),
                claim.claimed,
                match claim.row.claimed_by.as_str() {
                    "" => String::new(),
                    by => format!(": {}", words(by)),
                },
                claim.exercised,
                claim.seen,
                match claim.row.contradiction {
                    Some(_) => format!("{} ", mark(Verdict::Warning)),
                    None => String::new(),
                },
                words(&text::line(&claim.remark, 300)),
            ));
        }
        page.block(&table);
    }
    let mut end = String::from("\n## How to read this\n\n");
    for notice in &report.notices {
        end.push_str(&format!("- {}\n", words(notice)));
    }
    for document in &report.documents {
        end.push_str(&format!(
            "- {}: {} ({})\n",
            words(&document.id),
            words(&document.title),
            words(&document.reference)
        ));
    }
    page.end(&end)
}

fn trouble(scenario: &Scenario, report: &Report) -> String {
    let mut out = format!(
        "\n### {}{}\n\n{} {} · {}\n\n",
        words(text::title(scenario)),
        if scenario.is_flaky() { " (flaky)" } else { "" },
        words(&scenario.requirements.join(", ")),
        words(&text::levels(scenario, report)),
        code(&text::place(scenario)),
    );
    for why in &scenario.accepted {
        out.push_str(&format!("- accepted: {}\n", words(why)));
    }
    let mut shown = false;
    for finding in text::grave(scenario) {
        shown = true;
        out.push_str(&format!("- expected {}\n", words(&finding.expected)));
        out.push_str(&format!("  - got {}", code(&finding.got)));
        let evidence = text::evidence(&finding.evidence);
        if evidence.is_empty() {
            out.push('\n');
        } else {
            out.push_str(&format!(" in {evidence}\n"));
        }
        out.push_str(&format!("  - basis: {}\n", words(&finding.basis)));
    }
    if !shown && !scenario.reason.is_empty() {
        out.push_str(&format!("- {}\n", words(&scenario.reason)));
    }
    for attempt in text::attempts(scenario) {
        out.push_str(&format!("- attempt {}\n", words(&attempt)));
    }
    out.push_str(&format!("- again: {}\n", code(&scenario.again)));
    out
}

/// Collects blocks while they fit, and says what did not.
#[derive(Default)]
struct Page {
    text: String,
    left_out: usize,
}

/// What is kept free for the end of the page, in octets.
const RESERVE: usize = 64_000;

impl Page {
    fn block(&mut self, block: &str) {
        // Once something is left out, so is all that follows: no gaps in the middle.
        if self.left_out == 0 && self.text.len() + block.len() <= LIMIT - RESERVE {
            self.text.push_str(block);
        } else {
            self.left_out += 1;
        }
    }

    fn end(mut self, end: &str) -> String {
        if self.left_out > 0 {
            self.text.push_str(&format!(
                "\n> **Cut here.** {} left out so that this page stays below {LIMIT} octets. \
                 Everything is in `report.html` and `report.json`.\n",
                match self.left_out {
                    1 => "1 more entry is".to_owned(),
                    n => format!("{n} more entries are"),
                }
            ));
        }
        let (head, _) = text::head(end, RESERVE - 1_000);
        self.text.push_str(head);
        self.text
    }
}

/// A sign for those who skim; the word always stands beside it.
const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Error => "🟪",
        Verdict::Fail => "🟥",
        Verdict::Inconclusive => "🟧",
        Verdict::Inspect => "🟦",
        Verdict::NotApplicable | Verdict::Untested => "⬜",
        Verdict::Pass => "🟩",
        Verdict::Warning => "🟨",
    }
}

/// Text that Markdown must not take for markup, on one line.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text::line(text, TEXT_LIMIT).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Nobody is to be notified and no issue linked because of what a system answered.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text from a system under test, as code on one line.
fn code(text: &str) -> String {
    let text = text::line(text, TEXT_LIMIT);
    let mut longest = 0;
    let mut here = 0;
    for c in text.chars() {
        here = if c == '`' { here + 1 } else { 0 };
        longest = longest.max(here);
    }
    let fence = "`".repeat(longest + 1);
    if longest > 0 {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Page, code, words};

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(
            words("<b> @me #1 a|b `x`\n# h"),
            "&lt;b&gt; &#64;me &#35;1 a\\|b \\`x\\` &#35; h"
        );
        assert_eq!(code("a ``b`` c"), "``` a ``b`` c ```");
        assert_eq!(code("plain"), "`plain`");
    }

    #[test]
    fn a_page_is_cut_once_and_says_so() {
        let mut page = Page::default();
        for n in 0..3_000 {
            page.block(&format!("{n} {}\n", "x".repeat(999)));
        }
        page.block("short");
        let page = page.end("the end");
        assert!(page.len() < LIMIT, "{}", page.len());
        assert!(page.contains("more entries are left out"));
        assert!(!page.contains("short"));
        assert!(page.ends_with("the end"));
    }
}
