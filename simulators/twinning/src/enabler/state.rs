//! What an enabler remembers, and how it is written to its store.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twinproof_kernel::{Change, Records, Time};

use super::rules::Scope;
use crate::message::{Role, Status};
use crate::tree::Format;

/// One side of a relationship.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Side {
    /// Its id in URLs.
    pub id: String,
    /// The device that owns it.
    pub owner: String,
    /// The owner's address as it is shown.
    pub address: String,
    /// The owner's part.
    pub role: Role,
    /// The relationship's name.
    pub name: Option<String>,
    /// As this side sees it.
    pub status: Status,
    /// The peer's address, once activated.
    pub other: Option<String>,
    /// The id of the peer's side, once activated.
    pub other_id: Option<String>,
    /// The code that the owner was given.
    pub code: Option<String>,
    /// The operator that generated that code.
    pub code_mno: Option<String>,
    /// OAuth authorization code, on the secondary's side.
    pub auth_code: Option<String>,
    /// The primary's voice-mail address, as its operator told it.
    pub voice_mail: Option<String>,
    /// Where the side itself is, if this is the image of one at a partner.
    pub remote: Option<Remote>,
}

/// A side at a partner operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Remote {
    /// The partner.
    pub mno_id: String,
    /// The side's URL there.
    pub href: String,
    /// Whether the partner has yet to hear of the last change.
    pub stale: bool,
}

/// A generated activation code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Code {
    /// The id of the side that waits for its use.
    pub side: String,
    /// When it was generated.
    pub since: Time,
    /// Whether a device has activated with it.
    pub used: bool,
}

/// What a token opens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Purpose {
    /// The primary's network, for its secondary.
    Network,
    /// A refresh of a token for the primary's network.
    Refresh,
    /// This API.
    Twinning,
}

/// A token that was issued.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Token {
    /// The device that it was issued to.
    pub owner: String,
    /// The client that it was issued to.
    pub client: String,
    /// The id of the secondary's side in the relationship that it belongs to, if to one.
    pub relation: Option<String>,
    /// What it opens.
    pub purpose: Purpose,
    /// The scopes of this API that it covers.
    pub scopes: Vec<Scope>,
    /// When it was issued.
    pub since: Time,
    /// How long it is good for.
    pub lifetime: Duration,
    /// Whether it was revoked or died with its relationship.
    pub revoked: bool,
    /// The authorization code that it came from.
    pub grant: Option<String>,
}

/// An authorization code that was given to a secondary.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grant {
    /// The id of the secondary's side.
    pub relation: String,
    /// The secondary.
    pub owner: String,
    /// Whose network it opens.
    pub primary: Option<String>,
    /// The client that may redeem it.
    pub client: String,
    /// When it was generated.
    pub since: Time,
    /// Whether it was redeemed.
    pub redeemed: bool,
}

/// A subscription to the changes of a device's twinnings.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Subscription {
    /// The device.
    pub owner: String,
    /// Where notifications go.
    pub notify_url: String,
    /// What goes with them.
    pub callback_data: Option<String>,
    /// Their format.
    pub format: Format,
    /// When it began, or was prolonged.
    pub since: Time,
    /// How long it lasts from then on.
    pub duration: Duration,
    /// The tag by which the client knows a repeated request.
    pub correlator: Option<String>,
    /// Whether its client ended it.
    pub cancelled: bool,
}

/// A notification channel.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Channel {
    /// The device that it belongs to.
    pub owner: String,
    /// The tag by which the client knows a repeated request.
    pub correlator: Option<String>,
    /// When it was opened, prolonged or last polled.
    pub since: Time,
    /// How long it lasts from then on.
    pub lifetime: Duration,
    /// How many notifications its client takes at once, if it said.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// Notifications that nobody has fetched, as JSON documents.
    pub queue: Vec<String>,
}

/// A partner has yet to hear that a relationship has ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Parting {
    /// The partner.
    pub mno_id: String,
    /// Its side.
    pub href: String,
}

/// A subscriber has yet to hear of a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Delivery {
    /// The id of the subscription.
    pub subscription: String,
    /// The notification, in the format of the subscription.
    pub text: String,
}

impl Parting {
    /// What the partner has to hear that has this side.
    pub fn of(side: &Side) -> Option<Self> {
        let remote = side.remote.as_ref()?;
        Some(Self {
            mno_id: remote.mno_id.clone(),
            href: remote.href.clone(),
        })
    }
}

impl Side {
    /// A side that nothing is known of yet.
    pub fn new(id: String, owner: &str, role: Role, status: Status) -> Self {
        Self {
            id,
            owner: owner.to_owned(),
            address: owner.to_owned(),
            role,
            name: None,
            status,
            other: None,
            other_id: None,
            code: None,
            code_mno: None,
            auth_code: None,
            voice_mail: None,
            remote: None,
        }
    }
}

/// A kind of record.
pub trait Record: Clone + DeserializeOwned + Serialize {
    /// What its keys begin with.
    const KIND: &'static str;
    /// Where the state has these records.
    fn table(tables: &Tables) -> &BTreeMap<String, Self>;
    /// The same, to be changed.
    fn table_mut(tables: &mut Tables) -> &mut BTreeMap<String, Self>;
    /// Whether it still has an effect, or is only remembered.
    fn counts(&self, tables: &Tables, now: Time) -> bool;
}

macro_rules! tables {
    ($( $field:ident: $record:ty = $kind:literal if $counts:expr ),+ $(,)?) => {
        /// Records by kind and key.
        #[derive(Debug, Default)]
        pub struct Tables { $( $field: BTreeMap<String, $record>, )+ }

        impl Tables {
            /// How many records of each kind satisfy their [`Record::counts`].
            fn census(&self, now: Time) -> BTreeMap<&'static str, usize> {
                BTreeMap::from([
                    $( ($kind, self.$field.values().filter(|r| r.counts(self, now)).count()) ),+
                ])
            }

            fn restore(&mut self, kind: &str, key: &str, value: &[u8]) {
                match kind {
                    $( $kind => {
                        if let Ok(record) = serde_json::from_slice(value) {
                            self.$field.insert(key.to_owned(), record);
                        }
                    } )+
                    _ => {}
                }
            }
        }

        $( impl Record for $record {
            const KIND: &'static str = $kind;
            fn table(tables: &Tables) -> &BTreeMap<String, Self> { &tables.$field }
            fn table_mut(tables: &mut Tables) -> &mut BTreeMap<String, Self> { &mut tables.$field }
            fn counts(&self, tables: &Tables, now: Time) -> bool {
                let counts: fn(&Self, &Tables, Time) -> bool = $counts;
                counts(self, tables, now)
            }
        } )+
    };
}

tables! {
    channels: Channel = "channel" if |channel, _, now| now.since(channel.since) < channel.lifetime,
    codes: Code = "code" if |code, tables, _| {
        !code.used && tables.sides.contains_key(&code.side)
    },
    deliveries: Delivery = "delivery" if |delivery, tables, now| {
        let subscription = tables.subscriptions.get(&delivery.subscription);
        subscription.is_some_and(|subscription| subscription.counts(tables, now))
    },
    grants: Grant = "grant" if |grant, tables, _| {
        !grant.redeemed && tables.sides.contains_key(&grant.relation)
    },
    partings: Parting = "parting" if |_, _, _| true,
    sides: Side = "side" if |_, _, _| true,
    subscriptions: Subscription = "subscription" if |subscription, _, now| {
        !subscription.cancelled && now.since(subscription.since) < subscription.duration
    },
    tokens: Token = "token" if |token, _, now| {
        !token.revoked && now.since(token.since) < token.lifetime
    },
}

/// How much of what an enabler's store holds still has an effect at this time, by kind: twinnings,
/// subscriptions, channels, what partners and subscribers have yet to hear, and codes and tokens that
/// are neither used up nor over.
pub fn census(records: &Records, now: Time) -> BTreeMap<&'static str, usize> {
    State::restore(records).tables.census(now)
}

/// Everything an enabler remembers. Changes are collected until [`State::take_changes`].
#[derive(Debug, Default)]
pub struct State {
    tables: Tables,
    serial: u64,
    starts: u64,
    changes: Vec<Change>,
    noted: usize,
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("state has string keys only")
}

impl State {
    /// The state that a store holds, at a new start; records of other kinds are ignored.
    pub fn restore(records: &Records) -> Self {
        let mut state = Self::default();
        for (key, value) in records {
            let number = || serde_json::from_slice(value).unwrap_or_default();
            match key.split_once('/') {
                Some(("meta", "serial")) => state.serial = number(),
                Some(("meta", "starts")) => state.starts = number(),
                Some((kind, key)) => state.tables.restore(kind, key, value),
                None => {}
            }
        }
        state.starts += 1;
        let starts = json(&state.starts);
        state
            .changes
            .push(Change::Put("meta/starts".to_owned(), starts));
        state
    }

    /// How often the enabler was started again.
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// The next serial number; none is ever given twice, restarts included.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.changes
            .push(Change::Put("meta/serial".to_owned(), json(&self.serial)));
        self.serial
    }

    /// A new id with this prefix.
    pub fn next_id(&mut self, prefix: &str) -> String {
        // Padded, so that the order of the keys is the order of creation.
        format!("{prefix}{:06}", self.next_serial())
    }

    /// Whether there was ever a record with an id of this prefix and number.
    pub fn existed(&self, prefix: &str, id: &str) -> bool {
        id.strip_prefix(prefix)
            .and_then(|serial| serial.parse().ok())
            .is_some_and(|serial: u64| serial > 0 && serial <= self.serial)
    }

    /// Writes a record.
    pub fn put<R: Record>(&mut self, key: &str, record: R) {
        let change = Change::Put(format!("{}/{key}", R::KIND), json(&record));
        self.changes.push(change);
        R::table_mut(&mut self.tables).insert(key.to_owned(), record);
    }

    /// Removes a record.
    pub fn remove<R: Record>(&mut self, key: &str) {
        if R::table_mut(&mut self.tables).remove(key).is_some() {
            let change = Change::Delete(format!("{}/{key}", R::KIND));
            self.changes.push(change);
        }
    }

    /// The record with this key.
    pub fn get<R: Record>(&self, key: &str) -> Option<&R> {
        R::table(&self.tables).get(key)
    }

    /// All records of a kind, oldest first where the key is an id.
    pub fn all<R: Record + 'static>(&self) -> impl Iterator<Item = (&String, &R)> {
        R::table(&self.tables).iter()
    }

    /// Writes a side.
    pub fn put_side(&mut self, side: Side) {
        self.put(&side.id.clone(), side);
    }

    /// The side with this id.
    pub fn side(&self, id: &str) -> Option<&Side> {
        self.get(id)
    }

    /// All sides, oldest first.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        self.all().map(|(_, side)| side)
    }

    /// All sides of a device, oldest first.
    pub fn sides_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a Side> {
        self.sides().filter(move |side| side.owner == owner)
    }

    /// Lets `outlives` say of each kind of record that was changed since the last call whether the
    /// change reaches the store.
    pub fn note(&mut self, outlives: impl Fn(&str) -> bool) {
        let fresh = self.changes.split_off(self.noted);
        self.changes.extend(fresh.into_iter().filter(|change| {
            let (Change::Delete(key) | Change::Put(key, _)) = change;
            outlives(key.split('/').next().unwrap_or_default())
        }));
        self.noted = self.changes.len();
    }

    /// What was changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.noted = 0;
        std::mem::take(&mut self.changes)
    }
}
