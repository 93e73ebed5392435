//! Notification channels for clients that cannot be called back (digest §7.6): long polls.

use std::time::Duration;

use twinproof_kernel::Time;

use super::access::Visit;
use super::refusal::Refusal;
use super::route::Route;
use super::rules::{
    ChannelFacts, CorrelatorFacts, MissingFacts, PollFacts, Resource, SubscriptionFacts,
};
use super::state::Channel;
use super::{Answer, Config, Enabler, Later, Performed, Turn};
use crate::message::{CHANNEL_NAMESPACE, repeats};
use crate::tree::{Dialect, Document, Format, Tree};
use crate::url::encode_segment;

/// How long a channel lasts without a poll, unless its client asks for something else.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

/// A long poll that waits for something to happen.
pub(super) struct Poll {
    later: Later,
    until: Time,
}

impl Enabler {
    pub(super) fn perform_channel(
        &mut self,
        turn: Turn<'_>,
        route: &Route,
        visit: &Visit,
    ) -> Performed {
        if route.resource == Resource::Channels {
            return match turn.request.method.as_str() {
                "GET" => Ok(Some(self.list_channels(turn, &visit.user))),
                _ => self.open_channel(turn, &visit.user).map(Some),
            };
        }
        let (id, channel) = self.channel_of(turn, route, &visit.user)?;
        match (route.resource, turn.request.method.as_str()) {
            (Resource::Poll, _) => Ok(self.poll(turn, &id, channel)),
            (Resource::ChannelLifetime, "GET") => {
                Ok(Some(Answer::new(200).with_body(lifetime(&channel))))
            }
            (Resource::ChannelLifetime, _) => {
                let asked = self.read_body(turn, "channelLifetime", &[])?;
                let asked = asked.tree.text().and_then(|text| text.parse().ok());
                let seconds = asked.ok_or_else(|| Refusal::invalid("channelLifetime"))?;
                let channel = Channel {
                    since: turn.now,
                    lifetime: Duration::from_secs(seconds),
                    ..channel
                };
                let answer = Answer::new(200).with_body(lifetime(&channel));
                self.state.put(&id, channel);
                Ok(Some(answer))
            }
            (_, "GET") => Ok(Some(Answer::new(200).with_body(document(
                turn.config,
                &id,
                &channel,
            )))),
            _ => {
                self.state.remove::<Channel>(&id);
                if let Some(poll) = self.polls.remove(&id) {
                    let refusal = Refusal::unknown(404, turn.request.path());
                    self.respond(turn, poll.later, Err(refusal), Some(Resource::Poll));
                }
                Ok(Some(Answer::new(204)))
            }
        }
    }

    fn channel_is_live(&self, turn: Turn<'_>, channel: &Channel) -> bool {
        self.rules.channel_is_live(SubscriptionFacts {
            cancelled: false,
            age: turn.now.since(channel.since),
            duration: channel.lifetime,
        })
    }

    fn channel_of(
        &self,
        turn: Turn<'_>,
        route: &Route,
        user: &str,
    ) -> Result<(String, Channel), Refusal> {
        let id = route.id.clone().unwrap_or_default();
        let channel = self
            .state
            .get::<Channel>(&id)
            .filter(|channel| channel.owner == user && self.channel_is_live(turn, channel));
        match channel {
            Some(channel) => Ok((id.clone(), channel.clone())),
            None => {
                let status = self.rules.missing(MissingFacts {
                    method: &turn.request.method,
                    existed: self.state.existed("nc", &id),
                });
                Err(Refusal::unknown(status, turn.request.path()))
            }
        }
    }

    fn list_channels(&self, turn: Turn<'_>, user: &str) -> Answer {
        let mut entries: Vec<_> = self
            .state
            .all::<Channel>()
            .filter(|(_, channel)| channel.owner == user && self.channel_is_live(turn, channel))
            .map(|(id, channel)| {
                let tree = document(turn.config, id, channel).tree;
                ("notificationChannel".to_owned(), tree)
            })
            .collect();
        let url = channels_url(turn.config, user);
        entries.push(("resourceURL".to_owned(), Tree::Leaf(url)));
        Answer::new(200).with_body(named("notificationChannelList", Tree::Branch(entries)))
    }

    fn open_channel(&mut self, turn: Turn<'_>, user: &str) -> Result<Answer, Refusal> {
        let known = [
            "clientCorrelator",
            "applicationTag",
            "channelType",
            "channelData",
            "channelLifetime",
        ];
        let asked = self.read_body(turn, "notificationChannel", &known)?;
        let kind = asked
            .tree
            .child_text("channelType")
            .ok_or_else(|| Refusal::lacks("channelType"))?;
        if !self.rules.channel_is_offered(ChannelFacts { kind }) {
            return Err(Refusal::channel_type(kind));
        }
        let correlator = asked.tree.child_text("clientCorrelator").map(str::to_owned);
        let repeated = self.state.all::<Channel>().find(|(_, channel)| {
            self.rules.is_repetition(CorrelatorFacts {
                same_client: channel.owner == user,
                same_value: correlator.is_some() && channel.correlator == correlator,
                live: self.channel_is_live(turn, channel),
            })
        });
        let (id, channel) = match repeated {
            Some((id, channel)) => (id.clone(), channel.clone()),
            None => {
                let lifetime = asked.tree.child_text("channelLifetime");
                let data = asked.tree.child("channelData");
                let at_most = data.and_then(|data| data.child_text("maxNotifications"));
                let channel = Channel {
                    owner: user.to_owned(),
                    correlator,
                    since: turn.now,
                    lifetime: lifetime
                        .and_then(|text| text.parse().ok())
                        .map_or(DEFAULT_LIFETIME, Duration::from_secs),
                    at_most: at_most.and_then(|text| text.parse().ok()),
                    queue: Vec::new(),
                };
                let id = self.state.next_id("nc");
                self.state.put(&id, channel.clone());
                (id, channel)
            }
        };
        let url = channel_url(turn.config, user, &id);
        Ok(Answer::new(201)
            .with("Location", url)
            .with_body(document(turn.config, &id, &channel)))
    }

    /// What waits in the channel, or nothing yet.
    fn poll(&mut self, turn: Turn<'_>, id: &str, channel: Channel) -> Option<Answer> {
        // A second poll takes the first one's place.
        if let Some(first) = self.polls.remove(id) {
            let refusal = Refusal::superseded();
            self.respond(turn, first.later, Err(refusal), Some(Resource::Poll));
        }
        let mut queue = channel.queue.clone();
        let taken = self.rules.poll_takes(PollFacts {
            waiting: queue.len(),
            at_most: channel.at_most,
        });
        let polled = Channel {
            since: turn.now,
            queue: queue.split_off(taken.min(queue.len())),
            ..channel
        };
        self.state.put(id, polled);
        if !queue.is_empty() {
            return Some(Answer::new(200).with_body(list(turn.config, &queue)));
        }
        let poll = Poll {
            later: turn.later(),
            until: turn.now + turn.config.poll_timeout,
        };
        self.polls.insert(id.to_owned(), poll);
        None
    }

    /// Puts a notification into the channel whose callback address this is, if it is one of ours.
    pub(super) fn enqueue(&mut self, turn: Turn<'_>, notify_url: &str, told: &Document) -> bool {
        let found = self
            .state
            .all::<Channel>()
            .find(|(id, channel)| callback_url(turn.config, &channel.owner, id) == notify_url)
            .map(|(id, channel)| (id.clone(), channel.clone()));
        let Some((id, mut channel)) = found else {
            return false;
        };
        if self.channel_is_live(turn, &channel) {
            let names = repeats(&turn.config.knobs.names);
            let body = told.write(Format::Json, Dialect::StructureAware, &names);
            channel
                .queue
                .push(String::from_utf8_lossy(&body).into_owned());
            if let Some(poll) = self.polls.remove(&id) {
                let queue = std::mem::take(&mut channel.queue);
                let answer = Answer::new(200).with_body(list(turn.config, &queue));
                self.respond(turn, poll.later, Ok(answer), Some(Resource::Poll));
            }
            self.state.put(&id, channel);
        }
        true
    }

    /// Ends the polls whose time is over.
    pub(super) fn end_polls(&mut self, turn: Turn<'_>) {
        let (over, on): (Vec<_>, Vec<_>) = std::mem::take(&mut self.polls)
            .into_iter()
            .partition(|(_, poll)| poll.until <= turn.now);
        self.polls = on.into_iter().collect();
        for (_, poll) in over {
            let answer = Answer::new(200).with_body(list(turn.config, &[]));
            self.respond(turn, poll.later, Ok(answer), Some(Resource::Poll));
        }
    }

    pub(super) fn poll_deadline(&self) -> Option<Time> {
        self.polls.values().map(|poll| poll.until).min()
    }
}

fn named(root: &str, tree: Tree) -> Document {
    Document {
        root: root.to_owned(),
        namespace: Some(CHANNEL_NAMESPACE.to_owned()),
        tree,
    }
}

fn list(config: &Config, queue: &[String]) -> Document {
    let name = &config.knobs.names.notification;
    let entries: Vec<_> = queue
        .iter()
        .filter_map(|body| Document::read(Format::Json, body.as_bytes()).ok())
        .map(|document| (name.clone(), document.tree))
        .collect();
    let tree = match entries.is_empty() {
        true => Tree::Leaf(String::new()),
        false => Tree::Branch(entries),
    };
    named("notificationList", tree)
}

fn lifetime(channel: &Channel) -> Document {
    let seconds = channel.lifetime.as_secs().to_string();
    named("channelLifetime", Tree::Leaf(seconds))
}

fn document(config: &Config, id: &str, channel: &Channel) -> Document {
    let leaf = |name: &str, text: String| (name.to_owned(), Tree::Leaf(text));
    let url = channel_url(config, &channel.owner, id);
    let mut entries = Vec::new();
    entries.extend(
        channel
            .correlator
            .clone()
            .map(|correlator| leaf("clientCorrelator", correlator)),
    );
    entries.push(leaf("channelType", LONG_POLLING.to_owned()));
    let data = vec![leaf("channelURL", format!("{url}{POLL_PART}"))];
    entries.push(("channelData".to_owned(), Tree::Branch(data)));
    entries.push(leaf(
        "channelLifetime",
        channel.lifetime.as_secs().to_string(),
    ));
    entries.push(leaf(
        "callbackURL",
        callback_url(config, &channel.owner, id),
    ));
    entries.push(leaf("resourceURL", url));
    named("notificationChannel", Tree::Branch(entries))
}

/// The one type of channel that is offered.
pub(super) const LONG_POLLING: &str = "LongPolling";

/// Where a channel is polled, behind its URL.
pub(super) const POLL_PART: &str = "/poll";

/// The segments of the notification channel API.
pub(super) const CHANNELS_ROOT: &str = "/notificationchannel/v1/";

fn channels_url(config: &Config, owner: &str) -> String {
    let user = encode_segment(owner);
    format!("{}{CHANNELS_ROOT}{user}/channels", config.base_url)
}

fn channel_url(config: &Config, owner: &str, id: &str) -> String {
    format!("{}/{id}", channels_url(config, owner))
}

fn callback_url(config: &Config, owner: &str, id: &str) -> String {
    format!("{}/callback", channel_url(config, owner, id))
}
