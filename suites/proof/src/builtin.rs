//! Puts the built-in systems on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_judge::profile::{Authorization, Declared, Peer, SecondaryToken, Span, Subscriber};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::twinning as reference;
use twinproof_reference::variants::twinning::Shape;
use twinproof_stage::{Halted, Seat, Stage};
use twinproof_twinning::enabler::rules::{Rules, Watched};
use twinproof_twinning::enabler::{
    Config, Enabler, REVOKE_PATH, Subscriber as Provisioned, TOKEN_PATH,
};

/// The built-in Twinning system under given rules.
pub struct TwinningSystem {
    profile: Declared,
    shape: Shape,
    /// How many subscribers who plays a partner has.
    subscribers: usize,
    pub(crate) rules: Watched,
}

impl TwinningSystem {
    /// The system as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self::made(Shape::default(), reference::SUBSCRIBERS, rules)
    }

    /// The system as these rules make it, with so many subscribers and no partners.
    pub fn crowded(subscribers: usize, rules: Arc<dyn Rules>) -> Self {
        let mut shape = Shape::default();
        shape.partners = false;
        Self::made(shape, subscribers, rules)
    }

    /// The system in another lawful shape.
    pub fn shaped(shape: Shape) -> Self {
        let rules = shape.rules();
        Self::made(shape, reference::SUBSCRIBERS, rules)
    }

    fn made(shape: Shape, subscribers: usize, rules: Arc<dyn Rules>) -> Self {
        let mut profile =
            Declared::parse(include_str!("builtin.toml")).expect("the built-in profile is tested");
        let (origin, peer) = ("http://sut.test", "http://peer.test".to_owned());
        let config = config(&shape, origin, (std::slice::from_ref(&peer), subscribers));
        let own = own(&config, subscribers, 0);
        provision(&mut profile, &shape, &config, origin, (0, &peer, own));
        Self {
            profile,
            shape,
            subscribers,
            rules: Watched::new(rules),
        }
    }

    /// Lets the system enter at `origin`, with a partner at each of `peers`. Returns for each partner
    /// the profile of who plays it: no two have a subscriber in common.
    pub(crate) fn host(
        &self,
        stage: &mut Stage,
        seed: Seed,
        origin: &str,
        peers: &[String],
    ) -> Vec<Declared> {
        let config = config(&self.shape, origin, (peers, self.subscribers));
        let profiles = peers
            .iter()
            .enumerate()
            .map(|(number, peer)| {
                let mut profile = self.profile.clone();
                let own = own(&config, self.subscribers, number);
                let player = (number, &**peer, own);
                provision(&mut profile, &self.shape, &config, origin, player);
                profile
            })
            .collect();
        let config = Arc::new(config);
        let rules = self.rules.for_scenario(seed);
        stage.host(
            SUT,
            Box::new(move || {
                Seat::new(
                    Enabler::new(Arc::clone(&rules), seed.derive(SUT)),
                    Arc::clone(&config),
                )
            }),
        );
        profiles
    }
}

/// What a system of this shape has provisioned at `origin`, with a partner at each of `peers` and so many subscribers for
/// each.
fn config(shape: &Shape, origin: &str, peers: (&[String], usize)) -> Config {
    reference::config(format!("{origin}{}", shape.base_path), peers, shape)
}

/// The subscribers of the player of this number, of whom each has so many.
fn own(config: &Config, each: usize, number: usize) -> &[Provisioned] {
    let mut shares = config.subscribers.chunks(each.max(1));
    shares.nth(number).unwrap_or_default()
}

/// Writes into the profile what is provisioned for a player: the partner's number and where it is, and its subscribers.
fn provision(
    declared: &mut Declared,
    shape: &Shape,
    config: &Config,
    origin: &str,
    (number, peer, subscribers): (usize, &str, &[Provisioned]),
) {
    let Some(twinning) = declared.profile.twinning.as_mut() else {
        return;
    };
    let base_url = config.base_url.clone();
    twinning.knobs = shape.knobs.clone();
    twinning.activation_code_lifetime = Span::from_secs(shape.code_lifetime.as_secs());
    twinning.max_secondaries = Some(config.max_secondaries);
    twinning.mno_id = Some(config.mno_id.clone());
    twinning.authorization = Some(Authorization {
        token_url: format!("{origin}{TOKEN_PATH}"),
        revoke_url: Some(format!("{origin}{REVOKE_PATH}")),
        resource_url: Some(format!("{base_url}/messaging/v1/{{address}}/inbox")),
        scope: config.scope_name(None),
        secondary_token: match shape.keeps_token {
            true => SecondaryToken::Provisioned,
            false => SecondaryToken::ClientCredentials,
        },
    });
    twinning.notification_channel = shape.channels.then(|| base_url.clone());
    twinning.base_url = base_url;
    twinning.peer = config.partners.get(number).map(|partner| Peer {
        mno_id: partner.mno_id.clone(),
        token: partner.token.clone(),
        expects_token: partner.expects_token.clone(),
        address: reference::partner_device(number),
        client_id: Some(partner.client_id.clone()),
        client_secret: Some(partner.client_secret.clone()),
    });
    twinning.subscribers = subscribers
        .iter()
        .cloned()
        .map(|s| Subscriber {
            address: s.address,
            token: Some(s.token),
            expired_token: Some(s.expired_token),
            unscoped_token: Some(s.unscoped_token),
            client_id: Some(s.client_id),
            client_secret: Some(s.client_secret),
            voice_mail: s.voice_mail,
            ..Subscriber::default()
        })
        .collect();
    if !shape.partners {
        let unclaimed = INTER_OPERATOR.map(|id| (id.to_owned(), false));
        twinning.claims.extend(unclaimed);
    }
    // Everything is declared: a section stands for all keys below it.
    declared.keys.extend(
        [
            "knobs",
            "authorization",
            "max_secondaries",
            "mno_id",
            "notification_channel",
            "peer",
            "subscriber",
        ]
        .map(|k| format!("twinning.{k}")),
    );
    declared.profile.harness.peer_advertise = Some(peer.to_owned());
    // It lives on the stage of those whom it calls, so it can reach them.
    declared
        .keys
        .extend(["harness.advertise", "harness.peer_advertise"].map(str::to_owned));
}

/// What a system does not claim whose relationships do not cross networks.
const INTER_OPERATOR: [&str; 12] = [
    "HLF-IC-001",
    "HLF-IC-002",
    "HLF-IC-003",
    "HLF-IC-004",
    "HLF-IC-005",
    "HLF-IC-006",
    "HLF-IC-007",
    "HLF-SD-002",
    "HLF-TE-006",
    "CR-N2",
    "CR-N8",
    "CR-N11",
];

/// The name under which the simulated peer operator enters.
const PEER: &str = "peer";

impl BuiltIn for TwinningSystem {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        _part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let origin = stage.listen(SUT).await?;
            let peer = stage.listen(PEER).await?;
            let mut profiles = self.host(stage, seed, &origin, &[peer]);
            Ok(profiles.pop().unwrap_or_else(|| self.profile.clone()))
        }
        .boxed_local()
    }
}
