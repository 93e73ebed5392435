//! How a device meets its servers: over associations that begin with the keys of its accounts, or in the
//! clear.

use std::net::SocketAddr;

use twinproof_kernel::{Output, PreSharedKey};

use super::bootstrap::address_in;
use super::rules::SealFacts;
use super::{Device, Moment, path_of};
use crate::wire::Value;

/// The modes of security of an account that devices have (TS 1.0.2 Appendix E.1).
const PSK: f64 = 0.0;
const NO_SEC: f64 = 3.0;

impl Device {
    /// Meets the servers of its accounts from now on as those say.
    pub(super) fn trust_accounts(&self, moment: &mut Moment<'_>) {
        let tree = self.tree(moment.shared);
        for instance in tree.instances(path_of(&[0])) {
            let value = |resource| tree.value(instance.child(resource)?);
            let octets = |resource| match value(resource) {
                Some(Value::Opaque(octets)) => octets,
                _ => Vec::new(),
            };
            let (Some(Value::String(uri)), Some(Value::Boolean(false))) = (value(0), value(1))
            else {
                continue;
            };
            let mode = value(2).and_then(|mode| mode.number());
            let keyed = mode == Some(PSK);
            let Some(peer) = address_in(&uri).filter(|_| keyed || mode == Some(NO_SEC)) else {
                continue;
            };
            let facts = SealFacts {
                keyed,
                failed: false,
            };
            let own = moment.shared.rules.seals(facts).then(|| PreSharedKey {
                identity: octets(3),
                key: octets(5),
            });
            let at = self.at;
            moment.out.push(Output::Trust { at, peer, own });
        }
    }

    /// There is no association with a server any more, or none came about.
    pub(super) fn is_unassociated(&self, moment: &mut Moment<'_>, peer: SocketAddr) {
        let facts = SealFacts {
            keyed: true,
            failed: true,
        };
        if !moment.shared.rules.seals(facts) {
            let (at, own) = (self.at, None);
            moment.out.push(Output::Trust { at, peer, own });
        }
    }
}
