//! What is wrong with an upper tester before it is used.

use twinproof_judge::profile::{
    CommandExchange, CommandTester, EventStream, HttpExchange, HttpTester, Login, UpperTester,
    Webhook,
};

use crate::program;

/// What is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The dotted key, below the section of the upper tester.
    pub key: String,
    /// What was expected.
    pub why: String,
}

/// The first thing that is wrong with an upper tester, if anything.
pub fn fault(tester: &UpperTester) -> Option<Fault> {
    let checked = match tester {
        UpperTester::Builtin => Err(Fault {
            key: String::new(),
            why: "only the built-in system has a hand inside; expected http, command or manual"
                .to_owned(),
        }),
        UpperTester::Command(tester) => command(tester),
        UpperTester::Http(tester) => http(tester),
        UpperTester::Manual(_) => Ok(()),
    };
    checked.err()
}

fn at(key: &str, checked: Result<(), String>) -> Result<(), Fault> {
    checked.map_err(|why| Fault {
        key: key.to_owned(),
        why,
    })
}

fn programs<'a>(
    define: &str,
    programs: impl IntoIterator<Item = (&'a str, Option<&'a String>)>,
) -> Result<(), Fault> {
    for (key, text) in programs {
        if let Some(text) = text {
            at(key, program::check(define, text))?;
        }
    }
    Ok(())
}

fn http(tester: &HttpTester) -> Result<(), Fault> {
    let define = tester.define.as_str();
    let plain = |url: &str| match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(()),
        false => Err(format!(
            "expected a URL that begins with http:// or https:// and a host, got {url:?}"
        )),
    };
    at("http.base_url", plain(&tester.base_url))?;
    at("http.define", program::check(define, "."))?;
    let own = [
        ("http.vars", tester.vars.as_ref()),
        ("http.answer", tester.answer.as_ref()),
    ];
    programs(define, own)?;
    if let Some(Login {
        url, body, token, ..
    }) = &tester.login
    {
        at("http.login.url", plain(url))?;
        let own = [
            ("http.login.body", body.as_ref()),
            ("http.login.token", Some(token)),
        ];
        programs(define, own)?;
    }
    for (name, exchange) in [("provision", &tester.provision), ("forget", &tester.forget)] {
        if let Some(exchange) = exchange {
            http_exchange(&format!("http.{name}"), define, exchange)?;
        }
    }
    if let Some(EventStream { url, event }) = &tester.events {
        at("http.events.url", behind(url))?;
        programs(define, [("http.events.event", Some(event))])?;
    }
    if let Some(Webhook {
        subscribe,
        unsubscribe,
        event,
    }) = &tester.webhook
    {
        programs(define, [("http.webhook.event", Some(event))])?;
        for (name, exchange) in [("subscribe", subscribe), ("unsubscribe", unsubscribe)] {
            if let Some(exchange) = exchange {
                http_exchange(&format!("http.webhook.{name}"), define, exchange)?;
            }
        }
        if subscribe.is_none() && unsubscribe.is_some() {
            let why = "expected webhook.subscribe beside it: there is nothing to undo";
            return at("http.webhook.unsubscribe", Err(why.to_owned()));
        }
    }
    let operations = tester.operations.iter();
    let operations = operations.map(|(name, exchange)| (format!("operations.{name}"), exchange));
    let get = tester.get.iter().map(|get| ("get".to_owned(), get));
    for (name, exchange) in operations.chain(get) {
        let key = format!("http.{name}");
        http_exchange(&key, define, exchange)?;
        if exchange.answer.is_none() && tester.answer.is_none() {
            return at(&key, Err(NO_ANSWER.to_owned()));
        }
    }
    Ok(())
}

const NO_ANSWER: &str = "expected a program that reads the answer, here or for all: answer";

/// What stands behind a base URL cannot lead to another host.
fn behind(url: &str) -> Result<(), String> {
    match url.is_empty() || url.starts_with(['/', '?']) {
        true => Ok(()),
        false => Err(format!(
            "expected what stands behind the base URL, beginning with / or ?, got {url:?}"
        )),
    }
}

fn http_exchange(key: &str, define: &str, exchange: &HttpExchange) -> Result<(), Fault> {
    let token = |method: &str| match method.bytes().all(|b| b.is_ascii_uppercase()) {
        true if !method.is_empty() => Ok(()),
        _ => Err(format!("expected a method such as GET, got {method:?}")),
    };
    at(&format!("{key}.method"), token(&exchange.method))?;
    at(&format!("{key}.url"), behind(&exchange.url))?;
    let (body, answer) = (format!("{key}.body"), format!("{key}.answer"));
    let own = [
        (body.as_str(), exchange.body.as_ref()),
        (answer.as_str(), exchange.answer.as_ref()),
    ];
    programs(define, own)?;
    match &exchange.poll {
        Some(poll) => http_exchange(&format!("{key}.poll"), define, poll),
        None => Ok(()),
    }
}

fn command(tester: &CommandTester) -> Result<(), Fault> {
    let define = tester.define.as_str();
    if tester.command.first().is_none_or(String::is_empty) {
        let why = "expected a program and its arguments, such as [\"lwm2mserver\", \"-4\"]";
        return at("command.command", Err(why.to_owned()));
    }
    at("command.define", program::check(define, "."))?;
    let own = [
        ("command.vars", tester.vars.as_ref()),
        ("command.answer", tester.answer.as_ref()),
    ];
    programs(define, own)?;
    let operations = tester.operations.iter();
    let operations = operations.map(|(name, exchange)| (format!("operations.{name}"), exchange));
    let get = tester.get.iter().map(|get| ("get".to_owned(), get));
    for (name, exchange) in operations.chain(get) {
        let key = format!("command.{name}");
        command_exchange(&key, tester, exchange)?;
        if exchange.answer.is_none() && tester.answer.is_none() {
            return at(&key, Err(NO_ANSWER.to_owned()));
        }
    }
    match &tester.start {
        Some(start) => command_exchange("command.start", tester, start),
        None => Ok(()),
    }
}

fn command_exchange(
    key: &str,
    tester: &CommandTester,
    exchange: &CommandExchange,
) -> Result<(), Fault> {
    if exchange.until.is_none() && tester.until.is_none() {
        let why = "expected a pattern that ends the answer, here or for all: until";
        return at(key, Err(why.to_owned()));
    }
    let answer = format!("{key}.answer");
    let own = [(answer.as_str(), exchange.answer.as_ref())];
    programs(&tester.define, own)
}

#[cfg(test)]
mod tests {
    use twinproof_judge::profile::Declared;

    use super::fault;
    use crate::profiles::READY;

    fn of(section: &str) -> Option<(String, String)> {
        let text = format!(
            "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coap://x\"\n{section}"
        );
        let declared = Declared::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let tester = declared.profile.lwm2m.unwrap().upper_tester.unwrap();
        fault(&tester).map(|fault| (fault.key, fault.why))
    }

    #[test]
    fn what_is_ready_has_no_fault() {
        for ready in READY {
            assert_eq!(of(ready.text), None, "{}", ready.name);
        }
        assert_eq!(of("[lwm2m.upper_tester.manual]\n"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        let http = "[lwm2m.upper_tester.http]\nbase_url = \"http://x\"\n";
        let read = "[lwm2m.upper_tester.http.operations.read]\n";
        let command = "[lwm2m.upper_tester.command]\ncommand = [\"x\"]\n";
        let line = "[lwm2m.upper_tester.command.operations.read]\nsend = \"r\"\n";
        for (section, key, says) in [
            (
                "upper_tester = \"builtin\"\n".to_owned(),
                "",
                "only the built-in",
            ),
            (
                "[lwm2m.upper_tester.http]\nbase_url = \"x\"\n".to_owned(),
                "http.base_url",
                "begins with http://",
            ),
            (
                format!("{http}{read}url = \"//evil\"\nanswer = \".a |\"\n"),
                "http.operations.read.answer",
                "expected",
            ),
            (
                format!("{http}{read}url = \".evil.example/\"\n"),
                "http.operations.read.url",
                "beginning with / or ?",
            ),
            (
                format!("{http}{read}url = \"/\"\n"),
                "http.operations.read",
                "a program that reads the answer",
            ),
            (
                format!("{http}define = \"def a:\"\n"),
                "http.define",
                "expected",
            ),
            (
                format!("{command}{line}answer = \".\"\n"),
                "command.operations.read",
                "a pattern that ends the answer",
            ),
            (
                format!("{http}[lwm2m.upper_tester.http.webhook]\nevent = \".a |\"\n"),
                "http.webhook.event",
                "expected",
            ),
            (
                format!(
                    "{http}[lwm2m.upper_tester.http.webhook]\nevent = \".\"\n\
                     unsubscribe = {{ url = \"/hooks\" }}\n"
                ),
                "http.webhook.unsubscribe",
                "nothing to undo",
            ),
        ] {
            let (at, why) = of(&section).unwrap();
            assert_eq!(at, key, "{section}");
            assert!(why.contains(says), "{section}: {why}");
        }
    }
}
