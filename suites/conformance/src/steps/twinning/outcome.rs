//! How an attempt ended.

use std::str::FromStr;

use cucumber::then;
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_judge::checks::twinning::{answer, list, state};
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

#[then(expr = "{part} has no twinnings")]
async fn none_listed(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListCounts {
        exchange,
        entries: 0,
    });
    Ok(())
}

#[then(expr = "nothing has changed")]
#[then(expr = "the first twinning is unchanged")]
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
