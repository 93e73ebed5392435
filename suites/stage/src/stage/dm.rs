//! How DM servers and clients are made to act: by a hand inside, by a hook, or not at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinproof_dm::client::{self, Client};
use twinproof_dm::server::Server;
use twinproof_dm::upper::{Answer, Operation};
use twinproof_evidence::record::{Halt, What};
use twinproof_kernel::Seed;

use super::{Halted, Handle, Inner, Stage};
use crate::hooks::{HookCall, run_once};

/// How long a hand inside may take: it answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who makes DM systems act.
#[derive(Default)]
pub(super) struct Hands {
    server: Option<Tester>,
    client: Option<Starter>,
}

/// Who makes a server act.
enum Tester {
    Hand(Handle<Server>),
    Hook(HookCall, Duration),
}

/// Who has a client begin a session.
enum Starter {
    Hand(Handle<Client>),
    Hook(HookCall, Duration),
}

impl Stage {
    /// From now on this server does what its application wants.
    pub fn attend_dm(&mut self, server: Handle<Server>) {
        self.dm.server = Some(Tester::Hand(server));
    }

    /// From now on this has the server do what its application wants, which runs elsewhere.
    pub fn attend_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.server = Some(Tester::Hook(hook, patience));
    }

    /// From now on this client begins a session when it is told to.
    pub fn control_dm(&mut self, client: Handle<Client>) {
        self.dm.client = Some(Starter::Hand(client));
    }

    /// From now on this has the client begin a session that runs elsewhere.
    pub fn control_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.client = Some(Starter::Hook(hook, patience));
    }

    /// A seed that no run before this one had, for what systems remember that run elsewhere; on the virtual
    /// stage the seed itself.
    pub fn fresh(&self, seed: Seed) -> Seed {
        match &self.inner {
            Inner::Live(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default().as_nanos();
                seed.derive(&now.to_string())
            }
            Inner::Simulated(_) => seed,
        }
    }

    /// Has the server's application do something; returns what came of it, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it did not answer.
    pub async fn operate_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let answer = match self.dm.server.take() {
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
                answer.unwrap_or(Answer::Done)
            }
            Some(Tester::Hook(hook, patience)) => {
                let done = match (filled(&hook, &operation), &self.inner) {
                    (Ok(hook), Inner::Live(live)) => {
                        run_once(live.network(), &hook, patience).await
                    }
                    (Ok(_), Inner::Simulated(_)) => {
                        Err("the virtual stage has no network".to_owned())
                    }
                    (Err(why), _) => Err(why),
                };
                self.dm.server = Some(Tester::Hook(hook, patience));
                match done {
                    Ok(()) => Answer::Done,
                    Err(why) => Answer::Refused(self.recorder.secrets().conceal(&why)),
                }
            }
        };
        let told = serde_json::to_value(&answer).unwrap_or_default();
        let number = self.recorder.operated(self.now(), recorded, told);
        match answer {
            Answer::Refused(why) => {
                let why = format!("the upper tester (dm.server.upper_tester): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
            answer => Ok((answer, number)),
        }
    }

    /// Has the client begin a session with a server, where somebody can; else it is waited for.
    ///
    /// # Errors
    ///
    /// It could not be begun.
    pub async fn start_dm(&mut self, server: &str) -> Result<(), Halted> {
        let failed = match self.dm.client.take() {
            None => return Ok(()),
            Some(Starter::Hand(client)) => {
                let order = client::Order::Start {
                    server: server.to_owned(),
                };
                let order = vec![(client.clone(), order)];
                self.dm.client = Some(Starter::Hand(client));
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            Some(Starter::Hook(hook, patience)) => {
                let done = match &self.inner {
                    Inner::Live(live) => run_once(live.network(), &hook, patience).await,
                    Inner::Simulated(_) => Err("the virtual stage has no network".to_owned()),
                };
                self.dm.client = Some(Starter::Hook(hook, patience));
                done.err()
            }
        };
        let failed = failed.map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: "begin a session".to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to begin a session (dm.client.start): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }
}

/// What has a server do this, with all that its texts name.
fn filled(hook: &HookCall, operation: &Operation) -> Result<HookCall, String> {
    let Operation::Plan { device, act } = operation else {
        let got = match operation {
            Operation::Trigger { .. } => "a notification",
            _ => "something else",
        };
        return Err(format!("it has devices do something, and {got} was wanted"));
    };
    let names = act.names().map_err(|error| error.to_string())?;
    let fill = |text: &str, written: &dyn Fn(&str) -> String| {
        let device = [("device", device.clone())];
        let all = device.iter().chain(&names);
        // One pass: what is put in names nothing.
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let named = |name: &str| {
                let inside = after.strip_prefix('{')?.strip_prefix(name)?;
                inside.strip_prefix('}')
            };
            let found = all
                .clone()
                .find_map(|(name, value)| Some((named(name)?, value)));
            rest = match found {
                Some((behind, value)) => {
                    out.push_str(&written(value));
                    behind
                }
                None => {
                    out.push('{');
                    &after[1..]
                }
            };
        }
        out.push_str(rest);
        out
    };
    Ok(match hook {
        HookCall::Command(line) => {
            let quoted = |value: &str| format!("'{}'", value.replace('\'', "'\\''"));
            HookCall::Command(fill(line, &quoted))
        }
        HookCall::Http { method, url, body } => {
            let is_json = body.trim_start().starts_with(['{', '[']);
            let inside = |value: &str| match is_json {
                true => {
                    let text = serde_json::Value::from(value).to_string();
                    text[1..text.len() - 1].to_owned()
                }
                false => value.to_owned(),
            };
            HookCall::Http {
                method: method.clone(),
                url: fill(url, &percent_encoded),
                body: fill(body, &inside),
            }
        }
    })
}

fn percent_encoded(value: &str) -> String {
    let octets = value.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        octet => format!("%{octet:02X}"),
    });
    octets.collect()
}

#[cfg(test)]
mod tests {
    use twinproof_dm::upper::{Act, Operation};

    use super::filled;
    use crate::hooks::HookCall;

    fn plan() -> Operation {
        Operation::Plan {
            device: "IMEI:1'2".to_owned(),
            act: Act::Get {
                uri: "./DevInfo/\"x\"".to_owned(),
            },
        }
    }

    #[test]
    fn what_a_command_line_names_is_one_word_each() {
        let hook = HookCall::Command("queue {device} {command} {uri} {other}".to_owned());
        let Ok(HookCall::Command(line)) = filled(&hook, &plan()) else {
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
        let Ok(HookCall::Http { url, body, .. }) = filled(&hook, &plan()) else {
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
    fn what_is_no_wish_for_a_device_is_not_for_it() {
        let hook = HookCall::Command("queue".to_owned());
        assert!(filled(&hook, &Operation::Devices).is_err());
    }
}
