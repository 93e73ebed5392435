//! How DM servers are made to act.

use std::time::Duration;

use twinproof_dm::upper::{Answer, Event, Operation};
use twinproof_evidence::record::Halt;
use twinproof_gwmo::overseer::Overseer;

use super::PATIENCE;
use crate::hooks::{Heard, HookCall, ask};
use crate::stage::{Halted, Handle, Inner, Stage};

/// Who makes a server act.
pub(super) enum Tester {
    Hand(Handle<Overseer>),
    Hooks(Box<ServerHooks>),
}

/// What has a server act that runs elsewhere, as far as its profile has it.
#[derive(Clone)]
pub struct ServerHooks {
    /// Has a device do something in its next session.
    pub plan: HookCall,
    /// Says what devices did: all of it, or what comes after the first `{after}`.
    pub events: Option<HookCall>,
    /// Has the server notify `{device}` of `{session}` by SIP, at `{to}`.
    pub sip: Option<HookCall>,
    /// Has the server do something with devices behind a gateway, in the next session of that.
    pub behind: Option<HookCall>,
    /// How long each may take.
    pub patience: Duration,
}

impl Stage {
    /// From now on this server does what its application wants.
    pub fn attend_dm(&mut self, server: Handle<Overseer>) {
        self.dm.server = Some(Tester::Hand(server));
    }

    /// From now on these have the server do what its application wants, which runs elsewhere.
    pub fn attend_dm_by(&mut self, hooks: ServerHooks) {
        self.dm.server = Some(Tester::Hooks(Box::new(hooks)));
    }

    /// Whether the server says what devices did; and whether it may say so a while after they did it.
    pub fn tells_dm(&self) -> (bool, bool) {
        match &self.dm.server {
            None => (false, false),
            Some(Tester::Hand(_)) => (true, false),
            Some(Tester::Hooks(hooks)) => (hooks.events.is_some(), true),
        }
    }

    /// Has the server's application do something; returns what came of it, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it refused or did not answer.
    pub async fn operate_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        match self.ask_dm(operation).await? {
            (Answer::Refused(why), _) => Err(self.unoperated(&why)),
            answered => Ok(answered),
        }
    }

    /// The same, where that the server refuses it is an answer.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it did not answer.
    pub async fn ask_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let answered = match self.dm.server.take() {
            None => {
                let why =
                    "nobody can make the server act: the profile has no dm.server.upper_tester";
                let why = why.to_owned();
                return Err(self.halt(Halt::Inconclusive { why }));
            }
            Some(Tester::Hand(server)) => {
                self.dm.server = Some(Tester::Hand(server.clone()));
                let acted = self
                    .perform(vec![(server, operation)], PATIENCE, false)
                    .await?;
                let answer = acted.into_iter().map(|acted| acted.answer).next();
                Ok(answer.unwrap_or(Answer::Done))
            }
            Some(Tester::Hooks(hooks)) => {
                let answered = self.by_hooks(&hooks, &operation).await;
                self.dm.server = Some(Tester::Hooks(hooks));
                answered
            }
        };
        let conceal = |why: String| self.recorder.secrets().conceal(&why);
        let (answer, failed) = match answered {
            Ok(Answer::Refused(why)) => (Answer::Refused(conceal(why)), None),
            Ok(answer) => (answer, None),
            Err(why) => {
                let why = conceal(why);
                (Answer::Refused(why.clone()), Some(why))
            }
        };
        let told = serde_json::to_value(&answer).unwrap_or_default();
        let number = self.recorder.operated(self.now(), recorded, told);
        match failed {
            None => Ok((answer, number)),
            Some(why) => Err(self.unoperated(&why)),
        }
    }

    fn unoperated(&mut self, why: &str) -> Halted {
        let why = format!("the upper tester (dm.server.upper_tester): {why}");
        self.halt(Halt::Inconclusive { why })
    }

    async fn by_hooks(&self, hooks: &ServerHooks, operation: &Operation) -> Result<Answer, String> {
        let hook = filled(hooks, operation)?;
        let Heard { said, failed } = match &self.inner {
            Inner::Live(live) => ask(live.network(), &hook, hooks.patience).await,
            Inner::Simulated(_) => Heard::nothing("the virtual stage has no network"),
        };
        match (operation, failed) {
            (Operation::Events { after }, None) => {
                // Who is not told how many are known says all.
                let known = match hooks.events.as_ref().is_some_and(HookCall::says_after) {
                    true => 0,
                    false => *after,
                };
                let mut events: Vec<Event> = serde_json::from_str(&said)
                    .map_err(|error| format!("events: expected a list of them in JSON: {error}"))?;
                events.drain(..known.min(events.len()));
                Ok(Answer::Events(events))
            }
            (_, failed) => match (refused(&said), failed) {
                (Some(why), _) => Ok(Answer::Refused(why)),
                (None, None) => Ok(Answer::Done),
                (None, Some(why)) => Err(why),
            },
        }
    }
}

/// What has a server do this, with all that its texts name.
fn filled(hooks: &ServerHooks, operation: &Operation) -> Result<HookCall, String> {
    match operation {
        Operation::Plan { device, act } => {
            let names = act.names().map_err(|error| error.to_string())?;
            let device = [("device", device.clone())];
            let named: Vec<_> = device.into_iter().chain(names).collect();
            Ok(hooks.plan.naming(&named))
        }
        Operation::Events { after } => {
            let events = hooks.events.as_ref();
            let events = events.ok_or("it does not say what devices did: it has no hook.events")?;
            Ok(events.naming(&[("after", after.to_string())]))
        }
        Operation::Send {
            device,
            session,
            to,
            ..
        } => {
            let sip = hooks.sip.as_ref();
            let sip = sip.ok_or("it sends no notification by SIP: it has no hook.sip")?;
            let named = [
                ("device", device.clone()),
                ("session", format!("{session:X}")),
                ("to", to.to_string()),
            ];
            Ok(sip.naming(&named))
        }
        Operation::Behind { gateway, errand } => {
            let behind = hooks.behind.as_ref();
            let behind =
                behind.ok_or("it manages nothing behind gateways: it has no hook.behind")?;
            let gateway = [("gateway", gateway.clone())];
            let named: Vec<_> = gateway.into_iter().chain(errand.names()).collect();
            Ok(behind.naming(&named))
        }
        Operation::Trigger { .. } | Operation::Notify { .. } => {
            Err("it has devices do something, and a notification was wanted".to_owned())
        }
        _ => Err("it has devices do something, and something else was wanted".to_owned()),
    }
}

/// Why the server refused what it was asked for, if that is what a hook said.
fn refused(said: &str) -> Option<String> {
    let said: serde_json::Value = serde_json::from_str(said).ok()?;
    Some(said.get("refused")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinproof_dm::upper::{Act, Errand, Event, Operation};

    use super::{ServerHooks, filled, refused};
    use crate::hooks::HookCall;

    fn plan() -> Operation {
        Operation::Plan {
            device: "IMEI:1'2".to_owned(),
            act: Act::Get {
                uri: "./DevInfo/\"x\"".to_owned(),
            },
        }
    }

    fn hooks(plan: HookCall) -> ServerHooks {
        ServerHooks {
            plan,
            events: None,
            sip: None,
            behind: None,
            patience: Duration::ZERO,
        }
    }

    fn command(line: &str) -> HookCall {
        HookCall::Command(line.to_owned())
    }

    #[test]
    fn what_a_command_line_names_is_one_word_each() {
        let hooks = hooks(command("queue {device} {command} {uri} {other}"));
        let Ok(HookCall::Command(line)) = filled(&hooks, &plan()) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "queue 'IMEI:1'\\''2' 'Get' './DevInfo/\"x\"' {other}");
    }

    #[test]
    fn what_a_call_names_is_written_as_its_place_wants_it() {
        let hook = HookCall::Http {
            method: "POST".to_owned(),
            url: "http://s/{device}/commands".to_owned(),
            body: r#"{"what": "{command}", "at": "{uri}", "raw": "{xml}"}"#.to_owned(),
        };
        let Ok(HookCall::Http { url, body, .. }) = filled(&hooks(hook), &plan()) else {
            panic!("expected a call");
        };
        assert_eq!(url, "http://s/IMEI%3A1%272/commands");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["at"], "./DevInfo/\"x\"");
        let raw = body["raw"].as_str().unwrap();
        assert!(
            raw.starts_with("<Get") && raw.contains("<CmdID>1</CmdID>"),
            "{raw}"
        );
    }

    #[test]
    fn what_is_wanted_behind_a_gateway_is_named_by_its_words() {
        let asked = Operation::Behind {
            gateway: "G".to_owned(),
            errand: Errand::Change {
                devices: vec!["A".to_owned(), "B".to_owned()],
                uri: "./X".to_owned(),
                value: "y".to_owned(),
            },
        };
        let mut hooks = hooks(command("queue"));
        let Err(why) = filled(&hooks, &asked) else {
            panic!("expected nobody to be told");
        };
        assert!(why.contains("hook.behind"), "{why}");
        let words = "{want} {gateway} {devices} {uri} {value} {push}";
        hooks.behind = Some(command(words));
        let Ok(HookCall::Command(line)) = filled(&hooks, &asked) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "'change' 'G' 'A,B' './X' 'y' ''");
    }

    #[test]
    fn what_is_no_wish_for_a_device_is_not_for_it() {
        assert!(filled(&hooks(command("queue")), &Operation::Devices).is_err());
    }

    #[test]
    fn who_does_not_say_what_devices_did_is_not_asked() {
        let mut hooks = hooks(command("queue"));
        let asked = Operation::Events { after: 3 };
        let Err(why) = filled(&hooks, &asked) else {
            panic!("expected nobody to ask");
        };
        assert!(why.contains("hook.events"), "{why}");
        hooks.events = Some(command("events --skip {after}"));
        let Ok(HookCall::Command(line)) = filled(&hooks, &asked) else {
            panic!("expected a command line");
        };
        assert_eq!(line, "events --skip '3'");
    }

    #[test]
    fn only_a_word_of_its_own_is_a_refusal() {
        assert_eq!(
            refused(r#"{"refused": "too large"}"#).as_deref(),
            Some("too large")
        );
        for other in ["", "refused", r#"{"refused": true}"#, r#"["refused"]"#] {
            assert_eq!(refused(other), None, "{other}");
        }
    }

    #[test]
    fn an_event_may_leave_out_what_it_has_not() {
        let said = r#"[{"did": {"device": "d", "outcome": {"statuses": [{"command": "Get", "code": 404}]}}}]"#;
        let events: Vec<Event> = serde_json::from_str(said).unwrap();
        assert!(matches!(&events[..], [Event::Did { outcome, .. }] if outcome.results.is_empty()));
    }
}
