//! The bootstrap server of a client that is judged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::{Code, ContentFormat};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::answer::Check as Answered;
use twinproof_judge::checks::lwm2m::bootstrapped::{Account, Check as Bootstrapped};
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_lwm2m::bootstrap;
use twinproof_lwm2m::bootstrap::tester::{Order, Tester};
use twinproof_lwm2m::device::Request;
use twinproof_lwm2m::server::tester::Reaction;
use twinproof_lwm2m::upper::{self, Reply};
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{self, Direction, Entry, Path, Value, Version};
use twinproof_stage::{Halted, Handle};

use super::super::manage::path;
use super::super::parties::PATIENCE;
use super::registering::refusing;
use crate::target::{BOOTSTRAP_SERVER, SERVERS, fresh_key};
use crate::world::{Scene, World};

/// How long a bootstrap may take in which nothing is heard (EXCHANGE_LIFETIME), and a grace.
const SILENCE: Duration = Duration::from_secs(247 + 3);

/// How long a client is watched after that.
const AFTERWARDS: Duration = Duration::from_secs(60 + 2);

/// How long a client is watched whose bootstrap came to nothing.
const WATCH: Duration = Duration::from_secs(4);

/// How long the end of a bootstrap is held back: who registers all the same does so from its main loop, which
/// may take its time.
const A_WHILE: Duration = Duration::from_secs(10);

/// Below an account in the Server object.
const SHORT_ID: u16 = 0;
const LIFETIME: u16 = 1;
const BOOTSTRAP_TRIGGER: u16 = 9;
/// How often registrations are tried again, and how long a client waits before it does (LwM2M 1.1).
const RETRIES: u16 = 17;
const PAUSE: u16 = 18;
/// A resource that nobody has defined.
const UNKNOWN: u16 = 30_999;

/// A life time that is written, s, and the one that is written after it.
const FIRST: i64 = 7_200;
const LAST: i64 = 10_800;

/// A content format that nobody has defined.
const NO_FORMAT: ContentFormat = ContentFormat(65_000);

/// The formats in which a client can be given several values.
const FORMATS: [ContentFormat; 3] = [
    ContentFormat::LWM2M_TLV,
    ContentFormat::SENML_JSON,
    ContentFormat::SENML_CBOR,
];

/// TLV that promises nine octets and has none.
const BROKEN: [u8; 3] = [0xc8, 0x00, 9];

/// The Short Server ID of the first account; that of the next is one more.
const FIRST_SSID: u16 = 101;

/// What is known of the bootstrap of a client.
#[derive(Default)]
pub(super) struct Given {
    server: Option<Handle<Tester>>,
    pub(super) place: Option<SocketAddr>,
    /// The accounts that were written.
    accounts: Vec<Account>,
    /// The format that the client knows.
    taken: Option<ContentFormat>,
    /// What was there before anything was written, before its deletion, and after it.
    discovered: Vec<Act>,
    /// What was written, and had to go then.
    deleted: Vec<Path>,
    /// What came before the client had to show that it is still there.
    alive: u64,
}

impl Given {
    pub(super) fn place(scene: &mut Scene, at: Option<&str>) -> Self {
        let at: Option<SocketAddr> = at.and_then(|at| at.parse().ok());
        let server = at.map(|at| {
            let role = Tester::new(at, scene.seed.derive(BOOTSTRAP_SERVER));
            scene.stage.enter(BOOTSTRAP_SERVER, role, Arc::new(()))
        });
        Self {
            server,
            place: at,
            ..Self::default()
        }
    }
}

impl Scene {
    fn bootstrap_tester(&mut self) -> Result<Handle<Tester>, Halted> {
        match self.client()?.bootstrap.server.clone() {
            Some(server) => Ok(server),
            None => Err(self.inconclusive("the client has no bootstrap server in this scenario")),
        }
    }

    /// Waits until the client has asked for bootstrap that often; says whether it has.
    async fn has_asked(&mut self, times: usize) -> Result<bool, Halted> {
        let patience = self.client_profile()?.patience.duration();
        let server = self.bootstrap_tester()?;
        let come = move |tester: &Tester| tester.asked() >= times;
        let what = "the client has asked for bootstrap";
        Ok(self.stage.wait_for(&server, what, patience, come).await)
    }

    async fn must_ask(&mut self) -> Result<(), Halted> {
        self.start_client().await?;
        match self.has_asked(1).await? {
            true => Ok(()),
            false => {
                let why = "the client did not ask for bootstrap in time (lwm2m.client.patience)";
                Err(self.inconclusive(why))
            }
        }
    }

    /// Has the bootstrap server ask for something; that is what was done last.
    async fn provision(&mut self, request: Request) -> Result<upper::Answer, Halted> {
        let server = self.bootstrap_tester()?;
        let after = self.stage.recorded();
        let order = Order::Ask(request);
        let answer = self.stage.act_within(&server, order, PATIENCE).await?;
        self.lwm2m.last = Some(Act {
            party: BOOTSTRAP_SERVER.to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        Ok(answer)
    }

    /// The formats in which a client may want to be written to: the one that it asked for, else what its
    /// version has, and the others where it does not know that.
    fn formats(&mut self) -> Result<Vec<ContentFormat>, Halted> {
        let server = self.bootstrap_tester()?;
        let version = self.lwm2m_profile()?.version.0;
        let known: &[ContentFormat] = match version {
            Version::V1_0 => &FORMATS[..1],
            _ => &FORMATS,
        };
        let wanted = self.stage.look(&server, Tester::prefers);
        let usual = match version > Version::V1_1 {
            true => ContentFormat::SENML_CBOR,
            false => ContentFormat::LWM2M_TLV,
        };
        let taken = self.client()?.bootstrap.taken;
        let wanted = wanted.filter(|wanted| known.contains(wanted));
        let first = taken.or(wanted).unwrap_or(usual);
        let others = known.iter().copied().filter(|format| *format != first);
        Ok([first].into_iter().chain(others).collect())
    }

    /// Puts what one of the formats holds at a path; another is tried where the client does not know it.
    async fn put(
        &mut self,
        path: Path,
        body: impl Fn(ContentFormat) -> Result<Vec<u8>, String>,
    ) -> Result<upper::Answer, Halted> {
        let mut answer = upper::Answer::Timeout;
        for format in self.formats()? {
            let payload = match body(format) {
                Ok(payload) => payload,
                Err(why) => return Err(self.inconclusive(format!("{path}: {why}"))),
            };
            let request = Request::new(Code::PUT, path.to_string()).with_body(format, payload);
            answer = self.provision(request).await?;
            let unknown = Code::UNSUPPORTED_CONTENT_FORMAT;
            if !matches!(&answer, upper::Answer::Reply(reply) if reply.code == unknown) {
                self.client()?.bootstrap.taken = Some(format);
                break;
            }
        }
        Ok(answer)
    }

    /// Writes values at a path.
    async fn write(&mut self, path: Path, values: &[Entry]) -> Result<upper::Answer, Halted> {
        let own = values.iter().filter(|entry| entry.path.is_within(path));
        let own: Vec<Entry> = own.cloned().collect();
        self.put(path, |format| {
            let payload = wire::encode(format, Direction::Write, path, &own);
            payload.map_err(|error| error.to_string())
        })
        .await
    }

    async fn discover_all(&mut self) -> Result<Option<ObjectList>, Halted> {
        let request = Request::new(Code::GET, "/").accepting(ContentFormat::LINK_FORMAT);
        let links = match self.provision(request).await? {
            upper::Answer::Reply(Reply { links, .. }) => links,
            _ => None,
        };
        Ok(links.and_then(|links| ObjectList::parse(links.as_bytes()).ok()))
    }

    /// Accounts for the first servers of the client, in instances where nothing stands yet.
    async fn fresh_accounts(&mut self, count: usize) -> Result<Vec<Account>, Halted> {
        let listed = self.discover_all().await?.unwrap_or_default();
        let taken = |instance: &u16| {
            let mut items = listed.items.iter().map(|item| item.path.prefix(2));
            items.any(|path| matches!(path.ids(), [0 | 1, own] if own == instance))
        };
        let free: Vec<u16> = (1..)
            .filter(|instance| !taken(instance))
            .take(count)
            .collect();
        let places: Vec<SocketAddr> = self.client()?.servers.iter().map(|(_, at)| *at).collect();
        let scheme = match self.is_client_secured() {
            true => "coaps",
            false => "coap",
        };
        let accounts: Vec<Account> = free
            .into_iter()
            .zip(FIRST_SSID..)
            .zip(places)
            .map(|((instance, ssid), at)| Account {
                instance,
                ssid,
                uri: format!("{scheme}://{at}"),
            })
            .collect();
        if accounts.len() < count {
            return Err(self.inconclusive("the client has too few servers in this scenario"));
        }
        self.client()?.bootstrap.accounts.clone_from(&accounts);
        Ok(accounts)
    }

    async fn fresh_account(&mut self) -> Result<Account, Halted> {
        let accounts = self.fresh_accounts(1).await?;
        match accounts.into_iter().next() {
            Some(account) => Ok(account),
            None => Err(self.inconclusive("the client has no server in this scenario")),
        }
    }

    /// Writes to both objects, each at this depth, as far as there is anything in them.
    async fn write_each(&mut self, places: &[Path], values: &[Entry]) -> Result<bool, Halted> {
        let mut taken = true;
        for place in places {
            let answer = self.write(*place, values).await?;
            taken &= matches!(answer, upper::Answer::Reply(reply) if reply.code.is_success());
        }
        Ok(taken)
    }

    /// Writes an account with these values.
    async fn give(&mut self, account: &Account, values: &[Entry]) -> Result<bool, Halted> {
        let places = [0, 1].map(|object| path(&[object, account.instance]));
        self.write_each(&places, values).await
    }

    async fn must_give(&mut self, account: &Account, values: &[Entry]) -> Result<(), Halted> {
        match self.give(account, values).await? {
            true => Ok(()),
            false => Err(self.inconclusive("the client refused what it was given")),
        }
    }

    /// Says that the bootstrap is over.
    async fn end_bootstrap(&mut self) -> Result<upper::Answer, Halted> {
        self.provision(Request::new(Code::POST, "/bs")).await
    }

    /// What was done after a number is what was done last.
    fn done_since(&mut self, after: u64) {
        self.lwm2m.last = Some(Act {
            party: BOOTSTRAP_SERVER.to_owned(),
            after,
            upto: self.stage.recorded(),
        });
    }

    /// Gives who has more to say the time to say it.
    async fn settle_client(&mut self) {
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
    }

    /// Watches whether the client still does something, and has it show then that it is there: whatever it answers
    /// to a discovery. What was done last stays what was done last.
    async fn see_it_lives(&mut self, watch: Duration) -> Result<(), Halted> {
        let last = self.lwm2m.last.clone();
        self.stage.rest(watch).await;
        let recorded = self.stage.recorded();
        self.client()?.bootstrap.alive = recorded;
        self.discover_all().await?;
        self.lwm2m.last = last;
        Ok(())
    }

    /// What was there before anything was written, before the deletion, and after it.
    fn looked_thrice(&mut self) -> Result<[Act; 3], Halted> {
        let discovered = self.client()?.bootstrap.discovered.clone();
        match <[Act; 3]>::try_from(discovered) {
            Ok(acts) => Ok(acts),
            Err(_) => Err(self.inconclusive("nobody looked before and after")),
        }
    }

    fn check_bootstrapped(&mut self, check: Bootstrapped) {
        self.check(&Check::Lwm2m(Lwm2m::from(check)));
    }
}

impl Scene {
    /// The values of an account, with a key that the client has not had before where it meets its servers over
    /// associations.
    fn values(&self, account: &Account) -> Vec<Entry> {
        let (instance, ssid) = (account.instance, account.ssid);
        let open = bootstrap::Account::open(instance, ssid, account.uri.as_str());
        let credentials = match self.is_client_secured() {
            true => {
                let server = SERVERS[usize::from(ssid - FIRST_SSID) % SERVERS.len()];
                let (identity, key) = fresh_key(self.seed, server);
                bootstrap::Credentials::Psk {
                    identity: identity.into_bytes(),
                    key,
                }
            }
            false => bootstrap::Credentials::None,
        };
        bootstrap::Account {
            credentials,
            ..open
        }
        .values()
    }

    /// The values of an account, of which one below the Server object is another, or is there as well.
    fn values_with(&self, account: &Account, resource: u16, value: i64) -> Vec<Entry> {
        let at = path(&[1, account.instance, resource]);
        let mut values = self.values(account);
        values.retain(|entry| entry.path != at);
        values.push(Entry::new(at, Value::Integer(value)));
        values
    }
}

#[given("a bootstrap server that does not answer")]
async fn silent(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let server = scene.bootstrap_tester()?;
    let order = Order::Behave(Reaction::Silence);
    scene.stage.act_within(&server, order, PATIENCE).await?;
    Ok(())
}

#[when("the client is started without accounts")]
async fn is_started(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.has_asked(1).await?;
    Ok(())
}

#[given("a client that has asked for bootstrap")]
async fn has_asked(w: &mut World) -> Result<(), Halted> {
    w.scene().must_ask().await
}

#[given("a client that is registered with what its bootstrap brought")]
async fn was_bootstrapped(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.must_ask().await?;
    let account = scene.fresh_account().await?;
    scene.must_give(&account, &scene.values(&account)).await?;
    scene.end_bootstrap().await?;
    scene.must_register(0).await
}

#[when("its bootstrap server gives it an account with a key, and ends the bootstrap")]
async fn gives_key(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    scene.must_give(&account, &scene.values(&account)).await?;
    scene.end_bootstrap().await?;
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[when("its bootstrap server gives it an account, and ends the bootstrap a while later")]
async fn gives_and_ends(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let after = scene.stage.recorded();
    scene.must_give(&account, &scene.values(&account)).await?;
    scene.pass(A_WHILE).await?;
    scene.settle_client().await;
    scene.end_bootstrap().await?;
    scene.done_since(after);
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[when("its bootstrap server clears it, gives it an account, and ends the bootstrap")]
async fn clears_gives_and_ends(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let after = scene.stage.recorded();
    scene.provision(Request::new(Code::DELETE, "/")).await?;
    scene.give(&account, &scene.values(&account)).await?;
    scene.end_bootstrap().await?;
    scene.done_since(after);
    Ok(())
}

#[when(regex = "^its bootstrap server deletes (everything|all keys)$")]
async fn deletes(w: &mut World, what: String) -> Result<(), Halted> {
    let scene = w.scene();
    let (target, objects): (_, &[u16]) = match what.as_str() {
        "everything" => ("/", &[0, 1]),
        _ => ("/0", &[0]),
    };
    let account = scene.fresh_account().await?;
    let bare = scene.last_act()?;
    scene.must_give(&account, &scene.values(&account)).await?;
    let deleted = objects
        .iter()
        .map(|object| path(&[*object, account.instance]));
    scene.client()?.bootstrap.deleted = deleted.collect();
    scene.discover_all().await?;
    let before = scene.last_act()?;
    scene.provision(Request::new(Code::DELETE, target)).await?;
    let deletion = scene.last_act()?;
    scene.discover_all().await?;
    let after = scene.last_act()?;
    scene.client()?.bootstrap.discovered = vec![bare, before, after];
    scene.lwm2m.last = Some(deletion);
    Ok(())
}

#[then("the client confirms the deletion")]
async fn confirms_deletion(w: &mut World) -> Result<(), Halted> {
    let code = "2.02".to_owned();
    w.scene()
        .check_last(|act| Answered::Confirmed { act, code })
}

#[then("the client still has the account of its bootstrap server and its device")]
async fn still_has(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let [before, _, after] = scene.looked_thrice()?;
    scene.check_bootstrapped(Bootstrapped::Kept { before, after });
    Ok(())
}

#[then("what it had been given is gone")]
async fn is_gone(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let [_, before, after] = scene.looked_thrice()?;
    let deleted = scene.client()?.bootstrap.deleted.clone();
    scene.check_bootstrapped(Bootstrapped::Deleted {
        before,
        after,
        paths: deleted.iter().map(Path::to_string).collect(),
    });
    Ok(())
}

#[when("its bootstrap server gives it half an account, and ends the bootstrap")]
async fn gives_half(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let half = path(&[0, account.instance]);
    gives_halves(scene, &[half], &scene.values(&account)).await
}

#[when("its bootstrap server gives it halves of two accounts, and ends the bootstrap")]
async fn gives_two_halves(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let places = [0, 1].map(|object| path(&[object, account.instance]));
    // Who the server is differs between the halves.
    let values = scene.values_with(&account, SHORT_ID, i64::from(account.ssid) + 1);
    gives_halves(scene, &places, &values).await
}

async fn gives_halves(scene: &mut Scene, places: &[Path], values: &[Entry]) -> Result<(), Halted> {
    if !scene.write_each(places, values).await? {
        let why = "the client refused what it was given, so that there is no end to look at";
        return Err(scene.inconclusive(why));
    }
    scene.end_bootstrap().await?;
    scene.see_it_lives(WATCH).await
}

#[then("the client refuses the end of the bootstrap")]
async fn refuses_end(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Answered::Denied { act })
}

#[then("the client registers nowhere")]
async fn registers_nowhere(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    let alive = scene.client()?.bootstrap.alive;
    let servers = SERVERS.map(str::to_owned).to_vec();
    scene.check_bootstrapped(Bootstrapped::Unregistered {
        servers,
        after,
        alive,
    });
    Ok(())
}

#[when(
    "its bootstrap server gives it an account, and is not heard of for as long as a bootstrap may last"
)]
async fn falls_silent(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    scene.must_give(&account, &scene.values(&account)).await?;
    scene.look_from_here()?;
    scene.pass(SILENCE).await?;
    scene.pass(AFTERWARDS).await?;
    let settle = scene.stage.pace().settle;
    scene.see_it_lives(settle).await
}

#[then("the client asks for bootstrap again")]
async fn asks_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.looked_after;
    let server = BOOTSTRAP_SERVER.to_owned();
    scene.check_bootstrapped(Bootstrapped::AsksAgain { server, after });
    Ok(())
}

#[when("its server has the client ask for bootstrap")]
async fn triggers(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let trigger = scene.setting(0, BOOTSTRAP_TRIGGER)?;
    let request = scene.about(0, Code::POST, trigger)?;
    scene.ask(0, request).await?;
    let act = scene.last_act()?;
    scene.has_asked(2).await?;
    scene.lwm2m.last = Some(act);
    Ok(())
}

#[then("the client does what it was told, and asks for bootstrap")]
async fn is_triggered(w: &mut World) -> Result<(), Halted> {
    let server = BOOTSTRAP_SERVER.to_owned();
    w.scene()
        .check_last(|act| Bootstrapped::Triggered { act, server })
}

#[when("its bootstrap server gives it an account anew, which the client did not ask for")]
async fn gives_unasked(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.stage.recorded();
    let accounts = scene.client()?.bootstrap.accounts.clone();
    for account in accounts {
        scene.give(&account, &scene.values(&account)).await?;
    }
    scene.end_bootstrap().await?;
    scene.done_since(after);
    Ok(())
}

#[when("its bootstrap server gives it two accounts at once, and ends the bootstrap")]
async fn gives_two(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let accounts = scene.fresh_accounts(2).await?;
    let all: Vec<Entry> = accounts
        .iter()
        .flat_map(|account| scene.values(account))
        .collect();
    let after = scene.stage.recorded();
    scene.write_each(&[path(&[0]), path(&[1])], &all).await?;
    scene.end_bootstrap().await?;
    scene.done_since(after);
    scene.has_registered(0, 1).await?;
    scene.has_registered(1, 1).await?;
    Ok(())
}

#[when(
    "its bootstrap server gives it an account twice with different life times, and ends the bootstrap"
)]
async fn gives_twice(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let after = scene.stage.recorded();
    for lifetime in [FIRST, LAST] {
        let values = scene.values_with(&account, LIFETIME, lifetime);
        scene.give(&account, &values).await?;
    }
    scene.end_bootstrap().await?;
    scene.done_since(after);
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[then("the client registers for the life time that it was given last")]
async fn registers_for_the_last(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    scene.check_bootstrapped(Bootstrapped::LivesFor {
        server: SERVERS[0].to_owned(),
        after,
        lifetime: LAST as u32,
    });
    Ok(())
}

#[when(
    "its bootstrap server gives it an account with something in it that nobody has, and ends the bootstrap"
)]
async fn gives_unknown(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let after = scene.stage.recorded();
    let values = scene.values_with(&account, UNKNOWN, 1);
    scene.give(&account, &values).await?;
    scene.end_bootstrap().await?;
    scene.done_since(after);
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[then("the client confirms each operation")]
async fn confirms_each(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Bootstrapped::TookEach { act })
}

#[when("its bootstrap server gives it an account, and looks what is there")]
async fn gives_and_looks(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    scene.must_give(&account, &scene.values(&account)).await?;
    scene.discover_all().await?;
    Ok(())
}

#[then("the client shows whose account that is, and nothing of the kind at its bootstrap server's")]
async fn shows_accounts(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let accounts = scene.client()?.bootstrap.accounts.clone();
    let optional = scene.lwm2m_profile()?.version.0 == Version::V1_0;
    scene.check_last(|act| Bootstrapped::ShowsAccounts {
        act,
        accounts,
        optional,
    })
}

#[when("its bootstrap server writes in a format that nobody knows")]
async fn writes_unknown_format(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let place = path(&[1, account.instance]);
    let request = Request::new(Code::PUT, place.to_string()).with_body(NO_FORMAT, [0]);
    scene.provision(request).await?;
    Ok(())
}

#[when("its bootstrap server writes what cannot be read")]
async fn writes_broken(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.fresh_account().await?;
    let place = path(&[1, account.instance]);
    let broken = |format| match format {
        ContentFormat::LWM2M_TLV => Ok(BROKEN.to_vec()),
        // An array that does not end, in CBOR and in JSON.
        ContentFormat::SENML_CBOR => Ok(vec![0x82, 0xa1]),
        _ => Ok(b"[{".to_vec()),
    };
    scene.put(place, broken).await?;
    Ok(())
}

#[then("the client asks for bootstrap before anything else")]
async fn asks_first(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    let nameless = scene.lwm2m_profile()?.version.0 > Version::V1_1;
    scene.check_bootstrapped(Bootstrapped::AskedFirst {
        server: BOOTSTRAP_SERVER.to_owned(),
        after,
        nameless,
    });
    Ok(())
}

#[then("the client registers when the bootstrap has ended, and not before")]
async fn registers_afterwards(w: &mut World) -> Result<(), Halted> {
    let server = SERVERS[0].to_owned();
    w.scene()
        .check_last(|act| Bootstrapped::RegisteredAfter { server, act })
}

#[then("the client registers, and has not asked for bootstrap before")]
async fn registers_unaided(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    scene.check_bootstrapped(Bootstrapped::Unaided {
        server: SERVERS[0].to_owned(),
        bootstrap: BOOTSTRAP_SERVER.to_owned(),
        after,
    });
    Ok(())
}

#[when("its bootstrap server leads it to a server that forbids the registration")]
async fn leads_to_refusal(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.behave(0, refusing(Code::FORBIDDEN, None)).await?;
    let account = scene.fresh_account().await?;
    let mut values = scene.values_with(&account, RETRIES, 1);
    let pause = path(&[1, account.instance, PAUSE]);
    values.push(Entry::new(pause, Value::Integer(1)));
    scene.must_give(&account, &values).await?;
    scene.end_bootstrap().await?;
    scene.look_from_here()?;
    scene.has_asked(2).await?;
    Ok(())
}

#[when("its server deletes everything, as only a bootstrap server may")]
async fn server_deletes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.ask(0, Request::new(Code::DELETE, "/")).await?;
    Ok(())
}

#[when("its server ends a bootstrap that nobody has begun")]
async fn server_ends(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.ask(0, Request::new(Code::POST, "/bs")).await?;
    Ok(())
}

#[then("the client does not do it")]
async fn does_not(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Answered::Denied { act })
}

#[then("the client still has the account of its server")]
async fn still_has_account(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let setting = scene.setting(0, SHORT_ID)?;
    let request = scene.about(0, Code::GET, setting)?;
    scene.ask(0, request).await?;
    let code = "2.05".to_owned();
    scene.check_last(|act| Answered::Confirmed { act, code })
}
