//! How a client is made to do what its user could: by a hand inside, or by who controls it elsewhere.

use twinproof_evidence::record::{Halt, What};
use twinproof_lwm2m::bootstrap::{Account, Credentials};
use twinproof_lwm2m::device::{Answer, Behaviour, Device, Order};
use twinproof_lwm2m::upper::{Control, PATIENCE};

use super::{Halted, Handle, Stage};
use crate::upper::{ClientControl, Reach};

/// The instances in which a card has its account.
const CARD: u16 = 30;

/// Who controls the client.
pub(super) enum Controller {
    None,
    Hand(Handle<Device>),
    Elsewhere(Box<dyn ClientControl>),
}

impl Stage {
    /// From now on this client does what a tester has its user do.
    pub fn control_hosted(&mut self, client: Handle<Device>) {
        self.controller = Controller::Hand(client);
    }

    /// From now on the client that runs elsewhere is controlled by this.
    pub fn control_by(&mut self, control: Box<dyn ClientControl>) {
        self.controller = Controller::Elsewhere(control);
    }

    /// Whether somebody controls the client.
    pub fn is_controlled(&self) -> bool {
        !matches!(self.controller, Controller::None)
    }

    /// Has the user of the client do something.
    ///
    /// # Errors
    ///
    /// Nobody controls it, or it could not be done.
    pub async fn control(&mut self, control: Control) -> Result<(), Halted> {
        let what = control.to_string();
        let reach = self.reach();
        let done = match (&mut self.controller, reach) {
            (Controller::Hand(client), _) => {
                let silent = |silent| {
                    Order::Behave(Behaviour {
                        silent,
                        ..Behaviour::default()
                    })
                };
                let order = match control {
                    Control::InsertCard { ssid, uri, own } => {
                        let credentials = match own {
                            Some((identity, key)) => Credentials::Psk {
                                identity: identity.into_bytes(),
                                key,
                            },
                            None => Credentials::None,
                        };
                        let account = Account {
                            credentials,
                            ..Account::open(CARD, ssid, uri)
                        };
                        Order::Card(account.values())
                    }
                    Control::RemoveCard => Order::Card(Vec::new()),
                    Control::Offline => silent(true),
                    Control::Online => silent(false),
                    Control::PowerCycle => Order::PowerCycle,
                    Control::Set { path, value } => Order::Set { path, value },
                    Control::Start => Order::Start,
                };
                let order = vec![(client.clone(), order)];
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(Answer::Impossible(why)) => Err(why),
                    _ => Ok(()),
                }
            }
            (Controller::Elsewhere(control_by), Some(reach)) => {
                control_by.perform(&reach, control).await
            }
            (Controller::Elsewhere(_), None) => Err("the virtual stage has no network".to_owned()),
            (Controller::None, _) => Err("the profile has no [lwm2m.client.control]".to_owned()),
        };
        let failed = done.err().map(|why| self.recorder.secrets().conceal(&why));
        self.recorder.write(
            self.now(),
            What::Hooked {
                hook: what.clone(),
                failed: failed.clone(),
            },
        );
        match failed {
            None => Ok(()),
            Some(why) => Err(self.halt(Halt::Inconclusive {
                why: format!("the control of the client (lwm2m.client.control), {what}: {why}"),
            })),
        }
    }

    /// How the client came to its end, if it has by itself, as far as who controls it can tell.
    pub async fn client_ended(&mut self) -> Option<String> {
        match &mut self.controller {
            Controller::Elsewhere(control) => {
                let how = control.ended().await?;
                Some(self.recorder.secrets().conceal(&how))
            }
            Controller::Hand(_) | Controller::None => None,
        }
    }

    pub(super) async fn end_client(&mut self, reach: &Reach) {
        if let Controller::Elsewhere(control) = &mut self.controller {
            control.leave(reach).await;
        }
    }
}
