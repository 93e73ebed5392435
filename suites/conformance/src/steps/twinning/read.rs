//! Reading lists and twinnings.

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::list::Entry;
use twinproof_judge::checks::twinning::{answer, code, list, state, view};
use twinproof_stage::Halted;
use twinproof_twinning::address::same;
use twinproof_twinning::device::{Order, Raw, read_body};
use twinproof_twinning::message::{Role, Status, Twinning, TwinningList};
use twinproof_twinning::tree::Format;

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
    /// Reads a device's list until it shows these and has the last reading judged.
    async fn expect_list(
        &mut self,
        part: &Part,
        wanted: Vec<(Part, Status)>,
    ) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let mut entries = Vec::with_capacity(wanted.len());
        for (partner, status) in wanted {
            entries.push(Entry {
                partner: self.address(&partner)?,
                status,
            });
        }
        let awaited = entries.clone();
        let exchange = self
            .settle(part, &Probe::List, |answer| {
                let list = answer.as_ref().ok().and_then(|response| {
                    let document = read_body(response).ok()?;
                    TwinningList::of_document(&document, &knobs)
                });
                list.is_some_and(|list| {
                    list.twinnings.len() == awaited.len()
                        && awaited.iter().all(|entry| {
                            list.twinnings.iter().any(|t| {
                                t.other_address().is_some_and(|a| same(a, &entry.partner))
                                    && t.status(&knobs) == Some(entry.status)
                            })
                        })
                })
            })
            .await?;
        self.judge(list::Check::ListShows { exchange, entries });
        Ok(())
    }

    /// Reads a device's list until it has so many entries. Returns the last reading.
    pub(super) async fn settle_list(&mut self, part: &Part, entries: usize) -> Result<u64, Halted> {
        let knobs = self.twinning_profile()?.knobs;
        self.settle(part, &Probe::List, |answer| {
            let list = answer.as_ref().ok().and_then(|response| {
                let document = read_body(response).ok()?;
                TwinningList::of_document(&document, &knobs)
            });
            list.is_some_and(|list| list.twinnings.len() == entries)
        })
        .await
    }

    /// Reads a device's twinning now.
    async fn look(&mut self, part: &Part) -> Result<u64, Halted> {
        let url = self.own_url(part)?;
        Ok(self.probe(part, &Probe::Twinning(url)).await?.1)
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
    let document = answer.ok().and_then(|response| read_body(&response).ok());
    let list = document.and_then(|document| TwinningList::of_document(&document, &knobs));
    let had = list.map_or(0, |list| list.twinnings.len());
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

#[when(expr = "{part} lists its twinnings")]
async fn lists(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().attempt(&part, Order::List).await?;
    Ok(())
}

#[when(expr = "{part} asks for the list of {part}")]
async fn lists_of(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let user = scene.address(&owner)?;
    scene.party(&part)?;
    scene.remember().await?;
    scene.attempt(&part, Order::ListOf { user }).await?;
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

#[then(expr = "{part} lists {part} as {status} and nothing else")]
async fn lists_one(w: &mut World, part: Part, one: Part, status: Said) -> Result<(), Halted> {
    w.scene().expect_list(&part, vec![(one, status.0)]).await
}

#[then(expr = "{part} lists {part} as {status}, {part} as {status} and nothing else")]
async fn lists_two(
    w: &mut World,
    part: Part,
    one: Part,
    one_is: Said,
    two: Part,
    two_is: Said,
) -> Result<(), Halted> {
    let wanted = vec![(one, one_is.0), (two, two_is.0)];
    w.scene().expect_list(&part, wanted).await
}

#[then(
    expr = "{part} lists {part} as {status}, {part} as {status}, {part} as {status} and nothing else"
)]
#[expect(clippy::too_many_arguments, reason = "one for each word of the step")]
async fn lists_three(
    w: &mut World,
    part: Part,
    one: Part,
    one_is: Said,
    two: Part,
    two_is: Said,
    three: Part,
    three_is: Said,
) -> Result<(), Halted> {
    let wanted = vec![(one, one_is.0), (two, two_is.0), (three, three_is.0)];
    w.scene().expect_list(&part, wanted).await
}

#[then("the list is empty")]
async fn list_is_empty(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(list::Check::ListCounts {
        exchange,
        entries: 0,
    });
    Ok(())
}

#[then("each device in the list has a telephone number and a name of its own")]
async fn told_apart(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(list::Check::ListTellsApart { exchange });
    Ok(())
}

#[then(expr = "{part} has one twinning")]
async fn lists_single(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.settle_list(&part, 1).await?;
    scene.judge(list::Check::ListCounts {
        exchange,
        entries: 1,
    });
    Ok(())
}

#[then(expr = "{part} has no more twinnings than it was told of")]
async fn lists_what_was_told(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let answer = scene.last_exchange();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListHasNoMoreThanTold { exchange, answer });
    Ok(())
}

#[then(expr = "{part} lists nothing but its own request")]
async fn lists_own_request(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListHoldsOwnRequest { exchange });
    Ok(())
}

#[then(expr = "the enabler gives the twinning the name {string}, or refuses the name openly")]
async fn keeps_name(w: &mut World, name: String) -> Result<(), Halted> {
    let scene = w.scene();
    let answer = scene.last_exchange();
    scene.judge(answer::Check::NameTaken { exchange: answer });
    let Some((part, _)) = scene.twinning.succeeded.clone() else {
        return Ok(());
    };
    let exchange = scene.look(&part).await?;
    let name = Some(name);
    scene.judge(view::Check::ShowsName { exchange, name });
    Ok(())
}

#[then(expr = "{part} has at most one twinning that is not pending")]
async fn lists_at_most_one(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListHasAtMostOne { exchange });
    Ok(())
}

#[then(expr = "{part} has no twinning that is {status}")]
async fn lists_none(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, exchange) = scene.probe(&part, &Probe::List).await?;
    scene.judge(list::Check::ListHasNone {
        exchange,
        status: status.0,
    });
    Ok(())
}

#[then(expr = "{part} names {part} as its partner")]
async fn names_partner(w: &mut World, part: Part, partner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&partner)?;
    let exchange = scene
        .look_for(&part, |t| t.other_address().is_some())
        .await?;
    scene.judge(view::Check::ShowsPartner { exchange, address });
    Ok(())
}

#[then(expr = "{part} names no partner yet")]
async fn names_nobody(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look(&part).await?;
    scene.judge(view::Check::HidesPartner { exchange });
    Ok(())
}

#[then(expr = "{part} reads a name")]
async fn reads_some_name(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look(&part).await?;
    scene.judge(view::Check::ShowsName {
        exchange,
        name: None,
    });
    Ok(())
}

#[then(expr = "the answer says that the twinning is {status}")]
async fn answer_status(w: &mut World, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.created_view().await?;
    scene.judge(view::Check::ShowsStatus {
        exchange,
        status: status.0,
    });
    Ok(())
}

#[then(expr = "the answer says that the device is the primary")]
async fn answer_primary(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.created_view().await?;
    let role = Role::Primary;
    scene.judge(view::Check::ShowsRole { exchange, role });
    Ok(())
}

#[then(expr = "the answer says that the device is the secondary")]
async fn answer_secondary(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.created_view().await?;
    let role = Role::Secondary;
    scene.judge(view::Check::ShowsRole { exchange, role });
    Ok(())
}

#[then(expr = "the answer names {part} as the partner")]
async fn answer_partner(w: &mut World, partner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&partner)?;
    let exchange = scene.created_view().await?;
    scene.judge(view::Check::ShowsPartner { exchange, address });
    Ok(())
}

#[then(expr = "the answer shows the own address of {part}")]
async fn answer_own_address(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let exchange = scene.created_view().await?;
    scene.judge(view::Check::ShowsOwnAddress { exchange, address });
    Ok(())
}

#[then(expr = "{part} reads its own address")]
async fn reads_own_address(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let address = scene.address(&part)?;
    let exchange = scene.look(&part).await?;
    scene.judge(view::Check::ShowsOwnAddress { exchange, address });
    Ok(())
}

#[then(expr = "{part} reads addresses of the allowed kinds only")]
async fn reads_uris(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look(&part).await?;
    scene.judge(view::Check::AddressesAreUris { exchange });
    Ok(())
}

#[then(expr = "{part} reads a twinning that names its own address on the network")]
async fn names_itself(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look(&part).await?;
    scene.judge(view::Check::NamesItself { exchange });
    Ok(())
}

#[then(expr = "{part} reads an authorization code")]
async fn reads_auth_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look_for(&part, |t| t.auth_code.is_some()).await?;
    scene.judge(code::Check::ShowsAuthCode { exchange });
    Ok(())
}

#[then(expr = "{part} reads no authorization code")]
async fn reads_no_auth_code(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.look(&part).await?;
    let pending = scene.party(&part)?.pending.is_some();
    scene.judge(code::Check::HidesAuthCode { exchange, pending });
    Ok(())
}

#[then(expr = "{part} reads the voice mail address of {part}")]
async fn reads_voice_mail(w: &mut World, part: Part, primary: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(address) = scene.party(&primary)?.subscriber.voice_mail.clone() else {
        let why = format!("the profile gives {primary} no voice_mail");
        return Err(scene.inconclusive(why));
    };
    let exchange = scene.look_for(&part, |t| t.voice_mail().is_some()).await?;
    scene.judge(view::Check::ShowsVoiceMail { exchange, address });
    Ok(())
}

#[then(expr = "{part} reads the same twinning in JSON and in XML")]
async fn same_in_both(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.own_url(&part)?;
    let (json, xml) = scene.read_in_both(&part, &url).await?;
    scene.judge(state::Check::SameInBothFormats { json, xml });
    Ok(())
}

#[then(expr = "{part} reads the same list in JSON and in XML")]
async fn same_list_in_both(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (json, xml) = scene.read_in_both(&part, "{twinnings}").await?;
    scene.judge(state::Check::SameInBothFormats { json, xml });
    Ok(())
}

impl Scene {
    async fn read_in_both(&mut self, part: &Part, url: &str) -> Result<(u64, u64), Halted> {
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
