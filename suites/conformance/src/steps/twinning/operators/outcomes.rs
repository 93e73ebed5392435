//! What came of it, here and at the other operator.

use cucumber::then;
use twinproof_judge::checks::twinning::authorization::Check as Access;
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_judge::checks::twinning::operators::{Check as Passed, Silence, Written};
use twinproof_judge::checks::twinning::{answer, list};
use twinproof_stage::Halted;

use super::super::parties::{Part, Probe};
use super::super::toggle::Said;
use crate::world::{Scene, World};

#[then(expr = "the other operator was asked for a code")]
async fn asked_abroad(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.crossing();
    scene.judge(Passed::PeerAskedForCode { after });
    Ok(())
}

#[then("the answer holds a code of the other operator")]
async fn code_abroad(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let mno_id = scene.peer()?.mno_id;
    let exchange = scene.last_exchange();
    scene.judge(Passed::CodeOfOperator { exchange, mno_id });
    Ok(())
}

#[then("the answer holds a code of the enabler's own operator")]
async fn code_at_home(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(mno_id) = scene.twinning_profile()?.mno_id else {
        return Err(scene.inconclusive(
            "the profile does not say which operator the enabler belongs to: twinning.mno_id",
        ));
    };
    let exchange = scene.last_exchange();
    scene.judge(Passed::CodeOfOperator { exchange, mno_id });
    Ok(())
}

#[then("no code is made up in the other operator's place")]
async fn no_code(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let mno_id = scene.peer()?.mno_id;
    let exchange = scene.last_exchange();
    scene.judge(Passed::NoCodeInvented { exchange, mno_id });
    Ok(())
}

#[then(expr = "{part} is told that it could not be done")]
async fn declined(w: &mut World, _part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Passed::Declined { exchange });
    Ok(())
}

#[then(expr = "the other operator was asked to activate and shown {part}")]
async fn shown(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let primary = scene.address(&part)?;
    let after = scene.crossing();
    scene.judge(Passed::PeerShownPrimary { after, primary });
    Ok(())
}

#[then(expr = "{part} is written into the twinning at the other operator")]
async fn primary_written(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let what = Written::OtherDevice { address };
    scene.expect_written(what, false).await
}

#[then("an authorization code is written into the twinning at the other operator")]
async fn auth_code_written(w: &mut World) -> Result<(), Halted> {
    w.scene().expect_written(Written::AuthCode, false).await
}

#[then(expr = "the twinning at the other operator is switched {status}")]
async fn status_written(w: &mut World, status: Said) -> Result<(), Halted> {
    let what = Written::Status(status.0);
    w.scene().expect_written(what, false).await
}

#[then(expr = "after {part}'s change the twinning at the other operator is switched {status}")]
async fn status_written_after(w: &mut World, _part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    scene.cross();
    scene.expect_written(Written::Status(status.0), false).await
}

/// A switch that cannot be carried over may be refused. One that was taken is carried over later.
#[then(
    expr = "unless the switch was refused, the twinning at the other operator is switched {status}"
)]
async fn status_written_later(w: &mut World, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    scene.cross();
    if scene.succeeded() {
        let what = Written::Status(status.0);
        return scene.expect_written(what, true).await;
    }
    let exchange = scene.crossing();
    scene.judge(Passed::Declined { exchange });
    Ok(())
}

async fn left_alone(scene: &mut Scene, after: u64, from: Silence) -> Result<(), Halted> {
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.judge(Passed::PeerLeftAlone {
        after,
        until: None,
        from,
    });
    Ok(())
}

#[then("the other operator hears nothing of it")]
async fn hears_nothing(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.last_exchange();
    left_alone(scene, after, Silence::Everything).await
}

#[then("the other operator has heard nothing at all")]
async fn heard_nothing(w: &mut World) -> Result<(), Halted> {
    left_alone(w.scene(), 0, Silence::Everything).await
}

#[then("nothing is written at the other operator")]
async fn nothing_written(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.crossing();
    left_alone(scene, after, Silence::Writes).await
}

#[then(expr = "the authorization code is shown to neither {part} nor {part}")]
async fn auth_code_kept(w: &mut World, one: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    for part in [&one, &other] {
        let url = scene.own_url(&one)?;
        for probe in [Probe::Twinning(url), Probe::List] {
            drop(scene.probe(part, &probe).await?);
        }
    }
    scene.judge(Passed::AuthCodeKept {
        from: vec![one.name().to_owned(), other.name().to_owned()],
    });
    Ok(())
}

#[then("the enabler turns the stranger to its partners away")]
async fn turned_away(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Access::AccessDenied {
        exchange,
        or_gone: true,
    });
    Ok(())
}

#[then(expr = "{part} has nothing but what it had before")]
async fn no_half(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListCounts {
        exchange,
        entries: 0,
    });
    Ok(())
}

#[then("the enabler refuses the foreign code")]
async fn foreign_refused(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Refused {
        exchange,
        because: Situation::CodeNotValid,
    });
    Ok(())
}
