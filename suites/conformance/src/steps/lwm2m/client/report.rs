//! What a client reports of what its servers observe.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::server::tester::{Order, Tester};
use twinproof_lwm2m::upper::{self, CancelBy, Operation, What};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::Halted;

use super::super::manage::path;
use super::ask::BINDING;
use crate::world::{Scene, World};

/// The intervals between reports, s: the least and the greatest.
const LEAST: u64 = 1;
const MOST: u64 = 2;

/// How long reports are waited for: as long as two may take, and what they may be late by.
const WATCH: Duration = Duration::from_secs(2 * MOST + 2);

impl Scene {
    fn observed_path(&self) -> Path {
        path(&BINDING)
    }

    /// Has a server observe, so that reports come by themselves.
    async fn observe_client(&mut self, server: usize) -> Result<(), Halted> {
        let path = self.observed_path();
        let endpoint = self.said(server)?.endpoint;
        let mut request = self.about(server, Code::PUT, path)?;
        request.query = vec![format!("pmin={LEAST}"), format!("pmax={MOST}")];
        let answer = self.ask(server, request).await?;
        self.must_succeed("attributes of reports", &answer)?;
        let operation = Operation::Observe {
            endpoint,
            path,
            accept: None,
        };
        let answer = self.serve(server, Order::Operate(operation)).await?;
        self.must_succeed("the observation", &answer)?;
        let act = self.last_act()?;
        self.client()?.observed = Some(act);
        Ok(())
    }

    fn must_succeed(&mut self, what: &str, answer: &upper::Answer) -> Result<(), Halted> {
        match answer {
            upper::Answer::Reply(reply) if reply.code.is_success() => Ok(()),
            upper::Answer::Reply(reply) => {
                Err(self.inconclusive(format!("{what}: the client answered {}", reply.code)))
            }
            _ => Err(self.inconclusive(format!("{what}: the client did not answer"))),
        }
    }

    /// Waits for that many reports; that there are fewer is for checks to say.
    async fn await_reports(&mut self, server: usize, count: usize) -> Result<(), Halted> {
        let handle = self.server_of_client(server)?;
        let come = move |tester: &Tester| {
            let told = tester
                .events()
                .filter(|event| matches!(event.what, What::Notified { .. }));
            told.count() >= count
        };
        let what = "reports have come";
        self.stage.wait_for(&handle, what, WATCH, come).await;
        Ok(())
    }
}

#[given("its server observes the client, which reports every other second")]
async fn observes_and_hears(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.observe_client(0).await?;
    scene.await_reports(0, 1).await
}

#[when("its server observes the client, and wants reports every other second")]
async fn observes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.observe_client(0).await?;
    scene.await_reports(0, 2).await
}

#[then("the client reports in that time")]
async fn reports_in_time(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let upto = scene.stage.recorded();
    let Some(observed) = scene.client()?.observed.clone() else {
        return Err(scene.inconclusive("nothing was observed"));
    };
    scene.check_client(Client::Spaced {
        observed,
        upto,
        least: LEAST,
        most: MOST,
    });
    Ok(())
}

#[when(regex = "^its server ends the observation (with a request|by rejecting a report)$")]
async fn ends(w: &mut World, how: String) -> Result<(), Halted> {
    let scene = w.scene();
    let endpoint = scene.said(0)?.endpoint;
    let by_reset = how == "by rejecting a report";
    let operation = Operation::Cancel {
        endpoint,
        path: scene.observed_path(),
        by: match by_reset {
            true => CancelBy::Reset,
            false => CancelBy::Request,
        },
    };
    scene.serve(0, Order::Operate(operation)).await?;
    let act = scene.last_act()?;
    scene.client()?.ended = Some((act, by_reset));
    scene.stage.rest(WATCH).await;
    Ok(())
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
