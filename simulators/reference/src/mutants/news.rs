//! News: subscriptions, notifications and the channels that they come by.

use std::time::Duration;

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Resource, Rules, Standard};
use twinproof_twinning::message::Status;

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "everybody-is-told" "tells everybody of every switch" breaks "HLF-PD-007"
    also breaks {
        "HLF-SD-008" because "one mechanism tells both sides",
    }
    caught by { "twinning/notifications/other-primary-not-told" "twinning/not-notified" }
    fn is_notified(&self, f: facts::NotifyFacts) -> bool { f.effective }

    "stranger-is-told" "lets a stranger be told of another's changes" breaks "HLF-CM-006"
    also breaks {
        "HLF-PD-002", "HLF-PD-003", "HLF-PD-004", "HLF-PD-005", "HLF-PD-007", "HLF-SD-006",
        "HLF-SD-008"
        because "each of these keeps a stranger out, or tells one side only",
    }
    caught by {
        "twinning/common/stranger-not-told" "twinning/refused",
        "twinning/common/stranger-not-told" "twinning/not-notified",
    }
    fn may_access(&self, _f: facts::AccessFacts) -> bool { true }
    fn is_notified(&self, f: facts::NotifyFacts) -> bool { f.effective }

    "nobody-is-told" "tells nobody of a switch" breaks "HLF-PD-007"
    also breaks {
        "HLF-SD-008" because "one mechanism tells both sides",
        "HLF-CM-006"
        because "that no stranger could withdraw a wish is seen by its news",
    }
    caught by {
        "twinning/notifications/delivery-tried-again" "twinning/notified",
        "twinning/notifications/other-primary-not-told" "twinning/notified",
        "twinning/notifications/primary-told" "twinning/notified",
        "twinning/notifications/primary-told-in-xml" "twinning/notified",
    }
    fn is_notified(&self, _f: facts::NotifyFacts) -> bool { false }

    "refused-is-news" "tells of a switch that was none" breaks "HLF-PD-007"
    also breaks {
        "HLF-PD-002", "HLF-SD-008"
        because "a status has to be taken before it can be news, and one mechanism tells both sides",
    }
    caught by {
        "twinning/notifications/refused-switch-no-news-for-primary" "twinning/refused",
        "twinning/notifications/refused-switch-no-news-for-primary" "twinning/not-notified",
    }
    fn is_notified(&self, f: facts::NotifyFacts) -> bool { f.other_side }
    fn status_asked(&self, f: facts::StatusFacts<'_>) -> Option<Status> { f.named.or(Some(Status::On)) }

    "wish-outlives-its-end" "goes on telling who has withdrawn the wish" breaks "HLF-PD-007"
    caught by { "twinning/notifications/withdrawn-wish-of-primary" "twinning/not-notified" }
    fn subscription_is_live(&self, f: facts::SubscriptionFacts) -> bool { f.age < f.duration }

    "wish-never-ends" "goes on telling when the time of the wish is over" breaks "HLF-PD-007"
    caught by { "twinning/notifications/wish-run-out" "twinning/not-notified" }
    fn subscription_is_live(&self, f: facts::SubscriptionFacts) -> bool { !f.cancelled }

    "wish-counts-twice" "takes a repeated wish for another" breaks "HLF-PD-007"
    caught by { "twinning/notifications/wish-made-twice" "twinning/subscribed-once" }
    fn is_repetition(&self, _f: facts::CorrelatorFacts) -> bool { false }

    "news-without-link" "does not say which wish its news answer" breaks "HLF-PD-007"
    caught by { "twinning/notifications/primary-told" "twinning/notifications-linked" }
    fn notified(&self, n: facts::Notification) -> Vec<facts::Notification> {
        vec![facts::Notification { link: None, ..n }]
    }

    "news-of-another-twinning" "tells of the right status in the wrong twinning" breaks "HLF-PD-007"
    also breaks {
        "HLF-CM-005", "HLF-IC-007", "HLF-SD-008"
        because "one mechanism tells whoever is told of a switch",
        "HLF-CM-006"
        because "that no stranger could withdraw a wish is seen by its news",
    }
    caught by {
        "twinning/notifications/primary-told-of-which" "twinning/notified",
        "twinning/notifications/secondary-told" "twinning/notified",
        "twinning/inter-operator/news-from-abroad" "twinning/notified",
    }
    fn notified(&self, mut n: facts::Notification) -> Vec<facts::Notification> {
        n.twinning.resource_url = n.twinning.resource_url.map(|u| format!("{u}0"));
        if let Some(other) = &mut n.twinning.other_device {
            other.address = Some("tel:+12025559999".to_owned());
        }
        vec![n]
    }

    "news-once" "never tries again to deliver its news" breaks "HLF-PD-007"
    also breaks {
        "HLF-IC-005" because "messages to a partner are tried again by the same rule",
    }
    caught by { "twinning/notifications/delivery-tried-again" "twinning/notified" }
    fn retry_after(&self, _f: facts::RetryFacts) -> Option<Duration> { None }

    "wish-cannot-be-prolonged" "gives no more time to who asks for it" breaks "HLF-PD-007"
    caught by { "twinning/notifications/wish-prolonged" "twinning/notified" }
    fn duration_granted(&self, f: facts::DurationFacts) -> Duration {
        match f.prolongs {
            true => Duration::from_secs(1),
            false => Standard.duration_granted(f),
        }
    }

    "wishes-hidden" "shows nobody what wishes there are" breaks "HLF-PD-007"
    caught by { "twinning/notifications/wishes-listed" "twinning/subscriptions-listed" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        match f.resource == Some(Resource::Subscriptions) && f.method == "GET" && r.is_success() {
            true => Response::new(200).with_body(
                "application/json",
                br#"{"twinningSubscriptionList":{"resourceURL":"http://sut.test/"}}"#.to_vec(),
            ),
            false => r,
        }
    }

    "calls-for-ever" "goes on calling an application that is gone" breaks "HLF-PD-007"
    caught by { "twinning/notifications/application-gone" "twinning/called-at-most" }
    fn retry_after(&self, f: facts::RetryFacts) -> Option<Duration> {
        match f.status {
            Some(404) => (f.attempt < 12).then_some(Duration::from_millis(50)),
            _ => Standard.retry_after(f),
        }
    }
    fn subscription_is_live(&self, f: facts::SubscriptionFacts) -> bool { f.age < f.duration }

    "channel-brings-all-at-once" "brings all that waits, however little its client takes" breaks "HLF-SD-008"
    caught by { "twinning/notifications/told-one-at-a-time" "twinning/fetched-at-most" }
    fn poll_takes(&self, f: facts::PollFacts) -> usize { f.waiting }

    "channel-closed" "closes a notification channel at once" breaks "HLF-CM-005"
    caught by { "twinning/common/client-with-channel" "twinning/notified" }
    fn channel_is_live(&self, _f: facts::SubscriptionFacts) -> bool { false }
};
