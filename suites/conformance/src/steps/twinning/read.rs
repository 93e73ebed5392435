//! Reading twinnings.

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::Check;
use twinproof_judge::checks::twinning::answer;
use twinproof_judge::checks::twinning::code::Check as Code;
use twinproof_judge::checks::twinning::state::Check as State;
use twinproof_judge::checks::twinning::view::Check as View;
use twinproof_stage::Halted;
use twinproof_twinning::device::{Order, Raw};
use twinproof_twinning::message::{Role, Twinning};
use twinproof_twinning::tree::Format;

use super::lists::listed;
use super::parties::{Part, Probe, seen_twinning};
use super::toggle::Said;
use crate::world::{Scene, World};

/// A body format as a scenario speaks of it.
#[derive(Clone, Copy, Debug, cucumber::Parameter)]
#[param(name = "format", regex = "JSON|XML")]
pub(super) struct Spoken(pub(super) Format);

impl std::str::FromStr for Spoken {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "JSON" => Ok(Self(Format::Json)),
            "XML" => Ok(Self(Format::Xml)),
            other => Err(format!("{other:?} is no format of this API")),
        }
    }
}

impl Scene {
    /// Reads a device's twinning now.
    async fn look(&mut self, part: &Part) -> Result<u64, Halted> {
        let url = self.own_url(part)?;
        Ok(self.probe(part, &Probe::Twinning(url)).await?.1)
    }

    /// Reads a device's twinning now and has it judged.
    async fn sees<C: Into<Check>>(
        &mut self,
        part: &Part,
        check: impl FnOnce(u64) -> C,
    ) -> Result<(), Halted> {
        let exchange = self.look(part).await?;
        self.judge(check(exchange));
        Ok(())
    }

    /// Has what the last When created judged.
    async fn answer_shows(&mut self, check: impl FnOnce(u64) -> View) -> Result<(), Halted> {
        let exchange = self.created_view().await?;
        self.judge(check(exchange));
        Ok(())
    }

    /// Reads a device's twinning until it shows this: the other side's change may take its time.
    async fn look_for(
        &mut self,
        part: &Part,
        shows: impl Fn(&Twinning) -> bool,
    ) -> Result<u64, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let url = self.own_url(part)?;
        self.settle(part, &Probe::Twinning(url), |answer| {
            let shown = answer.as_ref().ok().and_then(|r| seen_twinning(r, &knobs));
            shown.is_some_and(|twinning| shows(&twinning))
        })
        .await
    }
}

#[given(expr = "{part} that speaks {format}")]
async fn speaks(w: &mut World, part: Part, format: Spoken) -> Result<(), Halted> {
    w.scene().enter_device(&part, format.0)
}

#[given(expr = "{part} without twinnings")]
async fn without_twinnings(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let knobs = scene.twinning_profile()?.knobs;
    let (answer, exchange) = scene.probe(&part, &Probe::List).await?;
    // A list that cannot be read is for the scenario to judge, not for its beginning.
    let had = listed(&answer, &knobs).map_or(0, |list| list.len());
    if had > 0 {
        let address = scene.address(&part)?;
        let why = format!(
            "{part} should have no twinnings, and {address} has {had} from before: remove what was \
             left there (`twinproof clean`)"
        );
        return Err(scene.unmet(Some(exchange), why, &[]));
    }
    Ok(())
}

#[when(expr = "{part} reads its twinning")]
async fn reads_own(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    scene.attempt(&part, Order::ReadOf { url }).await?;
    Ok(())
}

#[when(expr = "{part} reads the twinning of {part}")]
async fn reads_foreign(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&owner)?;
    scene.party(&part)?;
    scene.remember().await?;
    scene.attempt(&part, Order::ReadOf { url }).await?;
    Ok(())
}

#[when(expr = "{part} reads its twinning as the user of its own credential")]
async fn reads_as_self(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let paths = scene.twinning_profile()?.knobs.paths;
    let url = scene.own_url(&part)?;
    let id = url.rsplit('/').next().unwrap_or_default();
    let user = "acr%3Aauth";
    let url = format!(
        "{{base}}/{}/{}/{user}{}/{id}",
        paths.api, paths.version, paths.twinnings
    );
    let format = scene.party(&part)?.format;
    let raw = Raw::new("GET", url).with("Accept", format.media_type());
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[then(expr = "the enabler gives the twinning the name {string}, or refuses the name openly")]
async fn keeps_name(w: &mut World, name: String) -> Result<(), Halted> {
    let scene = w.scene();
    let answer = scene.last_exchange();
    scene.judge(answer::Check::NameTaken { exchange: answer });
    let Some(tried) = scene.twinning.tried.clone().filter(|t| t.succeeded) else {
        return Ok(());
    };
    let name = Some(name);
    let check = |exchange| View::ShowsName { exchange, name };
    scene.sees(&tried.part, check).await
}

#[then(expr = "{part} names {part} as its partner")]
async fn names_partner(w: &mut World, part: Part, partner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&partner)?;
    let exchange = scene
        .look_for(&part, |t| t.other_address().is_some())
        .await?;
    scene.judge(View::ShowsPartner { exchange, address });
    Ok(())
}

#[then(expr = "{part} names no partner yet")]
async fn names_nobody(w: &mut World, part: Part) -> Result<(), Halted> {
    let check = |exchange| View::HidesPartner { exchange };
    w.scene().sees(&part, check).await
}

#[then(expr = "{part} reads a name")]
async fn reads_some_name(w: &mut World, part: Part) -> Result<(), Halted> {
    let name = None;
    let check = |exchange| View::ShowsName { exchange, name };
    w.scene().sees(&part, check).await
}

#[then(expr = "the answer says that the twinning is {status}")]
async fn answer_status(w: &mut World, status: Said) -> Result<(), Halted> {
    let status = status.0;
    let check = |exchange| View::ShowsStatus { exchange, status };
    w.scene().answer_shows(check).await
}

#[then(expr = "the answer says that the device is the primary")]
async fn answer_primary(w: &mut World) -> Result<(), Halted> {
    let role = Role::Primary;
    let check = |exchange| View::ShowsRole { exchange, role };
    w.scene().answer_shows(check).await
}

#[then(expr = "the answer says that the device is the secondary")]
async fn answer_secondary(w: &mut World) -> Result<(), Halted> {
    let role = Role::Secondary;
    let check = |exchange| View::ShowsRole { exchange, role };
    w.scene().answer_shows(check).await
}

#[then(expr = "the answer names {part} as the partner")]
async fn answer_partner(w: &mut World, partner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&partner)?;
    let check = |exchange| View::ShowsPartner { exchange, address };
    scene.answer_shows(check).await
}

#[then(expr = "the answer shows the own address of {part}")]
async fn answer_own_address(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let check = |exchange| View::ShowsOwnAddress { exchange, address };
    scene.answer_shows(check).await
}

#[then(expr = "{part} reads its own address")]
async fn reads_own_address(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let check = |exchange| View::ShowsOwnAddress { exchange, address };
    scene.sees(&part, check).await
}

#[then(expr = "{part} reads addresses of the allowed kinds only")]
async fn reads_uris(w: &mut World, part: Part) -> Result<(), Halted> {
    let check = |exchange| View::AddressesAreUris { exchange };
    w.scene().sees(&part, check).await
}

#[then(expr = "{part} reads a twinning that names its own address on the network")]
async fn names_itself(w: &mut World, part: Part) -> Result<(), Halted> {
    let check = |exchange| View::NamesItself { exchange };
    w.scene().sees(&part, check).await
}

#[then(expr = "{part} reads an authorization code")]
async fn reads_auth_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look_for(&part, |t| t.auth_code.is_some()).await?;
    scene.judge(Code::ShowsAuthCode { exchange });
    Ok(())
}

#[then(expr = "{part} reads no authorization code")]
async fn reads_no_auth_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let pending = scene.party(&part)?.pending.is_some();
    let check = |exchange| Code::HidesAuthCode { exchange, pending };
    scene.sees(&part, check).await
}

#[then(expr = "{part} reads the voice mail address of {part}")]
async fn reads_voice_mail(w: &mut World, part: Part, primary: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.party(&primary)?.subscriber.voice_mail.clone();
    let awaited = address.is_some();
    let exchange = scene
        .look_for(&part, |t| !awaited || t.voice_mail().is_some())
        .await?;
    scene.judge(View::ShowsVoiceMail { exchange, address });
    Ok(())
}

#[then(expr = "{part} reads the same twinning in JSON and in XML")]
async fn same_in_both(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let (json, xml) = scene.read_in_both(&part, &url).await?;
    scene.judge(State::SameInBothFormats { json, xml });
    Ok(())
}

impl Scene {
    pub(super) async fn read_in_both(
        &mut self,
        part: &Part,
        url: &str,
    ) -> Result<(u64, u64), Halted> {
        let mut numbers = [0; 2];
        for (number, format) in numbers.iter_mut().zip([Format::Json, Format::Xml]) {
            let raw = Raw::new("GET", url).with("Accept", format.media_type());
            let acted = self.order(part, Order::Send(raw)).await?;
            *number = acted.exchanges.last().copied().unwrap_or_default();
        }
        Ok((numbers[0], numbers[1]))
    }

    /// The exchange that shows what the last When created: its own answer, or a reading of what it
    /// refers to.
    async fn created_view(&mut self) -> Result<u64, Halted> {
        match self.twinning.reference.clone() {
            Some((part, url)) => Ok(self.probe(&part, &Probe::Twinning(url)).await?.1),
            None => Ok(self.last_exchange()),
        }
    }
}
