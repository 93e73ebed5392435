//! `report.html`: one file, no network, for people who want to see the evidence.
//!
//! Figures, verdicts, findings and steps are markup and need no script; the messages are data that
//! the script lays out when a scenario is opened. A content security policy forbids the page to load
//! or run anything else, so a hostile answer that is shown in it stays text.
//!
//! The part of the address after `#` names what is shown, so that it can be shared: `#HLF-TE-005`
//! (a requirement), `#twinning/enabler/code-works-once` (a scenario),
//! `#twinning/enabler/code-works-once:4` (an exchange), `#q=code&verdict=fail&enabler=twinning`
//! (what a reader looks for).

mod data;
mod pretty;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Count, Finding, Provenance, Report, Requirement, Scenario};

use crate::headline::Headline;
use crate::text;
use data::Data;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// How many scenarios of a requirement are listed before those that pass are folded away.
const LISTED: usize = 12;

/// How many scenarios are told in the first section.
const AT_MOST: usize = 30;

/// The order in which levels are summed up; others follow.
const LEVELS: [&str; 7] = [
    "SHALL",
    "SHALL NOT",
    "MUST",
    "MUST NOT",
    "SHOULD",
    "SHOULD NOT",
    "MAY",
];

/// How much of one text of a run is shown, in octets.
const LIMIT: usize = 4_000;

/// The report as a page.
pub fn render(report: &Report) -> String {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let headline = Headline::of(report);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ (report.tool.name) " " (report.tool.version) };
                title { (report.sut.name) ": " (headline.answer) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#requirements" { "Skip to the requirements" }
                (masthead(report, &headline))
                (controls(report))
                main {
                    (summary(report))
                    (attention(report))
                    (rejudged(report))
                    (requirements(report))
                    (scenarios(report))
                    (claims(report))
                    (open_points(report))
                    (documents(report))
                }
                footer { (report.tool.name) " " (report.tool.version) ", schema version " (report.schema_version) }
                script type="application/json" id="messages" { (PreEscaped(messages(report))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// A page that looks like the report and runs nothing: with this title, this style beside that of the report, and this body.
pub fn page(title: &str, style: &str, body: &Markup) -> String {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src {} {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(style)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// What a policy calls a text that may stand in the page.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that cannot end the element that it stands in.
fn messages(report: &Report) -> String {
    serde_json::to_string(&Data::of(report))
        .expect("messages are text and numbers")
        .replace('<', "\\u003c")
}

fn masthead(report: &Report, headline: &Headline) -> Markup {
    html! {
        header.mast {
            p.kicker { "Conformance report" }
            h1 { (report.sut.name) " " span.version { (report.sut.version) } }
            p.answer.(class(headline.tone)) {
                strong { (headline.answer) "." } " " (headline.figures)
            }
            dl.facts {
                div { dt { "Judged by" } dd { (report.tool.name) " " (report.tool.version) } }
                div { dt { "Began" } dd { time datetime=(report.started) { (report.started) } } }
                div { dt { "Took" } dd { (text::run_time(report)) } }
                @if report.repeat > 1 { div { dt { "Repeated" } dd { (report.repeat) " times each" } } }
                div { dt { "Stage" } dd { (report.stage) } }
                div { dt { "Seed" } dd { (report.seed) } }
                div { dt { "Profile" } dd { (digest(&report.sut.profile_sha256)) } }
                div { dt { "Suite" } dd { (digest(&report.suite_sha256)) } }
            }
            ul.notices {
                @for sentence in text::stale(report) { li { strong { (text::line(&sentence, LIMIT)) } } }
                @for notice in &report.notices { li { (notice) } }
            }
        }
    }
}

fn digest(sha256: &str) -> Markup {
    html! {
        @if sha256.is_empty() { "none" } @else {
            code title=(sha256) { (text::head(sha256, 12).0) }
        }
    }
}

/// Figures that are also filters; they stay in view.
fn controls(report: &Report) -> Markup {
    let enablers = text::enablers(report);
    html! {
        form #controls .bar role="search" aria-label="Filter this report" {
            div.figures role="group" aria-label="Requirements and scenarios by verdict" {
                span.key { "requirements / scenarios" }
                @for verdict in Verdict::ALL.into_iter().rev() {
                    @let n = report.summary.requirements.of(verdict);
                    @let scenarios = report.summary.scenarios.of(verdict);
                    @if n + scenarios > 0 {
                        @let both = format!("{}, {}", text::count(n, "requirement"), text::count(scenarios, "scenario"));
                        button.figure.(class(verdict)) type="button" aria-pressed="false"
                            data-verdict=(class(verdict)) data-count=(n) data-scenarios=(scenarios)
                            aria-label={ (verdict.name()) ": " (both) } title={ (both) ": " (verdict.meaning()) }
                            { b { (n) } span.of { " / " (scenarios) } " " (verdict.name()) }
                    }
                }
            }
            div.find {
                @if enablers.len() > 1 {
                    label { span.hide { "Enabler" }
                        select name="enabler" {
                            option value="" { "all enablers" }
                            @for enabler in &enablers { option value=(enabler) { (enabler) } }
                        }
                    }
                }
                label { span.hide { "Search" }
                    input type="search" name="q" placeholder="Search all text and messages  /" autocomplete="off" spellcheck="false";
                }
                output #shown aria-live="polite" {
                    (text::count(report.requirements.len(), "requirement")) ", "
                    (text::count(report.scenarios.len(), "scenario"))
                }
                button #clear type="button" hidden { "Show all" }
            }
        }
    }
}

fn summary(report: &Report) -> Markup {
    let mut rows: Vec<(&str, &str, Vec<Verdict>)> = Vec::new();
    for requirement in &report.requirements {
        let (enabler, level) = (requirement.enabler.as_str(), requirement.level.as_str());
        match rows
            .iter_mut()
            .find(|(e, l, _)| (*e, *l) == (enabler, level))
        {
            Some((_, _, verdicts)) => verdicts.push(requirement.verdict),
            None => rows.push((enabler, level, vec![requirement.verdict])),
        }
    }
    let enablers = text::enablers(report);
    let place = |list: &[&str], name: &str| list.iter().position(|known| *known == name);
    rows.sort_by_key(|(enabler, level, _)| {
        let level = place(&LEVELS, level).unwrap_or(LEVELS.len());
        (place(&enablers, enabler), level)
    });
    let columns: Vec<_> = Verdict::ALL
        .into_iter()
        .rev()
        .filter(|verdict| {
            report.summary.requirements.of(*verdict) + report.summary.scenarios.of(*verdict) > 0
        })
        .collect();
    html! {
        section #summary {
            h2 { "Summary" }
            div.wide { table.sums {
                caption.hide { "Requirements by enabler and level" }
                thead { tr {
                    th scope="col" { "Enabler" } th scope="col" { "Level" }
                    th.bar-cell scope="col" { span.hide { "Shares" } }
                    th.n scope="col" { "All" }
                    @for verdict in &columns { th.n scope="col" { (verdict.name()) } }
                } }
                tbody {
                    @for (index, (enabler, level, verdicts)) in rows.iter().enumerate() {
                        @let count: Count = verdicts.iter().copied().collect();
                        @let first = index == 0 || rows[index - 1].0 != *enabler;
                        tr.first[first] {
                            th scope="row" { @if first { (enabler) } @else { span.hide { (enabler) } } }
                            td { (level) }
                            (sum_cells(&count, &columns))
                        }
                    }
                }
                tfoot {
                    tr { th scope="row" { "Requirements" } td {} (sum_cells(&report.summary.requirements, &columns)) }
                    tr.scenarios { th scope="row" { "Scenarios" } td {} (sum_cells(&report.summary.scenarios, &columns)) }
                }
            } }
        }
    }
}

fn sum_cells(count: &Count, columns: &[Verdict]) -> Markup {
    html! {
        td.bar-cell { svg.shares viewBox={ "0 0 " (count.total.max(1)) " 1" } preserveAspectRatio="none" aria-hidden="true" {
            @let mut from = 0;
            @for verdict in Verdict::ALL.into_iter().rev() {
                @let n = count.of(verdict);
                @if n > 0 { rect.(class(verdict)) x=(from) y="0" width=(n) height="1" {} }
                @let () = from += n;
            }
        } }
        td.n data-name="in all" { (count.total) }
        @for verdict in columns {
            @let n = count.of(*verdict);
            td.n.zero[n == 0] data-name=(verdict.name()) { @if n > 0 { span.(class(*verdict)) { (n) } } @else { "0" } }
        }
    }
}

fn attention(report: &Report) -> Markup {
    let of_verdict = |verdict| text::of_verdict(report, verdict);
    let all: Vec<_> = text::ATTENTION.into_iter().flat_map(of_verdict).collect();
    let more = all.len().saturating_sub(AT_MOST);
    html! {
        @if !all.is_empty() {
            section #attention {
                h2 { "Look at this first" }
                @for scenario in all.into_iter().take(AT_MOST) {
                    article.card.(class(scenario.verdict)) data-of=(scenario.id) {
                        h3 { (badge(scenario.verdict)) (flaky(scenario)) " " a href={ "#" (scenario.id) } { (text::title(scenario)) } }
                        p.by { (requirement_links(scenario)) }
                        (accepted(scenario))
                        @let grave = text::grave(scenario);
                        @if grave.is_empty() { p { (text::line(&scenario.reason, LIMIT)) } }
                        @for finding in &grave { (finding_list(finding, &scenario.id, false)) }
                        p.again { (again(scenario)) }
                    }
                }
                @if more > 0 {
                    p { "And " (text::count(more, "more scenario")) " below: choose a verdict above to see them." }
                }
            }
        }
    }
}

fn rejudged(report: &Report) -> Markup {
    html! {
        @if let Some((by, changes)) = text::rejudged(report) {
            section #rejudged {
                h2 { "Judged again" }
                p { (by) }
                ul { @for change in changes { li { (change) } } }
            }
        }
    }
}

fn requirements(report: &Report) -> Markup {
    let of_scenario = |id: &String| report.scenarios.iter().find(|scenario| scenario.id == *id);
    let mut documents: Vec<(&str, Vec<&Requirement>)> = Vec::new();
    for requirement in &report.requirements {
        match documents
            .iter_mut()
            .find(|(id, _)| *id == requirement.document)
        {
            Some((_, requirements)) => requirements.push(requirement),
            None => documents.push((&requirement.document, vec![requirement])),
        }
    }
    html! {
        section #requirements {
            h2 { "Requirements" }
            @for (id, requirements) in &documents {
                div.wide.document { table.matrix {
                    caption { (id) }
                    thead { tr {
                        th scope="col" { "Requirement" } th scope="col" { "Level" } th scope="col" { "Verdict" }
                        th scope="col" { "What it demands" } th scope="col" { "Scenarios" }
                    } }
                    tbody {
                        @for requirement in requirements {
                            tr.requirement id=(requirement.id) data-verdict=(class(requirement.verdict)) data-enabler=(requirement.enabler) {
                                th scope="row" { a href={ "#" (requirement.id) } { (requirement.id) } }
                                td.level { (requirement.level) }
                                td { (badge(requirement.verdict))
                                    @if let Some(partly) = text::partly(requirement) { p.basis { (partly) } } }
                                td {
                                    (requirement.title)
                                    @if !requirement.reason.is_empty() {
                                        p.reason { (text::line(&requirement.reason, LIMIT)) }
                                    }
                                    p.basis { (requirement.basis)
                                        @if requirement.status != "active" { ", " (requirement.status) } }
                                    @if let Some(proof) = &requirement.proof {
                                        p.basis title=(proof.mutants.join(", ")) {
                                            "Proven " (proof) }
                                    }
                                }
                                td.judging {
                                    (judging(requirement.scenarios.iter().filter_map(of_scenario)))
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// The scenarios that judge a requirement. Of many, those that pass are folded away.
fn judging<'r>(scenarios: impl Iterator<Item = &'r Scenario>) -> Markup {
    let all: Vec<&Scenario> = scenarios.collect();
    let folds = all.len() > LISTED;
    let (folded, listed): (Vec<_>, Vec<_>) = all
        .iter()
        .partition(|scenario| folds && scenario.verdict == Verdict::Pass);
    let dot = |scenario: &Scenario| {
        html! {
            a.dot.(class(scenario.verdict)) href={ "#" (scenario.id) }
                title={ (scenario.verdict) ": " (text::title(scenario)) } {
                (short(&scenario.id)) span.hide { " " (scenario.verdict) } }
        }
    };
    html! {
        @for scenario in listed { (dot(scenario)) }
        @if !folded.is_empty() {
            details {
                summary { "passing: " (folded.len()) }
                @for scenario in folded { (dot(scenario)) }
            }
        }
        @if all.is_empty() { span.none { "none" } }
    }
}

fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn scenarios(report: &Report) -> Markup {
    let mut groups: Vec<(String, Vec<&Scenario>)> = Vec::new();
    for scenario in &report.scenarios {
        let name = text::group(scenario);
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => groups.push((name, vec![scenario])),
        }
    }
    html! {
        section #scenarios {
            h2 { "Scenarios" }
            noscript { p { "The messages of each scenario are laid out by a script; without it they are in report.json." } }
            @for (name, scenarios) in &groups {
                div.group {
                    h3 { (name) }
                    @for scenario in scenarios { (scenario_details(scenario)) }
                }
            }
        }
    }
}

fn scenario_details(scenario: &Scenario) -> Markup {
    html! {
        details.scenario.(class(scenario.verdict)) id=(scenario.id)
            data-verdict=(class(scenario.verdict)) data-enabler=(text::enabler(scenario)) {
            summary {
                (badge(scenario.verdict))
                span.title { (text::title(scenario)) (flaky(scenario)) }
                span.took { (text::duration(scenario.took_us)) }
            }
            div.inside {
                p.by { (requirement_links(scenario)) " · " code { (scenario.id) } " · "
                    (text::place(scenario))
                    @if scenario.attempts > 1 { " · " (text::count(scenario.attempts as usize, "attempt")) }
                    @for tag in scenario.tags.iter().filter(|tag| !is_told(tag, scenario)) { " · @" (tag) }
                }
                (accepted(scenario))
                @if !scenario.reason.is_empty() {
                    p.reason { (text::line(&scenario.reason, LIMIT)) }
                }
                ol.steps {
                    @for (index, step) in scenario.steps.iter().enumerate() {
                        li {
                            p.step { b { (step.kind) } " " (step.text) }
                            div.messages data-step=(index) {}
                            @for finding in scenario.findings.iter().filter(|f| f.step == index) {
                                (finding_list(finding, &scenario.id, true))
                            }
                        }
                    }
                }
                // Findings of steps that the record does not name must not vanish.
                @for finding in scenario.findings.iter().filter(|f| f.step >= scenario.steps.len()) {
                    (finding_list(finding, &scenario.id, true))
                }
                @let late = scenario.exchanges.iter().any(|e| e.step.is_none_or(|step| step >= scenario.steps.len()));
                @if late {
                    div.late { h4 { "Not during a step" } div.messages data-step="late" {} }
                }
                @if !scenario.tried.is_empty() {
                    div.late { h4 { "Attempts" }
                        ul.tried { @for attempt in text::attempts(scenario) { li { "Attempt " (attempt) } } }
                    }
                }
                p.again { (again(scenario)) }
            }
        }
    }
}

/// That not all attempts agree, where it is so.
fn flaky(scenario: &Scenario) -> Markup {
    html! {
        @if scenario.is_flaky() {
            " " span.flaky title="its attempts came to different verdicts" { "flaky" }
        }
    }
}

/// Why a baseline accepts that the scenario does not pass.
fn accepted(scenario: &Scenario) -> Markup {
    html! {
        @for why in &scenario.accepted {
            p.accepted { strong { "Accepted by the baseline:" } " " (text::line(why, LIMIT)) }
        }
    }
}

fn is_told(tag: &str, scenario: &Scenario) -> bool {
    tag.starts_with("id:") || scenario.requirements.iter().any(|id| id == tag)
}

fn requirement_links(scenario: &Scenario) -> Markup {
    html! {
        @for (index, id) in scenario.requirements.iter().enumerate() {
            @if index > 0 { ", " } a href={ "#" (id) } { (id) }
        }
        @if scenario.requirements.is_empty() { "no requirement" }
    }
}

/// With its verdict, unless what stands around it says it.
fn finding_list(finding: &Finding, scenario: &str, with_verdict: bool) -> Markup {
    html! {
        dl.finding.(class(finding.verdict)) {
            @if with_verdict { div { dt { (badge(finding.verdict)) } dd { code { (finding.check) } } } }
            div { dt { "expected" } dd { (text::line(&finding.expected, LIMIT)) } }
            div { dt { "got" } dd { (text::line(&finding.got, LIMIT))
                @for number in &finding.evidence {
                    " " a.evidence href={ "#" (scenario) ":" (number) } { "exchange " (number) }
                } } }
            div { dt { "basis" } dd { (finding.basis) } }
        }
    }
}

fn again(scenario: &Scenario) -> Markup {
    html! { "Repeat it: " code.command { (scenario.again) } }
}

fn claims(report: &Report) -> Markup {
    html! {
        @for (enabler, rows) in text::claims(report) {
            section.claims id={ "claims-" (enabler) } {
                h2 { "What " (enabler) " claims, and what was seen" }
                p { "What was exercised and not seen was refused, or nobody could see what came of it. A claim that the exchanges contradict is a warning." }
                div.wide { table.knobs {
                    caption.hide { "Claimed, exercised and seen" }
                    thead { tr {
                        th scope="col" { "What" } th scope="col" { "Claimed" } th scope="col" { "Exercised" }
                        th scope="col" { "Seen" } th scope="col" { "Shown by" }
                    } }
                    tbody { @for claim in &rows {
                        @let contradiction = claim.row.contradiction.as_ref();
                        tr {
                            th scope="row" { (claim.row.title) " " code { (claim.row.id) } }
                            td data-name="claimed: " title=(claim.row.claimed_by) { (claim.claimed)
                                @if !claim.row.claimed_by.is_empty() { p.basis { (claim.row.claimed_by) } } }
                            td data-name="exercised: " title=(claim.row.exercised.join(", ")) { (claim.exercised) }
                            td data-name="seen: " title=(claim.row.seen.join(", ")) { (claim.seen) }
                            td {
                                @match (contradiction, &claim.row.shown_by) {
                                    (Some(contradiction), _) => {
                                        span.verdict.(class(Verdict::Warning)) { (contradiction.name()) } " "
                                        (text::line(contradiction.words(), LIMIT))
                                    }
                                    (None, Some(place)) => {
                                        a.evidence href={ "#" (place.scenario) ":" (place.exchange) } {
                                            (place.scenario) " exchange " (place.exchange) }
                                    }
                                    (None, None) => {}
                                }
                            }
                        }
                    } }
                } }
            }
        }
    }
}

fn open_points(report: &Report) -> Markup {
    html! {
        @if !report.knobs.is_empty() {
            section #open-points {
                h2 { "What the public texts leave open" }
                p { "Verdicts of this run rest on these points. A breach that rests on an assumed one is inconclusive until the profile declares it." }
                div.wide { table.knobs {
                    caption.hide { "Open points" }
                    thead { tr { th scope="col" { "Key of the profile" } th scope="col" { "In this run" } } }
                    tbody { @for knob in &report.knobs {
                        tr { th scope="row" { code { (knob.name) } } td { (provenance(knob.source)) } }
                    } }
                } }
            }
        }
    }
}

const fn provenance(source: Provenance) -> &'static str {
    match source {
        Provenance::Assumed => "assumed from the default",
        Provenance::Declared => "declared by the profile",
        Provenance::Observed => "observed",
    }
}

fn documents(report: &Report) -> Markup {
    html! {
        section #documents {
            h2 { "Documents and verdicts" }
            div.columns {
                dl { @for document in &report.documents {
                    dt { (document.id) } dd { (document.title) br; small { (document.reference) } }
                } }
                dl.legend { @for verdict in Verdict::ALL.into_iter().rev() {
                    dt { (badge(verdict)) } dd { (verdict.meaning()) }
                } }
            }
        }
    }
}

fn badge(verdict: Verdict) -> Markup {
    html! { span.verdict.(class(verdict)) { (verdict.name()) } }
}

/// The verdict in the style sheet and in addresses: its name in `report.json`.
const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotApplicable => "not_applicable",
        other => other.name(),
    }
}
