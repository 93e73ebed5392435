//! What the other operator does, and what devices here do that concerns it.

use std::str::FromStr;

use cucumber::{given, when};
use twinproof_kernel::http::Response;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Grant, Order};
use twinproof_twinning::message::Status;
use twinproof_twinning::operator::{Answer, Behaviour, Errand, Order as Task, Pass};

use super::super::parties::{Part, seen_twinning};
use super::super::toggle::Said;
use crate::world::World;

/// How the other operator fails.
#[derive(Clone, Copy, Debug, cucumber::Parameter)]
#[param(name = "failing", regex = "refuses|is out of service|does not answer")]
struct Failing(Behaviour);

impl FromStr for Failing {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        match words {
            "refuses" => Ok(Self(Behaviour::Refusing(403))),
            "is out of service" => Ok(Self(Behaviour::Unavailable)),
            "does not answer" => Ok(Self(Behaviour::Silent)),
            other => Err(format!("{other:?} is no way to fail")),
        }
    }
}

#[given("another operator that is a partner")]
async fn partner(w: &mut World) -> Result<(), Halted> {
    w.scene().operator()?;
    Ok(())
}

#[given(expr = "the other operator {failing}")]
async fn fails(w: &mut World, failing: Failing) -> Result<(), Halted> {
    w.scene().task(Task::Behave(failing.0)).await?;
    Ok(())
}

#[when("the other operator is back in service")]
async fn recovers(w: &mut World) -> Result<(), Halted> {
    w.scene().task(Task::Behave(Behaviour::Correct)).await?;
    Ok(())
}

#[given(expr = "{part} (is )twinned with a device of the other operator")]
async fn twinned_abroad(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let order = scene.foreign_activation().await?;
    let (response, exchange) = scene.succeed(&part, order).await?;
    scene.keep_own(&part, &response)?;
    scene.twinning.last = vec![exchange];
    scene.cross();
    let device = scene.peer()?.address;
    scene
        .await_abroad(
            "the activation's data at the other operator",
            move |operator| {
                let side = operator.side_of(&device);
                side.is_some_and(|side| side.status == Status::On)
            },
        )
        .await
}

#[given(expr = "{part} (is )taken up by a primary of the other operator")]
async fn taken_up(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mno_id = scene.peer()?.mno_id;
    scene.operator()?;
    let device = scene.peer()?.address;
    // A system that lets nobody name an operator gives a code of its own, and the primary brings it.
    let named = scene.profile.profile.claim("HLF-SD-002") != Some(false);
    let order = Order::RequestCode {
        primary_operator: named.then_some(mno_id),
    };
    let (response, _) = scene.succeed(&part, order).await?;
    scene.keep_code(&part, &response)?;
    if !named {
        let code = scene.party(&part)?.code.clone().unwrap_or_default();
        let errand = Errand::Activate {
            device: device.clone(),
            code: code.code.unwrap_or_default(),
            mno_id: code.mno_id,
        };
        scene.errand_done(errand).await?;
    }
    scene.errand_done(Errand::Complete { device }).await?;
    if scene.twinning_profile()?.authorization.is_some() && !scene.keeps_token()? {
        let grant = Grant::ClientCredentials { scope: None };
        scene.succeed(&part, Order::ObtainToken(grant)).await?;
    }
    Ok(())
}

#[when(expr = "{part} asks for an activation code and names the other operator as the primary's")]
async fn asks_naming(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mno_id = scene.peer()?.mno_id;
    scene.operator()?;
    let order = Order::RequestCode {
        primary_operator: Some(mno_id),
    };
    let response = scene.attempt(&part, order).await?;
    if let Some(response) = response.filter(Response::is_success) {
        scene.keep_code(&part, &response)?;
    }
    scene.cross();
    Ok(())
}

#[when(expr = "{part} asks for an activation code and names no operator")]
async fn asks_plainly(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.operator()?;
    let order = Order::RequestCode {
        primary_operator: None,
    };
    let response = scene.attempt(&part, order).await?;
    if let Some(response) = response.filter(Response::is_success) {
        scene.keep_code(&part, &response)?;
    }
    scene.cross();
    Ok(())
}

#[when(expr = "{part} activates with a code of the other operator")]
async fn activates_abroad(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let order = scene.foreign_activation().await?;
    scene.party(&part)?;
    scene.remember().await?;
    let response = scene.attempt(&part, order).await?;
    if let Some(response) = response.filter(Response::is_success) {
        scene.keep_own(&part, &response)?;
    }
    scene.cross();
    Ok(())
}

#[when(expr = "{part} activates with a code that the other operator never made")]
async fn activates_invented(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mno_id = Some(scene.peer()?.mno_id);
    scene.operator()?;
    scene.party(&part)?;
    scene.remember().await?;
    let order = Order::Activate {
        code: Some("never-made".to_owned()),
        mno_id,
        name: None,
    };
    scene.attempt(&part, order).await?;
    scene.cross();
    Ok(())
}

#[when(expr = "{part} activates with a code of an operator that nobody knows")]
async fn activates_unknown(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.party(&part)?;
    scene.remember().await?;
    let order = Order::Activate {
        code: Some("7654321".to_owned()),
        mno_id: Some("999-99".to_owned()),
        name: None,
    };
    scene.attempt(&part, order).await?;
    Ok(())
}

#[when("the other operator asks for an activation code")]
async fn peer_asks(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    let response = scene
        .errand(Errand::RequestCode { device }, Pass::Own)
        .await?;
    let knobs = scene.twinning_profile()?.knobs;
    scene.twinning.abroad.given = response
        .as_ref()
        .and_then(|response| seen_twinning(response, &knobs)?.activation_code);
    Ok(())
}

#[when("somebody who is no partner asks for an activation code for another operator")]
async fn forger_asks(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    scene
        .errand(Errand::RequestCode { device }, Pass::Forged)
        .await?;
    Ok(())
}

#[when(expr = "{part} activates with the code that the other operator was given")]
async fn activates_given(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(code) = scene.twinning.abroad.given.clone() else {
        return Err(scene.inconclusive("the other operator was given no code"));
    };
    let order = Order::Activate {
        code: code.code,
        mno_id: code.mno_id,
        name: None,
    };
    let response = scene.attempt(&part, order).await?;
    if let Some(response) = response.filter(Response::is_success) {
        scene.keep_own(&part, &response)?;
    }
    scene.cross();
    Ok(())
}

#[when(expr = "a primary of the other operator activates with the code of {part}")]
async fn peer_activates(w: &mut World, holder: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    let Some(code) = scene.party(&holder)?.code.clone() else {
        return Err(scene.inconclusive("no device holds an activation code"));
    };
    let errand = Errand::Activate {
        device: device.clone(),
        code: code.code.unwrap_or_default(),
        mno_id: code.mno_id,
    };
    let response = scene.errand(errand, Pass::Own).await?;
    // A refusal is for the scenario to judge; only what was begun can be completed.
    if response.is_some_and(|response| response.is_success()) {
        scene.errand(Errand::Complete { device }, Pass::Own).await?;
    }
    Ok(())
}

#[when(expr = "the other operator switches the twinning {status}")]
async fn peer_switches(w: &mut World, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    let errand = Errand::Toggle {
        device,
        status: status.0,
    };
    scene.errand(errand, Pass::Own).await?;
    Ok(())
}

#[when(expr = "somebody who is no partner switches the twinning {status} for the other operator")]
async fn forger_switches(w: &mut World, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    scene.remember().await?;
    let errand = Errand::Toggle {
        device,
        status: status.0,
    };
    scene.errand(errand, Pass::Forged).await?;
    Ok(())
}

#[when("somebody who is no partner writes the activation's data for the other operator")]
async fn forger_completes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.peer()?.address;
    scene.remember().await?;
    scene
        .errand(Errand::Complete { device }, Pass::Forged)
        .await?;
    Ok(())
}

#[when("the other operator redeems the authorization code that it was given")]
async fn peer_redeems(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let peer = scene.peer()?;
    let (answer, _) = scene
        .task(Task::Show {
            device: peer.address.clone(),
        })
        .await?;
    let code = match answer {
        Answer::Shown(side) => side.auth_code,
        _ => None,
    };
    let Some(code) = code else {
        return Err(scene.inconclusive("the other operator was given no authorization code"));
    };
    let (Some(id), Some(secret)) = (peer.client_id, peer.client_secret) else {
        return Err(scene.inconclusive(
            "the other operator's devices are not known to the authorization server: declare \
             twinning.peer.client_id and client_secret",
        ));
    };
    scene.redeem_abroad(&peer.address, (id, secret), code).await
}
