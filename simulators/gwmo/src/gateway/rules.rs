//! What a gateway decides.

use std::sync::Arc;

use twinproof_dm::client::rules::decide as client;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::store::rules::decide as store;
use twinproof_dm::store::rules::{AclFacts, Listed, NodeFacts};
use twinproof_dm::syncml::{Alert, Message, StatusCode};
use twinproof_dm::tree::acl::Right;
use twinproof_dm::upper::Act;
use twinproof_kernel::http::Scrutiny;

use super::{Mode, Protocol};
use crate::aggregate::Entry;

/// What is known when a device has shown who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// It has a record.
    pub recorded: bool,
    /// The record says that it is attached.
    pub attached: bool,
    /// Servers want to be told of new devices.
    pub reports: bool,
}

/// What becomes of the record of a device that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It says so.
    Detached,
    /// There is none any more.
    Erased,
    /// It stays as it was.
    Kept,
}

/// What a notification is judged by that names a device in the header of its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// The device is one of the gateway's.
    pub known: bool,
    /// It can be reached.
    pub attached: bool,
    /// The gateway has an account of the server that it names.
    pub server: bool,
    /// Its digest is right for that account.
    pub signed: bool,
}

/// What makes a device a target of a fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aimed {
    /// The fan-out names it, or its group has it.
    pub named: bool,
    /// It is one of the gateway's.
    pub known: bool,
    /// It was aimed at before in the same fan-out.
    pub already: bool,
}

/// What is known when a server wants an image to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The gateway is set to keep images.
    pub keeps: bool,
    /// It has what is at that place.
    pub held: bool,
}

/// What a gateway does with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetching {
    /// It fetches it.
    Fetch,
    /// It takes what it has.
    Hold,
    /// It does nothing.
    Refuse,
}

/// Who is above a gateway, as its account has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Above {
    /// The server's identifier.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What the gateway is called there.
    pub name: String,
    /// What one of the two shows the other.
    pub secret: String,
}

/// A notification that a server has put into the gateway for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOn {
    /// The device is one of the gateway's.
    pub known: bool,
    /// It comes from the server whose account the gateway has, with a digest that is right by that.
    pub signed: bool,
    /// It can be reached.
    pub attached: bool,
}

/// How many devices, and how many of them failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub total: usize,
    /// Those that did not do all.
    pub failed: usize,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Who made it.
    pub maker: Option<String>,
    /// Its model.
    pub model: Option<String>,
}

/// How many devices there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Those that have a record.
    pub total: usize,
    /// Those of them that are attached.
    pub attached: usize,
}

/// A device without an account, where a server has the gateway bring it one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bringing {
    /// The server has named it.
    pub named: bool,
}

/// Whose account a device is brought: each by the identifier of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handing {
    /// The one that is wanted.
    pub wanted: String,
    /// The gateway itself, as its devices know it.
    pub own: String,
    /// The server above.
    pub above: String,
}

/// For whom a device is woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woken {
    /// The server, by the identifier of its account.
    pub server: String,
    /// The device knows it.
    pub knows: bool,
}

/// A right that a server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The lists grant it.
    pub listed: bool,
    /// It is one to change something.
    pub changes: bool,
    /// It is one to start something.
    pub starts: bool,
}

/// What became of something that a device of another protocol was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It is done.
    Done,
    /// The device has no such thing.
    Unknown,
    /// The device may not.
    Forbidden,
    /// The device says that it failed.
    Broken,
    /// The device says nothing.
    Silent,
    /// Nothing at the device is that node.
    Unmapped,
    /// The device's protocol has no such command.
    Untranslatable,
}

/// A device of another protocol that says that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// It is one that may come.
    pub known: bool,
    /// It shows that it is that.
    pub proven: bool,
}

/// Something that came from a device of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// It can be read.
    pub readable: bool,
    /// How much could not that came before.
    pub garbage: usize,
}

twinproof_kernel::rules! {
    /// The decisions of a gateway.
    pub mod decide {
        use super::About;
        use super::Above;
        use super::Act;
        use super::Aimed;
        use super::Alert;
        use super::Arrival;
        use super::Bringing;
        use super::Entry;
        use super::Fetching;
        use super::Foreign;
        use super::Granted;
        use super::HandedOn;
        use super::Handing;
        use super::Heard;
        use super::Leaving;
        use super::Mode;
        use super::Newcomer;
        use super::Message;
        use super::ProofFacts;
        use super::Protocol;
        use super::Relayed;
        use super::Scrutiny;
        use super::StatusCode;
        use super::Stock;
        use super::Tally;
        use super::TriggerFacts;
        use super::Triggered;
        use super::Wanted;
        use super::Woken;

        /// What a device is told of what it shows of itself.
        fn believes(&self, facts: ProofFacts) -> StatusCode {
            facts.verdict()
        }

        /// What a server is told of what it shows of itself.
        fn trusts(&self, facts: ProofFacts) -> StatusCode {
            facts.verdict()
        }

        /// Whether a device is managed, which may have come from another gateway.
        fn manages(&self, moved: bool) -> bool {
            true
        }

        /// Whether a device that is to be told something is woken.
        fn wakes(&self, attached: bool) -> bool {
            attached
        }

        /// Whether a setting holds again after a restart.
        fn restores(&self, written: bool) -> bool {
            written
        }

        /// Whether a device gets a record.
        fn records(&self, facts: Arrival) -> bool {
            !facts.recorded
        }

        /// Whether servers are told that a device is there: new is what has no record yet.
        fn reports(&self, facts: Arrival) -> bool {
            facts.reports && !facts.recorded
        }

        /// Whether servers are told that a device is there that has shown this of itself: the right thing, or another.
        fn hails(&self, shown: bool) -> bool {
            shown
        }

        /// Whether servers are told, once announcements are on, who came while they were off.
        fn catches_up(&self, missed: usize) -> bool {
            false
        }

        /// What becomes of the record of a device that cannot be reached any more.
        fn leaves(&self, attached: bool) -> Leaving {
            match attached {
                true => Leaving::Detached,
                false => Leaving::Kept,
            }
        }

        /// Whether a notification goes on to the device that it names.
        fn relays(&self, facts: Relayed) -> bool {
            facts.known && facts.attached && facts.server && facts.signed
        }

        /// Which device a notification goes on to that names one, beside others that there are.
        fn forwards(&self, named: String, others: Vec<String>) -> String {
            named
        }

        /// Whether what a server has put in for a device goes on to it.
        fn hands_on(&self, facts: HandedOn) -> bool {
            facts.known && facts.attached
        }

        /// Whether what a server has put in for a device is said to have reached it.
        fn confirms(&self, taken: bool) -> bool {
            taken
        }

        /// Where a device is that has sessions with its servers, from where it takes notifications.
        fn locates(&self, place: String) -> String {
            place
        }

        /// What is relayed.
        fn carries(&self, body: Vec<u8>) -> Vec<u8> {
            body
        }

        /// Whether a fan-out reaches a device.
        fn aims(&self, facts: Aimed) -> bool {
            facts.named && facts.known && !facts.already
        }

        /// Whether a fan-out begins that is under way already, or is not.
        fn begins(&self, running: bool) -> bool {
            !running
        }

        /// Whether a group has its members still that is there no more.
        fn outlives(&self, there: bool) -> bool {
            there
        }

        /// Whether what a fan-out wants waits for a device, until that comes by itself.
        fn lingers(&self, aimed: bool) -> bool {
            aimed
        }

        /// What each device is told.
        fn tells(&self, acts: Vec<Act>) -> Vec<Act> {
            acts
        }

        /// What becomes of a notification for the gateway itself.
        fn triggered(&self, facts: TriggerFacts) -> Triggered {
            super::client::Rules::triggered(&super::client::Standard, facts)
        }

        /// What is looked at of the certificate of a server, over TLS.
        fn examines(&self, certificate: Scrutiny) -> Scrutiny {
            certificate
        }

        /// Where a server is spoken to, from where its account says that it is.
        fn reaches(&self, url: String) -> String {
            url
        }

        /// Whether a value may be read, from whether its node is there to be read.
        fn discloses(&self, readable: bool) -> bool {
            readable
        }

        /// Whether the gateway shows its server once more who it is before it tells so many devices something: the
        /// session in which it was told to is enough.
        fn shows_again(&self, devices: usize) -> bool {
            false
        }

        /// What a server is said in a session.
        fn introduces(&self, message: Message) -> Message {
            message
        }

        /// What a device is said in a session: the gateway's own words, whoever is above it.
        fn words(&self, message: Message, above: Arc<Above>) -> Message {
            message
        }

        /// The code for a device that cannot be reached, or did not answer in time.
        fn silent(&self, reached: bool) -> u16 {
            match reached {
                true => 504,
                false => 503,
            }
        }

        /// The code of a device, from those of its commands: the first that is no success.
        fn sums_up(&self, codes: Vec<u16>) -> u16 {
            codes.into_iter().find(|code| !(200..300).contains(code)).unwrap_or(200)
        }

        /// Whether something that a device was not told yet is taken back when a fan-out ends: what is the
        /// fan-out's own, and nothing else.
        fn takes_back(&self, own: bool) -> bool {
            own
        }

        /// The entries of a report, from those that there are.
        fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
            entries
        }

        /// The code of a whole fan-out.
        fn overall(&self, tally: Tally) -> u16 {
            match tally.failed {
                0 => 200,
                _ => 500,
            }
        }

        /// What servers are told of a fan-out that has ended, in which order.
        fn concludes(&self, alerts: Vec<Alert>) -> Vec<Alert> {
            alerts
        }

        /// How many of the alerts that wait for a server go into its next session.
        fn joins(&self, waiting: usize) -> usize {
            waiting
        }

        /// How the type of an alert is written.
        fn spells(&self, kind: String) -> String {
            kind
        }

        /// What the record of a device is called: the `number`th that there ever was.
        fn labels(&self, number: usize, device: String) -> String {
            format!("R{number}")
        }

        /// What a report says that it is about.
        fn quotes(&self, correlator: Option<String>) -> Option<String> {
            correlator
        }

        /// What a device's record says of it, from what it says itself.
        fn describes(&self, about: About) -> About {
            about
        }

        /// The summary of the inventory, from how many devices there are.
        fn counts(&self, stock: Stock) -> Stock {
            stock
        }

        /// The server that a device is told about when it is woken: whom it does not know is none of its business.
        fn names(&self, facts: Woken) -> Option<String> {
            facts.knows.then_some(facts.server)
        }

        /// Whether a server may do something with a node.
        fn grants(&self, facts: Granted) -> bool {
            facts.listed
        }

        /// How the gateway works for a device that calls for this mode.
        fn works(&self, suited: Mode) -> Mode {
            suited
        }

        /// The mode in a device's record, from the one in which the gateway works for it.
        fn shows(&self, mode: Mode) -> Mode {
            mode
        }

        /// The protocol in a device's record, from the one that it speaks; none if that is DM.
        fn lists(&self, protocol: Option<Protocol>) -> Option<Protocol> {
            protocol
        }

        /// Whether the gateway speaks a protocol.
        fn speaks(&self, protocol: Protocol) -> bool {
            matches!(protocol, Protocol::Lines | Protocol::Lwm2m)
        }

        /// Whether a device of another protocol is let in.
        fn admits(&self, facts: Newcomer) -> bool {
            facts.known && facts.proven
        }

        /// Whether the gateway looks at what came from a device of another protocol.
        fn listens(&self, facts: Heard) -> bool {
            facts.readable
        }

        /// The value that a device of another protocol gets.
        fn writes(&self, value: String) -> String {
            value
        }

        /// The code for what became of something at a device of another protocol.
        fn translates(&self, said: Foreign) -> u16 {
            match said {
                Foreign::Done => 200,
                Foreign::Unknown | Foreign::Unmapped => 404,
                Foreign::Forbidden => 405,
                Foreign::Untranslatable => 406,
                Foreign::Broken => 500,
                Foreign::Silent => 504,
            }
        }

        /// What becomes of an image that a server wants the gateway to have.
        fn fetches(&self, facts: Wanted) -> Fetching {
            match facts {
                Wanted { keeps: false, .. } => Fetching::Refuse,
                Wanted { held: true, .. } => Fetching::Hold,
                _ => Fetching::Fetch,
            }
        }

        /// Whether a device without an account is brought one.
        fn brings(&self, facts: Bringing) -> bool {
            facts.named
        }

        /// Whose account a device is brought, by the identifier of the server.
        fn hands(&self, facts: Handing) -> String {
            facts.wanted
        }

        /// The key by which a bootstrap is protected, from the one that its device has; none if it is not.
        fn protects(&self, key: Vec<u8>) -> Option<Vec<u8>> {
            Some(key)
        }

        /// Whether a device is known from when its account was brought: it is once it has shown who it is.
        fn welcomes(&self, shown: bool) -> bool {
            shown
        }

        /// What devices get of an image.
        fn serves(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }
    }
}

/// The tree decides about rights as the gateway does.
pub struct Lists(pub std::sync::Arc<dyn decide::Rules>);

impl twinproof_dm::store::rules::decide::Rules for Lists {
    fn grants(&self, facts: AclFacts<'_>) -> bool {
        let changes = facts.right != Right::Get;
        let starts = facts.right == Right::Exec;
        let listed = store::Rules::grants(&store::Standard, facts);
        self.0.grants(Granted {
            listed,
            changes,
            starts,
        })
    }

    fn get(&self, facts: NodeFacts) -> StatusCode {
        let access = self.0.discloses(facts.access);
        store::Rules::get(&store::Standard, NodeFacts { access, ..facts })
    }

    fn listed(&self, right: bool, access: bool) -> Listed {
        store::Rules::listed(&store::Standard, right, self.0.discloses(access))
    }
}

/// The northern side says what the gateway says.
pub struct Sessions(pub Arc<dyn decide::Rules>);

impl client::Rules for Sessions {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        self.0.trusts(facts)
    }

    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        self.0.triggered(facts)
    }

    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        self.0.examines(certificate)
    }

    fn says(&self, message: Message) -> Message {
        self.0.introduces(message)
    }
}

/// The southern side decides as the gateway does.
pub(super) struct Below {
    pub(super) rules: Arc<dyn decide::Rules>,
    pub(super) above: Arc<Above>,
}

impl twinproof_dm::server::rules::decide::Rules for Below {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        self.rules.believes(facts)
    }

    fn says(&self, message: Message) -> Message {
        self.rules.words(message, Arc::clone(&self.above))
    }
}
