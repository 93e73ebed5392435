//! The other operator.

use std::str::FromStr;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_judge::checks::twinning::operators::{Check as Passed, PEER, Silence, Written};
use twinproof_judge::checks::twinning::{answer, list};
use twinproof_judge::profile::Peer;
use twinproof_kernel::http::Response;
use twinproof_stage::{Halted, Handle};
use twinproof_twinning::address::same;
use twinproof_twinning::device::{Grant, Order, created};
use twinproof_twinning::message::{ActivationCode, Status};
use twinproof_twinning::operator::{
    Agreement, Answer, Behaviour, Errand, Operator, Order as Task, Pass,
};

use super::news::micros;
use super::parties::{Part, Probe, seen_twinning};
use super::toggle::Said;
use super::words;
use crate::world::{Scene, World};

/// The other operator and what it was given.
#[derive(Default)]
pub(crate) struct Abroad {
    operator: Option<Handle<Operator>>,
    /// The code that it made for a device of its own.
    issued: Option<ActivationCode>,
    /// The code that it was given by the enabler.
    given: Option<ActivationCode>,
    /// The last request that crossed or should have crossed the border.
    crossing: Option<u64>,
}

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

impl Scene {
    /// What the system has of relationships with devices of the other operator.
    pub(crate) fn left_abroad(&mut self) -> Vec<String> {
        match &self.twinning.abroad.operator {
            Some(operator) => self.stage.look(operator, Operator::halves_there),
            None => Vec::new(),
        }
    }

    pub(super) fn peer(&mut self) -> Result<Peer, Halted> {
        match self.twinning_profile()?.peer {
            Some(peer) => Ok(peer),
            None => Err(self.inconclusive(
                "the profile knows no other operator that Twinproof could play: twinning.peer",
            )),
        }
    }

    /// The other operator; it enters when it is first spoken of.
    fn operator(&mut self) -> Result<Handle<Operator>, Halted> {
        if let Some(operator) = &self.twinning.abroad.operator {
            return Ok(operator.clone());
        }
        let peer = self.peer()?;
        let profile = self.twinning_profile()?;
        let Some(base_url) = self.profile.profile.harness.peer_advertise.clone() else {
            return Err(self.inconclusive(
                "the system cannot reach the simulated operator: declare harness.peer_listen and \
                 harness.peer_advertise",
            ));
        };
        let agreement = Agreement {
            base_url,
            mno_id: peer.mno_id,
            partner: profile.base_url,
            token: peer.token,
            expects_token: peer.expects_token,
            knobs: profile.knobs,
        };
        let role = Operator::new(self.seed.derive(PEER));
        let operator = self.stage.enter(PEER, role, Arc::new(agreement));
        self.twinning.abroad.operator = Some(operator.clone());
        Ok(operator)
    }

    async fn task(&mut self, task: Task) -> Result<(Answer, Vec<u64>), Halted> {
        let operator = self.operator()?;
        let acted = self.stage.act(&operator, task).await?;
        Ok((acted.answer, acted.exchanges))
    }

    /// Has the other operator send something, and keeps it as what was tried last.
    async fn errand(&mut self, errand: Errand, pass: Pass) -> Result<Option<Response>, Halted> {
        let (answer, exchanges) = self.task(Task::Send { errand, pass }).await?;
        self.twinning.last = exchanges;
        self.twinning.succeeded = None;
        self.twinning.abroad.crossing = self.twinning.last.last().copied();
        match answer {
            Answer::Sent(outcome) => Ok(outcome.ok()),
            _ => Err(self.inconclusive(
                "the other operator was never told where the other half of the twinning is",
            )),
        }
    }

    /// An errand whose success the scenario needs.
    async fn errand_done(&mut self, errand: Errand) -> Result<Response, Halted> {
        let wanted = words::of_errand(&errand);
        match self.errand(errand, Pass::Own).await? {
            Some(response) if response.is_success() => Ok(response),
            other => {
                let came = other.map_or("got no answer".to_owned(), |response| {
                    format!("was answered with {}", response.status)
                });
                let why = format!("the other operator could not {wanted}; it {came}");
                let exchange = self.twinning.last.last().copied();
                Err(self.unmet(exchange, why, &["twinning.knobs.inter_operator"]))
            }
        }
    }

    async fn issue_abroad(&mut self) -> Result<ActivationCode, Halted> {
        let device = self.peer()?.address;
        let (answer, _) = self.task(Task::Issue { device }).await?;
        let Answer::Issued(code) = answer else {
            return Err(self.inconclusive("the simulated operator made no code"));
        };
        if let Some(secret) = &code.code {
            self.stage.recorder().secrets().learn("code", secret);
        }
        self.twinning.abroad.issued = Some(code.clone());
        Ok(code)
    }

    /// The activation with the code that the other operator made.
    async fn foreign_activation(&mut self) -> Result<Order, Halted> {
        let code = match self.twinning.abroad.issued.clone() {
            Some(code) => code,
            None => self.issue_abroad().await?,
        };
        Ok(Order::Activate {
            code: code.code,
            mno_id: code.mno_id,
            name: None,
        })
    }

    fn crossing(&mut self) -> u64 {
        self.twinning.abroad.crossing.unwrap_or_default()
    }

    fn cross(&mut self) {
        self.twinning.abroad.crossing = Some(self.last_exchange());
    }

    /// Waits, at most as long as the profile allows, until the other operator has got something.
    async fn await_abroad(
        &mut self,
        what: &str,
        come: impl Fn(&Operator) -> bool,
    ) -> Result<(), Halted> {
        let operator = self.operator()?;
        let limit = self.stage.pace().settle;
        self.stage.wait_for(&operator, what, limit, come).await;
        Ok(())
    }

    async fn expect_written(&mut self, what: Written, after_outage: bool) -> Result<(), Halted> {
        let device = self.peer()?.address;
        self.cross_if_none();
        let waited = what.clone();
        self.await_abroad("a write at the other operator", move |operator| {
            operator.side_of(&device).is_some_and(|side| match &waited {
                Written::AuthCode => side.auth_code.is_some(),
                Written::OtherDevice { address } => side
                    .other
                    .as_deref()
                    .is_some_and(|other| same(other, address)),
                Written::Status(status) => side.status == *status,
            })
        })
        .await?;
        let after = self.crossing();
        let within = micros(self.stage.pace().settle);
        self.judge(Passed::PeerWritten {
            after,
            what,
            within,
            after_outage,
        });
        Ok(())
    }

    fn cross_if_none(&mut self) {
        let last = self.last_exchange();
        self.twinning.abroad.crossing.get_or_insert(last);
    }

    /// Keeps the resource that an activation brought as this device's own.
    fn keep_own(&mut self, part: &Part, response: &Response) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let asked = self.collection(part)?;
        self.party(part)?.pending = created(&asked, response, &knobs);
        Ok(())
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
    let order = Order::RequestCode {
        primary_operator: Some(mno_id),
    };
    let (response, _) = scene.succeed(&part, order).await?;
    scene.keep_code(&part, &response)?;
    let device = scene.peer()?.address;
    scene.errand_done(Errand::Complete { device }).await?;
    let authorization = scene.twinning_profile()?.authorization;
    if authorization.is_some_and(|a| {
        a.secondary_token == twinproof_judge::profile::SecondaryToken::ClientCredentials
    }) {
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
    if scene.twinning.succeeded.is_some() {
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
    scene.judge(
        twinproof_judge::checks::twinning::authorization::Check::AccessDenied {
            exchange,
            or_gone: true,
        },
    );
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
