//! What a client makes of all that a notification asks for beside a session (DM 1.3).

use serde::{Deserialize, Serialize};
use twinproof_dm::auth::{MacHeader, Scheme};
use twinproof_dm::upper::{Shown, User};

use super::super::Session;
use super::super::talk::{Said, Talk, item_at};
use super::notified::{id, ignored, numbers, wanted};
use crate::checks::Found;
use crate::profile::DmScheme;
use crate::scene::Scene;

/// What a notification can ask for. Which option of it says so, is not public.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// How the client proves who it is.
    Authentication,
    /// That it counts for a time only.
    Expiration,
    /// What the first package is to have.
    Node,
    /// That the reason is told.
    Reason,
    /// By which transport the client is to come.
    Transport,
}

impl Wish {
    /// The knobs by which a client reads it.
    const fn of_client(self) -> &'static [&'static str] {
        match self {
            Self::Authentication => &[
                "dm.client.options.authentication",
                "dm.client.options.basic",
                "dm.client.options.hmac",
                "dm.client.options.md5",
            ],
            Self::Expiration => &["dm.client.options.expiration"],
            Self::Node => &["dm.client.options.node"],
            Self::Reason => &["dm.client.options.reason"],
            Self::Transport => &["dm.client.options.transport"],
        }
    }

    /// The knobs by which a server writes it.
    pub(in crate::checks::dm) const fn of_server(self) -> &'static [&'static str] {
        match self {
            Self::Authentication => &[
                "dm.server.options.authentication",
                "dm.server.options.basic",
                "dm.server.options.hmac",
                "dm.server.options.md5",
            ],
            Self::Expiration => &["dm.server.options.expiration"],
            Self::Node => &["dm.server.options.node"],
            Self::Reason => &["dm.server.options.reason"],
            Self::Transport => &["dm.server.options.transport"],
        }
    }
}

/// Two notifications, one after the other, by their `SessionID`s.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pair {
    /// The one that asks for something.
    pub id: String,
    /// The one after it, which asks for nothing.
    pub other: String,
}

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A notification that asks for something is followed by its session, as one that asks for nothing is.
    Awake {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
        /// What it asks for.
        wish: Wish,
    },
    /// The first message of the session that was announced shows who the client is at least as strongly as
    /// this.
    BeginsWith {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
        /// The scheme.
        scheme: DmScheme,
    },
    /// The first message of the session that was announced has a node, with the value that reading it gives.
    Detailed {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
        /// The node.
        uri: String,
    },
    /// A notification that counts no more is ignored, and the good one after it is not.
    Expired {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
    },
    /// No message of the session that was announced shows who the client is by less than its account demands.
    NotWeaker {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
        /// The scheme of the account.
        scheme: DmScheme,
    },
    /// The user saw nothing of a reason.
    NotTold {
        /// The number under which somebody looked.
        seen: u64,
    },
    /// The user saw a reason, and the session began only after the user had agreed.
    ToldFirst {
        /// What came since.
        session: Session,
        /// `SessionID`.
        id: String,
        /// The number under which somebody looked.
        seen: u64,
        /// The number under which the user agreed; none if there was nothing to agree to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agreed: Option<u64>,
    },
    /// No message of the sessions has a node.
    Withheld {
        /// What came since.
        session: Session,
        /// The notifications.
        ids: Pair,
        /// The node.
        uri: String,
    },
}

impl Check {
    pub(in crate::checks::dm) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Awake { session, ids, wish } => {
                let Pair { id: meant, other } = ids;
                let expected = format!("a session {meant}");
                let (talks, knobs) = (session.talks(scene), wish.of_client());
                awake(&talks, expected, meant, other).relying_on(knobs)
            }
            Self::BeginsWith {
                session,
                ids,
                scheme,
            } => {
                let wanted = scheme.of_proof();
                let expected = format!(
                    "a session {} whose first message shows who the client is by {}",
                    ids.id,
                    wanted.media_type()
                );
                let talks = session.talks(scene);
                let found = first(&talks, expected, ids, |said, expected| {
                    let shown = shown(scene, said);
                    let got = shown.map_or("nothing of it", Scheme::media_type);
                    Found::decide(shown >= Some(wanted), expected, got).shown_by([said.number])
                });
                found.relying_on(Wish::Authentication.of_client())
            }
            Self::Detailed { session, ids, uri } => {
                let expected = format!("a session {} whose first message has {uri}", ids.id);
                let talks = session.talks(scene);
                let found = first(&talks, expected, ids, |said, expected| {
                    detailed(&talks, said, expected, uri)
                });
                found.relying_on(Wish::Node.of_client())
            }
            Self::Expired { session, ids } => {
                let Pair { id: late, other } = ids;
                let expected = format!("no session {late}, and a session {other} after it");
                let found = ignored(&session.talks(scene), expected, late, other);
                found.relying_on(Wish::Expiration.of_client())
            }
            Self::NotWeaker {
                session,
                ids,
                scheme,
            } => {
                let least = scheme.of_proof();
                let expected = format!(
                    "no message that shows who the client is by less than {}",
                    least.media_type()
                );
                let talks = session.talks(scene);
                let ours = messages(&talks, ids);
                if ours.is_empty() {
                    return Found::inconclusive(expected, "no session of a notification");
                }
                let weak = ours.iter().find_map(|said| {
                    let weaker = shown(scene, said).filter(|shown| *shown < least)?;
                    Some((said.number, weaker.media_type()))
                });
                match weak {
                    Some((number, got)) => Found::decide(false, expected, got).shown_by([number]),
                    None => Found::decide(true, expected, "so it is").shown_by(numbers(&ours)),
                }
            }
            Self::NotTold { seen } => {
                let expected = "nothing that the user is shown of it";
                match looked(scene, *seen) {
                    None => Found::inconclusive(expected, "nobody looked"),
                    Some(shown) => {
                        let holds = shown == Shown::No;
                        let got = if holds { "so it is" } else { "the reason" };
                        let found = Found::decide(holds, expected, got).shown_by([*seen]);
                        found.relying_on(Wish::Expiration.of_client())
                    }
                }
            }
            Self::ToldFirst {
                session,
                id,
                seen,
                agreed,
            } => {
                let expected = "the reason at the user, and no session before the user has agreed";
                told_first(scene, session, (id, *seen, *agreed), expected)
                    .relying_on(Wish::Reason.of_client())
            }
            Self::Withheld { session, ids, uri } => {
                let expected = format!("no message that has {uri}");
                let talks = session.talks(scene);
                let ours = messages(&talks, ids);
                if ours.is_empty() {
                    return Found::inconclusive(expected, "no session of a notification");
                }
                let told = ours.iter().find(|said| item_at(said, uri).is_some());
                match told {
                    Some(said) => {
                        Found::decide(false, expected, "one that has it").shown_by([said.number])
                    }
                    None => Found::decide(true, expected, "so it is").shown_by(numbers(&ours)),
                }
            }
        }
    }
}

/// A session of the first notification; that there was none says something only if there was one of the second.
fn awake(talks: &[Talk], expected: String, meant: &str, other: &str) -> Found {
    let all = wanted(talks);
    let of = |number: &str| all.iter().copied().find(|said| id(said) == number);
    match (of(meant), of(other)) {
        (Some(said), _) => Found::decide(true, expected, "so it is").shown_by([said.number]),
        (None, Some(said)) => {
            let got = format!("none, and a session {other} of the notification after it");
            Found::decide(false, expected, got).shown_by([said.number])
        }
        (None, None) => {
            let got = format!("none, and no session {other} of the notification after it either");
            Found::inconclusive(expected, got)
        }
    }
}

/// The first message of the session of the first notification.
fn first(
    talks: &[Talk],
    expected: String,
    ids: &Pair,
    look: impl FnOnce(&Said, String) -> Found,
) -> Found {
    let all = wanted(talks);
    match all.iter().find(|said| id(said) == ids.id) {
        Some(said) => look(said, expected),
        None => awake(talks, expected, &ids.id, &ids.other),
    }
}

/// All messages of the client in the sessions of the two notifications.
fn messages<'t>(talks: &'t [Talk], ids: &Pair) -> Vec<&'t Said> {
    let ours = talks.iter().flat_map(|talk| &talk.said);
    let ours = ours.filter(|said| said.by_sut);
    ours.filter(|said| [&ids.id, &ids.other].contains(&&said.message().header.session_id))
        .collect()
}

/// By what a message shows who it is from.
fn shown(scene: &Scene, said: &Said) -> Option<Scheme> {
    let exchange = scene.exchanges.get(&said.number)?;
    let mut headers = exchange.headers.iter();
    if headers.any(|(name, _)| name.eq_ignore_ascii_case(MacHeader::NAME)) {
        return Some(Scheme::Mac);
    }
    said.message().header.cred.as_ref()?.scheme()
}

fn detailed(talks: &[Talk], said: &Said, expected: String, uri: &str) -> Found {
    let text = |said: &Said| {
        let item = item_at(said, uri)?;
        Some(item.data.as_ref()?.as_text()?.to_owned())
    };
    let Some(value) = text(said) else {
        return Found::decide(false, expected, "one without it").shown_by([said.number]);
    };
    let later = talks.iter().flat_map(|talk| &talk.said);
    let mut later = later.filter(|later| later.by_sut && later.number > said.number);
    let read = later.find_map(|later| Some((later.number, text(later)?)));
    match read {
        None => Found::inconclusive(expected, "it, but it was never read").shown_by([said.number]),
        Some((number, read)) => {
            let holds = read == value;
            let got = match holds {
                true => "so it is".to_owned(),
                false => format!("{value:?}, where reading it gives {read:?}"),
            };
            Found::decide(holds, expected, got).shown_by([said.number, number])
        }
    }
}

/// What somebody saw who looked under this number.
fn looked(scene: &Scene, number: u64) -> Option<Shown> {
    let (asked, told) = scene.handled.get(&number)?;
    let asked: User = serde_json::from_value(asked.clone()).ok()?;
    let told = serde_json::from_value(told.clone()).ok()?;
    matches!(asked, User::Sees(_)).then_some(told)
}

fn told_first(
    scene: &Scene,
    session: &Session,
    (meant, seen, agreed): (&str, u64, Option<u64>),
    expected: &str,
) -> Found {
    let Some(shown) = looked(scene, seen) else {
        return Found::inconclusive(expected, "nobody looked");
    };
    let talks = session.talks(scene);
    let all = wanted(&talks);
    let early = all
        .iter()
        .find(|said| id(said) == meant && agreed.is_none_or(|agreed| said.number < agreed));
    match (early, shown) {
        (Some(said), _) => {
            let got = "a session that the user had not agreed to";
            Found::decide(false, expected, got).shown_by([seen, said.number])
        }
        (None, Shown::No) => {
            Found::decide(false, expected, "nothing of the reason at the user").shown_by([seen])
        }
        (None, Shown::Yes) => {
            Found::decide(true, expected, "so it is").shown_by([seen].into_iter().chain(agreed))
        }
    }
}
