//! Pairs of devices at a Twinning enabler, each of a primary and a secondary: they are twinned, each switches the twinning
//! once and the other sees it, and it ends.

mod jury;

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use twinproof_judge::profile::{SecondaryToken, Subscriber, Twinning as Enabler};
use twinproof_kernel::http::{Fault, Response};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role as _, Time};
use twinproof_stage::Network;
use twinproof_twinning::device::{Access, Device, Grant, Order, Provision};
use twinproof_twinning::message::{Status, Twinning};
use twinproof_twinning::tree::{Document, Format};

use super::carrier::{Carrier, kind};
use super::play::{Apart, Play};
use crate::jury::Judgement;
use crate::measure::Outcome;
use crate::shard::Shard;
use crate::workload::{Operation, Workload};
use jury::{Jury, Named};

/// How long a device waits before it looks again whether something has come to it.
const AGAIN: Duration = Duration::from_millis(20);

/// For how long at least it looks.
const LEAST: Duration = Duration::from_secs(1);

/// What is answered to who asks for what is no longer there.
const GONE: [u16; 2] = [404, 410];

/// What is answered to who has no right to it.
const SHUT_OUT: [u16; 2] = [401, 403];

/// Pairs of devices and their enabler.
pub(super) struct Pairs {
    workload: Workload,
    access: Access,
    /// Whether a secondary obtains a token for its twinning.
    obtains: bool,
    /// The numbers of the pairs of this share.
    members: Range<u32>,
    pairs: Vec<Mutex<Pair>>,
    carrier: Carrier,
    /// How long what one device does may take to come to the other.
    patience: Duration,
    began: Instant,
    jury: RefCell<Jury>,
}

struct Pair {
    primary: Party,
    secondary: Party,
    /// What was not taken apart the last time.
    left: Option<Twins>,
}

/// What a device was provisioned with, and all addresses by which the enabler knows it.
struct Party {
    provision: Provision,
    named: Vec<String>,
}

/// The devices of a pair from their twinning to its end.
struct Twins {
    primary: Device,
    secondary: Device,
}

/// With what a device was answered.
struct Said {
    response: Response,
    /// What a success says, if it says anything that can be read.
    document: Option<Document>,
}

/// What a pair does is no more than a sequence of steps, of which the first that fails is the end.
type Step<T> = Result<T, Outcome>;

impl Pairs {
    /// The pairs of a share of a workload, as the profile of their enabler knows them.
    pub(super) fn new(
        workload: &Workload,
        shard: Shard,
        enabler: &Enabler,
        (network, straight): (&Network, Option<Duration>),
    ) -> Result<Self, String> {
        let (count, known) = (workload.devices.count, enabler.subscribers.len() / 2);
        if known < count as usize {
            return Err(format!(
                "{} has {} subscribers (twinning.subscriber), and {count} pairs of two take part: expected at most {known}",
                enabler.base_url,
                enabler.subscribers.len()
            ));
        }
        let members = shard.members(count);
        let first = 2 * members.start as usize;
        let own = &enabler.subscribers[first..first + 2 * members.len()];
        let pairs: Result<Vec<_>, String> = own.chunks_exact(2).map(Pair::new).collect();
        let authorization = enabler.authorization.as_ref();
        Ok(Self {
            workload: workload.clone(),
            access: Access {
                base_url: enabler.base_url.clone(),
                token_url: authorization.map(|server| server.token_url.clone()),
                revoke_url: authorization.and_then(|server| server.revoke_url.clone()),
                notification_channel: enabler.notification_channel.clone(),
                knobs: enabler.knobs.clone(),
            },
            obtains: authorization
                .is_some_and(|server| server.secondary_token == SecondaryToken::ClientCredentials),
            pairs: pairs?.into_iter().map(Mutex::new).collect(),
            members,
            carrier: Carrier::new(network, straight),
            patience: workload.drain.duration().max(LEAST),
            began: Instant::now(),
            jury: RefCell::new(Jury::new(&enabler.subscribers)),
        })
    }

    /// Has a device do something; with what it is answered, whatever that is.
    async fn asks(&self, device: &mut Device, order: Order) -> Result<Said, Fault> {
        let now = Time::ZERO + self.began.elapsed();
        let mut out = Outbox::default();
        let call = CallId(0);
        device.handle(&self.access, now, Input::Order { call, order }, &mut out);
        let next = out.drain().find_map(|output| match output {
            Output::Answer { answer, .. } => Some(Err(answer)),
            Output::Request { exchange, request } => Some(Ok((exchange, request))),
            _ => None,
        });
        let nothing = || Fault::NotSent("the device asks nothing".to_owned());
        let (answer, document) = match next {
            Some(Ok((exchange, request))) => {
                let outcome = self.carrier.fetch(request).await;
                let heard = device.takes(&self.access, exchange, outcome);
                heard.map(|heard| (heard.answer, heard.document))
            }
            Some(Err(answer)) => Some((answer, None)),
            None => None,
        }
        .ok_or_else(nothing)?;
        answer.map(|response| Said { response, document })
    }

    /// The same; what is no success fails the step that is named so.
    async fn does(&self, device: &mut Device, order: Order, step: &str) -> Step<Said> {
        match self.asks(device, order).await {
            Ok(said) if said.response.is_success() => Ok(said),
            Ok(said) => Err(Outcome::Refused(format!(
                "{step}: HTTP {}",
                said.response.status
            ))),
            Err(Fault::TimedOut) => Err(Outcome::Lost),
            Err(Fault::NotSent(why)) => Err(Outcome::Impossible(why)),
            Err(fault) => Err(Outcome::Refused(format!("{step}: {}", kind(&fault)))),
        }
    }

    /// The twinning that a device is shown, if it is shown one.
    fn shown(&self, said: &Said) -> Option<Twinning> {
        Twinning::of_document(said.document.as_ref()?, &self.access.knobs)
    }

    /// What the jury hears of a pair that it watches.
    fn heard(&self, number: u32, pair: &Pair, twinning: Option<&Twinning>, said: &Said) {
        if !self.workload.watches(number) {
            return;
        }
        let at = (number, self.began.elapsed());
        let named = Named {
            primary: &pair.primary.named,
            secondary: &pair.secondary.named,
            other: twinning.and_then(Twinning::other_address),
        };
        self.jury.borrow_mut().hears(at, named, &said.response.body);
    }

    /// Reads the twinning of a device again and again until it has a status.
    async fn until(
        &self,
        device: &mut Device,
        status: Status,
        (number, pair): (u32, &Pair),
    ) -> Step<()> {
        let since = Instant::now();
        loop {
            let said = self.does(device, Order::Read, "reading").await?;
            let twinning = self.shown(&said);
            self.heard(number, pair, twinning.as_ref(), &said);
            let got = twinning.and_then(|twinning| twinning.status(&self.access.knobs));
            if got == Some(status) {
                return Ok(());
            }
            if since.elapsed() >= self.patience {
                let got = got.map_or("unknown".to_owned(), |got| format!("{got:?}"));
                let why = format!("expected the status {status:?}, got {got}");
                return Err(Outcome::Refused(why));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn switch(&self, status: Status) -> Order {
        Order::Toggle {
            url: None,
            status: status.literal(&self.access.knobs).to_owned(),
        }
    }

    /// A pair from a code to its end.
    async fn twinned(&self, number: u32, pair: &Pair, twins: &mut Twins) -> Step<()> {
        let Twins { primary, secondary } = twins;
        let knobs = &self.access.knobs;
        let asks = Order::RequestCode {
            primary_operator: None,
        };
        let said = self.does(secondary, asks, "asking for a code").await?;
        self.heard(number, pair, None, &said);
        let code = self.shown(&said).and_then(|shown| shown.activation_code);
        let Some((Some(code), mno_id)) = code.map(|code| (code.code, code.mno_id)) else {
            return Err(Outcome::Refused("an answer without a code".to_owned()));
        };
        let activates = Order::Activate {
            code: Some(code),
            mno_id,
            name: None,
        };
        let said = self.does(primary, activates.clone(), "activating").await?;
        let shown = self.shown(&said);
        self.heard(number, pair, shown.as_ref(), &said);
        let status = shown.and_then(|shown| shown.status(knobs));
        if self.workload.watches(number) {
            let at = (number, self.began.elapsed());
            self.jury
                .borrow_mut()
                .sees_activated(at, pair, status, &said.response.body);
            self.tries_again(at, pair, activates).await;
        }
        if self.obtains {
            let grant = Grant::ClientCredentials { scope: None };
            self.does(secondary, Order::ObtainToken(grant), "obtaining a token")
                .await?;
        }
        let both = (number, pair);
        self.until(secondary, Status::On, both).await?;
        self.does(primary, self.switch(Status::Off), "switching off")
            .await?;
        self.until(secondary, Status::Off, both).await?;
        self.does(secondary, self.switch(Status::On), "switching on")
            .await?;
        self.until(primary, Status::On, both).await?;
        self.does(primary, Order::Deactivate { url: None }, "ending")
            .await?;
        self.until_gone(secondary).await
    }

    /// Lists the twinnings of a device until there is none.
    async fn until_gone(&self, device: &mut Device) -> Step<()> {
        let since = Instant::now();
        loop {
            let said = match self.asks(device, Order::List).await {
                Ok(said) => said,
                Err(Fault::TimedOut) => return Err(Outcome::Lost),
                Err(fault) => return Err(Outcome::Refused(kind(&fault).to_owned())),
            };
            // Who has but one token may be told nothing any more once its twinning has ended.
            let is_shut_out = !self.obtains && SHUT_OUT.contains(&said.response.status);
            if is_shut_out || GONE.contains(&said.response.status) {
                return Ok(());
            }
            if !said.response.is_success() {
                let why = format!("listing what is left: HTTP {}", said.response.status);
                return Err(Outcome::Refused(why));
            }
            if self.is_empty(&said)? {
                return Ok(());
            }
            if since.elapsed() >= self.patience {
                return Err(Outcome::Refused("what has ended is still there".to_owned()));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whether a device is told a list without twinnings.
    fn is_empty(&self, said: &Said) -> Step<bool> {
        let unread = || Outcome::Refused("a list that is none".to_owned());
        let listed = said.document.as_ref().ok_or_else(unread)?;
        let name = &self.access.knobs.names.twinning;
        Ok(listed.tree.children(name).next().is_none())
    }

    /// The primary of a pair that is watched uses its code once more.
    async fn tries_again(&self, at: (u32, Duration), pair: &Pair, activates: Order) {
        let mut primary = pair.primary.device();
        let Ok(said) = self.asks(&mut primary, activates).await else {
            return;
        };
        let shown = self.shown(&said);
        let other = shown.as_ref().and_then(Twinning::other_address);
        self.jury
            .borrow_mut()
            .sees_again(at, pair, (other, &said.response));
        if said.response.is_success() {
            let ends = Order::Deactivate { url: None };
            // What it cannot end, the next code request will not have.
            drop(self.asks(&mut primary, ends).await);
        }
    }

    /// Ends what a pair has left, as far as it can.
    async fn tidy(&self, twins: &mut Twins) {
        for device in [&mut twins.primary, &mut twins.secondary] {
            if device.resource().is_some() {
                // The other has perhaps ended it for both.
                drop(self.asks(device, Order::Deactivate { url: None }).await);
            }
        }
    }
}

impl Pair {
    fn new(two: &[Subscriber]) -> Result<Self, String> {
        let party = |subscriber: &Subscriber| {
            let id = subscriber.client_id.clone();
            Ok::<_, String>(Party {
                provision: Provision {
                    address: subscriber.address.clone(),
                    token: subscriber.access_token()?,
                    client: id.zip(subscriber.secret().ok()),
                },
                named: names_of(subscriber).map(str::to_owned).collect(),
            })
        };
        match two {
            [primary, secondary] => Ok(Self {
                primary: party(primary)?,
                secondary: party(secondary)?,
                left: None,
            }),
            other => Err(format!(
                "expected two subscribers for a pair, got {}",
                other.len()
            )),
        }
    }
}

/// All addresses by which an enabler knows a subscriber.
fn names_of(subscriber: &Subscriber) -> impl Iterator<Item = &str> {
    let also = subscriber.also.iter().map(String::as_str);
    std::iter::once(&*subscriber.address).chain(also)
}

impl Party {
    fn device(&self) -> Device {
        Device::new(self.provision.clone(), Format::Json)
    }
}

impl Play for Pairs {
    async fn prepare(self: Rc<Self>, member: u32) -> Outcome {
        let pair = self.pairs[member as usize].lock().await;
        for party in [&pair.primary, &pair.secondary] {
            let mut device = party.device();
            let listed = self.does(&mut device, Order::List, "listing").await;
            match listed.and_then(|said| self.is_empty(&said)) {
                Ok(true) => {}
                Ok(false) => {
                    let why = "a device is twinned already; see twinproof clean";
                    return Outcome::Refused(why.to_owned());
                }
                Err(outcome) => return outcome,
            }
        }
        Outcome::Answered
    }

    async fn perform(self: Rc<Self>, _: Operation, member: u32, _: Apart) -> Outcome {
        let mut pair = self.pairs[member as usize].lock().await;
        if let Some(mut left) = pair.left.take() {
            self.tidy(&mut left).await;
        }
        let mut twins = Twins {
            primary: pair.primary.device(),
            secondary: pair.secondary.device(),
        };
        let number = self.members.start + member;
        match self.twinned(number, &pair, &mut twins).await {
            Ok(()) => Outcome::Answered,
            Err(outcome) => {
                pair.left = Some(twins);
                outcome
            }
        }
    }

    fn carried(&self) -> (u64, u64) {
        self.carrier.carried()
    }

    fn judgement(&self) -> Judgement {
        self.jury.borrow().judgement()
    }
}
