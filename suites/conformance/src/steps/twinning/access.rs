//! Credentials, tokens and what they open.

use std::str::FromStr;

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::answer;
use twinproof_judge::checks::twinning::authorization::Check as Access;
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_stage::Halted;
use twinproof_twinning::device::{self, Credential, Device, Grant, Order, Provision, Raw};
use twinproof_twinning::message::{Status, Twinning};
use twinproof_twinning::url::encode_segment;

use super::parties::{Part, Tried, seen_twinning};
use crate::world::{Scene, World};

/// A credential that should open nothing.
#[derive(Clone, Debug, cucumber::Parameter)]
#[param(
    name = "useless",
    regex = "no credential|an expired credential|a credential for something else|an invented credential"
)]
struct Useless(String);

impl FromStr for Useless {
    type Err = std::convert::Infallible;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        Ok(Self(words.to_owned()))
    }
}

impl Useless {
    fn situation(&self) -> Situation {
        match self.0.as_str() {
            "a credential for something else" => Situation::ScopeMissing,
            _ => Situation::NotAuthenticated,
        }
    }
}

impl Scene {
    fn useless(&mut self, part: &Part, kind: &Useless) -> Result<Credential, Halted> {
        let subscriber = self.party(part)?.subscriber.clone();
        let (token, key) = match kind.0.as_str() {
            "no credential" => return Ok(Credential::None),
            "an invented credential" => {
                return Ok(Credential::Token("invented-by-the-tester".to_owned()));
            }
            "an expired credential" => (subscriber.expired_token, "expired_token"),
            _ => (subscriber.unscoped_token, "unscoped_token"),
        };
        match token {
            Some(token) => Ok(Credential::Token(token)),
            None => Err(self.inconclusive(format!(
                "subscriber {} has none: declare twinning.subscriber.{key}",
                subscriber.address
            ))),
        }
    }

    /// One request of each operation on the twinnings of a device; the last one ends the twinning
    /// that has this address.
    fn all_operations(&mut self, part: &Part, url: &str) -> Result<Vec<Raw>, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let ask = self.code_request()?;
        let toggle = Twinning {
            status: Some(Status::Off.literal(&knobs).to_owned()),
            resource_url: Some(url.to_owned()),
            ..Twinning::default()
        };
        let mut change = self.body(part, &toggle)?;
        "PUT".clone_into(&mut change.method);
        url.clone_into(&mut change.url);
        Ok(vec![
            self.body(part, &ask)?,
            Raw::new("GET", "{twinnings}"),
            Raw::new("GET", url),
            change,
            Raw::new("DELETE", url),
        ])
    }

    /// The authorization code that a secondary reads in its twinning.
    async fn auth_code(&mut self, part: &Part) -> Result<(String, u64), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let url = self.own_url(part)?;
        let (response, exchange) = self.succeed(part, Order::ReadOf { url }).await?;
        match seen_twinning(&response, &knobs).and_then(|t| t.auth_code) {
            Some(code) => Ok((code, exchange)),
            None => {
                let why = "the twinning holds no authorization code";
                Err(self.unmet(Some(exchange), why, &["twinning.knobs.names.auth_code"]))
            }
        }
    }

    /// Asks for the token of a twinning. Once it has come, it is the one that the device uses. Where
    /// secondaries keep their provisioned token, that one is shown instead.
    async fn ask_token(&mut self, part: &Part, scope: Option<String>) -> Result<(), Halted> {
        if scope.is_none() && self.keeps_token()? {
            let url = self.own_url(part)?;
            let raw = Raw::new("GET", url).presenting(Credential::Provisioned);
            self.attempt(part, Order::Send(raw)).await?;
            return Ok(());
        }
        let order = Order::ObtainToken(Grant::ClientCredentials { scope });
        let response = self.attempt(part, order).await?;
        if response.is_some_and(|response| response.is_success()) {
            self.party(part)?.authorized = true;
        }
        Ok(())
    }

    /// The credential that a secondary was given for its twinning.
    fn given_token(&mut self) -> Result<Credential, Halted> {
        Ok(match self.keeps_token()? {
            true => Credential::Provisioned,
            false => Credential::Twinning,
        })
    }

    fn network_request(&mut self, primary: &str) -> Result<Raw, Halted> {
        let template = self
            .twinning_profile()?
            .authorization
            .and_then(|authorization| authorization.resource_url);
        match template {
            Some(template) => {
                let url = template.replace("{address}", &encode_segment(primary));
                Ok(Raw::new("GET", url).presenting(Credential::Network))
            }
            None => Err(self.inconclusive(
                "no resource of the primary's network is known: declare \
                 twinning.authorization.resource_url",
            )),
        }
    }

    async fn use_network(&mut self, part: &Part, primary: &Part) -> Result<(), Halted> {
        let address = self.address(primary)?;
        let raw = self.network_request(&address)?;
        self.attempt(part, Order::Send(raw)).await?;
        Ok(())
    }

    /// Reads once more what was read last, until it is refused or the time that the profile allows
    /// has passed: that a token died is known everywhere only after a while.
    pub(super) async fn until_refused(&mut self) -> Result<(), Halted> {
        let limit = self.stage.pace().settle;
        let begin = self.stage.now();
        while let Some(tried) = self.twinning.tried.clone() {
            let Tried {
                part,
                order,
                succeeded,
            } = tried;
            // What changes or grants something is tried but once.
            let reads = matches!(&order, Order::Send(raw) if raw.method == "GET");
            if !succeeded || !reads || self.stage.now().since(begin) >= limit {
                break;
            }
            self.stage.rest(limit / 16).await;
            self.attempt(&part, order).await?;
        }
        Ok(())
    }

    /// Waits until the end of a twinning is known everywhere, if one has ended: a grant is asked for
    /// but once.
    pub(super) async fn let_the_end_settle(&mut self) {
        if self.twinning.ended.is_some() {
            let settle = self.stage.pace().settle;
            self.stage.rest(settle).await;
        }
    }

    /// Has a device of the other operator redeem a code; it enters for that alone.
    pub(super) async fn redeem_abroad(
        &mut self,
        address: &str,
        client: (String, String),
        code: String,
    ) -> Result<(), Halted> {
        let profile = self.twinning_profile()?;
        let provision = Provision {
            address: address.to_owned(),
            client: Some(client),
            ..Provision::default()
        };
        let access = device::Access {
            base_url: profile.base_url.clone(),
            token_url: profile.authorization.as_ref().map(|a| a.token_url.clone()),
            revoke_url: None,
            notification_channel: None,
            knobs: profile.knobs.clone(),
        };
        let role = Device::new(provision, profile.knobs.format.into());
        let abroad = self
            .stage
            .enter("device abroad", role, std::sync::Arc::new(access));
        let order = Order::ObtainToken(Grant::AuthorizationCode { code });
        let acted = self.stage.act(&abroad, order).await?;
        self.twinning.last = acted.exchanges;
        self.twinning.tried = None;
        match acted.answer {
            Err(fault) if self.twinning.last.is_empty() => {
                Err(self.inconclusive(fault.to_string()))
            }
            _ => Ok(()),
        }
    }
}

#[when(expr = "{part} tries every operation with {useless}")]
async fn tries_all(w: &mut World, part: Part, kind: Useless) -> Result<(), Halted> {
    let scene = w.scene();
    let credential = scene.useless(&part, &kind)?;
    let url = scene.own_url(&part)?;
    scene.remember().await?;
    let mut exchanges = Vec::new();
    for raw in scene.all_operations(&part, &url)? {
        let order = Order::Send(raw.presenting(credential.clone()));
        scene.attempt(&part, order).await?;
        exchanges.append(&mut scene.twinning.last);
    }
    scene.twinning.last = exchanges;
    Ok(())
}

#[when(expr = "{part} tries every operation on what belongs to {part}")]
async fn tries_all_foreign(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&owner)?;
    let address = scene.address(&owner)?;
    scene.party(&part)?;
    scene.remember().await?;
    let mut exchanges = Vec::new();
    let knobs = scene.twinning_profile()?.knobs;
    let users = format!(
        "{{base}}/{}/{}/{}{}",
        knobs.paths.api,
        knobs.paths.version,
        encode_segment(&address),
        knobs.paths.twinnings
    );
    for mut raw in scene.all_operations(&part, &url)? {
        raw.url = raw.url.replace("{twinnings}", &users);
        let order = Order::Send(raw.presenting(Credential::Provisioned));
        scene.attempt(&part, order).await?;
        exchanges.append(&mut scene.twinning.last);
    }
    scene.twinning.last = exchanges;
    Ok(())
}

#[then(expr = "each is refused since {useless} opens nothing")]
async fn all_refused(w: &mut World, kind: Useless) -> Result<(), Halted> {
    let scene = w.scene();
    for exchange in scene.twinning.last.clone() {
        scene.judge(answer::Check::Refused {
            exchange,
            because: kind.situation(),
        });
    }
    Ok(())
}

#[then(expr = "each is refused because {part} has no business there")]
async fn all_not_yours(w: &mut World, _part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    for exchange in scene.twinning.last.clone() {
        scene.judge(answer::Check::Refused {
            exchange,
            because: Situation::NotYours,
        });
    }
    Ok(())
}

#[then("the caller is told how to authenticate")]
async fn challenged(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Access::Challenged { exchange });
    Ok(())
}

#[given(expr = "{part} has obtained the token for its twinning")]
async fn has_token(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().obtain_token(&part).await
}

#[when(expr = "{part} asks the authorization server for the token for its twinning")]
async fn asks_token(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.ask_token(&part, None).await
}

#[when(expr = "{part} asks the authorization server for the right to {word} only")]
#[given(expr = "{part} has asked the authorization server for the right to {word} only")]
async fn asks_scope(w: &mut World, part: Part, right: String) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(authorization) = scene.twinning_profile()?.authorization else {
        return Err(scene.inconclusive(
            "no authorization server is known: declare twinning.authorization.token_url",
        ));
    };
    // The scopes of single functions extend the name in front of the scope for all.
    let base = authorization
        .scope
        .rsplit_once(".all_")
        .map_or(authorization.scope.as_str(), |(base, _)| base);
    let scope = Some(format!("{base}.{right}"));
    scene.ask_token(&part, scope).await
}

#[when(expr = "{part} asks the authorization server for the right to everything in twinning")]
async fn asks_all(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let scope = scene.twinning_profile()?.authorization.map(|a| a.scope);
    scene.ask_token(&part, scope).await
}

#[when(expr = "{part} redeems its authorization code( again)")]
async fn redeems(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let code = match scene.twinning.auth_code.clone() {
        Some(code) => code,
        None => scene.auth_code(&part).await?.0,
    };
    scene.twinning.auth_code = Some(code.clone());
    scene.let_the_end_settle().await;
    let order = Order::ObtainToken(Grant::AuthorizationCode { code });
    scene.attempt(&part, order).await?;
    Ok(())
}

#[given(expr = "{part} has seen its authorization code")]
async fn saw_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (code, exchange) = scene.auth_code(&part).await?;
    scene.twinning.auth_code = Some(code);
    scene.twinning.auth_codes.push(exchange);
    Ok(())
}

#[when(expr = "{part} sees its authorization code")]
async fn sees_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.auth_code(&part).await?;
    scene.twinning.auth_codes.push(exchange);
    Ok(())
}

#[then("all authorization codes are different")]
async fn codes_differ(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchanges = scene.twinning.auth_codes.clone();
    scene.judge(Access::AuthCodesDiffer { exchanges });
    Ok(())
}

#[when(expr = "{part} uses the network of {part}")]
async fn uses_network(w: &mut World, part: Part, primary: Part) -> Result<(), Halted> {
    w.scene().use_network(&part, &primary).await
}

#[when(expr = "{part} uses its twinning with {useless}")]
async fn uses_useless(w: &mut World, part: Part, kind: Useless) -> Result<(), Halted> {
    let scene = w.scene();
    let credential = scene.useless(&part, &kind)?;
    let url = scene.own_url(&part)?;
    let raw = Raw::new("GET", url).presenting(credential);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} uses its twinning with the token that it was given")]
async fn uses_token(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let credential = scene.given_token()?;
    let raw = Raw::new("GET", url).presenting(credential);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} has the authorization server revoke that token")]
async fn revokes(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.succeed(&part, Order::RevokeToken).await?;
    Ok(())
}

#[when(expr = "{part} deletes its twinning with the token that it was given")]
async fn deletes_with_token(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let credential = scene.given_token()?;
    let raw = Raw::new("DELETE", url).presenting(credential);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} lists its wishes to be told with the token that it was given")]
async fn lists_wishes(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let paths = scene.twinning_profile()?.knobs.paths;
    let url = format!(
        "{{base}}/{}/{}/{}{}",
        paths.api,
        paths.version,
        encode_segment(&address),
        paths.subscriptions
    );
    let credential = scene.given_token()?;
    let raw = Raw::new("GET", url).presenting(credential);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when(expr = "{part} reads its list as the user of its own credential")]
async fn lists_as_self(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    let url = format!(
        "{{base}}/{}/{}/acr%3Aauth{}",
        knobs.paths.api, knobs.paths.version, knobs.paths.twinnings
    );
    let raw = Raw::new("GET", url).presenting(Credential::Provisioned);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[then("the authorization server gives a token")]
async fn token_given(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    let shown = scene.twinning.tried.as_ref();
    if shown.is_some_and(|tried| !matches!(tried.order, Order::ObtainToken(_))) {
        scene.judge(Access::AccessGiven { exchange });
        return Ok(());
    }
    scene.judge(Access::TokenGranted { exchange });
    scene.judge(Access::TokenNotCached { exchange });
    Ok(())
}

#[then("the authorization server gives no token since the code is worth nothing")]
async fn grant_refused(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    if scene.twinning.last.is_empty() {
        scene.judge(Access::NothingToRenew);
        return Ok(());
    }
    let exchange = scene.last_exchange();
    scene.judge(Access::TokenRefused {
        exchange,
        error: "invalid_grant".to_owned(),
    });
    Ok(())
}

#[then("the authorization server gives no token since it knows no such right")]
async fn scope_refused(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Access::TokenRefused {
        exchange,
        error: "invalid_scope".to_owned(),
    });
    Ok(())
}

#[then("the token opens it")]
async fn opened(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(Access::AccessGiven { exchange });
    Ok(())
}

#[then("the token does not open it")]
async fn closed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.until_refused().await?;
    let exchange = scene.last_exchange();
    scene.judge(Access::AccessDenied {
        exchange,
        or_gone: false,
    });
    Ok(())
}

/// What belongs to somebody else may also be hidden.
#[then("the token opens nothing there")]
async fn opens_nothing(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.until_refused().await?;
    let exchange = scene.last_exchange();
    scene.judge(Access::AccessDenied {
        exchange,
        or_gone: true,
    });
    Ok(())
}

/// Before activation a token is not to be had, or it opens nothing.
#[then(expr = "{part} has no token that switches its pending twinning")]
async fn no_early_token(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    let knobs = scene.twinning_profile()?.knobs;
    let url = scene.own_url(&part)?;
    let order = Order::Toggle {
        url: Some(url),
        status: Status::Off.literal(&knobs).to_owned(),
    };
    scene.attempt(&part, order).await?;
    let tried = scene.last_exchange();
    scene.judge(answer::Check::Refused {
        exchange: tried,
        because: Situation::NotTwinnedYet,
    });
    // What the authorization server said is evidence only: either is accepted.
    scene.judge(answer::Check::Decided { exchange });
    Ok(())
}

#[then(expr = "{part} and {part} use different tokens")]
async fn tokens_differ(w: &mut World, one: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let mut exchanges = Vec::new();
    for part in [&one, &other] {
        let url = scene.own_url(part)?;
        let raw = Raw::new("GET", url).presenting(Credential::Best);
        scene.attempt(part, Order::Send(raw)).await?;
        let exchange = scene.last_exchange();
        scene.judge(Access::AccessGiven { exchange });
        exchanges.push(exchange);
    }
    scene.judge(Access::TokensDiffer {
        one: exchanges[0],
        other: exchanges[1],
    });
    Ok(())
}
