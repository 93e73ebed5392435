//! Subscriptions to the changes of a user's twinnings, and the notifications that follow.

use std::time::Duration;

use twinproof_kernel::http::Request;

use super::access::Visit;
use super::errands::Errand;
use super::refusal::Refusal;
use super::route::{Route, user_url};
use super::rules::{
    CorrelatorFacts, DeliveryFacts, DurationFacts, MissingFacts, Notification, NotifyFacts,
    RepetitionFacts, Resource, SubscriptionFacts, View,
};
use super::state::{Delivery, Side, Subscription};
use super::{Answer, Enabler, Served, Turn};
use crate::message::{api, link, repeats};
use crate::tree::{Document, Format, Tree};

/// How long a subscription lasts whose client asks for nothing or for ever.
const DEFAULT_DURATION: Duration = Duration::from_secs(86_400);

impl Enabler {
    pub(super) fn perform_subscription(
        &mut self,
        turn: Turn<'_>,
        route: &Route,
        visit: &Visit,
    ) -> Served {
        match (route.resource, turn.request.method.as_str()) {
            (Resource::Subscriptions, "GET") => Ok(self.list_subscriptions(turn, &visit.user)),
            (Resource::Subscriptions, _) => self.subscribe(turn, &visit.user),
            (_, method) => {
                let (id, subscription) = self.subscription_of(turn, route, &visit.user)?;
                match method {
                    "GET" => Ok(Answer::new(200).with_body(document(turn, &id, &subscription))),
                    "DELETE" => {
                        let cancelled = Subscription {
                            cancelled: true,
                            ..subscription
                        };
                        self.state.put(&id, cancelled);
                        Ok(Answer::new(204))
                    }
                    _ => self.prolong(turn, &id, subscription),
                }
            }
        }
    }

    fn subscription_of(
        &self,
        turn: Turn<'_>,
        route: &Route,
        user: &str,
    ) -> Result<(String, Subscription), Refusal> {
        let id = route.id.clone().unwrap_or_default();
        self.state
            .get::<Subscription>(&id)
            .filter(|subscription| !subscription.cancelled && subscription.owner == user)
            .filter(|_| self.is_live(turn, &id))
            .cloned()
            .map(|subscription| (id.clone(), subscription))
            .ok_or_else(|| {
                let status = self.rules.missing(MissingFacts {
                    method: &turn.request.method,
                    existed: self.state.existed("sb", &id),
                });
                Refusal::unknown(status, turn.request.path())
            })
    }

    /// Whether a subscription still counts.
    pub(super) fn is_live(&self, turn: Turn<'_>, id: &str) -> bool {
        self.state.get::<Subscription>(id).is_some_and(|s| {
            self.rules.subscription_is_live(SubscriptionFacts {
                cancelled: s.cancelled,
                age: turn.now.since(s.since),
                duration: s.duration,
            })
        })
    }

    fn list_subscriptions(&self, turn: Turn<'_>, user: &str) -> Answer {
        let names = &turn.config.knobs.names;
        let mut entries: Vec<_> = self
            .state
            .all::<Subscription>()
            .filter(|(id, s)| s.owner == user && !s.cancelled && self.is_live(turn, id))
            .map(|(id, s)| (names.subscription.clone(), document(turn, id, s).tree))
            .collect();
        let url = user_url(turn.config, user, &turn.config.knobs.paths.subscriptions);
        entries.push((names.resource_url.clone(), Tree::Leaf(url)));
        Answer::new(200).with_body(api(&names.subscription_list, Tree::Branch(entries)))
    }

    fn subscribe(&mut self, turn: Turn<'_>, user: &str) -> Served {
        let asked = self.read_body(
            turn,
            &turn.config.knobs.names.subscription,
            &["callbackReference", "duration", "clientCorrelator"],
        )?;
        let reference = asked
            .tree
            .child("callbackReference")
            .ok_or_else(|| Refusal::lacks("callbackReference"))?;
        let notify_url = reference
            .child_text("notifyURL")
            .ok_or_else(|| Refusal::lacks("notifyURL"))?;
        if !["http://", "https://"]
            .iter()
            .any(|scheme| notify_url.starts_with(scheme))
        {
            return Err(Refusal::invalid("notifyURL"));
        }
        let format = match reference.child_text("notificationFormat") {
            None => turn.config.knobs.format.into(),
            Some("JSON") => Format::Json,
            Some("XML") => Format::Xml,
            Some(_) => return Err(Refusal::not_one_of("notificationFormat", "XML, JSON")),
        };
        let correlator = asked.tree.child_text("clientCorrelator").map(str::to_owned);
        if let Some(id) = self.repeated(turn, user, correlator.as_deref()) {
            let known = self.state.get::<Subscription>(&id).cloned();
            if let Some(known) = known {
                let answer = created(turn, &id, &known);
                let status = self.rules.repetition_status(RepetitionFacts {
                    creation: answer.status,
                });
                return match status {
                    400.. => Err(Refusal::repeated(correlator.as_deref().unwrap_or_default())),
                    status => Ok(Answer { status, ..answer }),
                };
            }
        }
        let subscription = Subscription {
            owner: user.to_owned(),
            notify_url: notify_url.to_owned(),
            callback_data: reference.child_text("callbackData").map(str::to_owned),
            format,
            since: turn.now,
            duration: self.duration(&asked, false)?,
            correlator,
            cancelled: false,
        };
        let id = self.state.next_id("sb");
        self.state.put(&id, subscription.clone());
        Ok(created(turn, &id, &subscription))
    }

    /// The subscription that a request with this correlator made before.
    fn repeated(&self, turn: Turn<'_>, user: &str, correlator: Option<&str>) -> Option<String> {
        self.state
            .all::<Subscription>()
            .find(|(id, s)| {
                self.rules.is_repetition(CorrelatorFacts {
                    same_client: s.owner == user,
                    same_value: correlator.is_some() && s.correlator.as_deref() == correlator,
                    live: self.is_live(turn, id),
                })
            })
            .map(|(id, _)| id.clone())
    }

    fn prolong(&mut self, turn: Turn<'_>, id: &str, subscription: Subscription) -> Served {
        let root = format!("{}Update", turn.config.knobs.names.subscription);
        let asked = self.read_body(turn, &root, &["duration"])?;
        let prolonged = Subscription {
            since: turn.now,
            duration: self.duration(&asked, true)?,
            ..subscription
        };
        let answer = Answer::new(200).with_body(document(turn, id, &prolonged));
        self.state.put(id, prolonged);
        Ok(answer)
    }

    fn duration(&self, asked: &Document, prolongs: bool) -> Result<Duration, Refusal> {
        let text = asked.tree.child_text("duration");
        let seconds = text.map(|text| text.parse().map_err(|_| Refusal::invalid("duration")));
        Ok(self.rules.duration_granted(DurationFacts {
            asked: seconds.transpose()?.map(Duration::from_secs),
            usual: DEFAULT_DURATION,
            prolongs,
        }))
    }

    /// Tells the subscribers of a relationship that `initiator` has changed its status, or would have.
    pub(super) fn notify(&mut self, turn: Turn<'_>, initiator: &Side, effective: bool) {
        let Some(other) = self.peer_of(initiator).cloned() else {
            return;
        };
        let told: Vec<(String, Subscription)> = self
            .state
            .all::<Subscription>()
            .filter(|(id, _)| self.is_live(turn, id))
            .filter(|(_, s)| {
                self.rules.is_notified(NotifyFacts {
                    other_side: s.owner == other.owner,
                    own_side: s.owner == initiator.owner,
                    effective,
                })
            })
            .map(|(id, s)| (id.clone(), s.clone()))
            .collect();
        for (id, subscription) in told {
            let side = match subscription.owner == initiator.owner {
                true => initiator,
                false => &other,
            };
            let notification = Notification {
                callback_data: subscription.callback_data.clone(),
                twinning: self.represent(turn, side, View::Notified),
                link: Some(subscription_url(turn, &subscription.owner, &id)),
            };
            for notification in self.rules.notified(notification) {
                let document = notification_document(turn, notification);
                self.deliver(turn, &id, &subscription, &document);
            }
        }
    }

    fn deliver(
        &mut self,
        turn: Turn<'_>,
        id: &str,
        subscription: &Subscription,
        document: &Document,
    ) {
        if self.enqueue(turn, &subscription.notify_url, document) {
            return;
        }
        let knobs = &turn.config.knobs;
        let octets = document.write(subscription.format, knobs.json, &repeats(&knobs.names));
        let delivery = Delivery {
            subscription: id.to_owned(),
            text: String::from_utf8_lossy(&octets).into_owned(),
        };
        let request = notification_request(subscription, &delivery);
        self.deliveries += 1;
        // In the order in which they came about, also over a restart.
        let key = format!("{:08x}-{:08x}", self.state.starts(), self.deliveries);
        self.state.put(&key, delivery);
        let delay = self.rules.delivery_delay(DeliveryFacts {
            serial: self.requests(),
        });
        self.send_after(turn, delay, Errand::Notify(key), request);
    }

    /// Whether what is to be delivered still has somebody to go to.
    pub(super) fn is_due(&self, turn: Turn<'_>, delivery: &str) -> bool {
        let delivery = self.state.get::<Delivery>(delivery);
        delivery.is_some_and(|delivery| self.is_live(turn, &delivery.subscription))
    }

    /// Delivers what was on its way when the enabler was stopped.
    pub(super) fn deliver_again(&mut self, turn: Turn<'_>) {
        let deliveries: Vec<(String, Delivery)> = self
            .state
            .all::<Delivery>()
            .map(|(key, delivery)| (key.clone(), delivery.clone()))
            .collect();
        for (key, delivery) in deliveries {
            let due = self.is_due(turn, &key);
            match self.state.get::<Subscription>(&delivery.subscription) {
                Some(subscription) if due => {
                    let request = notification_request(subscription, &delivery);
                    self.send(Errand::Notify(key), request);
                }
                _ => self.state.remove::<Delivery>(&key),
            }
        }
    }
}

fn notification_request(subscription: &Subscription, delivery: &Delivery) -> Request {
    Request::new("POST", &subscription.notify_url).with_body(
        subscription.format.media_type(),
        delivery.text.clone().into_bytes(),
    )
}

fn subscription_url(turn: Turn<'_>, owner: &str, id: &str) -> String {
    let all = user_url(turn.config, owner, &turn.config.knobs.paths.subscriptions);
    format!("{all}/{id}")
}

fn created(turn: Turn<'_>, id: &str, subscription: &Subscription) -> Answer {
    Answer::new(201)
        .with("Location", subscription_url(turn, &subscription.owner, id))
        .with_body(document(turn, id, subscription))
}

/// A subscription with the time that it has left.
fn document(turn: Turn<'_>, id: &str, subscription: &Subscription) -> Document {
    let leaf = |name: &str, text: String| (name.to_owned(), Tree::Leaf(text));
    let mut reference = vec![leaf("notifyURL", subscription.notify_url.clone())];
    reference.extend(
        subscription
            .callback_data
            .clone()
            .map(|data| leaf("callbackData", data)),
    );
    let format = match subscription.format {
        Format::Json => "JSON",
        Format::Xml => "XML",
    };
    reference.push(leaf("notificationFormat", format.to_owned()));
    let left = (subscription.since + subscription.duration).since(turn.now);
    let mut entries = vec![
        ("callbackReference".to_owned(), Tree::Branch(reference)),
        leaf("duration", left.as_secs().to_string()),
    ];
    entries.extend(
        subscription
            .correlator
            .clone()
            .map(|correlator| leaf("clientCorrelator", correlator)),
    );
    let names = &turn.config.knobs.names;
    let url = subscription_url(turn, &subscription.owner, id);
    entries.push(leaf(&names.resource_url, url));
    api(&names.subscription, Tree::Branch(entries))
}

fn notification_document(turn: Turn<'_>, notification: Notification) -> Document {
    let knobs = &turn.config.knobs;
    let mut entries = Vec::new();
    if let Some(data) = notification.callback_data {
        entries.push(("callbackData".to_owned(), Tree::Leaf(data)));
    }
    entries.push((
        knobs.names.twinning.clone(),
        notification.twinning.tree(knobs),
    ));
    if let Some(href) = &notification.link {
        entries.push(("link".to_owned(), link("TwinningSubscription", href)));
    }
    api(&knobs.names.notification, Tree::Branch(entries))
}
