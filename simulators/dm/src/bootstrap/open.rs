//! What a device makes of a document before it believes it.

use crate::error::{Error, Fault, shown};
use crate::provisioning::protection::{KeyForm, Method, Profile, Protection};
use crate::provisioning::{Account, accounts};
use crate::syncml::{Command, Message};
use crate::tree::NodeUri;
use crate::tree::tnds::{Placement, Tnds};
use crate::{Limits, media, wbxml};

/// What a device knows by which it tells who made a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The identity of the subscriber in the network, or the secret that stands in its place.
    pub network_id: Option<String>,
    /// What the user was told.
    pub pin: Option<String>,
}

impl Known {
    /// The keys that it has for a method, one for each way of writing the identity of a subscriber; none
    /// without what the method needs. What is no number is written in one way only.
    #[must_use]
    pub fn keys(&self, method: Method, profile: Profile) -> Vec<(KeyForm, Vec<u8>)> {
        let needs_id = method != Method::UserPin;
        let needs_pin = method != Method::NetworkId;
        let (id, pin) = (self.network_id.as_deref(), self.pin.as_deref());
        if needs_id && id.is_none() || needs_pin && pin.is_none() {
            return Vec::new();
        }
        let (id, pin) = (id.unwrap_or_default(), pin.unwrap_or_default());
        let is_number = needs_id && id.bytes().all(|octet| octet.is_ascii_digit());
        let forms: &[KeyForm] = match is_number {
            true => &[KeyForm::Digits, KeyForm::SemiOctets],
            false => &[KeyForm::Digits],
        };
        let key = |&form| (form, method.key(profile, id, pin, form));
        forms.iter().map(key).collect()
    }

    /// The ways of writing the identity of a subscriber in which one of its keys fits a document.
    #[must_use]
    pub fn fitting(&self, opened: &Opened, octets: &[u8]) -> Vec<KeyForm> {
        let Some(protection) = &opened.protection else {
            return Vec::new();
        };
        let keys = self.keys(protection.method, opened.profile);
        let fits = keys
            .into_iter()
            .filter(|(_, key)| protection.is_by(key, octets));
        fits.map(|(form, _)| form).collect()
    }
}

/// A document that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Of which kind it is.
    pub profile: Profile,
    /// What it says of who made it.
    pub protection: Option<Protection>,
    /// Its accounts.
    pub accounts: Vec<Account>,
}

/// Reads a document of either kind, believed or not.
///
/// # Errors
///
/// [`Fault::Unsupported`] for another media type, and whatever is wrong with its parameters, with the
/// octets, which have to be WBXML, and with an account.
pub fn open(content_type: &str, octets: &[u8], limits: &Limits) -> Result<Opened, Error> {
    let (name, protection) = Protection::parse(content_type)?;
    if name.eq_ignore_ascii_case(media::PROVISIONING) {
        let root = wbxml::read(octets, Some(&wbxml::PROV), limits)?.root;
        return Ok(Opened {
            profile: Profile::ClientProvisioning,
            protection,
            accounts: accounts(&root)?,
        });
    }
    if !name.eq_ignore_ascii_case(media::DM_WBXML) {
        let expected = format!("{} or {}", media::PROVISIONING, media::DM_WBXML);
        return Err(Error::new(Fault::Unsupported, 0, expected, shown(name)));
    }
    let root = wbxml::read(octets, Some(&wbxml::SYNCML), limits)?.root;
    let message = Message::from_element(root)?.message;
    let mut found = Vec::new();
    for item in message.commands.iter().filter_map(added).flatten() {
        let (Some(target), Some(data)) = (&item.target, &item.data) else {
            continue;
        };
        let target: NodeUri = target.uri.parse()?;
        let tree = Tnds::from_data(data, limits)?;
        let states = tree.states(&target, Placement::At);
        let states = states.or_else(|_| tree.states(&target, Placement::Below))?;
        found.extend(Account::of_states(&states)?);
    }
    Ok(Opened {
        profile: Profile::Message,
        protection,
        accounts: found,
    })
}

/// What a bootstrap adds.
fn added(command: &Command) -> Option<&[crate::syncml::Item]> {
    match command {
        Command::Add(request) => Some(&request.items),
        _ => None,
    }
}

/// The secrets in a body, if it is a document: for whoever has to hide them.
#[must_use]
pub fn secrets(content_type: &str, octets: &[u8]) -> Vec<String> {
    let is_document = |name: &str| {
        let start = content_type.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    if ![media::PROVISIONING, media::DM_WBXML]
        .into_iter()
        .any(is_document)
    {
        return Vec::new();
    }
    // What is wrong with its parameters does not make its secrets public.
    let name = content_type.split(';').next().unwrap_or_default();
    let opened = open(name, octets, &Limits::default());
    let accounts = opened.map(|opened| opened.accounts).unwrap_or_default();
    let auths = accounts.into_iter().flat_map(|account| account.auths);
    auths.filter_map(|auth| auth.secret).collect()
}
