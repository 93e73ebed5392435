//! A client that is bootstrapped: the tester plays whoever brings it an account, and the server of that account.

use std::collections::BTreeMap;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::bootstrap::library::{Library, Order, Page};
use twinproof_dm::bootstrap::{Made, make};
use twinproof_dm::client::Card;
use twinproof_dm::provisioning::Account;
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile, Protection, mac};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::upper::{Act, Operation, Put};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::bootstrapped::{Basis, Check as Bootstrapped, Fetch};
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile::{DmAccount, DmBootstrapped};
use twinproof_stage::{Deed, Halted, Handle};

use super::{ends, interior, put};
use crate::target::BOOTSTRAP_SERVER;
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

/// The PIN that the user is told, and one that nobody was told.
const PIN: &str = "4711802";
const WRONG_PINS: [&str; 3] = ["1000001", "1000002", "1000003"];

/// More than a card of 32 KB has room for.
const MUCH: usize = 40 << 10;

/// What stands below the node with the addresses of bootstrap servers.
const ENTRY: &str = "Twinproof";

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
        self.freshen().await?;
        let client = self.dm_client()?;
        let base = self.stage.listen(who.name()).await?;
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

    /// Where the tester's bootstrap server is, which enters when it is first spoken of.
    async fn library(&mut self) -> Result<(String, Handle<Library>), Halted> {
        self.freshen().await?;
        if let Some(library) = &self.dm.newcomers.library {
            return Ok(library.clone());
        }
        let base = self.stage.listen(BOOTSTRAP_SERVER).await?;
        let role = Library::default();
        let handle = self.stage.enter(BOOTSTRAP_SERVER, role, Arc::new(()));
        let library = (base, handle);
        Ok(self.dm.newcomers.library.insert(library).clone())
    }

    /// Puts a document where a client can fetch it; the URL.
    async fn puts(&mut self, status: u16, made: Option<(Made, String)>) -> Result<String, Halted> {
        let (base, library) = self.library().await?;
        let number = self.dm.newcomers.fetches.len() + 1;
        let path = format!("/bootstrap/{number}");
        let (octets, content_type) = match made {
            Some((made, content_type)) => (made.octets, content_type),
            None => (Vec::new(), "text/plain".to_owned()),
        };
        let digest = mac(b"tag", &octets);
        let digits = digest[..8].iter().map(|octet| format!("{octet:02x}"));
        let tag = format!("\"{}\"", digits.collect::<String>());
        self.dm.newcomers.tag.clone_from(&tag);
        let page = Page {
            status,
            content_type,
            octets,
            tag: Some(tag),
        };
        let order = Order {
            path: path.clone(),
            page,
        };
        self.stage.act(&library, order).await?;
        self.dm.newcomers.fetches.push(Fetch {
            party: BOOTSTRAP_SERVER.to_owned(),
            path: path.clone(),
            after: self.stage.recorded(),
        });
        Ok(format!("{base}{path}"))
    }

    /// An address at which nothing but that somebody asks is of interest.
    async fn library_address(&mut self) -> Result<String, Halted> {
        self.puts(404, None).await
    }

    /// Waits until what was put there last is asked for.
    async fn is_fetched(&mut self) -> Result<(), Halted> {
        let (_, library) = self.library().await?;
        let last = self.dm.newcomers.fetches.last();
        let path = last.map(|fetch| fetch.path.clone()).unwrap_or_default();
        let patience = self.dm_client()?.patience.duration();
        let asked = move |library: &Library| library.asked().contains(&path);
        let what = "the bootstrap is asked for";
        self.stage.wait_for(&library, what, patience, asked).await;
        // The answer is on its way when the question is known.
        self.settles().await;
        Ok(())
    }

    async fn settles(&mut self) {
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
    }

    /// Lets the client fetch the account of a server, until it comes there.
    async fn lets_fetch(&mut self, who: Who, status: u16) -> Result<(), Halted> {
        let kind = self.kind()?;
        let made = self.made(who, kind, &[])?;
        for form in self.forms(&Guard::NetworkId, kind)? {
            let key = self.key_of(&Guard::NetworkId, kind, form)?;
            let content_type = made.protected(Method::NetworkId, &key);
            let url = self
                .puts(status, Some((made.clone(), content_type)))
                .await?;
            self.stage.bootstrap_dm(Deed::Fetch(url)).await?;
            self.is_fetched().await?;
            match status {
                200 if self.comes(who).await? => break,
                _ => self.settles().await,
            }
        }
        Ok(())
    }

    /// Pushes the address of a bootstrap server, with what `spoil` makes of what protects it.
    async fn pushes_address(
        &mut self,
        url: &str,
        spoil: impl Fn(Protection) -> Option<Protection>,
    ) -> Result<(), Halted> {
        let own = self.bootstrapped()?;
        for form in self.forms(&Guard::NetworkId, Profile::Message)? {
            let key = self.key_of(&Guard::NetworkId, Profile::Message, form)?;
            let protection = spoil(Protection::new(Method::NetworkId, &key, url.as_bytes()));
            let name = &own.names.address_type;
            let content_type = match protection {
                Some(protection) => format!("{name}; {protection}"),
                None => name.clone(),
            };
            self.carry(&content_type, url.as_bytes().to_vec()).await?;
        }
        Ok(())
    }

    /// Has the client's own server set a switch of the object.
    async fn switches(&mut self, leaf: &str, on: bool) -> Result<(), Halted> {
        let own = self.bootstrapped()?;
        let act = Act::Replace(Put {
            format: Some("bool".to_owned()),
            ..put(
                format!("{}/{leaf}", own.names.object),
                if on { "true" } else { "false" },
            )
        });
        self.sets_up(0, vec![act]).await
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

    /// The last thing that the client was to fetch.
    fn last_fetch(&mut self) -> Result<Fetch, Halted> {
        match self.dm.newcomers.fetches.last().cloned() {
            Some(fetch) => Ok(fetch),
            None => Err(self.inconclusive("there is nothing to fetch")),
        }
    }

    fn check_fetched(&mut self, basis: Basis) -> Result<(), Halted> {
        let fetch = self.last_fetch()?;
        self.check_dm_bootstrapped(Bootstrapped::Fetched { fetch, basis });
        Ok(())
    }

    fn check_not_fetched(&mut self, basis: Basis) -> Result<(), Halted> {
        let other = self.last_fetch()?;
        let Some(fetch) = self.dm.newcomers.fetches.first().cloned() else {
            return Err(self.inconclusive("there is nothing that is not to be fetched"));
        };
        self.check_dm_bootstrapped(Bootstrapped::NotFetched {
            fetch,
            other,
            basis,
        });
        Ok(())
    }
}

/// With another first octet of the MAC.
fn spoiled(content_type: &str) -> String {
    let Some((before, digits)) = content_type.split_once("MAC=") else {
        return content_type.to_owned();
    };
    let first = if digits.starts_with('0') { "1" } else { "0" };
    format!("{before}MAC={first}{}", digits.get(1..).unwrap_or_default())
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

async fn guarded(world: &mut World, guard: Guard) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    scene.gives(Who::New, made, guard).await
}

#[when("its account is pushed to the client, protected by the identity of the subscriber")]
async fn by_identity(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::NetworkId).await
}

#[when("its account is pushed to the client, protected by a PIN that the user enters")]
async fn by_pin(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::Pin).await
}

#[when(
    "its account is pushed to the client, protected by a PIN and the identity of the subscriber"
)]
async fn by_both(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::PinAndNetworkId).await
}

#[when(
    "its account is pushed to the client, protected by the secret that it shares with its network"
)]
async fn by_secret(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::Secret).await
}

#[when("its account is pushed to the client in a message of DM")]
async fn in_message(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let made = scene.made(Who::New, Profile::Message, &[])?;
    scene.gives(Who::New, made, Guard::NetworkId).await
}

#[when("its account is pushed to the client, which demands a session")]
async fn demanding(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let own = scene.bootstrapped()?;
    let demand = [(own.names.connect, "true".to_owned())];
    let made = scene.made(Who::New, Profile::Message, &demand)?;
    for form in scene.forms(&Guard::NetworkId, made.profile)? {
        let key = scene.key_of(&Guard::NetworkId, made.profile, form)?;
        let content_type = made.protected(Method::NetworkId, &key);
        scene.carry(&content_type, made.octets.clone()).await?;
        if scene.waits(Who::New).await? {
            break;
        }
    }
    Ok(())
}

/// Pushes an account of the first server as nobody may believe it, and then one of the other.
async fn spoilt(world: &mut World, spoil: impl Fn(&Made, &[u8]) -> String) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    for form in scene.forms(&Guard::NetworkId, kind)? {
        let key = scene.key_of(&Guard::NetworkId, kind, form)?;
        let content_type = spoil(&made, &key);
        scene.carry(&content_type, made.octets.clone()).await?;
    }
    scene.then_the_other().await
}

#[when(
    "an account of the one is pushed to the client with a wrong MAC, and then one of the other as it has to be"
)]
async fn wrong_mac(world: &mut World) -> Result<(), Halted> {
    spoilt(world, |made, key| {
        spoiled(&made.protected(Method::NetworkId, key))
    })
    .await
}

#[when(
    "an account of the one is pushed to the client with the MAC of another, and then one of the other as it has to be"
)]
async fn mac_of_another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let other = scene.made(Who::Other, kind, &[])?;
    spoilt(world, move |_, key| other.protected(Method::NetworkId, key)).await
}

#[when(
    "an account of the one is pushed to the client without a MAC, and then one of the other as it has to be"
)]
async fn no_mac(world: &mut World) -> Result<(), Halted> {
    spoilt(world, |made, _| made.media_type().to_owned()).await
}

#[when(
    "an account of the one is pushed to the client and three wrong PINs are entered, and then one of the other comes as it has to be"
)]
async fn wrong_pins(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    let key = scene.key_of(&Guard::Pin, kind, KeyForm::Digits)?;
    let content_type = made.protected(Method::UserPin, &key);
    scene.carry(&content_type, made.octets).await?;
    // How often a client asks is its own business.
    for pin in WRONG_PINS {
        scene.stage.bootstrap_dm(Deed::Pin(pin.to_owned())).await?;
    }
    scene.then_the_other().await
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

#[when("the client fetches the account from the bootstrap server")]
async fn fetches(world: &mut World) -> Result<(), Halted> {
    world.scene().lets_fetch(Who::New, 200).await
}

#[when("the client fetches it again, which has not changed")]
async fn fetches_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (base, library) = scene.library().await?;
    let before = scene.last_fetch()?;
    let url = format!("{base}{}", before.path);
    let after = scene.stage.recorded();
    let again = Fetch { after, ..before };
    scene.dm.newcomers.fetches.push(again);
    let count = |library: &Library| library.asked().len();
    let asked = scene.stage.look(&library, count);
    scene.stage.bootstrap_dm(Deed::Fetch(url)).await?;
    let patience = scene.dm_client()?.patience.duration();
    let what = "the bootstrap is asked for again";
    let came = move |library: &Library| count(library) > asked;
    scene.stage.wait_for(&library, what, patience, came).await;
    // What the client has must be as good as before.
    let after = scene.stage.recorded();
    if let Some(newcomer) = scene.dm.newcomers.servers.get_mut(&Who::New) {
        newcomer.after = after;
    }
    let newcomer = scene.of(Who::New)?;
    scene.stage.nudge_dm(&newcomer.account.server_id).await?;
    let what = "another session with the server of the account has ended";
    let ended = |server: &Server| ends(server) > 1;
    let server = &newcomer.server;
    scene.stage.wait_for(server, what, patience, ended).await;
    Ok(())
}

#[when(
    "the client fetches an account of the one, which comes with an error, and then one of the other"
)]
async fn fetches_error(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.lets_fetch(Who::New, 500).await?;
    scene.lures(Who::New).await?;
    scene.lets_fetch(Who::Other, 200).await
}

#[given("a client whose server has inhibited discovery")]
async fn discovery_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.freshen().await?;
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, false).await
}

#[given("a client whose server has inhibited discovery, and then allowed it")]
async fn discovery_on(world: &mut World) -> Result<(), Halted> {
    discovery_off(world).await?;
    let scene = world.scene();
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, true).await
}

#[when("a bootstrap server is announced where the client looks for one")]
async fn announced(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.stage.bootstrap_dm(Deed::Announce(url)).await?;
    scene.is_fetched().await
}

#[when("a bootstrap server is announced, and another one after discovery was allowed")]
async fn announced_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.stage.bootstrap_dm(Deed::Announce(url)).await?;
    scene.settles().await;
    let leaf = scene.bootstrapped()?.names.discovery;
    scene.switches(&leaf, true).await?;
    announced(world).await
}

#[given("a client whose server has inhibited pushed addresses")]
async fn push_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.freshen().await?;
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, false).await
}

#[given("a client whose server has inhibited pushed addresses, and then allowed them")]
async fn push_on(world: &mut World) -> Result<(), Halted> {
    push_off(world).await?;
    let scene = world.scene();
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, true).await
}

#[when("the address of a bootstrap server is pushed to the client")]
async fn address_pushed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, Some).await?;
    scene.is_fetched().await
}

#[when("an address is pushed to the client, and another one after pushing was allowed")]
async fn address_pushed_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, Some).await?;
    scene.settles().await;
    let leaf = scene.bootstrapped()?.names.push;
    scene.switches(&leaf, true).await?;
    address_pushed(world).await
}

#[when("an address with a wrong MAC is pushed to the client, and then another one as it has to be")]
async fn address_forged(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    let spoil = |protection: Protection| {
        let mut mac = protection.mac;
        mac[0] ^= 1;
        Some(Protection { mac, ..protection })
    };
    scene.pushes_address(&url, spoil).await?;
    scene.settles().await;
    address_pushed(world).await
}

#[when("an address without a MAC is pushed to the client, and then another one as it has to be")]
async fn address_unprotected(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    scene.pushes_address(&url, |_| None).await?;
    scene.settles().await;
    address_pushed(world).await
}

#[given("a client to which its server has given the address of a bootstrap server")]
async fn given_address(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.library_address().await?;
    let names = scene.bootstrapped()?.names;
    let entry = format!("{}/{}/{ENTRY}", names.object, names.servers);
    let leaf = format!("{entry}/{}", names.url);
    let acts = vec![interior(&entry), Act::Add(put(leaf, &url))];
    scene.sets_up(0, acts).await
}

#[given(
    "a client to which its server has given the address of a bootstrap server, and then another one in its place"
)]
async fn given_another_address(world: &mut World) -> Result<(), Halted> {
    given_address(world).await?;
    let scene = world.scene();
    let url = scene.library_address().await?;
    let names = scene.bootstrapped()?.names;
    let leaf = format!("{}/{}/{ENTRY}/{}", names.object, names.servers, names.url);
    scene.sets_up(0, vec![Act::Replace(put(leaf, &url))]).await
}

#[given("a client with a card that has the address of a bootstrap server")]
async fn card_with_address(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = Some(scene.library_address().await?);
    let card = Card {
        url,
        ..Card::default()
    };
    scene.stage.bootstrap_dm(Deed::Insert(card)).await
}

#[when("the client bootstraps itself")]
async fn calls(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.stage.bootstrap_dm(Deed::Call).await?;
    scene.is_fetched().await
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

#[then("the client names the document that it has")]
fn asks_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let fetch = scene.last_fetch()?;
    let tag = scene.dm.newcomers.tag.clone();
    scene.check_dm_bootstrapped(Bootstrapped::AskedAgain { fetch, tag });
    Ok(())
}

#[then("the client fetches its bootstrap there")]
fn fetched(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Text)
}

#[then("the client fetches its bootstrap there, as its server allows")]
fn fetched_as_allowed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Discovery)
}

#[then("the client fetches its bootstrap from the other one only")]
fn not_discovered(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Discovery)
}

#[then("the client fetches its bootstrap from the address that was pushed")]
fn followed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Address)
}

#[then("the client fetches its bootstrap from the good address only")]
fn not_followed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Address)
}

#[then("the client fetches its bootstrap from the address, as its server allows")]
fn followed_as_allowed(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Push)
}

#[then("the client follows the later address only")]
fn not_followed_as_inhibited(world: &mut World) -> Result<(), Halted> {
    world.scene().check_not_fetched(Basis::Push)
}

#[then("the client fetches its bootstrap from the address that it was given")]
fn fetched_from_object(world: &mut World) -> Result<(), Halted> {
    world.scene().check_fetched(Basis::Object)
}
