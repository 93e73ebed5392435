//! Codes and activations.

use cucumber::{given, when};
use twinproof_judge::profile::SecondaryToken;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Grant, Order};

use super::parties::Part;
use crate::world::{Scene, World};

const REQUEST: Order = Order::RequestCode {
    primary_operator: None,
};

impl Scene {
    /// Brings a device to hold a fresh activation code.
    pub(super) async fn obtain_code(&mut self, part: &Part) -> Result<(), Halted> {
        let (response, exchange) = self.succeed(part, REQUEST).await?;
        self.keep_code(part, &response)?;
        if self.party(part)?.code.is_none() {
            let why = format!("the answer to the code request holds no code (exchange {exchange})");
            return Err(self.inconclusive(why));
        }
        Ok(())
    }

    /// The activation that uses the code of this device.
    pub(super) fn activation(
        &mut self,
        holder: &Part,
        name: Option<String>,
    ) -> Result<Order, Halted> {
        match self.party(holder)?.code.clone() {
            Some(code) => Ok(Order::Activate {
                code: code.code,
                mno_id: code.mno_id,
                name,
            }),
            None => Err(self.inconclusive(format!("{} holds no activation code", holder.name()))),
        }
    }

    /// The device that was given a code last.
    pub(super) fn holder(&mut self) -> Result<Part, Halted> {
        match self.twinning.holder.clone() {
            Some(part) => Ok(part),
            None => Err(self.inconclusive("no device holds an activation code")),
        }
    }

    /// Brings two devices to be twinned.
    pub(super) async fn twin(
        &mut self,
        primary: &Part,
        secondary: &Part,
        name: Option<String>,
    ) -> Result<(), Halted> {
        self.obtain_code(secondary).await?;
        self.activate(primary, secondary, name).await
    }

    /// Has a primary activate with the code that this device holds.
    pub(super) async fn activate(
        &mut self,
        primary: &Part,
        secondary: &Part,
        name: Option<String>,
    ) -> Result<(), Halted> {
        let order = self.activation(secondary, name)?;
        let (response, _) = self.succeed(primary, order).await?;
        self.keep_relation(primary, secondary, &response)?;
        self.authorize(secondary).await
    }

    /// Has a twinned secondary obtain its token, if the profile says that it needs one.
    pub(super) async fn authorize(&mut self, secondary: &Part) -> Result<(), Halted> {
        let own_way = self
            .twinning_profile()?
            .authorization
            .map(|authorization| authorization.secondary_token);
        if own_way == Some(SecondaryToken::ClientCredentials) {
            let grant = Grant::ClientCredentials { scope: None };
            self.succeed(secondary, Order::ObtainToken(grant)).await?;
        }
        Ok(())
    }
}

#[given(expr = "{part} that holds a fresh activation code")]
async fn fresh_code(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().obtain_code(&part).await
}

#[given(expr = "{part} that has activated with that code")]
async fn has_activated(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    scene.activate(&part, &holder, None).await
}

#[when(expr = "{part} activates with the same code")]
async fn activates_again(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let order = scene.activation(&holder, None)?;
    scene.party(&part)?;
    scene.remember().await?;
    scene.attempt(&part, order).await?;
    Ok(())
}
