//! What one twinning shows.

use serde::{Deserialize, Serialize};
use twinproof_twinning::address;
use twinproof_twinning::message::{Role, Status, Twinning};
use twinproof_twinning::tree::Tree;
use twinproof_twinning::url::{resolve, same};

use super::{named, or_none, served, twinning};
use crate::checks::{Context, Found};
use crate::scene::Scene;

/// A check and its arguments. Each looks at the response of one exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The twinning's addresses are tel, sip or acr URIs.
    AddressesAreUris {
        /// The exchange.
        exchange: u64,
    },
    /// A value that a client sent for a field of the server is shown nowhere.
    ForeignValueUnseen {
        /// The exchanges.
        exchanges: Vec<u64>,
        /// The value.
        value: String,
    },
    /// The twinning names no partner.
    HidesPartner {
        /// The exchange.
        exchange: u64,
    },
    /// The address in the twinning is the one that it was read from.
    NamesItself {
        /// The exchange.
        exchange: u64,
    },
    /// The twinning has this name.
    ShowsName {
        /// The exchange.
        exchange: u64,
        /// The name; any non-empty one if none.
        name: Option<String>,
    },
    /// The twinning has the device's own address.
    ShowsOwnAddress {
        /// The exchange.
        exchange: u64,
        /// The address.
        address: String,
    },
    /// The twinning names this partner.
    ShowsPartner {
        /// The exchange.
        exchange: u64,
        /// The partner's address.
        address: String,
    },
    /// The twinning has this role.
    ShowsRole {
        /// The exchange.
        exchange: u64,
        /// The role.
        role: Role,
    },
    /// The twinning has this status.
    ShowsStatus {
        /// The exchange.
        exchange: u64,
        /// The status.
        status: Status,
    },
    /// The secondary can read the primary's voice-mail address.
    ShowsVoiceMail {
        /// The exchange.
        exchange: u64,
        /// The address, if the primary has one.
        address: Option<String>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        let view = |exchange: u64, expected: &str, judge: &dyn Fn(Twinning) -> Found| {
            served(scene, exchange, |seen| match twinning(seen, context) {
                Ok(twinning) => judge(twinning),
                Err(got) => Found::decide(false, expected, got)
                    .relying_on(&["twinning.knobs.names.twinning"]),
            })
        };
        match self {
            Self::AddressesAreUris { exchange } => {
                let expected = "addresses as tel, sip or acr URIs";
                view(*exchange, expected, &|t| {
                    let addresses = [t.own_address.as_deref(), t.other_address(), t.voice_mail()];
                    let odd = addresses.into_iter().flatten().find(|address| {
                        let scheme = address.split(':').next().unwrap_or_default();
                        !["tel", "sip", "sips", "acr"]
                            .iter()
                            .any(|known| scheme.eq_ignore_ascii_case(known))
                    });
                    // The text gives these kinds as examples of a URI.
                    Found::decide(odd.is_none(), expected, odd.unwrap_or("only such")).advisory()
                })
            }
            Self::ForeignValueUnseen { exchanges, value } => {
                foreign_value_unseen(scene, context, exchanges, value)
            }
            Self::HidesPartner { exchange } => {
                let expected = "no partner while the twinning is pending";
                view(*exchange, expected, &|t| {
                    let partner = t.other_address().filter(|address| !address.is_empty());
                    Found::decide(partner.is_none(), expected, or_none(partner))
                })
            }
            Self::NamesItself { exchange } => served(scene, *exchange, |seen| {
                let expected = "the address that it was read from";
                match twinning(seen, context) {
                    Ok(Twinning {
                        resource_url: Some(url),
                        ..
                    }) => {
                        let itself = same(&resolve(&seen.url, &url), &seen.url);
                        Found::decide(itself, expected, url)
                    }
                    Ok(_) => Found::decide(false, expected, "none")
                        .relying_on(&["twinning.knobs.names.resource_url"]),
                    Err(got) => Found::decide(false, expected, got),
                }
                .under(&["TW-C3"])
            }),
            Self::ShowsName { exchange, name } => {
                let expected = name
                    .as_ref()
                    .map_or("a name".to_owned(), |name| format!("the name {name:?}"));
                view(*exchange, &expected, &|t| {
                    let got = t.name.as_deref().filter(|got| !got.trim().is_empty());
                    let holds = match name {
                        Some(name) => got == Some(name),
                        None => got.is_some(),
                    };
                    let found = Found::decide(holds, &expected, or_none(got));
                    match got {
                        Some(_) => found,
                        None => found.relying_on(&["twinning.knobs.names.name"]),
                    }
                })
            }
            Self::ShowsOwnAddress { exchange, address } => {
                let expected = format!("the own address {address}");
                view(*exchange, &expected, &|t| {
                    let found =
                        address_found(context, &expected, t.own_address.as_deref(), address);
                    if t.own_address.is_none() {
                        found.relying_on(&["twinning.knobs.names.own_address"])
                    } else {
                        found
                    }
                })
            }
            Self::ShowsPartner { exchange, address } => {
                let expected = format!("the partner {address}");
                view(*exchange, &expected, &|t| {
                    let found = address_found(context, &expected, t.other_address(), address);
                    if t.other_address().is_none() {
                        found.relying_on(&[
                            "twinning.knobs.names.other_device",
                            "twinning.knobs.names.address",
                        ])
                    } else {
                        found
                    }
                })
            }
            Self::ShowsRole { exchange, role } => {
                let expected = format!("the role {}", role.literal(context.knobs));
                view(*exchange, &expected, &|t| {
                    let holds = t.role(context.knobs) == Some(*role);
                    let found = Found::decide(holds, &expected, or_none(t.role.as_deref()));
                    match t.role(context.knobs) {
                        Some(_) => found,
                        None => found
                            .relying_on(&["twinning.knobs.names.role", "twinning.knobs.literals"]),
                    }
                })
            }
            Self::ShowsStatus { exchange, status } => {
                let expected = format!("the status {}", named(*status));
                view(*exchange, &expected, &|t| {
                    let holds = t.status(context.knobs) == Some(*status);
                    let found = Found::decide(holds, &expected, or_none(t.status.as_deref()));
                    // A known literal that is another one needs no assumption to be wrong.
                    match t.status(context.knobs) {
                        Some(_) => found,
                        None => found.relying_on(&[
                            "twinning.knobs.names.twinning_status",
                            "twinning.knobs.literals",
                        ]),
                    }
                })
            }
            Self::ShowsVoiceMail {
                address: None,
                exchange,
            } => Found::not_applicable(
                "the primary's voice mail",
                "the primary has none: the profile gives no voice_mail",
            )
            .under(&["TW-C2"])
            .shown_by([*exchange]),
            Self::ShowsVoiceMail {
                exchange,
                address: Some(address),
            } => {
                let expected = format!("the primary's voice mail {address}");
                view(*exchange, &expected, &|t| {
                    address_found(context, &expected, t.voice_mail(), address)
                        .relying_on(&["twinning.knobs.names.vm_address"])
                })
                .under(&["TW-C2"])
            }
        }
    }
}

fn address_found(context: &Context<'_>, expected: &str, got: Option<&str>, wanted: &str) -> Found {
    let holds = got.is_some_and(|got| context.same_device(got, wanted));
    let found = Found::decide(holds, expected, or_none(got));
    match got.is_some_and(|got| address::is_of_another_kind(got, wanted)) {
        true => found.under(&["TW-C45"]),
        false => found,
    }
}

fn foreign_value_unseen(
    scene: &Scene,
    context: &Context<'_>,
    exchanges: &[u64],
    value: &str,
) -> Found {
    let expected = format!("{value}, which the client sent, in no twinning");
    let mut seen_any = false;
    for exchange in exchanges.iter().filter_map(|n| scene.exchanges.get(n)) {
        let Ok(twinning) = twinning(exchange, context) else {
            continue;
        };
        seen_any = true;
        if shows(&twinning.tree(context.knobs), value) {
            return Found::decide(false, expected, format!("it is shown by {}", exchange.url))
                .under(&["TW-C30"])
                .shown_by([exchange.number]);
        }
    }
    let found = if seen_any {
        Found::decide(true, expected, "it is not shown")
    } else {
        // Refused whole: nothing was stored that could be shown.
        Found::decide(true, expected, "the request was refused")
    };
    found.under(&["TW-C30"]).shown_by(exchanges.iter().copied())
}

/// Whether a leaf of the tree is this value, or means the same device.
fn shows(tree: &Tree, value: &str) -> bool {
    match tree.text() {
        Some(text) => text.contains(value) || address::same(text, value),
        None => tree.entries().iter().any(|(_, child)| shows(child, value)),
    }
}
