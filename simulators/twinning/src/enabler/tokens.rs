//! Access tokens and the authorization server that issues them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::rules::{
    GrantFacts, NetworkFacts, NewTokenFacts, ObtainFacts, RefreshFacts, Resource, ReuseFacts,
    Scope, ScopeName, TokenEndFacts, TokenFacts,
};
use super::state::{Grant, Purpose, Side, Token};
use super::{Answer, Config, Enabler, Served, Turn};
use crate::enabler::refusal::Refusal;
use crate::enabler::route::Route;
use crate::message::{Role, Status};
use crate::url::decode_segment;

/// All scopes of this API.
pub(super) const ALL: [Scope; 5] = [
    Scope::Activate,
    Scope::Read,
    Scope::Toggle,
    Scope::Deactivate,
    Scope::Subscription,
];

/// What the enabler knows of a presented token.
pub(super) struct Bearer {
    /// The address of the device that it was issued to; of a partner, its operator's identity.
    pub(super) address: String,
    /// It is a partner's.
    pub(super) partner: bool,
    /// The secondary's side of the relationship that it belongs to, if to one.
    pub(super) relation: Option<String>,
    pub(super) purpose: Purpose,
    pub(super) scopes: Vec<Scope>,
    pub(super) expired: bool,
    pub(super) revoked: bool,
}

impl Bearer {
    fn provisioned(address: &str, scopes: Vec<Scope>, expired: bool) -> Self {
        Self {
            address: address.to_owned(),
            partner: false,
            relation: None,
            purpose: Purpose::Twinning,
            scopes,
            expired,
            revoked: false,
        }
    }
}

/// An application that has shown its credentials.
struct Client {
    id: String,
    /// The device that it acts for; a partner's has none here.
    device: Option<String>,
}

/// The error codes of RFC 6749 §5.2 that this server uses.
fn oauth_error(error: &str) -> Answer {
    let answer = match error {
        "invalid_client" => Answer::new(401).with("WWW-Authenticate", "Basic realm=\"autho4api\""),
        _ => Answer::new(400),
    };
    answer
        .with("Cache-Control", "no-store")
        .with_json(json!({ "error": error }))
}

/// The token in an Authorization header, if its scheme is Bearer.
pub(super) fn presented(turn: Turn<'_>) -> Option<&str> {
    let value = turn.request.headers.first("Authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("Bearer")
        .then_some(token.trim())
}

impl Enabler {
    /// Whose token this is.
    pub(super) fn bearer(&self, turn: Turn<'_>, token: &str) -> Option<Bearer> {
        if let Some(issued) = self.state.get::<Token>(token) {
            return Some(Bearer {
                address: issued.owner.clone(),
                partner: false,
                relation: issued.relation.clone(),
                purpose: issued.purpose,
                scopes: issued.scopes.clone(),
                expired: turn.now.since(issued.since) >= issued.lifetime,
                revoked: issued.revoked,
            });
        }
        let partner = turn.config.partners.iter().find(|p| p.token == token);
        if let Some(partner) = partner {
            let scopes = vec![Scope::InterOperator];
            return Some(Bearer {
                partner: true,
                ..Bearer::provisioned(&partner.mno_id, scopes, false)
            });
        }
        turn.config.subscribers.iter().find_map(|subscriber| {
            let (scopes, expired) = match token {
                t if t == subscriber.token => (ALL.to_vec(), false),
                t if t == subscriber.expired_token => (ALL.to_vec(), true),
                t if t == subscriber.unscoped_token => (Vec::new(), false),
                _ => return None,
            };
            Some(Bearer::provisioned(&subscriber.address, scopes, expired))
        })
    }

    pub(super) fn token_is_valid(&self, presented: bool, bearer: Option<&Bearer>) -> bool {
        self.rules.token_is_valid(TokenFacts {
            presented,
            known: bearer.is_some(),
            expired: bearer.is_some_and(|b| b.expired),
            revoked: bearer.is_some_and(|b| b.revoked),
        })
    }

    /// What the authorization server and the primary's network answer.
    pub(super) fn perform_authorization(&mut self, turn: Turn<'_>, route: &Route) -> Served {
        match route.resource {
            Resource::Inbox => self.inbox(turn, &route.user),
            Resource::Revoke => Ok(self.revoke(turn)),
            _ => Ok(self.issue(turn)),
        }
    }

    fn client(&self, turn: Turn<'_>) -> Option<Client> {
        let (scheme, encoded) = turn
            .request
            .headers
            .first("Authorization")?
            .split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        let subscriber = turn
            .config
            .subscribers
            .iter()
            .find(|s| s.client_id == id && s.client_secret == secret);
        let partner = turn
            .config
            .partners
            .iter()
            .any(|p| p.client_id == id && p.client_secret == secret);
        (partner || subscriber.is_some()).then(|| Client {
            id: id.to_owned(),
            device: subscriber.map(|s| s.address.clone()),
        })
    }

    fn issue(&mut self, turn: Turn<'_>) -> Answer {
        let Some(client) = self.client(turn) else {
            return oauth_error("invalid_client");
        };
        let form = Form::read(&turn.request.body);
        let issued = match form.get("grant_type").as_deref() {
            Some("client_credentials") => self.issue_twinning(turn, &client, &form),
            Some("authorization_code") => self.redeem(turn, &client, &form),
            Some("refresh_token") => self.refresh(turn, &client, &form),
            Some(_) => Err("unsupported_grant_type"),
            None => Err("invalid_request"),
        };
        issued.unwrap_or_else(oauth_error)
    }

    /// The token of a twinned device for its twinning (HLF-SD-005).
    fn issue_twinning(
        &mut self,
        turn: Turn<'_>,
        client: &Client,
        form: &Form,
    ) -> Result<Answer, &'static str> {
        let device = client.device.clone().ok_or("unauthorized_client")?;
        let asked = form
            .get("scope")
            .unwrap_or_else(|| turn.config.scope_name(None));
        let scopes = self.scopes(turn, &asked).ok_or("invalid_scope")?;
        let party = self.party(&device, None);
        let allowed = self.rules.may_obtain_token(ObtainFacts {
            as_primary: party.as_primary,
            as_secondary: party.as_secondary,
        });
        if !allowed {
            return Err("invalid_grant");
        }
        let side = self
            .state
            .sides_of(&device)
            .find(|side| side.role == Role::Secondary);
        let primarys = side
            .and_then(|side| turn.config.subscriber(side.other.as_deref()?))
            .map(|primary| primary.token.as_str());
        let relation = side.map(|side| side.id.clone());
        let token = Token {
            owner: device,
            client: client.id.clone(),
            relation,
            purpose: Purpose::Twinning,
            scopes,
            since: turn.now,
            lifetime: turn.config.token_lifetime,
            revoked: false,
            grant: None,
        };
        let fresh = self.secret("token");
        let access = self.rules.token_value(NewTokenFacts {
            fresh: &fresh,
            primarys,
        });
        self.state.put(&access, token);
        Ok(tokens(turn.config, &access, None, &asked))
    }

    /// The scopes that a space-separated list names.
    fn scopes(&self, turn: Turn<'_>, asked: &str) -> Option<Vec<Scope>> {
        let mut scopes = Vec::new();
        for name in asked.split_whitespace() {
            let known = if name == turn.config.scope_name(None) {
                Some(ALL.to_vec())
            } else {
                let found = ALL
                    .into_iter()
                    .find(|s| turn.config.scope_name(Some(*s)) == name);
                found.map(|scope| vec![scope])
            };
            scopes.extend(self.rules.scopes_named(ScopeName { name, known })?);
        }
        Some(scopes)
    }

    /// An authorization code becomes a token for the primary's network (HLF-SD-009).
    fn redeem(
        &mut self,
        turn: Turn<'_>,
        client: &Client,
        form: &Form,
    ) -> Result<Answer, &'static str> {
        let code = form.get("code").ok_or("invalid_request")?;
        let grant = self.state.get::<Grant>(&code).cloned();
        let redeemed = grant.as_ref().is_some_and(|g| g.redeemed);
        if self.rules.reuse_revokes(ReuseFacts { redeemed }) {
            self.revoke_where(|token| token.grant.as_deref() == Some(code.as_str()));
        }
        let redeemable = self.rules.grant_is_redeemable(GrantFacts {
            known: grant.is_some(),
            redeemed,
            age: grant
                .as_ref()
                .map_or(Duration::ZERO, |g| turn.now.since(g.since)),
            lifetime: turn.config.auth_code_lifetime,
            own_client: grant.as_ref().is_some_and(|g| g.client == client.id),
            live: grant
                .as_ref()
                .is_some_and(|g| self.state.side(&g.relation).is_some()),
        });
        let Some(grant) = grant.filter(|_| redeemable) else {
            return Err("invalid_grant");
        };
        let token = Token {
            owner: grant.owner.clone(),
            client: client.id.clone(),
            relation: Some(grant.relation.clone()),
            purpose: Purpose::Network,
            scopes: Vec::new(),
            since: turn.now,
            lifetime: turn.config.token_lifetime,
            revoked: false,
            grant: Some(code.clone()),
        };
        let refresh = Token {
            purpose: Purpose::Refresh,
            lifetime: Duration::MAX,
            ..token.clone()
        };
        self.state.put(
            &code,
            Grant {
                redeemed: true,
                ..grant
            },
        );
        let (access, refresh) = (self.keep(token), self.keep(refresh));
        let scope = turn.config.network_scope.as_str();
        Ok(tokens(turn.config, &access, Some(&refresh), scope))
    }

    fn refresh(
        &mut self,
        turn: Turn<'_>,
        client: &Client,
        form: &Form,
    ) -> Result<Answer, &'static str> {
        let presented = form.get("refresh_token").ok_or("invalid_request")?;
        let known = self
            .state
            .get::<Token>(&presented)
            .filter(|token| token.purpose == Purpose::Refresh)
            .cloned();
        let relation = known.as_ref().and_then(|token| token.relation.as_deref());
        let honoured = self.rules.refresh_is_honoured(RefreshFacts {
            known: known.is_some(),
            revoked: known.as_ref().is_some_and(|token| token.revoked),
            own_client: known
                .as_ref()
                .is_some_and(|token| token.client == client.id),
            live: relation.is_some_and(|id| self.state.side(id).is_some()),
        });
        let Some(old) = known.filter(|_| honoured) else {
            return Err("invalid_grant");
        };
        let access = self.keep(Token {
            purpose: Purpose::Network,
            since: turn.now,
            lifetime: turn.config.token_lifetime,
            ..old
        });
        let scope = turn.config.network_scope.as_str();
        Ok(tokens(turn.config, &access, Some(&presented), scope))
    }

    fn revoke(&mut self, turn: Turn<'_>) -> Answer {
        let Some(client) = self.client(turn) else {
            return oauth_error("invalid_client");
        };
        let Some(value) = Form::read(&turn.request.body).get("token") else {
            return oauth_error("invalid_request");
        };
        let token = self
            .state
            .get::<Token>(&value)
            .filter(|t| t.client == client.id);
        if let Some(token) = token.cloned() {
            let family = token
                .grant
                .clone()
                .filter(|_| token.purpose == Purpose::Refresh);
            let revoked = Token {
                revoked: true,
                ..token
            };
            self.state.put(&value, revoked);
            if family.is_some() {
                self.revoke_where(|token| token.grant == family);
            }
        }
        // RFC 7009 §2.2: a token that does not exist is as good as revoked.
        Answer::new(200)
    }

    fn revoke_where(&mut self, which: impl Fn(&Token) -> bool) {
        let hit: Vec<_> = self
            .state
            .all::<Token>()
            .filter(|(_, token)| !token.revoked && which(token))
            .map(|(key, token)| (key.clone(), token.clone()))
            .collect();
        for (key, token) in hit {
            let revoked = Token {
                revoked: true,
                ..token
            };
            self.state.put(&key, revoked);
        }
    }

    /// Ends the tokens that end with a relationship (HLF-TE-004).
    pub(super) fn end_tokens(&mut self, secondary: &str) {
        let rules = std::sync::Arc::clone(&self.rules);
        self.revoke_where(|token| {
            rules.token_ends(TokenEndFacts {
                of_relationship: token.relation.as_deref() == Some(secondary),
                refresh: token.purpose == Purpose::Refresh,
            })
        });
    }

    /// Keeps the authorization code of a relationship that begins.
    pub(super) fn put_grant(&mut self, turn: Turn<'_>, code: &str, secondary: &Side, client: &str) {
        self.state.put(
            code,
            Grant {
                relation: secondary.id.clone(),
                owner: secondary.owner.clone(),
                primary: secondary.other.clone(),
                client: client.to_owned(),
                since: turn.now,
                redeemed: false,
            },
        );
    }

    fn keep(&mut self, token: Token) -> String {
        let value = self.secret("token");
        self.state.put(&value, token);
        value
    }

    pub(super) fn secret(&mut self, what: &str) -> String {
        let serial = self.state.next_serial();
        let mut rng = self.seed.derive(what).derive(&serial.to_string()).rng();
        format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))
    }

    /// A resource of the primary's network that stands for all of them: its messages.
    fn inbox(&self, turn: Turn<'_>, user: &str) -> Served {
        let token = presented(turn);
        let bearer = token.and_then(|token| self.bearer(turn, token));
        if !self.token_is_valid(token.is_some(), bearer.as_ref()) {
            return Err(Refusal::unauthorized(token.is_some()));
        }
        let primary = bearer
            .as_ref()
            .and_then(|b| self.state.side(b.relation.as_deref()?))
            .filter(|side| side.status != Status::Pending)
            .and_then(|side| side.other.as_deref());
        let opens = self.rules.network_opens(NetworkFacts {
            for_network: bearer
                .as_ref()
                .is_some_and(|b| b.purpose == Purpose::Network),
            of_this_primary: primary == Some(user),
        });
        if opens {
            Ok(Answer::new(200)
                .with_json(json!({ "inboundMessageList": { "inboundMessage": [] } })))
        } else {
            Err(Refusal::denied(user))
        }
    }
}

fn tokens(config: &Config, access: &str, refresh: Option<&str>, scope: &str) -> Answer {
    let mut body = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": config.token_lifetime.as_secs(),
        "scope": scope,
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    Answer::new(200)
        .with("Cache-Control", "no-store")
        .with_json(body)
}

/// The parameters of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Self {
        let decode = |text: &str| decode_segment(&text.replace('+', " "));
        Self(
            String::from_utf8_lossy(body)
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        let mut found = self.0.iter().filter(|(n, _)| n == name);
        // RFC 6749 §3.2: a parameter stands once.
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value.clone()),
            _ => None,
        }
    }
}
