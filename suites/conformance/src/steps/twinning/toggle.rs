//! Switching a twinning on and off.

use std::str::FromStr;

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::view;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Credential, Order};
use twinproof_twinning::message::Status;

use super::parties::{Part, Probe, seen_twinning};
use crate::world::{Scene, World};

/// A status as a scenario speaks of it.
#[derive(Clone, Copy, Debug, cucumber::Parameter)]
#[param(name = "status", regex = "on|off|pending")]
pub(super) struct Said(pub(super) Status);

impl FromStr for Said {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "on" => Ok(Self(Status::On)),
            "off" => Ok(Self(Status::Off)),
            "pending" => Ok(Self(Status::Pending)),
            other => Err(format!("{other:?} is no status")),
        }
    }
}

impl Scene {
    fn toggle(&mut self, url: String, status: Status) -> Result<Order, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        Ok(Order::Toggle {
            url: Some(url),
            status: status.literal(&knobs).to_owned(),
        })
    }

    /// Has a device switch a twinning of its own, whatever comes of it.
    async fn switch(
        &mut self,
        part: &Part,
        partner: Option<&Part>,
        status: Status,
    ) -> Result<(), Halted> {
        let url = match partner {
            Some(_) => self.own_side(part, partner)?,
            None => self.own_url(part)?,
        };
        self.authorize(part).await?;
        self.remember().await?;
        let order = self.toggle(url, status)?;
        self.attempt(part, order).await?;
        Ok(())
    }

    /// Reads a device's twinning until it has this status, and has the last reading judged.
    pub(super) async fn expect_status(
        &mut self,
        part: &Part,
        url: String,
        status: Status,
    ) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let exchange = self
            .settle(part, &Probe::Twinning(url), |answer| {
                answer.as_ref().is_ok_and(|response| {
                    seen_twinning(response, &knobs).and_then(|t| t.status(&knobs)) == Some(status)
                })
            })
            .await?;
        self.judge(view::Check::ShowsStatus { exchange, status });
        Ok(())
    }
}

#[given(expr = "{part} has switched the twinning {status}")]
async fn has_switched(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_side(&part, None)?;
    scene.authorize(&part).await?;
    let order = scene.toggle(url, status.0)?;
    scene.succeed(&part, order).await?;
    Ok(())
}

#[given(expr = "{part} has switched the twinning with {part} {status}")]
async fn has_switched_with(
    w: &mut World,
    part: Part,
    partner: Part,
    status: Said,
) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_side(&part, Some(&partner))?;
    scene.authorize(&part).await?;
    let order = scene.toggle(url, status.0)?;
    scene.succeed(&part, order).await?;
    Ok(())
}

#[when(expr = "{part} switches the/its twinning {status}( again)")]
async fn switches(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    w.scene().switch(&part, None, status.0).await
}

#[when(expr = "{part} switches the/its twinning with {part} {status}( again)")]
async fn switches_with(
    w: &mut World,
    part: Part,
    partner: Part,
    status: Said,
) -> Result<(), Halted> {
    w.scene().switch(&part, Some(&partner), status.0).await
}

#[when(expr = "{part} switches the twinning of {part} {status}")]
async fn switches_foreign(
    w: &mut World,
    part: Part,
    owner: Part,
    status: Said,
) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&owner)?;
    scene.authorize(&part).await?;
    scene.party(&part)?;
    scene.remember().await?;
    let order = scene.toggle(url, status.0)?;
    scene.attempt(&part, order).await?;
    Ok(())
}

#[when(expr = "{part} sets the status to {string}")]
async fn sets_status(w: &mut World, part: Part, status: String) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    scene.authorize(&part).await?;
    scene.remember().await?;
    let order = Order::Toggle {
        url: Some(url),
        status,
    };
    scene.attempt(&part, order).await?;
    Ok(())
}

#[when(expr = "{part} switches the twinning {status} without a credential")]
async fn switches_without(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let knobs = scene.twinning_profile()?.knobs;
    scene.remember().await?;
    let twinning = twinproof_twinning::message::Twinning {
        status: Some(status.0.literal(&knobs).to_owned()),
        resource_url: Some(url.clone()),
        ..Default::default()
    };
    let mut raw = scene.body(&part, &twinning)?.presenting(Credential::None);
    "PUT".clone_into(&mut raw.method);
    raw.url = url;
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[then(expr = "{part} reads that the/its twinning is {status}")]
async fn reads_status(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    scene.expect_status(&part, url, status.0).await
}

#[then(expr = "{part} reads that the twinning is {status}, or {status} if the switch was refused")]
async fn reads_what_was_answered(
    w: &mut World,
    part: Part,
    status: Said,
    otherwise: Said,
) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let status = match scene.succeeded() {
        true => status,
        false => otherwise,
    };
    scene.expect_status(&part, url, status.0).await
}

#[then(expr = "both devices read that the twinning is {status}")]
async fn both_read(w: &mut World, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(relation) = scene.twinning.relations.last().cloned() else {
        return Err(scene.inconclusive("no devices are twinned"));
    };
    scene
        .expect_status(&relation.primary, relation.primary_url, status.0)
        .await?;
    scene
        .expect_status(&relation.secondary, relation.secondary_url, status.0)
        .await
}
