//! Wishes to be told of changes, and what came of them.

use std::time::Duration;

use twinproof_kernel::http::Response;
use twinproof_twinning::device::notify::{Notification, Order as Notify, Wish as Asked};
use twinproof_twinning::device::{Device, Order, created, read_body};
use twinproof_twinning::message::Status;

use super::command::{BRIEF, DEVICES, Way};
use super::drive::{Broken, Drive, Outcome, Step};
use super::model::Duty;
use super::script::{Line, Wanted};

/// The kind of channel that the harness fetches from.
const LONG_POLL: &str = "LongPolling";

/// A subscription, as its client knows it.
#[derive(Clone, Debug)]
struct Wish {
    device: usize,
    /// What should come back with each notification; no two wishes have the same.
    data: String,
    /// Where it can be withdrawn.
    url: Option<String>,
    by_channel: bool,
    /// When it ends by itself at the latest, on the model's clock.
    ends: Option<Duration>,
    withdrawn: bool,
    /// Nothing has happened since that could lawfully have ended it.
    sure: bool,
    /// The statuses of which it may be told: on or off. Each stands once for each time.
    lawful: Vec<bool>,
    /// The statuses of which it has to be told, and has not been yet.
    owed: Vec<bool>,
}

impl Wish {
    fn is_over(&self, now: Duration) -> bool {
        self.withdrawn || self.ends.is_some_and(|ends| ends <= now)
    }
}

/// A notification that came.
#[derive(Clone, Debug)]
struct Told {
    device: usize,
    data: Option<String>,
    status: Option<Status>,
}

impl Told {
    fn says(&self, wish: &Wish, on: bool) -> bool {
        let status = if on { Status::On } else { Status::Off };
        // Who leaves out which wish it is has told it all the same (I24 is for that).
        let is_of_another = self.data.is_some() && !self.answers(wish);
        self.device == wish.device && !is_of_another && self.status == Some(status)
    }

    fn answers(&self, wish: &Wish) -> bool {
        self.device == wish.device && self.data.as_ref() == Some(&wish.data)
    }
}

/// All wishes of a sequence and all that was told.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    wishes: Vec<Wish>,
    told: Vec<Told>,
    /// How much of what each device was told is in `told`.
    heard: [usize; DEVICES],
    /// Which devices have a channel, and whether it must be there still.
    channels: [Option<bool>; DEVICES],
    /// The model's clock when the step began.
    now: Duration,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.wishes.is_empty()
    }

    pub(super) fn begin_step(&mut self, now: Duration) {
        self.now = now;
        for wish in &mut self.wishes {
            if !wish.by_channel {
                wish.owed.clear();
            }
        }
    }

    /// A twinning of these devices has this status, and `owed_to` has to be told.
    pub(super) fn happened(&mut self, parties: [usize; 2], on: bool, owed_to: Option<usize>) {
        let now = self.now;
        let wishes = self.wishes.iter_mut();
        for wish in wishes.filter(|wish| parties.contains(&wish.device) && !wish.is_over(now)) {
            wish.lawful.push(on);
            // A time that is almost over may be over for the system.
            if wish.sure && wish.ends.is_none() && owed_to == Some(wish.device) {
                wish.owed.push(on);
            }
        }
    }

    /// Something happened after which no text says whether wishes last: of one device, or of all.
    pub(super) fn doubt(&mut self, device: Option<usize>) {
        for wish in &mut self.wishes {
            if device.is_none_or(|device| wish.device == device) {
                wish.sure = false;
                wish.owed.clear();
            }
        }
        if device.is_none() {
            self.channels = self.channels.map(|channel| channel.map(|_| false));
        }
    }

    fn hear(&mut self, device: usize, news: Told) {
        self.heard[device] += 1;
        for wish in &mut self.wishes {
            for on in [false, true] {
                if news.says(wish, on)
                    && let Some(place) = wish.owed.iter().position(|owed| *owed == on)
                {
                    wish.owed.remove(place);
                }
            }
        }
        self.told.push(news);
    }

    /// The devices whose wishes are not over, and whether through a channel.
    pub(super) fn live(&self) -> Vec<(usize, bool)> {
        let live = self.wishes.iter().filter(|wish| !wish.is_over(self.now));
        live.map(|wish| (wish.device, wish.by_channel)).collect()
    }

    /// The devices whose wishes are over, and whether they were withdrawn.
    pub(super) fn over(&self) -> Vec<(usize, bool)> {
        let over = self.wishes.iter().filter(|wish| wish.is_over(self.now));
        over.map(|wish| (wish.device, wish.withdrawn)).collect()
    }
}

impl Drive<'_> {
    /// A wish of this device that differs from every other.
    fn new_wish(&self, device: usize) -> Asked {
        Asked {
            callback_data: Some(format!("device-{device}-wish-{}", self.now.number)),
            ..Asked::default()
        }
    }

    async fn callback(&mut self, device: usize) -> Result<Option<String>, Broken> {
        let base = self.stage.listen(&format!("device {device}")).await?;
        Ok(Some(format!("{base}/notifications")))
    }

    pub(super) async fn subscribe(&mut self, by: usize, way: Way) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        self.script.add(Line::Subscribes { by, way });
        let mut asked = self.new_wish(by);
        match way {
            Way::ThroughChannel => {
                if self.news.channels[by].is_none() {
                    let kind = LONG_POLL.to_owned();
                    let order = Order::Notify(Notify::OpenChannel {
                        kind,
                        max_notifications: None,
                    });
                    let response = self.order(by, order).await?;
                    self.weigh(Duty::Accept("I0"), &response)?;
                    self.news.channels[by] = Some(true);
                }
            }
            Way::Briefly | Way::CalledBack => asked.notify_url = self.callback(by).await?,
        }
        asked.duration = (way == Way::Briefly).then_some(BRIEF);
        let order = Order::Notify(Notify::Subscribe(asked.clone()));
        let response = self.order(by, order).await?;
        let outcome = self.weigh(Duty::Accept("I0"), &response)?;
        self.keep_wish(by, asked, &response);
        Ok(outcome)
    }

    fn keep_wish(&mut self, device: usize, asked: Asked, answer: &Response) {
        // A system may grant more time than was asked for.
        let granted = read_body(answer).ok().and_then(|document| {
            let text = document.tree.child_text("duration")?;
            text.trim().parse::<u32>().ok()
        });
        let duration = asked
            .duration
            .map(|asked| asked.max(granted.unwrap_or(asked)));
        self.model.elapsed(self.stage.now().since(self.begun));
        let now = self.model.now();
        // What was switched before may be told late.
        let lawful = [false, true].into_iter();
        let lawful = lawful.filter(|on| self.model.was_switched(device, *on));
        self.news.wishes.push(Wish {
            device,
            by_channel: asked.notify_url.is_none(),
            data: asked.callback_data.unwrap_or_default(),
            url: created(&self.base_url, answer, &self.knobs),
            ends: duration.map(|seconds| now + Duration::from_secs(u64::from(seconds))),
            withdrawn: false,
            sure: true,
            lawful: lawful.collect(),
            owed: Vec::new(),
        });
    }

    pub(super) async fn subscribe_twice(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        self.script.add(Line::SubscribesTwice { by });
        let notify_url = self.callback(by).await?;
        let asked = Asked {
            notify_url,
            correlator: Some(format!("asked-twice-{}", self.now.number)),
            ..self.new_wish(by)
        };
        let mut answers = Vec::with_capacity(2);
        for duty in [Duty::Accept("I0"), Duty::Either] {
            let order = Order::Notify(Notify::Subscribe(asked.clone()));
            let response = self.order(by, order).await?;
            if self.weigh(duty, &response)? == Outcome::Accepted {
                answers.push(response);
            }
        }
        let urls: Vec<_> = answers
            .iter()
            .filter_map(|answer| created(&self.base_url, answer, &self.knobs))
            .collect();
        if let [one, other] = &urls[..]
            && one != other
        {
            self.script.end_with(Wanted::OneWish);
            let seen = format!("one wish that was made twice became {one} and {other}");
            self.advise("I33", seen)?;
        }
        if let Some(first) = answers.first() {
            self.keep_wish(by, asked, first);
        }
        Ok(Outcome::Accepted)
    }

    pub(super) async fn unsubscribe(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let now = self.news.now;
        let of = |device: usize| {
            let mut newest = self.news.wishes.iter().rev();
            newest.find(|wish| wish.device == device && !wish.is_over(now))
        };
        let Some(wish) = (0..DEVICES).find_map(|n| of((by + n) % DEVICES)) else {
            return Ok(Outcome::Idle);
        };
        let by = wish.device;
        let (data, url, sure) = (wish.data.clone(), wish.url.clone(), wish.sure);
        if url.is_none() {
            return Ok(Outcome::Idle);
        }
        self.script.add(Line::Unsubscribes { by });
        let order = Order::Notify(Notify::Unsubscribe { url });
        let response = self.order(by, order).await?;
        // One that may be gone may be unknown.
        let duty = if sure {
            Duty::Accept("I0")
        } else {
            Duty::Either
        };
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted {
            let wishes = self.news.wishes.iter_mut();
            for wish in wishes.filter(|wish| wish.data == data) {
                wish.withdrawn = true;
                wish.owed.clear();
            }
        }
        Ok(outcome)
    }

    pub(super) async fn fetch(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let mut holders = (0..DEVICES).map(|n| (by + n) % DEVICES);
        let Some(by) = holders.find(|device| self.news.channels[*device].is_some()) else {
            return Ok(Outcome::Idle);
        };
        let duty = match self.news.channels[by] {
            Some(true) => Duty::Accept("I34"),
            _ => Duty::Either,
        };
        let begun = self.stage.now();
        loop {
            let response = self.order(by, Order::Notify(Notify::Poll)).await?;
            self.weigh(duty, &response)?;
            self.hear().await;
            let missing = self
                .news
                .wishes
                .iter()
                .find(|wish| wish.device == by && wish.by_channel && !wish.owed.is_empty());
            let Some(missing) = missing else {
                return Ok(Outcome::Accepted);
            };
            let settle = self.stage.pace().settle;
            if self.stage.now().since(begun) >= settle {
                let seen = format!(
                    "device {by} finds {} notifications less in its channel than were due",
                    missing.owed.len()
                );
                self.script.end_with(Wanted::ToldThroughChannel(by));
                return Err(self.broken("I34", seen));
            }
            self.stage.rest(settle / 8).await;
        }
    }

    /// Takes over what the devices were told.
    pub(super) async fn hear(&mut self) {
        if self.news.is_empty() {
            return;
        }
        for device in 0..DEVICES {
            let (handle, heard) = (self.devices[device].clone(), self.news.heard[device]);
            let news = |role: &Device| -> Vec<Notification> {
                role.notifications()
                    .get(heard..)
                    .unwrap_or_default()
                    .to_vec()
            };
            for news in self.peek(&handle, news).await.unwrap_or_default() {
                let told = Told {
                    device,
                    data: news.callback_data,
                    status: news.twinning.and_then(|t| t.status(&self.knobs)),
                };
                self.news.hear(device, told);
            }
        }
    }
}

/// Who switches effectively has the other side told; nobody is told of what has not happened to its
/// own twinnings (I23).
pub(super) fn told_what_happened(step: &Step<'_>) -> Option<String> {
    let news = step.news;
    let due = news.wishes.iter().find_map(|wish| {
        let on = wish.owed.first().filter(|_| !wish.by_channel)?;
        let status = if *on { Status::On } else { Status::Off };
        Some(format!(
            "device {} is not told that its twinning was switched {status:?}",
            wish.device
        ))
    });
    due.or_else(|| untold(news, false))
}

/// No notification on account of a wish that was withdrawn or whose time is over (I25).
pub(super) fn over_is_over(step: &Step<'_>) -> Option<String> {
    untold(step.news, true)
}

/// What was told, for a wish that is over or not, and should not have been.
fn untold(news: &News, over: bool) -> Option<String> {
    let wishes = news.wishes.iter();
    wishes
        .filter(|wish| wish.is_over(news.now) == over)
        .find_map(|wish| {
            let told = news.told.iter().find(|told| {
                let lawful = [false, true]
                    .into_iter()
                    .any(|on| told.says(wish, on) && wish.lawful.contains(&on));
                told.answers(wish) && !lawful
            })?;
            let account = match (over, wish.withdrawn) {
                (false, _) => "and has no part in such a switch",
                (true, true) => "on account of a wish that it has withdrawn",
                (true, false) => "on account of a wish whose time is over",
            };
            Some(format!(
                "device {} is told of {:?}, {account}",
                wish.device, told.status
            ))
        })
}

/// Every notification says on account of which wish it comes (I24).
pub(super) fn says_which_wish(step: &Step<'_>) -> Option<String> {
    let news = step.news;
    news.told.iter().find_map(|told| {
        let known = news.wishes.iter().any(|wish| told.answers(wish));
        (!known).then(|| {
            format!(
                "device {} is told something with {:?}, which is none of its wishes",
                told.device, told.data
            )
        })
    })
}
