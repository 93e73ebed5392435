//! The decisions of an enabler, each as the texts want it.

twinproof_kernel::rules! {
    /// The decisions.
    pub mod decide {
        use twinproof_kernel::http::Response;
        use crate::enabler::facts;
        use crate::enabler::facts::Resource;
        use std::time::Duration;
        use crate::enabler::facts::Cause;
        use crate::enabler::facts::CodeSource;
        use crate::enabler::facts::PartnerMessage;
        use crate::enabler::facts::Scope;
        use crate::knobs::CreateReturns;
        use crate::knobs::ToggleStyle;
        use crate::message::Role;
        use crate::message::Status;
        use crate::message::Twinning;
        use crate::tree::Format;

        /// Whether a URL's version is the one that is served (HLF-CM-003).
        fn version_is_served(&self, facts: facts::VersionFacts<'_>) -> bool {
            facts.asked == facts.served
        }

        /// The verbs of a resource (digest §2); all others are answered with 405 and these in Allow.
        fn verbs(&self, facts: facts::VerbFacts) -> &'static [&'static str] {
            match (facts.resource, facts.toggle_style) {
                (Resource::Twinnings, _) => &["GET", "POST"],
                (Resource::Twinning, ToggleStyle::Post) => &["GET", "PUT", "POST", "DELETE"],
                (Resource::Twinning, _) => &["GET", "PUT", "DELETE"],
                (Resource::StatusPart | Resource::NamePart, _) => &["GET", "PUT"],
                (Resource::Subscriptions, _) => &["GET", "POST"],
                (Resource::Subscription, _) => &["GET", "POST", "DELETE"],
                (Resource::Channels, _) => &["GET", "POST"],
                (Resource::Channel, _) => &["GET", "DELETE"],
                (Resource::ChannelLifetime, _) => &["GET", "PUT"],
                (Resource::Poll, _) => &["POST"],
                (Resource::Token | Resource::Revoke, _) => &["POST"],
                (Resource::Inbox, _) => &["GET"],
            }
        }

        /// Whether a body is taken; unknown elements are ignored (digest §2).
        fn document_is_accepted(&self, facts: facts::DocumentFacts<'_>) -> bool {
            facts.readable && facts.root_expected
        }

        /// The format of a response: the query decides, then Accept, then the request's body
        /// (digest §3). Nothing if the client takes none that exists.
        fn response_format(&self, facts: facts::FormatFacts) -> Option<Format> {
            match (facts.query, facts.accept.first()) {
                (Some(format), _) => Some(format),
                (None, Some(format)) => Some(*format),
                (None, None) => (!facts.nothing_acceptable).then_some(facts.default),
            }
        }

        /// Whether a token opens anything at all (HLF-CM-006, RFC 6750).
        fn token_is_valid(&self, facts: facts::TokenFacts) -> bool {
            facts.presented && facts.known && !facts.expired && !facts.revoked
        }

        /// Whether a token's scopes cover an operation (OAU-002).
        fn scope_covers(&self, facts: facts::ScopeFacts<'_>) -> bool {
            facts.held.contains(&facts.needed)
        }

        /// Whether somebody may reach a resource: it is their own (HLF-PD-005, HLF-SD-006).
        fn may_access(&self, facts: facts::AccessFacts) -> bool {
            facts.own && facts.of_user
        }

        /// Whether a token reaches a twinning: a secondary's needs the one that was issued for it, to be
        /// toggled or ended once it is activated (HLF-SD-005).
        fn token_reaches(&self, facts: facts::ReachFacts) -> bool {
            let changes = matches!(facts.operation, Scope::Toggle | Scope::Deactivate);
            let needs_it = facts.secondary && facts.activated && changes;
            facts.for_this || !(facts.for_relationship || needs_it)
        }

        /// Whether a device's application gets a token of its own: once the device is twinned (HLF-SD-005).
        fn may_obtain_token(&self, facts: facts::ObtainFacts) -> bool {
            facts.as_primary + facts.as_secondary > 0
        }

        /// What a scope stands for; nothing if it is unknown (OAU-002).
        fn scopes_named(&self, facts: facts::ScopeName<'_>) -> Option<Vec<Scope>> {
            facts.known
        }

        /// Whether an authorization code gives a token: once, in time, to its client, and while the
        /// relationship lasts (HLF-SD-009, CR-N10).
        fn grant_is_redeemable(&self, facts: facts::GrantFacts) -> bool {
            facts.known
                && !facts.redeemed
                && facts.age < facts.lifetime
                && facts.own_client
                && facts.live
        }

        /// Whether the tokens that came from a code are revoked when it is presented (RFC 6749 §4.1.2).
        fn reuse_revokes(&self, facts: facts::ReuseFacts) -> bool {
            facts.redeemed
        }

        /// Whether a refresh token gives another token (HLF-SD-009).
        fn refresh_is_honoured(&self, facts: facts::RefreshFacts) -> bool {
            facts.known && !facts.revoked && facts.own_client && facts.live
        }

        /// Whether a token ends with a relationship (HLF-TE-004).
        fn token_ends(&self, facts: facts::TokenEndFacts) -> bool {
            facts.of_relationship
        }

        /// Whether a valid token opens the network of a primary (HLF-SD-009).
        fn network_opens(&self, facts: facts::NetworkFacts) -> bool {
            facts.for_network && facts.of_this_primary
        }

        /// The authorization code of a new relationship: the server's (CR-N10).
        fn auth_code(&self, facts: facts::Proposal<'_>) -> Option<String> {
            facts.ours.map(str::to_owned)
        }

        /// Whether the authorization code is shown: to the secondary, once activated (CR-N9).
        fn auth_code_is_shown(&self, facts: facts::AuthCodeFacts) -> bool {
            facts.role == Role::Secondary && facts.status != Status::Pending
        }

        /// The role that a request names; nothing if it names none of the two (HLF-SD-001).
        fn role_asked(&self, facts: facts::RoleFacts<'_>) -> Option<Role> {
            facts.named
        }

        /// The status that a request names; nothing if it names none of the three (HLF-PD-002).
        fn status_asked(&self, facts: facts::StatusFacts<'_>) -> Option<Status> {
            facts.named
        }

        /// Whether a device may ask for a code: not as primary, nor while it is a secondary
        /// (HLF-TE-008, HLF-TE-009).
        fn may_request_code(&self, facts: facts::PartyFacts) -> bool {
            facts.as_primary == 0 && facts.as_secondary == 0
        }

        /// Whether a device may become a primary (once more): not while it is a secondary (HLF-TE-008).
        fn may_activate(&self, facts: facts::PartyFacts) -> bool {
            facts.as_secondary == 0
        }

        /// Whether the device that holds the code may still become a secondary (HLF-TE-008, HLF-TE-009).
        fn may_become_secondary(&self, facts: facts::PartyFacts) -> bool {
            facts.as_primary == 0 && facts.as_secondary == 0
        }

        /// Whether a primary may have one secondary more (HLF-PD-006).
        fn has_room(&self, facts: facts::RoomFacts) -> bool {
            facts.secondaries < facts.limit
        }

        /// Whether an activation code may be used now: it exists, was never used, has not expired
        /// and is not the activating device's own (HLF-TE-005).
        fn code_is_usable(&self, facts: facts::CodeFacts) -> bool {
            facts.known && !facts.used && facts.age < facts.lifetime && !facts.own
        }

        /// Whether a new code ends the one before (HLF-TE-009).
        fn code_is_superseded(&self, facts: facts::EarlierFacts) -> bool {
            facts.pending
        }

        /// The code that a secondary is given: the server's, whatever the client proposed (CR-N3).
        fn code(&self, facts: facts::Proposal<'_>) -> Option<String> {
            facts.ours.map(str::to_owned)
        }

        /// A device's own address: the server's (CR-N12).
        fn own_address(&self, facts: facts::Proposal<'_>) -> Option<String> {
            facts.ours.map(str::to_owned)
        }

        /// The address of the other device: the server's, so nothing while Pending (CR-N1).
        fn other_device(&self, facts: facts::Proposal<'_>) -> Option<String> {
            facts.ours.map(str::to_owned)
        }

        /// The status of a new twinning (CR-N5, CR-N6).
        fn initial_status(&self, facts: facts::CreationFacts) -> Status {
            match facts.role {
                Role::Primary => Status::On,
                Role::Secondary => Status::Pending,
            }
        }

        /// The status of the secondary once its code was used (CR-N7).
        fn status_once_activated(&self, facts: facts::ToggleFacts) -> Status {
            facts.to
        }

        /// The name of a relationship: what the user chose, else one of our own (HLF-TE-007). Nothing
        /// refuses the choice: it is empty, too long, or another relationship has it (HLF-PD-003).
        fn name(&self, facts: facts::NameFacts<'_>) -> Option<String> {
            match facts.asked {
                None => {
                    let free = |name: &String| !facts.taken.contains(name);
                    (facts.serial..).map(|n| format!("device-{n}")).find(free)
                }
                Some(name) => {
                    let lawful = !name.is_empty() && name.chars().count() <= 255;
                    let free = !facts.taken.iter().any(|taken| taken == name);
                    (lawful && free).then(|| name.to_owned())
                }
            }
        }

        /// The element for whose sake an update is refused (digest §6, T10 and T11).
        fn update_veto(&self, facts: facts::UpdateFacts) -> Option<&'static str> {
            let status = facts.from != facts.to
                && facts.to.is_some()
                && [facts.from, facts.to].contains(&Some(Status::Pending));
            facts
                .foreign
                .or(facts.renames_as_secondary.then_some("name"))
                .or(status.then_some("twinningStatus"))
        }

        /// The status of the side that toggles (HLF-PD-002, HLF-SD-004).
        fn status_here(&self, facts: facts::ToggleFacts) -> Status {
            facts.to
        }

        /// The status of the other side when one side toggles (HLF-PD-002, HLF-SD-004).
        fn status_there(&self, facts: facts::ToggleFacts) -> Status {
            facts.to
        }

        /// Whether a side ends: by deactivation, on both sides (HLF-TE-004), and never by a toggle
        /// (HLF-TE-003).
        fn side_ends(&self, facts: facts::EndFacts) -> bool {
            facts.cause == Cause::Deactivation
        }

        /// Whether a twinning is in a user's list: all of the user's own and nobody else's (HLF-PD-003).
        fn is_listed(&self, facts: facts::ListFacts) -> bool {
            facts.own
        }

        /// How a refusal is said: as the error table has it first (digest §8).
        fn said(&self, facts: facts::RefusalFacts) -> facts::Said {
            facts.usual
        }

        /// The element for whose sake a creation is refused; what only the server may fill in is
        /// ignored (ruling TW-C30).
        fn creation_veto(&self, facts: facts::CreationItems) -> Option<&'static str> {
            None
        }

        /// Whether a twinning that waits ends by itself; it stays although its code has expired
        /// (digest §6, T14).
        fn waiting_ends(&self, facts: facts::WaitingFacts) -> bool {
            false
        }

        /// Whether a side may end its relationship, whatever the status (ruling TW-C25).
        fn may_deactivate(&self, facts: facts::PartingFacts) -> bool {
            true
        }

        /// Whether subscribers hear of the end of a relationship as well (ruling TW-C10).
        fn end_is_notified(&self, facts: facts::PartingFacts) -> bool {
            false
        }

        /// The status code for what is not there, or not any more.
        fn missing(&self, facts: facts::MissingFacts<'_>) -> u16 {
            404
        }

        /// Whether a creation is answered in full; a code can only be in the full form (CR-N4).
        fn created_in_full(&self, facts: facts::CreatedFacts) -> bool {
            facts.role == Role::Secondary || facts.returns == CreateReturns::Full
        }

        /// Whether a record outlives a restart (HLF-TE-001, HLF-TE-002).
        fn is_stored(&self, facts: facts::StoreFacts<'_>) -> bool {
            true
        }

        /// Whether a subscription counts: it was not ended and its time is not over (digest §7.5).
        fn subscription_is_live(&self, facts: facts::SubscriptionFacts) -> bool {
            !facts.cancelled && facts.age < facts.duration
        }

        /// How long a subscription lasts from now on: as long as its client wants (digest §7.5).
        fn duration_granted(&self, facts: facts::DurationFacts) -> Duration {
            facts.asked.filter(|asked| !asked.is_zero()).unwrap_or(facts.usual)
        }

        /// How many notifications a long poll is answered with: no more than its client takes
        /// (digest §7.6).
        fn poll_takes(&self, facts: facts::PollFacts) -> usize {
            facts.at_most.unwrap_or(facts.waiting).min(facts.waiting)
        }

        /// Whether a kind of notification channel is offered (HLF-CM-005).
        fn channel_is_offered(&self, facts: facts::ChannelFacts<'_>) -> bool {
            facts.kind == crate::enabler::channels::LONG_POLLING
        }

        /// Whether a notification channel is still open (digest §7.6).
        fn channel_is_live(&self, facts: facts::SubscriptionFacts) -> bool {
            !facts.cancelled && facts.age < facts.duration
        }

        /// Whether a request to subscribe repeats one (digest §10).
        fn is_repetition(&self, facts: facts::CorrelatorFacts) -> bool {
            facts.same_client && facts.same_value && facts.live
        }

        /// The status of the answer to a request to subscribe that repeats one (digest §10).
        fn repetition_status(&self, facts: facts::RepetitionFacts) -> u16 {
            facts.creation
        }

        /// How long a notification waits before it is sent (ruling TW-C26).
        fn delivery_delay(&self, facts: facts::DeliveryFacts) -> Duration {
            Duration::ZERO
        }

        /// Whether a subscriber is notified: of what the other side changed (HLF-PD-007, HLF-SD-008).
        fn is_notified(&self, facts: facts::NotifyFacts) -> bool {
            facts.other_side && facts.effective
        }

        /// The notifications that are sent for one. An output filter.
        fn notified(&self, notification: facts::Notification) -> Vec<facts::Notification> {
            vec![notification]
        }

        /// When a notification or a message to a partner is tried again: not if the answer is final,
        /// and twelve times at most (HLF-IC-005).
        fn retry_after(&self, facts: facts::RetryFacts) -> Option<Duration> {
            let passing = facts.status.is_none_or(|status| status >= 500 || status == 429);
            let pause = Duration::from_millis(100 << facts.attempt.min(7));
            (passing && facts.attempt < 12).then_some(pause)
        }

        /// Where a secondary's code comes from: the operator that it names, else this one
        /// (HLF-TE-006).
        fn code_source(&self, facts: facts::SourceFacts<'_>) -> CodeSource {
            match facts.named {
                None => CodeSource::Own,
                Some(named) if named == facts.own => CodeSource::Own,
                Some(_) if facts.partner => CodeSource::Partner,
                Some(_) => CodeSource::Refused,
            }
        }

        /// What happens when the named operator gives no code (ruling TW-C31).
        fn partner_failure(&self, facts: facts::FailureFacts) -> CodeSource {
            CodeSource::Refused
        }

        /// Whether what a partner was asked to do is taken back: without an answer it may have been
        /// done, and nobody here would know of it (HLF-IC-004).
        fn is_taken_back(&self, facts: facts::FailureFacts) -> bool {
            facts.status.is_none()
        }

        /// Whether a partner may do what it asks (HLF-IC-003, CR-N2).
        fn partner_may(&self, facts: facts::PartnerFacts) -> bool {
            facts.creates || facts.shares
        }

        /// Whether a partner is told of a change: of every one to what it shares and did not make
        /// (HLF-IC-005, HLF-IC-007).
        fn is_propagated(&self, facts: facts::PropagationFacts) -> bool {
            facts.shared && facts.effective && !facts.by_partner
        }

        /// The method of a message to a partner (CR-N2, CR-N8, CR-N11).
        fn partner_method(&self, message: PartnerMessage) -> &'static str {
            match message {
                PartnerMessage::Activation | PartnerMessage::CodeRequest => "POST",
                PartnerMessage::Introduction | PartnerMessage::Toggle => "PUT",
                PartnerMessage::Parting => "DELETE",
            }
        }

        /// What stays behind of a twinning that was refused: nothing (HLF-PD-001, HLF-SD-001, HLF-IC-004).
        fn remains(&self, facts: facts::RefusedFacts) -> Option<Status> {
            None
        }

        /// The value of a token: one that nobody else has (HLF-SD-005).
        fn token_value(&self, facts: facts::NewTokenFacts<'_>) -> String {
            facts.fresh.to_owned()
        }

        /// The status of a twinning that a request was not about, or was not allowed to change: what it
        /// was (HLF-CM-006, HLF-PD-004, HLF-PD-006).
        fn status_kept(&self, facts: facts::KeptFacts<'_>) -> Status {
            facts.status
        }

        /// A twinning as it is told to a partner. An output filter.
        fn told_partner(&self, twinning: Twinning, message: PartnerMessage) -> Twinning {
            twinning
        }

        /// A twinning as it is shown. An output filter.
        fn shown(&self, twinning: Twinning, view: facts::View) -> Twinning {
            twinning
        }

        /// A response as it is sent. An output filter.
        fn sent(&self, response: Response, facts: facts::ResponseFacts<'_>) -> Response {
            response
        }
    }
}

pub use decide::{Compared, NAMES, Rival, Rules, Standard, Watched};

pub use super::facts::*;
