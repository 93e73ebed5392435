//! What a system claims to be able to do, what a run exercised of it, and what was seen of it.
//!
//! All of it is read from the profile and the record: a record of an earlier version says as much as one
//! of today. A claim that every attempt contradicts, and an ability that is disclaimed and there, are
//! warnings.

use std::collections::{BTreeMap, BTreeSet};

use twinproof_coap::{Class, Code, Packet, option};
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{self, Claimed, Contradiction, Place, Scenario};
use twinproof_lwm2m::upper::Answer;

use crate::capabilities::{By, Capabilities, Capability, Observe, Told, Use};
use crate::catalogue::role_of;
use crate::profile::{Lwm2m, OperationName, Profile};
use crate::scene::{Datagram, Operated, SUT, Scene};

/// Where a server lists its own resources.
const OWN_RESOURCES: &str = "/.well-known/core";

/// The table of a role, filled in; empty where the profile does not describe it.
pub(crate) fn table(
    capabilities: &Capabilities,
    profile: &Profile,
    (scenes, scenarios): (&BTreeMap<&str, Vec<Scene>>, &[Scenario]),
) -> Vec<report::Capability> {
    let described = profile.roles().contains(&capabilities.role.as_str());
    let Some(section) = profile.lwm2m.as_ref().filter(|_| described) else {
        return Vec::new();
    };
    let judges =
        |scene: &&Scene| role_of(&capabilities.enabler, &scene.started.tags) == capabilities.role;
    let scenes = scenes.values().flatten().filter(judges);
    let seen: Vec<Sight<'_>> = scenes.map(|scene| Sight::of(scene, scenarios)).collect();
    let rows = capabilities.capability.iter();
    rows.map(|capability| row(capability, &capabilities.enabler, section, &seen))
        .collect()
}

fn row(
    capability: &Capability,
    enabler: &str,
    section: &Lwm2m,
    scenes: &[Sight<'_>],
) -> report::Capability {
    let mut found = Found::default();
    for scene in scenes {
        found.look(capability, scene);
    }
    let word = word(capability, section);
    let wire = found.said.as_ref().map(|place| {
        let words = format!("it {} in {}", place.words, place.scenario);
        (true, words)
    });
    let (claimed, claimed_by) = match word.or(wire) {
        Some((true, by)) => (Claimed::Yes, by),
        Some((false, by)) => (Claimed::No, by),
        None => (Claimed::NotSaid, String::new()),
    };
    let shown = found.shown_by.as_ref().or(found.said.as_ref());
    let contradiction = match (claimed, shown, &found.refused_by) {
        (Claimed::No, Some(place), _) => Some(Contradiction::Under(format!(
            "{claimed_by}, and yet: {} ({} exchange {})",
            place.words, place.scenario, place.exchange
        ))),
        (Claimed::Yes, _, Some(place)) if found.seen.is_empty() => {
            Some(Contradiction::Over(format!(
                "{claimed_by}, and yet whenever it was tried: {} ({} exchange {})",
                place.words, place.scenario, place.exchange
            )))
        }
        _ => None,
    };
    report::Capability {
        id: capability.id.clone(),
        enabler: enabler.to_owned(),
        group: capability.group.clone(),
        title: capability.title.clone(),
        claimed,
        claimed_by,
        exercised: found.exercised.into_iter().collect(),
        seen: found.seen.into_iter().collect(),
        shown_by: found.shown_by,
        contradiction,
    }
}

/// Whether the profile claims it, and where it says so; none if it does not speak of it.
fn word(capability: &Capability, section: &Lwm2m) -> Option<(bool, String)> {
    if let Some(is) = section.capabilities.get(&capability.id) {
        let key = format!(
            "the profile says {is} to lwm2m.capabilities.{}",
            capability.id
        );
        return Some((*is, key));
    }
    let purposes = capability.purposes.iter();
    let mut claims = purposes.filter_map(|id| Some((id, *section.claims.get(id)?)));
    if let Some((id, is)) = claims.next() {
        return Some((is, format!("the profile says {is} to lwm2m.claims.{id}")));
    }
    let own = section.version.0;
    let since = capability.since.map(|since| since.0);
    let word = match since {
        Some(since) if since > own => Some(false),
        // That it has older versions as well, nobody has said.
        Some(since) if capability.version && since == own => Some(true),
        _ => None,
    };
    if let Some(is) = word {
        return Some((is, format!("the profile claims version {own}")));
    }
    let offered = section
        .upper_tester
        .as_ref()
        .and_then(|tester| tester.offers());
    let offered = offered.filter(|offered| {
        let mut wanted = capability.operations.iter();
        !capability.operations.is_empty() && wanted.all(|one| offered.contains(one))
    });
    offered.map(|_| (true, "its upper tester offers it".to_owned()))
}

/// What the scenes say of one capability.
#[derive(Default)]
struct Found {
    exercised: BTreeSet<String>,
    seen: BTreeSet<String>,
    shown_by: Option<Place>,
    refused_by: Option<Place>,
    /// The system claims it by what it asks for or lists.
    said: Option<Place>,
}

impl Found {
    fn look(&mut self, capability: &Capability, scene: &Sight<'_>) {
        for deal in &scene.deals {
            for one in capability
                .uses
                .iter()
                .filter(|one| one.is_tried(deal, scene))
            {
                self.exercised(scene);
                match one.succeeds(deal) {
                    true => self.shown(scene, deal.place(scene)),
                    false => self.refused(scene, deal.place(scene)),
                }
            }
            let tries = |one: &Use| one.is_tried(deal, scene);
            if capability.tries.iter().any(tries) {
                self.exercised(scene);
            }
            if capability.says.iter().any(tries) {
                let words = format!("asks for it ({})", deal.packet);
                self.said.get_or_insert(deal.place_of(scene, words));
            }
            if capability
                .link
                .as_ref()
                .is_some_and(|link| deal.lists(link))
            {
                let words = "lists it among its resources".to_owned();
                self.said.get_or_insert(deal.place_of(scene, words));
            }
        }
        for (before, operated) in &scene.operated {
            let name = OperationName::from(&operated.operation);
            let place = || scene.place(operated.number, told(operated));
            if capability.operations.contains(&name) {
                self.exercised(scene);
                let refused = matches!(operated.answer, Answer::Refused(_) | Answer::Timeout);
                let mut deals = scene.deals.iter();
                let went_out = deals.any(|deal| {
                    let meanwhile = deal.number > *before && deal.number < operated.number;
                    meanwhile && capability.uses.iter().any(|one| one.is_tried(deal, scene))
                });
                if refused && !went_out {
                    self.refused(scene, place());
                }
            }
            if capability.kept && matches!(operated.answer, Answer::Kept { .. }) {
                self.exercised(scene);
                self.shown(scene, place());
            }
        }
    }

    fn exercised(&mut self, scene: &Sight<'_>) {
        self.exercised.insert(scene.id.to_owned());
    }

    fn shown(&mut self, scene: &Sight<'_>, place: Place) {
        self.seen.insert(scene.id.to_owned());
        self.shown_by.get_or_insert(place);
    }

    /// Where a scenario got what it expects, a refusal is what it is about.
    fn refused(&mut self, scene: &Sight<'_>, place: Place) {
        if !scene.as_expected {
            self.refused_by.get_or_insert(place);
        }
    }
}

fn told(operated: &Operated) -> String {
    let name = OperationName::from(&operated.operation);
    match &operated.answer {
        Answer::Refused(why) => format!("{name} was refused: {why}"),
        Answer::Timeout => format!("{name} came to no end"),
        Answer::Kept { .. } => format!("{name} has to wait"),
        _ => name.to_string(),
    }
}

/// A scene as far as capabilities are concerned.
struct Sight<'s> {
    id: &'s str,
    /// Its scenario passed.
    as_expected: bool,
    deals: Vec<Deal<'s>>,
    /// What an operator did on devices, each with the number of what it did before.
    operated: Vec<(u64, &'s Operated)>,
    /// Where registrations are.
    locations: BTreeSet<String>,
}

/// A request between the system and a device, and what came of it.
struct Deal<'s> {
    number: u64,
    by: By,
    packet: Packet<'s>,
    path: Vec<&'s str>,
    answer: Option<Packet<'s>>,
    /// What the operator was told of it.
    operated: Option<&'s Operated>,
}

impl<'s> Sight<'s> {
    fn of(scene: &'s Scene, scenarios: &[Scenario]) -> Self {
        let scenario = scenarios.iter().find(|scenario| scenario.id == scene.id);
        let as_expected = scenario
            .is_some_and(|scenario| matches!(scenario.verdict, Verdict::Pass | Verdict::Inspect));
        let all = scene.operated.values();
        let on_devices = all.filter(|operated| operated.operation.endpoint().is_some());
        let mut before = 0;
        let operated = on_devices.map(|one| (std::mem::replace(&mut before, one.number), one));
        let operated: Vec<_> = operated.collect();
        let answers = Answers::of(scene);
        let datagrams = scene.datagrams.iter();
        let deals: Vec<Deal<'s>> = datagrams
            .filter_map(|datagram| Deal::of(datagram, &answers, &operated))
            .collect();
        let locations = deals.iter().filter_map(|deal| {
            let answer = deal
                .answer
                .filter(|answer| answer.code() == Code::CREATED)?;
            let segments = answer.strings(option::LOCATION_PATH).map_while(Result::ok);
            (deal.by == By::Device).then(|| joined(segments))
        });
        Self {
            id: &scene.id,
            as_expected,
            locations: locations.collect(),
            operated,
            deals,
        }
    }

    fn place(&self, exchange: u64, words: String) -> Place {
        Place {
            scenario: self.id.to_owned(),
            exchange,
            words,
        }
    }
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    segments.fold(String::new(), |path, segment| path + "/" + segment)
}

/// Who asked, who was asked, and the token.
type Asked<'s> = (&'s str, &'s str, Vec<u8>);

/// The answers of a scene, in the order of their numbers.
struct Answers<'s>(BTreeMap<Asked<'s>, Vec<(u64, Packet<'s>)>>);

impl<'s> Answers<'s> {
    fn of(scene: &'s Scene) -> Self {
        let mut answers = BTreeMap::<_, Vec<_>>::new();
        for datagram in &scene.datagrams {
            let answer = datagram
                .packet()
                .filter(|answer| answer.code().class() == Class::Response);
            if let Some(answer) = answer {
                let (from, to) = (datagram.from.as_str(), datagram.to.as_str());
                let key = (to, from, answer.token_bytes().to_vec());
                answers
                    .entry(key)
                    .or_default()
                    .push((datagram.number, answer));
            }
        }
        Self(answers)
    }

    /// The first answer to a request.
    fn to(&self, datagram: &'s Datagram, request: &Packet<'s>) -> Option<Packet<'s>> {
        let (from, to) = (datagram.from.as_str(), datagram.to.as_str());
        let answers = self.0.get(&(from, to, request.token_bytes().to_vec()))?;
        let later = answers.partition_point(|(number, _)| *number <= datagram.number);
        answers.get(later).map(|(_, answer)| *answer)
    }
}

impl<'s> Deal<'s> {
    fn of(
        datagram: &'s Datagram,
        answers: &Answers<'s>,
        operated: &[(u64, &'s Operated)],
    ) -> Option<Self> {
        let packet = datagram.packet()?;
        let by = match (datagram.from.as_str(), datagram.to.as_str()) {
            (SUT, _) => By::Server,
            (_, SUT) => By::Device,
            _ => return None,
        };
        if packet.code().class() != Class::Request {
            return None;
        }
        let after = operated.partition_point(|(_, o)| o.number <= datagram.number);
        let answer = answers.to(datagram, &packet);
        Some(Self {
            number: datagram.number,
            by,
            packet,
            path: packet.path().map_while(Result::ok).collect(),
            answer,
            operated: operated.get(after).map(|(_, operated)| *operated),
        })
    }

    fn place_of(&self, scene: &Sight<'_>, words: String) -> Place {
        scene.place(self.number, words)
    }

    fn place(&self, scene: &Sight<'_>) -> Place {
        let answer = match &self.answer {
            Some(answer) => answer.code().to_string(),
            None => "no answer".to_owned(),
        };
        let told = self.operated.filter(|_| self.by == By::Server);
        let told = told.filter(|o| matches!(o.answer, Answer::Refused(_) | Answer::Timeout));
        let told = told.map_or_else(String::new, |operated| {
            format!("; {}", self::told(operated))
        });
        self.place_of(scene, format!("{answer} to {}{told}", self.packet))
    }

    /// Whether the system lists a path among its own resources.
    fn lists(&self, link: &str) -> bool {
        let target = format!("<{link}>");
        self.by == By::Device
            && joined(self.path.iter().copied()) == OWN_RESOURCES
            && self.answer.is_some_and(|answer| {
                let list = std::str::from_utf8(answer.payload()).unwrap_or_default();
                answer.code() == Code::CONTENT && list.contains(&target)
            })
    }
}

impl Use {
    /// Whether a request is one, whatever came of it.
    fn is_tried(&self, deal: &Deal<'_>, scene: &Sight<'_>) -> bool {
        let packet = &deal.packet;
        let current = |format: Result<Option<twinproof_coap::ContentFormat>, _>| {
            let format = format.ok().flatten();
            format.map(|format: twinproof_coap::ContentFormat| format.current().0)
        };
        let query = |wanted: &str| packet.queries().any(|argument| argument == Ok(wanted));
        let block = |packet: &Packet<'_>, number| packet.block(number).ok().flatten();
        let path = || joined(deal.path.iter().copied());
        self.by == deal.by
            && self.method.is_none_or(|method| method.0 == packet.code())
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| match wanted.as_str() {
                    "{location}" => scene.locations.contains(&path()),
                    wanted => path() == wanted,
                })
            && self.depth.is_none_or(|depth| depth == deal.path.len())
            && self.query.as_deref().is_none_or(query)
            && self
                .binding
                .is_none_or(|letter| packet.query("b").unwrap_or("U").contains(letter))
            && self.observe.is_none_or(|wanted| match packet.observe() {
                Ok(None) => wanted == Observe::None,
                Ok(Some(0)) => wanted == Observe::Begin,
                Ok(Some(_)) => wanted == Observe::End,
                Err(_) => false,
            })
            && self
                .accept
                .is_none_or(|wanted| current(packet.accept()) == Some(wanted))
            && self
                .accept_not
                .is_none_or(|other| current(packet.accept()) != Some(other))
            && self
                .format
                .is_none_or(|wanted| current(packet.content_format()) == Some(wanted))
            && self
                .payload
                .is_none_or(|is| is != packet.payload().is_empty())
            && (!self.block1 || block(packet, option::BLOCK1).is_some_and(|b| b.more()))
            && (!self.block2 || block(packet, option::BLOCK2).is_some_and(|b| b.num() > 0))
            && self.answer_format.is_none_or(|wanted| {
                let answer = deal
                    .answer
                    .as_ref()
                    .filter(|answer| answer.code().is_success());
                answer.is_some_and(|answer| current(answer.content_format()) == Some(wanted))
            })
            && (!self.answer_in_blocks
                || deal.answer.is_some_and(|answer| {
                    block(&answer, option::BLOCK2).is_some_and(|b| b.more() && b.num() == 0)
                }))
    }

    /// Whether such a request succeeded.
    fn succeeds(&self, deal: &Deal<'_>) -> bool {
        let answered = self.answer.as_ref().is_none_or(|wanted| {
            let answer = deal.answer.as_ref();
            answer.is_some_and(|answer| answer.code().to_string().starts_with(wanted.as_str()))
        });
        let told = match self.told {
            None => true,
            Some(Told::Reply) => deal.operated.is_some_and(|operated| {
                let reply = |answer: &Answer| match answer {
                    Answer::Reply(reply) => reply.code.is_success() && !reply.values.is_empty(),
                    _ => false,
                };
                reply(&operated.answer)
            }),
        };
        answered && told
    }
}
