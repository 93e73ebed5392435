//! Activation codes, and what a device says of the answer that brought one.

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::code;
use twinproof_kernel::http::Response;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Credential, Order, Raw};
use twinproof_twinning::message::{Role, Twinning, repeats};

use super::parties::{Part, wanting};
use crate::world::{Scene, World};

const REQUEST: Order = Order::RequestCode {
    primary_operator: None,
};

/// By which an activation code is found in an answer.
const CODE_KNOBS: [&str; 3] = [
    "twinning.knobs.names.twinning",
    "twinning.knobs.names.activation_code",
    "twinning.knobs.names.code",
];

/// An operator that no numbering plan knows.
const NOBODY: &str = "999-99";

impl Scene {
    /// Brings a device to hold a fresh activation code.
    pub(super) async fn obtain_code(&mut self, part: &Part) -> Result<(), Halted> {
        let (response, exchange) = self.succeed(part, REQUEST).await?;
        self.keep_code(part, &response)?;
        if self.party(part)?.code.is_none() {
            let why = wanting("the answer to the code request", &response, "holds no code");
            return Err(self.unmet(Some(exchange), why, &CODE_KNOBS));
        }
        Ok(())
    }

    /// Has a device ask for a code, and remembers what was before and what came of it.
    pub(super) async fn ask_for_code(
        &mut self,
        part: &Part,
        order: Order,
    ) -> Result<Option<Response>, Halted> {
        self.party(part)?;
        self.remember().await?;
        let response = self.attempt(part, order).await?;
        self.twinning.given = false;
        if let Some(response) = response.as_ref().filter(|r| r.is_success()) {
            self.keep_code(part, response)?;
            self.twinning.given = self.party(part)?.code.is_some();
        }
        let exchange = self.last_exchange();
        self.twinning.requests.push(exchange);
        Ok(response)
    }

    /// The device that was given a code last.
    pub(super) fn holder(&mut self) -> Result<Part, Halted> {
        match self.twinning.holder.clone() {
            Some(part) => Ok(part),
            None => Err(self.inconclusive("no device holds an activation code")),
        }
    }

    /// The activation that uses the code that this device held before its newest one.
    pub(super) fn earlier_activation(&mut self, holder: &Part) -> Result<Order, Halted> {
        match self.party(holder)?.earlier_code.clone() {
            Some(code) => Ok(Order::Activate {
                code: code.code,
                mno_id: code.mno_id,
                name: None,
            }),
            None => Err(self.inconclusive(format!("{holder} held no earlier code"))),
        }
    }

    /// A twinning as a body in the format that this device speaks.
    pub(super) fn body(&mut self, part: &Part, twinning: &Twinning) -> Result<Raw, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let format = self.party(part)?.format;
        let body = twinning
            .document(&knobs)
            .write(format, knobs.json, &repeats(&knobs.names));
        let body = String::from_utf8(body).unwrap_or_default();
        Ok(Raw::new("POST", "{twinnings}")
            .with("Accept", format.media_type())
            .with_body(format.media_type(), body))
    }

    /// A code request as it should be, ready to be spoilt.
    pub(super) fn code_request(&mut self) -> Result<Twinning, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        Ok(Twinning {
            role: Some(Role::Secondary.literal(&knobs).to_owned()),
            ..Twinning::default()
        })
    }
}

#[given(expr = "{part} (that )holds a fresh activation code")]
async fn fresh_code(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().obtain_code(&part).await
}

#[given(expr = "{part} (that )holds an earlier and a newer activation code")]
async fn two_codes(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.obtain_code(&part).await?;
    let earlier = scene.party(&part)?.code.clone();
    // A system may refuse a second code while the first lives; then both are the same.
    scene.ask_for_code(&part, REQUEST).await?;
    scene.party(&part)?.earlier_code = earlier;
    Ok(())
}

#[when(expr = "{part} asks for an activation code")]
async fn asks(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().ask_for_code(&part, REQUEST).await?;
    Ok(())
}

#[when(expr = "{part} asks for an activation code without a credential")]
async fn asks_without_credential(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let request = scene.code_request()?;
    let raw = scene.body(&part, &request)?.presenting(Credential::None);
    scene.ask_for_code(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} asks for an activation code without saying which part it plays")]
async fn asks_without_role(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let request = Twinning {
        name: Some("nothing but a name".to_owned()),
        ..Twinning::default()
    };
    let raw = scene.body(&part, &request)?;
    scene.ask_for_code(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} asks for an activation code in the part of {string}")]
async fn asks_in_role(w: &mut World, part: Part, role: String) -> Result<(), Halted> {
    let scene = w.scene();
    let request = Twinning {
        role: Some(role),
        ..Twinning::default()
    };
    let raw = scene.body(&part, &request)?;
    scene.ask_for_code(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} asks for an activation code and names its own operator as the primary's")]
async fn asks_naming_own(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let seen = scene
        .twinning
        .devices
        .values()
        .find_map(|party| party.code.as_ref()?.mno_id.clone());
    let Some(operator) = scene.twinning_profile()?.mno_id.or(seen) else {
        let why = "nobody said which operator this is: declare twinning.mno_id in the profile";
        return Err(scene.inconclusive(why));
    };
    let order = Order::RequestCode {
        primary_operator: Some(operator),
    };
    scene.ask_for_code(&part, order).await?;
    Ok(())
}

#[when(expr = "{part} asks for an activation code and names an operator that does not exist")]
async fn asks_naming_nobody(w: &mut World, part: Part) -> Result<(), Halted> {
    let order = Order::RequestCode {
        primary_operator: Some(NOBODY.to_owned()),
    };
    w.scene().ask_for_code(&part, order).await?;
    Ok(())
}

#[then("the answer holds an activation code")]
async fn code_shown(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(code::Check::ShowsCode { exchange });
    Ok(())
}

#[then("the answer says, apart from the code, which operator made it")]
async fn operator_shown(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(code::Check::ShowsCodesOperator { exchange });
    Ok(())
}

#[then("the answer brings no new activation code")]
async fn no_code(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(code::Check::BringsNoCode { exchange });
    Ok(())
}

#[then("each of them was given another code")]
async fn codes_differ(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchanges = scene.twinning.requests.clone();
    scene.judge(code::Check::CodesDiffer { exchanges });
    Ok(())
}

#[then("the code is not the one that the device proposed")]
async fn code_not_adopted(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(code::Check::CodeNotAdopted { exchange });
    Ok(())
}

#[then("the enabler refuses, or gives a code of its own operator")]
async fn own_code_or_refusal(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    let Some(own) = scene.twinning.requests.first().copied() else {
        return Err(scene.inconclusive("no device was given a code of this operator before"));
    };
    scene.judge(code::Check::OwnCodeOrRefusal { exchange, own });
    Ok(())
}
