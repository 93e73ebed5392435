//! A party that says what it is told to, servers of raw octets, and what a ledger holds.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Scene, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};
use twinproof_stage::{Handle, Kind, Network, Pace, Recorder, Stage};

/// Sends what it is told to, answers 204, and counts what comes.
#[derive(Default)]
pub struct Caller {
    calls: Vec<CallId>,
    pub came: Vec<String>,
}

impl Role for Caller {
    type Shared = ();
    type Order = String;
    type Answer = Result<Response, Fault>;

    fn handle(
        &mut self,
        _: &(),
        _: Time,
        input: Input<'_, String>,
        out: &mut Outbox<Self::Answer>,
    ) {
        match input {
            Input::Order { call, order } => {
                self.calls.push(call);
                out.push(Output::Request {
                    exchange: ExchangeId(self.calls.len() as u64),
                    request: Request::new("GET", order),
                });
            }
            Input::Response { exchange, outcome } => {
                let call = self.calls[exchange.0 as usize - 1];
                out.answer(call, outcome.cloned().map_err(Clone::clone));
            }
            Input::Request { exchange, request } => {
                self.came.push(request.url.clone());
                out.respond(exchange, Response::new(204));
            }
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

fn recorder(ledger: &Ledger, scenario: &str) -> Recorder {
    let scene = Scene {
        scenario: scenario.to_owned(),
        attempt: 1,
    };
    Recorder::new(ledger.clone(), Some(scene), Secrets::default(), |_, _| {
        Vec::new()
    })
}

pub fn stage(
    network: &Network,
    ledger: &Ledger,
    scenario: &str,
    timeout: Duration,
) -> (Stage, Handle<Caller>) {
    let pace = Pace {
        timeout,
        settle: timeout,
    };
    let recorder = recorder(ledger, scenario);
    let mut stage = Stage::open(Kind::Live(network.clone()), recorder, pace);
    let caller = stage.enter("caller", Caller::default(), Arc::new(()));
    (stage, caller)
}

/// A server that answers its second and later requests with these octets, the first one well.
pub async fn server(answer: impl AsyncFn(&mut TcpStream) + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        let mut first = true;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            if std::mem::take(&mut first) {
                let good = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                stream.write_all(good).await.unwrap();
            } else {
                answer(&mut stream).await;
            }
        }
    };
    drop(tokio::task::spawn_local(serve));
    base
}

pub fn came(ledger: &Ledger) -> Vec<(String, String)> {
    let records = ledger.read_back().unwrap().records;
    records
        .into_iter()
        .filter_map(|record| match record.what {
            What::Request { url, .. } => Some((record.scene.unwrap().scenario, url)),
            _ => None,
        })
        .collect()
}

pub fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}
