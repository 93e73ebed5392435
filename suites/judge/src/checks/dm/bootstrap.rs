//! What a bootstrap server hands out, to devices that the tester plays.
//!
//! Whether a document is protected by the right key, and which secrets it holds, nobody can see in a record:
//! whoever records it writes that down beside it, as [`Facts`].

use serde::{Deserialize, Serialize};
use twinproof_dm::bootstrap::{Opened, open};
use twinproof_dm::provisioning::protection::{Method, Protection};
use twinproof_dm::provisioning::{Account, AuthType};
use twinproof_dm::{Limits, media};
use twinproof_evidence::record::What;

use super::Session;
use crate::checks::Found;
use crate::scene::{Exchange, SUT, Scene};

/// The name of the note that says what of a document nobody can see.
pub const NOTE: &str = "bootstrap";

/// What was looked up in a document before its secrets were hidden.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Facts {
    /// The simulated device.
    pub party: String,
    /// The last number before the document came.
    pub after: u64,
    /// The ways of writing the identity of a subscriber in which the device's key fits.
    pub fits: Vec<String>,
    /// Whether the key of another device fits as well.
    pub fits_others: bool,
    /// The pseudonyms of the secrets in it.
    pub secrets: Vec<String>,
}

/// A check and its arguments. A [`Session`] is what was said to a device from when it was to get its document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The document came, can be read, and has an account of this server with which a session can be had.
    Handed {
        /// The fetch, or the push.
        fetch: Session,
        /// `ServerID`.
        server_id: String,
    },
    /// Two devices have no secret in common.
    Own {
        /// What one got.
        fetch: Session,
        /// What the other got.
        other: Session,
    },
    /// The document is protected by this method, and by the key of the device.
    Protected {
        /// The fetch.
        fetch: Session,
        /// The method, as a message names it.
        method: String,
    },
    /// A document that was changed came, although the device said which one it has.
    Renewed {
        /// The first fetch.
        first: Session,
        /// The one after the change.
        again: Session,
    },
    /// A device that has the document was told that it has it.
    Unchanged {
        /// The first fetch.
        first: Session,
        /// The one after it.
        again: Session,
    },
    /// Who is not known got nothing that is of a device that is.
    Withheld {
        /// The fetch of the stranger.
        fetch: Session,
        /// The fetch of a device that is known.
        known: Session,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Handed { fetch, server_id } => {
                let expected = format!(
                    "a bootstrap in WBXML with an account of {server_id}: its identifier, an address and \
                     credentials"
                );
                fetch.came(scene, expected, |exchange, expected| {
                    handed(exchange, expected, server_id)
                })
            }
            Self::Own { fetch, other } => {
                let expected = "secrets that no other device has";
                own(
                    (fetch.facts(scene), other.facts(scene)),
                    expected.to_owned(),
                )
                .shown_by(fetch.numbers(scene))
                .shown_by(other.numbers(scene))
            }
            Self::Protected { fetch, method } => {
                let expected = format!("a MAC by {method} with the key of the device");
                let facts = fetch.facts(scene);
                fetch.came(scene, expected, |exchange, expected| {
                    protected(exchange, expected, method, facts)
                })
            }
            Self::Renewed { first, again } => {
                let expected = "the document that was changed, and not 304";
                twice(scene, expected, (first, again), renewed)
            }
            Self::Unchanged { first, again } => {
                let expected = "304 for a document that the device has";
                twice(scene, expected, (first, again), unchanged)
            }
            Self::Withheld { fetch, known } => {
                let expected = "a refusal, and no document";
                let facts = (fetch.facts(scene), known.facts(scene));
                fetch.came(scene, expected.to_owned(), |exchange, expected| {
                    withheld(exchange, expected, facts)
                })
            }
        }
    }
}

impl Session {
    /// What was said between the device and the system, in this span.
    fn said<'s>(&'s self, scene: &'s Scene) -> impl Iterator<Item = &'s Exchange> {
        let upto = self.upto.unwrap_or(u64::MAX);
        scene.exchanges.values().filter(move |exchange| {
            let (from, to) = (exchange.from.as_str(), exchange.to.as_str());
            (self.after + 1..=upto).contains(&exchange.number)
                && [(SUT, self.party.as_str()), (self.party.as_str(), SUT)].contains(&(from, to))
        })
    }

    fn numbers(&self, scene: &Scene) -> Vec<u64> {
        self.said(scene).map(|exchange| exchange.number).collect()
    }

    /// Looks at the exchange that brought something, if one did.
    fn came(
        &self,
        scene: &Scene,
        expected: String,
        look: impl FnOnce(&Exchange, String) -> Found,
    ) -> Found {
        let Some(exchange) = self.said(scene).next() else {
            return Found::inconclusive(expected, "nothing came");
        };
        match &exchange.fault {
            Some(fault) => Found::inconclusive(expected, fault.clone()),
            None => look(exchange, expected),
        }
        .shown_by([exchange.number])
    }

    /// What was looked up in what came.
    pub(in crate::checks) fn facts(&self, scene: &Scene) -> Option<Facts> {
        scene.records.iter().find_map(|record| match &record.what {
            What::Noted { name, value } if name == NOTE => {
                let facts: Facts = serde_json::from_value(value.clone()).ok()?;
                (facts.party == self.party && facts.after == self.after).then_some(facts)
            }
            _ => None,
        })
    }
}

/// What an exchange brought to a device: the HTTP status if it was fetched, the media type, and the octets.
fn brought(exchange: &Exchange) -> Option<(Option<u16>, String, Vec<u8>)> {
    if exchange.from == SUT {
        let mut headers = exchange.headers.iter();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
        let content_type = found.map_or(String::new(), |(_, value)| value.clone());
        return Some((None, content_type, exchange.body.octets()));
    }
    let response = exchange.response.as_ref()?;
    let content_type = response.headers.first("Content-Type").unwrap_or_default();
    let status = Some(response.status);
    Some((status, content_type.to_owned(), response.body.clone()))
}

/// Whether the system under test gave a device a document with an account.
pub(crate) fn brings_account(exchange: &Exchange) -> bool {
    let from_sut = exchange.from == SUT || exchange.to == SUT;
    let Some((status, content_type, octets)) = brought(exchange).filter(|_| from_sut) else {
        return false;
    };
    let came = status.is_none_or(|status| status == 200);
    // What is said in a session may be as large as a document, and is none.
    let is_document = content_type.contains("SEC=") || is_provisioning(&content_type);
    let opened = document(&content_type, &octets);
    came && is_document && opened.is_ok_and(|opened| !opened.accounts.is_empty())
}

/// The accounts in what the system under test pushed to a device, where that is a document.
pub(in crate::checks) fn pushed(exchange: &Exchange) -> Option<Vec<Account>> {
    let (_, content_type, octets) = brought(exchange).filter(|_| exchange.from == SUT)?;
    let opened = document(&content_type, &octets).ok()?;
    (!opened.accounts.is_empty()).then_some(opened.accounts)
}

fn is_provisioning(content_type: &str) -> bool {
    bare(content_type).eq_ignore_ascii_case(media::PROVISIONING)
}

/// The name of a media type, without parameters.
fn bare(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn document(content_type: &str, octets: &[u8]) -> Result<Opened, String> {
    // What protects it is looked at elsewhere.
    open(bare(content_type), octets, &Limits::default()).map_err(|error| error.to_string())
}

/// Whether a session can be had with it: the device can show who it is, or the transport does.
pub(in crate::checks) fn is_complete(account: &Account) -> bool {
    account.auths.iter().any(|auth| match &auth.auth_type {
        Some(AuthType::Transport | AuthType::X509) => true,
        _ => auth
            .secret
            .as_ref()
            .is_some_and(|secret| !secret.is_empty()),
    })
}

fn handed(exchange: &Exchange, expected: String, server_id: &str) -> Found {
    let Some((status, content_type, octets)) = brought(exchange) else {
        return Found::inconclusive(expected, "no answer");
    };
    if let Some(status) = status.filter(|status| *status != 200) {
        return Found::decide(false, expected, format!("HTTP {status}"));
    }
    if bare(&content_type).eq_ignore_ascii_case("text/vnd.wap.connectivity-xml") {
        let got = "client provisioning in XML, which no text forbids where it is fetched";
        return Found::inconclusive(expected, got);
    }
    let opened = match document(&content_type, &octets) {
        Ok(opened) => opened,
        Err(why) => {
            let got = format!("what cannot be read as {content_type}: {why}");
            return Found::decide(false, expected, got);
        }
    };
    let mut accounts = opened.accounts.iter();
    match accounts.find(|account| account.server_id == server_id) {
        Some(account) if is_complete(account) => {
            let kind = bare(&content_type);
            Found::decide(true, expected, format!("so it is, as {kind}"))
        }
        Some(_) => Found::decide(false, expected, "an account without credentials"),
        None => {
            let others = opened.accounts.iter().map(|account| &*account.server_id);
            let others: Vec<&str> = others.collect();
            let got = match others.as_slice() {
                [] => "no account".to_owned(),
                others => format!("an account of {}", others.join(", ")),
            };
            Found::decide(false, expected, got)
        }
    }
}

fn protected(exchange: &Exchange, expected: String, method: &str, facts: Option<Facts>) -> Found {
    let Some((_, content_type, octets)) = brought(exchange) else {
        return Found::inconclusive(expected, "no answer");
    };
    if document(&content_type, &octets).is_err() {
        return Found::inconclusive(expected, "no document that can be read");
    }
    let protection = match Protection::parse(&content_type) {
        Ok((name, None)) => {
            let got = format!("{name} without SEC and MAC");
            // Whether a secured transport is enough is in no public text.
            return match exchange.url.starts_with("https:") {
                true => Found::inconclusive(expected, got),
                false => Found::decide(false, expected, got),
            };
        }
        Ok((_, Some(protection))) => protection,
        Err(error) => {
            let by_pin = is_provisioning(&content_type)
                && content_type.to_ascii_uppercase().contains("SEC=3");
            let got = error.to_string();
            return match by_pin {
                true => Found::inconclusive(expected, got),
                false => Found::decide(false, expected, got),
            };
        }
    };
    let is = protection.method.as_str();
    if is != method {
        let got = format!("one by {is}");
        return Found::inconclusive(expected, got);
    }
    match facts {
        None => Found::inconclusive(expected, "nobody looked at its MAC"),
        Some(facts) if facts.fits_others => {
            Found::decide(false, expected, "a MAC with a key of another device")
        }
        Some(facts) if facts.fits.is_empty() => {
            Found::decide(false, expected, "a MAC that the device's key does not make")
        }
        Some(facts) => {
            let by_pin = protection.method == Method::UserPin;
            let got = match by_pin {
                true => "so it is".to_owned(),
                false => format!("so it is, with the identity as {}", facts.fits.join(" or ")),
            };
            Found::decide(true, expected, got)
        }
    }
}

fn shared(one: &Facts, other: &Facts) -> bool {
    one.secrets.iter().any(|own| other.secrets.contains(own))
}

fn own(facts: (Option<Facts>, Option<Facts>), expected: String) -> Found {
    match facts {
        (Some(one), Some(other)) if !one.secrets.is_empty() && !other.secrets.is_empty() => {
            let is_shared = shared(&one, &other);
            let got = match is_shared {
                true => "a secret that both devices got",
                false => "so it is",
            };
            Found::decide(!is_shared, expected, got)
        }
        _ => Found::inconclusive(expected, "not two documents with secrets"),
    }
}

fn withheld(exchange: &Exchange, expected: String, facts: (Option<Facts>, Option<Facts>)) -> Found {
    let Some((status, content_type, octets)) = brought(exchange) else {
        return Found::inconclusive(expected, "no answer");
    };
    let status = status.unwrap_or_default();
    let opened = document(&content_type, &octets);
    let has_account = opened.is_ok_and(|opened| !opened.accounts.is_empty());
    match (has_account, facts) {
        (true, (Some(stranger), Some(known))) if shared(&stranger, &known) => {
            let got = "a bootstrap with a secret of a device that is known";
            Found::decide(false, expected, got)
        }
        // That everybody may get an account of its own, no text forbids.
        (true, _) => Found::decide(false, expected, "a bootstrap").advisory(),
        (false, (_, None)) => Found::inconclusive(expected, "no device that is known got anything"),
        (false, _) if (400..500).contains(&status) => {
            Found::decide(true, expected, format!("HTTP {status}"))
        }
        (false, _) => Found::inconclusive(expected, format!("HTTP {status}")),
    }
}

/// Two fetches of one document.
struct Twice {
    /// Whether the first came with what the second can name it by.
    tagged: bool,
    /// The status of the second.
    status: u16,
    /// Whether the second brought what the first had brought.
    same: bool,
}

fn twice(
    scene: &Scene,
    expected: &str,
    (first, again): (&Session, &Session),
    look: impl FnOnce(&Twice, String) -> Found,
) -> Found {
    let expected = expected.to_owned();
    let last = |session: &Session| {
        let exchange = session.said(scene).next()?;
        Some((exchange.number, exchange.response.clone()?))
    };
    let (Some((one, before)), Some((two, after))) = (last(first), last(again)) else {
        return Found::inconclusive(expected, "not two answers");
    };
    if before.status != 200 {
        let got = format!("HTTP {} at first", before.status);
        return Found::inconclusive(expected, got).shown_by([one]);
    }
    let kind = |response: &twinproof_kernel::http::Response| {
        response.headers.first("Content-Type").map(str::to_owned)
    };
    let seen = Twice {
        tagged: before.headers.first("ETag").is_some(),
        status: after.status,
        // The media type has the MAC, which differs where secrets do.
        same: before.body == after.body && kind(&before) == kind(&after),
    };
    look(&seen, expected).shown_by([one, two])
}

fn unchanged(seen: &Twice, expected: String) -> Found {
    match *seen {
        Twice { status: 304, .. } => Found::decide(true, expected, "HTTP 304"),
        // Who names no documents cannot be asked about one.
        Twice { tagged: false, .. } => {
            Found::decide(false, expected, "a document without an entity tag").advisory()
        }
        Twice {
            status: 200,
            same: true,
            ..
        } => Found::decide(false, expected, "the same document again").by("RFC 9110 §13.1.2"),
        Twice { status: 200, .. } => Found::inconclusive(expected, "another document"),
        Twice { status, .. } => Found::inconclusive(expected, format!("HTTP {status}")),
    }
}

fn renewed(seen: &Twice, expected: String) -> Found {
    match *seen {
        Twice { status: 304, .. } => {
            Found::decide(false, expected, "HTTP 304").by("RFC 9110 §13.1.2")
        }
        Twice {
            status: 200,
            same: false,
            ..
        } => Found::decide(true, expected, "another document"),
        Twice { status: 200, .. } => {
            Found::inconclusive(expected, "the same document: nothing was changed")
        }
        Twice { status, .. } => Found::inconclusive(expected, format!("HTTP {status}")),
    }
}
