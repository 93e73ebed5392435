//! How an attempt ended.

use std::str::FromStr;

use cucumber::then;
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_judge::checks::twinning::{answer, state};
use twinproof_stage::Halted;

use super::parties::{Part, Probe};
use crate::world::World;

/// A reason for a refusal, in the words of the error table.
#[derive(Clone, Copy, Debug, cucumber::Parameter)]
#[param(name = "reason", regex = ".+")]
struct Reason(Situation);

impl FromStr for Reason {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Situation::of_words(words)
            .map(Self)
            .ok_or_else(|| format!("{words:?} is no reason of the error table"))
    }
}

#[then(expr = "the enabler refuses( the activation)( the request)( the change) because {reason}")]
async fn refused(w: &mut World, reason: Reason) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Refused {
        exchange,
        because: reason.0,
    });
    Ok(())
}

#[then(expr = "exactly one of them succeeds, and the other is refused because {reason}")]
async fn one_accepted(w: &mut World, reason: Reason) -> Result<(), Halted> {
    let scene = w.scene();
    let exchanges = scene.twinning.last.clone();
    scene.judge(answer::Check::OneAccepted {
        exchanges,
        because: reason.0,
    });
    Ok(())
}

#[then(expr = "the enabler accepts( it)( the change)( the activation)( the request)")]
async fn accepted(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Accepted { exchange });
    Ok(())
}

#[then("the enabler creates a twinning")]
async fn created(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Created { exchange });
    Ok(())
}

#[then("the enabler accepts or refuses it properly")]
async fn decided(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Decided { exchange });
    Ok(())
}

#[then(expr = "{part} has no twinnings")]
async fn none_listed(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().expect_count(&part, 0).await
}

#[then("nothing has changed")]
#[then("the first twinning is unchanged")]
async fn unchanged(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let baseline = scene.twinning.baseline.clone();
    let after = scene.probe_all(&baseline.probes).await?;
    scene.judge(state::Check::Unchanged {
        before: baseline.exchanges,
        after,
    });
    Ok(())
}

#[then("every twinning is as it was")]
async fn twinnings_unchanged(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let baseline = scene.twinning.baseline.clone();
    let (probes, before): (Vec<_>, Vec<_>) = baseline
        .probes
        .into_iter()
        .zip(baseline.exchanges)
        .filter(|((_, probe), _)| *probe != Probe::List)
        .unzip();
    let after = scene.probe_all(&probes).await?;
    scene.judge(state::Check::Unchanged { before, after });
    Ok(())
}

#[then(expr = "every other twinning of {part} is as it was")]
async fn others_unchanged(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let ended = scene.twinning.ended.clone();
    let baseline = scene.twinning.baseline.clone();
    let live: Vec<String> = scene
        .twinning
        .relations
        .iter()
        .filter(|relation| !relation.ended && relation.url_of(&part).is_some())
        .flat_map(|relation| [relation.primary_url.clone(), relation.secondary_url.clone()])
        .collect();
    if ended.is_none() || live.is_empty() {
        return Err(scene.inconclusive("there is no other twinning"));
    }
    let (probes, before): (Vec<_>, Vec<_>) = baseline
        .probes
        .into_iter()
        .zip(baseline.exchanges)
        .filter(|((_, probe), _)| matches!(probe, Probe::Twinning(url) if live.contains(url)))
        .unzip();
    let after = scene.probe_all(&probes).await?;
    scene.judge(state::Check::Unchanged { before, after });
    Ok(())
}
