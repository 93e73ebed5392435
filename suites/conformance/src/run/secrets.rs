//! What may stand in no record.

use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, DmAccount, DmClient, Gwmo, Subscriber, made_of};
use twinproof_stage::Stage;

/// The secrets in a body, of whichever enabler it is.
pub(super) fn of_body(media_type: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut found = twinproof_twinning::secrets::find(media_type, body);
    let given = twinproof_dm::bootstrap::secrets(media_type, body);
    found.extend(given.into_iter().map(|secret| ("password", secret)));
    found
}

/// Passwords are concealed, and so is what is made of them.
fn learn_logins(secrets: &Secrets, account: &DmAccount) {
    for (name, password) in account.logins() {
        secrets.learn("password", password);
        for made in made_of(name, password) {
            secrets.learn_form(password, &made);
        }
    }
}

/// What the profile keeps secret is concealed wherever it turns up.
pub(super) fn learn(stage: &Stage, declared: &Declared) {
    if let Some(mut dm) = declared.profile.dm.clone() {
        let client = dm.client.iter_mut().flat_map(DmClient::accounts);
        let server = dm.server.iter_mut().flat_map(|server| &mut server.accounts);
        for account in client.chain(server) {
            learn_logins(stage.recorder().secrets(), account);
        }
        let own = dm.client.iter().filter_map(|c| c.bootstrap.as_ref());
        for own in own {
            // What is nowhere is missed by the scenarios that need it.
            for secret in [own.network_id(), own.shared_secret()]
                .into_iter()
                .flatten()
            {
                stage.recorder().secrets().learn("networkid", &secret);
            }
        }
        for device in dm.bootstrap.iter().flat_map(|server| &server.devices) {
            // What is missing is nowhere to be read, and its scenarios say so.
            let known = device.known().unwrap_or_default();
            for (kind, secret) in [("networkid", known.network_id), ("pin", known.pin)] {
                if let Some(secret) = secret {
                    stage.recorder().secrets().learn(kind, &secret);
                }
            }
        }
    }
    for account in declared
        .profile
        .gwmo
        .clone()
        .iter_mut()
        .flat_map(Gwmo::accounts)
    {
        learn_logins(stage.recorder().secrets(), account);
    }
    let secrets = stage.recorder().secrets();
    let devices = declared.profile.gwmo.iter().flat_map(|gwmo| &gwmo.devices);
    for fresh in devices.filter_map(|device| device.fresh.as_ref()) {
        secrets.learn("networkid", &fresh.network_id);
        if let Some(pin) = &fresh.pin {
            secrets.learn("pin", pin);
        }
    }
    let lwm2m = declared.profile.lwm2m.as_ref();
    for key in lwm2m.iter().flat_map(|section| section.keys()) {
        secrets.learn("key", &key);
    }
    let Some(twinning) = &declared.profile.twinning else {
        return;
    };
    for (kind, secret) in twinning.subscribers.iter().flat_map(Subscriber::secrets) {
        secrets.learn(kind, &secret);
    }
    if let Some(peer) = &twinning.peer {
        secrets.learn("token", &peer.token);
        secrets.learn("token", &peer.expects_token);
    }
}
