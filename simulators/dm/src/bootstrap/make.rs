//! A document, made for a client that is to be bootstrapped.

use super::server::message;
use crate::provisioning::protection::{Method, Profile, Protection};
use crate::provisioning::{Account, document};
use crate::syncml::{Command, Data, Format};
use crate::tree::tnds::{State, Tnds};
use crate::tree::{NodeType, NodeUri, RtProperties, Selector};
use crate::{Error, media, wbxml};

/// A document, before anybody protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Of which kind it is.
    pub profile: Profile,
    /// Its octets.
    pub octets: Vec<u8>,
}

impl Made {
    /// The media type, without parameters.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match self.profile {
            Profile::ClientProvisioning => media::PROVISIONING,
            Profile::Message => media::DM_WBXML,
        }
    }

    /// The media type with what protects the document.
    #[must_use]
    pub fn protected(&self, method: Method, key: &[u8]) -> String {
        let protection = Protection::new(method, key, &self.octets);
        format!("{}; {}", self.media_type(), protection.of(self.profile))
    }
}

/// A document that brings a device an account; with `extra` leaves, each of a name and a value, which stand as
/// parameters of the application, or below `Ext` of the account.
///
/// # Errors
///
/// Those of the WBXML writer.
pub fn make(
    profile: Profile,
    (device, account): (&str, &Account),
    extra: &[(String, String)],
) -> Result<Made, Error> {
    let form = wbxml::Form::default();
    let octets = match profile {
        Profile::ClientProvisioning => {
            let mut account = account.clone();
            account.extra.extend(extra.iter().cloned());
            wbxml::write(&document(&[account]), &form)?
        }
        Profile::Message => {
            let mut message = message(device, account)?;
            if let (Some(Command::Add(request)), false) =
                (message.commands.first_mut(), extra.is_empty())
            {
                let at: NodeUri = "./Inbox/Account".parse()?;
                let mut states = account.states(&at);
                states.extend(extended(&at.child("Ext"), extra));
                let tree = Tnds::of_states(&at, &states, &Selector::Unspecified);
                for item in &mut request.items {
                    item.data = Some(Data::element(tree.to_element()));
                }
            }
            wbxml::write(&message.to_element(), &form)?
        }
    };
    Ok(Made { profile, octets })
}

/// The node `Ext` with these leaves.
fn extended(at: &NodeUri, extra: &[(String, String)]) -> Vec<State> {
    let above = State {
        uri: at.clone(),
        properties: RtProperties {
            format: Some(Format::Node),
            ..RtProperties::default()
        },
        value: None,
    };
    let leaves = extra.iter().map(|(name, value)| State {
        uri: at.child(name.as_str()),
        properties: RtProperties {
            node_type: Some(NodeType::Mime("text/plain".to_owned())),
            format: Some(Format::Chr),
            ..RtProperties::default()
        },
        value: Some(Data::Text(value.clone())),
    });
    std::iter::once(above).chain(leaves).collect()
}
