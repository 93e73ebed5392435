//! Decisions that the texts allow as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{
    self as facts, CodeSource, Refused, Resource, Rules, Said, Standard,
};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Role, Status, Twinning};
use twinproof_twinning::tree::Format;

/// A reading of the texts that the built-in system does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// A waiting secondary's authorization code is there and empty (TW-C14).
    AuthCodeWhilePending,
    /// The authorization code vanishes once it is redeemed (TW-C15).
    AuthCodeVanishes,
    /// A code dies before its time (TW-C23).
    CodeDiesEarly,
    /// Codes have letters.
    CodeHasLetters,
    /// Who accepts nothing that there is gets the usual format (digest §8).
    DefaultFormatAnyway,
    /// A creation is answered with 200 (TW-C17).
    CreationIs200,
    /// A twinning that is off cannot be ended (TW-C25).
    EndsOnlyWhileOn,
    /// The other side hears of the end too (TW-C10).
    EndIsNotified,
    /// What only the server may fill in is refused in a creation (TW-C30).
    ItemsRefused,
    /// What only the server may fill in is ignored in an update (TW-C30).
    ItemsIgnored,
    /// A secondary keeps its provisioned token (TW-C28).
    KeepsToken,
    /// Notification channels are not offered (TW-C19).
    NoChannels,
    /// Tokens of the primary's network cannot be renewed.
    NoRefresh,
    /// Nobody is asked for a code for somebody else's primaries (TW-C21).
    OwnCodesOnly,
    /// What was there once is answered with 410.
    GoneIs410,
    /// Notifications come late (TW-C26).
    NewsLate,
    /// Of two notifications the first comes last (TW-C26).
    NewsOutOfOrder,
    /// Notifications come twice (TW-C26).
    NewsTwice,
    /// The one who toggles is notified too (TW-C11).
    NewsToInitiator,
    /// A name that another relationship has is changed (TW-C22).
    NameAdjusted,
    /// A name that another relationship has is given once more (TW-C22).
    NameRepeated,
    /// The name shows on the primary's side only (TW-C29).
    NameOfPrimaryOnly,
    /// A secondary may change the name (TW-C29).
    NameBySecondary,
    /// An own code if the named operator gives none (TW-C31).
    OwnCodeInstead,
    /// A request that waits is not in its device's own list (TW-C39).
    PendingUnlisted,
    /// A twinning that waits vanishes with its code (digest T14).
    PendingVanishes,
    /// An update is answered with 204 (digest §3).
    PutIs204,
    /// A deactivation is answered with 200 (digest §3).
    DeleteIs200,
    /// Whoever cannot become a secondary is refused at activation (TW-C27).
    RefusedAtActivation,
    /// Requests of its own are tried again at even intervals.
    RetriesEvenly,
    /// A request that names no role is served as a secondary's (TW-C40).
    RoleFollows,
    /// A second code request is refused while the first waits (digest T4).
    SecondCodeRefused,
    /// A request to subscribe that repeats one is answered with 200 (digest §10).
    RepetitionIs200,
    /// A request to subscribe that repeats one is answered with 409 (digest §10).
    RepetitionIs409,
    /// Who subscribed is told after the time as well (TW-C41).
    SubscriptionGoesOn,
    /// Documents have elements that a later minor version could have (digest §2).
    UnknownElements,
    /// Bodies are indented, and say their character set.
    Verbose,
}

impl Reading {
    /// The rules that decide otherwise under it.
    pub const fn rules(self) -> &'static [&'static str] {
        match self {
            Self::AuthCodeWhilePending | Self::NameOfPrimaryOnly => &["shown"],
            Self::AuthCodeVanishes => &["auth_code_is_shown"],
            Self::CodeDiesEarly => &["code_is_usable"],
            Self::CodeHasLetters => &["code"],
            Self::DefaultFormatAnyway => &["response_format"],
            Self::CreationIs200
            | Self::DeleteIs200
            | Self::NoRefresh
            | Self::PutIs204
            | Self::UnknownElements
            | Self::Verbose => &["sent"],
            Self::EndsOnlyWhileOn => &["may_deactivate"],
            Self::EndIsNotified => &["end_is_notified"],
            Self::ItemsRefused => &["creation_veto"],
            Self::ItemsIgnored | Self::NameBySecondary => &["update_veto"],
            Self::KeepsToken => &["token_reaches"],
            Self::NoChannels => &["channel_is_offered"],
            Self::OwnCodesOnly => &["code_source"],
            Self::GoneIs410 => &["missing"],
            Self::NewsLate | Self::NewsOutOfOrder => &["delivery_delay"],
            Self::NewsTwice => &["notified"],
            Self::NewsToInitiator => &["is_notified"],
            Self::NameAdjusted | Self::NameRepeated => &["name"],
            Self::OwnCodeInstead => &["partner_failure"],
            Self::PendingUnlisted => &["is_listed"],
            Self::PendingVanishes => &["waiting_ends"],
            Self::RoleFollows => &["role_asked"],
            Self::SubscriptionGoesOn => &["subscription_is_live"],
            Self::RefusedAtActivation | Self::SecondCodeRefused => &["may_request_code"],
            Self::RetriesEvenly => &["retry_after"],
            Self::RepetitionIs200 | Self::RepetitionIs409 => &["repetition_status"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
    terms: BTreeMap<Refused, Said>,
    knobs: Knobs,
}

impl Lawful {
    /// The same for an interface of this shape.
    #[must_use]
    pub fn with(self, knobs: Knobs) -> Self {
        Self { knobs, ..self }
    }

    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    /// Says these refusals so from now on.
    pub fn say(&mut self, terms: &[(Refused, Said)]) {
        self.terms.extend(terms.iter().copied());
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

/// How late a late notification is: well within any waiting time.
const LATE: Duration = Duration::from_millis(400);

impl Rules for Lawful {
    fn said(&self, facts: facts::RefusalFacts) -> Said {
        self.terms
            .get(&facts.because)
            .copied()
            .unwrap_or_else(|| Standard.said(facts))
    }

    fn response_format(&self, facts: facts::FormatFacts) -> Option<Format> {
        let usual = facts.default;
        let anyway = self.reads(Reading::DefaultFormatAnyway).then_some(usual);
        Standard.response_format(facts).or(anyway)
    }

    fn auth_code_is_shown(&self, facts: facts::AuthCodeFacts) -> bool {
        let spent = facts.redeemed && self.reads(Reading::AuthCodeVanishes);
        Standard.auth_code_is_shown(facts) && !spent
    }

    fn code_is_usable(&self, facts: facts::CodeFacts) -> bool {
        let lifetime = match self.reads(Reading::CodeDiesEarly) {
            true => facts.lifetime / 2,
            false => facts.lifetime,
        };
        Standard.code_is_usable(facts::CodeFacts { lifetime, ..facts })
    }

    fn code(&self, facts: facts::Proposal<'_>) -> Option<String> {
        let code = Standard.code(facts)?;
        Some(match self.reads(Reading::CodeHasLetters) {
            true => format!("TWIN-{code}"),
            false => code,
        })
    }

    fn may_deactivate(&self, facts: facts::PartingFacts) -> bool {
        let rests = facts.status == Status::Off && self.reads(Reading::EndsOnlyWhileOn);
        Standard.may_deactivate(facts) && !rests
    }

    fn end_is_notified(&self, facts: facts::PartingFacts) -> bool {
        facts.status != Status::Pending && self.reads(Reading::EndIsNotified)
    }

    fn creation_veto(&self, facts: facts::CreationItems) -> Option<&'static str> {
        facts.foreign.filter(|_| self.reads(Reading::ItemsRefused))
    }

    fn update_veto(&self, facts: facts::UpdateFacts) -> Option<&'static str> {
        let ignored = self.reads(Reading::ItemsIgnored);
        let by_secondary = self.reads(Reading::NameBySecondary);
        Standard.update_veto(facts::UpdateFacts {
            foreign: facts.foreign.filter(|_| !ignored),
            renames_as_secondary: facts.renames_as_secondary && !by_secondary,
            ..facts
        })
    }

    fn token_reaches(&self, facts: facts::ReachFacts) -> bool {
        let kept = !facts.for_relationship && self.reads(Reading::KeepsToken);
        kept || Standard.token_reaches(facts)
    }

    fn channel_is_offered(&self, facts: facts::ChannelFacts<'_>) -> bool {
        Standard.channel_is_offered(facts) && !self.reads(Reading::NoChannels)
    }

    fn missing(&self, facts: facts::MissingFacts<'_>) -> u16 {
        match facts.existed && self.reads(Reading::GoneIs410) {
            true => 410,
            false => Standard.missing(facts),
        }
    }

    fn delivery_delay(&self, facts: facts::DeliveryFacts) -> Duration {
        let overtaken = self.reads(Reading::NewsOutOfOrder) && facts.serial.is_multiple_of(2);
        match overtaken || self.reads(Reading::NewsLate) {
            true => LATE,
            false => Standard.delivery_delay(facts),
        }
    }

    fn notified(&self, notification: facts::Notification) -> Vec<facts::Notification> {
        match self.reads(Reading::NewsTwice) {
            true => vec![notification.clone(), notification],
            false => Standard.notified(notification),
        }
    }

    fn is_notified(&self, facts: facts::NotifyFacts) -> bool {
        let too = facts.own_side && facts.effective && self.reads(Reading::NewsToInitiator);
        too || Standard.is_notified(facts)
    }

    fn name(&self, facts: facts::NameFacts<'_>) -> Option<String> {
        if self.reads(Reading::NameRepeated) {
            let alone = facts::NameFacts {
                taken: if facts.asked.is_some() {
                    &[]
                } else {
                    facts.taken
                },
                ..facts
            };
            return Standard.name(alone);
        }
        let given = Standard.name(facts.clone());
        match (given, facts.asked) {
            (None, Some(asked)) if self.reads(Reading::NameAdjusted) => {
                let adjusted = format!("{asked} ({})", facts.serial);
                let asked = Some(adjusted.as_str());
                Standard.name(facts::NameFacts { asked, ..facts })
            }
            (given, _) => given,
        }
    }

    fn partner_failure(&self, facts: facts::FailureFacts) -> CodeSource {
        match self.reads(Reading::OwnCodeInstead) {
            true => CodeSource::Own,
            false => Standard.partner_failure(facts),
        }
    }

    fn code_source(&self, facts: facts::SourceFacts<'_>) -> CodeSource {
        match self.reads(Reading::OwnCodesOnly) {
            true => CodeSource::Own,
            false => Standard.code_source(facts),
        }
    }

    fn is_listed(&self, facts: facts::ListFacts) -> bool {
        let waits = facts.status == Status::Pending && self.reads(Reading::PendingUnlisted);
        Standard.is_listed(facts) && !waits
    }

    fn role_asked(&self, facts: facts::RoleFacts<'_>) -> Option<Role> {
        let follows = facts.text.is_none() && self.reads(Reading::RoleFollows);
        Standard
            .role_asked(facts)
            .or(follows.then_some(Role::Secondary))
    }

    fn subscription_is_live(&self, facts: facts::SubscriptionFacts) -> bool {
        let goes_on = !facts.cancelled && self.reads(Reading::SubscriptionGoesOn);
        Standard.subscription_is_live(facts) || goes_on
    }

    fn waiting_ends(&self, facts: facts::WaitingFacts) -> bool {
        facts.age >= facts.lifetime && self.reads(Reading::PendingVanishes)
    }

    fn may_request_code(&self, facts: facts::PartyFacts) -> bool {
        let again = facts.pending > 0 && self.reads(Reading::SecondCodeRefused);
        let later = self.reads(Reading::RefusedAtActivation);
        (later || Standard.may_request_code(facts)) && !again
    }

    fn retry_after(&self, facts: facts::RetryFacts) -> Option<Duration> {
        let even = self.reads(Reading::RetriesEvenly);
        let pause = Standard.retry_after(facts)?;
        Some(if even {
            Duration::from_millis(700)
        } else {
            pause
        })
    }

    fn repetition_status(&self, facts: facts::RepetitionFacts) -> u16 {
        if self.reads(Reading::RepetitionIs409) {
            409
        } else if self.reads(Reading::RepetitionIs200) {
            200
        } else {
            Standard.repetition_status(facts)
        }
    }

    fn shown(&self, twinning: Twinning, view: facts::View) -> Twinning {
        let mut twinning = Standard.shown(twinning, view);
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let role = Role::of_literal(&text(&twinning.role), &self.knobs);
        let status = Status::of_literal(&text(&twinning.status), &self.knobs);
        if role == Some(Role::Secondary) {
            if status == Some(Status::Pending) && self.reads(Reading::AuthCodeWhilePending) {
                twinning.auth_code.get_or_insert_default();
            }
            if self.reads(Reading::NameOfPrimaryOnly) {
                twinning.name = None;
            }
        }
        twinning
    }

    fn sent(&self, response: Response, facts: facts::ResponseFacts<'_>) -> Response {
        let mut response = Standard.sent(response, facts);
        let twinning = matches!(
            facts.resource,
            Some(Resource::Twinning | Resource::Twinnings)
        );
        match (facts.method, response.status) {
            ("PUT" | "POST", 200) if twinning && self.reads(Reading::PutIs204) => {
                response = Response::new(204);
            }
            ("DELETE", 204) if twinning && self.reads(Reading::DeleteIs200) => {
                response.status = 200;
            }
            ("POST", 201) if twinning && self.reads(Reading::CreationIs200) => {
                response.status = 200;
            }
            ("POST", 200)
                if facts.resource == Some(Resource::Token) && self.reads(Reading::NoRefresh) =>
            {
                edit(&mut response, |token| {
                    token.remove("refresh_token");
                });
            }
            _ => {}
        }
        if twinning && response.is_success() && self.reads(Reading::UnknownElements) {
            extend(&mut response);
        }
        if self.reads(Reading::Verbose) {
            decorate(&mut response);
        }
        response
    }
}

/// The format of a response's body, if it has one.
fn format(response: &Response) -> Option<Format> {
    let named = response.headers.first("Content-Type")?;
    Format::of_media_type(named).filter(|_| !response.body.is_empty())
}

fn edit(response: &mut Response, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    if let Ok(Value::Object(mut object)) = serde_json::from_slice(&response.body) {
        change(&mut object);
        let body = Value::Object(object).to_string();
        rewrite(response, Format::Json.media_type(), body);
    }
}

/// Puts another body in the place of a response's.
fn rewrite(response: &mut Response, media_type: &str, body: String) {
    let old = std::mem::replace(response, Response::new(response.status));
    *response = Response::new(old.status).with_body(media_type, body.into_bytes());
    for (name, value) in old.headers.iter() {
        if !name.eq_ignore_ascii_case("Content-Type") {
            response.headers.add(name, value);
        }
    }
}

/// Adds an element that no version has so far.
fn extend(response: &mut Response) {
    match format(response) {
        Some(Format::Json) => edit(response, |object| {
            for root in object.values_mut().filter_map(Value::as_object_mut) {
                root.insert("laterVersion".to_owned(), json!({ "note": "to come" }));
            }
        }),
        Some(Format::Xml) => {
            let text = String::from_utf8_lossy(&response.body).into_owned();
            if let Some(end) = text.rfind("</") {
                let (before, after) = text.split_at(end);
                let added = "<laterVersion><note>to come</note></laterVersion>";
                let body = format!("{before}{added}{after}");
                rewrite(response, Format::Xml.media_type(), body);
            }
        }
        None => {}
    }
}

/// Says the same with more white space and a character set.
fn decorate(response: &mut Response) {
    let Some(format) = format(response) else {
        return;
    };
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let body = match format {
        Format::Json => serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|value| serde_json::to_string_pretty(&value).ok()),
        Format::Xml => {
            let declared = text.starts_with("<?xml");
            let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
            // White space within an element that holds nothing else would be its value.
            let spaced = text.replace("><", ">\n<").replace(">\n</", "></");
            Some(format!(
                "{}{spaced}\n",
                if declared { "" } else { declaration }
            ))
        }
    };
    let media_type = format!("{}; charset=utf-8", format.media_type());
    rewrite(response, &media_type, body.unwrap_or(text));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Lawful, Reading, Rules as _, facts};

    #[test]
    fn a_reading_changes_its_own_decision_only() {
        let mut lawful = Lawful::default();
        lawful.read(Reading::CodeDiesEarly);
        let at = |secs| facts::CodeFacts {
            known: true,
            age: Duration::from_secs(secs),
            lifetime: Duration::from_secs(100),
            ..facts::CodeFacts::default()
        };
        assert!(lawful.code_is_usable(at(49)));
        assert!(!lawful.code_is_usable(at(51)));
        assert!(Lawful::default().code_is_usable(at(51)));
    }
}
