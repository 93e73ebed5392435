//! Who takes part, and what they know.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_evidence::record::What;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::twinning::Check as Twin;
use twinproof_judge::profile::{SecondaryToken, Subscriber, Twinning};
use twinproof_judge::scene::Unmet;
use twinproof_kernel::http::Response;
use twinproof_stage::{Acted, Halted, Handle};
use twinproof_twinning::device::{Access, Answer, Device, Order, Provision, created, read_body};
use twinproof_twinning::message::{self, ActivationCode};
use twinproof_twinning::tree::Format;
use twinproof_twinning::url::encode_segment;

use super::words;
use crate::world::Scene;

/// A device as a scenario speaks of it: "the second secondary device", "a stranger".
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, cucumber::Parameter)]
#[param(
    name = "part",
    regex = "(?:an?|the) (?:(?:(?:second|third|fourth) )?(?:primary|secondary) device|stranger)"
)]
pub(super) struct Part(String);

impl FromStr for Part {
    type Err = Infallible;

    fn from_str(phrase: &str) -> Result<Self, Infallible> {
        let words: Vec<_> = phrase
            .split(' ')
            .filter(|word| !matches!(*word, "a" | "an" | "the" | "device"))
            .collect();
        Ok(Self(words.join(" ")))
    }
}

impl Part {
    /// One of many secondary devices that a scenario does not tell apart.
    pub(super) fn numbered(number: usize) -> Self {
        Self(format!("secondary {number}"))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// As a sentence speaks of it: "the second secondary device".
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = if self.0 == "stranger" { "" } else { " device" };
        write!(f, "the {}{device}", self.0)
    }
}

/// A twinning as the tester knows it from the answers that made it.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) primary: Part,
    pub(super) secondary: Part,
    pub(super) primary_url: String,
    pub(super) secondary_url: String,
    /// Somebody ended it.
    pub(super) ended: bool,
}

impl Relation {
    /// The URL of the twinning on this device's side.
    pub(super) fn url_of(&self, part: &Part) -> Option<&str> {
        if *part == self.primary {
            Some(&self.primary_url)
        } else if *part == self.secondary {
            Some(&self.secondary_url)
        } else {
            None
        }
    }

    /// The device on the other side.
    pub(super) fn partner_of(&self, part: &Part) -> &Part {
        if *part == self.primary {
            &self.secondary
        } else {
            &self.primary
        }
    }
}

/// Who takes part in a scenario.
#[derive(Default)]
pub(crate) struct Parties {
    pub(super) devices: BTreeMap<Part, Party>,
    /// The twinnings that were made, the oldest first.
    pub(super) relations: Vec<Relation>,
    /// Who was given an activation code last.
    pub(super) holder: Option<Part>,
    /// The last code request brought a code.
    pub(super) given: bool,
    /// Who asked to be told of changes.
    pub(super) wishes: super::news::Wishes,
    /// The authorization code that was seen last.
    pub(super) auth_code: Option<String>,
    /// The exchanges that showed authorization codes.
    pub(super) auth_codes: Vec<u64>,
    /// The other operator, once it has entered.
    pub(super) abroad: super::operators::Abroad,
    /// What the last When began.
    pub(super) last: Vec<u64>,
    /// What a device tried last.
    pub(super) tried: Option<Tried>,
    /// What the last answer referred to instead of showing it, and to whom.
    pub(super) reference: Option<(Part, String)>,
    /// The code requests that were tried, the oldest first.
    pub(super) requests: Vec<u64>,
    /// The twinning that was ended last.
    pub(super) ended: Option<Relation>,
    /// What was read before the last When.
    pub(super) baseline: Baseline,
}

/// What a device tried, and whether it succeeded.
#[derive(Clone)]
pub(super) struct Tried {
    pub(super) part: Part,
    pub(super) order: Order,
    pub(super) succeeded: bool,
}

/// What was read of everything before something was tried.
#[derive(Clone, Default)]
pub(super) struct Baseline {
    pub(super) probes: Vec<(Part, Probe)>,
    pub(super) exchanges: Vec<u64>,
}

/// What is read again to see whether it changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Probe {
    List,
    Twinning(String),
}

/// A device and what its user knows.
pub(super) struct Party {
    pub(super) device: Handle<Device>,
    pub(super) subscriber: Subscriber,
    pub(super) format: Format,
    /// The code that it was given last.
    pub(super) code: Option<ActivationCode>,
    /// The code that it was given before that.
    pub(super) earlier_code: Option<ActivationCode>,
    /// It holds the token for its twinning.
    pub(super) authorized: bool,
    /// The URL of its pending twinning.
    pub(super) pending: Option<String>,
}

impl Scene {
    pub(super) fn twinning_profile(&mut self) -> Result<Twinning, Halted> {
        match self.profile.profile.twinning.clone() {
            Some(twinning) => Ok(twinning),
            None => Err(self.inconclusive("the profile has no [twinning] section")),
        }
    }

    /// The device that plays this part; it is put on the stage when it is first spoken of.
    pub(super) fn party(&mut self, part: &Part) -> Result<&mut Party, Halted> {
        if !self.twinning.devices.contains_key(part) {
            let format = self.twinning_profile()?.knobs.format.into();
            self.enter_device(part, format)?;
        }
        Ok(self
            .twinning
            .devices
            .get_mut(part)
            .expect("it entered just now"))
    }

    /// Puts a device on the stage that speaks this format.
    pub(super) fn enter_device(&mut self, part: &Part, format: Format) -> Result<(), Halted> {
        let profile = self.twinning_profile()?;
        let taken = self.twinning.devices.len();
        let Some(subscriber) = profile.subscribers.get(taken).cloned() else {
            let why =
                format!("the profile has {taken} subscribers, and this scenario needs one more");
            return Err(self.inconclusive(why));
        };
        let provision = Provision {
            address: subscriber.address.clone(),
            token: self.token(&subscriber)?,
            client: client(&subscriber),
        };
        let access = Access {
            base_url: profile.base_url.clone(),
            token_url: profile.authorization.as_ref().map(|a| a.token_url.clone()),
            revoke_url: profile.authorization.and_then(|a| a.revoke_url),
            notification_channel: profile.notification_channel,
            knobs: profile.knobs,
        };
        let role = Device::new(provision, format);
        let device = self.stage.enter(part.name(), role, Arc::new(access));
        let party = Party {
            device,
            subscriber,
            format,
            code: None,
            earlier_code: None,
            authorized: false,
            pending: None,
        };
        self.twinning.devices.insert(part.clone(), party);
        Ok(())
    }

    fn token(&mut self, subscriber: &Subscriber) -> Result<String, Halted> {
        subscriber
            .access_token()
            .map_err(|why| self.inconclusive(why))
    }

    /// The URL of all twinnings of this device.
    pub(super) fn collection(&mut self, part: &Part) -> Result<String, Halted> {
        let user = encode_segment(&self.address(part)?);
        let profile = self.twinning_profile()?;
        let (base, paths) = (profile.base_url, profile.knobs.paths);
        Ok(format!(
            "{base}/{}/{}/{user}{}",
            paths.api, paths.version, paths.twinnings
        ))
    }

    /// The address of the device that plays this part.
    pub(super) fn address(&mut self, part: &Part) -> Result<String, Halted> {
        Ok(self.party(part)?.subscriber.address.clone())
    }

    /// Has a device do something, whatever comes of it.
    pub(super) async fn order(
        &mut self,
        part: &Part,
        order: Order,
    ) -> Result<Acted<Answer>, Halted> {
        let device = self.party(part)?.device.clone();
        self.stage.act(&device, order).await
    }

    /// Has a device try something: what it began is what the next Then speaks of. Returns the
    /// response, if there was one.
    pub(super) async fn attempt(
        &mut self,
        part: &Part,
        order: Order,
    ) -> Result<Option<Response>, Halted> {
        let acted = self.order(part, order.clone()).await?;
        self.twinning.last = acted.exchanges;
        self.twinning.reference = None;
        self.twinning.tried = Some(Tried {
            part: part.clone(),
            order,
            succeeded: acted.answer.as_ref().is_ok_and(Response::is_success),
        });
        match acted.answer {
            Ok(response) => Ok(Some(response)),
            Err(fault) if self.twinning.last.is_empty() => {
                Err(self.inconclusive(format!("{part}: {fault}")))
            }
            Err(_) => Ok(None),
        }
    }

    /// An order whose success the scenario needs.
    pub(super) async fn succeed(
        &mut self,
        part: &Part,
        order: Order,
    ) -> Result<(Response, u64), Halted> {
        let wanted = format!("{part} could not {}", words::of_order(&order));
        let acted = self.order(part, order).await?;
        let exchange = acted.exchanges.last().copied();
        match acted.answer {
            Ok(response) if response.is_success() => Ok((response, exchange.unwrap_or_default())),
            Ok(response) => {
                let why = format!("{wanted}; it was answered with {}", response.status);
                Err(self.unmet(exchange, why, &[]))
            }
            Err(fault) => Err(self.unmet(exchange, format!("{wanted}; {fault}"), &[])),
        }
    }

    /// The scenario cannot go on because this exchange did not bring what it needs. `knobs` are those
    /// by which its answer was read.
    pub(super) fn unmet(
        &mut self,
        exchange: Option<u64>,
        why: impl Into<String>,
        knobs: &[&str],
    ) -> Halted {
        let Some(exchange) = exchange else {
            return self.inconclusive(why);
        };
        let unmet = Unmet {
            exchange,
            knobs: knobs.iter().map(|knob| (*knob).to_owned()).collect(),
        };
        let note = What::Noted {
            name: Unmet::NOTE.to_owned(),
            value: serde_json::to_value(unmet).expect("a number and texts"),
        };
        self.stage.recorder().write(self.stage.now(), note);
        self.inconclusive(format!("{} (exchange {exchange})", why.into()))
    }

    /// Whether what a device tried last succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.twinning.tried.as_ref().is_some_and(|t| t.succeeded)
    }

    /// Whether secondaries keep the token that they were provisioned with.
    pub(super) fn keeps_token(&mut self) -> Result<bool, Halted> {
        let authorization = self.twinning_profile()?.authorization;
        let way = authorization.map(|authorization| authorization.secondary_token);
        Ok(way == Some(SecondaryToken::Provisioned))
    }

    /// The exchange that the last When began.
    pub(super) fn last_exchange(&self) -> u64 {
        self.twinning.last.last().copied().unwrap_or_default()
    }

    /// Records that a check is to look at everything up to here.
    pub(super) fn judge(&mut self, check: impl Into<Twin>) {
        self.check(&Check::Twinning(check.into()));
    }

    /// Reads something as this device.
    pub(super) async fn probe(
        &mut self,
        part: &Part,
        probe: &Probe,
    ) -> Result<(Answer, u64), Halted> {
        let order = match probe {
            Probe::List => Order::List,
            Probe::Twinning(url) => Order::ReadOf { url: url.clone() },
        };
        let acted = self.order(part, order).await?;
        Ok((
            acted.answer,
            acted.exchanges.last().copied().unwrap_or_default(),
        ))
    }

    /// Reads a device's twinning again and again until it is as `agreed` wants or the time that the
    /// profile allows has passed. Returns the last exchange: that one is judged.
    pub(super) async fn settle(
        &mut self,
        part: &Part,
        probe: &Probe,
        agreed: impl Fn(&Answer) -> bool,
    ) -> Result<u64, Halted> {
        let limit = self.stage.pace().settle;
        let begin = self.stage.now();
        let mut pause = limit / 64;
        loop {
            let (answer, exchange) = self.probe(part, probe).await?;
            let came = agreed(&answer);
            let waited = self.stage.now().since(begin);
            if came || waited >= limit {
                let wait = What::WaitEnded {
                    wait: format!("{} reads what was awaited", part.name()),
                    came,
                    limit: u64::try_from(limit.as_micros()).unwrap_or(u64::MAX),
                };
                self.stage.recorder().write(self.stage.now(), wait);
                return Ok(exchange);
            }
            self.stage.rest(pause.max(Duration::from_millis(1))).await;
            pause = (pause * 2).min(limit / 4);
        }
    }

    /// Reads everything that could change: each device's list and each twinning that is known.
    pub(super) async fn remember(&mut self) -> Result<(), Halted> {
        let parties = &self.twinning;
        let mut probes = Vec::new();
        for (part, party) in &parties.devices {
            probes.push((part.clone(), Probe::List));
            probes.extend(
                party
                    .pending
                    .iter()
                    .map(|url| (part.clone(), Probe::Twinning(url.clone()))),
            );
        }
        for relation in parties.relations.iter().filter(|relation| !relation.ended) {
            for part in [&relation.primary, &relation.secondary] {
                let url = relation.url_of(part).unwrap_or_default().to_owned();
                probes.push((part.clone(), Probe::Twinning(url)));
            }
        }
        let exchanges = self.probe_all(&probes).await?;
        self.twinning.baseline = Baseline { probes, exchanges };
        Ok(())
    }

    /// Reads all of these.
    pub(super) async fn probe_all(&mut self, probes: &[(Part, Probe)]) -> Result<Vec<u64>, Halted> {
        let mut exchanges = Vec::with_capacity(probes.len());
        for (part, probe) in probes {
            exchanges.push(self.probe(part, probe).await?.1);
        }
        Ok(exchanges)
    }

    /// The newest twinning of this device, with that partner if one is named.
    pub(super) fn relation(
        &mut self,
        part: &Part,
        partner: Option<&Part>,
    ) -> Result<Relation, Halted> {
        let found = self.twinning.relations.iter().rev().find(|relation| {
            relation.url_of(part).is_some()
                && partner.is_none_or(|partner| relation.partner_of(part) == partner)
        });
        match found.cloned() {
            Some(relation) => Ok(relation),
            None => Err(self.inconclusive(format!("{part} is not twinned"))),
        }
    }

    /// The URL of this device's side of its newest twinning, with that partner if one is named.
    pub(super) fn own_side(
        &mut self,
        part: &Part,
        partner: Option<&Part>,
    ) -> Result<String, Halted> {
        let relation = self.relation(part, partner)?;
        Ok(relation.url_of(part).unwrap_or_default().to_owned())
    }

    /// The URL of this device's side of its newest twinning, or of its pending one.
    pub(super) fn own_url(&mut self, part: &Part) -> Result<String, Halted> {
        let pending = self.party(part)?.pending.clone();
        if let Some(url) = pending {
            return Ok(url);
        }
        self.own_side(part, None)
    }

    /// Remembers the code and the resource that the answer to a code request brought.
    pub(super) fn keep_code(&mut self, part: &Part, response: &Response) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let url = created(&self.collection(part)?, response, &knobs);
        let code = seen_twinning(response, &knobs).and_then(|t| t.activation_code);
        let party = self.party(part)?;
        party.pending = url;
        party.code = code.filter(|code| code.code.is_some());
        self.twinning.holder = Some(part.clone());
        Ok(())
    }

    /// Remembers the twinning that the answer to an activation brought, if the secondary still
    /// waited for one.
    pub(super) fn keep_relation(
        &mut self,
        primary: &Part,
        secondary: &Part,
        response: &Response,
    ) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let asked = self.collection(primary)?;
        let Some(primary_url) = created(&asked, response, &knobs) else {
            return Ok(());
        };
        if seen_twinning(response, &knobs).is_none() {
            self.twinning.reference = Some((primary.clone(), primary_url.clone()));
        }
        if let Some(secondary_url) = self.party(secondary)?.pending.take() {
            self.twinning.relations.push(Relation {
                primary: primary.clone(),
                secondary: secondary.clone(),
                primary_url,
                secondary_url,
                ended: false,
            });
        }
        Ok(())
    }

    /// Whether a twinning of this device is known.
    pub(super) fn relates(&self, part: &Part) -> bool {
        let mut relations = self.twinning.relations.iter();
        relations.any(|relation| relation.url_of(part).is_some())
    }
}

/// The twinning in a response.
pub(super) fn seen_twinning(
    response: &Response,
    knobs: &twinproof_twinning::knobs::Knobs,
) -> Option<message::Twinning> {
    let document = read_body(response).ok()?;
    message::Twinning::of_document(&document, knobs)
}

/// What is wrong with an answer that does not bring what it should: that it cannot be read, or else
/// `lack`.
pub(super) fn wanting(answer: &str, response: &Response, lack: &str) -> String {
    if response.length > response.body.len() as u64 {
        let kept = response.body.len();
        return format!("{answer} is larger than {kept} octets, and is not read");
    }
    match read_body(response) {
        Ok(_) => format!("{answer} {lack}"),
        Err(unreadable) => format!("{answer} cannot be read: {unreadable}"),
    }
}

fn client(subscriber: &Subscriber) -> Option<(String, String)> {
    let variable = subscriber.client_secret_env.as_deref();
    let secret = subscriber
        .client_secret
        .clone()
        .or_else(|| std::env::var(variable?).ok())?;
    Some((subscriber.client_id.clone()?, secret))
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn a_part_is_what_is_left_without_articles() {
        for (phrase, name) in [
            ("the second secondary device", "second secondary"),
            ("a primary device", "primary"),
            ("a stranger", "stranger"),
        ] {
            assert_eq!(phrase.parse::<Part>().unwrap().name(), name);
        }
    }
}
