//! A client that is bootstrapped: the tester plays whoever brings it an account, and the server of that account.

mod certificates;
mod fetched;
mod pushed;

use std::collections::BTreeMap;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::bootstrap::library::Library;
use twinproof_dm::bootstrap::{Made, make};
use twinproof_dm::client::Card;
use twinproof_dm::provisioning::Account;
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::upper::{Act, Operation};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::bootstrapped::{Basis, Check as Bootstrapped, Fetch};
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile::{DmAccount, DmBootstrapped};
use twinproof_stage::{Deed, Halted, Handle};

use super::ends;
use crate::world::{Scene, World};

/// Which of the servers is meant that the client has no account of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Who {
    /// The one that is spoken of; of two the one whose account is refused.
    New,
    /// The other.
    Other,
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Self::New => "new server",
            Self::Other => "other new server",
        }
    }
}

/// Such a server.
#[derive(Clone)]
struct Newcomer {
    server: Handle<Server>,
    account: DmAccount,
    url: String,
    /// The last number before its account was to be brought.
    after: u64,
}

/// The servers that a client gets accounts of by bootstrap, and what brings them.
#[derive(Default)]
pub(in crate::steps::dm) struct Newcomers {
    servers: BTreeMap<Who, Newcomer>,
    library: Option<(String, Handle<Library>)>,
    /// What the client was to fetch, in order.
    fetches: Vec<Fetch>,
    /// What the client is not to believe of who it meets over TLS.
    doubt: Option<certificates::Doubt>,
    /// The entity tag of what was put there last.
    tag: String,
    /// Whether somebody could tell the client to come.
    told: bool,
    /// Whether what an earlier scenario left was taken away.
    is_fresh: bool,
}

/// What protects a document.
#[derive(Clone)]
enum Guard {
    NetworkId,
    Pin,
    PinAndNetworkId,
    Secret,
}

/// The PIN that the user is told.
const PIN: &str = "4711802";

/// More than a card of 32 KB has room for.
const MUCH: usize = 40 << 10;

impl Guard {
    const fn method(&self) -> Method {
        match self {
            Self::NetworkId | Self::Secret => Method::NetworkId,
            Self::Pin => Method::UserPin,
            Self::PinAndNetworkId => Method::UserPinNetworkId,
        }
    }
}

impl Scene {
    fn bootstrapped(&mut self) -> Result<DmBootstrapped, Halted> {
        match self.dm_client()?.bootstrap {
            Some(own) => Ok(*own),
            None => {
                let why = "the profile has no [dm.client.bootstrap] section, which says how the client \
                           is bootstrapped";
                Err(self.inconclusive(why))
            }
        }
    }

    /// The kind of document that the client takes.
    fn kind(&mut self) -> Result<Profile, Halted> {
        let own = self.bootstrapped()?;
        match (own.provisioning, own.message) {
            (true, _) => Ok(Profile::ClientProvisioning),
            (false, true) => Ok(Profile::Message),
            (false, false) => {
                let why = "the client takes no kind of bootstrap: dm.client.bootstrap.provisioning and \
                           dm.client.bootstrap.message are false";
                Err(self.inconclusive(why))
            }
        }
    }

    /// Takes away what an earlier scenario left at a client that stays.
    async fn freshen(&mut self) -> Result<(), Halted> {
        self.bootstrapped()?;
        if !self.dm.newcomers.is_fresh {
            self.dm.newcomers.is_fresh = true;
            self.stage.bootstrap_dm(Deed::Reset).await?;
        }
        Ok(())
    }

    /// Lets a server enter that the client has no account of.
    async fn newcomer(&mut self, who: Who) -> Result<(), Halted> {
        let base = self.stage.listen(who.name()).await?;
        self.newcomer_at(who, &base).await
    }

    /// The same at a place that was made for it.
    async fn newcomer_at(&mut self, who: Who, base: &str) -> Result<(), Halted> {
        self.freshen().await?;
        let client = self.dm_client()?;
        let url = format!("{base}/dm");
        // A client may keep what it was given before: no server is ever the same.
        let seed = self.stage.fresh(self.seed.derive(who.name()));
        let mut rng = seed.rng();
        let mut drawn = || format!("{:012x}", rng.u64(..) >> 16);
        let account = DmAccount {
            device: client.account.device.clone(),
            server_id: format!("com.twinproof.s{}", drawn()),
            scheme: client.account.scheme,
            name: format!("device-{}", drawn()),
            password: Some(drawn()),
            server_name: None,
            server_password: Some(drawn()),
        };
        for secret in [&account.password, &account.server_password] {
            let hidden = self.stage.recorder().secrets();
            hidden.learn("password", secret.as_deref().unwrap_or_default());
        }
        let enrolment = Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        };
        let role = Server::new(&account.server_id, &url, seed, vec![enrolment]);
        let shared = Arc::new(server::Shared::default());
        let server = self.stage.enter(who.name(), role, shared);
        let act = Act::Get { uri: client.leaf };
        let device = account.device.clone();
        self.stage
            .act(&server, Operation::Plan { device, act })
            .await?;
        let newcomer = Newcomer {
            server,
            account,
            url,
            after: self.stage.recorded(),
        };
        self.dm.newcomers.servers.insert(who, newcomer);
        Ok(())
    }

    fn of(&mut self, who: Who) -> Result<Newcomer, Halted> {
        match self.dm.newcomers.servers.get(&who).cloned() {
            Some(newcomer) => Ok(newcomer),
            None => Err(self.inconclusive("there is no such server")),
        }
    }

    /// A document with the account of a server.
    fn made(
        &mut self,
        who: Who,
        kind: Profile,
        extra: &[(String, String)],
    ) -> Result<Made, Halted> {
        let newcomer = self.of(who)?;
        let account: Account = newcomer.account.at(&newcomer.url);
        let made = make(kind, (&newcomer.account.device, &account), extra);
        made.map_err(|error| self.inconclusive(error.to_string()))
    }

    /// The key for a document of this kind.
    fn key_of(&mut self, guard: &Guard, kind: Profile, form: KeyForm) -> Result<Vec<u8>, Halted> {
        let own = self.bootstrapped()?;
        let id = match guard {
            Guard::NetworkId | Guard::PinAndNetworkId => own.network_id(),
            Guard::Secret => own.shared_secret(),
            Guard::Pin => Ok(String::new()),
        };
        let id = id.map_err(|why| self.inconclusive(why))?;
        Ok(guard.method().key(kind, &id, PIN, form))
    }

    /// The ways of writing the key that are tried, one after the other.
    fn forms(&mut self, guard: &Guard, kind: Profile) -> Result<Vec<KeyForm>, Halted> {
        Ok(match guard {
            Guard::NetworkId | Guard::PinAndNetworkId => self.bootstrapped()?.forms(kind),
            Guard::Pin | Guard::Secret => vec![KeyForm::Digits],
        })
    }

    /// Pushes the account of a server to the client as it has to be, until the client comes.
    async fn gives(&mut self, who: Who, made: Made, guard: Guard) -> Result<(), Halted> {
        for form in self.forms(&guard, made.profile)? {
            let key = self.key_of(&guard, made.profile, form)?;
            let content_type = made.protected(guard.method(), &key);
            self.carry(&content_type, made.octets.clone()).await?;
            if matches!(guard, Guard::Pin | Guard::PinAndNetworkId) {
                self.stage.bootstrap_dm(Deed::Pin(PIN.to_owned())).await?;
            }
            if self.comes(who).await? {
                break;
            }
        }
        Ok(())
    }

    /// Tells the client to come to a server, and waits; says whether it came.
    async fn comes(&mut self, who: Who) -> Result<bool, Halted> {
        let newcomer = self.of(who)?;
        self.dm.newcomers.told = self.stage.starts_dm();
        self.stage.nudge_dm(&newcomer.account.server_id).await?;
        self.waits(who).await
    }

    async fn waits(&mut self, who: Who) -> Result<bool, Halted> {
        let newcomer = self.of(who)?;
        let patience = self.dm_client()?.patience.duration();
        let what = "a session with the server of the account has ended";
        let ended = |server: &Server| ends(server) > 0;
        Ok(self
            .stage
            .wait_for(&newcomer.server, what, patience, ended)
            .await)
    }

    /// Tells the client to come to a server that it is not to know, and leaves it time.
    async fn lures(&mut self, who: Who) -> Result<(), Halted> {
        let newcomer = self.of(who)?;
        self.stage.nudge_dm(&newcomer.account.server_id).await?;
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
        Ok(())
    }

    /// The account of the other server, as it has to be.
    async fn then_the_other(&mut self) -> Result<(), Halted> {
        self.lures(Who::New).await?;
        let kind = self.kind()?;
        let made = self.made(Who::Other, kind, &[])?;
        self.gives(Who::Other, made, Guard::NetworkId).await
    }

    /// Puts a card with the account of a server into the client.
    async fn inserts(&mut self, who: Who, extra: &[(String, String)]) -> Result<(), Halted> {
        let kind = self.kind()?;
        let made = self.made(who, kind, extra)?;
        let card = Card {
            content_type: made.media_type().to_owned(),
            document: made.octets,
            url: None,
        };
        self.stage.bootstrap_dm(Deed::Insert(card)).await
    }

    fn said_to(&mut self, who: Who) -> Result<Session, Halted> {
        let newcomer = self.of(who)?;
        Ok(Session {
            party: who.name().to_owned(),
            after: newcomer.after,
            upto: None,
        })
    }

    fn check_dm_bootstrapped(&mut self, check: Bootstrapped) {
        self.check(&Check::Dm(Dm::from(check)));
    }

    fn check_joined(&mut self, told: bool, basis: Basis) -> Result<(), Halted> {
        let session = self.said_to(Who::New)?;
        self.check_dm_bootstrapped(Bootstrapped::Joined {
            session,
            told,
            basis,
        });
        Ok(())
    }
}

#[given("a server that the client has no account of")]
async fn new_server(world: &mut World) -> Result<(), Halted> {
    world.scene().newcomer(Who::New).await
}

#[given("two servers that the client has no account of")]
async fn two_servers(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.newcomer(Who::New).await?;
    scene.newcomer(Who::Other).await
}

/// A client that has forgotten the server says so, which is for a check to judge.
#[when("the client is told to begin a session with the server that it had")]
async fn comes_back(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let server = scene.dm_client()?.account.server_id;
    scene.stage.nudge_dm(&server).await?;
    let what = "the session with the server that it had has ended";
    scene.dm_session_ends(what).await?;
    Ok(())
}

#[then("the client still comes to the server that it had")]
fn still_comes(world: &mut World) -> Result<(), Halted> {
    let told = world.scene().stage.starts_dm();
    world
        .scene()
        .check_dm_client(|session| Client::LivesOn { session, told })
}

#[when("a card is put into the client that has its account behind more than 32 KB")]
async fn large_card(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let much = ("TwinproofFiller".to_owned(), "x".repeat(MUCH));
    scene.inserts(Who::New, &[much]).await?;
    scene.comes(Who::New).await?;
    Ok(())
}

#[when(
    "a card with an account of the one is put into the client, and then a card with one of the other"
)]
async fn two_cards(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.inserts(Who::New, &[]).await?;
    if !scene.comes(Who::New).await? {
        let why = "the client did not take the account of the first card";
        return Err(scene.inconclusive(why));
    }
    scene.inserts(Who::Other, &[]).await?;
    // What came by the first card was right then.
    let after = scene.stage.recorded();
    if let Some(newcomer) = scene.dm.newcomers.servers.get_mut(&Who::New) {
        newcomer.after = after;
    }
    scene.lures(Who::New).await?;
    scene.comes(Who::Other).await?;
    Ok(())
}

#[then("the client comes to the server with what it was given")]
fn joins(world: &mut World) -> Result<(), Halted> {
    let told = world.scene().dm.newcomers.told;
    world.scene().check_joined(told, Basis::Text)
}

#[then("the client comes to the server by itself")]
fn joins_by_itself(world: &mut World) -> Result<(), Halted> {
    world.scene().check_joined(true, Basis::Connect)
}

#[then("the client comes to the other server only")]
fn refuses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.said_to(Who::New)?;
    let other = scene.said_to(Who::Other)?;
    scene.check_dm_bootstrapped(Bootstrapped::Refused { session, other });
    Ok(())
}
