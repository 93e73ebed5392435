//! Operators observe, and devices report.

use cucumber::{given, then, when};
use twinproof_coap::{Code, ContentFormat, Type, Writer};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::Asked;
use twinproof_judge::checks::lwm2m::reporting::{Check as Reporting, Report};
use twinproof_lwm2m::device::{Device, Notify, NotifyWith, Order, Register};
use twinproof_lwm2m::upper::{self, CancelBy, Operation, What};
use twinproof_lwm2m::wire::{Path, Value};
use twinproof_stage::Halted;

use super::manage::{BATTERY, path};
use super::parties::{LOOK_AFTER, Who, device_lifetime};
use crate::world::{Scene, World};

/// The free memory, in kilobytes.
pub(super) const MEMORY: [u16; 3] = [3, 0, 10];

/// An observation that the operator began.
#[derive(Clone, Debug)]
struct Watched {
    who: Who,
    path: Path,
    token: Vec<u8>,
}

/// What a device reported.
#[derive(Clone, Debug)]
struct Sent {
    who: Who,
    report: Report,
    /// Whether it is to be seen.
    seen: bool,
}

/// What is reported in a scenario.
#[derive(Default)]
pub(super) struct Reports {
    watched: Vec<Watched>,
    sent: Vec<Sent>,
    /// How many events the operator had seen before.
    known: u64,
    /// The last sequence number.
    sequence: u32,
    /// The last number before the operator or a device did what is looked at.
    pub(super) after: u64,
    /// Devices sent of their own accord what they sent.
    unasked: bool,
    /// A device has reported an error.
    failed: bool,
}

impl Scene {
    /// The newest observation of a path of a device.
    fn watched(&mut self, who: &Who, path: Path) -> Result<Watched, Halted> {
        let mut watched = self.lwm2m.reports.watched.iter().rev();
        let found = watched.find(|watched| watched.who == *who && watched.path == path);
        match found.cloned() {
            Some(watched) => Ok(watched),
            None => Err(self.inconclusive(format!("{path} is not observed"))),
        }
    }

    /// Has the operator observe, whatever comes of it.
    async fn observe(&mut self, who: &Who, path: Path) -> Result<upper::Answer, Halted> {
        let endpoint = self.device(who, device_lifetime()).await?.endpoint;
        self.lwm2m.read = Some(path);
        self.operate(Operation::Observe {
            endpoint,
            path,
            accept: None,
        })
        .await
    }

    /// The same, where the scenario needs it to succeed.
    async fn must_observe(&mut self, who: &Who, path: Path) -> Result<(), Halted> {
        let answer = self.observe(who, path).await?;
        match &answer {
            upper::Answer::Reply(reply) if reply.code == Code::CONTENT => {}
            other => {
                let why = format!("{path} cannot be observed: {other:?}");
                return Err(self.inconclusive(why));
            }
        }
        let device = self.device(who, device_lifetime()).await?.device;
        let observed = self.stage.look(&device, Device::shown).observed;
        let mut newest_first = observed.into_iter().rev();
        let Some(one) = newest_first.find(|one| one.paths == [path]) else {
            let why = format!("the device was not asked to report {path}");
            return Err(self.inconclusive(why));
        };
        let (who, token) = (who.clone(), one.token);
        let watched = Watched { who, path, token };
        self.lwm2m.reports.watched.push(watched);
        self.begin_reports().await
    }

    /// Notes what is reported already: it was seen before what the scenario is about.
    pub(super) async fn begin_reports(&mut self) -> Result<(), Halted> {
        let (_, known) = self.events(0).await?;
        self.lwm2m.reports.known = known;
        Ok(())
    }

    /// What the operator has been told after so many events, and how many those are in all.
    async fn events(&mut self, after: u64) -> Result<(Vec<upper::Event>, u64), Halted> {
        match self.operate(Operation::Events { after }).await? {
            upper::Answer::Events { events, known } => Ok((events, known)),
            other => {
                let why = format!("the operator cannot tell what was reported: {other:?}");
                Err(self.inconclusive(why))
            }
        }
    }

    /// Has a device report a number, with this token and sequence number.
    async fn report(
        &mut self,
        (who, path): (&Who, Path),
        token: Vec<u8>,
        (sequence, value): (u32, i64),
        (confirmable, seen): (bool, bool),
    ) -> Result<(), Halted> {
        let device = self.device(who, device_lifetime()).await?.device;
        let with = NotifyWith::Token {
            token,
            sequence,
            value: Value::Integer(value),
            confirmable,
        };
        let notify = Order::Notify(Notify {
            server: 0,
            path,
            with,
        });
        self.stage.act(&device, notify).await?;
        self.sent(who, path, value, seen);
        Ok(())
    }

    /// Notes what a device has sent of its own accord, and that it is to be seen.
    pub(super) fn sent_unasked(&mut self, who: &Who, path: Path, value: i64) {
        self.lwm2m.reports.unasked = true;
        self.sent(who, path, value, true);
    }

    /// Notes what a device has reported.
    pub(super) fn sent(&mut self, who: &Who, path: Path, value: i64, seen: bool) {
        let value = value.to_string();
        self.lwm2m.reports.sent.push(Sent {
            who: who.clone(),
            report: Report { path, value },
            seen,
        });
    }

    /// Has a device report a number as it should, with the next sequence number.
    pub(super) async fn report_next(
        &mut self,
        (who, path): (&Who, Path),
        value: i64,
        (confirmable, seen): (bool, bool),
    ) -> Result<(), Halted> {
        let token = self.watched(who, path)?.token;
        self.lwm2m.reports.sequence += 1;
        let sequence = self.lwm2m.reports.sequence;
        self.report((who, path), token, (sequence, value), (confirmable, seen))
            .await
    }

    /// Looks what the operator sees until that is all that has to be seen, at most as long as an exchange
    /// may take.
    pub(super) async fn see(&mut self) -> Result<(), Halted> {
        let reports = &self.lwm2m.reports;
        let known = reports.known;
        let due = reports.sent.iter().filter(|sent| sent.seen);
        let due: Vec<String> = due.map(|sent| sent.report.value.clone()).collect();
        let deadline = self.stage.now() + self.stage.pace().timeout;
        let mut pause = LOOK_AFTER;
        loop {
            let (events, _) = self.events(known).await?;
            let shown = events.iter().flat_map(|event| match &event.what {
                What::Notified { values, .. } | What::Sent { values } => values.as_slice(),
                _ => &[],
            });
            let shown = shown.filter_map(|entry| Some(entry.value.as_ref()?.to_string()));
            let shown: Vec<String> = shown.collect();
            if due.iter().all(|value| shown.contains(value)) || self.stage.now() >= deadline {
                return Ok(());
            }
            self.stage.rest(pause).await;
            pause *= 2;
        }
    }

    /// Records that of what devices reported the operator is to see what is to be seen, and nothing else.
    async fn is_reported(&mut self) -> Result<(), Halted> {
        self.see().await?;
        let Some(operated) = self.lwm2m.operated.clone() else {
            return Ok(());
        };
        let sent = self.lwm2m.reports.sent.clone();
        let mut who: Vec<Who> = sent.iter().map(|sent| sent.who.clone()).collect();
        who.dedup();
        for who in who {
            let endpoint = self.device(&who, device_lifetime()).await?.endpoint;
            let of = |seen: bool| {
                let own = sent.iter().filter(|sent| sent.who == who);
                let own = own.filter(|sent| sent.seen == seen);
                own.map(|sent| sent.report.clone()).collect()
            };
            let check = Reporting::Reported {
                operated: operated.number,
                endpoint,
                seen: of(true),
                hidden: of(false),
                after_error: self.lwm2m.reports.failed,
                unasked: self.lwm2m.reports.unasked,
            };
            self.check(&Check::Lwm2m(check.into()));
        }
        Ok(())
    }

    /// Has a device register, and its battery level observed.
    pub(super) async fn must_observe_battery(&mut self, who: &Who) -> Result<(), Halted> {
        let order = Order::Register(Register::default());
        self.must(who, order, Code::CREATED).await?;
        self.must_observe(who, path(&BATTERY)).await
    }

    /// Has devices report different battery levels at the same time.
    pub(super) async fn report_together(&mut self, devices: Vec<Who>) -> Result<(), Halted> {
        let path = path(&BATTERY);
        let mut orders = Vec::new();
        for (who, value) in devices.into_iter().zip(31..) {
            let with = NotifyWith::Token {
                token: self.watched(&who, path)?.token,
                sequence: 1,
                value: Value::Integer(value),
                confirmable: false,
            };
            self.sent(&who, path, value, true);
            let notify = Notify {
                server: 0,
                path,
                with,
            };
            orders.push((who, Order::Notify(notify)));
        }
        self.tell_all(orders).await?;
        Ok(())
    }

    /// Waits until a device knows what became of its confirmable messages: one at a time is under way, so
    /// that a report may stand behind another while what is not confirmable has long arrived.
    async fn comes_to_rest(&mut self, who: &Who) -> Result<(), Halted> {
        let device = self.device(who, device_lifetime()).await?.device;
        let limit = self.stage.pace().timeout;
        let what = "its confirmable messages to come to an end";
        self.stage
            .wait_for(&device, what, limit, Device::is_at_rest)
            .await;
        Ok(())
    }

    fn is_rejected(&mut self) {
        let check = Reporting::Rejected {
            party: "device".to_owned(),
            after: self.lwm2m.reports.after,
            after_error: self.lwm2m.reports.failed,
        };
        self.check(&Check::Lwm2m(check.into()));
    }
}

#[given(expr = "{who} whose battery level the operator observes")]
async fn observed(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().must_observe_battery(&who).await
}

#[given("the operator observes its free memory too")]
async fn observed_too(w: &mut World) -> Result<(), Halted> {
    w.scene().must_observe(&Who::first(), path(&MEMORY)).await
}

#[given(expr = "{who} has left")]
async fn has_left(w: &mut World, who: Who) -> Result<(), Halted> {
    let order = Order::Deregister { server: 0 };
    w.scene().must(&who, order, Code::DELETED).await
}

#[when(expr = "the operator observes the battery level of {who}")]
async fn observes(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().observe(&who, path(&BATTERY)).await?;
    Ok(())
}

#[when("the operator ends the report of the battery level")]
async fn ends(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let who = Who::first();
    let endpoint = scene.device(&who, device_lifetime()).await?.endpoint;
    scene.lwm2m.reports.after = scene.stage.recorded();
    let cancel = Operation::Cancel {
        endpoint,
        path: path(&BATTERY),
        by: CancelBy::Request,
    };
    match scene.operate(cancel).await? {
        upper::Answer::Unsupported(why) | upper::Answer::Refused(why) => {
            Err(scene.inconclusive(format!("the operator cannot end a report: {why}")))
        }
        _ => Ok(()),
    }
}

#[when(expr = "{who} reports at intervals")]
async fn reports(w: &mut World, who: Who) -> Result<(), Halted> {
    for value in [61, 62, 63, 64] {
        let of = (&who, path(&BATTERY));
        w.scene().report_next(of, value, (false, true)).await?;
        // On the way, one may overtake another.
        w.scene().see().await?;
    }
    Ok(())
}

#[when(expr = "the battery level of {who} falls")]
async fn falls(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.device(&who, device_lifetime()).await?.device;
    let (path, value) = (path(&BATTERY), 11);
    let set = Order::Set {
        path,
        value: Value::Integer(value),
    };
    scene.stage.act(&device, set).await?;
    scene.sent(&who, path, value, true);
    Ok(())
}

#[when(expr = "one report of {who} overtakes another")]
async fn overtakes(w: &mut World, who: Who) -> Result<(), Halted> {
    let numbers = [(5, true), (7, true), (6, false), (8, true)];
    report_numbered(w.scene(), &who, &numbers).await
}

#[when(expr = "{who} has used up the numbers of its reports, and one report overtakes another")]
async fn begins_anew(w: &mut World, who: Who) -> Result<(), Halted> {
    // No step may be larger than half of all numbers; the last one is 2^24 - 1.
    let numbers = [
        (8_000_000, true),
        (16_000_000, true),
        (16_777_214, true),
        (1, true),
        (16_777_215, false),
        (2, true),
    ];
    report_numbered(w.scene(), &who, &numbers).await
}

/// Has a device report with these sequence numbers, and say which of it is news.
async fn report_numbered(
    scene: &mut Scene,
    who: &Who,
    numbers: &[(u32, bool)],
) -> Result<(), Halted> {
    let path = path(&BATTERY);
    let token = scene.watched(who, path)?.token;
    for ((sequence, seen), value) in numbers.iter().zip(51..) {
        let (token, numbered) = (token.clone(), (*sequence, value));
        scene
            .report((who, path), token, numbered, (false, *seen))
            .await?;
        // On the way, one may overtake another.
        scene.see().await?;
    }
    Ok(())
}

#[when(expr = "{who} sends the same confirmable report twice, and then another")]
async fn sends_twice(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let path = path(&BATTERY);
    let watched = scene.watched(&who, path)?;
    scene.lwm2m.reports.after = scene.stage.recorded();
    scene.lwm2m.reports.sequence += 1;
    let id = scene.seed.derive("confirmable report").rng().u16(..);
    let mut bytes = Vec::new();
    let written = Writer::new(&mut bytes, Type::Con, Code::CONTENT, id, &watched.token)
        .observe(scene.lwm2m.reports.sequence)
        .content_format(ContentFormat::TEXT)
        .payload(b"71");
    if let Err(error) = written {
        return Err(scene.inconclusive(error.to_string()));
    }
    let device = scene.device(&who, device_lifetime()).await?.device;
    for _ in 0..2 {
        let order = Order::SendRaw {
            server: 0,
            bytes: bytes.clone(),
        };
        scene.stage.act(&device, order).await?;
    }
    scene.sent(&who, path, 71, true);
    scene.report_next((&who, path), 72, (false, true)).await
}

#[when(expr = "{who} reports both all the same")]
async fn reports_both(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    if scene.lwm2m.reports.failed {
        scene.lwm2m.reports.after = scene.stage.recorded();
    }
    let (battery, memory) = ((&who, path(&BATTERY)), (&who, path(&MEMORY)));
    scene.report_next(battery, 81, (true, false)).await?;
    scene.report_next(memory, 82, (false, true)).await
}

#[when(expr = "{who} reports what nobody observes, and then the battery level")]
async fn reports_unknown(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let mut token = scene.watched(&who, path(&BATTERY))?.token;
    // One octet more or less makes it another.
    match token.len() {
        8.. => token.truncate(7),
        _ => token.push(0),
    }
    scene.lwm2m.reports.after = scene.stage.recorded();
    let unknown = (&who, path(&MEMORY));
    scene.report(unknown, token, (1, 85), (true, false)).await?;
    scene
        .report_next((&who, path(&BATTERY)), 86, (false, true))
        .await
}

#[when(expr = "{who} reports an error instead of the battery level")]
async fn reports_error(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.device(&who, device_lifetime()).await?.device;
    let notify = Order::Notify(Notify {
        server: 0,
        path: path(&BATTERY),
        with: NotifyWith::Error(Code::NOT_FOUND),
    });
    scene.lwm2m.reports.failed = true;
    scene.stage.act(&device, notify).await?;
    Ok(())
}

#[when(expr = "{who} reports the battery level all the same, and then the other device does")]
async fn reports_after_leaving(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let of = (&who, path(&BATTERY));
    scene.report_next(of, 91, (true, false)).await?;
    let of = (&Who::other(), path(&BATTERY));
    scene.report_next(of, 92, (false, true)).await
}

#[then("the device is asked to report it")]
async fn asked_to_report(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.01".to_owned(),
        path: path(&BATTERY).to_string(),
        observe: Some(0),
        ..Asked::default()
    })
}

#[then("the operator sees each of these reports once and in order")]
#[then(
    "the operator sees each of these reports once and in order, but not the one that was overtaken"
)]
#[then("the operator sees the report of the free memory only")]
#[then("the operator sees the report of the battery level only")]
#[then("the operator sees the report of the other device only")]
#[then("the operator sees what was sent")]
async fn sees_reports(w: &mut World) -> Result<(), Halted> {
    w.scene().is_reported().await
}

#[then("the server acknowledges it each time")]
async fn acknowledges(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.comes_to_rest(&Who::first()).await?;
    scene.see().await?;
    let check = Reporting::Acknowledged {
        party: Who::first().name().to_owned(),
        after: scene.lwm2m.reports.after,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the device was told that the report is over")]
async fn was_told(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.see().await?;
    let check = Reporting::Stopped {
        party: Who::first().name().to_owned(),
        path: path(&BATTERY),
        also: Vec::new(),
        after: scene.lwm2m.reports.after,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the server rejects the former")]
#[then("the server rejects the report of the battery level")]
async fn rejects(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.comes_to_rest(&Who::first()).await?;
    scene.see().await?;
    scene.is_rejected();
    Ok(())
}

#[then("the device is asked again to report it, or the operator is told that the report is over")]
async fn asked_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let who = Who::first();
    let path = path(&BATTERY);
    let party = scene.device(&who, device_lifetime()).await?;
    let limit = scene.stage.pace().timeout;
    let (known, after) = (scene.lwm2m.reports.known, scene.last_act_after()?);
    let anew = move |device: &Device| {
        let observed = device.shown().observed;
        observed.iter().any(|one| one.paths == [path])
    };
    scene
        .stage
        .wait_for(&party.device, "observed anew", limit, anew)
        .await;
    scene.events(known).await?;
    let Some(operated) = scene.lwm2m.operated.clone() else {
        return Ok(());
    };
    let check = Reporting::Renewed {
        party: who.name().to_owned(),
        path,
        after,
        operated: operated.number,
        endpoint: party.endpoint,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
