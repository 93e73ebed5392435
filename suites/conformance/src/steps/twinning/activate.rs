//! Activations.

use cucumber::{given, when};
use twinproof_judge::profile::SecondaryToken;
use twinproof_kernel::http::Response;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Grant, Order};

use super::parties::{Part, wanting};
use crate::world::{Scene, World};

impl Scene {
    /// The activation that uses the code of this device.
    pub(super) fn activation(
        &mut self,
        holder: &Part,
        name: Option<String>,
    ) -> Result<Order, Halted> {
        match self.party(holder)?.code.clone() {
            Some(code) => Ok(Order::Activate {
                code: code.code,
                mno_id: code.mno_id,
                name,
            }),
            None => Err(self.inconclusive(format!("{holder} holds no activation code"))),
        }
    }

    /// Brings two devices to be twinned.
    pub(super) async fn twin(
        &mut self,
        primary: &Part,
        secondary: &Part,
        name: Option<String>,
    ) -> Result<(), Halted> {
        self.obtain_code(secondary).await?;
        self.activate(primary, secondary, name).await
    }

    /// Has a primary activate with the code that this device holds.
    pub(super) async fn activate(
        &mut self,
        primary: &Part,
        secondary: &Part,
        name: Option<String>,
    ) -> Result<(), Halted> {
        let order = self.activation(secondary, name)?;
        let (response, exchange) = self.succeed(primary, order).await?;
        self.keep_relation(primary, secondary, &response)?;
        let mut made = self.twinning.relations.iter();
        if !made.any(|r| r.primary == *primary && r.secondary == *secondary) {
            let lack = "names no address of the twinning";
            let why = wanting("the answer to the activation", &response, lack);
            return Err(self.unmet(Some(exchange), why, &["twinning.knobs.names.resource_url"]));
        }
        Ok(())
    }

    /// Has a device try to activate, and remembers what was before and what came of it.
    pub(super) async fn try_to_activate(
        &mut self,
        primary: &Part,
        holder: Option<&Part>,
        order: Order,
    ) -> Result<Option<Response>, Halted> {
        self.party(primary)?;
        self.remember().await?;
        let response = self.attempt(primary, order).await?;
        if let (Some(response), Some(holder)) = (&response, holder)
            && response.is_success()
        {
            self.keep_relation(primary, holder, response)?;
        }
        Ok(response)
    }

    /// Whether a device is the secondary of a twinning.
    fn is_secondary(&self, part: &Part) -> bool {
        let mut relations = self.twinning.relations.iter();
        relations.any(|relation| relation.secondary == *part && !relation.ended)
    }

    /// Whether a secondary has to obtain a token of its own.
    fn needs_token(&mut self) -> Result<bool, Halted> {
        let authorization = self.twinning_profile()?.authorization;
        Ok(authorization.is_some_and(|a| a.secondary_token == SecondaryToken::ClientCredentials))
    }

    /// Sees to it that a secondary has access to its twinning.
    async fn give_access(&mut self, part: &Part) -> Result<(), Halted> {
        if !self.is_secondary(part) {
            return Err(self.inconclusive(format!("{part} is the secondary of no twinning")));
        }
        self.authorize(part).await
    }

    /// Has a secondary obtain the token for its twinning.
    pub(super) async fn obtain_token(&mut self, part: &Part) -> Result<(), Halted> {
        if !self.needs_token()? && !self.keeps_token()? {
            return Err(self.inconclusive(
                "a secondary obtains no token of its own: the profile has no \
                 twinning.authorization",
            ));
        }
        self.give_access(part).await
    }

    /// Has a twinned secondary obtain its token, if the profile says that it needs one.
    pub(super) async fn authorize(&mut self, part: &Part) -> Result<(), Halted> {
        if !self.needs_token()? || !self.is_secondary(part) {
            return Ok(());
        }
        if !self.party(part)?.authorized {
            let grant = Grant::ClientCredentials { scope: None };
            self.succeed(part, Order::ObtainToken(grant)).await?;
            self.party(part)?.authorized = true;
        }
        Ok(())
    }
}

#[given(expr = "{part} that has activated with that code")]
async fn has_activated(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    scene.activate(&part, &holder, None).await
}

#[given(expr = "{part} (is )(also )twinned with {part}")]
async fn twinned(w: &mut World, primary: Part, secondary: Part) -> Result<(), Halted> {
    w.scene().twin(&primary, &secondary, None).await
}

#[given(expr = "{part} (is )(also )twinned with {part} under the name {string}")]
async fn twinned_as(
    w: &mut World,
    primary: Part,
    secondary: Part,
    name: String,
) -> Result<(), Halted> {
    w.scene().twin(&primary, &secondary, Some(name)).await
}

#[given(expr = "{part} that has as many secondary devices as the enabler allows")]
async fn twinned_to_the_limit(w: &mut World, primary: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(limit) = scene.twinning_profile()?.max_secondaries else {
        return Err(scene.inconclusive(
            "nobody said how many secondary devices a primary may have: declare \
             twinning.max_secondaries in the profile",
        ));
    };
    scene.party(&primary)?;
    for number in 1..=limit {
        let secondary = Part::numbered(number);
        scene.twin(&primary, &secondary, None).await?;
    }
    Ok(())
}

#[given(expr = "{part} (that )has been given access to its twinning")]
async fn has_access(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().give_access(&part).await
}

#[when(expr = "{part} activates with that/the code")]
#[when(expr = "{part} activates with the same code")]
async fn activates(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let order = scene.activation(&holder, None)?;
    scene.try_to_activate(&part, Some(&holder), order).await?;
    Ok(())
}

#[when(expr = "{part} activates with the code of {part}")]
async fn activates_with(w: &mut World, part: Part, holder: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let order = scene.activation(&holder, None)?;
    scene.try_to_activate(&part, Some(&holder), order).await?;
    Ok(())
}

#[when(expr = "{part} activates with that code under the name {string}")]
async fn activates_as(w: &mut World, part: Part, name: String) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let order = scene.activation(&holder, Some(name))?;
    scene.try_to_activate(&part, Some(&holder), order).await?;
    Ok(())
}

#[when(expr = "{part} activates with that code under a name of {int} letters")]
async fn activates_with_long_name(w: &mut World, part: Part, letters: usize) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let order = scene.activation(&holder, Some("n".repeat(letters)))?;
    scene.try_to_activate(&part, Some(&holder), order).await?;
    Ok(())
}

#[when(expr = "{part} activates without a code")]
async fn activates_without(w: &mut World, part: Part) -> Result<(), Halted> {
    let order = Order::Activate {
        code: None,
        mno_id: None,
        name: None,
    };
    w.scene().try_to_activate(&part, None, order).await?;
    Ok(())
}

#[when(expr = "{part} activates with a code that nobody was given")]
async fn activates_with_wrong(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let Order::Activate {
        code: Some(code),
        mno_id,
        name,
    } = scene.activation(&holder, None)?
    else {
        return Err(scene.inconclusive("the activation code is empty"));
    };
    let order = Order::Activate {
        code: Some(neighbour(&code)),
        mno_id,
        name,
    };
    scene.try_to_activate(&part, None, order).await?;
    Ok(())
}

#[when(expr = "{part} activates with the earlier code of {part}")]
async fn activates_with_earlier(w: &mut World, part: Part, holder: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let order = scene.earlier_activation(&holder)?;
    scene.try_to_activate(&part, None, order).await?;
    Ok(())
}

#[when(expr = "{part} tries whatever code {part} was given")]
async fn tries_whatever(w: &mut World, part: Part, holder: Part) -> Result<(), Halted> {
    let scene = w.scene();
    // Without a code there is nothing to try. What was read before the request stays the measure.
    if scene.twinning.given {
        let order = scene.activation(&holder, None)?;
        scene.attempt(&part, order).await?;
    }
    Ok(())
}

#[when(expr = "{part} and {part} activate with that code at the same time")]
async fn activate_together(w: &mut World, one: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let order = scene.activation(&holder, None)?;
    let orders = vec![(one, order.clone()), (other, order)];
    scene.race(&holder, orders).await
}

#[when(expr = "{part} uses the earlier code and {part} the newer one at the same time")]
async fn activate_with_both(w: &mut World, one: Part, other: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let holder = scene.holder()?;
    let newer = scene.activation(&holder, None)?;
    let earlier = scene.earlier_activation(&holder)?;
    scene
        .race(&holder, vec![(one, earlier), (other, newer)])
        .await
}

impl Scene {
    /// Has several devices activate at the same time.
    async fn race(&mut self, holder: &Part, orders: Vec<(Part, Order)>) -> Result<(), Halted> {
        let mut together = Vec::with_capacity(orders.len());
        for (part, order) in &orders {
            together.push((self.party(part)?.device.clone(), order.clone()));
        }
        let acted = self.stage.act_together(together).await?;
        self.twinning.last = acted
            .iter()
            .filter_map(|acted| acted.exchanges.last().copied())
            .collect();
        for ((part, _), acted) in orders.iter().zip(acted) {
            if let Ok(response) = acted.answer
                && response.is_success()
            {
                self.keep_relation(part, holder, &response)?;
            }
        }
        Ok(())
    }
}

/// A code that differs in its last character.
fn neighbour(code: &str) -> String {
    let mut characters: Vec<char> = code.chars().collect();
    if let Some(last) = characters.last_mut() {
        *last = match *last {
            '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from(*last as u8 + 1),
            '9' => '0',
            _ => 'a',
        };
    }
    characters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::neighbour;

    #[test]
    fn a_neighbour_is_another_code_of_the_same_form() {
        for (code, other) in [("482913", "482914"), ("482919", "482910"), ("abz", "aba")] {
            assert_eq!(neighbour(code), other);
        }
    }
}
