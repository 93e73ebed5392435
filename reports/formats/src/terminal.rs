//! What the person who started a run reads: the answer first, the next step last.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Color, Effects};
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Finding, Report, Requirement, Scenario};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::headline::Headline;
use crate::text;

/// How wide a bar is, in columns.
pub(crate) const BAR: usize = 24;

/// How many scenarios of one verdict are told in full.
const AT_MOST: usize = 20;

/// How much of one text of a run is shown, in octets.
const TEXT_LIMIT: usize = 600;

/// How to print.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Whether to colour.
    pub colour: bool,
    /// How wide a line may be, in columns.
    pub width: usize,
}

impl Style {
    /// The style for standard output: colour on a terminal unless `NO_COLOR` or `TERM=dumb` forbid
    /// it, as wide as the terminal but no wider than reads well, 100 columns where there is none.
    pub fn of_stdout() -> Self {
        let colour =
            anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        let width = terminal_size::terminal_size_of(std::io::stdout())
            .map_or(100, |(width, _)| usize::from(width.0));
        Self {
            colour,
            width: width.clamp(40, 120),
        }
    }

    fn paint(self, style: anstyle::Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        self.paint(colour(verdict), text)
    }

    fn bold(self, text: &str) -> String {
        self.paint(anstyle::Style::new().effects(Effects::BOLD), text)
    }

    fn dim(self, text: &str) -> String {
        self.paint(anstyle::Style::new().effects(Effects::DIMMED), text)
    }
}

fn colour(verdict: Verdict) -> anstyle::Style {
    let of = |colour| anstyle::Style::new().fg_color(Some(Color::Ansi(colour)));
    match verdict {
        Verdict::Error => of(AnsiColor::Magenta).effects(Effects::BOLD),
        Verdict::Fail => of(AnsiColor::Red).effects(Effects::BOLD),
        Verdict::Inconclusive | Verdict::Warning => of(AnsiColor::Yellow),
        Verdict::Inspect => of(AnsiColor::Cyan),
        Verdict::NotApplicable | Verdict::Untested => {
            anstyle::Style::new().effects(Effects::DIMMED)
        }
        Verdict::Pass => of(AnsiColor::Green),
    }
}

/// Everything, for the end of a run. `html` is where the page for people lies.
pub fn render(report: &Report, headline: &Headline, style: Style, html: Option<&Path>) -> String {
    joined([
        format!("{}\n{}", head(report, style), answer(headline, style)),
        requirements(report, style),
        troubles(report, style),
        stale(report, style),
        rejudged(report, style),
        summary(report, style, html),
    ])
}

/// The answer, what is wrong, and the next step, for who does not want to read more.
pub fn brief(report: &Report, headline: &Headline, style: Style, html: Option<&Path>) -> String {
    joined([
        answer(headline, style),
        troubles(report, style),
        stale(report, style),
        rejudged(report, style),
        summary(report, style, html),
    ])
}

fn joined<const N: usize>(parts: [String; N]) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// What was run, and how far each enabler got.
pub fn head(report: &Report, style: Style) -> String {
    let name = match report.tool.name.as_str() {
        "twinproof" => "Twinproof",
        other => other,
    };
    let system = text::line(&report.sut.name, 80);
    let tool = format!("{name} {}", report.tool.version);
    let rest = format!(
        "· {system} · {} · seed {}",
        text::performed(report),
        report.seed,
    );
    let rest = wrap(&rest, style.width, tool.width() + 1).join("\n");
    let mut out = format!("{} {rest}\n", style.bold(&tool));
    let enablers = text::enablers(report);
    let widest = enablers.iter().map(|name| name.width()).max().unwrap_or(0);
    for (index, enabler) in enablers.iter().enumerate() {
        let scenarios: Vec<_> = report
            .scenarios
            .iter()
            .filter(|scenario| text::enabler(scenario) == *enabler)
            .collect();
        let ran = scenarios.iter().filter(|s| s.attempts > 0).count();
        let took = if index + 1 == enablers.len() {
            format!("  {}", text::run_time(report))
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "{} {} {ran}/{}{took}",
            pad(enabler, widest),
            bar(&scenarios, style),
            scenarios.len(),
        );
    }
    out
}

/// The answer and its figures.
fn answer(headline: &Headline, style: Style) -> String {
    let taken = headline.answer.width() + 2;
    let lines = wrap(&headline.figures, style.width, taken);
    format!(
        "{}: {}\n",
        style.verdict(headline.tone, headline.answer),
        lines.join("\n")
    )
}

/// A bar of which every part has the colour of a verdict; what was not performed stays light.
fn bar(scenarios: &[&Scenario], style: Style) -> String {
    let mut verdicts: Vec<_> = scenarios
        .iter()
        .map(|scenario| (scenario.attempts > 0).then_some(scenario.verdict))
        .collect();
    // Gravest first, so that a cell takes the gravest verdict that it stands for.
    verdicts.sort_by_key(|verdict| std::cmp::Reverse(*verdict));
    let mut out = String::new();
    for cell in 0..BAR {
        match verdicts.get(cell * verdicts.len() / BAR) {
            Some(Some(verdict)) => out.push_str(&style.verdict(*verdict, "█")),
            Some(None) | None => out.push_str(&style.dim("░")),
        }
    }
    out
}

/// The table by requirement.
pub fn requirements(report: &Report, style: Style) -> String {
    let column = |of: fn(&Requirement) -> &str| {
        let widths = text::worth_a_row(report).map(|r| of(r).width());
        widths.max().unwrap_or(0)
    };
    let (ids, levels) = (column(|r| &r.id), column(|r| &r.level));
    let verdicts = column(|r| r.verdict.name());
    let indent = 2 + ids + 2 + levels + 2 + verdicts + 2;
    let mut out = String::new();
    let mut document = None;
    for requirement in text::worth_a_row(report) {
        if document != Some(&requirement.document) {
            if document.is_some() {
                out.push('\n');
            }
            document = Some(&requirement.document);
            let _ = writeln!(out, "{}", style.bold(&requirement.document));
        }
        let mut title = text::line(&requirement.title, TEXT_LIMIT);
        if let Some(partly) = text::partly(requirement) {
            title = format!("({partly}) {title}");
        }
        let row = format!(
            "  {}  {}  {}",
            pad(&requirement.id, ids),
            pad(&requirement.level, levels),
            style.verdict(
                requirement.verdict,
                &pad(requirement.verdict.name(), verdicts)
            ),
        );
        let _ = match style.width.checked_sub(indent) {
            Some(room @ 20..) => writeln!(out, "{row}  {}", clip(&title, room)),
            _ => writeln!(
                out,
                "{}\n      {}",
                row.trim_end(),
                clip(&title, style.width - 6)
            ),
        };
    }
    if let Some(left_out) = text::left_out(report) {
        let _ = writeln!(out, "  … {left_out}");
    }
    out
}

/// What a reader has to look at, gravest first.
pub fn troubles(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for verdict in text::ATTENTION {
        let scenarios = text::of_verdict(report, verdict);
        for (index, scenario) in scenarios.iter().take(AT_MOST).enumerate() {
            if index > 0 || !out.is_empty() {
                out.push('\n');
            }
            trouble(&mut out, scenario, report, style);
        }
        let more = scenarios.len().saturating_sub(AT_MOST);
        if more > 0 {
            let _ = writeln!(
                out,
                "\n  … and {more} more {}",
                style.verdict(verdict, verdict.name())
            );
        }
    }
    out
}

/// What of a baseline is out of date.
fn stale(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for sentence in text::stale(report) {
        let lines = wrap(&text::line(&sentence, TEXT_LIMIT), style.width - 2, 0);
        let _ = writeln!(out, "  {}", lines.join("\n  "));
    }
    out
}

/// What an earlier judgement of the same record said otherwise.
fn rejudged(report: &Report, style: Style) -> String {
    let Some((by, changes)) = text::rejudged(report) else {
        return String::new();
    };
    let mut out = format!("  {}\n", wrap(&by, style.width - 2, 0).join("\n  "));
    for change in changes.iter().take(AT_MOST) {
        let lines = wrap(&text::line(change, TEXT_LIMIT), style.width - 6, 0);
        let _ = writeln!(out, "    {}", lines.join("\n      "));
    }
    let more = changes.len().saturating_sub(AT_MOST);
    if more > 0 {
        let _ = writeln!(out, "    … and {more} more in the report");
    }
    out
}

fn trouble(out: &mut String, scenario: &Scenario, report: &Report, style: Style) {
    let requirements = match scenario.requirements.as_slice() {
        [] => scenario.id.clone(),
        ids => ids.join(", "),
    };
    let levels = text::levels(scenario, report);
    let taken =
        2 + requirements.width() + 2 + levels.width() + 2 + scenario.verdict.name().width() + 3;
    let mut title = text::line(text::title(scenario), TEXT_LIMIT);
    if scenario.is_flaky() {
        title = format!("(flaky) {title}");
    }
    let _ = writeln!(
        out,
        "  {}  {levels}  {}   {}",
        style.bold(&requirements),
        style.verdict(scenario.verdict, scenario.verdict.name()),
        wrap(&title, style.width, taken).join("\n     "),
    );
    for why in &scenario.accepted {
        labelled(out, "accepted", why, "", style);
    }
    let place = text::place(scenario);
    let grave = text::grave(scenario);
    if grave.is_empty() {
        labelled(out, "why", &scenario.reason, &place, style);
    }
    for (index, finding) in grave.iter().enumerate() {
        let Finding {
            expected,
            got,
            basis,
            evidence,
            ..
        } = finding;
        labelled(
            out,
            "expected",
            expected,
            if index == 0 { &place } else { "" },
            style,
        );
        labelled(out, "got", got, &text::evidence(evidence), style);
        labelled(out, "basis", basis, "", style);
    }
    for attempt in text::attempts(scenario) {
        labelled(out, "attempt", &attempt, "", style);
    }
    labelled(out, "again", &scenario.again, "", style);
}

/// A label, its text, and a remark at the right margin; below the text where it does not fit.
fn labelled(out: &mut String, label: &str, value: &str, remark: &str, style: Style) {
    const INDENT: usize = 15;
    let value = text::line(value, TEXT_LIMIT);
    let lines = if label == "again" {
        // A command that is broken into lines cannot be copied.
        vec![value]
    } else {
        wrap(&value, style.width.saturating_sub(INDENT).max(20), 0)
    };
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = write!(out, "     {}{line}", style.dim(&pad(label, 10)));
        let room = style.width.saturating_sub(INDENT + line.width());
        if index + 1 == lines.len() && !remark.is_empty() {
            if room >= remark.width() + 2 {
                let _ = write!(
                    out,
                    "{}{}",
                    " ".repeat(room - remark.width()),
                    style.dim(remark)
                );
            } else {
                let _ = write!(out, "\n{}{}", " ".repeat(INDENT), style.dim(remark));
            }
        }
        out.push('\n');
    }
}

/// The counts, and where to go from here.
pub fn summary(report: &Report, style: Style, html: Option<&Path>) -> String {
    let counts = &report.summary.requirements;
    let mut out = format!("{}: ", text::count(counts.total, "requirement"));
    let mut at = out.width();
    for (index, (verdict, n)) in text::occurring(counts).enumerate() {
        let item = format!("{n} {verdict}");
        if at + 3 + item.width() > style.width {
            out.push_str("\n  ");
            at = 2;
        } else if index > 0 {
            out.push_str(" · ");
            at += 3;
        }
        at += item.width();
        out.push_str(&style.verdict(verdict, &item));
    }
    let grave = text::ATTENTION
        .iter()
        .find_map(|verdict| report.requirements.iter().find(|r| r.verdict == *verdict));
    if let Some(requirement) = grave {
        let why = format!("why: twinproof explain {}", requirement.id);
        let room = style.width.saturating_sub(at);
        if room >= why.width() + 2 {
            let _ = write!(out, "{}{why}", " ".repeat(room - why.width()));
        } else {
            let _ = write!(out, "\n{why}");
        }
    }
    out.push('\n');
    for claims in text::claims_in_short(report) {
        let _ = writeln!(out, "{}", wrap(&claims, style.width, 0).join("\n  "));
    }
    if let Some(html) = html {
        let _ = writeln!(out, "report: {}", html.display());
    }
    out
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    format!("{}…", text[..fitting(text, width - 1)].trim_end())
}

/// How many octets at the head of a text fill at most `width` columns.
fn fitting(text: &str, width: usize) -> usize {
    let mut taken = 0;
    text.char_indices()
        .find(|(_, c)| {
            taken += c.width().unwrap_or(0);
            taken > width
        })
        .map_or(text.len(), |(end, _)| end)
}

/// Breaks a text between words, in mid-word where one alone is wider; the first line begins at
/// `taken`.
fn wrap(text: &str, width: usize, taken: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut at = taken;
    for word in text.split(' ') {
        let mut word = word.to_owned();
        loop {
            let line = lines.last_mut().expect("never empty");
            let gap = usize::from(!line.is_empty());
            if at + gap + word.width() <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&word);
                at += gap + word.width();
                break;
            }
            if at == 0 {
                // At least one character, or this never ends.
                let first = word.chars().next().map_or(0, char::len_utf8);
                let end = fitting(&word, width).max(first);
                line.extend(word.drain(..end));
            }
            lines.push(String::new());
            at = 0;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::{clip, wrap};

    #[test]
    fn lines_are_no_wider_than_asked() {
        let text = "a tester reads 二つの装置 and a_very_long_word_that_fits_nowhere at all";
        for width in 4..90 {
            for line in wrap(text, width, 0) {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(clip(text, width).width() <= width);
        }
        let joined = wrap(text, 200, 0).join(" ");
        assert_eq!(joined, text);
    }

    #[test]
    fn breaking_a_text_loses_nothing() {
        let text = "one two  three_four_five_six 二つの装置";
        for width in 2..50 {
            let kept: String = wrap(text, width, 0).concat();
            assert_eq!(kept.replace(' ', ""), text.replace(' ', ""), "{width}");
        }
    }
}
