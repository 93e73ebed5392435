//! How a client is bootstrapped: what brings it a document, or the address of one, and what it makes of that
//! (DM Bootstrap 1.2; addresses are of RD DM 1.3).

use std::collections::{BTreeMap, BTreeSet};

use twinproof_kernel::ExchangeId;
use twinproof_kernel::http::{Fault, Request, Response};

use super::account::Account;
use super::rules::{AddressFacts, DocumentFacts};
use super::{Answer, Client, Dialog, Moment, Reply};
use crate::bootstrap::names::OBJECT;
use crate::bootstrap::{Known, Names, Opened, open};
use crate::media;
use crate::provisioning;
use crate::provisioning::protection::{Method, Profile, Protection};
use crate::syncml::AlertCode;
use crate::syncml::alert::UiOptions;
use crate::tree::NodeUri;

/// What a client has by which it can be bootstrapped.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// What it shares with its network, each of which may protect a document: the identity of its subscriber, or a
    /// secret.
    pub network_ids: Vec<String>,
    /// How it reads what no public text settles.
    pub names: Names,
}

/// What a smart card has for a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// The media type of the document.
    pub content_type: String,
    /// The document; empty if there is none.
    pub document: Vec<u8>,
    /// The address of a bootstrap server.
    pub url: Option<String>,
}

/// What brought a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The card, which nobody but the operator writes.
    Card,
    /// A transport that shows who is at the other end.
    Secured,
    /// Anybody.
    Open,
}

/// How far a client has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The addresses that it asks.
    fetches: BTreeMap<ExchangeId, String>,
    /// The entity tags of the documents that it has, by their addresses.
    tags: BTreeMap<String, String>,
    locked: Option<Locked>,
    card: Card,
    /// The accounts that are from the card.
    of_card: BTreeSet<NodeUri>,
}

/// A document that waits for the PIN of the user.
#[derive(Clone, Debug)]
struct Locked {
    opened: Opened,
    octets: Vec<u8>,
    tried: u32,
    /// The place of the question among all that the user was shown.
    shown: usize,
}

/// What the user is asked for.
const QUESTION: &str = "PIN";

impl Client {
    fn progress(&mut self) -> &mut Progress {
        self.bootstrap.get_or_insert_default()
    }

    /// Something was pushed that is no notification.
    pub(super) fn pushed(&mut self, moment: &mut Moment<'_>, content_type: &str, body: &[u8]) {
        let Some(own) = &moment.shared.bootstrap else {
            return;
        };
        let name = content_type.split(';').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case(&own.names.address_type) {
            self.addressed(moment, content_type, body);
        } else {
            self.brought(moment, content_type, body, Way::Open);
        }
    }

    /// The address of a bootstrap server was pushed.
    fn addressed(&mut self, moment: &mut Moment<'_>, content_type: &str, body: &[u8]) {
        let Ok((_, protection)) = Protection::parse(content_type) else {
            return;
        };
        let Some(url) = str::from_utf8(body).ok().map(str::trim) else {
            return;
        };
        let keys = |protection: &Protection| {
            let all = known(moment, None);
            let keys = all
                .iter()
                .flat_map(|known| known.keys(protection.method, Profile::Message).into_iter());
            keys.map(|(_, key)| key).collect::<Vec<_>>()
        };
        let right = protection.is_some_and(|protection| {
            let mut keys = keys(&protection).into_iter();
            keys.any(|key| protection.is_by(&key, body))
        });
        let facts = AddressFacts {
            protected: protection.is_some(),
            right,
            allowed: self.is_on(moment, |names| &names.push),
        };
        if moment.shared.rules.follows_address(facts) {
            self.fetch(moment, url.to_owned());
        }
    }

    /// Whether a switch of the object is on, or nobody has set it.
    fn is_on(&self, moment: &Moment<'_>, leaf: fn(&Names) -> &String) -> bool {
        let Some(own) = &moment.shared.bootstrap else {
            return false;
        };
        let mut objects = self.tree.objects(OBJECT).into_iter();
        let value = objects.find_map(|at| self.tree.text(&at.child(leaf(&own.names))));
        value != Some("false")
    }

    /// An address that the client finds by itself, where somebody announces one.
    pub(super) fn discover(&mut self, moment: &mut Moment<'_>, url: Option<String>) -> Answer {
        let allowed = self.is_on(moment, |names| &names.discovery);
        if let Some(url) = url
            && moment.shared.rules.discovers(allowed)
        {
            self.fetch(moment, url);
        }
        Answer::Done
    }

    /// The client fetches its bootstrap from where it knows that there is one.
    pub(super) fn call_home(&mut self, moment: &mut Moment<'_>) -> Answer {
        match self.home(moment) {
            Some(url) => {
                self.fetch(moment, url);
                Answer::Done
            }
            None => Answer::Refused("expected an address, got none".to_owned()),
        }
    }

    /// The first address of the object, or that of the card.
    fn home(&mut self, moment: &Moment<'_>) -> Option<String> {
        let names = &moment.shared.bootstrap.as_ref()?.names;
        let objects = self.tree.objects(OBJECT);
        let listed = objects.iter().flat_map(|at| {
            let servers = at.child(names.servers.as_str());
            let node = self.tree.node(&servers);
            let below = node.into_iter().flat_map(|node| node.children());
            let urls = below.filter_map(|(name, _)| {
                let at = servers.child(name).child(names.url.as_str());
                Some(self.tree.text(&at)?.to_owned())
            });
            urls.collect::<Vec<_>>()
        });
        let listed = moment.shared.rules.looks_up(listed.collect());
        let card = self.progress().card.url.clone();
        let card = card.filter(|_| moment.shared.rules.follows_card(true));
        listed.into_iter().next().or(card)
    }

    /// Asks for the document at an address.
    pub(super) fn fetch(&mut self, moment: &mut Moment<'_>, url: String) {
        let tag = self.progress().tags.get(&url).cloned();
        let mut request = Request::new("GET", &url);
        if let Some(tag) = moment.shared.rules.asks_with(tag) {
            request = request.with("If-None-Match", tag);
        }
        let exchange = self.exchange();
        self.progress().fetches.insert(exchange, url);
        moment.request(exchange, request);
    }

    /// What came from there.
    pub(super) fn fetched(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: ExchangeId,
        outcome: Result<&Response, &Fault>,
    ) {
        let progress = self.bootstrap.as_mut();
        let url = progress.and_then(|progress| progress.fetches.remove(&exchange));
        let (Some(url), Ok(response)) = (url, outcome) else {
            return;
        };
        if !moment.shared.rules.takes_page(response.status) {
            return;
        }
        if let Some(tag) = response.headers.first("ETag") {
            self.progress().tags.insert(url.clone(), tag.to_owned());
        }
        let way = match url.starts_with("https://") {
            true => Way::Secured,
            false => Way::Open,
        };
        let content_type = response.headers.first("Content-Type").unwrap_or_default();
        self.brought(moment, content_type, &response.body, way);
    }

    /// A card is put in, and what it has is read; what the one before had is gone.
    pub(super) fn insert(&mut self, moment: &mut Moment<'_>, card: Card) -> Answer {
        let gone = std::mem::take(&mut self.progress().of_card);
        for at in gone {
            if moment.shared.rules.forgets_with_card(true) {
                self.tree.remove(&at);
            }
        }
        let most = moment.shared.rules.reads_card(card.document.len());
        let octets = card.document.get(..most).unwrap_or(&card.document).to_vec();
        let content_type = card.content_type.clone();
        self.progress().card = card;
        if !octets.is_empty() {
            self.brought(moment, &content_type, &octets, Way::Card);
        }
        Answer::Done
    }

    /// A document came.
    fn brought(&mut self, moment: &mut Moment<'_>, content_type: &str, octets: &[u8], way: Way) {
        if moment.shared.bootstrap.is_none() {
            return;
        }
        let Ok(opened) = open(content_type, octets, &moment.shared.limits) else {
            return;
        };
        let method = opened.protection.map(|protection| protection.method);
        let by_pin = matches!(method, Some(Method::UserPin | Method::UserPinNetworkId));
        if by_pin {
            if moment.shared.user {
                self.ask_pin(moment, opened, octets.to_vec(), 0);
            }
            return;
        }
        let facts = DocumentFacts {
            method,
            right: is_right(moment, (&opened, octets), None),
            needed: way == Way::Open,
        };
        if moment.shared.rules.trusts(facts) {
            self.take(moment, opened.accounts, way);
        }
    }

    fn ask_pin(&mut self, moment: &Moment<'_>, opened: Opened, octets: Vec<u8>, tried: u32) {
        let shown = self.shown.len();
        let dialog = Dialog {
            code: AlertCode::TEXT_INPUT,
            options: UiOptions::default(),
            text: QUESTION.to_owned(),
            choices: Vec::new(),
        };
        self.show(moment.now, "", dialog, None);
        self.progress().locked = Some(Locked {
            opened,
            octets,
            tried,
            shown,
        });
    }

    /// Whether the question at this place was the one for a PIN; if so, it is answered by this.
    pub(super) fn unlocks(&mut self, moment: &mut Moment<'_>, at: usize, reply: &Reply) -> bool {
        let progress = self.bootstrap.as_mut();
        let locked = progress.and_then(|progress| progress.locked.take_if(|l| l.shown == at));
        let Some(Locked {
            opened,
            octets,
            tried,
            ..
        }) = locked
        else {
            return false;
        };
        let Reply::Text(pin) = reply else {
            return true;
        };
        let facts = DocumentFacts {
            method: opened.protection.map(|protection| protection.method),
            right: is_right(moment, (&opened, &octets), Some(pin)),
            needed: true,
        };
        let rules = &moment.shared.rules;
        if rules.trusts(facts) || rules.trusts_after(tried + 1) {
            self.take(moment, opened.accounts, Way::Open);
        } else if rules.asks_pin_again(tried + 1) {
            self.ask_pin(moment, opened, octets, tried + 1);
        }
        true
    }

    /// Keeps accounts, and begins a session with each that demands one.
    fn take(&mut self, moment: &mut Moment<'_>, accounts: Vec<provisioning::Account>, way: Way) {
        let Some(own) = &moment.shared.bootstrap else {
            return;
        };
        let demand = (own.names.connect.clone(), "true".to_owned());
        for account in accounts {
            let demanded = account.extra.contains(&demand);
            let account = moment.shared.rules.keeps(account);
            let server = account.server_id.clone();
            let others = Account::all(&self.tree);
            if moment.shared.rules.makes_room(others.len()) {
                for other in &others {
                    self.tree.remove(&other.at);
                }
            }
            for known in others.iter().filter(|known| known.server == server) {
                self.tree.remove(&known.at);
            }
            let Some(at) = self.free() else { return };
            self.tree.install(&account.states(&at));
            if way == Way::Card {
                self.progress().of_card.insert(at);
            }
            if moment.shared.rules.begins_after(demanded) {
                self.wish(moment, &server, Vec::new());
            }
        }
    }

    /// The address of a node where an account can be put.
    fn free(&self) -> Option<NodeUri> {
        let above: NodeUri = "./DMAcc".parse().ok()?;
        let mut names = (1_u32..).map(|number| above.child(format!("B{number}")));
        names.find(|at| self.tree.node(at).is_none())
    }
}

/// What the client knows, in turn with each that it shares with its network.
fn known(moment: &Moment<'_>, pin: Option<&String>) -> Vec<Known> {
    let own = moment.shared.bootstrap.iter();
    let ids = own.flat_map(|own| own.network_ids.iter());
    let ids = ids.filter_map(|id| moment.shared.rules.shares(id.clone()));
    let ids = ids.map(Some).chain([None]);
    let known = |network_id| Known {
        network_id,
        pin: pin.cloned(),
    };
    ids.map(known).collect()
}

fn is_right(moment: &Moment<'_>, (opened, octets): (&Opened, &[u8]), pin: Option<&String>) -> bool {
    let mut all = known(moment, pin).into_iter();
    all.any(|known| !known.fitting(opened, octets).is_empty())
}

/// Whether what is pushed in this type is for the part of a client that takes notifications.
pub(super) fn is_trigger(name: &str) -> bool {
    [media::NOTIFICATION, media::DM_NOTIFICATION]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}
