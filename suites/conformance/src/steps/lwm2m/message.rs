//! Datagrams that are no message, copies of others, and answers that go astray.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::{Code, ContentFormat, Header, OptionNumber, Raw, Type, Writer};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_judge::checks::lwm2m::message::Check as Message;
use twinproof_judge::checks::lwm2m::operator::Check as Operator;
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_lwm2m::device::{Answers, Behaviour, Order};
use twinproof_lwm2m::upper::Operation;
use twinproof_stage::Halted;

use super::parties::{Who, device_lifetime};
use crate::world::{Scene, World};

/// An option that nobody has defined: critical, since its number is odd (RFC 7252 §5.4.6), and of those
/// that are there for experiments (§12.2).
const UNKNOWN: OptionNumber = OptionNumber(65_001);

/// How large a datagram is that still travels in one piece on any network, as its fragments: octets.
const LARGE: usize = 60_000;

/// How often it is asked whether anybody is there: a datagram alone may be lost.
const PINGS: u16 = 3;

/// How long an answer takes that comes without an acknowledgement: longer than the request waits for
/// one before it is repeated.
const LATE: Duration = Duration::from_secs(4);

/// Breaks one thing of a message.
type Breaks = fn(Raw) -> Vec<u8>;

/// What can be wrong with an update of a registration, and how a scenario calls it.
const BROKEN: [(&str, Breaks); 9] = [
    ("an update of another version of the message layer", |raw| {
        Raw { version: 2, ..raw }.to_bytes()
    }),
    ("an update whose token is too long", |mut raw| {
        raw.token.resize(9, 0);
        raw.token_length = 9;
        raw.to_bytes()
    }),
    ("an update that ends within an option", |raw| {
        let mut bytes = raw.to_bytes();
        bytes.truncate(bytes.len() - 2);
        bytes
    }),
    ("an update that announces a payload and has none", |raw| {
        Raw {
            marker: true,
            ..raw
        }
        .to_bytes()
    }),
    ("an update under a reserved code", |raw| {
        let code = raw.code | 0b111 << 5;
        Raw { code, ..raw }.to_bytes()
    }),
    ("an update as an acknowledgement", |raw| {
        Raw { ty: 2, ..raw }.to_bytes()
    }),
    (
        "an update with a critical option that nobody knows",
        |raw| raw.option(UNKNOWN, b"x").to_bytes(),
    ),
    ("half a header", |raw| raw.to_bytes()[..2].to_vec()),
    ("as much as fits into a datagram", |mut raw| {
        raw.marker = true;
        raw.payload = b"</1/0>,</3/0>,".repeat(LARGE / 14);
        raw.to_bytes()
    }),
];

impl Scene {
    /// The registration of a device, octet by octet.
    async fn registration(&mut self, who: &Who) -> Result<Vec<u8>, Halted> {
        let party = self.device(who, device_lifetime()).await?;
        let sent = self.stage.sent_by(&party.device);
        let registers = |bytes: &Vec<u8>| {
            Header::peek(bytes).is_some_and(|h| (h.ty, h.code) == (Type::Con, Code::POST))
        };
        match sent.into_iter().find(registers) {
            Some(bytes) => Ok(bytes),
            None => Err(self.inconclusive("the device never sent a registration")),
        }
    }

    /// Sends datagrams as they are.
    pub(super) async fn send_raw(
        &mut self,
        who: &Who,
        datagrams: Vec<Vec<u8>>,
    ) -> Result<(), Halted> {
        let after = self.stage.recorded();
        for bytes in datagrams {
            self.tell(who, Order::SendRaw { server: 0, bytes }).await?;
        }
        self.lwm2m.raw = Some(Act {
            party: who.name().to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        Ok(())
    }

    /// A message id that the device's own messages do not use: half-way round from where it began.
    pub(super) async fn unused_id(&mut self, who: &Who) -> Result<u16, Halted> {
        let registration = self.registration(who).await?;
        let id = Header::peek(&registration).map(|header| header.message_id);
        Ok(id.unwrap_or_default() ^ 0x8000)
    }

    /// An update of the device's registration, with nothing wrong yet.
    pub(super) async fn raw_update(&mut self, who: &Who) -> Result<Raw, Halted> {
        let party = self.device(who, device_lifetime()).await?;
        let Some(location) = party.locations.last() else {
            return Err(self.inconclusive("the device is not registered"));
        };
        let id = self.unused_id(who).await?;
        let token = self.seed.derive("raw").rng().u32(..).to_be_bytes();
        let mut bytes = Vec::new();
        let written = Writer::new(&mut bytes, Type::Con, Code::POST, id, &token)
            .path(location)
            .content_format(ContentFormat::LINK_FORMAT)
            .query(&format!("lt={}", device_lifetime()))
            .finish();
        match written {
            Ok(_) => Ok(Raw::dissect(&bytes)),
            Err(error) => Err(self.inconclusive(format!("{location}: {error:?}"))),
        }
    }

    pub(super) fn check_raw<C: Into<Lwm2m>>(
        &mut self,
        check: impl FnOnce(Act) -> C,
    ) -> Result<(), Halted> {
        let Some(act) = self.lwm2m.raw.clone() else {
            return Err(self.inconclusive("no datagram was sent as it is"));
        };
        self.check(&Check::Lwm2m(check(act).into()));
        Ok(())
    }

    async fn behaves(&mut self, who: &Who, behaviour: Behaviour) -> Result<(), Halted> {
        let behaviour = Behaviour {
            keeps_registered: false,
            ..behaviour
        };
        self.tell(who, Order::Behave(behaviour)).await?;
        Ok(())
    }
}

#[when(
    regex = r"^(the|another) device sends (an update .+|half a header|as much as fits into a datagram)$"
)]
async fn sends(w: &mut World, who: String, what: String) -> Result<(), Halted> {
    let scene = w.scene();
    let who: Who = match format!("{who} device").parse() {
        Ok(who) => who,
        Err(never) => match never {},
    };
    let update = scene.raw_update(&who).await?;
    let Some((_, broken)) = BROKEN.iter().find(|(name, _)| *name == what) else {
        return Err(scene.inconclusive(format!("nobody knows how to send {what}")));
    };
    scene.send_raw(&who, vec![broken(update)]).await
}

#[when(expr = "two updates of {who} arrive in another order than they were sent")]
async fn arrive_in_another_order(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let first = scene.raw_update(&who).await?;
    let mut second = first.clone();
    second.message_id = first.message_id.wrapping_add(1);
    second.token.iter_mut().for_each(|byte| *byte = !*byte);
    let swapped = vec![second.to_bytes(), first.to_bytes()];
    scene.send_raw(&who, swapped).await
}

#[when(expr = "{who} asks whether anybody is there")]
async fn pings(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let first = scene.unused_id(&who).await?;
    let ping = |number: u16| {
        let [high, low] = first.wrapping_add(number).to_be_bytes();
        vec![0x40, 0, high, low]
    };
    scene.send_raw(&who, (0..PINGS).map(ping).collect()).await
}

#[when(expr = "a copy of the registration of {who} arrives")]
async fn copy_arrives(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let registration = scene.registration(&who).await?;
    scene.send_raw(&who, vec![registration]).await
}

#[when("another device registers under the message id of the first")]
async fn registers_under_id(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (first, another) = (Who::first(), Who::other());
    let registration = scene.registration(&first).await?;
    let mut raw = Raw::dissect(&registration);
    // Another device in everything but the message id: another name of the same length, another token.
    let name = scene.device(&first, device_lifetime()).await?.endpoint;
    let own = scene.device(&another, device_lifetime()).await?.endpoint;
    for option in &mut raw.options {
        if option.value == format!("ep={name}").as_bytes() {
            option.value = format!("ep={own}").into_bytes();
        }
    }
    raw.token.iter_mut().for_each(|byte| *byte = !*byte);
    scene.send_raw(&another, vec![raw.to_bytes()]).await
}

#[given(expr = "the next answer of {who} is lost")]
async fn answer_is_lost(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        loses: 1,
        ..Behaviour::default()
    };
    w.scene().behaves(&who, behaviour).await
}

#[given(expr = "{who} answers late and without an acknowledgement")]
async fn answers_unannounced(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        delay: LATE,
        announces: false,
        ..Behaviour::default()
    };
    w.scene().behaves(&who, behaviour).await
}

#[given(expr = "the answers of {who} come a first time under another token")]
async fn answers_stray(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        strays: true,
        ..Behaviour::default()
    };
    w.scene().behaves(&who, behaviour).await
}

#[given(expr = "{who} answers with a reset")]
async fn answers_reset(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        answers: Answers::Reset,
        ..Behaviour::default()
    };
    w.scene().behaves(&who, behaviour).await
}

#[then("the server ignores that datagram")]
async fn ignores(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Message::Ignored { act })
}

#[then("the server rejects that datagram")]
async fn rejects(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Message::Reset { act })
}

#[then("the server takes both of them")]
async fn takes_both(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Message::EachTaken { act })
}

#[then("the server refuses that datagram because of the option")]
async fn refuses_option(w: &mut World) -> Result<(), Halted> {
    let code = "4.02".to_owned();
    w.scene().check_raw(|act| Answer::RefusedWith { act, code })
}

#[then("the server shows that it is there")]
async fn is_there(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Message::Ponged { act })
}

#[then("the server answers the copy as it answered the first")]
async fn answers_alike(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Message::Alike { act })
}

#[then("the server confirms that registration of the other device")]
async fn confirms_other(w: &mut World) -> Result<(), Halted> {
    w.scene().check_raw(|act| Answer::Registered { act })
}

#[then(expr = "the operator does not see {who}")]
async fn does_not_see(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let endpoint = scene.device(&who, device_lifetime()).await?.endpoint;
    scene.operate(Operation::Clients).await?;
    let Some(operated) = scene.lwm2m.operated.clone() else {
        return Err(scene.inconclusive("the operator did nothing"));
    };
    let check = Operator::NotShown {
        operated: operated.number,
        endpoint,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the operator is told of an error")]
async fn told_of_an_error(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(operated) = scene.lwm2m.operated.clone() else {
        return Err(scene.inconclusive("the operator did nothing"));
    };
    let check = Message::Untold {
        operated: operated.number,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
