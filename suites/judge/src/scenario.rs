//! What came of one scenario: its attempts, its findings, and what they fold to.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use twinproof_evidence::Verdict;
use twinproof_evidence::record::{Body, Halt, RunStarted, Step};
use twinproof_evidence::report::{Answer, Attempt, Count, Exchange, Finding, Provenance, Scenario};

use crate::assumed::{suspects, told};
use crate::catalogue::{self, Catalogue, JudgedBy, Level, Status};
use crate::checks::{Check, Context, Found, dm};
use crate::condition::{conditions, not_applicable};
use crate::judge::foreign;
use crate::profile::Profile;
use crate::scene::{self, Scene};

/// What scenarios are judged by.
pub(crate) struct Bench<'a> {
    pub(crate) run: &'a RunStarted,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) profile: &'a Profile,
    pub(crate) context: &'a Context<'a>,
    /// The knobs that findings would rest on, so far.
    pub(crate) relied_on: BTreeMap<String, Provenance>,
}

impl Bench<'_> {
    /// Judges a scenario by its attempts.
    pub(crate) fn scenario(&mut self, id: &str, attempts: &[Scene]) -> Scenario {
        let run = self.run;
        let again = format!("{} --scenario {id} --seed {}", run.again, run.seed);
        let planned = run
            .plan
            .get(id)
            .or(attempts.first().map(|scene| &scene.started));
        let foreign = planned.and_then(|planned| not_applicable(&planned.tags, self.profile));
        if attempts.is_empty() || foreign.is_some() {
            // A requirement whose scenario is missing must not pass by the others alone.
            let is_new = run
                .retold
                .as_ref()
                .is_some_and(|retold| retold.unrecorded.iter().any(|new| new == id));
            let (verdict, reason) = match (foreign, is_new) {
                (Some(why), _) => (Verdict::NotApplicable, why),
                (None, true) => {
                    let why = "not recorded: the run did not have it".to_owned();
                    (Verdict::Untested, why)
                }
                (None, false) => {
                    let why = "the run ended before it began".to_owned();
                    (Verdict::Inconclusive, why)
                }
            };
            return Scenario {
                id: id.to_owned(),
                feature: planned.map_or_else(String::new, |p| p.feature.clone()),
                line: planned.map_or(0, |p| p.line),
                title: planned.map_or_else(String::new, |p| p.title.clone()),
                requirements: planned.map_or_else(Vec::new, |p| p.requirements.clone()),
                tags: planned.map_or_else(Vec::new, |p| p.tags.clone()),
                verdict,
                reason,
                accepted: Vec::new(),
                again,
                attempts: 0,
                tried: Vec::new(),
                took_us: 0,
                steps: planned.map_or_else(Vec::new, |p| p.steps.clone()),
                findings: Vec::new(),
                exchanges: Vec::new(),
            };
        }
        let judged: Vec<_> = attempts.iter().map(|scene| self.scene(scene)).collect();
        // An attempt in place of one that the transport broke counts instead of it, unless something
        // had already failed when that happened.
        let counts = |number: usize| {
            let broken = matches!(attempts[number].halted, Some((_, Halt::Transport { .. })));
            let starved = attempts[number].missing > 0;
            !((broken || starved)
                && judged[number].0 <= Verdict::Inconclusive
                && attempts
                    .get(number + 1)
                    .is_some_and(|next| next.started.retry))
        };
        // Of equals, the first decides.
        let decisive = (0..attempts.len())
            .rev()
            .filter(|number| counts(*number))
            .max_by_key(|number| judged[*number].0)
            .unwrap_or_default();
        let all = (0..attempts.len()).filter(|number| counts(*number));
        let count: Count = all.map(|number| judged[number].0).collect();
        let (verdict, mut reason, findings) = judged[decisive].clone();
        if count.of(verdict) < count.total {
            let each = Verdict::ALL.into_iter().rev();
            let each = each.filter(|verdict| count.of(*verdict) > 0);
            let each: Vec<_> = each.map(|v| format!("{} {v}", count.of(v))).collect();
            reason = format!(
                "flaky over {} attempts ({}): {reason}",
                count.total,
                each.join(", ")
            );
        }
        let scene = &attempts[decisive];
        let tried = judged.iter().zip(attempts).enumerate();
        let tried = tried.map(|(number, ((verdict, reason, _), scene))| Attempt {
            attempt: scene.attempt,
            verdict: *verdict,
            reason: reason.clone(),
            counts: counts(number),
        });
        Scenario {
            id: id.to_owned(),
            feature: scene.started.feature.clone(),
            line: scene.started.line,
            title: scene.started.title.clone(),
            requirements: scene.started.requirements.clone(),
            tags: scene.started.tags.clone(),
            verdict,
            reason,
            accepted: Vec::new(),
            again,
            attempts: attempts.len().try_into().unwrap_or(u32::MAX),
            tried: tried.filter(|_| attempts.len() > 1).collect(),
            took_us: scene.last,
            steps: scene.started.steps.clone(),
            findings,
            exchanges: messages(scene),
        }
    }

    fn scene(&mut self, scene: &Scene) -> (Verdict, String, Vec<Finding>) {
        let (catalogue, profile, context) = (self.catalogue, self.profile, self.context);
        let requirements: Vec<_> = scene
            .started
            .requirements
            .iter()
            .filter_map(|id| catalogue.requirement(id))
            .collect();
        // Who claims a recommendation has made it binding, whatever the scenario thinks of it.
        let claims_advice = !requirements.is_empty()
            && requirements
                .iter()
                .all(|r| matches!(r.level, Level::Should | Level::May) && !is_advice(r, profile));
        let tagged = scene.started.tags.iter().any(|tag| tag == "advice");
        let open = conditions(&scene.started.tags).any(|c| c.is_open(catalogue, profile));
        let advice = open
            || tagged && !claims_advice
            || !requirements.is_empty() && requirements.iter().all(|r| is_advice(r, profile));
        let basis = basis(&requirements);
        let grouping = grouping(&requirements);
        let own = || {
            let requirements = requirements.iter();
            requirements.filter(|r| !grouping.contains(r.id.as_str()))
        };
        let knows = |rule: &str| catalogue.knows(rule);
        let is_read = requirements.is_empty() || own().any(|r| r.is_read());
        let mut findings = Vec::new();
        for asked in &scene.asked {
            let finding = match serde_json::from_value::<Check>(asked.check.clone()) {
                Ok(check) => {
                    let looked = catch_unwind(AssertUnwindSafe(|| check.look(scene, context)));
                    let mut found = looked.unwrap_or_else(|_| {
                        Found::broken("an answer from the check", "the check itself broke")
                    });
                    for knob in &found.relies_on {
                        self.relied_on
                            .insert((*knob).to_owned(), (context.provenance)(knob));
                    }
                    let assumed = found.relies_on.iter().copied();
                    let assumed = told(
                        assumed.filter(|knob| is_assumed(context, knob)),
                        context.knobs,
                    );
                    let disputable = found
                        .rulings
                        .iter()
                        .find(|id| catalogue.rulings.get(**id).is_some_and(|r| r.disputable));
                    if found.verdict == Verdict::Fail {
                        // What nobody knows of the system comes first: a warning would say that it was seen.
                        if let Some(assumed) = assumed {
                            found.verdict = Verdict::Inconclusive;
                            found.got = format!("{}; but {assumed}", found.got);
                        } else if disputable.is_some() || advice {
                            found.verdict = Verdict::Warning;
                        } else if !is_read && !found.rule.as_deref().is_some_and(knows) {
                            found.verdict = Verdict::Warning;
                            found.rulings.push(UNREAD);
                        }
                    }
                    let wrong = matches!(
                        found.verdict,
                        Verdict::Error | Verdict::Fail | Verdict::Warning
                    );
                    if wrong && scene.missing > 0 {
                        found.verdict = Verdict::Inconclusive;
                        found.got = format!(
                            "{}; but of {} datagrams that our own link lost no copy came",
                            found.got, scene.missing
                        );
                    }
                    Finding {
                        check: check.name(),
                        step: asked.step,
                        verdict: found.verdict,
                        basis: std::iter::once(basis.clone())
                            .chain(found.rule)
                            .chain(found.rulings.iter().map(|id| format!("ruling {id}")))
                            .collect::<Vec<_>>()
                            .join("; "),
                        expected: found.expected,
                        got: found.got,
                        evidence: found.evidence,
                    }
                }
                Err(error) => Finding {
                    check: "unknown".to_owned(),
                    step: asked.step,
                    verdict: Verdict::Inconclusive,
                    basis: basis.clone(),
                    expected: "a check that this version knows".to_owned(),
                    got: error.to_string(),
                    evidence: Vec::new(),
                },
            };
            findings.push(finding);
        }
        let unclaimed = !requirements.is_empty()
            && own().all(|r| {
                r.status != Status::Active
                    || claim(profile, r) == Some(false)
                    || foreign(r, profile).is_some()
            });
        let (verdict, reason) = if unclaimed {
            let reason = "the profile claims nothing of what it judges".to_owned();
            (Verdict::NotApplicable, reason)
        } else {
            fold_scene(scene, &findings, context, &requirements)
        };
        (verdict, reason, findings)
    }
}

fn is_assumed(context: &Context<'_>, knob: &str) -> bool {
    (context.provenance)(knob) == Provenance::Assumed
}

/// Everything that passed, in the order of its numbers.
fn messages(scene: &Scene) -> Vec<Exchange> {
    let mut all: Vec<Exchange> = scene.exchanges.values().map(exchange).collect();
    let datagrams = scene.datagrams.iter();
    all.extend(datagrams.map(|datagram| datagram.shown(scene)));
    let turns = scene.associations.iter();
    all.extend(turns.map(|turn| Exchange {
        exchange: turn.number,
        step: turn.step,
        at: turn.at,
        took_us: None,
        from: turn.party.clone(),
        to: turn.peer.clone(),
        line: turn.words(),
        headers: Vec::new(),
        body: Body::new(&[], 0),
        answer: None,
        fault: None,
    }));
    all.extend(scene.operated.values().map(|operated| {
        let answer = serde_json::to_string(&operated.answer).unwrap_or_default();
        Exchange {
            exchange: operated.number,
            step: operated.step,
            at: operated.at,
            took_us: None,
            from: UPPER_TESTER.to_owned(),
            to: scene::SUT.to_owned(),
            line: serde_json::to_string(&operated.operation).unwrap_or_default(),
            headers: Vec::new(),
            body: Body::new(answer.as_bytes(), answer.len() as u64),
            answer: None,
            fault: None,
        }
    }));
    all.sort_by_key(|exchange| exchange.exchange);
    all
}

/// The ruling on what rests on no clause that was read.
const UNREAD: &str = "LW-D25";

/// Who makes the system under test act.
const UPPER_TESTER: &str = "upper tester";

fn exchange(seen: &scene::Exchange) -> Exchange {
    Exchange {
        exchange: seen.number,
        step: seen.step,
        at: seen.at,
        took_us: seen
            .response
            .as_ref()
            .and(seen.ended)
            .map(|ended| ended.saturating_sub(seen.at)),
        from: seen.from.clone(),
        to: seen.to.clone(),
        line: format!("{} {}", seen.method, seen.url),
        headers: seen.headers.clone(),
        body: readable(seen.headers.iter().map(|(n, v)| (&**n, &**v)), &seen.body),
        answer: seen.response.as_ref().map(|response| Answer {
            status: response.status,
            headers: response
                .headers
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            body: readable(
                response.headers.iter(),
                &seen.response_body.clone().unwrap_or_default(),
            ),
        }),
        fault: seen.fault.clone(),
    }
}

/// A body as the report has it: one in WBXML also in XML, for who reads it.
fn readable<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>, body: &Body) -> Body {
    let mut headers = headers;
    let content = headers.find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
    let octets = body.octets();
    let text = content.and_then(|(_, content)| dm::reading(content, &octets));
    match text {
        None => body.clone(),
        Some(text) => Body {
            text: Some(text),
            base64: Some(BASE64.encode(&octets)),
            ..body.clone()
        },
    }
}

fn fold_scene(
    scene: &Scene,
    findings: &[Finding],
    context: &Context<'_>,
    requirements: &[&catalogue::Requirement],
) -> (Verdict, String) {
    let mut outcome = (Verdict::Pass, String::new());
    let mut weigh = |verdict: Verdict, reason: String| {
        if verdict > outcome.0 {
            outcome = (verdict, reason);
        }
    };
    for finding in findings {
        weigh(
            finding.verdict,
            format!("expected {}; got {}", finding.expected, finding.got),
        );
    }
    if let Some((step, halt)) = &scene.halted {
        let step = step.and_then(|step| scene.started.steps.get(step));
        let at = step.map_or_else(String::new, |step| format!(" (at: {})", step.text));
        let verdict = match halt {
            Halt::Error { .. } => Verdict::Error,
            Halt::Inconclusive { .. } | Halt::Transport { .. } => Verdict::Inconclusive,
        };
        weigh(
            verdict,
            format!("{}{}{at}", halt.why(), missed(scene, context)),
        );
    } else if !scene.ended {
        weigh(
            Verdict::Inconclusive,
            "the run ended in the middle of it".to_owned(),
        );
    } else if findings.is_empty() {
        weigh(Verdict::Error, "no step of it judges anything".to_owned());
    } else if let Some(step) = unjudged(&scene.started.steps, findings).next() {
        // Whoever says what has to be the case and does not look must not be taken for a pass.
        weigh(
            Verdict::Error,
            format!("this step judged nothing: {}", step.text),
        );
    }
    if let Some(why) = scene
        .datagrams
        .iter()
        .find_map(scene::Datagram::disagreement)
    {
        weigh(
            Verdict::Error,
            format!("two readings of one datagram: {why}"),
        );
    }
    if !scene.has_contact() {
        weigh(
            Verdict::Inconclusive,
            "the system under test gave no successful answer in this scenario".to_owned(),
        );
    }
    if scene.started.tags.iter().any(|tag| tag == "inspect") {
        weigh(Verdict::Inspect, to_inspect(requirements));
    }
    outcome
}

/// The steps that judge and of which nothing was found.
pub(crate) fn unjudged<'a>(
    steps: &'a [Step],
    findings: &'a [Finding],
) -> impl Iterator<Item = &'a Step> {
    let judging = steps.iter().enumerate().filter(|(_, s)| s.kind == "Then");
    judging
        .filter(|(number, _)| findings.iter().all(|finding| finding.step != *number))
        .map(|(_, step)| step)
}

/// What a person has to look at: what the catalogue says of the requirements that need one.
fn to_inspect(requirements: &[&catalogue::Requirement]) -> String {
    let looks: Vec<&str> = requirements
        .iter()
        .filter(|r| r.judged_by != JudgedBy::Scenarios)
        .map(|r| r.observed.as_str())
        .collect();
    match looks.as_slice() {
        [] => "a person has to look at the evidence".to_owned(),
        looks => looks.join(" "),
    }
}

/// The request whose success the scenario needed and did not get, and what it rests on.
fn missed(scene: &Scene, context: &Context<'_>) -> String {
    let Some(unmet) = &scene.unmet else {
        return String::new();
    };
    let Some(exchange) = scene.exchanges.get(&unmet.exchange) else {
        return String::new();
    };
    let request = format!(": {} {}", exchange.method, exchange.url);
    let mut knobs = unmet.knobs.clone();
    knobs.extend(suspects(exchange, context.knobs));
    let assumed = knobs.iter().map(String::as_str);
    match told(
        assumed.filter(|knob| is_assumed(context, knob)),
        context.knobs,
    ) {
        Some(assumed) => format!("{request}; {assumed}"),
        None => request,
    }
}

pub(crate) fn is_advice(requirement: &catalogue::Requirement, profile: &Profile) -> bool {
    let claimed = claim(profile, requirement) == Some(true);
    matches!(requirement.level, Level::Should | Level::May) && !claimed
}

pub(crate) fn claim(profile: &Profile, requirement: &catalogue::Requirement) -> Option<bool> {
    profile.claim(&requirement.id)
}

/// The clauses that are there only because test purposes belong to them.
fn grouping<'a>(requirements: &[&'a catalogue::Requirement]) -> BTreeSet<&'a str> {
    let purposes = requirements.iter().filter_map(|r| r.purpose.as_ref());
    purposes.map(|purpose| purpose.clause.as_str()).collect()
}

/// The clauses that a finding rests on. One that only groups test purposes is not among them.
fn basis(requirements: &[&catalogue::Requirement]) -> String {
    let grouping = grouping(requirements);
    let mut clauses: Vec<String> = requirements
        .iter()
        .filter(|r| !grouping.contains(r.id.as_str()))
        .map(|r| r.clause())
        .collect();
    clauses.dedup();
    clauses.join(", ")
}
