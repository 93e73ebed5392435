use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{Record, Retold, RunStarted, What};
use twinproof_evidence::report::{
    self, Count, Document, Knob, Provenance, Report, Requirement, SCHEMA_VERSION, Scenario,
    Summary, Sut, Tool,
};

use crate::baseline;
use crate::catalogue::{self, Catalogue, JudgedBy, Level, Status};
use crate::checks::Context;
use crate::claimed;
use crate::condition::newer;
use crate::contact::no_contact;
use crate::observed::{groups, observed};
use crate::profile::Profile;
use crate::proofs::Proofs;
use crate::scenario::{Bench, claim, is_advice};
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
    // Looks at every document of the run, so only where something is not declared anyway.
    let observed = LazyCell::new(|| observed(scenes.values().flatten(), &knobs));
    let declared: BTreeSet<&str> = run.declared.iter().map(String::as_str).collect();
    let is_within = |inner: &str, outer: &str| {
        let below = inner.strip_prefix(outer);
        below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
    };
    let of_one = |knob: &str| {
        // Of a knob that is a table, a profile declares all with what it writes there: the rest is as it is by default.
        let is_declared = |key: &&str| is_within(knob, key) || is_within(key, knob);
        if declared.iter().any(is_declared) {
            Provenance::Declared
        } else if observed.contains(knob) {
            Provenance::Observed
        } else {
            Provenance::Assumed
        }
    };
    let groups = groups(&knobs);
    // A group is known as well as the least known of its members.
    let provenance = |knob: &str| {
        let members = groups.get(knob).into_iter().flatten();
        members
            .map(|member| of_one(member))
            .min()
            .unwrap_or_else(|| of_one(knob))
    };
    let subscribers = profile.twinning.iter().flat_map(|t| &t.subscribers);
    let context = Context {
        aliases: subscribers
            .filter(|subscriber| !subscriber.also.is_empty())
            .map(|s| {
                std::iter::once(&s.address)
                    .chain(&s.also)
                    .cloned()
                    .collect()
            })
            .collect(),
        knobs: &knobs,
        provenance: &provenance,
        called: scenes
            .values()
            .flatten()
            .flat_map(Scene::called)
            .map(str::to_owned)
            .collect(),
    };
    let mut bench = Bench {
        run,
        catalogue,
        profile: &profile,
        context: &context,
        relied_on: BTreeMap::new(),
    };
    let scenarios: Vec<Scenario> = run
        .selected
        .iter()
        .map(|id| {
            let attempts = scenes.get(id.as_str()).map(Vec::as_slice);
            bench.scenario(id, attempts.unwrap_or_default())
        })
        .collect();
    let mut requirements: Vec<Requirement> = catalogue
        .requirements
        .iter()
        .filter(|requirement| run.enablers.contains(&requirement.enabler))
        .map(|requirement| judge_requirement(requirement, &scenarios, run, &profile))
        .collect();
    let proofs: BTreeMap<&str, Result<Proofs, String>> = run
        .enablers
        .iter()
        .map(|enabler| {
            let proofs = Proofs::of_run(&run.suite_sha256, enabler);
            (enabler.as_str(), proofs)
        })
        .collect();
    for requirement in &mut requirements {
        if let Some(Ok(proofs)) = proofs.get(requirement.enabler.as_str()) {
            requirement.proof = proofs.proof(&requirement.id);
        }
    }
    name_untested_purposes(&mut requirements, catalogue);
    let tables = catalogue.capabilities.iter();
    let tables = tables.filter(|table| run.enablers.contains(&table.enabler));
    let mut capabilities = Vec::new();
    for table in tables {
        let rows = claimed::table(table, &profile, (&scenes, &scenarios));
        warn_of_contradictions(&table.requirement, &rows, &mut requirements);
        capabilities.extend(rows);
    }
    let mut notices = NOTICES.map(str::to_owned).to_vec();
    notices.extend(run.retold.as_ref().map(retold));
    let disclaimed = disclaimed(catalogue, &profile, &run.enablers);
    notices.extend(disclaimer(&disclaimed));
    notices.extend(proofs.iter().filter_map(|(enabler, proofs)| {
        let why = proofs.as_ref().err()?;
        Some(format!("The verdicts on {enabler} are {why}."))
    }));
    let contact = scenes.values().flatten().any(Scene::has_contact);
    let no_contact = (!contact).then(|| {
        let reason = scenarios
            .iter()
            .find(|s| s.attempts > 0)
            .map(|s| s.reason.as_str());
        no_contact(scenes.values().flatten(), &profile, reason)
    });
    let duration = if run.stage == "virtual" {
        scenes.values().flatten().map(|scene| scene.last).sum()
    } else {
        events.records.last().map_or(0, |record| record.at)
    };
    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        tool,
        sut: Sut {
            name: profile.sut.name.clone(),
            version: profile.sut.version.clone(),
            profile_sha256: run.profile_sha256.clone(),
        },
        suite_sha256: run.suite_sha256.clone(),
        seed: run.seed,
        repeat: run.repeat,
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
            no_contact,
            filtered: run.filtered,
            disclaimed,
            cut: events.cut.clone().or_else(|| stopped(&events.records)),
        },
        requirements,
        scenarios,
        knobs: bench
            .relied_on
            .into_iter()
            .map(|(name, source)| Knob { name, source })
            .collect(),
        capabilities,
        baseline: None,
        rejudged: None,
    };
    if let Some(baseline) = &run.baseline {
        baseline::weigh(baseline, &mut report);
    }
    Ok(report)
}

/// In whose words a record is told that was made with others.
fn retold(retold: &Retold) -> String {
    let mut text =
        "The run was made with another suite than it is judged by here. What it did not do \
                    is not recorded, and what this suite does not ask for is not judged."
            .to_owned();
    let names = |text: &mut String, what: &str, ids: &[String]| {
        if !ids.is_empty() {
            text.push_str(&format!(" {what}: {}.", ids.join(", ")));
        }
    };
    names(
        &mut text,
        "Scenarios that the run did not have",
        &retold.unrecorded,
    );
    names(&mut text, "Scenarios that are gone", &retold.gone);
    text
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

/// The binding requirements of these enablers that a profile does not claim, in the catalogue's order.
pub fn disclaimed(catalogue: &Catalogue, profile: &Profile, enablers: &[String]) -> Vec<String> {
    catalogue
        .requirements
        .iter()
        .filter(|r| enablers.contains(&r.enabler))
        .filter(|r| r.status == Status::Active && claim(profile, r) == Some(false))
        .filter(|r| matches!(r.level, Level::Shall | Level::ShallNot | Level::Must))
        .map(|r| r.id.clone())
        .collect()
}

/// A SHALL that the profile does not claim is not judged; whoever reads the report has to know.
fn disclaimer(disclaimed: &[String]) -> Option<String> {
    (!disclaimed.is_empty()).then(|| {
        format!(
            "The profile does not claim these binding requirements, so they were not judged, and \
             conformance to their documents as a whole is not shown: {}.",
            disclaimed.join(", ")
        )
    })
}

/// Why nothing of a requirement can apply to the system that the profile describes, if so.
pub(crate) fn foreign(requirement: &catalogue::Requirement, profile: &Profile) -> Option<String> {
    let roles = profile.roles();
    let bound = std::iter::once(&requirement.role).chain(&requirement.also_role);
    if !bound.clone().any(|role| roles.contains(&role.as_str())) {
        return Some(format!(
            "it binds the {}, which the profile does not describe",
            requirement.role
        ));
    }
    let (purpose, section) = (requirement.purpose.as_ref()?, profile.lwm2m.as_ref()?);
    let claimed = section.version.0;
    (purpose.since > claimed).then(|| newer(purpose.since, claimed))
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
    } else if let Some(why) = foreign(requirement, profile) {
        (Verdict::NotApplicable, why)
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
            _ if requirement.untested.is_some() => (
                Verdict::Untested,
                requirement.untested.clone().unwrap_or_default(),
            ),
            _ if run.judged_by.get(&requirement.id) == Some(&0) => {
                (Verdict::Untested, unjudged_in_role(requirement, profile))
            }
            _ if run.filtered => (
                Verdict::Untested,
                "left out by the filters of this run".to_owned(),
            ),
            _ if run.judged_by.contains_key(&requirement.id) => (
                Verdict::Untested,
                "each scenario that judges it also judges what the profile does not claim"
                    .to_owned(),
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
        scenarios_ran: judging.iter().filter(|s| s.attempts > 0).count(),
        // A ledger of an earlier version does not say.
        scenarios_total: run
            .judged_by
            .get(&requirement.id)
            .copied()
            .unwrap_or(judging.len()),
        proof: None,
    }
}

/// Why no scenario judges a requirement that some are about: it binds several roles, and they are about others.
fn unjudged_in_role(requirement: &catalogue::Requirement, profile: &Profile) -> String {
    let roles = profile.roles();
    let bound = std::iter::once(&requirement.role).chain(&requirement.also_role);
    let (own, others): (Vec<&str>, Vec<&str>) = bound
        .map(String::as_str)
        .partition(|role| roles.contains(role));
    format!(
        "no scenario of this version judges what it asks of the {}, only what it asks of the {}",
        own.join(" and the "),
        others.join(" and the ")
    )
}

/// Where claims and exchanges contradict each other, the requirement that speaks of claims does not pass
/// without a word.
fn warn_of_contradictions(
    requirement: &str,
    rows: &[report::Capability],
    requirements: &mut [Requirement],
) {
    let contradictions = rows.iter().filter_map(|row| {
        let contradiction = row.contradiction.as_ref()?;
        let (name, words) = (contradiction.name(), contradiction.words());
        Some(format!("{name}: {} ({words})", row.id))
    });
    let contradictions: Vec<String> = contradictions.collect();
    let mut named = requirements.iter_mut().filter(|r| r.id == requirement);
    let Some(requirement) = named.next() else {
        return;
    };
    if requirement.verdict == Verdict::Pass && !contradictions.is_empty() {
        requirement.verdict = Verdict::Warning;
        requirement.reason = contradictions.join("; ");
    }
}

/// A clause that passes through some of its purposes only says which were not judged.
fn name_untested_purposes(requirements: &mut [Requirement], catalogue: &Catalogue) {
    let untested: BTreeSet<String> = requirements
        .iter()
        .filter(|r| r.verdict == Verdict::Untested)
        .map(|r| r.id.clone())
        .collect();
    for clause in requirements
        .iter_mut()
        .filter(|r| r.verdict == Verdict::Pass)
    {
        let open: Vec<&str> = catalogue
            .purposes_of(&clause.id)
            .map(|purpose| purpose.id.as_str())
            .filter(|id| untested.contains(*id))
            .collect();
        if !open.is_empty() {
            clause.reason = format!("as far as it was judged; untested: {}", open.join(", "));
        }
    }
}
