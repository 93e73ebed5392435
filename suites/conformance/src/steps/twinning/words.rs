//! What simulated parties do, in words that complete "it could not …". Codes, tokens and addresses
//! are left out: the exchange shows them, secrets replaced.

use twinproof_twinning::device::notify::Order as NotifyOrder;
use twinproof_twinning::device::{Grant, Order};
use twinproof_twinning::operator::Errand;

/// What a device was to do.
pub(super) fn of_order(order: &Order) -> String {
    match order {
        Order::Activate { .. } => "activate with a code".to_owned(),
        Order::Deactivate { .. } => "end its twinning".to_owned(),
        Order::List => "list its twinnings".to_owned(),
        Order::ListOf { user } => format!("list the twinnings of {user}"),
        Order::Notify(order) => of_notify(order).to_owned(),
        Order::ObtainToken(grant) => format!("obtain a token {}", of_grant(grant)),
        Order::Read | Order::ReadOf { .. } => "read its twinning".to_owned(),
        Order::RequestCode { .. } => "ask for an activation code".to_owned(),
        Order::RevokeToken => "have its token revoked".to_owned(),
        Order::Send(raw) => format!("send {}", raw.method),
        Order::Toggle { status, .. } => format!("set the status of its twinning to {status}"),
    }
}

fn of_notify(order: &NotifyOrder) -> &'static str {
    match order {
        NotifyOrder::AnswerWith(_) => "change how it answers notifications",
        NotifyOrder::CloseChannel => "give its notification channel up",
        NotifyOrder::List => "list its subscriptions",
        NotifyOrder::OpenChannel { .. } => "open a notification channel",
        NotifyOrder::Poll => "fetch what waits in its notification channel",
        NotifyOrder::Prolong { .. } => "ask for more time for its subscription",
        NotifyOrder::Subscribe(_) => "subscribe to changes of its twinnings",
        NotifyOrder::Unsubscribe { .. } => "end its subscription",
    }
}

const fn of_grant(grant: &Grant) -> &'static str {
    match grant {
        Grant::AuthorizationCode { .. } => "with an authorization code",
        Grant::ClientCredentials { .. } => "with its client credentials",
        Grant::Refresh => "with a refresh token",
    }
}

/// What the other operator was to do.
pub(super) const fn of_errand(errand: &Errand) -> &'static str {
    match errand {
        Errand::Activate { .. } => "activate with a code of this operator",
        Errand::Complete { .. } => "write the activation's data into the secondary's twinning",
        Errand::Deactivate { .. } => "end the twinning of its device",
        Errand::RequestCode { .. } => "ask for a code for its device",
        Errand::Toggle { .. } => "write the new status of the twinning",
    }
}
