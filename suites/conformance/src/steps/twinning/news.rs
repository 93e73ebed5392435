//! Being told of changes.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_judge::checks::twinning::notifications::Check as News;
use twinproof_kernel::http::Response;
use twinproof_stage::Halted;
use twinproof_twinning::device::notify::{Order as Notify, Wish};
use twinproof_twinning::device::{Credential, Order, Raw, read_body};
use twinproof_twinning::message::Status;

use super::parties::Part;
use super::toggle::Said;
use crate::world::{Scene, World};

/// How long a tester waits for the end of a subscription. A system may lawfully grant more than it is
/// asked for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The kind of channel that the harness fetches from.
const LONG_POLL: &str = "LongPolling";

/// What was asked for and what may come of it.
#[derive(Default)]
pub(crate) struct Wishes {
    kept: Vec<Kept>,
    /// The exchange from which on news were waited for in vain.
    quiet_from: Option<u64>,
}

/// One subscription.
struct Kept {
    part: Part,
    data: String,
    url: Option<String>,
    by_channel: bool,
    /// For how many seconds it was granted, if that was said.
    granted: Option<u64>,
    /// Its end was too far off to be waited for.
    outlives: bool,
}

impl Wishes {
    fn of(&self, part: &Part) -> impl DoubleEndedIterator<Item = &Kept> {
        self.kept.iter().filter(move |kept| kept.part == *part)
    }

    fn of_mut(&mut self, part: &Part) -> impl DoubleEndedIterator<Item = &mut Kept> {
        self.kept.iter_mut().filter(move |kept| kept.part == *part)
    }
}

/// For how many seconds a subscription was granted, as its representation says.
fn granted(response: &Response) -> Option<u64> {
    let document = read_body(response).ok()?;
    document.tree.child_text("duration")?.trim().parse().ok()
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Scene {
    /// The address at which a device's application is called back.
    async fn callback(&mut self, part: &Part) -> Result<String, Halted> {
        self.party(part)?;
        let base = self.stage.listen(part.name()).await?;
        Ok(format!("{base}/notifications"))
    }

    fn new_data(&self, part: &Part) -> String {
        let number = self.twinning.wishes.kept.len() + 1;
        format!("{}-{number}", part.name().replace(' ', "-"))
    }

    async fn subscribe(
        &mut self,
        part: &Part,
        notify_url: Option<String>,
        duration: Option<u32>,
    ) -> Result<u64, Halted> {
        let data = self.new_data(part);
        let by_channel = notify_url.is_none();
        let wish = Wish {
            notify_url,
            callback_data: Some(data.clone()),
            duration,
            ..Wish::default()
        };
        let order = Order::Notify(Notify::Subscribe(wish));
        let (response, exchange) = self.succeed(part, order).await?;
        let knobs = self.twinning_profile()?.knobs;
        let twinnings = self.collection(part)?;
        let user = twinnings.strip_suffix(knobs.paths.twinnings.as_str());
        let asked = format!("{}{}", user.unwrap_or_default(), knobs.paths.subscriptions);
        self.twinning.wishes.kept.push(Kept {
            part: part.clone(),
            data,
            url: twinproof_twinning::device::created(&asked, &response, &knobs),
            by_channel,
            granted: granted(&response).or(duration.map(u64::from)),
            outlives: false,
        });
        Ok(exchange)
    }

    /// Opens a channel that brings so many notifications at once, and subscribes with it.
    async fn subscribe_by_channel(
        &mut self,
        part: &Part,
        max_notifications: Option<u32>,
    ) -> Result<(), Halted> {
        let order = Order::Notify(Notify::OpenChannel {
            kind: LONG_POLL.to_owned(),
            max_notifications,
        });
        self.succeed(part, order).await?;
        self.subscribe(part, None, None).await?;
        Ok(())
    }

    async fn try_channel(&mut self, part: &Part, kind: &str) -> Result<(), Halted> {
        let order = Order::Notify(Notify::OpenChannel {
            kind: kind.to_owned(),
            max_notifications: None,
        });
        self.attempt(part, order).await?;
        Ok(())
    }

    /// The newest subscription of this device, or its first.
    fn wish(
        &mut self,
        part: &Part,
        newest: bool,
    ) -> Result<(String, Option<String>, bool), Halted> {
        let mut of_part = self.twinning.wishes.kept.iter().filter(|k| k.part == *part);
        let kept = if newest {
            of_part.next_back()
        } else {
            of_part.next()
        };
        match kept {
            Some(kept) => Ok((kept.data.clone(), kept.url.clone(), kept.by_channel)),
            None => Err(self.inconclusive(format!("{part} asked for no news"))),
        }
    }

    /// Waits until a device's application has news of this status, at most as long as the profile
    /// allows.
    async fn await_news(&mut self, part: &Part, status: Status) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let (data, _, by_channel) = self.wish(part, false)?;
        let limit = self.stage.pace().settle;
        let device = self.party(part)?.device.clone();
        let came = |device: &twinproof_twinning::device::Device| {
            device.notifications().iter().any(|news| {
                let told = news.twinning.as_ref().and_then(|t| t.status(&knobs));
                told == Some(status) && news.callback_data.as_deref() == Some(data.as_str())
            })
        };
        let what = format!("news to {}", part.name());
        if !by_channel {
            self.stage.wait_for(&device, &what, limit, came).await;
            return Ok(());
        }
        let begin = self.stage.now();
        loop {
            self.order(part, Order::Notify(Notify::Poll)).await?;
            let here = self
                .stage
                .wait_for(&device, &what, Duration::ZERO, came)
                .await;
            if here || self.stage.now().since(begin) >= limit {
                return Ok(());
            }
            self.stage.rest(limit / 64).await;
        }
    }

    async fn expect_news(
        &mut self,
        part: &Part,
        partner: Option<&Part>,
        status: Status,
    ) -> Result<(), Halted> {
        let after = self.last_exchange();
        self.await_news(part, status).await?;
        let (data, _, by_channel) = self.wish(part, false)?;
        let within = micros(self.stage.pace().settle);
        // A twinning with a device of another operator is known by the device alone.
        let relation = self.relates(part).then(|| self.relation(part, partner));
        let (urls, devices) = match relation.transpose()? {
            Some(relation) => {
                let partner = self.address(&relation.partner_of(part).clone())?;
                let urls = vec![relation.primary_url, relation.secondary_url];
                (urls, vec![self.address(part)?, partner])
            }
            None => (Vec::new(), vec![self.address(part)?, self.peer()?.address]),
        };
        self.judge(News::Notified {
            part: part.name().to_owned(),
            after,
            status,
            data: Some(data),
            within,
            by_channel,
            urls,
            devices,
        });
        Ok(())
    }
}

#[given(expr = "{part} has asked to be told of changes")]
#[given(expr = "{part} has asked once more to be told of changes")]
async fn asked(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.callback(&part).await?;
    scene.subscribe(&part, Some(url), None).await?;
    Ok(())
}

#[given(expr = "{part} has asked to be told of changes for {int} seconds")]
async fn asked_for(w: &mut World, part: Part, seconds: u32) -> Result<(), Halted> {
    let scene = w.scene();
    let url = scene.callback(&part).await?;
    scene.subscribe(&part, Some(url), Some(seconds)).await?;
    Ok(())
}

#[given(expr = "{part} has asked to be told of changes through a notification channel")]
async fn asked_by_channel(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    scene.subscribe_by_channel(&part, None).await
}

#[given(
    expr = "{part} has asked to be told of changes through a channel that brings one at a time"
)]
async fn asked_one_by_one(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().subscribe_by_channel(&part, Some(1)).await
}

#[given(expr = "{part} has asked for {int} seconds more")]
async fn prolonged(w: &mut World, part: Part, duration: u32) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, url, _) = scene.wish(&part, true)?;
    let Some(url) = url else {
        return Err(scene.inconclusive(format!("nobody said where {part}'s subscription is")));
    };
    let order = Order::Notify(Notify::Prolong { url, duration });
    scene.succeed(&part, order).await?;
    Ok(())
}

#[given(expr = "{part} has asked to be told of changes where nobody listens")]
async fn asked_nowhere(w: &mut World, part: Part) -> Result<(), Halted> {
    // The port for discarding: on loopback nobody answers there.
    let url = "http://127.0.0.1:9/notifications".to_owned();
    w.scene().subscribe(&part, Some(url), None).await?;
    Ok(())
}

#[given(expr = "{part} has withdrawn its newer wish")]
async fn withdrawn(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, url, _) = scene.wish(&part, true)?;
    let order = Order::Notify(Notify::Unsubscribe { url });
    scene.succeed(&part, order).await?;
    Ok(())
}

#[given(expr = "the application of {part} is gone")]
async fn is_gone(w: &mut World, part: Part) -> Result<(), Halted> {
    let order = Order::Notify(Notify::AnswerWith(404));
    w.scene().order(&part, order).await?;
    Ok(())
}

#[given(expr = "the application of {part} is out of service")]
async fn out_of_service(w: &mut World, part: Part) -> Result<(), Halted> {
    let order = Order::Notify(Notify::AnswerWith(503));
    w.scene().order(&part, order).await?;
    Ok(())
}

#[when(expr = "the application of {part} is back in service")]
async fn back_in_service(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    // The delivery that fails has to come first.
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle / 8).await;
    scene
        .order(&part, Order::Notify(Notify::AnswerWith(204)))
        .await?;
    Ok(())
}

#[when(expr = "{part} asks for a notification channel of a kind that does not exist")]
async fn unknown_channel(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    if scene.twinning_profile()?.notification_channel.is_none() {
        return Err(scene.inconclusive(
            "no notification channel is known (profile: twinning.notification_channel)",
        ));
    }
    scene.try_channel(&part, "CarrierPigeon").await
}

#[when(expr = "{part} asks for a notification channel over a web socket")]
async fn web_socket(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().try_channel(&part, "WebSockets").await
}

#[when(expr = "{part} fetches what it has not been told yet")]
async fn fetches(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene()
        .attempt(&part, Order::Notify(Notify::Poll))
        .await?;
    Ok(())
}

#[when(expr = "{part} lists its wishes to be told")]
async fn lists_wishes(w: &mut World, part: Part) -> Result<(), Halted> {
    let order = Order::Notify(Notify::List);
    w.scene().attempt(&part, order).await?;
    Ok(())
}

#[when(expr = "{part} asks twice in the same words to be told of changes")]
async fn asks_twice(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let notify_url = Some(scene.callback(&part).await?);
    let wish = Wish {
        notify_url,
        callback_data: Some(scene.new_data(&part)),
        correlator: Some("asked-twice".to_owned()),
        ..Wish::default()
    };
    let order = Order::Notify(Notify::Subscribe(wish));
    let (_, first) = scene.succeed(&part, order.clone()).await?;
    scene.attempt(&part, order).await?;
    scene.twinning.last.insert(0, first);
    Ok(())
}

#[when(expr = "{part} asks to be told of the changes of {part}")]
async fn asks_for_other(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let wish = Wish {
        notify_url: Some(scene.callback(&part).await?),
        callback_data: Some(scene.new_data(&part)),
        of: Some(scene.address(&owner)?),
        ..Wish::default()
    };
    scene
        .attempt(&part, Order::Notify(Notify::Subscribe(wish)))
        .await?;
    Ok(())
}

#[when(expr = "{part} withdraws the wish of {part}")]
async fn withdraws_for_other(w: &mut World, part: Part, owner: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let (_, url, _) = scene.wish(&owner, true)?;
    let Some(url) = url else {
        return Err(scene.inconclusive(format!("nobody said where {owner}'s subscription is")));
    };
    let raw = Raw::new("DELETE", url).presenting(Credential::Provisioned);
    scene.attempt(&part, Order::Send(raw)).await?;
    Ok(())
}

#[when("enough time passes for news to arrive")]
async fn time_for_news(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.twinning.wishes.quiet_from = Some(scene.last_exchange());
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    Ok(())
}

#[given(expr = "the time of {part}'s newer wish has passed")]
async fn wish_has_run_out(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(kept) = scene.twinning.wishes.of_mut(&part).next_back() else {
        return Err(scene.inconclusive(format!("{part} asked for no news")));
    };
    let granted = Duration::from_secs(kept.granted.unwrap_or_default());
    kept.outlives = granted > PATIENCE;
    if !kept.outlives {
        scene.stage.rest(granted + Duration::from_secs(1)).await;
    }
    Ok(())
}

#[then(expr = "{part} is told that the twinning is {status}")]
async fn told(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    w.scene().expect_news(&part, None, status.0).await
}

#[then(expr = "{part} is told that the twinning with {part} is {status}")]
async fn told_of(w: &mut World, part: Part, partner: Part, status: Said) -> Result<(), Halted> {
    w.scene().expect_news(&part, Some(&partner), status.0).await
}

#[then(expr = "{part} is told once it can be reached that the twinning is {status}")]
async fn told_later(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    w.scene().expect_news(&part, None, status.0).await
}

#[then(expr = "{part} is told nothing")]
async fn told_nothing(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    let after = scene.last_exchange();
    scene.judge(News::NotNotified {
        part: part.name().to_owned(),
        after,
        until: None,
        data: None,
        granted: None,
    });
    Ok(())
}

#[then(expr = "{part} is told nothing on account of the withdrawn wish")]
#[then(expr = "{part} is told nothing on account of the wish that has run out")]
async fn told_nothing_for(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    let after = scene.last_exchange();
    let kept = scene.twinning.wishes.of(&part).next_back();
    let granted = kept.filter(|kept| kept.outlives).and_then(|k| k.granted);
    let (data, _, _) = scene.wish(&part, true)?;
    scene.judge(News::NotNotified {
        part: part.name().to_owned(),
        after,
        until: None,
        data: Some(data),
        granted,
    });
    Ok(())
}

#[then(expr = "{part} was told of nothing but {status}")]
async fn told_only(w: &mut World, part: Part, status: Said) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(after) = scene.twinning.wishes.quiet_from else {
        return Err(scene.inconclusive("no time was given for news to arrive"));
    };
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    let again = scene.last_exchange();
    scene.judge(News::NotNotified {
        part: part.name().to_owned(),
        after,
        until: Some((again, vec![status.0])),
        data: None,
        granted: None,
    });
    Ok(())
}

#[then(expr = "what {part} was told says which wish it answers")]
async fn linked(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().judge(News::NotificationsLinked {
        part: part.name().to_owned(),
    });
    Ok(())
}

#[then(expr = "the list holds the wishes of {part} and nothing else")]
async fn wishes_listed(w: &mut World, part: Part) -> Result<(), Halted> {
    let scene = w.scene();
    let exchange = scene.last_exchange();
    let urls = scene.twinning.wishes.of(&part);
    let urls = urls.filter_map(|kept| kept.url.clone()).collect();
    scene.judge(News::SubscriptionsListed { exchange, urls });
    Ok(())
}

#[then(expr = "the application of {part} is called {int} times at most")]
async fn called_at_most(w: &mut World, part: Part, times: usize) -> Result<(), Halted> {
    let scene = w.scene();
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    let after = scene.last_exchange();
    scene.judge(News::CalledAtMost {
        part: part.name().to_owned(),
        after,
        times,
    });
    Ok(())
}

#[then(expr = "{part} was told of one change at a time")]
async fn one_at_a_time(w: &mut World, part: Part) -> Result<(), Halted> {
    w.scene().judge(News::FetchedAtMost {
        part: part.name().to_owned(),
        notifications: 1,
    });
    Ok(())
}

#[then("there is one wish and not two")]
async fn one_wish(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let exchanges = scene.twinning.last.clone();
    scene.judge(News::SubscribedOnce { exchanges });
    Ok(())
}
