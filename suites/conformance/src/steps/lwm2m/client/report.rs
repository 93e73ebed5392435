//! What a client reports of what its servers observe.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::{Code, option};
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::server::tester::{Order, Tester};
use twinproof_lwm2m::upper::{self, CancelBy, Event, Operation, What};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::Halted;

use super::super::manage::path;
use super::ask::BINDING;
use crate::world::{Scene, World};

/// The intervals between reports, s: the least and the greatest.
pub(super) const LEAST: u64 = 1;
pub(super) const MOST: u64 = 2;

/// How long reports are waited for: as long as two may take, and what they may be late by.
pub(super) const WATCH: Duration = Duration::from_secs(2 * MOST + 2);

impl Scene {
    /// Has a server observe, so that reports come by themselves.
    pub(super) async fn observe_client(&mut self, server: usize) -> Result<Act, Halted> {
        let attributes = [format!("pmin={LEAST}"), format!("pmax={MOST}")];
        self.observe_under(server, path(&BINDING), attributes.to_vec())
            .await
    }

    /// Has a server attach attributes to a path.
    pub(super) async fn attach(
        &mut self,
        server: usize,
        path: Path,
        attributes: Vec<String>,
    ) -> Result<(), Halted> {
        let mut request = self.about(server, Code::PUT, path)?;
        request.query = attributes;
        let answer = self.ask(server, request).await?;
        let what = "attributes of reports (who takes none says lwm2m.client.attributes = false)";
        self.must_succeed(what, &answer)
    }

    /// Has a server observe a path to which it has attached attributes.
    pub(super) async fn observe_under(
        &mut self,
        server: usize,
        path: Path,
        attributes: Vec<String>,
    ) -> Result<Act, Halted> {
        self.attach(server, path, attributes).await?;
        let endpoint = self.said(server)?.endpoint;
        let operation = Operation::Observe {
            endpoint,
            path,
            accept: None,
        };
        let answer = self.serve(server, Order::Operate(operation)).await?;
        self.must_succeed("the observation", &answer)?;
        self.last_act()
    }

    /// How many reports a server has got.
    pub(super) fn reported(&mut self, server: usize) -> Result<usize, Halted> {
        let handle = self.server_of_client(server)?;
        Ok(self.stage.look(&handle, reports))
    }

    pub(super) fn must_succeed(
        &mut self,
        what: &str,
        answer: &upper::Answer,
    ) -> Result<(), Halted> {
        match answer {
            upper::Answer::Reply(reply) if reply.code.is_success() => Ok(()),
            upper::Answer::Reply(reply) => {
                Err(self.inconclusive(format!("{what}: the client answered {}", reply.code)))
            }
            _ => Err(self.inconclusive(format!("{what}: the client did not answer"))),
        }
    }

    /// Waits for that many reports; that there are fewer is for checks to say.
    pub(super) async fn await_reports(
        &mut self,
        server: usize,
        count: usize,
    ) -> Result<(), Halted> {
        let handle = self.server_of_client(server)?;
        let come = move |tester: &Tester| reports(tester) >= count;
        let what = "reports have come";
        self.stage.wait_for(&handle, what, WATCH, come).await;
        Ok(())
    }
}

fn reports(tester: &Tester) -> usize {
    let told = |event: &&Event| matches!(event.what, What::Notified { .. });
    tester.events().filter(told).count()
}

#[when("its server observes how the device can be reached")]
async fn observes_alone(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let mut request = scene.about(0, Code::GET, path(&BINDING))?;
    request.options.push((option::OBSERVE.0, Vec::new()));
    scene.ask(0, request).await?;
    Ok(())
}

#[then("the client takes its server for an observer")]
async fn is_observed(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Client::Observed { act })
}

#[given("its server observes the client, which reports every other second")]
async fn observes_and_hears(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let observed = scene.observe_client(0).await?;
    scene.client()?.observed = Some(observed);
    scene.await_reports(0, 1).await
}

#[when("its server observes the client, and wants reports every other second")]
async fn observes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let observed = scene.observe_client(0).await?;
    scene.client()?.observed = Some(observed);
    scene.await_reports(0, 2).await
}

#[then("the client reports in that time")]
async fn reports_in_time(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let upto = scene.stage.recorded();
    let Some(observed) = scene.client()?.observed.clone() else {
        return Err(scene.inconclusive("nothing was observed"));
    };
    let (least, most) = scene.client()?.intervals;
    scene.check_client(Client::Spaced {
        observed,
        upto,
        least,
        most,
    });
    Ok(())
}

#[when(regex = "^its server ends the observation (with a request|by rejecting a report)$")]
async fn ends(w: &mut World, how: String) -> Result<(), Halted> {
    w.scene().end_reports(how == "by rejecting a report").await
}

impl Scene {
    /// Has the first server end its observation, and sees what comes all the same.
    pub(super) async fn end_reports(&mut self, by_reset: bool) -> Result<(), Halted> {
        let endpoint = self.said(0)?.endpoint;
        let operation = Operation::Cancel {
            endpoint,
            path: path(&BINDING),
            by: match by_reset {
                true => CancelBy::Reset,
                false => CancelBy::Request,
            },
        };
        self.serve(0, Order::Operate(operation)).await?;
        let act = self.last_act()?;
        self.client()?.ended = Some((act, by_reset));
        self.stage.rest(WATCH).await;
        Ok(())
    }
}

#[then("the client reports no more")]
async fn reports_no_more(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let client = scene.client()?;
    let (Some(observed), Some((ended, by_reset))) = (client.observed.clone(), client.ended.clone())
    else {
        return Err(scene.inconclusive("no observation was ended"));
    };
    scene.check_client(Client::NoMore {
        observed,
        ended,
        by_reset,
    });
    Ok(())
}
