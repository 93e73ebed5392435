//! What servers ask of a client, lawful or not.

use std::sync::Arc;
use std::time::Duration;

use cucumber::{then, when};
use twinproof_coap::{Code, ContentFormat, Header, OptionNumber, Type, Writer, option};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_judge::checks::lwm2m::message::Check as Message;
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_lwm2m::device::{self, Device, Request, Shared};
use twinproof_lwm2m::server::tester::{Order, Tester};
use twinproof_lwm2m::upper;
use twinproof_lwm2m::wire::{self, Direction, Entry, Path, Value, Version};
use twinproof_stage::Halted;

use super::super::manage::path;
use super::super::parties::PATIENCE;
use super::TRIGGER;
use crate::world::{Scene, World};

/// How the device can be reached: a resource that every device has.
pub(super) const BINDING: [u16; 3] = [3, 0, 16];
/// What went wrong with the device: likewise.
const ERRORS: [u16; 3] = [3, 0, 11];
pub(super) const REBOOT: [u16; 3] = [3, 0, 4];
/// The instance of the device object.
pub(super) const DEVICE: [u16; 2] = [3, 0];

/// Below the account of a server.
const SHORT_ID: u16 = 0;
pub(super) const LIFETIME: u16 = 1;

/// What is written as a life time, s, by its server, the first that it does not have yet, and by a stranger.
pub(super) const WRITTEN: [u32; 2] = [7200, 10_800];
const FOREIGN: i64 = 333;

/// An option that nobody has defined: critical, since its number is odd (RFC 7252 §5.4.6).
const UNKNOWN: OptionNumber = OptionNumber(65_001);
/// An object of the range for tests (26241 to 32768) that nobody has.
const NO_OBJECT: u16 = 31_999;
/// A content format that nobody has defined.
const NO_FORMAT: ContentFormat = ContentFormat(65_000);

/// A UTC offset, by which a second device could be created.
const SECOND_DEVICE: [u16; 3] = [3, 1, 14];
/// A life time of three octets, in TLV: a number has one, two, four or eight.
const NO_NUMBER: [u8; 5] = [0xc3, 1, 1, 2, 3];
/// Another life time, and what stands where only true or false can stand.
const STORING: u16 = 6;
const HALF_GOOD: i64 = 4369;
const NEITHER: &str = "neither";

/// How long what comes from a stranger may take to have an effect.
const EFFECT: Duration = Duration::from_millis(500);
/// How often it is asked whether anybody is there, and after which pause: a datagram alone may be lost, and
/// several at once as well.
const PINGS: u16 = 3;
const PAUSE: Duration = Duration::from_millis(1500);

impl Scene {
    /// A request that writes a value below an account: in TLV to a client of 1.0, which need not know
    /// anything else, and as text to newer ones, which need (TS LwM2M 1.0 §6.4, TS 1.1 §7.4).
    pub(super) fn writing(
        &mut self,
        (server, at): (usize, Path),
        value: Value,
    ) -> Result<Request, Halted> {
        let entry = Entry::new(at, value);
        let format = match self.lwm2m_profile()?.version.0 {
            Version::V1_0 => ContentFormat::LWM2M_TLV,
            _ => ContentFormat::TEXT,
        };
        match wire::encode(format, Direction::Write, at, &[entry]) {
            Ok(body) => Ok(self.about(server, Code::PUT, at)?.with_body(format, body)),
            Err(error) => Err(self.inconclusive(format!("{at}: {error}"))),
        }
    }

    /// Has the first server ask with several values in the body, in a format that the client knows: in TLV where
    /// it is of 1.0, else in one of those that 1.1 has for it (TS LwM2M 1.0 §6.4, TS 1.1 §7.4).
    async fn ask_with_several(
        &mut self,
        method: Code,
        at: Path,
        values: &[Entry],
    ) -> Result<(), Halted> {
        let known: &[ContentFormat] = match self.lwm2m_profile()?.version.0 {
            Version::V1_0 => &[ContentFormat::LWM2M_TLV],
            _ => &[
                ContentFormat::SENML_JSON,
                ContentFormat::SENML_CBOR,
                ContentFormat::LWM2M_TLV,
            ],
        };
        for format in known {
            let body = match wire::encode(*format, Direction::Write, at, values) {
                Ok(body) => body,
                Err(error) => return Err(self.inconclusive(format!("{at}: {error}"))),
            };
            let request = self.about(0, method, at)?.with_body(*format, body);
            let answer = self.ask(0, request).await?;
            let unknown = Code::UNSUPPORTED_CONTENT_FORMAT;
            if !matches!(&answer, upper::Answer::Reply(reply) if reply.code == unknown) {
                break;
            }
        }
        Ok(())
    }

    /// Records that what was read last has to be there, and to make sense.
    fn check_legible(&mut self, at: &[u16]) -> Result<(), Halted> {
        let path = path(at).to_string();
        self.check_last(|act| Client::Legible { act, path })
    }

    pub(super) async fn read_from(&mut self, server: usize, path: Path) -> Result<Act, Halted> {
        let request = self.about(server, Code::GET, path)?;
        self.ask(server, request).await?;
        self.last_act()
    }

    fn client_refuses(&mut self, code: &str) -> Result<(), Halted> {
        let code = code.to_owned();
        self.check_last(|act| Answer::RefusedWith { act, code })
    }

    fn client_confirms(&mut self, code: &str) -> Result<(), Halted> {
        let code = code.to_owned();
        self.check_last(|act| Answer::Confirmed { act, code })
    }
}

#[when("its server reads how the device can be reached")]
async fn reads_binding(w: &mut World) -> Result<(), Halted> {
    w.scene().read_from(0, path(&BINDING)).await?;
    Ok(())
}

#[then("the client answers with what was asked for")]
async fn answers_with_content(w: &mut World) -> Result<(), Halted> {
    w.scene().check_legible(&BINDING)
}

#[then("the client confirms that it is done")]
async fn confirms(w: &mut World) -> Result<(), Halted> {
    w.scene().client_confirms("2.04")
}

#[then("its server can read the client")]
async fn can_be_read(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.read_from(0, path(&BINDING)).await?;
    scene.check_legible(&BINDING)
}

#[then("the other server can discover the device")]
async fn can_be_discovered_by_the_other(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    // To read may need a right that the other server was not given; to discover needs none.
    scene.discover(1, path(&DEVICE[..1])).await?;
    scene.check_device_listed()
}

#[then("its server can read what went wrong with the device")]
async fn errors_can_be_read(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.read_from(0, path(&ERRORS)).await?;
    scene.check_legible(&ERRORS)
}

#[when("its server writes another life time")]
async fn writes_lifetime(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let said = scene.said(0)?.lifetime;
    let [one, other] = WRITTEN;
    let written = match said == Some(one.into()) {
        true => other,
        false => one,
    };
    scene.look_from_here()?;
    scene.client()?.written = written;
    let request = scene.writing((0, lifetime), Value::Integer(written.into()))?;
    scene.ask(0, request).await?;
    Ok(())
}

#[then("its server reads what it wrote")]
async fn reads_what_it_wrote(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let act = scene.read_from(0, lifetime).await?;
    let (path, value) = (lifetime.to_string(), scene.client()?.written.to_string());
    scene.check_client(Client::Shows { act, path, value });
    Ok(())
}

#[when("its server discovers the device")]
async fn discovers(w: &mut World) -> Result<(), Halted> {
    w.scene().discover(0, path(&DEVICE[..1])).await?;
    Ok(())
}

impl Scene {
    /// Records that the last discovery has to show the device with what it has.
    fn check_device_listed(&mut self) -> Result<(), Halted> {
        let written = |at: &[u16]| path(at).to_string();
        self.check_last(|act| Client::Discovered {
            act,
            within: written(&DEVICE[..1]),
            has: written(&BINDING),
            mandatory: vec![written(&REBOOT), written(&ERRORS)],
        })
    }

    pub(super) async fn discover(&mut self, server: usize, path: Path) -> Result<Act, Halted> {
        let mut request = self.about(server, Code::GET, path)?;
        let accept = ContentFormat::LINK_FORMAT.0.to_be_bytes();
        let option = (option::ACCEPT.0, accept[1..].to_vec());
        request.options.push(option);
        self.ask(server, request).await?;
        self.last_act()
    }
}

#[then("the client lists what its device has")]
async fn lists_device(w: &mut World) -> Result<(), Halted> {
    w.scene().check_device_listed()
}

#[when("its server asks the client whether it is there")]
async fn pings(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let first = scene.seed.derive("ping").rng().u16(..);
    let after = scene.stage.recorded();
    for number in 0..PINGS {
        if number > 0 {
            scene.stage.rest(PAUSE).await;
        }
        let [high, low] = first.wrapping_add(number).to_be_bytes();
        let bytes = vec![0x40, 0, high, low];
        scene.serve(0, Order::SendRaw { bytes }).await?;
    }
    let mut pings = scene.last_act()?;
    pings.after = after;
    // What was asked before is answered before.
    scene.read_from(0, path(&BINDING)).await?;
    scene.lwm2m.last = Some(pings);
    Ok(())
}

#[then("the client says that it is")]
async fn ponged(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Message::Ponged { act })
}

#[when("its server has the client update its registration, and the request arrives twice")]
async fn triggers_twice(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.look_from_here()?;
    let trigger = scene.setting(0, TRIGGER)?;
    let request = scene.about(0, Code::POST, trigger)?;
    scene.ask(0, request).await?;
    let asks = |bytes: &&Vec<u8>| {
        let header = Header::peek(bytes);
        header.is_some_and(|header| (header.ty, header.code) == (Type::Con, Code::POST))
    };
    let server = scene.server_of_client(0)?;
    let sent = scene.stage.sent_by(&server);
    let Some(bytes) = sent.iter().rev().find(asks).cloned() else {
        return Err(scene.inconclusive("the server sent no request"));
    };
    scene.has_updated().await?;
    scene.serve(0, Order::SendRaw { bytes }).await?;
    scene.read_from(0, path(&BINDING)).await?;
    scene.stage.rest(EFFECT).await;
    Ok(())
}

#[then("the client updates its registration once")]
async fn updates_once(w: &mut World) -> Result<(), Halted> {
    w.scene()
        .check_since(0, |server, after| Client::Once { server, after })
}

/// What a server asks that is to be refused, and how a scenario calls it.
const UNLAWFUL: [&str; 10] = [
    "reads under a critical option that nobody knows",
    "reads an object that nobody has",
    "writes the number by which the client knows it",
    "reads what can only be executed",
    "deletes the device",
    "reads the keys",
    "executes what can only be read",
    "writes in a format that nobody knows",
    "reads in a format that nobody knows",
    "writes a life time that is no number",
];

#[when(
    regex = r"^its server (reads under a critical option that nobody knows|reads an object that nobody has|writes the number by which the client knows it|reads what can only be executed|deletes the device|reads the keys|executes what can only be read|writes in a format that nobody knows|reads in a format that nobody knows|writes a life time that is no number)$"
)]
async fn asks_unlawfully(w: &mut World, what: String) -> Result<(), Halted> {
    let scene = w.scene();
    let number = UNLAWFUL.iter().position(|known| *known == what);
    let setting = |scene: &mut Scene, resource| scene.setting(0, resource);
    let request = match number.unwrap_or_default() {
        0 => {
            let mut request = scene.about(0, Code::GET, path(&BINDING))?;
            request.options.push((UNKNOWN.0, b"x".to_vec()));
            request
        }
        1 => scene.about(0, Code::GET, path(&[NO_OBJECT]))?,
        2 => {
            let id = setting(scene, SHORT_ID)?;
            let before = scene.read_from(0, id).await?;
            scene.client()?.before = Some(before);
            scene.writing((0, id), Value::Integer(4711))?
        }
        3 => {
            let trigger = setting(scene, TRIGGER)?;
            scene.about(0, Code::GET, trigger)?
        }
        4 => scene.about(0, Code::DELETE, path(&DEVICE))?,
        5 => scene.about(0, Code::GET, path(&[0]))?,
        6 => scene.about(0, Code::POST, path(&BINDING))?,
        7 => {
            let lifetime = setting(scene, LIFETIME)?;
            let before = scene.read_from(0, lifetime).await?;
            scene.client()?.before = Some(before);
            let request = scene.about(0, Code::PUT, lifetime)?;
            request.with_body(NO_FORMAT, WRITTEN[0].to_string())
        }
        8 => {
            let mut request = scene.about(0, Code::GET, path(&BINDING))?;
            let accept = NO_FORMAT.0.to_be_bytes();
            request.options.push((option::ACCEPT.0, accept.to_vec()));
            request
        }
        _ => {
            let lifetime = setting(scene, LIFETIME)?;
            let before = scene.read_from(0, lifetime).await?;
            scene.client()?.before = Some(before);
            let request = scene.about(0, Code::PUT, lifetime)?;
            match scene.lwm2m_profile()?.version.0 {
                Version::V1_0 => request.with_body(ContentFormat::LWM2M_TLV, NO_NUMBER),
                _ => request.with_body(ContentFormat::TEXT, "soon"),
            }
        }
    };
    scene.ask(0, request).await?;
    Ok(())
}

#[when("its server creates a second device")]
async fn creates_device(w: &mut World) -> Result<(), Halted> {
    let value = Entry::new(path(&SECOND_DEVICE), Value::String("+01:00".to_owned()));
    let scene = w.scene();
    scene
        .ask_with_several(Code::POST, path(&DEVICE[..1]), &[value])
        .await
}

#[then("there is still but one device")]
async fn is_one_device(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.read_from(0, path(&SECOND_DEVICE[..2])).await?;
    scene.check_last(|act| Answer::Denied { act })
}

#[then(
    regex = "^the client refuses it (because of that option|as nothing that it has|as nothing that can be done there|as no business of a server|as no right of that server|because of the format|because it has no such format|as a bad request)$"
)]
async fn refuses(w: &mut World, why: String) -> Result<(), Halted> {
    let code = match why.as_str() {
        "because of that option" => "4.02",
        "as nothing that it has" => "4.04",
        "as nothing that can be done there" => "4.05",
        "as no business of a server" | "as no right of that server" => "4.01",
        "because of the format" => "4.15",
        "because it has no such format" => "4.06",
        _ => "4.00",
    };
    w.scene().client_refuses(code)
}

#[when("a stranger writes another life time")]
async fn stranger_writes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let before = scene.read_from(0, lifetime).await?;
    let server = scene.server_of_client(0)?;
    let Some(client) = scene.stage.look(&server, Tester::heard) else {
        return Err(scene.inconclusive("the client was not heard"));
    };
    let at = scene.stage.bind("stranger").await?;
    let seed = scene.seed.derive("stranger");
    let version = scene.lwm2m_profile()?.version.0;
    let shared = Arc::new(Shared::new(version, 60, &[client]));
    let role = Device::new("stranger", at, seed);
    let stranger = scene.stage.enter("stranger", role, shared);
    let request = scene.writing((0, lifetime), Value::Integer(FOREIGN))?;
    let format = request.format.unwrap_or(ContentFormat::TEXT);
    let (mut bytes, mut rng) = (Vec::new(), seed.rng());
    let token = rng.u32(..).to_be_bytes();
    let written = Writer::new(&mut bytes, Type::Con, Code::PUT, rng.u16(..), &token)
        .path(&request.path)
        .content_format(format)
        .payload(&request.payload);
    if let Err(error) = written {
        return Err(scene.inconclusive(format!("{lifetime}: {error:?}")));
    }
    let after = scene.stage.recorded();
    let order = device::Order::SendRaw { server: 0, bytes };
    scene.stage.act_within(&stranger, order, PATIENCE).await?;
    let act = Act {
        party: "stranger".to_owned(),
        after,
        upto: scene.stage.recorded(),
    };
    scene.stage.rest(EFFECT).await;
    let client = scene.client()?;
    client.before = Some(before);
    client.stranger = Some(act);
    Ok(())
}

#[then("the client does not confirm that to the stranger")]
async fn refuses_stranger(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    match scene.client()?.stranger.clone() {
        Some(act) => {
            let check = Answer::Refused { act };
            scene.check(&Check::Lwm2m(Lwm2m::from(check)));
            Ok(())
        }
        None => Err(scene.inconclusive("no stranger did anything")),
    }
}

#[when("its server writes several values, of which one is none")]
async fn writes_half_good(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let before = scene.read_from(0, lifetime).await?;
    scene.client()?.before = Some(before);
    let account = scene.account(0)?;
    let values = [
        Entry::new(lifetime, Value::Integer(HALF_GOOD)),
        Entry::new(
            scene.setting(0, STORING)?,
            Value::String(NEITHER.to_owned()),
        ),
    ];
    scene.ask_with_several(Code::POST, account, &values).await
}

impl Scene {
    pub(super) async fn is_unchanged(
        &mut self,
        resource: u16,
        advisory: bool,
    ) -> Result<(), Halted> {
        let setting = self.setting(0, resource)?;
        let after = self.read_from(0, setting).await?;
        match self.client()?.before.clone() {
            Some(before) => {
                self.check_client(Client::Unchanged {
                    before,
                    after,
                    advisory,
                });
                Ok(())
            }
            None => Err(self.inconclusive("nothing was read before")),
        }
    }
}

#[then("the life time is what it was")]
async fn lifetime_unchanged(w: &mut World) -> Result<(), Halted> {
    w.scene().is_unchanged(LIFETIME, false).await
}

#[then("the number is what it was")]
async fn number_unchanged(w: &mut World) -> Result<(), Halted> {
    w.scene().is_unchanged(SHORT_ID, false).await
}

#[then("nothing of that was written")]
async fn nothing_written(w: &mut World) -> Result<(), Halted> {
    w.scene().is_unchanged(LIFETIME, true).await
}
