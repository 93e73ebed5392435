//! What carries a push to a client beside HTTP: WSP over UDP and SIP. All end in the same: a media type, header
//! fields and octets.
//!
//! A datagram tells by its first octets which of the two it is, so a client may take both at one place.

pub mod sip;

use crate::error::Error;
use crate::media;
use crate::notification::push::{APPLICATION_ID, Header, Push, Value};
use crate::provisioning::protection::{Profile, Protection};
use crate::push::{APPLICATION, APPLICATION_FIELD};

/// What brings a push in datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `MESSAGE` of SIP.
    Sip,
    /// A connectionless session of WSP.
    Wsp,
}

/// A push that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// What brought it.
    pub by: Carrier,
    /// Its media type, with parameters.
    pub content_type: String,
    /// Its header fields, under the names that HTTP has for them.
    pub headers: Vec<(String, String)>,
    /// Its octets.
    pub body: Vec<u8>,
    /// What its sender is answered, if anything.
    pub answer: Option<Vec<u8>>,
}

/// The names of applications begin so where they are addresses.
const PREFIX: &str = "x-wap-application:";

/// Whether header fields name the DM client as the application, or none at all.
#[must_use]
pub fn is_for_client(headers: &[(String, String)]) -> bool {
    let mut named = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(APPLICATION_FIELD));
    named.all(|(_, value)| value.trim().eq_ignore_ascii_case(APPLICATION))
}

/// Reads a datagram that may be a push; none if it is not one.
#[must_use]
pub fn arrived(octets: &[u8]) -> Option<Arrived> {
    match sip::Request::parse(octets) {
        Ok(request) => request.arrived(),
        Err(_) => of_wsp(&Push::parse(octets).ok()?),
    }
}

/// A push as the datagram of a connectionless WSP session. Media types and applications that have numbers go as
/// numbers.
///
/// # Errors
///
/// Those of [`Push::to_octets`], and of the parameters of a media type.
pub fn to_wsp(
    transaction: u8,
    (content_type, application): (&str, &str),
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let (name, protection) = Protection::parse(content_type)?;
    let number = media::TABLE
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name))
        .and_then(|row| row.wsp);
    let content_type = match (number, protection) {
        (Some(number), Some(protection)) => Value::Octets(protection.to_wsp(number)),
        (Some(number), None) => Value::Number(number),
        (None, _) => Value::Text(content_type.to_owned()),
    };
    let application = match application.eq_ignore_ascii_case(APPLICATION) {
        true => Value::Number(crate::notification::push::APPLICATION),
        false => Value::Text(application.to_owned()),
    };
    let push = Push {
        transaction,
        content_type,
        headers: vec![Header::Known(APPLICATION_ID, application)],
        data: body.to_vec(),
    };
    push.to_octets()
}

fn of_wsp(push: &Push) -> Option<Arrived> {
    let named = |number: u8| {
        let mut rows = media::TABLE.iter();
        rows.find(|row| row.wsp == Some(number)).map(|row| row.name)
    };
    let content_type = match &push.content_type {
        Value::Number(number) => named(*number)?.to_owned(),
        Value::Text(text) => text.clone(),
        Value::Octets(octets) => {
            let (number, protection) = Protection::from_wsp(octets).ok()?;
            let name = named(number)?;
            let profile = match name == media::PROVISIONING {
                true => Profile::ClientProvisioning,
                false => Profile::Message,
            };
            format!("{name}; {}", protection.of(profile))
        }
    };
    let header = |header: &Header| match header {
        Header::Known(APPLICATION_ID, Value::Number(number)) => {
            let is_ours = *number == crate::notification::push::APPLICATION;
            let named = match is_ours {
                true => APPLICATION.to_owned(),
                false => format!("{PREFIX}{number}"),
            };
            Some((APPLICATION_FIELD.to_owned(), named))
        }
        Header::Known(APPLICATION_ID, Value::Text(text)) => {
            Some((APPLICATION_FIELD.to_owned(), text.clone()))
        }
        Header::Known(..) => None,
        Header::Named(name, value) => Some((name.clone(), value.clone())),
    };
    Some(Arrived {
        by: Carrier::Wsp,
        content_type,
        headers: push.headers.iter().filter_map(header).collect(),
        body: push.data.clone(),
        answer: None,
    })
}
