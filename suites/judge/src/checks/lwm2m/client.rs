//! What a client does at the interface to its servers, which the tester plays.

mod registering;
mod reports;
mod servers;
mod values;

use serde::{Deserialize, Serialize};

use super::{Act, came};
use crate::checks::Found;
use crate::scene::Scene;
pub(super) use registering::{Registration, registrations, updates};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A discovery was answered with these attributes of a path, and with no others.
    Attached {
        /// The discovery.
        act: Act,
        /// What has them: `/3/0`.
        path: String,
        /// The attributes: `pmin=2`.
        attributes: Vec<String>,
    },
    /// What nobody answers is repeated after ever longer gaps, and there is no storm.
    BacksOff {
        /// Which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// A discovery was answered with a list that has what is there, and nothing else.
    Discovered {
        /// The discovery.
        act: Act,
        /// What was asked for: `/3`.
        within: String,
        /// What has to be in the list: `/3/0/16`.
        has: String,
        /// What else every device has.
        mandatory: Vec<String>,
    },
    /// These values were reported of a resource, one after the other, and no others.
    Exactly {
        /// The beginning of the observation.
        observed: Act,
        /// What came after that does not count.
        upto: u64,
        /// The resource.
        path: String,
        /// The values as they are written in text.
        values: Vec<String>,
    },
    /// No registration was sent again more often than a message is repeated.
    GivesUp {
        /// Which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// The server was not answered before it had confirmed the registration.
    Held {
        /// What the server asked for.
        act: Act,
    },
    /// The client has said its name, and that its device is there once.
    Introduced {
        /// To which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// A value was read, it can be decoded, and is one that its resource can have.
    Legible {
        /// The reading.
        act: Act,
        /// Where the value is.
        path: String,
    },
    /// These values, which could not be reported when they were there, were reported later, or none was.
    Kept {
        /// The beginning of the observation.
        observed: Act,
        /// What came before that does not count.
        after: u64,
        /// The resource.
        path: String,
        /// The values as they are written in text.
        values: Vec<String>,
        /// Whether they were to be kept.
        kept: bool,
    },
    /// The client no longer reports what was observed, but for what was under way.
    NoMore {
        /// The beginning of the observation.
        observed: Act,
        /// Its end.
        ended: Act,
        /// Whether it was to end with a Reset to a report.
        by_reset: bool,
    },
    /// Somebody who asked to observe was taken for an observer.
    Observed {
        /// The beginning of the observation.
        act: Act,
    },
    /// A request that came twice was done once.
    Once {
        /// The server that was told of it.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// Two servers that read the Server object are shown one instance each, and not the same.
    OwnAccount {
        /// What the one read.
        act: Act,
        /// What the other read.
        other: Act,
    },
    /// The client did not ask for a registration more than once a second, or not more than once at all.
    Patient {
        /// Which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// How long it was watched, s.
        seconds: u64,
        /// Whether it was asked to wait longer than that.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        put_off: bool,
    },
    /// The client has registered once more, and its server took that.
    RegisteredAgain {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// Whether it had to find out first, by an update, that it is not known any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forgotten: bool,
        /// Which other server has to have refused it before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused_by: Option<String>,
    },
    /// The client reports to a server, though another one has ended its observation.
    ReportsOn {
        /// The beginning of the observation.
        observed: Act,
        /// The end of the other's.
        ended: Act,
    },
    /// A value was read, and it is this one.
    Shows {
        /// The reading.
        act: Act,
        /// Where the value is.
        path: String,
        /// The value as it is written in text.
        value: String,
    },
    /// Reports came, and were neither closer nor further apart than was asked for.
    Spaced {
        /// The beginning of the observation.
        observed: Act,
        /// What came after that does not count.
        upto: u64,
        /// The least interval, s.
        least: u64,
        /// The greatest interval, s.
        most: u64,
    },
    /// What was read twice is the same.
    Unchanged {
        /// The first reading.
        before: Act,
        /// The second one.
        after: Act,
        /// That it changed is but our own judgement.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        advisory: bool,
    },
    /// The client has not listed an object.
    Unlisted {
        /// To which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// The object.
        object: u16,
    },
    /// The client has updated its registration.
    Updated {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// The life time that it has to tell, s.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lifetime: Option<u32>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Attached {
                act,
                path,
                attributes,
            } => servers::attached(scene, act, (path, attributes)),
            Self::BacksOff { server, after } => registering::backs_off(scene, (server, *after)),
            Self::Discovered {
                act,
                within,
                has,
                mandatory,
            } => values::discovered(scene, act, within, (has, mandatory)),
            Self::Exactly {
                observed,
                upto,
                path,
                values,
            } => reports::exactly(scene, observed, *upto, (path, values)),
            Self::GivesUp { server, after } => registering::gives_up(scene, (server, *after)),
            Self::Held { act } => act.with(scene, |request, answer| {
                let held = answer.is_none_or(|packet| !packet.code().is_success());
                let expected = "an error or silence until the registration is confirmed";
                let got = came(request, answer.as_ref());
                // The text binds the server to wait; what the client has to do follows from it only.
                Found::decide(held, expected, got).advisory()
            }),
            Self::Introduced { server, after } => registering::introduced(scene, (server, *after)),
            Self::Kept {
                observed,
                after,
                path,
                values,
                kept,
            } => reports::kept(scene, observed, *after, (path, values), *kept),
            Self::Legible { act, path } => values::legible(scene, act, path),
            Self::NoMore {
                observed,
                ended,
                by_reset,
            } => reports::no_more(scene, observed, ended, *by_reset),
            Self::Observed { act } => reports::observed(scene, act),
            Self::Once { server, after } => registering::once(scene, (server, *after)),
            Self::OwnAccount { act, other } => servers::own_account(scene, act, other),
            Self::Patient {
                server,
                after,
                seconds,
                put_off,
            } => registering::patient(scene, (server, *after), *seconds, *put_off),
            Self::RegisteredAgain {
                server,
                after,
                forgotten,
                refused_by,
            } => registering::again(scene, (server, *after), *forgotten, refused_by.as_deref()),
            Self::ReportsOn { observed, ended } => reports::goes_on(scene, observed, ended),
            Self::Shows { act, path, value } => values::shows(scene, act, (path, value)),
            Self::Spaced {
                observed,
                upto,
                least,
                most,
            } => reports::spaced(scene, observed, *upto, (*least, *most)),
            Self::Unchanged {
                before,
                after,
                advisory,
            } => {
                let found = values::unchanged(scene, before, after);
                match advisory {
                    true => found.advisory(),
                    false => found,
                }
            }
            Self::Unlisted {
                server,
                after,
                object,
            } => registering::unlisted(scene, (server, *after), *object),
            Self::Updated {
                server,
                after,
                lifetime,
            } => registering::updated(scene, (server, *after), *lifetime),
        }
    }
}
