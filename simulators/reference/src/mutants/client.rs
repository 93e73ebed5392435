//! Broken LwM2M clients.

use twinproof_coap::{Code, Message};
use twinproof_lwm2m::device::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::wire::Path;
use twinproof_lwm2m::wire::links::{Item, ObjectList};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "client-nameless" "registers without saying its name" breaks "LW-CLI-01"
    caught by { "lwm2m/client/one-endpoint" "lwm2m/introduced" }
    fn parameters(&self, f: facts::RegisterFacts<'_>) -> Vec<String> {
        let mut query = Standard.parameters(f);
        query.retain(|argument| !argument.starts_with("ep="));
        query
    }

    "client-lists-two-devices" "lists its device twice" breaks "LW-CLI-01"
    caught by { "lwm2m/client/one-endpoint" "lwm2m/introduced" }
    fn list(&self, list: ObjectList) -> ObjectList {
        let mut list = list;
        list.items.extend(Path::new(&[3, 1]).map(Item::new));
        list
    }

    "client-reads-valid" "answers a read as if the server knew the value" breaks "LW-CLI-04"
    caught by { "lwm2m/client/read" "lwm2m/confirmed" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match f.method {
            Code::GET if message.code() == Code::CONTENT => Message::new(Code::VALID),
            _ => message,
        }
    }
};
