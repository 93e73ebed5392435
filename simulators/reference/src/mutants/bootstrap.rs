//! Broken LwM2M bootstrap servers.

use twinproof_coap::{Code, Message};
use twinproof_lwm2m::bootstrap::Step;
use twinproof_lwm2m::bootstrap::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::wire::{Entry, Value};

use super::{Mutant, mutants};

/// Gives a value at a resource of an object another one.
fn rewritten(values: Vec<Entry>, at: (u16, u16), to: impl Fn(&Value) -> Value) -> Vec<Entry> {
    let rewrite = |mut entry: Entry| {
        if (entry.path.object(), entry.path.resource()) == (Some(at.0), Some(at.1)) {
            entry.value = entry.value.as_ref().map(&to);
        }
        entry
    };
    values.into_iter().map(rewrite).collect()
}

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "bootstrap-confirmed-otherwise" "confirms a request for bootstrap with the code of a read" breaks "LW-BS-01"
    caught by {
        "lwm2m/bootstrap/device-is-provisioned" "lwm2m/confirmed",
        "lwm2m/bootstrap/device-is-provisioned-again" "lwm2m/confirmed",
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match f.bootstrap && message.code().is_success() {
            true => Message::new(Code::CONTENT),
            false => message,
        }
    }

    "bootstrap-in-the-clear" "gives accounts in the clear to a device that has credentials" breaks "LW-SEC-17"
    caught by {
        "lwm2m/bootstrap/nothing-in-the-clear" "lwm2m/refused",
        "lwm2m/bootstrap/nothing-in-the-clear" "lwm2m/spared",
    }
    fn refuses_peer(&self, f: facts::PeerFacts) -> Option<Code> {
        Standard.refuses_peer(f).filter(|_| f.shown)
    }

    "bootstrap-any-name" "gives a device the accounts of any name, whoever it has shown to be" breaks "LW-SEC-17"
    caught by {
        "lwm2m/bootstrap/nothing-to-another" "lwm2m/refused",
        "lwm2m/bootstrap/nothing-to-another" "lwm2m/spared",
    }
    fn refuses_peer(&self, f: facts::PeerFacts) -> Option<Code> {
        Standard.refuses_peer(f).filter(|_| !f.shown)
    }

    "bootstrap-other-keys" "gives keys that the server does not have to which it leads devices" breaks "LW-BS-03"
    caught by { "lwm2m/bootstrap/leads-with-keys" "lwm2m/led" }
    fn writes(&self, values: Vec<Entry>, f: facts::WriteFacts<'_>) -> Vec<Entry> {
        rewritten(Standard.writes(values, f), (0, 5), |key| match key {
            Value::Opaque(key) => Value::Opaque(key.iter().map(|octet| !octet).collect()),
            other => other.clone(),
        })
    }

    "bootstrap-without-end" "never says that a bootstrap is over" breaks "LW-BS-01"
    caught by { "lwm2m/bootstrap/device-is-provisioned" "lwm2m/provisioned" }
    fn steps(&self, f: facts::StepFacts<'_>) -> Vec<Step> {
        let mut steps = Standard.steps(f);
        steps.retain(|step| *step != Step::Finish);
        steps
    }

    "bootstrap-once" "refuses a device that was bootstrapped before" breaks "LW-BS-01"
    also breaks { "LW-BS-05", "LW-BS-06" because "who is refused is not bootstrapped" }
    caught by {
        "lwm2m/bootstrap/device-is-provisioned-again" "lwm2m/confirmed",
        "lwm2m/bootstrap/device-is-provisioned-again" "lwm2m/provisioned",
    }
    fn refuses_name(&self, f: facts::NameFacts<'_>) -> Option<Code> {
        match f.again {
            true => Some(Code::BAD_REQUEST),
            false => Standard.refuses_name(f),
        }
    }

    "server-object-left-out" "writes keys and addresses of accounts, and nothing more" breaks "LW-BS-02"
    also breaks { "LW-BS-01" because "half an account is none" }
    caught by {
        "lwm2m/bootstrap/accounts-fit" "lwm2m/fits",
        "lwm2m/bootstrap/device-is-provisioned" "lwm2m/provisioned",
    }
    fn steps(&self, f: facts::StepFacts<'_>) -> Vec<Step> {
        let mut steps = Standard.steps(f);
        let is_server = |step: &Step| matches!(step, Step::Write(path) if path.object() == Some(1));
        steps.retain(|step| !is_server(step));
        steps
    }

    "halves-of-two-servers" "writes halves of accounts that are for different servers" breaks "LW-BS-02"
    caught by { "lwm2m/bootstrap/accounts-fit" "lwm2m/fits" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        rewritten(values, (1, 0), |ssid| Value::Integer(ssid.number().unwrap_or_default() as i64 + 1))
    }

    "one-number-for-all" "gives all servers of a device the same number" breaks "LW-BS-02"
    caught by { "lwm2m/bootstrap/accounts-fit" "lwm2m/fits" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        let values = rewritten(values, (0, 10), |_| Value::Integer(1));
        rewritten(values, (1, 0), |_| Value::Integer(1))
    }

    "address-without-scheme" "writes the bare name of a server's host as its address" breaks "LW-BS-02"
    caught by { "lwm2m/bootstrap/accounts-fit" "lwm2m/fits" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        rewritten(values, (0, 0), |_| Value::String("server.example".to_owned()))
    }

    "key-left-out" "writes whose key is shared, and not the key" breaks "LW-BS-02"
    caught by { "lwm2m/bootstrap/accounts-fit" "lwm2m/fits" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        rewritten(values, (0, 5), |_| Value::Opaque(Vec::new()))
    }

    "life-time-left-out" "leaves out how long registrations live" breaks "LW-BS-02"
    caught by { "lwm2m/bootstrap/accounts-fit" "lwm2m/fits" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        let mut values = values;
        values.retain(|entry| (entry.path.object(), entry.path.resource()) != (Some(1), Some(1)));
        values
    }

    "life-time-of-nothing" "gives devices a life time that their server refuses" breaks "LW-BS-03"
    caught by { "lwm2m/bootstrap/leads-to-its-server" "lwm2m/led" }
    fn writes(&self, values: Vec<Entry>, _f: facts::WriteFacts<'_>) -> Vec<Entry> {
        rewritten(values, (1, 1), |_| Value::Integer(0))
    }

    "strangers-provisioned" "gives a device that nobody knows the accounts of another" breaks "LW-BS-04"
    caught by {
        "lwm2m/bootstrap/stranger-refused" "lwm2m/refused-with",
        "lwm2m/bootstrap/stranger-refused" "lwm2m/spared",
    }
    fn refuses_name(&self, f: facts::NameFacts<'_>) -> Option<Code> {
        f.name.is_none_or(str::is_empty).then_some(Code::BAD_REQUEST)
    }
    fn gives(&self, f: facts::GiveFacts<'_>) -> String { f.first.unwrap_or(f.name).to_owned() }

    "nameless-provisioned" "gives who does not say who he is the accounts of another" breaks "LW-BS-04"
    caught by {
        "lwm2m/bootstrap/nameless-refused" "lwm2m/refused-with",
        "lwm2m/bootstrap/nameless-refused" "lwm2m/spared",
    }
    fn refuses_name(&self, f: facts::NameFacts<'_>) -> Option<Code> {
        f.name.and_then(|_| Standard.refuses_name(f))
    }
    fn gives(&self, f: facts::GiveFacts<'_>) -> String {
        let given = if f.name.is_empty() { f.first.unwrap_or_default() } else { f.name };
        given.to_owned()
    }

    "refused-writes-passed-over" "goes on when a device refuses a write, and calls it a success" breaks "LW-BS-05"
    caught by { "lwm2m/bootstrap/refused-write-is-no-success" "lwm2m/honest" }
    fn goes_on(&self, _f: facts::OutcomeFacts) -> bool { true }

    "keys-mixed-up" "gives a device the accounts of another that bootstraps at the same time" breaks "LW-BS-06"
    caught by { "lwm2m/bootstrap/two-at-the-same-time" "lwm2m/unmixed" }
    fn gives(&self, f: facts::GiveFacts<'_>) -> String { f.other.unwrap_or(f.name).to_owned() }

    "operations-first" "begins to write before it has confirmed the request" breaks "LW-IF1-01"
    caught by { "lwm2m/bootstrap/in-this-order" "lwm2m/in-order" }
    fn begins(&self, _f: facts::BeginFacts) -> bool { true }

    "writes-after-the-end" "writes again after the end of a bootstrap" breaks "LW-IF1-01"
    caught by { "lwm2m/bootstrap/in-this-order" "lwm2m/ended" }
    fn steps(&self, f: facts::StepFacts<'_>) -> Vec<Step> {
        let steps = Standard.steps(f);
        let first = steps.iter().copied().find(|step| matches!(step, Step::Write(_)));
        steps.iter().copied().chain(first).collect()
    }
    fn has_succeeded(&self, _f: facts::OutcomeFacts) -> bool { false }
};
