//! Lists of twinnings.

use cucumber::{then, when};
use twinproof_judge::checks::twinning::list::{Check as List, Entry};
use twinproof_judge::checks::twinning::state;
use twinproof_stage::Halted;
use twinproof_twinning::address::same;
use twinproof_twinning::device::{Answer, Order, read_body};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Status, Twinning, TwinningList};

use super::parties::{Part, Probe};
use super::toggle::Said;
use crate::world::{Scene, World};

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
                let shown = |twinnings: &[Twinning], entry: &Entry| {
                    twinnings.iter().any(|t| {
                        t.other_address().is_some_and(|a| same(a, &entry.partner))
                            && t.status(&knobs) == Some(entry.status)
                    })
                };
                listed(answer, &knobs).is_some_and(|list| {
                    list.len() == awaited.len() && awaited.iter().all(|e| shown(&list, e))
                })
            })
            .await?;
        self.judge(List::ListShows { exchange, entries });
        Ok(())
    }

    /// Reads a device's list now and has it judged.
    async fn list_is(
        &mut self,
        part: &Part,
        check: impl FnOnce(u64) -> List,
    ) -> Result<(), Halted> {
        let (_, exchange) = self.probe(part, &Probe::List).await?;
        self.judge(check(exchange));
        Ok(())
    }

    /// Reads a device's list until it has so many entries, and has the last reading judged.
    pub(super) async fn expect_count(&mut self, part: &Part, entries: usize) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let exchange = self
            .settle(part, &Probe::List, |answer| {
                listed(answer, &knobs).is_some_and(|list| list.len() == entries)
            })
            .await?;
        self.judge(List::ListCounts { exchange, entries });
        Ok(())
    }
}

/// The twinnings in a list that was read.
pub(super) fn listed(answer: &Answer, knobs: &Knobs) -> Option<Vec<Twinning>> {
    let document = read_body(answer.as_ref().ok()?).ok()?;
    Some(TwinningList::of_document(&document, knobs)?.twinnings)
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
    scene.judge(List::ListCounts {
        exchange,
        entries: 0,
    });
    Ok(())
}

#[then("each device in the list has a telephone number and a name of its own")]
async fn told_apart(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    scene.judge(List::ListTellsApart { exchange });
    Ok(())
}

#[then(expr = "{part} has one twinning")]
async fn lists_single(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().expect_count(&part, 1).await
}

#[then(expr = "{part} has no more twinnings than it was told of")]
async fn lists_what_was_told(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let answer = scene.last_exchange();
    let check = |exchange| List::ListHasNoMoreThanTold { exchange, answer };
    scene.list_is(&part, check).await
}

#[then(expr = "{part} lists nothing but its own request")]
async fn lists_own_request(w: &mut World, part: Part) -> Result<(), Halted> {
    let check = |exchange| List::ListHoldsOwnRequest { exchange };
    w.scene().list_is(&part, check).await
}

#[then(expr = "{part} has at most one twinning that is not pending")]
async fn lists_at_most_one(w: &mut World, part: Part) -> Result<(), Halted> {
    let check = |exchange| List::ListHasAtMostOne { exchange };
    w.scene().list_is(&part, check).await
}

#[then(expr = "{part} has no twinning that is {status}")]
async fn lists_none(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let status = status.0;
    let check = |exchange| List::ListHasNone { exchange, status };
    w.scene().list_is(&part, check).await
}

#[then(expr = "{part} reads the same list in JSON and in XML")]
async fn same_list_in_both(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (json, xml) = scene.read_in_both(&part, "{twinnings}").await?;
    scene.judge(state::Check::SameInBothFormats { json, xml });
    Ok(())
}
