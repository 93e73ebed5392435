//! The built-in Twinning system: an enabler of operator 001-01.

use std::time::Duration;

use twinproof_twinning::enabler::{Config, Partner, Subscriber};

use crate::variants::twinning::Shape;

/// The operator's identity: the test network of the numbering plan.
pub const OPERATOR: &str = "001-01";

/// How long an activation code lives.
pub const CODE_LIFETIME: Duration = Duration::from_secs(300);

/// How long a poll waits; short, so that a run over real time is short.
const POLL_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the enabler waits for its partner: well below the five seconds that clients wait, and long
/// for a loopback.
const PARTNER_TIMEOUT: Duration = Duration::from_secs(2);

/// How many devices are provisioned for each partner: a pool for whoever plays that partner.
pub const SUBSCRIBERS: usize = 12;

/// How many secondaries one primary may have: few enough for a tester to reach the limit.
pub const MAX_SECONDARIES: usize = 4;

/// How many partners there is room for in the numbering below.
pub const MAX_PARTNERS: usize = 8;

/// The address of a device that the partner of this number serves, from 0.
pub fn partner_device(number: usize) -> String {
    format!("tel:+1202555{:04}", 199 + 100 * number)
}

/// What is provisioned at the system of this shape that is reached at `base_url` and has a partner at
/// each of `partners`, [`MAX_PARTNERS`] at most. Whoever plays a partner has so many subscribers of its own,
/// even if the system knows no partners.
pub fn config(base_url: String, (partners, each): (&[String], usize), shape: &Shape) -> Config {
    let players = partners.len().min(MAX_PARTNERS);
    let known = if shape.partners { players } else { 0 };
    let partners: Vec<Partner> = (0..known)
        .zip(partners)
        .map(|(n, base_url)| Partner {
            // The test network of the numbering plan, beside the system's own.
            mno_id: format!("001-{:02}", 2 + n),
            base_url: base_url.clone(),
            token: format!("built-in-partner-in-{n}"),
            expects_token: format!("built-in-partner-out-{n}"),
            client_id: format!("built-in-partner-client-{n}"),
            client_secret: format!("built-in-partner-secret-{n}"),
        })
        .collect();
    let subscribers = (0..players * each)
        .map(|n| Subscriber {
            address: format!("tel:+1202555{:04}", 100 + n),
            token: format!("built-in-token-{n:04}"),
            expired_token: format!("built-in-expired-{n:04}"),
            unscoped_token: format!("built-in-unscoped-{n:04}"),
            client_id: format!("built-in-client-{n:04}"),
            client_secret: format!("built-in-secret-{n:04}"),
            voice_mail: shape
                .voice_mail
                .then(|| format!("tel:+1202555{:04}", 900 + n)),
        })
        .collect();
    Config {
        base_url,
        mno_id: shape.mno_id.to_owned(),
        code_lifetime: shape.code_lifetime,
        token_lifetime: Duration::from_secs(3_600),
        auth_code_lifetime: Duration::from_secs(600),
        poll_timeout: POLL_TIMEOUT,
        partner_timeout: PARTNER_TIMEOUT,
        scope_prefix: "oma_rest_twinning".to_owned(),
        network_scope: "oma_rest_messaging.all_v1".to_owned(),
        partners,
        max_secondaries: shape.max_secondaries,
        subscribers,
        knobs: shape.knobs.clone(),
    }
}
