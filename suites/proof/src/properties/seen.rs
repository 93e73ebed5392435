//! What a device sees of the system: its list.

use std::sync::Arc;

use twinproof_twinning::address::same;
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Role, Status, Twinning};

/// A word that the interface defines, or what stood in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Word<T> {
    /// One of those that are defined.
    Known(T),
    /// Something else, or nothing.
    Other(Option<String>),
}

impl<T> Word<T> {
    fn new(known: Option<T>, raw: Option<&String>) -> Self {
        known.map_or_else(|| Self::Other(raw.cloned()), Self::Known)
    }
}

/// One entry of a device's list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub(super) url: String,
    pub(super) role: Word<Role>,
    pub(super) status: Word<Status>,
    pub(super) name: String,
    pub(super) own: Option<usize>,
    pub(super) other: Option<usize>,
    pub(super) code: Option<String>,
    pub(super) auth_code: Option<String>,
}

/// A device's list. What was read twice and is the same is kept once.
pub type List = Arc<[Seen]>;

impl Seen {
    /// A twinning as a list shows it; devices are known by their addresses.
    pub(super) fn new(twinning: &Twinning, knobs: &Knobs, devices: &[(String, usize)]) -> Self {
        let number = |address: &str| {
            let known = devices.iter().find(|(known, _)| known == address);
            let known = known.or_else(|| devices.iter().find(|(known, _)| same(known, address)));
            known.map(|(_, number)| *number)
        };
        Self {
            url: twinning.resource_url.clone().unwrap_or_default(),
            role: Word::new(twinning.role(knobs), twinning.role.as_ref()),
            status: Word::new(twinning.status(knobs), twinning.status.as_ref()),
            name: twinning.name.clone().unwrap_or_default(),
            own: twinning.own_address.as_deref().and_then(number),
            // A peer that is nobody here is still a peer.
            other: twinning
                .other_address()
                .map(|address| number(address).unwrap_or(usize::MAX)),
            code: twinning
                .activation_code
                .as_ref()
                .and_then(|c| c.code.clone()),
            auth_code: twinning.auth_code.clone(),
        }
    }

    pub(super) fn is_primary(&self) -> bool {
        self.role == Word::Known(Role::Primary)
    }

    pub(super) fn is_secondary(&self) -> bool {
        self.role == Word::Known(Role::Secondary)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.status == Word::Known(Status::Pending)
    }

    pub(super) fn is_on(&self) -> bool {
        self.status == Word::Known(Status::On)
    }
}

/// The URL under which a device has its twinning with that peer.
pub(super) fn url_of(list: &[Seen], peer: usize) -> Option<String> {
    list.iter()
        .find(|seen| seen.other == Some(peer))
        .map(|seen| seen.url.clone())
}
