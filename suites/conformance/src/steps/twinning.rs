//! Steps of the Twinning scenarios.

use std::collections::BTreeMap;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::twinning::{Check as Twin, Situation};
use twinproof_judge::profile::{Subscriber, Twinning};
use twinproof_kernel::http::Response;
use twinproof_stage::{Acted, Halted, Handle};
use twinproof_twinning::device::{Access, Answer, Device, Order, read_body};
use twinproof_twinning::message;

use crate::world::{Scene, World};

/// Who takes part in a scenario.
#[derive(Default)]
pub(crate) struct Parties {
    devices: BTreeMap<&'static str, Party>,
    /// What the last When began.
    last: Vec<u64>,
    /// What was read of the relationship when it was made.
    baseline: Vec<u64>,
}

/// A device and what its user knows.
struct Party {
    device: Handle<Device>,
    code: Option<message::ActivationCode>,
}

const PRIMARY: &str = "primary";
const SECOND_PRIMARY: &str = "second primary";
const SECONDARY: &str = "secondary";

impl Scene {
    fn twinning_profile(&mut self) -> Result<Twinning, Halted> {
        match self.profile.profile.twinning.clone() {
            Some(twinning) => Ok(twinning),
            None => Err(self.inconclusive("the profile has no [twinning] section")),
        }
    }

    /// The device that plays this part; it is put on the stage when it is first spoken of.
    fn device(&mut self, part: &'static str) -> Result<Handle<Device>, Halted> {
        if let Some(party) = self.twinning.devices.get(part) {
            return Ok(party.device.clone());
        }
        let profile = self.twinning_profile()?;
        let taken = self.twinning.devices.len();
        let Some(subscriber) = profile.subscribers.get(taken) else {
            let why =
                format!("the profile has {taken} subscribers, and this scenario needs one more");
            return Err(self.inconclusive(why));
        };
        let token = self.token(subscriber)?;
        let access = Access {
            base_url: profile.base_url.clone(),
            knobs: profile.knobs.clone(),
        };
        let role = Device::new(
            subscriber.address.clone(),
            token,
            profile.knobs.format.into(),
        );
        let device = self.stage.enter(part, role, Arc::new(access));
        self.twinning.devices.insert(
            part,
            Party {
                device: device.clone(),
                code: None,
            },
        );
        Ok(device)
    }

    fn token(&mut self, subscriber: &Subscriber) -> Result<String, Halted> {
        if let Some(token) = &subscriber.token {
            return Ok(token.clone());
        }
        let variable = subscriber.token_env.clone().unwrap_or_default();
        std::env::var(&variable).map_err(|_| {
            let why = format!(
                "subscriber {} has no token, and ${variable} is not set",
                subscriber.address
            );
            self.inconclusive(why)
        })
    }

    async fn order(&mut self, part: &'static str, order: Order) -> Result<Acted<Answer>, Halted> {
        let device = self.device(part)?;
        let acted = self.stage.act(&device, order).await?;
        Ok(acted)
    }

    /// An order whose success the scenario needs.
    async fn succeed(
        &mut self,
        part: &'static str,
        order: Order,
    ) -> Result<(Response, u64), Halted> {
        let wanted = format!("{order:?}");
        let acted = self.order(part, order).await?;
        let exchange = acted.exchanges.last().copied().unwrap_or_default();
        match acted.answer {
            Ok(response) if response.is_success() => Ok((response, exchange)),
            Ok(response) => {
                let why = format!(
                    "{part}: {wanted} was answered with {} (exchange {exchange})",
                    response.status
                );
                Err(self.inconclusive(why))
            }
            Err(fault) => Err(self.inconclusive(format!("{part}: {wanted}: {fault}"))),
        }
    }

    async fn read(&mut self, part: &'static str) -> Result<u64, Halted> {
        let acted = self.order(part, Order::Read).await?;
        Ok(acted.exchanges.last().copied().unwrap_or_default())
    }
}

#[given("a secondary device that holds a fresh activation code")]
async fn fresh_code(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    let (response, exchange) = scene
        .succeed(
            SECONDARY,
            Order::RequestCode {
                primary_operator: None,
            },
        )
        .await?;
    let twinning = read_body(&response)
        .ok()
        .and_then(|d| message::Twinning::of_document(&d, &knobs));
    match twinning
        .and_then(|t| t.activation_code)
        .filter(|code| code.code.is_some())
    {
        Some(code) => {
            if let Some(party) = scene.twinning.devices.get_mut(SECONDARY) {
                party.code = Some(code);
            }
            Ok(())
        }
        None => Err(scene.inconclusive(format!(
            "the answer to the code request holds no code (exchange {exchange})"
        ))),
    }
}

fn activation(scene: &mut Scene) -> Result<Order, Halted> {
    match scene
        .twinning
        .devices
        .get(SECONDARY)
        .and_then(|party| party.code.clone())
    {
        Some(code) => Ok(Order::Activate {
            code: code.code,
            mno_id: code.mno_id,
            name: None,
        }),
        None => Err(scene.inconclusive("no device holds an activation code")),
    }
}

#[given("a primary device that has activated with that code")]
async fn activated(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let order = activation(scene)?;
    scene.succeed(PRIMARY, order).await?;
    scene.twinning.baseline = vec![scene.read(PRIMARY).await?, scene.read(SECONDARY).await?];
    Ok(())
}

#[when("a second primary device activates with the same code")]
async fn activates_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let order = activation(scene)?;
    scene.twinning.last = scene.order(SECOND_PRIMARY, order).await?.exchanges;
    Ok(())
}

#[then("the enabler refuses the activation because the code is not valid")]
async fn refused(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.twinning.last.last().copied().unwrap_or_default();
    scene.check(&Check::Twinning(Twin::Refused {
        exchange,
        because: Situation::CodeNotValid,
    }));
    Ok(())
}

#[then("the second primary device has no twinnings")]
async fn none_listed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let acted = scene.order(SECOND_PRIMARY, Order::List).await?;
    let exchange = acted.exchanges.last().copied().unwrap_or_default();
    scene.check(&Check::Twinning(Twin::ListCounts {
        exchange,
        entries: 0,
    }));
    Ok(())
}

#[then("the first twinning is unchanged")]
async fn unchanged(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let before = scene.twinning.baseline.clone();
    let after = vec![scene.read(PRIMARY).await?, scene.read(SECONDARY).await?];
    scene.check(&Check::Twinning(Twin::Unchanged { before, after }));
    Ok(())
}
