//! What several formats need to say things the same way.

use twinproof_evidence::Verdict;
use twinproof_evidence::baseline::{Accepted, Stale};
use twinproof_evidence::report::{
    Attempt, Capability, Claimed, Count, Finding, Report, Requirement, Scenario,
};

/// The verdicts that a reader has to look at, gravest first.
pub(crate) const ATTENTION: [Verdict; 5] = [
    Verdict::Fail,
    Verdict::Error,
    Verdict::Inconclusive,
    Verdict::Warning,
    Verdict::Inspect,
];

/// The scenarios of a verdict, what a baseline accepts behind what it does not.
pub(crate) fn of_verdict(report: &Report, verdict: Verdict) -> Vec<&Scenario> {
    let of_verdict = report.scenarios.iter().filter(|s| s.verdict == verdict);
    let mut scenarios: Vec<_> = of_verdict.collect();
    scenarios.sort_by_key(|scenario| !scenario.accepted.is_empty());
    scenarios
}

/// The scenarios that do not pass, and that a baseline accepts.
pub(crate) fn accepted(report: &Report) -> impl Iterator<Item = &Scenario> {
    let scenarios = report.scenarios.iter();
    scenarios.filter(|scenario| !scenario.accepted.is_empty())
}

/// What a baseline lists and a run contradicts, in one sentence each.
pub(crate) fn stale(report: &Report) -> impl Iterator<Item = String> + '_ {
    let stale = report.baseline.iter().flat_map(|gate| &gate.stale);
    stale.map(|Stale { entry, now }| {
        let names = [&entry.scenario, &entry.check];
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        let what = match entry.verdict {
            Accepted::Fail => "fails",
            Accepted::Flaky => "is flaky",
            Accepted::Inconclusive => "is inconclusive",
        };
        format!(
            "The baseline says that {} {what} ({}), but {now}: remove the entry, or correct it.",
            names.join(" "),
            entry.requirement,
        )
    })
}

/// What an earlier judgement of the same record said otherwise: what that was, and each change.
pub(crate) fn rejudged(report: &Report) -> Option<(String, Vec<String>)> {
    let rejudged = report.rejudged.as_ref()?;
    let suite = head(&rejudged.suite_sha256, 12).0;
    let by = format!(
        "Judged before by {} {} with the suite {}; since then {}:",
        rejudged.tool.name,
        rejudged.tool.version,
        if suite.is_empty() { "(none)" } else { suite },
        match rejudged.changes.len() {
            1 => "this has moved".to_owned(),
            n => format!("these {n} have moved"),
        },
    );
    let name = |verdict: Option<Verdict>| verdict.map_or("–", Verdict::name);
    let changes = rejudged.changes.iter().map(|change| {
        let (id, part) = (&change.id, change.part.as_deref());
        let part = part.map_or_else(String::new, |part| format!(" {part}"));
        let (before, after) = (name(change.before), name(change.after));
        let reason = match change.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        line(&format!("{id}{part}: {before} → {after}{reason}"), 1_000)
    });
    Some((by, changes.collect()))
}

/// What a system claims, as a row of a table.
pub(crate) struct Claim<'a> {
    pub(crate) row: &'a Capability,
    /// `yes`, `no` or `not said`.
    pub(crate) claimed: &'static str,
    /// `by 3 scenarios`, or a dash.
    pub(crate) exercised: String,
    /// `in 2 scenarios`, or a dash.
    pub(crate) seen: String,
    /// Where it was shown first, or how it contradicts the claim.
    pub(crate) remark: String,
}

/// The tables of claims, by enabler.
pub(crate) fn claims(report: &Report) -> Vec<(&str, Vec<Claim<'_>>)> {
    let mut tables: Vec<(&str, Vec<Claim<'_>>)> = Vec::new();
    for row in &report.capabilities {
        let ids = |word: &str, ids: &[String]| match ids {
            [] => "–".to_owned(),
            ids => format!("{word} {}", count(ids.len(), "scenario")),
        };
        let shown = row.shown_by.as_ref();
        let shown = shown.map(|place| format!("{} exchange {}", place.scenario, place.exchange));
        let contradiction = row.contradiction.as_ref();
        let remark = contradiction.map(|c| format!("{}: {}", c.name(), c.words()));
        let claim = Claim {
            row,
            claimed: row.claimed.name(),
            exercised: ids("by", &row.exercised),
            seen: ids("in", &row.seen),
            remark: remark.or(shown).unwrap_or_default(),
        };
        match tables
            .iter_mut()
            .find(|(enabler, _)| *enabler == row.enabler)
        {
            Some((_, rows)) => rows.push(claim),
            None => tables.push((&row.enabler, vec![claim])),
        }
    }
    tables
}

/// The claims of each enabler in one line: how many there are, what was exercised and seen, and which
/// the exchanges contradict.
pub(crate) fn claims_in_short(report: &Report) -> Vec<String> {
    let tables = claims(report).into_iter();
    let lines = tables.map(|(enabler, rows)| {
        let of = |claimed| rows.iter().filter(|c| c.row.claimed == claimed).count();
        let exercised = rows.iter().filter(|c| !c.row.exercised.is_empty()).count();
        let seen = rows.iter().filter(|c| !c.row.seen.is_empty()).count();
        let contradicted = rows.iter().filter_map(|claim| {
            let contradiction = claim.row.contradiction.as_ref()?;
            Some(format!(" · {}: {}", contradiction.name(), claim.row.id))
        });
        let contradicted: String = contradicted.collect();
        format!(
            "{enabler} can: {} claimed, {} disclaimed; of {}, {exercised} exercised, {seen} seen{contradicted}",
            of(Claimed::Yes),
            of(Claimed::No),
            rows.len(),
        )
    });
    lines.collect()
}

/// `1 scenario`, `2 scenarios`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A time in microseconds for people.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{} ms", tenths(us, 1_000)),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{} s", tenths(us, 1_000_000)),
        _ => {
            let seconds = us / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// How long the run took; on the virtual stage nobody waited that long.
pub(crate) fn run_time(report: &Report) -> String {
    let took = duration(report.duration_ms * 1000);
    match report.stage.as_str() {
        "virtual" => format!("{took} of simulated time"),
        _ => took,
    }
}

/// `182 scenarios`, and how often each was performed where that was not once.
pub(crate) fn performed(report: &Report) -> String {
    let scenarios = count(report.scenarios.len(), "scenario");
    match report.repeat {
        0 | 1 => scenarios,
        times => format!("{scenarios}, {times} times each"),
    }
}

/// `1 of 7 scenarios ran`, where a requirement was judged by only some of its scenarios.
pub(crate) fn partly(requirement: &Requirement) -> Option<String> {
    requirement.is_partly_judged().then(|| {
        format!(
            "{} of {} ran",
            requirement.scenarios_ran,
            count(requirement.scenarios_total, "scenario")
        )
    })
}

/// The requirements that are worth a row: not those that the filters of the run left out.
pub(crate) fn worth_a_row(report: &Report) -> impl Iterator<Item = &Requirement> {
    let filtered = report.summary.filtered;
    report
        .requirements
        .iter()
        .filter(move |r| !filtered || r.verdict != Verdict::Untested)
}

/// What stands for the requirements that [`worth_a_row`] leaves out.
pub(crate) fn left_out(report: &Report) -> Option<String> {
    let n = report.requirements.len() - worth_a_row(report).count();
    (n > 0).then(|| {
        format!(
            "{} untested: left out by the filters, or judged by no scenario about this system",
            count(n, "requirement")
        )
    })
}

fn tenths(us: u64, unit: u64) -> String {
    match us * 10 / unit {
        tenths if tenths % 10 == 0 => (tenths / 10).to_string(),
        tenths => format!("{}.{}", tenths / 10, tenths % 10),
    }
}

/// A number of octets for people.
pub(crate) fn octets(n: u64) -> String {
    match n {
        1 => "1 octet".to_owned(),
        0..10_240 => format!("{n} octets"),
        10_240..10_485_760 => format!("{} KiB", n / 1024),
        _ => format!("{} MiB", n / 1_048_576),
    }
}

/// The head of a text that is longer than `limit` octets, and how many octets are left out.
pub(crate) fn head(text: &str, limit: usize) -> (&str, usize) {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], text.len() - end)
}

/// The text on one line, at most about `limit` octets of it, with nothing in it that a terminal would
/// obey: a control character becomes its picture, a change of writing direction is left out.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let (head, rest) = head(text, limit);
    let mut out: String = head
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter_map(|c| match c {
            '\0'..='\x1f' => char::from_u32(0x2400 + c as u32),
            '\x7f'..='\u{9f}' => Some('\u{2421}'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c => Some(c),
        })
        .collect();
    if rest > 0 {
        out.push_str(&format!(" … ({} more)", octets(rest as u64)));
    }
    out
}

/// The scenario's requirement group: its feature file, also where it never began.
pub(crate) fn group(scenario: &Scenario) -> String {
    if scenario.feature.is_empty() {
        let parent = scenario.id.rsplit_once('/').map(|(parent, _)| parent);
        format!("{}.feature", parent.unwrap_or(&scenario.id))
    } else {
        scenario.feature.clone()
    }
}

/// Where the scenario stands; only its file, where it never began.
pub(crate) fn place(scenario: &Scenario) -> String {
    match scenario.line {
        0 => group(scenario),
        line => format!("{}:{line}", group(scenario)),
    }
}

/// What came of the attempts, in one sentence for all that ended alike; nothing where there was but
/// one.
pub(crate) fn attempts(scenario: &Scenario) -> Vec<String> {
    let mut alike: Vec<(&Attempt, Vec<u32>)> = Vec::new();
    for tried in &scenario.tried {
        let ended = |a: &Attempt| (a.verdict, a.counts, a.reason.clone());
        match alike
            .iter_mut()
            .find(|(known, _)| ended(known) == ended(tried))
        {
            Some((_, numbers)) => numbers.push(tried.attempt),
            None => alike.push((tried, vec![tried.attempt])),
        }
    }
    let sentence = |(tried, numbers): (&Attempt, Vec<u32>)| {
        let reason = match tried.reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", line(reason, 600)),
        };
        let counts = match (tried.counts, numbers.len()) {
            (true, _) => "",
            (false, 1) => "; it does not count",
            (false, _) => "; they do not count",
        };
        format!("{} {}{reason}{counts}", ranges(&numbers), tried.verdict)
    };
    alike.into_iter().map(sentence).collect()
}

/// `1–3, 5`
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    let ranges = ranges.into_iter().map(|(start, end)| match end - start {
        0 => start.to_string(),
        _ => format!("{start}–{end}"),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

/// The findings that gave the scenario its verdict. Those that say the same are told once, with all
/// that shows any of them.
pub(crate) fn grave(scenario: &Scenario) -> Vec<Finding> {
    let findings = scenario.findings.iter();
    let mut told: Vec<Finding> = Vec::new();
    for finding in findings.filter(|f| f.verdict == scenario.verdict) {
        let same = told.iter_mut().find(|known| {
            (&known.expected, &known.got, &known.basis)
                == (&finding.expected, &finding.got, &finding.basis)
        });
        match same {
            Some(known) => {
                known.evidence.extend(&finding.evidence);
                known.evidence.sort_unstable();
                known.evidence.dedup();
            }
            None => told.push(finding.clone()),
        }
    }
    told
}

/// The scenario's enabler, which is the first part of its id.
pub(crate) fn enabler(scenario: &Scenario) -> &str {
    scenario.id.split('/').next().unwrap_or_default()
}

/// The scenario's title; its id, where it never began.
pub(crate) fn title(scenario: &Scenario) -> &str {
    if scenario.title.is_empty() {
        &scenario.id
    } else {
        &scenario.title
    }
}

/// The levels of the scenario's requirements, each once.
pub(crate) fn levels(scenario: &Scenario, report: &Report) -> String {
    let mut levels: Vec<&str> = Vec::new();
    for requirement in &report.requirements {
        if scenario.requirements.contains(&requirement.id)
            && !levels.contains(&requirement.level.as_str())
        {
            levels.push(&requirement.level);
        }
    }
    levels.join("/")
}

/// The enablers of the report in its order.
pub(crate) fn enablers(report: &Report) -> Vec<&str> {
    let mut enablers: Vec<&str> = Vec::new();
    let of_requirements = report.requirements.iter().map(|r| r.enabler.as_str());
    for name in of_requirements.chain(report.scenarios.iter().map(enabler)) {
        if !enablers.contains(&name) {
            enablers.push(name);
        }
    }
    enablers
}

/// `exchange 4`, `exchanges 4 and 5`; empty where there is nothing to show.
pub(crate) fn evidence(exchanges: &[u64]) -> String {
    match exchanges {
        [] => String::new(),
        [one] => format!("exchange {one}"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(u64::to_string).collect();
            format!("exchanges {} and {last}", first.join(", "))
        }
    }
}

/// The counts of the verdicts that occur, passes first, then the gravest.
pub(crate) fn occurring(count: &Count) -> impl Iterator<Item = (Verdict, usize)> + '_ {
    let others = Verdict::ALL.into_iter().rev();
    std::iter::once(Verdict::Pass)
        .chain(others.filter(|verdict| *verdict != Verdict::Pass))
        .map(|verdict| (verdict, count.of(verdict)))
        .filter(|(verdict, n)| *n > 0 || *verdict == Verdict::Pass)
}

#[cfg(test)]
mod tests {
    use super::{count, duration, evidence, head, line, octets, ranges};

    #[test]
    fn times_and_sizes_are_for_people() {
        let times = [
            0,
            999,
            1_000,
            12_345,
            250_000,
            3_900_000,
            60_000_000,
            125_000_000,
        ];
        assert_eq!(
            times.map(duration),
            [
                "0 µs",
                "999 µs",
                "1 ms",
                "12.3 ms",
                "250 ms",
                "3.9 s",
                "1 min 0 s",
                "2 min 5 s"
            ]
        );
        assert_eq!(
            [0, 1, 2, 20_480, 1_073_741_824].map(octets),
            ["0 octets", "1 octet", "2 octets", "20 KiB", "1024 MiB"]
        );
    }

    #[test]
    fn a_text_is_never_cut_inside_a_character() {
        assert_eq!(head("aé", 2), ("a", 2));
        assert_eq!(head("aé", 3), ("aé", 0));
        assert_eq!(line("a\n  b", 9), "a b");
        assert_eq!(line("ééé", 3), "é … (4 octets more)");
    }

    #[test]
    fn a_terminal_finds_nothing_to_obey() {
        assert_eq!(
            line("\x1b[31mred\x07 \u{202e}lived\u{9b}2J", 99),
            "␛[31mred␇ lived␡2J"
        );
    }

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1–3, 5, 7–8");
        assert_eq!(ranges(&[4]), "4");
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!(count(1, "scenario"), "1 scenario");
        assert_eq!(count(0, "scenario"), "0 scenarios");
        assert_eq!(evidence(&[4, 5, 6]), "exchanges 4, 5 and 6");
        assert_eq!(evidence(&[4]), "exchange 4");
    }
}
