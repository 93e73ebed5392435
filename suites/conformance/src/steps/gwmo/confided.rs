//! What a gateway and its server say over TLS, and what nobody may read of its accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::upper::Act;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_judge::profile::{self, GwmoHttps};
use twinproof_stage::{Certificate, Halted, Handle};

use super::fanout::interior;
use super::parties::text;
use super::rights::DENIED;
use crate::target::{SECURED_MANAGER, gateway_device};
use crate::world::{Scene, World};

/// A certificate that is not good, and the number after which another one was shown.
pub(super) struct Doubt {
    certificate: Certificate,
    upto: u64,
}

/// The session that is announced by a server with a certificate that is not good.
const DOUBTFUL: u16 = 0x5E3;

/// How many devices have attached in whose presence something passes below.
const THREE: usize = 3;

/// The code for a value that nobody may read, whatever the lists say.
const NOT_ALLOWED: u16 = 405;

impl Scene {
    fn https(&mut self) -> Result<GwmoHttps, Halted> {
        let https = self.gateway()?.https;
        match https.filter(|https| https.server.is_some()) {
            Some(https) => Ok(https),
            None => {
                let why = "the gateway trusts no authority of the tester's: the profile has no \
                           gwmo.https.authority";
                Err(self.inconclusive(why))
            }
        }
    }

    /// The server that the gateway reaches over TLS, which enters with the first.
    pub(super) fn secured_manager(&mut self) -> Result<Handle<Manager>, Halted> {
        if let Some(server) = &self.gwmo.secured {
            return Ok(server.clone());
        }
        let GwmoHttps {
            account, server, ..
        } = self.https()?;
        let enrolment = Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        };
        let url = server.unwrap_or_default();
        let seed = self.seed.derive(SECURED_MANAGER);
        let role = Manager::new(&account.server_id, &url, seed, vec![enrolment]);
        let role = self.with_memory(role, SECURED_MANAGER, &account.device);
        let shared = Arc::new(server::Shared::default());
        let server = self.stage.enter(SECURED_MANAGER, role, shared);
        self.gwmo.secured = Some(server.clone());
        Ok(server)
    }

    /// Has the gateway do things in a session with the server that it reaches over TLS, if it comes.
    async fn manage_secured(&mut self, acts: Vec<Act>) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let device = self.https()?.account.device;
        let server = self.secured_manager()?;
        let order = Order::Plan {
            device,
            push: gateway.push.clone(),
            acts,
        };
        let patience = gateway.patience.duration();
        self.stage.act_within(&server, order, patience).await?;
        // Whether it came is what is judged.
        let (what, idle) = ("the gateway has done that", Manager::is_idle);
        self.stage.wait_for(&server, what, patience, idle).await;
        Ok(())
    }

    /// Announces a session while this is shown, and then has one with a good certificate.
    async fn comes_behind(&mut self, certificate: Certificate) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let device = self.https()?.account.device;
        let server = self.secured_manager()?;
        // Only who has had a session knows which nonce comes next.
        let get = Act::Get {
            uri: ".".to_owned(),
        };
        self.manage_secured(vec![get.clone()]).await?;
        self.stage
            .listen_shown(SECURED_MANAGER, certificate)
            .await?;
        self.gwmo.after = self.stage.recorded();
        let order = Order::Notify {
            device,
            push: gateway.push.clone(),
            named: None,
            session: self.session_number(DOUBTFUL),
            forged: false,
        };
        let patience = gateway.patience.duration();
        match self.stage.act_within(&server, order, patience).await? {
            Answer::Pushed(Some(200..300)) => {}
            other => {
                let why = format!("the gateway (gwmo.push): expected a success, got {other:?}");
                return Err(self.inconclusive(why));
            }
        }
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
        let upto = self.stage.recorded();
        self.gwmo.doubt = Some(Doubt { certificate, upto });
        let good = Certificate::Good;
        self.stage.listen_shown(SECURED_MANAGER, good).await?;
        self.manage_secured(vec![get]).await
    }

    /// What tells apart what is said over TLS.
    fn confided(&mut self) -> String {
        format!("confided-{:08x}", self.fresh_seed("confided").rng().u32(..))
    }
}

#[given("a server that the gateway reaches over TLS")]
fn secured_server(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.manager()?;
    scene.secured_manager().map(|_| ())
}

#[when("that server has the gateway change something and read it")]
async fn confides(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let inventory = scene.objects().await?.inventory;
    let number = scene.fresh_seed("confided group").rng().u32(..);
    let at = format!("{inventory}/{}/G{number:08X}", names.groups);
    scene.gwmo.left.push(at.clone());
    let uri = format!("{at}/{}", names.group_name);
    let name = text(uri.clone(), None, &scene.confided());
    scene.gwmo.after = scene.stage.recorded();
    let acts = vec![
        Act::Sequence(vec![interior(at), Act::Add(name)]),
        Act::Get { uri },
    ];
    scene.manage_secured(acts).await
}

#[then("nobody else learns of it")]
async fn nobody_learns(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let of = scene.confided();
    // What it tells others comes before whatever they ask for next.
    let after = scene.gwmo.after;
    scene.objects_again().await?;
    scene.gwmo.after = after;
    let session = scene.since(SECURED_MANAGER.to_owned());
    scene.check(&Check::Gwmo(Gwmo::Secured { session, of }));
    Ok(())
}

#[when(
    "that server has it come behind a certificate of an unknown authority, and then behind a good one"
)]
async fn unknown_authority(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::OfOtherAuthority;
    world.scene().comes_behind(bad).await
}

#[when(
    "that server has it come behind a certificate that it signed itself, and then behind a good one"
)]
async fn self_signed(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::SelfSigned;
    world.scene().comes_behind(bad).await
}

#[when("that server has it come behind a certificate for another host, and then behind a good one")]
async fn other_name(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::OfOtherName;
    world.scene().comes_behind(bad).await
}

#[when("that server has it come behind a certificate that has expired, and then behind a good one")]
async fn expired(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::Expired;
    world.scene().comes_behind(bad).await
}

#[when(
    "that server has it come behind a certificate that is not valid yet, and then behind a good one"
)]
async fn not_yet_valid(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::NotYetValid;
    world.scene().comes_behind(bad).await
}

#[then("the gateway says nothing behind the one, and has its session behind the other")]
fn says_nothing(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Some(Doubt { certificate, upto }) = &scene.gwmo.doubt else {
        return Err(scene.inconclusive("nobody has shown a bad certificate"));
    };
    let (shown, upto) = (certificate.to_string(), *upto);
    let session = Session {
        upto: Some(upto),
        ..scene.since(SECURED_MANAGER.to_owned())
    };
    let other = Session {
        after: upto,
        ..scene.since(SECURED_MANAGER.to_owned())
    };
    scene.check(&Check::Gwmo(Gwmo::Distrusted {
        session,
        shown,
        other,
    }));
    Ok(())
}

#[when("the server reads a secret of the gateway's account")]
async fn reads_secret(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.secret()?;
    // Who says nothing of anything keeps no secret.
    scene.objects().await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.manage(vec![Act::Get { uri }]).await?;
    Ok(())
}

#[then("it is not told the secret")]
fn is_not_told(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.secret()?;
    scene.judge_gateway(|session| Gwmo::Answered {
        session,
        command: "Get".to_owned(),
        uri,
        codes: vec![NOT_ALLOWED, DENIED],
    });
    Ok(())
}

impl Scene {
    fn secret(&mut self) -> Result<String, Halted> {
        match self.gateway()?.secret {
            Some(uri) => Ok(uri),
            None => Err(self.inconclusive("the profile has no gwmo.secret")),
        }
    }
}

#[when("the server has the gateway change something of each and read it")]
async fn passes_below(world: &mut World) -> Result<(), Halted> {
    world.scene().change_and_read(THREE).await
}

#[then("each is told it, and nothing of the server's account is in what passes below")]
async fn confined(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let gateway = scene.gateway()?;
    let mut sessions = Vec::new();
    for after in 0..THREE {
        sessions.push(Session {
            party: gateway_device(scene.numbered(Mode::Proxy, after)?),
            after: 0,
            upto: Some(scene.stage.recorded()),
        });
    }
    let secrets = scene.secrets_above(&gateway);
    let above = vec![
        gateway.account.server_id,
        gateway.server.unwrap_or_default(),
    ];
    scene.check(&Check::Gwmo(Gwmo::Confined {
        sessions,
        secrets,
        above,
    }));
    let mut numbers = Vec::new();
    for after in 0..THREE {
        numbers.push(scene.numbered(Mode::Proxy, after)?);
    }
    scene.were_reached(&numbers).await
}

impl Scene {
    /// What stands in the record for each secret that the gateway shares with those above it, and with no device: what
    /// is made of one that a device has as well, nobody can tell apart.
    fn secrets_above(&self, gateway: &profile::Gwmo) -> Vec<String> {
        let devices = gateway.devices.iter().map(|device| &device.account);
        let below: BTreeSet<&str> = devices
            .flat_map(|account| account.logins())
            .map(|(_, secret)| secret)
            .collect();
        let other = gateway.other.as_ref().map(|other| &other.account);
        let https = gateway.https.as_ref().map(|https| &https.account);
        let above = std::iter::once(&gateway.account).chain(other).chain(https);
        let secrets = above
            .flat_map(|account| account.logins())
            .map(|(_, secret)| secret);
        let known = self.stage.recorder().secrets();
        let own: BTreeSet<String> = secrets
            .filter(|secret| !below.contains(secret))
            .map(|secret| known.learn("password", secret))
            // One that is too short for a pseudonym is found in words that are none.
            .filter(|shown| shown.starts_with('‹'))
            .collect();
        own.into_iter().collect()
    }
}
