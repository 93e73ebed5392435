//! Values that a client sends for fields of the server.

use cucumber::{then, when};
use twinproof_judge::checks::twinning::view;
use twinproof_stage::Halted;
use twinproof_twinning::device::Order;
use twinproof_twinning::message::{ActivationCode, OtherDevice, Role, Status, Twinning};

use super::parties::{Part, Probe};
use crate::world::{Scene, World};

/// A code that a device proposes.
const PROPOSED: &str = "70317031";

/// An authorization code that a device invents.
const INVENTED: &str = "invented-authorization-code";

impl Scene {
    async fn claim(&mut self, part: &Part, request: &Twinning) -> Result<(), Halted> {
        let raw = self.body(part, request)?;
        self.ask_for_code(part, Order::Send(raw)).await?;
        Ok(())
    }

    /// Activates with the code that is held and with what `spoil` adds.
    async fn claim_as_primary(
        &mut self,
        part: &Part,
        spoil: impl FnOnce(&mut Twinning),
    ) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let holder = self.holder()?;
        let mut request = Twinning {
            role: Some(Role::Primary.literal(&knobs).to_owned()),
            activation_code: self.party(&holder)?.code.clone(),
            ..Twinning::default()
        };
        spoil(&mut request);
        let raw = self.body(part, &request)?;
        self.try_to_activate(part, Some(&holder), Order::Send(raw))
            .await?;
        Ok(())
    }

    /// Sends an update of a device's own twinning with what `spoil` adds.
    async fn claim_in_update(
        &mut self,
        part: &Part,
        spoil: impl FnOnce(&mut Twinning),
    ) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let url = self.own_url(part)?;
        self.authorize(part).await?;
        self.remember().await?;
        let secondary =
            self.party(part)?.pending.is_some() || self.relation(part, None)?.secondary == *part;
        let role = if secondary {
            Role::Secondary
        } else {
            Role::Primary
        };
        let mut update = Twinning {
            role: Some(role.literal(&knobs).to_owned()),
            status: Some(Status::On.literal(&knobs).to_owned()),
            resource_url: Some(url.clone()),
            ..Twinning::default()
        };
        spoil(&mut update);
        let mut raw = self.body(part, &update)?;
        "PUT".clone_into(&mut raw.method);
        raw.url = url;
        self.attempt(part, Order::Send(raw)).await?;
        Ok(())
    }

    /// Has it judged that a value which this device sent is shown nowhere.
    async fn expect_unseen(&mut self, part: &Part, value: String) -> Result<(), Halted> {
        let mut exchanges = self.twinning.last.clone();
        let has_one = self.party(part)?.pending.is_some() || self.relates(part);
        if has_one {
            let url = self.own_url(part)?;
            exchanges.push(self.probe(part, &Probe::Twinning(url)).await?.1);
        }
        self.judge(view::Check::ForeignValueUnseen { exchanges, value });
        Ok(())
    }
}

fn partner(address: &str) -> Option<OtherDevice> {
    Some(OtherDevice {
        address: Some(address.to_owned()),
        ..OtherDevice::default()
    })
}

#[when(expr = "{part} asks for an activation code and proposes one of its own")]
async fn proposes_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mut request = scene.code_request()?;
    request.activation_code = Some(ActivationCode {
        code: Some(PROPOSED.to_owned()),
        mno_id: None,
    });
    scene.claim(&part, &request).await
}

#[when(expr = "{part} asks for an activation code and claims to be on already")]
async fn claims_on(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    let mut request = scene.code_request()?;
    request.status = Some(Status::On.literal(&knobs).to_owned());
    scene.claim(&part, &request).await
}

#[when(expr = "{part} asks for an activation code and names {part} as its partner")]
async fn claims_partner(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    let mut request = scene.code_request()?;
    request.other_device = partner(&address);
    scene.claim(&part, &request).await
}

#[when(expr = "{part} asks for an activation code and gives the address of {part} as its own")]
async fn claims_address(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    let mut request = scene.code_request()?;
    request.own_address = Some(address);
    scene.claim(&part, &request).await
}

#[when(expr = "{part} asks for an activation code and brings an authorization code")]
async fn brings_auth_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mut request = scene.code_request()?;
    request.auth_code = Some(INVENTED.to_owned());
    scene.claim(&part, &request).await
}

#[when(expr = "{part} activates with that code and names {part} as its partner")]
async fn activates_with_partner(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    scene
        .claim_as_primary(&part, |t| t.other_device = partner(&address))
        .await
}

#[when(expr = "{part} activates with that code and gives the address of {part} as its own")]
async fn activates_with_address(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    scene
        .claim_as_primary(&part, |t| t.own_address = Some(address))
        .await
}

#[when(expr = "{part} changes its twinning and names {part} as its partner")]
async fn updates_partner(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    scene
        .claim_in_update(&part, |t| t.other_device = partner(&address))
        .await
}

#[when(expr = "{part} changes its twinning and gives the address of {part} as its own")]
async fn updates_address(w: &mut World, part: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    scene
        .claim_in_update(&part, |t| t.own_address = Some(address))
        .await
}

#[then(expr = "the address of {part} is shown nowhere in the twinning of {part}")]
async fn address_unseen(w: &mut World, other: Part, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&other)?;
    scene.expect_unseen(&part, address).await
}

#[then(expr = "that authorization code is shown nowhere in the twinning of {part}")]
async fn auth_code_unseen(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let secrets = scene.stage.recorder().secrets().clone();
    // In the ledger it stands under its pseudonym.
    let value = secrets.conceal(INVENTED);
    scene.expect_unseen(&part, value).await
}
