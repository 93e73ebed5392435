//! What a gateway sends on its own account: notifications for its devices, and requests for images.

use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Answer, Operation};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{ExchangeId, Input, Output};

use super::rules::{Fetching, Relayed, Wanted};
use super::{Gateway, IMAGE_PATH, Moment};
use crate::alert::Report;
use crate::objects::below;

/// Why a request was sent.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// To wake a device.
    Push { device: String },
    /// To get an image.
    Fetch(Download),
}

/// An image that a server wants.
#[derive(Clone, Debug)]
pub(super) struct Download {
    at: NodeUri,
    source: String,
    server: String,
    correlator: Option<String>,
}

impl Gateway {
    fn send(&mut self, moment: &mut Moment<'_>, errand: Errand, request: Request) {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges * 2 + 1);
        self.errands.insert(exchange, errand);
        moment.out.push(Output::Request { exchange, request });
    }

    fn push(&mut self, moment: &mut Moment<'_>, device: &str, content_type: &str, body: Vec<u8>) {
        let Some(url) = self.devices.get(device).map(|known| known.push.clone()) else {
            return;
        };
        let request = Request::new("POST", url)
            .with(APPLICATION_FIELD, APPLICATION)
            .with_body(content_type, body);
        let device = device.to_owned();
        self.send(moment, Errand::Push { device }, request);
    }

    /// Has a device begin a session with the gateway.
    pub(super) fn wake(&mut self, moment: &mut Moment<'_>, id: &str) {
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        device.announced = device.announced.checked_add(1).unwrap_or(1);
        let order = Operation::Trigger {
            device: id.to_owned(),
            ui_mode: 1,
            session: device.announced,
        };
        let call = self.call();
        for (_, answer) in self.south(moment, Input::Order { call, order }) {
            if let Answer::Trigger { content_type, body } = answer {
                self.push(moment, id, &content_type, body);
            }
        }
    }

    /// A notification for a device. Returns the HTTP status for who brought it.
    pub(super) fn relay(&mut self, moment: &mut Moment<'_>, id: &str, request: &Request) -> u16 {
        let device = self.devices.get(id);
        let trigger = self.north.inspect(&request.body);
        let facts = Relayed {
            known: device.is_some(),
            attached: device.is_some_and(|device| device.attached),
            server: trigger.is_some_and(|(server, _)| server),
            signed: trigger.is_some_and(|(_, signed)| signed),
        };
        if !moment.shared.rules.relays(facts) {
            return 403;
        }
        let content_type = request.headers.first("Content-Type").unwrap_or_default();
        let body = moment.shared.rules.carries(request.body.clone());
        self.push(moment, id, content_type, body);
        204
    }

    /// A server wants an image to be in the store.
    pub(super) fn download(
        &mut self,
        moment: &mut Moment<'_>,
        at: NodeUri,
        server: &str,
        correlator: Option<String>,
    ) {
        let names = &moment.shared.names;
        let source = self.tree().text(&below(&at, &names.image_source));
        let source = source.unwrap_or_default().to_owned();
        let facts = Wanted {
            keeps: self.is_set(&names.keep_images),
            held: self.images.contains_key(&source),
        };
        let state = below(&at, &names.image_state);
        let download = Download {
            at,
            source: source.clone(),
            server: server.to_owned(),
            correlator,
        };
        match moment.shared.rules.fetches(facts) {
            Fetching::Fetch => {
                self.north.tree_mut().set(&state, "fetching");
                let request = Request::new("GET", source);
                self.send(moment, Errand::Fetch(download), request);
            }
            Fetching::Hold => self.ready(moment, download),
            Fetching::Refuse => self.north.tree_mut().set(&state, "refused"),
        }
    }

    /// An image is in the store.
    fn ready(&mut self, moment: &Moment<'_>, download: Download) {
        let names = &moment.shared.names;
        let key = self.served.len().to_string();
        let local = format!("{}{IMAGE_PATH}/{key}", self.base);
        self.served.insert(key, download.source);
        let tree = self.north.tree_mut();
        tree.set(&below(&download.at, &names.image_local), local.as_str());
        tree.set(&below(&download.at, &names.image_state), "ready");
        let correlator = moment.shared.rules.quotes(download.correlator);
        let source = download.at.to_string();
        let alert = Report::ImageReady.alert(&source, &local, correlator.as_deref());
        self.tell(&download.server, vec![alert]);
    }

    /// What a device gets that asks for an image.
    pub(super) fn image(&self, moment: &Moment<'_>, request: &Request) -> Response {
        let key = request.path().strip_prefix(IMAGE_PATH);
        let key = key.and_then(|rest| rest.strip_prefix('/'));
        let source = key.and_then(|key| self.served.get(key));
        match source.and_then(|source| self.images.get(source)) {
            Some(octets) if request.method == "GET" => {
                let octets = moment.shared.rules.serves(octets.clone());
                Response::new(200).with_body("application/octet-stream", octets)
            }
            _ => Response::new(404),
        }
    }

    /// What came of an errand.
    pub(super) fn returned(
        &mut self,
        moment: &mut Moment<'_>,
        errand: Errand,
        outcome: Result<&Response, &Fault>,
    ) {
        let good = outcome.ok().filter(|response| response.is_success());
        match errand {
            Errand::Push { device } if good.is_none() => {
                let code = moment.shared.rules.silent(false);
                self.give_up(&device, code);
                self.left(moment, &device);
            }
            Errand::Push { .. } => {}
            Errand::Fetch(download) => match good {
                Some(response) if response.length == response.body.len() as u64 => {
                    let octets = response.body.clone();
                    self.images.insert(download.source.clone(), octets);
                    self.ready(moment, download);
                }
                _ => {
                    let state = below(&download.at, &moment.shared.names.image_state);
                    self.north.tree_mut().set(&state, "failed");
                }
            },
        }
    }
}
