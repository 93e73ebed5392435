//! Who sits in front of a client.

use std::time::Duration;

use twinproof_dm::client::{self, Client, Reply};
use twinproof_dm::upper::{Shown, User};
use twinproof_evidence::record::Halt;

use super::{PATIENCE, Starter};
use crate::hooks::HookCall;
use crate::stage::{Halted, Stage};

/// What asks somebody in front of a client that runs elsewhere.
#[derive(Clone)]
pub struct Front {
    /// Succeeds if the client shows the text for which `{text}` stands.
    pub sees: HookCall,
    /// Says to the client what stands in for `{reply}`.
    pub says: HookCall,
    /// How long either may take.
    pub patience: Duration,
}

/// How often somebody is asked whether a text is shown.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Stage {
    /// From now on this asks whoever sits in front of the client.
    pub fn front_dm_by(&mut self, front: Front) {
        self.dm.user = Some(front);
    }

    /// Waits until the client's user sees a text; says whether it came, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody can say what the user sees.
    pub async fn user_sees(&mut self, text: &str, limit: Duration) -> Result<(bool, u64), Halted> {
        let came = match (&self.dm.client, self.dm.user.clone()) {
            (Some(Starter::Hand(client, true)), _) => {
                let client = client.clone();
                let seen = |client: &Client| {
                    let mut shown = client.shown().iter();
                    shown.any(|shown| shown.dialog.text == text)
                };
                let what = "the user is shown a text";
                self.wait_for(&client, what, limit, seen).await
            }
            (_, Some(front)) => {
                let named = [("text", text.to_owned())];
                let sees = front.sees.naming(&named);
                let begun = self.now();
                loop {
                    if self.pull_dm(&sees, front.patience).await.is_ok() {
                        break true;
                    }
                    if self.now().since(begun) >= limit {
                        break false;
                    }
                    self.rest(LOOK_AGAIN).await;
                }
            }
            (_, None) => return Err(self.nobody()),
        };
        let asked = serde_json::to_value(User::Sees(text.to_owned()));
        let told = serde_json::to_value(if came { Shown::Yes } else { Shown::No });
        let (asked, told) = (asked.unwrap_or_default(), told.unwrap_or_default());
        let number = self.recorder.operated(self.now(), asked, told);
        Ok((came, number))
    }

    /// The client's user says something; returns its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody can say it, or there is nothing to say it to.
    pub async fn user_says(&mut self, reply: Reply) -> Result<u64, Halted> {
        let asked = serde_json::to_value(User::Says(reply.clone())).unwrap_or_default();
        // What is said may lead to anything: it is on record before that.
        let told = serde_json::to_value(Shown::Yes).unwrap_or_default();
        let number = self.recorder.operated(self.now(), asked, told);
        let failed = match (&self.dm.client, self.dm.user.clone()) {
            (Some(Starter::Hand(client, true)), _) => {
                let order = vec![(client.clone(), client::Order::Reply(reply))];
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            (_, Some(front)) => {
                let named = [("reply", words(&reply))];
                let says = front.says.naming(&named);
                self.pull_dm(&says, front.patience).await.err()
            }
            (_, None) => return Err(self.nobody()),
        };
        match failed {
            None => Ok(number),
            Some(why) => {
                let why = format!("the user was to say something (dm.client.user): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    fn nobody(&mut self) -> Halted {
        let why = "nobody can say what the user is shown: the profile has no dm.client.user";
        let why = why.to_owned();
        self.halt(Halt::Inconclusive { why })
    }
}

/// The reply as a hook is told it.
fn words(reply: &Reply) -> String {
    match reply {
        Reply::Cancel => "cancel".to_owned(),
        Reply::Chosen(all) => {
            let all: Vec<String> = all.iter().map(u32::to_string).collect();
            all.join("-")
        }
        Reply::No => "no".to_owned(),
        Reply::Nothing => String::new(),
        Reply::Text(text) => text.clone(),
        Reply::Yes => "yes".to_owned(),
    }
}
