//! How DM servers and clients are made to act: by a hand inside, by a hook, or not at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinproof_dm::bootstrap::server as bootstrap;
use twinproof_dm::bootstrap::server::BootstrapServer;
use twinproof_dm::client::{self, Card, Client, Reply};
use twinproof_dm::syncml::Alert;
use twinproof_dm::upper::{Answer, Event, Operation, Shown, User};
use twinproof_evidence::record::{Halt, What};
use twinproof_gwmo::overseer::Overseer;
use twinproof_kernel::Seed;

use super::{Halted, Handle, Inner, Stage, VIRTUAL};
use crate::hooks::{Heard, HookCall, ask, run_once};

/// How long a hand inside may take: it answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who makes DM systems act.
#[derive(Default)]
pub(super) struct Hands {
    server: Option<Tester>,
    client: Option<Starter>,
    reporter: Option<(HookCall, Duration)>,
    user: Option<Front>,
    bootstrapper: Option<Bootstrapper>,
    bootstrap: Option<Renewer>,
}

/// Who makes a bootstrap server act.
enum Renewer {
    Hand(Handle<BootstrapServer>),
    Hooks {
        renew: Option<HookCall>,
        push: Option<HookCall>,
        patience: Duration,
    },
}

/// What asks somebody in front of a client that runs elsewhere.
#[derive(Clone)]
pub struct Front {
    /// Succeeds if the client shows the text for which `{text}` stands.
    pub sees: HookCall,
    /// Says to the client what stands in for `{reply}`.
    pub says: HookCall,
    /// How long either may take.
    pub patience: Duration,
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

/// How often somebody is asked whether a text is shown.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Who makes a server act.
enum Tester {
    Hand(Handle<Overseer>),
    Hooks(Box<ServerHooks>),
}

/// What has a server act that runs elsewhere, as far as its profile has it.
#[derive(Clone)]
pub struct ServerHooks {
    /// Has a device do something in its next session.
    pub plan: HookCall,
    /// Says what devices did: all of it, or what comes after the first `{after}`.
    pub events: Option<HookCall>,
    /// Has the server notify `{device}` of `{session}` by SIP, at `{to}`.
    pub sip: Option<HookCall>,
    /// Has the server do something with devices behind a gateway, in the next session of that.
    pub behind: Option<HookCall>,
    /// How long each may take.
    pub patience: Duration,
}

/// Who has a client begin a session, and whether somebody sits in front of one that is here.
enum Starter {
    Hand(Handle<Client>, bool),
    Hook(HookCall, Duration),
}

impl Stage {
    /// From now on this server does what its application wants.
    pub fn attend_dm(&mut self, server: Handle<Overseer>) {
        self.dm.server = Some(Tester::Hand(server));
    }

    /// From now on these have the server do what its application wants, which runs elsewhere.
    pub fn attend_dm_by(&mut self, hooks: ServerHooks) {
        self.dm.server = Some(Tester::Hooks(Box::new(hooks)));
    }

    /// Whether the server says what devices did; and whether it may say so a while after they did it.
    pub fn tells_dm(&self) -> (bool, bool) {
        match &self.dm.server {
            None => (false, false),
            Some(Tester::Hand(_)) => (true, false),
            Some(Tester::Hooks(hooks)) => (hooks.events.is_some(), true),
        }
    }

    /// From now on this client begins a session when it is told to; and if it has a `user`, that one says what
    /// it is told to.
    pub fn control_dm(&mut self, client: Handle<Client>, user: bool) {
        self.dm.client = Some(Starter::Hand(client, user));
    }

    /// From now on this has the client begin a session that runs elsewhere.
    pub fn control_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.client = Some(Starter::Hook(hook, patience));
    }

    /// From now on this has the client report something that runs elsewhere.
    pub fn report_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.reporter = Some((hook, patience));
    }

    /// Has the client report something to a server in a session: this, if it is here, and else what its hook has it
    /// report.
    ///
    /// # Errors
    ///
    /// Nobody can have it report anything, or it failed.
    pub async fn report_dm(&mut self, server: &str, alert: Alert) -> Result<(), Halted> {
        let done = match (&self.dm.client, self.dm.reporter.clone()) {
            (Some(Starter::Hand(client, _)), _) => {
                let order = client::Order::Report {
                    server: server.to_owned(),
                    alerts: vec![alert],
                };
                let acted = self.perform(vec![(client.clone(), order)], PATIENCE, false);
                match acted.await?.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Err(why),
                    _ => Ok(()),
                }
            }
            (_, Some((hook, patience))) => {
                let named = [("server", server.to_owned())];
                self.pull_dm(&named_call(&hook, &named), patience).await
            }
            (_, None) => Err("the profile has none".to_owned()),
        };
        let failed = done.err().map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: "report something".to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to report something (dm.client.report): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    /// From now on this asks whoever sits in front of the client.
    pub fn front_dm_by(&mut self, front: Front) {
        self.dm.user = Some(front);
    }

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
        self.pull_dm(&named_call(hook, &named), patience).await
    }

    /// What the clock says, in seconds since 1970; on the virtual stage, where time begins at some moment of
    /// 2030.
    pub fn seconds(&self) -> u64 {
        match &self.inner {
            Inner::Live(_) => crate::network::seconds(),
            Inner::Simulated(_) => VIRTUAL + self.now().as_micros() / 1_000_000,
        }
    }

    /// Waits until the client's user sees a text; says whether it came, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody can say what the user sees.
    pub async fn user_sees(&mut self, text: &str, limit: Duration) -> Result<(bool, u64), Halted> {
        let came = match (&self.dm.client, self.dm.user.clone()) {
            (Some(Starter::Hand(client, true)), _) => {
                let client = client.clone();
                let seen = |client: &Client| {
                    let mut shown = client.shown().iter();
                    shown.any(|shown| shown.dialog.text == text)
                };
                let what = "the user is shown a text";
                self.wait_for(&client, what, limit, seen).await
            }
            (_, Some(front)) => {
                let named = [("text", text.to_owned())];
                let sees = named_call(&front.sees, &named);
                let begun = self.now();
                loop {
                    if self.pull_dm(&sees, front.patience).await.is_ok() {
                        break true;
                    }
                    if self.now().since(begun) >= limit {
                        break false;
                    }
                    self.rest(LOOK_AGAIN).await;
                }
            }
            (_, None) => return Err(self.nobody()),
        };
        let asked = serde_json::to_value(User::Sees(text.to_owned()));
        let told = serde_json::to_value(if came { Shown::Yes } else { Shown::No });
        let (asked, told) = (asked.unwrap_or_default(), told.unwrap_or_default());
        let number = self.recorder.operated(self.now(), asked, told);
        Ok((came, number))
    }

    /// The client's user says something; returns its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody can say it, or there is nothing to say it to.
    pub async fn user_says(&mut self, reply: Reply) -> Result<u64, Halted> {
        let asked = serde_json::to_value(User::Says(reply.clone())).unwrap_or_default();
        // What is said may lead to anything: it is on record before that.
        let told = serde_json::to_value(Shown::Yes).unwrap_or_default();
        let number = self.recorder.operated(self.now(), asked, told);
        let failed = match (&self.dm.client, self.dm.user.clone()) {
            (Some(Starter::Hand(client, true)), _) => {
                let order = vec![(client.clone(), client::Order::Reply(reply))];
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            (_, Some(front)) => {
                let named = [("reply", words(&reply))];
                let says = named_call(&front.says, &named);
                self.pull_dm(&says, front.patience).await.err()
            }
            (_, None) => return Err(self.nobody()),
        };
        match failed {
            None => Ok(number),
            Some(why) => {
                let why = format!("the user was to say something (dm.client.user): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    fn nobody(&mut self) -> Halted {
        let why = "nobody can say what the user is shown: the profile has no dm.client.user";
        let why = why.to_owned();
        self.halt(Halt::Inconclusive { why })
    }

    /// Does what a key of the profile says, once.
    ///
    /// # Errors
    ///
    /// It failed.
    pub async fn pull(
        &mut self,
        key: &str,
        hook: &HookCall,
        patience: Duration,
    ) -> Result<(), Halted> {
        let failed = self.pull_dm(hook, patience).await.err();
        let failed = failed.map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: key.to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("{key}: {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    async fn pull_dm(&self, hook: &HookCall, patience: Duration) -> Result<(), String> {
        match &self.inner {
            Inner::Live(live) => run_once(live.network(), hook, patience).await,
            Inner::Simulated(_) => Err("the virtual stage has no network".to_owned()),
        }
    }

    /// Whether somebody can have the client begin a session.
    pub fn starts_dm(&self) -> bool {
        self.dm.client.is_some()
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
                    Some(hook) => self.pull_dm(&named_call(hook, &names), *patience).await,
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

    /// A seed that no run before this one had, for what systems remember that run elsewhere; on the virtual
    /// stage the seed itself.
    pub fn fresh(&self, seed: Seed) -> Seed {
        match &self.inner {
            Inner::Live(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default().as_nanos();
                seed.derive(&now.to_string())
            }
            Inner::Simulated(_) => seed,
        }
    }

    /// Has the server's application do something; returns what came of it, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it refused or did not answer.
    pub async fn operate_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        match self.ask_dm(operation).await? {
            (Answer::Refused(why), _) => Err(self.unoperated(&why)),
            answered => Ok(answered),
        }
    }

    /// The same, where that the server refuses it is an answer.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it did not answer.
    pub async fn ask_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let answered = match self.dm.server.take() {
            None => {
                let why =
                    "nobody can make the server act: the profile has no dm.server.upper_tester";
                let why = why.to_owned();
                return Err(self.halt(Halt::Inconclusive { why }));
            }
            Some(Tester::Hand(server)) => {
                self.dm.server = Some(Tester::Hand(server.clone()));
                let acted = self
                    .perform(vec![(server, operation)], PATIENCE, false)
                    .await?;
                let answer = acted.into_iter().map(|acted| acted.answer).next();
                Ok(answer.unwrap_or(Answer::Done))
            }
            Some(Tester::Hooks(hooks)) => {
                let answered = self.by_hooks(&hooks, &operation).await;
                self.dm.server = Some(Tester::Hooks(hooks));
                answered
            }
        };
        let conceal = |why: String| self.recorder.secrets().conceal(&why);
        let (answer, failed) = match answered {
            Ok(Answer::Refused(why)) => (Answer::Refused(conceal(why)), None),
            Ok(answer) => (answer, None),
            Err(why) => {
                let why = conceal(why);
                (Answer::Refused(why.clone()), Some(why))
            }
        };
        let told = serde_json::to_value(&answer).unwrap_or_default();
        let number = self.recorder.operated(self.now(), recorded, told);
        match failed {
            None => Ok((answer, number)),
            Some(why) => Err(self.unoperated(&why)),
        }
    }

    fn unoperated(&mut self, why: &str) -> Halted {
        let why = format!("the upper tester (dm.server.upper_tester): {why}");
        self.halt(Halt::Inconclusive { why })
    }

    async fn by_hooks(&self, hooks: &ServerHooks, operation: &Operation) -> Result<Answer, String> {
        let hook = filled(hooks, operation)?;
        let Heard { said, failed } = match &self.inner {
            Inner::Live(live) => ask(live.network(), &hook, hooks.patience).await,
            Inner::Simulated(_) => Heard::nothing("the virtual stage has no network"),
        };
        match (operation, failed) {
            (Operation::Events { after }, None) => {
                // Who is not told how many are known says all.
                let known = match hooks.events.as_ref().is_some_and(HookCall::says_after) {
                    true => 0,
                    false => *after,
                };
                let mut events: Vec<Event> = serde_json::from_str(&said)
                    .map_err(|error| format!("events: expected a list of them in JSON: {error}"))?;
                events.drain(..known.min(events.len()));
                Ok(Answer::Events(events))
            }
            (_, failed) => match (refused(&said), failed) {
                (Some(why), _) => Ok(Answer::Refused(why)),
                (None, None) => Ok(Answer::Done),
                (None, Some(why)) => Err(why),
            },
        }
    }

    /// Has the client begin a session with a server, where somebody can; else it is waited for.
    ///
    /// # Errors
    ///
    /// It could not be begun.
    pub async fn start_dm(&mut self, server: &str) -> Result<(), Halted> {
        match self.nudge_dm(server).await? {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to begin a session (dm.client.start): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    /// The same, where the client need not know the server; why it did not begin one, if it says.
    ///
    /// # Errors
    ///
    /// The client did not answer.
    pub async fn nudge_dm(&mut self, server: &str) -> Result<Option<String>, Halted> {
        let failed = match self.dm.client.take() {
            None => return Ok(None),
            Some(Starter::Hand(client, user)) => {
                let order = client::Order::Start {
                    server: server.to_owned(),
                };
                let order = vec![(client.clone(), order)];
                self.dm.client = Some(Starter::Hand(client, user));
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            Some(Starter::Hook(hook, patience)) => {
                let named = [("server", server.to_owned())];
                let done = self.pull_dm(&named_call(&hook, &named), patience).await;
                self.dm.client = Some(Starter::Hook(hook, patience));
                done.err()
            }
        };
        let failed = failed.map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: "begin a session".to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        Ok(failed)
    }
}

/// What has a server do this, with all that its texts name.
fn filled(hooks: &ServerHooks, operation: &Operation) -> Result<HookCall, String> {
    match operation {
        Operation::Plan { device, act } => {
            let names = act.names().map_err(|error| error.to_string())?;
            let device = [("device", device.clone())];
            let named: Vec<_> = device.into_iter().chain(names).collect();
            Ok(named_call(&hooks.plan, &named))
        }
        Operation::Events { after } => {
            let events = hooks.events.as_ref();
            let events = events.ok_or("it does not say what devices did: it has no hook.events")?;
            Ok(named_call(events, &[("after", after.to_string())]))
        }
        Operation::Send {
            device,
            session,
            to,
            ..
        } => {
            let sip = hooks.sip.as_ref();
            let sip = sip.ok_or("it sends no notification by SIP: it has no hook.sip")?;
            let named = [
                ("device", device.clone()),
                ("session", format!("{session:X}")),
                ("to", to.to_string()),
            ];
            Ok(named_call(sip, &named))
        }
        Operation::Behind { gateway, errand } => {
            let behind = hooks.behind.as_ref();
            let behind =
                behind.ok_or("it manages nothing behind gateways: it has no hook.behind")?;
            let gateway = [("gateway", gateway.clone())];
            let named: Vec<_> = gateway.into_iter().chain(errand.names()).collect();
            Ok(named_call(behind, &named))
        }
        Operation::Trigger { .. } | Operation::Notify { .. } => {
            Err("it has devices do something, and a notification was wanted".to_owned())
        }
        _ => Err("it has devices do something, and something else was wanted".to_owned()),
    }
}

/// Why the server refused what it was asked for, if that is what a hook said.
fn refused(said: &str) -> Option<String> {
    let said: serde_json::Value = serde_json::from_str(said).ok()?;
    Some(said.get("refused")?.as_str()?.to_owned())
}

/// The reply as a hook is told it.
fn words(reply: &Reply) -> String {
    match reply {
        Reply::Cancel => "cancel".to_owned(),
        Reply::Chosen(all) => {
            let all: Vec<String> = all.iter().map(u32::to_string).collect();
            all.join("-")
        }
        Reply::No => "no".to_owned(),
        Reply::Nothing => String::new(),
        Reply::Text(text) => text.clone(),
        Reply::Yes => "yes".to_owned(),
    }
}

/// A hook with what its texts name.
fn named_call(hook: &HookCall, names: &[(&'static str, String)]) -> HookCall {
    let fill = |text: &str, written: &dyn Fn(&str) -> String| {
        // One pass: what is put in names nothing.
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let named = |name: &str| {
                let inside = after.strip_prefix('{')?.strip_prefix(name)?;
                inside.strip_prefix('}')
            };
            let found = names
                .iter()
                .find_map(|(name, value)| Some((named(name)?, value)));
            rest = match found {
                Some((behind, value)) => {
                    out.push_str(&written(value));
                    behind
                }
                None => {
                    out.push('{');
                    &after[1..]
                }
            };
        }
        out.push_str(rest);
        out
    };
    match hook {
        HookCall::Command(line) => {
            let quoted = |value: &str| format!("'{}'", value.replace('\'', "'\\''"));
            HookCall::Command(fill(line, &quoted))
        }
        HookCall::Http { method, url, body } => {
            let is_json = body.trim_start().starts_with(['{', '[']);
            let inside = |value: &str| match is_json {
                true => {
                    let text = serde_json::Value::from(value).to_string();
                    text[1..text.len() - 1].to_owned()
                }
                false => value.to_owned(),
            };
            HookCall::Http {
                method: method.clone(),
                url: fill(url, &percent_encoded),
                body: fill(body, &inside),
            }
        }
    }
}

fn percent_encoded(value: &str) -> String {
    let octets = value.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        octet => format!("%{octet:02X}"),
    });
    octets.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinproof_dm::upper::{Act, Errand, Event, Operation};

    use super::{ServerHooks, filled, refused};
    use crate::hooks::HookCall;

    fn plan() -> Operation {
        Operation::Plan {
            device: "IMEI:1'2".to_owned(),
            act: Act::Get {
                uri: "./DevInfo/\"x\"".to_owned(),
            },
        }
    }

    fn hooks(plan: HookCall) -> ServerHooks {
        ServerHooks {
            plan,
            events: None,
            sip: None,
            behind: None,
            patience: Duration::ZERO,
        }
    }

    fn command(line: &str) -> HookCall {
        HookCall::Command(line.to_owned())
    }

    #[test]
    fn what_a_command_line_names_is_one_word_each() {
        let hooks = hooks(command("queue {device} {command} {uri} {other}"));
        let Ok(HookCall::Command(line)) = filled(&hooks, &plan()) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "queue 'IMEI:1'\\''2' 'Get' './DevInfo/\"x\"' {other}");
    }

    #[test]
    fn what_a_call_names_is_written_as_its_place_wants_it() {
        let hook = HookCall::Http {
            method: "POST".to_owned(),
            url: "http://s/{device}/commands".to_owned(),
            body: r#"{"what": "{command}", "at": "{uri}", "raw": "{xml}"}"#.to_owned(),
        };
        let Ok(HookCall::Http { url, body, .. }) = filled(&hooks(hook), &plan()) else {
            panic!("expected a call");
        };
        assert_eq!(url, "http://s/IMEI%3A1%272/commands");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["at"], "./DevInfo/\"x\"");
        let raw = body["raw"].as_str().unwrap();
        assert!(
            raw.starts_with("<Get") && raw.contains("<CmdID>1</CmdID>"),
            "{raw}"
        );
    }

    #[test]
    fn what_is_wanted_behind_a_gateway_is_named_by_its_words() {
        let asked = Operation::Behind {
            gateway: "G".to_owned(),
            errand: Errand::Change {
                devices: vec!["A".to_owned(), "B".to_owned()],
                uri: "./X".to_owned(),
                value: "y".to_owned(),
            },
        };
        let mut hooks = hooks(command("queue"));
        let Err(why) = filled(&hooks, &asked) else {
            panic!("expected nobody to be told");
        };
        assert!(why.contains("hook.behind"), "{why}");
        let words = "{want} {gateway} {devices} {uri} {value} {push}";
        hooks.behind = Some(command(words));
        let Ok(HookCall::Command(line)) = filled(&hooks, &asked) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "'change' 'G' 'A,B' './X' 'y' ''");
    }

    #[test]
    fn what_is_no_wish_for_a_device_is_not_for_it() {
        assert!(filled(&hooks(command("queue")), &Operation::Devices).is_err());
    }

    #[test]
    fn who_does_not_say_what_devices_did_is_not_asked() {
        let mut hooks = hooks(command("queue"));
        let asked = Operation::Events { after: 3 };
        let Err(why) = filled(&hooks, &asked) else {
            panic!("expected nobody to ask");
        };
        assert!(why.contains("hook.events"), "{why}");
        hooks.events = Some(command("events --skip {after}"));
        let Ok(HookCall::Command(line)) = filled(&hooks, &asked) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "events --skip '3'");
    }

    #[test]
    fn only_a_word_of_its_own_is_a_refusal() {
        assert_eq!(
            refused(r#"{"refused": "too large"}"#).as_deref(),
            Some("too large")
        );
        for other in ["", "refused", r#"{"refused": true}"#, r#"["refused"]"#] {
            assert_eq!(refused(other), None, "{other}");
        }
    }

    #[test]
    fn an_event_may_leave_out_what_it_has_not() {
        let said = r#"[{"did": {"device": "d", "outcome": {"statuses": [{"command": "Get", "code": 404}]}}}]"#;
        let events: Vec<Event> = serde_json::from_str(said).unwrap();
        assert!(matches!(&events[..], [Event::Did { outcome, .. }] if outcome.results.is_empty()));
    }
}
