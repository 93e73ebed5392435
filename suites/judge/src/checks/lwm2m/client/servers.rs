//! What a client shows one of its servers, and not the other.

use std::collections::BTreeSet;

use twinproof_coap::{Code, ContentFormat};
use twinproof_lwm2m::wire::Path;
use twinproof_lwm2m::wire::attributes::{Attribute, Attributes};

use super::super::{Act, blocks, came};
use super::values::{links, values};
use crate::checks::Found;
use crate::scene::Scene;

pub(super) fn attached(scene: &Scene, act: &Act, (path, wanted): (&str, &[String])) -> Found {
    act.with(scene, |request, answer| {
        let expected = format!(
            "2.05 with {path};{}, and no other interval",
            wanted.join(";")
        );
        let got = came(request, answer.as_ref());
        let content = answer.filter(|packet| {
            packet.code() == Code::CONTENT
                && packet.content_format() == Ok(Some(ContentFormat::LINK_FORMAT))
        });
        let Some(packet) = content else {
            return Found::inconclusive(expected, format!("{got}, which is no list of links"));
        };
        let body = blocks::answered(scene, request, &packet);
        let at: Option<Path> = path.parse().ok();
        let list = match links(request, &body) {
            Ok(list) => list,
            Err(error) => return Found::decide(false, expected, format!("{got}: {error}")),
        };
        let item = list.items.iter().find(|item| Some(item.path) == at);
        let intervals = [Attribute::Pmin, Attribute::Pmax];
        let said = |attributes: &Attributes| intervals.map(|one| attributes.value(one));
        let mut own = Attributes::NONE;
        let is_known = own
            .apply(at.unwrap_or(Path::ROOT), wanted.iter().map(String::as_str))
            .is_ok();
        let holds = is_known && item.is_some_and(|item| said(&item.attributes) == said(&own));
        let links = String::from_utf8_lossy(&body);
        Found::decide(holds, expected, format!("{got}: {links}"))
    })
}

pub(super) fn own_account(scene: &Scene, act: &Act, other: &Act) -> Found {
    let expected = "one account for each server, and not the same";
    let shown = |act: &Act| {
        let mut seen = Err("no such request".to_owned());
        let found = act.with(scene, |request, answer| {
            seen = values(scene, request, answer);
            Found::decide(true, "", "")
        });
        let accounts = seen.map(|entries| {
            let instances = entries.iter().map(|entry| entry.path.prefix(2));
            instances.collect::<BTreeSet<Path>>()
        });
        (accounts, found.evidence)
    };
    let ((one, mut evidence), (another, more)) = (shown(act), shown(other));
    evidence.extend(more);
    let written = |accounts: &BTreeSet<Path>| {
        let accounts = accounts.iter().map(ToString::to_string);
        accounts.collect::<Vec<_>>().join(" and ")
    };
    let found = match (one, another) {
        (Ok(one), Ok(another)) => {
            let apart = one.len() == 1 && another.len() == 1 && one != another;
            let got = format!(
                "{} for the one, {} for the other",
                written(&one),
                written(&another)
            );
            Found::decide(apart, expected, got)
        }
        (Err(why), _) | (_, Err(why)) => Found::inconclusive(expected, why),
    };
    found.shown_by(evidence)
}
