//! Executing (TS 1.0.2 §5.4.5), and what resources that can be executed do.

use std::time::Duration;

use twinproof_coap::{Code, Message};

use super::manage::{EXECUTE, definition};
use super::{Device, Done, Effect, Moment, Shared, path_of};
use crate::model::TEST_OBJECT;
use crate::wire::{Entry, Path, Value, arguments};

/// Firmware Update (object 5): states and results.
const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;
const UPDATING: i64 = 3;
const INITIAL: i64 = 0;
const SUCCESS: i64 = 1;
const UNSUPPORTED_PROTOCOL: i64 = 9;

impl Device {
    pub(super) fn execute(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        path: Path,
        body: &[u8],
    ) -> Result<Done, Code> {
        let shared = moment.shared;
        self.exists(shared, path.prefix(2))?;
        let (_, resource) = definition(shared, path)?;
        let resource = resource.ok_or(Code::NOT_FOUND)?;
        if !self.granted(shared, account, EXECUTE, path.prefix(2)) {
            return Err(Code::UNAUTHORIZED);
        }
        if !shared.rules.is_executable(resource.operations) {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        arguments::parse(body).map_err(|_| Code::BAD_REQUEST)?;
        let mut effects = Vec::new();
        match path.ids() {
            [1, _, 4] => {
                let about = self.owner(shared, path).unwrap_or(account);
                let away = self
                    .setting(shared, about, 5)
                    .and_then(|value| value.number());
                effects.push(Effect::Disable(Duration::from_secs(
                    away.unwrap_or(86_400.0) as u64,
                )));
            }
            [1, _, 8] => {
                let account = Some(self.owner(shared, path).unwrap_or(account));
                effects.push(Effect::Update {
                    account,
                    query: Vec::new(),
                    list: false,
                });
            }
            [1, _, 9] => {
                let account = self.bootstrap_account(shared).is_some();
                if !account {
                    return Err(Code::METHOD_NOT_ALLOWED);
                }
                if shared.rules.is_triggered(account) {
                    effects.push(Effect::Bootstrap);
                }
            }
            [3, 0, 4] => effects.push(Effect::Reboot),
            [3, 0, 5] => {
                self.changes = None;
                self.provision = None;
                effects.push(Effect::Reboot);
            }
            [3, 0, 12] => {
                let errors = self.tree(shared).values(path_of(&[3, 0, 11]));
                let changes = self.change();
                for (path, _) in errors {
                    changes.remove(path);
                }
                changes.set(path_of(&[3, 0, 11, 0]), Value::Integer(0));
            }
            [5, 0, 2] => {
                let state = self
                    .tree(shared)
                    .number(path_of(&[5, 0, 3]))
                    .unwrap_or_default();
                if !shared.rules.installs(state as i64) {
                    return Err(Code::METHOD_NOT_ALLOWED);
                }
                self.set_firmware(UPDATING, INITIAL);
                effects.push(Effect::Reboot);
            }
            [TEST_OBJECT, instance, 22] => {
                let counter = path_of(&[TEST_OBJECT, *instance, 20]);
                let count = self.tree(shared).number(counter).unwrap_or_default() as i64;
                let said = String::from_utf8_lossy(body).into_owned();
                let changes = self.change();
                changes.set(counter, Value::Integer(count + 1));
                changes.set(path_of(&[TEST_OBJECT, *instance, 23]), Value::String(said));
            }
            _ => {}
        }
        Ok(Done {
            effects,
            ..Done::plain(Message::new(Code::CHANGED))
        })
    }

    /// The server that an instance of the Server object is for.
    fn owner(&self, shared: &Shared, path: Path) -> Option<usize> {
        let mut accounts = 0..self.servers(shared).len();
        accounts.find(|&account| self.account_of(shared, account) == Some(path.prefix(2)))
    }

    /// What a Write to the package or its address does to the state of firmware.
    pub(super) fn take_firmware(&mut self, shared: &Shared, entries: &[Entry]) {
        for entry in entries {
            match (entry.path.ids(), &entry.value) {
                ([5, 0, 0], Some(Value::Opaque(package))) => {
                    let empty = package.is_empty() || package == &[0];
                    let reset = shared.rules.resets_firmware(empty);
                    // A package is not kept: it is large, and there is nothing that would run it.
                    self.change().remove(entry.path);
                    self.set_firmware(if reset { IDLE } else { DOWNLOADED }, INITIAL);
                }
                ([5, 0, 1], Some(Value::String(uri))) => {
                    let result = if uri.is_empty() {
                        INITIAL
                    } else {
                        UNSUPPORTED_PROTOCOL
                    };
                    self.set_firmware(IDLE, result);
                }
                _ => {}
            }
        }
    }

    /// Firmware that was being installed when the device went down is there when it comes up.
    pub(super) fn finish_firmware(&mut self, shared: &Shared) {
        let state = self.tree(shared).number(path_of(&[5, 0, 3]));
        if state == Some(UPDATING as f64) {
            self.set_firmware(IDLE, SUCCESS);
        }
    }

    fn set_firmware(&mut self, state: i64, result: i64) {
        let changes = self.change();
        changes.set(path_of(&[5, 0, 3]), Value::Integer(state));
        changes.set(path_of(&[5, 0, 5]), Value::Integer(result));
    }
}
