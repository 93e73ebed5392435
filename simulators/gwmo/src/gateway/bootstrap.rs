//! Devices that have no account: the gateway brings them their first one, as a server wants it.

use twinproof_dm::bootstrap::make;
use twinproof_dm::provisioning::Account;
use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};
use twinproof_dm::tree::NodeUri;
use twinproof_kernel::http::Request;

use super::errands::Errand;
use super::rules::{Bringing, Handing};
use super::{Gateway, Moment};
use crate::objects::below;

/// What a gateway has for a device without an account.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// What the device shares with its network, which protects what it is brought: the identity of its subscriber,
    /// or a secret.
    pub network_id: String,
    /// What its user was told, where a PIN protects it.
    pub pin: String,
    /// The accounts that it can be brought: those of servers, and that of the gateway itself.
    pub accounts: Vec<Account>,
}

impl Gateway {
    /// Brings an account to the device that a server has named.
    pub(super) fn bootstrap(&mut self, moment: &mut Moment<'_>, at: &NodeUri) {
        let names = &moment.shared.names;
        let text = |path: &str| self.tree().text(&below(at, path)).unwrap_or_default();
        let (wanted, server) = (text(&names.bootstrap_device), text(&names.bootstrap_server));
        let rules = &moment.shared.rules;
        let of = rules.hands(Handing {
            wanted: server.to_owned(),
            own: self.id.clone(),
            above: self.above.id.clone(),
        });
        let mut brought = Vec::new();
        for (id, device) in &self.devices {
            let Some(fresh) = &device.fresh else { continue };
            let account = fresh.accounts.iter().find(|known| known.server_id == of);
            let bringing = Bringing {
                named: id == wanted,
            };
            if let (Some(account), true) = (account, rules.brings(bringing)) {
                let (profile, form) = moment.shared.bootstrap;
                let form = form.unwrap_or(profile.key_form().0);
                let method = moment.shared.protection;
                let key = method.key(profile, &fresh.network_id, &fresh.pin, form);
                // An account that cannot be written is brought to nobody.
                let Ok(made) = make(profile, (id, account), &[]) else {
                    continue;
                };
                let content_type = match rules.protects(key) {
                    Some(key) => made.protected(method, &key),
                    None => made.media_type().to_owned(),
                };
                let request = Request::new("POST", device.push.clone())
                    .with(APPLICATION_FIELD, APPLICATION)
                    .with_body(&content_type, made.octets);
                brought.push((id.clone(), request));
            }
        }
        for (device, request) in brought {
            self.send(moment, Errand::Bring { device }, request);
        }
    }
}
