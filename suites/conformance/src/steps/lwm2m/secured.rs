//! Devices that come over secured associations.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{then, when};
use twinproof_coap::Code;
use twinproof_evidence::record::Halt;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::secured::Check as Secured;
use twinproof_judge::profile::Credential;
use twinproof_lwm2m::device::{Answer, Behaviour, Device, Order, Register, Request, Shared};
use twinproof_stage::dtls::{Credentials, Ended, Limits, Place, Trick};
use twinproof_stage::{Halted, Handle, Security};

use super::parties::{PATIENCE, Party, Who, device_lifetime};
use crate::run::limits;
use crate::world::{Scene, World};

/// Who has no name of its own.
const SOMEBODY: &str = "somebody";

/// A key that nobody has.
const NOBODYS: &[u8; 16] = b"not a device's !";

/// How many records are newer than the oldest that a window of the usual width tells from others
/// (RFC 6347 §4.1.2.6).
const WINDOW: u16 = 64;

/// How long a handshake may take in all, with every attempt.
const HANDSHAKES: Duration = Duration::from_secs(60);

impl Scene {
    /// What the profile says of a device with credentials; who is first spoken of is the first of them.
    pub(super) fn credential(&mut self, who: &Who) -> Result<Credential, Halted> {
        let next = self.lwm2m.credentials.len();
        let number = *self.lwm2m.credentials.entry(who.clone()).or_insert(next);
        let security = self.lwm2m_profile()?.security.unwrap_or_default();
        let (need, have) = (number + 1, security.credentials.len());
        match security.credentials.into_iter().nth(number) {
            Some(credential) => Ok(credential),
            None => Err(self.inconclusive(format!(
                "it needs {need} devices with credentials, and has {have} \
                 ([[lwm2m.security.credential]])"
            ))),
        }
    }

    /// The key of a device.
    pub(super) fn key(&mut self, credential: &Credential) -> Result<Vec<u8>, Halted> {
        credential.octets().map_err(|why| self.inconclusive(why))
    }

    /// A place of its own for a device, which has what it takes to shake hands with the server there.
    pub(super) async fn secured_place(
        &mut self,
        who: &Who,
        server: SocketAddr,
        beside: Option<SocketAddr>,
    ) -> Result<SocketAddr, Halted> {
        let credential = self.credential(&who.itself())?;
        let key = self.key(&credential)?;
        let security = Security {
            at: beside.map(|place| SocketAddr::new(place.ip(), 0)),
            ..Security::default()
        };
        let seed = self.seed.derive(who.name());
        let at = self.stage.bind_secured(who.name(), security, seed).await?;
        let credentials = Credentials::psk(credential.identity().as_bytes(), &key);
        self.stage.trust(at, server, credentials);
        Ok(at)
    }

    /// Has a device shake hands with the server, before anything else.
    pub(super) async fn associate(
        &mut self,
        who: &Who,
        at: SocketAddr,
        server: SocketAddr,
    ) -> Result<(), Halted> {
        match self.stage.shake_hands(at, server, HANDSHAKES).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(ended)) => Err(self.not_secured(who, &ended)),
            None => {
                let why = format!("{}: the handshake did not come to an end", who.name());
                Err(self.stage.halt(Halt::Error { why }))
            }
        }
    }

    /// A device has no association that it needs: our own fault, or nothing that can be gone on with.
    fn not_secured(&mut self, who: &Who, ended: &Ended) -> Halted {
        let why = format!("{} got no secured association: {ended}", who.name());
        self.stage.halt(match ended.is_ours() {
            true => Halt::Error { why },
            false => Halt::Inconclusive { why },
        })
    }
}

impl Scene {
    /// Somebody who is nobody's device, at a place of its own, and does nothing by itself.
    async fn somebody(
        &mut self,
        name: &str,
        at: SocketAddr,
        server: SocketAddr,
        endpoint: &str,
    ) -> Result<Handle<Device>, Halted> {
        let version = self.lwm2m_profile()?.version.0;
        let role = Device::new(endpoint, at, self.seed.derive(name));
        let shared = Shared::new(version, device_lifetime(), &[server]);
        let device = self.stage.enter(name, role, Arc::new(shared));
        let behave = Order::Behave(Behaviour {
            keeps_registered: false,
            ..Behaviour::default()
        });
        self.stage.act_within(&device, behave, PATIENCE).await?;
        Ok(device)
    }

    /// Where devices of this scenario register.
    fn server_address(&mut self) -> Result<SocketAddr, Halted> {
        let server = self.lwm2m_profile()?.server.unwrap_or_default();
        self.address_in(&server)
    }

    /// Has somebody shake hands once under these credentials, whatever comes of it.
    async fn try_credentials(
        &mut self,
        name: &str,
        endpoint: &str,
        own: Credentials,
    ) -> Result<(Handle<Device>, SocketAddr), Halted> {
        let server = self.server_address()?;
        let security = Security {
            limits: Some(Limits {
                attempts: 1,
                ..limits(&self.profile.profile)
            }),
            ..Security::default()
        };
        let seed = self.seed.derive(name);
        let at = self.stage.bind_secured(name, security, seed).await?;
        let somebody = self.somebody(name, at, server, endpoint).await?;
        self.stage.trust(at, server, own);
        let after = self.stage.recorded();
        self.stage.shake_hands(at, server, HANDSHAKES).await;
        self.lwm2m.handshakes.push(Act {
            party: name.to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        Ok((somebody, at))
    }

    /// Has a device send an update in a record to which something is done, and nothing after it.
    async fn send_with(&mut self, who: &Who, trick: Trick, number: u16) -> Result<(), Halted> {
        let at = self.device(who, device_lifetime()).await?.at;
        let mut raw = self.raw_update(who).await?;
        raw.message_id = raw.message_id.wrapping_add(number);
        raw.token = self
            .seed
            .derive("trick")
            .rng()
            .u32(..)
            .to_be_bytes()
            .to_vec();
        raw.token[0] ^= number as u8;
        raw.token_length = raw.token.len() as u8;
        let bytes = raw.to_bytes();
        // The device may have something else to say meanwhile.
        self.stage.play_on(at, trick, &bytes);
        let order = Order::SendRaw { server: 0, bytes };
        self.tell(who, order).await?;
        Ok(())
    }

    /// Remembers what a device sent since then as what it sent octet by octet.
    fn sent_raw(&mut self, who: &Who, after: u64) {
        self.lwm2m.raw = Some(Act {
            party: who.name().to_owned(),
            after,
            upto: self.stage.recorded(),
        });
    }
}

#[when("somebody comes as another device, under keys that are not its own")]
async fn wrong_keys(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.credential(&Who::first())?;
    let key = scene.key(&device)?;
    let other = scene.credential(&Who::other())?;
    let identity = other.identity().as_bytes();
    let attempts = [
        ("somebody with a key of nobody's", identity, &NOBODYS[..]),
        ("somebody with the device's key", identity, &key),
        (
            "somebody whom nobody knows",
            &b"nobody knows this identity"[..],
            &key,
        ),
    ];
    for (name, identity, key) in attempts {
        let own = Credentials::psk(identity, key);
        scene.try_credentials(name, name, own).await?;
    }
    Ok(())
}

#[then("nobody got a session who does not have the key")]
async fn nobody_got_in(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let attempts = scene.lwm2m.handshakes.clone();
    scene.check(&Check::Lwm2m(Secured::KeptOut { attempts }.into()));
    Ok(())
}

#[when("another device registers under the name of the device")]
async fn registers_as_the_device(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let name = scene
        .device(&Who::first(), device_lifetime())
        .await?
        .endpoint;
    let version = scene.lwm2m_profile()?.version;
    let query = vec![
        format!("ep={name}"),
        format!("lt={}", device_lifetime()),
        format!("lwm2m={version}"),
        "b=U".to_owned(),
    ];
    let how = Register {
        query: Some(query),
        ..Register::default()
    };
    scene.tell(&Who::other(), Order::Register(how)).await?;
    Ok(())
}

#[when("somebody registers in the clear under the name of the device")]
async fn registers_in_the_clear(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let name = scene
        .device(&Who::first(), device_lifetime())
        .await?
        .endpoint;
    let section = scene.lwm2m_profile()?;
    let Some(plain) = section.plain_server().map(str::to_owned) else {
        return Err(scene.inconclusive(
            "nobody knows where the server takes registrations in the clear; lwm2m.security.plain \
             says it, and [lwm2m.claims] \"LW-SEC-04\" = false that there is no such place",
        ));
    };
    let server = scene.address_in(&plain)?;
    let at = scene.stage.bind(SOMEBODY).await?;
    let somebody = scene.somebody(SOMEBODY, at, server, &name).await?;
    // Silence says something only of who is there.
    let hello = Order::Request(Request::new(Code::GET, "/.well-known/core"));
    let heard = scene.stage.act_within(&somebody, hello, PATIENCE).await?;
    if matches!(heard, Answer::NoAnswer) {
        return Err(scene.inconclusive(format!(
            "nobody is there in the clear: {plain} does not answer any request (lwm2m.security.plain)"
        )));
    }
    let query = vec![
        format!("ep={name}"),
        format!("lt={}", device_lifetime()),
        format!("lwm2m={}", section.version),
        "b=U".to_owned(),
    ];
    let order = Order::Register(Register {
        query: Some(query),
        ..Register::default()
    });
    let after = scene.stage.recorded();
    scene.stage.act_within(&somebody, order, PATIENCE).await?;
    scene.lwm2m.last = Some(Act {
        party: SOMEBODY.to_owned(),
        after,
        upto: scene.stage.recorded(),
    });
    Ok(())
}

#[when("another device, which has a session, has the registration of the device removed")]
async fn removes_anothers(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let victim = scene.device(&Who::first(), device_lifetime()).await?;
    let Some(location) = victim.locations.last() else {
        return Err(scene.inconclusive("the device is not registered"));
    };
    let request = Request::new(Code::DELETE, location);
    scene.tell(&Who::other(), Order::Request(request)).await?;
    Ok(())
}

#[when("the device shakes hands again, from another place")]
async fn shakes_hands_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (who, credential) = (Who::first().elsewhere(), scene.credential(&Who::first())?);
    let key = scene.key(&credential)?;
    let own = Credentials::psk(credential.identity().as_bytes(), &key);
    let endpoint = credential.endpoint;
    let (device, at) = scene.try_credentials(who.name(), &endpoint, own).await?;
    let party = Party {
        device,
        endpoint,
        at,
        locations: Vec::new(),
    };
    scene.lwm2m.devices.insert(who, party);
    Ok(())
}

#[when("the device registers over it")]
async fn registers_over_it(w: &mut World) -> Result<(), Halted> {
    let order = Order::Register(Register::default());
    w.scene().tell(&Who::first().elsewhere(), order).await?;
    Ok(())
}

#[then("the device has a new session")]
async fn has_a_new_session(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(act) = scene.lwm2m.handshakes.last().cloned() else {
        return Err(scene.inconclusive("nobody shook hands"));
    };
    scene.check(&Check::Lwm2m(Secured::LetIn { act }.into()));
    Ok(())
}

#[when("updates of the device arrive in records with a bit that was changed on the way")]
async fn arrive_changed(w: &mut World) -> Result<(), Halted> {
    let (scene, who) = (w.scene(), Who::first());
    scene.device(&who, device_lifetime()).await?;
    let after = scene.stage.recorded();
    let places = [Place::Sequence, Place::Content, Place::Tag];
    for (number, place) in (1..).zip(places) {
        scene.send_with(&who, Trick::Flip(place), number).await?;
    }
    scene.sent_raw(&who, after);
    Ok(())
}

#[when("an update of the device arrives in a record that is not protected")]
async fn arrives_unprotected(w: &mut World) -> Result<(), Halted> {
    let (scene, who) = (w.scene(), Who::first());
    scene.device(&who, device_lifetime()).await?;
    let after = scene.stage.recorded();
    scene.send_with(&who, Trick::OldEpoch, 1).await?;
    scene.sent_raw(&who, after);
    Ok(())
}

#[then("the server took nothing of that")]
async fn took_nothing(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Secured::NotTaken { act })
}

#[when("records with updates of the device arrive again, one at once and one after many others")]
async fn arrive_again(w: &mut World) -> Result<(), Halted> {
    let (scene, who) = (w.scene(), Who::first());
    scene.device(&who, device_lifetime()).await?;
    let after = scene.stage.recorded();
    scene.send_with(&who, Trick::Replay { after: 0 }, 1).await?;
    let others = u32::from(WINDOW);
    scene
        .send_with(&who, Trick::Replay { after: others }, 2)
        .await?;
    scene.sent_raw(&who, after);
    // Each asks whether anybody is there, and is a record of its own.
    let first = scene.unused_id(&who).await?.wrapping_add(3);
    for number in 0..=WINDOW {
        let id = first.wrapping_add(number).to_be_bytes();
        let bytes = vec![0x40, 0, id[0], id[1]];
        scene
            .tell(&who, Order::SendRaw { server: 0, bytes })
            .await?;
    }
    Ok(())
}

#[then("the server took each of them once")]
async fn took_once(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Secured::TakenOnce { act })
}
