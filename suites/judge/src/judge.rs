use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Halt, Record, RunStarted, What};
use twinproof_evidence::report::{
    Answer, Attempt, Count, Document, Exchange, Finding, Knob, Provenance, Report, Requirement,
    SCHEMA_VERSION, Scenario, Summary, Sut, Tool,
};

use crate::catalogue::{self, Catalogue, JudgedBy, Level, Status};
use crate::checks::{Check, Context, Found};
use crate::observed::observed;
use crate::profile::Profile;
use crate::scene::Scene;

/// What every reader has to know before the first verdict.
const NOTICES: [&str; 3] = [
    "Judged against the documents listed here, as read by this version's catalogue and ambiguity register.",
    "This is not a certification by the Open Mobile Alliance.",
    "Never read, because they are not public: the texts of the Twinning TS and its XSD, of the DM 1.3 TSs and \
     of the GwMO TS. What only they could settle is a knob of the profile.",
];

/// Judges a run.
///
/// # Errors
///
/// The events do not begin with the start of a run, or its profile is not one that this version reads.
pub fn judge(events: &Events, catalogue: &Catalogue, tool: Tool) -> Result<Report, String> {
    let run = match events.records.first().map(|record| &record.what) {
        Some(What::RunStarted(run)) => run,
        _ => return Err("the ledger does not begin with the start of a run".to_owned()),
    };
    let profile: Profile = serde_json::from_value(run.profile.clone())
        .map_err(|e| format!("the ledger's profile is not one that this version reads: {e}"))?;
    let scenes = scenes(&events.records);
    let knobs = profile
        .twinning
        .as_ref()
        .map(|t| t.knobs.clone())
        .unwrap_or_default();
    let observed = observed(scenes.values().flatten(), &knobs);
    let declared: BTreeSet<&str> = run.declared.iter().map(String::as_str).collect();
    let provenance = |knob: &str| {
        if declared
            .iter()
            .any(|key| *key == knob || knob.starts_with(&format!("{key}.")))
        {
            Provenance::Declared
        } else if observed.contains(knob) {
            Provenance::Observed
        } else {
            Provenance::Assumed
        }
    };
    let context = Context {
        knobs: &knobs,
        provenance: &provenance,
        called: scenes
            .values()
            .flatten()
            .flat_map(Scene::called)
            .map(str::to_owned)
            .collect(),
    };
    let mut relied_on = BTreeMap::new();
    let scenarios: Vec<Scenario> = run
        .selected
        .iter()
        .map(|id| {
            let attempts = scenes
                .get(id.as_str())
                .map(Vec::as_slice)
                .unwrap_or_default();
            judge_scenario(
                id,
                attempts,
                run,
                catalogue,
                &profile,
                &context,
                &mut relied_on,
            )
        })
        .collect();
    let requirements: Vec<Requirement> = catalogue
        .requirements
        .iter()
        .filter(|requirement| run.enablers.contains(&requirement.enabler))
        .map(|requirement| judge_requirement(requirement, &scenarios, run, &profile))
        .collect();
    let mut notices = NOTICES.map(str::to_owned).to_vec();
    notices.extend(disclaimer(&requirements, catalogue, &profile));
    let contact = scenes.values().flatten().any(Scene::has_contact);
    let duration = if run.stage == "virtual" {
        scenes.values().flatten().map(|scene| scene.last).sum()
    } else {
        events.records.last().map_or(0, |record| record.at)
    };
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool,
        sut: Sut {
            name: profile.sut.name.clone(),
            version: profile.sut.version.clone(),
            profile_sha256: run.profile_sha256.clone(),
        },
        suite_sha256: run.suite_sha256.clone(),
        seed: run.seed,
        stage: run.stage.clone(),
        started: run.started.clone(),
        duration_ms: duration / 1000,
        notices,
        documents: catalogue
            .documents
            .iter()
            .filter(|document| run.enablers.contains(&document.enabler))
            .map(|document| Document {
                id: document.id.clone(),
                enabler: document.enabler.clone(),
                title: document.title.clone(),
                reference: document.reference.clone(),
            })
            .collect(),
        summary: Summary {
            requirements: requirements.iter().map(|r| r.verdict).collect::<Count>(),
            scenarios: scenarios.iter().map(|s| s.verdict).collect::<Count>(),
            contact,
            filtered: run.filtered,
            cut: events.cut.clone().or_else(|| stopped(&events.records)),
        },
        requirements,
        scenarios,
        knobs: relied_on
            .into_iter()
            .map(|(name, source)| Knob { name, source })
            .collect(),
    })
}

/// Why the record is whole and the run is not.
fn stopped(records: &[Record]) -> Option<String> {
    let stopped = matches!(
        records.last().map(|record| &record.what),
        Some(What::RunEnded { interrupted: true })
    );
    stopped.then(|| "the run was stopped before its end".to_owned())
}

fn scenes(records: &[Record]) -> BTreeMap<&str, Vec<Scene>> {
    let mut by_scene: BTreeMap<(&str, u32), Vec<Record>> = BTreeMap::new();
    for record in records {
        if let Some(scene) = &record.scene {
            by_scene
                .entry((&scene.scenario, scene.attempt))
                .or_default()
                .push(record.clone());
        }
    }
    let mut scenes: BTreeMap<&str, Vec<Scene>> = BTreeMap::new();
    for ((id, attempt), records) in by_scene {
        scenes
            .entry(id)
            .or_default()
            .extend(Scene::new(id, attempt, records));
    }
    scenes
}

fn judge_scenario(
    id: &str,
    attempts: &[Scene],
    run: &RunStarted,
    catalogue: &Catalogue,
    profile: &Profile,
    context: &Context<'_>,
    relied_on: &mut BTreeMap<String, Provenance>,
) -> Scenario {
    let again = format!("{} --scenario {id} --seed {}", run.again, run.seed);
    if attempts.is_empty() {
        // A requirement whose scenario is missing must not pass by the others alone.
        let planned = run.plan.get(id);
        return Scenario {
            id: id.to_owned(),
            feature: planned.map_or_else(String::new, |p| p.feature.clone()),
            line: planned.map_or(0, |p| p.line),
            title: planned.map_or_else(String::new, |p| p.title.clone()),
            requirements: planned.map_or_else(Vec::new, |p| p.requirements.clone()),
            tags: planned.map_or_else(Vec::new, |p| p.tags.clone()),
            verdict: Verdict::Inconclusive,
            reason: "the run ended before it began".to_owned(),
            again,
            attempts: 0,
            tried: Vec::new(),
            took_us: 0,
            steps: planned.map_or_else(Vec::new, |p| p.steps.clone()),
            findings: Vec::new(),
            exchanges: Vec::new(),
        };
    }
    let judged: Vec<_> = attempts
        .iter()
        .map(|scene| judge_scene(scene, catalogue, profile, context, relied_on))
        .collect();
    // An attempt in place of one that the transport broke counts instead of it.
    let counts = |number: usize| {
        let broken = matches!(attempts[number].halted, Some((_, Halt::Transport { .. })));
        !(broken
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
    let all: Vec<_> = (0..attempts.len())
        .filter(|number| counts(*number))
        .map(|number| judged[number].0.name())
        .collect();
    let (verdict, mut reason, findings) = judged[decisive].clone();
    if all.iter().any(|name| *name != all[0]) {
        reason = format!(
            "flaky over {} attempts ({}): {reason}",
            all.len(),
            all.join(", ")
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
        again,
        attempts: attempts.len().try_into().unwrap_or(u32::MAX),
        tried: tried.filter(|_| attempts.len() > 1).collect(),
        took_us: scene.last,
        steps: scene.started.steps.clone(),
        findings,
        exchanges: scene.exchanges.values().map(exchange).collect(),
    }
}

fn exchange(seen: &crate::scene::Exchange) -> Exchange {
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
        body: seen.body.clone(),
        answer: seen.response.as_ref().map(|response| Answer {
            status: response.status,
            headers: response
                .headers
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            body: seen.response_body.clone().unwrap_or_default(),
        }),
        fault: seen.fault.clone(),
    }
}

fn judge_scene(
    scene: &Scene,
    catalogue: &Catalogue,
    profile: &Profile,
    context: &Context<'_>,
    relied_on: &mut BTreeMap<String, Provenance>,
) -> (Verdict, String, Vec<Finding>) {
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
    let advice = tagged && !claims_advice
        || !requirements.is_empty() && requirements.iter().all(|r| is_advice(r, profile));
    let basis = basis(&requirements);
    let mut findings = Vec::new();
    for asked in &scene.asked {
        let finding = match serde_json::from_value::<Check>(asked.check.clone()) {
            Ok(check) => {
                let looked = catch_unwind(AssertUnwindSafe(|| check.look(scene, context)));
                let mut found = looked.unwrap_or_else(|_| {
                    Found::broken("an answer from the check", "the check itself broke")
                });
                for knob in &found.relies_on {
                    relied_on.insert((*knob).to_owned(), (context.provenance)(knob));
                }
                let assumed = found
                    .relies_on
                    .iter()
                    .find(|k| (context.provenance)(k) == Provenance::Assumed);
                let disputable = found
                    .rulings
                    .iter()
                    .find(|id| catalogue.rulings.get(**id).is_some_and(|r| r.disputable));
                if found.verdict == Verdict::Fail {
                    if disputable.is_some() {
                        found.verdict = Verdict::Warning;
                    } else if let Some(knob) = assumed {
                        found.verdict = Verdict::Inconclusive;
                        found.got = format!(
                            "{}; but {knob} is only assumed: declare it in the profile",
                            found.got
                        );
                    } else if advice {
                        found.verdict = Verdict::Warning;
                    }
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
        && requirements
            .iter()
            .all(|r| r.status != Status::Active || claim(profile, r) == Some(false));
    let (verdict, reason) = if unclaimed {
        let reason = "the profile claims nothing of what it judges".to_owned();
        (Verdict::NotApplicable, reason)
    } else {
        fold_scene(scene, &findings)
    };
    (verdict, reason, findings)
}

fn fold_scene(scene: &Scene, findings: &[Finding]) -> (Verdict, String) {
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
        let text = scene
            .started
            .steps
            .get(*step)
            .map_or("", |step| step.text.as_str());
        let verdict = match halt {
            Halt::Error { .. } => Verdict::Error,
            Halt::Inconclusive { .. } | Halt::Transport { .. } => Verdict::Inconclusive,
        };
        weigh(verdict, format!("{} (at: {text})", halt.why()));
    } else if !scene.ended {
        weigh(
            Verdict::Inconclusive,
            "the run ended in the middle of it".to_owned(),
        );
    } else if findings.is_empty() {
        weigh(Verdict::Error, "no step of it judges anything".to_owned());
    }
    if !scene.has_contact() {
        weigh(
            Verdict::Inconclusive,
            "the system under test gave no successful answer in this scenario".to_owned(),
        );
    }
    if scene.started.tags.iter().any(|tag| tag == "inspect") {
        weigh(
            Verdict::Inspect,
            "a person has to look at the evidence".to_owned(),
        );
    }
    outcome
}

/// A SHALL that the profile does not claim is not judged; whoever reads the report has to know.
fn disclaimer(
    requirements: &[Requirement],
    catalogue: &Catalogue,
    profile: &Profile,
) -> Option<String> {
    let disclaimed: Vec<&str> = requirements
        .iter()
        .filter_map(|r| catalogue.requirement(&r.id))
        .filter(|r| r.status == Status::Active && claim(profile, r) == Some(false))
        .filter(|r| matches!(r.level, Level::Shall | Level::ShallNot | Level::Must))
        .map(|r| r.id.as_str())
        .collect();
    (!disclaimed.is_empty()).then(|| {
        format!(
            "The profile does not claim these binding requirements, so they were not judged, and \
             conformance to their documents as a whole is not shown: {}.",
            disclaimed.join(", ")
        )
    })
}

fn is_advice(requirement: &catalogue::Requirement, profile: &Profile) -> bool {
    let claimed = claim(profile, requirement) == Some(true);
    matches!(requirement.level, Level::Should | Level::May) && !claimed
}

fn claim(profile: &Profile, requirement: &catalogue::Requirement) -> Option<bool> {
    match requirement.enabler.as_str() {
        "twinning" => profile
            .twinning
            .as_ref()?
            .claims
            .get(&requirement.id)
            .copied(),
        _ => None,
    }
}

fn basis(requirements: &[&catalogue::Requirement]) -> String {
    let mut clauses: Vec<String> = requirements.iter().map(|r| r.clause()).collect();
    clauses.dedup();
    clauses.join(", ")
}

fn judge_requirement(
    requirement: &catalogue::Requirement,
    scenarios: &[Scenario],
    run: &RunStarted,
    profile: &Profile,
) -> Requirement {
    let judging: Vec<_> = scenarios
        .iter()
        .filter(|s| s.requirements.contains(&requirement.id))
        .collect();
    let (verdict, reason) = if requirement.status != Status::Active {
        (
            Verdict::NotApplicable,
            format!("the document marks it as {}", requirement.status.name()),
        )
    } else if claim(profile, requirement) == Some(false) {
        (
            Verdict::NotApplicable,
            "the profile does not claim it".to_owned(),
        )
    } else if let Some(worst) = judging.iter().rev().max_by_key(|scenario| scenario.verdict) {
        match requirement.judged_by {
            JudgedBy::Inspection if worst.verdict < Verdict::Inspect => {
                (Verdict::Inspect, requirement.observed.clone())
            }
            _ if worst.verdict == Verdict::Pass => (Verdict::Pass, String::new()),
            // The scenario failed for another requirement that it judges too; this one but recommends.
            _ if worst.verdict == Verdict::Fail && is_advice(requirement, profile) => {
                (Verdict::Warning, format!("{}: {}", worst.id, worst.reason))
            }
            _ => (worst.verdict, format!("{}: {}", worst.id, worst.reason)),
        }
    } else {
        match requirement.judged_by {
            JudgedBy::NotObservable => (
                Verdict::Inspect,
                format!("not observable from outside: {}", requirement.observed),
            ),
            JudgedBy::Inspection if !run.filtered => {
                (Verdict::Inspect, requirement.observed.clone())
            }
            _ if run.filtered => (
                Verdict::Untested,
                "left out by the filters of this run".to_owned(),
            ),
            _ => (
                Verdict::Untested,
                "no scenario of this version judges it".to_owned(),
            ),
        }
    };
    Requirement {
        id: requirement.id.clone(),
        document: requirement.document.clone(),
        enabler: requirement.enabler.clone(),
        section: requirement.section.clone(),
        level: requirement.level.name().to_owned(),
        status: requirement.status.name().to_owned(),
        title: requirement.title.clone(),
        verdict,
        reason,
        basis: requirement.clause(),
        scenarios: judging.iter().map(|scenario| scenario.id.clone()).collect(),
    }
}
