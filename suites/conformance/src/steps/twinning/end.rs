//! Ending a twinning for good.

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::errors::Situation;
use twinproof_judge::checks::twinning::{answer, state};
use twinproof_judge::profile::SecondaryToken;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Credential, Grant, Order, Raw};

use super::parties::{Part, Probe, Relation, seen_twinning};
use crate::world::{Scene, World};

impl Scene {
    async fn end(&mut self, part: &Part, partner: Option<&Part>) -> Result<(), Halted> {
        let url = match partner {
            Some(_) => self.own_side(part, partner)?,
            None => self.own_url(part)?,
        };
        self.authorize(part).await?;
        self.remember().await?;
        let response = self
            .attempt(
                part,
                Order::Deactivate {
                    url: Some(url.clone()),
                },
            )
            .await?;
        if response.is_some_and(|response| response.is_success()) {
            self.note_end(part, &url);
        }
        Ok(())
    }

    fn note_end(&mut self, part: &Part, url: &str) {
        for relation in &mut self.twinning.relations {
            if relation.url_of(part) == Some(url) {
                relation.ended = true;
                self.twinning.ended = Some(relation.clone());
            }
        }
        let ended: Vec<Part> = self
            .twinning
            .relations
            .iter()
            .filter(|relation| relation.ended)
            .map(|relation| relation.secondary.clone())
            .collect();
        for (part, party) in &mut self.twinning.devices {
            if ended.contains(part) {
                party.authorized = false;
            }
        }
    }

    fn ended(&mut self) -> Result<Relation, Halted> {
        match self.twinning.ended.clone() {
            Some(relation) => Ok(relation),
            None => Err(self.inconclusive("no twinning has been ended")),
        }
    }

    async fn expect_gone(&mut self, part: &Part, url: &str) -> Result<(), Halted> {
        let exchange = self
            .settle(part, &Probe::Twinning(url.to_owned()), |answer| {
                answer.as_ref().is_ok_and(|r| !r.is_success())
            })
            .await?;
        let own_way = self
            .twinning_profile()?
            .authorization
            .map(|authorization| authorization.secondary_token);
        // With only one token, the right to be told ends together with the twinning.
        let with_access =
            own_way != Some(SecondaryToken::ClientCredentials) && self.ended()?.secondary == *part;
        self.judge(state::Check::Gone {
            exchange,
            with_access,
        });
        Ok(())
    }
}

#[given(expr = "{part} has ended the twinning")]
async fn has_ended(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_side(&part, None)?;
    scene.authorize(&part).await?;
    let order = Order::Deactivate {
        url: Some(url.clone()),
    };
    scene.succeed(&part, order).await?;
    scene.note_end(&part, &url);
    Ok(())
}

#[given(expr = "{part} has redeemed its authorization code")]
async fn has_redeemed(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    let url = scene.own_side(&part, None)?;
    let (response, exchange) = scene.succeed(&part, Order::ReadOf { url }).await?;
    let Some(code) = seen_twinning(&response, &knobs).and_then(|t| t.auth_code) else {
        let why = "the twinning holds no authorization code";
        return Err(scene.unmet(Some(exchange), why, &["twinning.knobs.names.auth_code"]));
    };
    let grant = Grant::AuthorizationCode { code };
    scene.succeed(&part, Order::ObtainToken(grant)).await?;
    Ok(())
}

#[when(expr = "{part} ends the/its twinning( again)")]
async fn ends(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().end(&part, None).await
}

#[when(expr = "{part} ends the/its twinning with {part}( again)")]
async fn ends_with(w: &mut World, part: Part, partner: Part) -> Result<(), Halted> {
    w.scene().end(&part, Some(&partner)).await
}

#[when(expr = "{part} ends the twinning of {part}")]
async fn ends_foreign(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&owner)?;
    scene.authorize(&part).await?;
    scene.party(&part)?;
    scene.remember().await?;
    scene
        .attempt(&part, Order::Deactivate { url: Some(url) })
        .await?;
    Ok(())
}

#[when(expr = "{part} renews the access to the primary's network")]
async fn renews(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.let_the_end_settle().await;
    let acted = scene
        .order(&part, Order::ObtainToken(Grant::Refresh))
        .await?;
    // A device that was given nothing to renew its access with asks for nothing.
    scene.twinning.last = acted.exchanges;
    scene.twinning.tried = None;
    Ok(())
}

#[then("the twinning is gone on both sides, or as it was if that was refused")]
async fn gone_or_unchanged(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    if scene.succeeded() {
        return gone(w).await;
    }
    let baseline = scene.twinning.baseline.clone();
    let after = scene.probe_all(&baseline.probes).await?;
    scene.judge(state::Check::Unchanged {
        before: baseline.exchanges,
        after,
    });
    Ok(())
}

#[then("the twinning is gone on both sides")]
async fn gone(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let relation = scene.ended()?;
    scene
        .expect_gone(&relation.primary, &relation.primary_url)
        .await?;
    scene
        .expect_gone(&relation.secondary, &relation.secondary_url)
        .await
}

#[then(expr = "the access that {part} had to its twinning has ended")]
async fn access_ended(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let relation = scene.ended()?;
    let own_way = scene
        .twinning_profile()?
        .authorization
        .map(|authorization| authorization.secondary_token);
    // A token of its own must open nothing any more; a token that it had from the start is not
    // bound to the twinning, and only the twinning itself is out of reach.
    let (url, credential, because) = if own_way == Some(SecondaryToken::ClientCredentials) {
        (
            "{twinnings}".to_owned(),
            Credential::Twinning,
            Situation::AccessEnded,
        )
    } else {
        (
            relation.secondary_url,
            Credential::Provisioned,
            Situation::EndedWithAccess,
        )
    };
    let format = scene.party(&part)?.format;
    let raw = Raw::new("GET", url)
        .presenting(credential)
        .with("Accept", format.media_type());
    scene.attempt(&part, Order::Send(raw)).await?;
    scene.until_refused().await?;
    let exchange = scene.last_exchange();
    scene.judge(answer::Check::Refused { exchange, because });
    Ok(())
}
