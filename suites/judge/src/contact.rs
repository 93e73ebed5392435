//! What came instead, where a system never gave a successful answer: the first thing to know of such
//! a run is which address was asked and what it said.

use std::collections::BTreeMap;

use crate::profile::Profile;
use crate::scene::{Exchange, SUT, Scene};

/// What came instead of a successful answer, and what to look at. `reason` is why the first scenario
/// could not go on: it is told where nothing was asked at all.
pub(crate) fn no_contact<'a>(
    scenes: impl IntoIterator<Item = &'a Scene>,
    profile: &Profile,
    reason: Option<&str>,
) -> String {
    let scenes: Vec<&Scene> = scenes.into_iter().collect();
    if let Some(words) = datagrams(&scenes, profile) {
        return words;
    }
    let asked: Vec<&Exchange> = scenes
        .into_iter()
        .flat_map(|scene| scene.exchanges.values())
        .filter(|exchange| exchange.to == SUT)
        .collect();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for exchange in &asked {
        *outcomes.entry(outcome(exchange)).or_default() += 1;
    }
    // Of equals, what came first.
    let most = asked
        .iter()
        .rev()
        .max_by_key(|exchange| outcomes[&outcome(exchange)]);
    let Some(most) = most else {
        let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        return format!("Nothing was asked of it{why}.");
    };
    let share = match (outcomes[&outcome(most)], asked.len()) {
        (1, 1) => "The only request".to_owned(),
        (n, all) if n == all => format!("All {all} requests"),
        (n, all) => format!("{n} of {all} requests"),
    };
    let came = match most.status() {
        Some(status) => format!("came back with {status}"),
        None => format!("got no answer ({})", outcome(most)),
    };
    format!(
        "{share} {came}, for example {} {}. {}",
        most.method,
        most.url,
        advice(most, profile)
    )
}

/// The same for a system that is asked by datagrams: what came instead of a confirmed registration, or
/// of an account.
fn datagrams(scenes: &[&Scene], profile: &Profile) -> Option<String> {
    let section = profile.lwm2m.as_ref()?;
    let (what, key, server) = match (&section.server, &section.bootstrap) {
        (Some(server), _) => ("No registration was confirmed", "[lwm2m]", server),
        (None, Some(own)) => ("No account was written", "[lwm2m.bootstrap]", &own.server),
        (None, None) => return client(scenes, profile),
    };
    let asked = scenes.iter().find_map(|scene| {
        let mut sent = scene.datagrams.iter();
        let request = sent.find(|datagram| datagram.to == SUT && datagram.packet().is_some())?;
        Some((request, scene.answer(request)))
    });
    let (request, answer) = asked?;
    let came = match answer.and_then(|answer| answer.packet()) {
        Some(packet) => format!("was answered by {}", packet.code()),
        None => "got no answer".to_owned(),
    };
    let line = request
        .packet()
        .map_or_else(String::new, |packet| packet.to_string());
    Some(format!(
        "{what}; the first request {came}: {line}. Is the server running, and is it reached at \
         {server:?}, which the profile gives as server under {key}?"
    ))
}

/// The same for a client, which begins by itself: what it sent instead of a registration or a request for
/// bootstrap.
fn client(scenes: &[&Scene], profile: &Profile) -> Option<String> {
    let section = profile.lwm2m.as_ref()?.client.as_ref()?;
    let mut sent = scenes.iter().flat_map(|scene| &scene.datagrams);
    let first = sent.find_map(|datagram| datagram.packet().filter(|_| datagram.from == SUT));
    let came = match first {
        Some(packet) => format!(
            "The client asked neither for a registration nor for bootstrap; the first that it sent was {packet}."
        ),
        None => "Nothing was heard of the client.".to_owned(),
    };
    let places = [&section.listen, &section.listen_bootstrap];
    let places: Vec<String> = places
        .into_iter()
        .flatten()
        .map(|place| format!("{place:?}"))
        .collect();
    let told = match places.as_slice() {
        [] => "the address that [lwm2m.client.control] gives it".to_owned(),
        places => format!(
            "{}, where the profile lets the tester listen",
            places.join(" or ")
        ),
    };
    let patience = section.patience;
    Some(format!(
        "{came} Was it started, was it told to come to {told}, and does it begin within \
         lwm2m.client.patience, which is {patience}?"
    ))
}

fn outcome(exchange: &Exchange) -> String {
    match (exchange.status(), &exchange.fault) {
        (Some(status), _) => status.to_string(),
        (None, Some(fault)) => fault.clone(),
        (None, None) => "the run ended before one came".to_owned(),
    }
}

/// What the profile says that would explain it.
fn advice(exchange: &Exchange, profile: &Profile) -> String {
    let Some(twinning) = &profile.twinning else {
        return "Is this the system's address?".to_owned();
    };
    let (base, paths) = (&twinning.base_url, &twinning.knobs.paths);
    let fault = exchange.fault.as_deref().unwrap_or_default();
    match exchange.status() {
        // Those words say what to do.
        None if fault.contains("TLS: ") => {
            "The system is there; what [tls] of the profile says has to agree with it.".to_owned()
        }
        None => format!(
            "Is the system running, and is it reached at {base:?}, which the profile gives as base_url \
             under [twinning]?"
        ),
        Some(401 | 403) => {
            "Do the tokens of the [[twinning.subscriber]]s still hold, and is each the one of its \
             address?"
                .to_owned()
        }
        Some(404 | 405) => format!(
            "Resources are looked for at base_url, which is {base:?} under [twinning] of the profile, \
             followed by \"/{}/{}/{{user}}{}\", which [twinning.knobs.paths] can change; is that where \
             the system has them?",
            paths.api, paths.version, paths.twinnings
        ),
        Some(200..=299) => {
            format!("That was no document of this API; is {base:?} the system under test?")
        }
        Some(300..=399) => {
            "Redirects are never followed: give the address that they lead to as base_url under \
             [twinning] of the profile."
                .to_owned()
        }
        Some(_) => format!(
            "Is {base:?}, which the profile gives as base_url under [twinning], the system under test?"
        ),
    }
}
