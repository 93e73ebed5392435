//! How clients are bootstrapped, and how bootstrap servers are made to act.

use std::time::Duration;

use twinproof_dm::bootstrap::server as bootstrap;
use twinproof_dm::bootstrap::server::BootstrapServer;
use twinproof_dm::client::{self, Card, Reply};
use twinproof_evidence::record::{Halt, What};

use super::{PATIENCE, Starter};
use crate::hooks::HookCall;
use crate::stage::{Halted, Handle, Stage};

/// Who makes a bootstrap server act.
pub(super) enum Renewer {
    Hand(Handle<BootstrapServer>),
    Hooks {
        renew: Option<HookCall>,
        push: Option<HookCall>,
        patience: Duration,
    },
}

/// What has a client bootstrap itself that runs elsewhere, as far as its profile has it.
#[derive(Clone, Default)]
pub struct Bootstrapper {
    /// Announces `{url}`, and lets the client look.
    pub announce: Option<HookCall>,
    /// Lets the client fetch its bootstrap from where it knows that there is one.
    pub call: Option<HookCall>,
    /// Puts a card into the client: `{file}` with a document of the type `{type}`, and `{url}`.
    pub card: Option<HookCall>,
    /// Lets the client fetch its bootstrap from `{url}`.
    pub fetch: Option<HookCall>,
    /// Enters `{pin}` where the client asks for one.
    pub pin: Option<HookCall>,
    /// Has the client forget what it has by bootstrap.
    pub reset: Option<HookCall>,
    /// How long each may take.
    pub patience: Duration,
}

/// What is done with a client that is to be bootstrapped.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The address of a bootstrap server is announced, and the client looks.
    Announce(String),
    /// The client fetches its bootstrap from where it knows that there is one.
    Call,
    /// The client fetches its bootstrap from an address.
    Fetch(String),
    /// A card is put in.
    Insert(Card),
    /// The user enters a PIN, if the client asks for one.
    Pin(String),
    /// What the client has by bootstrap is forgotten.
    Reset,
}

impl Deed {
    const fn key(&self) -> &'static str {
        match self {
            Self::Announce(_) => "announce",
            Self::Call => "call",
            Self::Fetch(_) => "fetch",
            Self::Insert(_) => "card",
            Self::Pin(_) => "pin",
            Self::Reset => "reset",
        }
    }

    /// As a client that is here is told it; one that is here has nothing to forget.
    fn order(&self) -> Option<client::Order> {
        Some(match self.clone() {
            Self::Announce(url) => client::Order::Discover(Some(url)),
            Self::Call => client::Order::CallHome,
            Self::Fetch(url) => client::Order::Fetch { url },
            Self::Insert(card) => client::Order::Insert(card),
            Self::Pin(pin) => client::Order::Reply(Reply::Text(pin)),
            Self::Reset => return None,
        })
    }

    /// What stands for the names in a hook; the document of a card is in `file`.
    fn names(&self, file: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Announce(url) | Self::Fetch(url) => vec![("url", url.clone())],
            Self::Insert(card) => vec![
                ("file", file.to_owned()),
                ("type", card.content_type.clone()),
                ("url", card.url.clone().unwrap_or_default()),
            ],
            Self::Pin(pin) => vec![("pin", pin.clone())],
            Self::Call | Self::Reset => Vec::new(),
        }
    }
}

impl Stage {
    /// From now on this has the client bootstrap itself that runs elsewhere.
    pub fn bootstrap_dm_by(&mut self, bootstrapper: Bootstrapper) {
        self.dm.bootstrapper = Some(bootstrapper);
    }

    /// Does something with a client that is to be bootstrapped. What it makes of that, nobody is told.
    ///
    /// # Errors
    ///
    /// Nobody can do it, or it failed.
    pub async fn bootstrap_dm(&mut self, deed: Deed) -> Result<(), Halted> {
        let key = deed.key();
        let done = match (&self.dm.client, self.dm.bootstrapper.clone()) {
            (Some(Starter::Hand(_, false)), _) if matches!(deed, Deed::Pin(_)) => {
                Err("nobody sits in front of the client".to_owned())
            }
            (Some(Starter::Hand(client, _)), _) => {
                let orders = deed.order().map(|order| (client.clone(), order));
                let orders: Vec<_> = orders.into_iter().collect();
                self.perform(orders, PATIENCE, false).await?;
                Ok(())
            }
            (_, Some(own)) => {
                let hook = match &deed {
                    Deed::Announce(_) => &own.announce,
                    Deed::Call => &own.call,
                    Deed::Fetch(_) => &own.fetch,
                    Deed::Insert(_) => &own.card,
                    Deed::Pin(_) => &own.pin,
                    Deed::Reset => &own.reset,
                };
                match (hook, &deed) {
                    (Some(hook), _) => self.pull_deed(hook, &deed, own.patience).await,
                    (None, Deed::Reset) => Ok(()),
                    (None, _) => Err("the profile has none".to_owned()),
                }
            }
            (_, None) => Err("the profile has none".to_owned()),
        };
        let failed = done.err().map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: format!("bootstrap of the client: {key}"),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why =
                    format!("the client was to be bootstrapped (dm.client.bootstrap.{key}): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    async fn pull_deed(
        &self,
        hook: &HookCall,
        deed: &Deed,
        patience: Duration,
    ) -> Result<(), String> {
        // The file is there as long as the hook runs.
        let written = match deed {
            Deed::Insert(card) if !card.document.is_empty() => {
                let made = tempfile::NamedTempFile::new();
                let file = made.map_err(|error| format!("no temporary file: {error}"))?;
                std::fs::write(file.path(), &card.document)
                    .map_err(|error| format!("no temporary file: {error}"))?;
                Some(file)
            }
            _ => None,
        };
        let path = written
            .as_ref()
            .map(|file| file.path().display().to_string());
        let named = deed.names(&path.unwrap_or_default());
        self.pull_dm(&hook.naming(&named), patience).await
    }

    /// From now on this bootstrap server does what its operator wants.
    pub fn attend_dm_bootstrap(&mut self, server: Handle<BootstrapServer>) {
        self.dm.bootstrap = Some(Renewer::Hand(server));
    }

    /// From now on these have the bootstrap server do what its operator wants, which runs elsewhere: change a
    /// document, and push one.
    pub fn attend_dm_bootstrap_by(
        &mut self,
        [renew, push]: [Option<HookCall>; 2],
        patience: Duration,
    ) {
        self.dm.bootstrap = Some(Renewer::Hooks {
            renew,
            push,
            patience,
        });
    }

    /// Has the operator of the bootstrap server do something.
    ///
    /// # Errors
    ///
    /// Nobody makes the bootstrap server act, or it was not done.
    pub async fn operate_dm_bootstrap(
        &mut self,
        operation: bootstrap::Operation,
    ) -> Result<(), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let (key, names) = match &operation {
            bootstrap::Operation::Push { device, to } => {
                ("push", vec![("device", device.clone()), ("to", to.clone())])
            }
            bootstrap::Operation::Renew { device } => ("renew", vec![("device", device.clone())]),
        };
        let acting = self.dm.bootstrap.take();
        let done = match &acting {
            None => Err("the profile has no dm.bootstrap.upper_tester".to_owned()),
            Some(Renewer::Hand(server)) => {
                let acted = self
                    .perform(vec![(server.clone(), operation)], PATIENCE, false)
                    .await;
                match acted?.into_iter().map(|acted| acted.answer).next() {
                    Some(bootstrap::Answer::Refused(why)) => Err(why),
                    _ => Ok(()),
                }
            }
            Some(Renewer::Hooks {
                renew,
                push,
                patience,
            }) => {
                let hook = if key == "push" { push } else { renew };
                match hook {
                    None => Err("the profile has none".to_owned()),
                    Some(hook) => self.pull_dm(&hook.naming(&names), *patience).await,
                }
            }
        };
        self.dm.bootstrap = acting;
        let done = done.map_err(|why| self.recorder.secrets().conceal(&why));
        let told = serde_json::to_value(&done).unwrap_or_default();
        self.recorder.operated(self.now(), recorded, told);
        done.map_err(|why| {
            let why = format!(
                "the operator of the bootstrap server (dm.bootstrap.upper_tester.hook.{key}): {why}"
            );
            self.halt(Halt::Inconclusive { why })
        })
    }
}
