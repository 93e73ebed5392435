//! A device's application as a receiver of notifications: called back at an address of its own, or
//! fetching them from a notification channel with long polls.

use twinproof_kernel::http::{Request, Response};

use super::{Access, Credential, Device, created, read_body};
use crate::knobs::Knobs;
use crate::message::{Twinning, api, repeats};
use crate::tree::{Document, Format, Tree};
use crate::url::{encode_segment, resolve};

/// Namespace of the notification channel API.
const CHANNEL_NAMESPACE: &str = "urn:oma:xml:rest:netapi:notificationchannel:1";

/// What a tester can ask of a device's application about notifications.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// From now on answer what is delivered with this status. Nothing is sent.
    AnswerWith(u16),
    /// Give the notification channel up.
    CloseChannel,
    /// List the device's own subscriptions.
    List,
    /// Ask for a notification channel.
    OpenChannel {
        /// The kind of channel, for example `LongPolling`.
        kind: String,
        /// How many notifications one answer may hold at most; as many as there are if none.
        max_notifications: Option<u32>,
    },
    /// Fetch what waits in the notification channel, once.
    Poll,
    /// Ask for more time for a subscription.
    Prolong {
        /// The subscription's URL.
        url: String,
        /// For how many seconds from now on.
        duration: u32,
    },
    /// Subscribe to the changes of the device's twinnings.
    Subscribe(Wish),
    /// End a subscription.
    Unsubscribe {
        /// The subscription's URL; the device's newest if none.
        url: Option<String>,
    },
}

/// What an application wants of a subscription.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Wish {
    /// Where to be called back; the device's notification channel if none.
    pub notify_url: Option<String>,
    /// What should come back with every notification.
    pub callback_data: Option<String>,
    /// For how many seconds.
    pub duration: Option<u32>,
    /// A tag by which a repeated request is known.
    pub correlator: Option<String>,
    /// Whose subscriptions; the device's own if none.
    pub of: Option<String>,
}

/// A notification as it came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Notification {
    /// What the subscriber had asked to be sent along.
    pub callback_data: Option<String>,
    /// The twinning that changed.
    pub twinning: Option<Twinning>,
    /// The links: relation and address.
    pub links: Vec<(String, String)>,
}

impl Notification {
    fn of_tree(tree: &Tree, knobs: &Knobs) -> Self {
        let text = |tree: &Tree, name: &str| tree.child_text(name).map(str::to_owned);
        Self {
            callback_data: text(tree, "callbackData"),
            twinning: tree
                .child(&knobs.names.twinning)
                .map(|tree| Twinning::of_tree(tree, knobs)),
            links: tree
                .children("link")
                .map(|link| {
                    (
                        text(link, "rel").unwrap_or_default(),
                        text(link, "href").unwrap_or_default(),
                    )
                })
                .collect(),
        }
    }
}

/// The twinning notifications in a body: one by itself, or those in a list of a channel.
pub fn notifications(media_type: &str, body: &[u8], knobs: &Knobs) -> Vec<Notification> {
    let Some(format) = Format::of_media_type(media_type) else {
        return Vec::new();
    };
    let root = &knobs.names.notification;
    match Document::read(format, body) {
        Ok(document) if document.root == *root => {
            vec![Notification::of_tree(&document.tree, knobs)]
        }
        Ok(document) if document.root == LIST => document
            .tree
            .children(root)
            .map(|tree| Notification::of_tree(tree, knobs))
            .collect(),
        Ok(_) => Vec::new(),
        // The older dialect prints a list as an array of objects with one member each.
        Err(_) => each_of_array(body)
            .iter()
            .flat_map(|one| notifications(media_type, one, knobs))
            .collect(),
    }
}

const LIST: &str = "notificationList";

fn each_of_array(body: &[u8]) -> Vec<Vec<u8>> {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return Vec::new();
    };
    value
        .get(LIST)
        .and_then(serde_json::Value::as_array)
        .map(|entries| {
            entries
                .iter()
                .map(|entry| entry.to_string().into_bytes())
                .collect()
        })
        .unwrap_or_default()
}

#[derive(Debug)]
struct Channel {
    resource: Option<String>,
    poll: Option<String>,
    callback: Option<String>,
}

/// What a device's application has of subscriptions and notifications.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    received: Vec<Notification>,
    subscriptions: Vec<String>,
    channel: Option<Channel>,
    answers: Option<u16>,
}

/// What an exchange about notifications is for.
#[derive(Debug)]
pub(super) enum Purpose {
    CloseChannel,
    OpenChannel,
    Other,
    Poll,
    Subscribe,
    Unsubscribe { url: String },
}

impl Inbox {
    pub(super) fn answer_with(&mut self, status: u16) {
        self.answers = Some(status);
    }

    pub(super) fn receive(&mut self, request: &Request, knobs: &Knobs) -> Response {
        let status = self.answers.unwrap_or(204);
        if request.method != "POST" {
            return Response::new(405).with("Allow", "POST");
        }
        if (200..300).contains(&status) {
            let media_type = request.headers.first("Content-Type").unwrap_or_default();
            self.received
                .extend(notifications(media_type, &request.body, knobs));
        }
        Response::new(status)
    }

    pub(super) fn learn(
        &mut self,
        purpose: &Purpose,
        asked: &str,
        response: &Response,
        knobs: &Knobs,
    ) {
        match purpose {
            Purpose::CloseChannel => self.channel = None,
            Purpose::OpenChannel => {
                let Ok(document) = read_body(response) else {
                    return;
                };
                let url = |tree: &Tree, name: &str| {
                    let named = tree.child_text(name)?;
                    Some(resolve(asked, named))
                };
                self.channel = Some(Channel {
                    resource: created(asked, response, knobs),
                    poll: document
                        .tree
                        .child("channelData")
                        .and_then(|data| url(data, "channelURL")),
                    callback: url(&document.tree, "callbackURL"),
                });
            }
            Purpose::Other => {}
            Purpose::Poll => {
                let media_type = response.headers.first("Content-Type").unwrap_or_default();
                self.received
                    .extend(notifications(media_type, &response.body, knobs));
            }
            Purpose::Subscribe => self.subscriptions.extend(created(asked, response, knobs)),
            Purpose::Unsubscribe { url } => self.subscriptions.retain(|known| known != url),
        }
    }
}

impl Device {
    /// The notifications that were accepted, in the order of their arrival.
    pub fn notifications(&self) -> &[Notification] {
        &self.inbox.received
    }

    /// The URLs of its subscriptions, oldest first.
    pub fn subscriptions(&self) -> &[String] {
        &self.inbox.subscriptions
    }

    /// The request that carries an order out, or what the device lacks for it.
    pub(super) fn notify_request(
        &self,
        access: &Access,
        order: &Order,
    ) -> Result<(Purpose, Request), String> {
        let channel = || {
            self.inbox
                .channel
                .as_ref()
                .ok_or("the device has no notification channel")
        };
        let (purpose, request) = match order {
            Order::AnswerWith(_) => return Err("this order sends nothing".to_owned()),
            Order::CloseChannel => {
                let url = channel()?
                    .resource
                    .as_ref()
                    .ok_or("the notification channel has no address")?;
                (Purpose::CloseChannel, Request::new("DELETE", url))
            }
            Order::List => {
                let url = self.subscriptions_url(access, &self.provision.address);
                (Purpose::Other, Request::new("GET", url))
            }
            Order::OpenChannel {
                kind,
                max_notifications,
            } => {
                let base = access.notification_channel.as_deref().ok_or(
                    "no notification channel is known (profile: twinning.notification_channel)",
                )?;
                let user = encode_segment(&self.provision.address);
                let url = format!("{base}/notificationchannel/v1/{user}/channels");
                let leaf = |name: &str, text: String| (name.to_owned(), Tree::Leaf(text));
                let mut entries = vec![leaf("channelType", kind.clone())];
                entries.extend(max_notifications.map(|most| {
                    // Each at once: nothing is to wait until so many are there.
                    let limits = vec![
                        leaf("maxNotifications", most.to_string()),
                        leaf("maxWaitTime", "0".to_owned()),
                    ];
                    ("channelData".to_owned(), Tree::Branch(limits))
                }));
                let mut document = Document::new("notificationChannel", Tree::Branch(entries));
                document.namespace = Some(CHANNEL_NAMESPACE.to_owned());
                let request = self.with_document(access, Request::new("POST", url), &document);
                (Purpose::OpenChannel, request)
            }
            Order::Poll => {
                let url = channel()?
                    .poll
                    .as_ref()
                    .ok_or("the notification channel named no address to fetch from")?;
                let mut document =
                    Document::new("longPollingRequestParameters", Tree::Leaf(String::new()));
                document.namespace = Some(CHANNEL_NAMESPACE.to_owned());
                let request = self.with_document(access, Request::new("POST", url), &document);
                (Purpose::Poll, request)
            }
            Order::Prolong { url, duration } => {
                let root = format!("{}Update", access.knobs.names.subscription);
                let duration = ("duration".to_owned(), Tree::Leaf(duration.to_string()));
                let document = api(&root, Tree::Branch(vec![duration]));
                let request = self.with_document(access, Request::new("POST", url), &document);
                (Purpose::Other, request)
            }
            Order::Subscribe(wish) => {
                let notify_url = match &wish.notify_url {
                    Some(url) => url.clone(),
                    None => channel()?
                        .callback
                        .clone()
                        .ok_or("the notification channel named no address to call back")?,
                };
                let of = wish.of.as_deref().unwrap_or(&self.provision.address);
                let request = Request::new("POST", self.subscriptions_url(access, of));
                let document = self.subscription(&access.knobs, wish, notify_url);
                let request = self.with_document(access, request, &document);
                (Purpose::Subscribe, request)
            }
            Order::Unsubscribe { url } => {
                let url = url
                    .clone()
                    .or_else(|| self.inbox.subscriptions.last().cloned())
                    .ok_or("the device has no subscription")?;
                let request = Request::new("DELETE", &url);
                (Purpose::Unsubscribe { url }, request)
            }
        };
        let request = if request.method == "GET" {
            request.with("Accept", self.format.media_type())
        } else {
            request
        };
        Ok((purpose, self.signed(request, &Credential::Provisioned)?))
    }

    fn subscription(&self, knobs: &Knobs, wish: &Wish, notify_url: String) -> Document {
        let leaf = |name: &str, value: String| (name.to_owned(), Tree::Leaf(value));
        let mut reference = vec![leaf("notifyURL", notify_url)];
        reference.extend(wish.callback_data.clone().map(|d| leaf("callbackData", d)));
        let format = match self.format {
            Format::Json => "JSON",
            Format::Xml => "XML",
        };
        reference.push(leaf("notificationFormat", format.to_owned()));
        let mut entries = vec![("callbackReference".to_owned(), Tree::Branch(reference))];
        entries.extend(wish.duration.map(|d| leaf("duration", d.to_string())));
        entries.extend(wish.correlator.clone().map(|c| leaf("clientCorrelator", c)));
        api(&knobs.names.subscription, Tree::Branch(entries))
    }

    fn subscriptions_url(&self, access: &Access, user: &str) -> String {
        let paths = &access.knobs.paths;
        format!(
            "{}/{}/{}/{}{}",
            access.base_url,
            paths.api,
            paths.version,
            encode_segment(user),
            paths.subscriptions
        )
    }

    fn with_document(&self, access: &Access, request: Request, document: &Document) -> Request {
        let knobs = &access.knobs;
        let body = document.write(self.format, knobs.json, &repeats(&knobs.names));
        request
            .with("Accept", self.format.media_type())
            .with_body(self.format.media_type(), body)
    }
}

#[cfg(test)]
mod tests {
    use super::notifications;
    use crate::knobs::Knobs;

    #[test]
    fn notifications_are_found_alone_in_lists_and_in_both_dialects() {
        let knobs = Knobs::default();
        let one = r#"{"callbackData":"k1","twinning":[{"twinningStatus":"Off"}],"link":[{"rel":"TwinningSubscription","href":"/s"}]}"#;
        let bodies = [
            (format!(r#"{{"twinningNotification":{one}}}"#), 1),
            (
                format!(r#"{{"notificationList":{{"twinningNotification":[{one},{one}]}}}}"#),
                2,
            ),
            (
                format!(
                    r#"{{"notificationList":[{{"twinningNotification":{one}}},{{"twinningNotification":{one}}}]}}"#
                ),
                2,
            ),
            (
                format!(r#"{{"notificationList":{{"twinningNotification":{one}}}}}"#),
                1,
            ),
            (r#"{"notificationList":{}}"#.to_owned(), 0),
            (r#"{"notificationList":[]}"#.to_owned(), 0),
            (r#"{"other":{}}"#.to_owned(), 0),
        ];
        for (body, count) in bodies {
            let found = notifications("application/json", body.as_bytes(), &knobs);
            assert_eq!(found.len(), count, "{body}");
            for notification in found {
                assert_eq!(notification.callback_data.as_deref(), Some("k1"));
                let status = notification.twinning.unwrap().status;
                assert_eq!(status.as_deref(), Some("Off"));
                assert_eq!(notification.links[0].0, "TwinningSubscription");
            }
        }
    }
}
