//! What a gateway sends on its own account: notifications for its devices, and requests for images.

use twinproof_dm::media::NOTIFICATION;
use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Answer, Operation};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{ExchangeId, Input, Output};

use super::rules::{Fetching, HandedOn, Relayed, Wanted, Woken};
use super::{Gateway, IMAGE_PATH, Moment};
use crate::alert::Report;
use crate::objects::below;

/// The field in which a notification names a server that its device knows.
const SERVER_FIELD: &str = "X-Server";

/// What stands where a server put something in for a device that has not taken it.
const NOT_TAKEN: &str = "failed";

/// Why a request was sent.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// To wake a device.
    Push { device: String },
    /// To bring a device its first account.
    Bring { device: String },
    /// To bring a device what a server has put in for it there.
    HandOn { device: String, at: NodeUri },
    /// To get an image.
    Fetch(Download),
    /// To get an image anew that is there.
    Refresh,
}

/// An image that a server wants.
#[derive(Clone, Debug)]
pub(super) struct Download {
    at: NodeUri,
    source: String,
    server: String,
    correlator: Option<String>,
    /// What has come so far.
    got: Vec<u8>,
}

impl Gateway {
    pub(super) fn send(&mut self, moment: &mut Moment<'_>, errand: Errand, request: Request) {
        self.waiting.push_back((errand, request));
        self.send_waiting(moment);
    }

    /// Sends what waits, as far as it may.
    pub(super) fn send_waiting(&mut self, moment: &mut Moment<'_>) {
        while self.errands.len() < moment.shared.at_once.max(1)
            && let Some((errand, request)) = self.waiting.pop_front()
        {
            self.exchanges += 1;
            let exchange = ExchangeId(self.exchanges * 2 + 1);
            self.errands.insert(exchange, errand);
            moment.out.push(Output::Request { exchange, request });
        }
    }

    fn push(
        &mut self,
        moment: &mut Moment<'_>,
        device: &str,
        (content_type, body): (&str, Vec<u8>),
        server: Option<String>,
    ) {
        let Some(mut request) = self.pushed(device, (content_type, body)) else {
            return;
        };
        if let Some(server) = server {
            request = request.with(SERVER_FIELD, server);
        }
        let device = device.to_owned();
        self.send(moment, Errand::Push { device }, request);
    }

    /// A push to a device.
    fn pushed(&self, device: &str, (content_type, body): (&str, Vec<u8>)) -> Option<Request> {
        let url = self.devices.get(device).map(|known| known.push.clone())?;
        let request = Request::new("POST", url).with(APPLICATION_FIELD, APPLICATION);
        Some(request.with_body(content_type, body))
    }

    /// Brings a device what a server has put in for it.
    pub(super) fn hand_on(&mut self, moment: &mut Moment<'_>, at: NodeUri) {
        let (names, rules) = (&moment.shared.names, &moment.shared.rules);
        let named = self.tree().text(&below(&at, &names.trigger_device));
        let named = named.unwrap_or_default().to_owned();
        let octets = self.tree().node(&below(&at, &names.trigger_octets));
        let octets = octets.map(|node| node.value().to_vec()).unwrap_or_default();
        let known = self.devices.get(&named);
        let trigger = self.north.inspect(&octets);
        let facts = HandedOn {
            known: known.is_some(),
            signed: trigger.is_some_and(|(server, signed)| server && signed),
            attached: known.is_some_and(|device| device.attached),
        };
        let goes = rules.hands_on(facts);
        let others = self.devices.keys().filter(|other| **other != named);
        let device = rules.forwards(named.clone(), others.cloned().collect());
        let request = self.pushed(&device, (NOTIFICATION, rules.carries(octets)));
        match request.filter(|_| goes) {
            Some(request) => self.send(moment, Errand::HandOn { device, at }, request),
            None => self.handed_on(moment, &at, false),
        }
    }

    /// Says what became of what a server has put in.
    fn handed_on(&mut self, moment: &Moment<'_>, at: &NodeUri, taken: bool) {
        let names = &moment.shared.names;
        let state = match moment.shared.rules.confirms(taken) {
            true => &names.trigger_taken,
            false => NOT_TAKEN,
        };
        let at = below(at, &names.trigger_state);
        self.north.tree_mut().set(&at, state);
    }

    /// Has a device begin a session with the gateway.
    pub(super) fn wake(&mut self, moment: &mut Moment<'_>, id: &str, server: &str) {
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
                let server = moment.shared.rules.names(Woken {
                    server: server.to_owned(),
                    knows: false,
                });
                self.push(moment, id, (&content_type, body), server);
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
        let rules = &moment.shared.rules;
        let body = rules.carries(request.body.clone());
        let others = self.devices.keys().filter(|other| *other != id).cloned();
        let to = rules.forwards(id.to_owned(), others.collect());
        self.push(moment, &to, (content_type, body), None);
        moment.shared.pushed
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
            got: Vec::new(),
        };
        match moment.shared.rules.fetches(facts) {
            Fetching::Fetch => {
                self.north.tree_mut().set(&state, "fetching");
                self.fetch(moment, download);
            }
            Fetching::Hold => self.ready(moment, download),
            Fetching::Refuse => self.north.tree_mut().set(&state, "refused"),
        }
    }

    /// Gets an image, or its next part.
    fn fetch(&mut self, moment: &mut Moment<'_>, download: Download) {
        let mut request = Request::new("GET", download.source.clone());
        if let Some(part) = moment.shared.image_part {
            let from = download.got.len() as u64;
            let range = format!("bytes={from}-{}", from + part.max(1) - 1);
            request = request.with("Range", range);
        }
        self.send(moment, Errand::Fetch(download), request);
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

    /// Puts images into the store whose octets servers have brought.
    pub(super) fn take_images(&mut self, moment: &Moment<'_>) {
        let names = &moment.shared.names;
        let images = below(&self.places.images, &names.images);
        let tree = self.north.tree();
        let all = tree.node(&images).into_iter().flat_map(|n| n.children());
        let brought = all.filter_map(|(name, _)| {
            let at = images.child(name);
            let octets = tree.node(&below(&at, &names.image_data))?.value();
            let is_new = tree.node(&below(&at, &names.image_state)).is_none();
            (is_new && !octets.is_empty()).then(|| (at, octets.to_vec()))
        });
        for (at, octets) in brought.collect::<Vec<_>>() {
            if !self.is_set(&names.keep_images) {
                let state = below(&at, &names.image_state);
                self.north.tree_mut().set(&state, "refused");
                continue;
            }
            let source = at.to_string();
            self.images.insert(source.clone(), octets);
            let download = Download {
                at,
                source,
                server: self.partner().unwrap_or_default(),
                correlator: None,
                got: Vec::new(),
            };
            self.ready(moment, download);
        }
    }

    /// Where devices get images of it.
    #[must_use]
    pub fn offers(&self) -> Vec<String> {
        let place = |key: &String| format!("{}{IMAGE_PATH}/{key}", self.base);
        self.served.keys().map(place).collect()
    }

    /// What a device gets that asks for an image.
    pub(super) fn image(&mut self, moment: &mut Moment<'_>, request: &Request) -> Response {
        let key = request.path().strip_prefix(IMAGE_PATH);
        let key = key.and_then(|rest| rest.strip_prefix('/'));
        let source = key.and_then(|key| self.served.get(key)).cloned();
        let facts = Wanted {
            keeps: true,
            held: source
                .as_ref()
                .is_some_and(|source| self.images.contains_key(source)),
        };
        if let (true, Some(source)) = (facts.held, &source)
            && moment.shared.rules.fetches(facts) == Fetching::Fetch
        {
            let request = Request::new("GET", source.clone());
            self.send(moment, Errand::Refresh, request);
        }
        match source.and_then(|source| self.images.get(&source)) {
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
                self.give_up(moment, &device, code);
                self.left(moment, &device);
            }
            Errand::HandOn { device, at } => {
                self.handed_on(moment, &at, good.is_some());
                if good.is_none() {
                    self.left(moment, &device);
                }
            }
            Errand::Bring { device } if good.is_some() => {
                // That something was brought to it does not show who it is.
                if moment.shared.rules.welcomes(false) {
                    self.arrived(moment, &device);
                }
            }
            Errand::Bring { .. } | Errand::Push { .. } | Errand::Refresh => {}
            Errand::Fetch(mut download) => match good {
                Some(response) if response.length == response.body.len() as u64 => {
                    download.got.extend_from_slice(&response.body);
                    let is_part = response.status == 206 && !response.body.is_empty();
                    if is_part && total(response) > Some(download.got.len()) {
                        return self.fetch(moment, download);
                    }
                    let octets = std::mem::take(&mut download.got);
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

/// How many octets there are of which a response has some.
fn total(response: &Response) -> Option<usize> {
    let range = response.headers.first("Content-Range")?;
    range.rsplit_once('/')?.1.parse().ok()
}
