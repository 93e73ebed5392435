//! What one device does by itself: codes, activations, switches, ends.

use std::time::Duration;

use twinproof_kernel::http::Response;
use twinproof_twinning::device::{Credential, Grant, Order, Raw, read_body};
use twinproof_twinning::message::{ActivationCode, Role, Status, Twinning, TwinningList, repeats};
use twinproof_twinning::tree::{Format, Tree};

use super::command::DEVICES;
use super::drive::{Broken, Drive, Outcome};
use super::model::{Duty, Relation};
use super::script::{Line, Wanted};
use super::seen::url_of;

/// An element that no type of the API has.
const UNKNOWN_ELEMENT: &str = "elementOfALaterVersion";

/// For so long an authorization code works whatever its life time is (RFC 6749 §4.1.2: a short one).
const FRESH: Duration = Duration::from_secs(30);

impl Drive<'_> {
    pub(super) async fn request_code(
        &mut self,
        by: usize,
        extended: bool,
    ) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        self.touch(&[by]);
        self.script.add(Line::Asks { by, extended });
        let order = match extended {
            true => self.extended_code_request(),
            false => Order::RequestCode {
                primary_operator: None,
            },
        };
        let response = self.order(by, order).await?;
        let outcome = self.weigh_extended(extended, self.model.request_code(by), &response)?;
        if outcome == Outcome::Accepted {
            let twinning = read_body(&response)
                .ok()
                .and_then(|d| Twinning::of_document(&d, &self.knobs));
            let code = twinning.and_then(|twinning| twinning.activation_code);
            let Some(code) = code.filter(|code| code.code.is_some()) else {
                self.script.end_with(Wanted::Code);
                let seen = format!("{} to a request for a code, and no code", response.status);
                return Err(self.broken("I0", seen));
            };
            if self.model.newest(by).is_some() {
                self.script.rely_on_luck();
            }
            self.codes[by] = code;
            self.model.code_given(by);
        }
        Ok(outcome)
    }

    /// A request for a code with an element that no type has, as a later version might add one.
    fn extended_code_request(&self) -> Order {
        let asked = Twinning {
            role: Some(Role::Secondary.literal(&self.knobs).to_owned()),
            ..Twinning::default()
        };
        let mut document = asked.document(&self.knobs);
        if let Tree::Branch(entries) = &mut document.tree {
            let text = Tree::Leaf("whatever".to_owned());
            entries.push((UNKNOWN_ELEMENT.to_owned(), text));
        }
        let format: Format = self.knobs.format.into();
        let body = document.write(format, self.knobs.json, &repeats(&self.knobs.names));
        let raw = Raw::new("POST", "{twinnings}")
            .presenting(Credential::Provisioned)
            .with("Accept", format.media_type())
            .with_body(format.media_type(), String::from_utf8_lossy(&body));
        Order::Send(raw)
    }

    /// What must be accepted must be accepted with an unknown element too, and that by an invariant of
    /// its own.
    fn weigh_extended(
        &mut self,
        extended: bool,
        duty: Duty,
        response: &Response,
    ) -> Result<Outcome, Broken> {
        match duty {
            Duty::Accept(_) if extended && !response.is_success() => {
                let seen = format!(
                    "{} to a request with an element that nobody knows",
                    response.status
                );
                self.advise("I28", seen)?;
                Ok(Outcome::Refused)
            }
            _ => self.weigh(duty, response),
        }
    }

    /// A name is new with each command: a system may refuse one that the primary uses already.
    pub(super) fn activation(&self, owner: usize, named: bool) -> Order {
        let ActivationCode { code, mno_id } = self.codes[owner].clone();
        Order::Activate {
            code,
            mno_id,
            name: named.then(|| format!("my-watch-{}", self.now.number)),
        }
    }

    pub(super) async fn activate(
        &mut self,
        by: usize,
        owner: usize,
        named: bool,
    ) -> Result<Outcome, Broken> {
        let (by, owner) = (self.model.device(by), self.model.device(owner));
        self.touch(&[by, owner]);
        self.script.add(Line::Activates {
            by,
            owner: self.codes[owner].code.is_some().then_some(owner),
            named: named.then_some(self.now.number),
        });
        let duty = self.model.activate(by, owner);
        let response = self.order(by, self.activation(owner, named)).await?;
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted {
            self.begin(by, owner).await?;
        }
        Ok(outcome)
    }

    /// An activation was accepted.
    pub(super) async fn begin(&mut self, by: usize, owner: usize) -> Result<(), Broken> {
        self.model.activated(by, owner);
        self.twinned[owner] = self.model.now();
        self.news.happened([by, owner], true, None);
        self.obtain_token(owner).await
    }

    pub(super) async fn obtain_token(&mut self, secondary: usize) -> Result<(), Broken> {
        if !self.has_tokens {
            return Ok(());
        }
        self.script.add(Line::ObtainsToken { by: secondary });
        let grant = Grant::ClientCredentials { scope: None };
        let response = self.order(secondary, Order::ObtainToken(grant)).await?;
        if response.is_success() {
            return Ok(());
        }
        self.script.end_with(Wanted::Token(secondary));
        let seen = format!(
            "device {secondary} is twinned and gets no token but {}",
            response.status
        );
        Err(self.broken("I0", seen))
    }

    pub(super) async fn redeem(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let relation = self.model.newest(by).filter(|r| r.secondary == by);
        let fresh = relation.and_then(|relation| self.fresh_auth_code(relation));
        // That a code works once only is said of codes and not of twinnings, so no invariant has it.
        let Some(code) = fresh else {
            return Ok(Outcome::Idle);
        };
        self.touch(&[by]);
        self.script.add(Line::Redeems { by });
        let age = self.model.now().saturating_sub(self.twinned[by]);
        let duty = match age < FRESH {
            true => Duty::Accept("I0"),
            false => Duty::Either,
        };
        let response = self.order(by, redemption(&code)).await?;
        let outcome = self.weigh(duty, &response)?;
        self.redeemed[by] = Some(code);
        Ok(outcome)
    }

    /// The authorization code of a twinning between devices here, if it was seen and not redeemed.
    fn fresh_auth_code(&self, relation: Relation) -> Option<String> {
        let Relation {
            primary, secondary, ..
        } = relation;
        let here = self.has_grants && !relation.has(DEVICES);
        let mut seen = self.seen.get(secondary).filter(|_| here)?.iter();
        let twinning = seen.find(|seen| seen.other == Some(primary))?;
        let code = twinning.auth_code.as_ref().filter(|code| !code.is_empty());
        code.filter(|code| self.redeemed[secondary].as_ref() != Some(code))
            .cloned()
    }

    /// What a twinning that has ended gave access by gives none.
    async fn check_auth_code(
        &mut self,
        secondary: usize,
        fresh: Option<String>,
    ) -> Result<(), Broken> {
        let Some(code) = fresh else {
            return Ok(());
        };
        let response = self.order(secondary, redemption(&code)).await?;
        if !response.is_success() {
            return Ok(());
        }
        self.script.end_with(Wanted::CodeWorthless(secondary));
        let seen = format!(
            "device {secondary}'s authorization code still gets {}",
            response.status
        );
        Err(self.broken("I18", seen))
    }

    pub(super) async fn toggle(&mut self, by: usize, on: bool) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        match self.model.newest(by) {
            Some(relation) => self.switch(relation, by, on).await,
            None => Ok(Outcome::Idle),
        }
    }

    /// A device switches this twinning of its own.
    pub(super) async fn switch(
        &mut self,
        relation: Relation,
        by: usize,
        on: bool,
    ) -> Result<Outcome, Broken> {
        let peer = relation.peer_of(by);
        self.touch(&[by, peer]);
        self.now.repeats = relation.on == on;
        self.script.add(Line::Switches {
            by,
            peer,
            on,
            is_news: !self.now.repeats,
        });
        let duty = self.model.toggle(relation, on);
        let order = self.switch_order(on, url_of(&self.seen[by], peer));
        let response = self.order(by, order).await?;
        let outcome = self.weigh(duty, &response)?;
        self.switched(relation, by, on, outcome);
        Ok(outcome)
    }

    /// A switch was answered.
    pub(super) fn switched(&mut self, relation: Relation, by: usize, on: bool, outcome: Outcome) {
        let effective = relation.on != on && outcome == Outcome::Accepted;
        if !effective {
            return;
        }
        self.model.toggled(relation, on);
        let peer = relation.peer_of(by);
        self.news.happened([by, peer], on, Some(peer));
        if let Some(abroad) = self.abroad.as_mut().filter(|_| peer == DEVICES) {
            abroad.changes_here += 1;
        }
    }

    pub(super) fn switch_order(&self, on: bool, url: Option<String>) -> Order {
        let status = if on { Status::On } else { Status::Off };
        Order::Toggle {
            url,
            status: status.literal(&self.knobs).to_owned(),
        }
    }

    pub(super) async fn deactivate(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let relation = self.model.newest(by);
        let partner = relation.map(|relation| relation.peer_of(by));
        let url = match partner {
            Some(peer) => url_of(&self.seen[by], peer),
            None => self.pending_url(by),
        };
        let Some(url) = url else {
            return Ok(Outcome::Idle);
        };
        self.touch(&[by, partner.unwrap_or(by)]);
        self.script.add(Line::Ends { by, partner });
        let order = Order::Deactivate {
            url: Some(url.clone()),
        };
        let response = self.order(by, order).await?;
        let outcome = self.weigh(Duty::Accept("I0"), &response)?;
        match relation {
            Some(relation) => {
                let fresh = self.fresh_auth_code(relation);
                self.ended(relation);
                self.check_token(relation.secondary).await?;
                self.check_auth_code(relation.secondary, fresh).await?;
            }
            None => self.model.withdrawn(by),
        }
        let again = self.order(by, Order::ReadOf { url }).await?;
        if ![401, 403, 404, 410].contains(&again.status) {
            let seen = format!("a deactivated twinning answers {}", again.status);
            return Err(self.broken("I17", seen));
        }
        Ok(outcome)
    }

    /// A relationship was ended.
    pub(super) fn ended(&mut self, relation: Relation) {
        self.model.ended(relation);
        let parties = [relation.primary, relation.secondary];
        self.news.happened(parties, relation.on, None);
        for party in parties {
            self.news.doubt(Some(party));
        }
        if let Some(abroad) = self.abroad.as_mut().filter(|_| relation.has(DEVICES)) {
            abroad.part();
        }
    }

    /// The URL of a device's twinning that waits for a primary.
    pub(super) fn pending_url(&self, device: usize) -> Option<String> {
        let mut seen = self.seen[device].iter();
        seen.find(|seen| seen.is_pending())
            .map(|seen| seen.url.clone())
    }

    async fn check_token(&mut self, secondary: usize) -> Result<(), Broken> {
        if !self.has_tokens || secondary == DEVICES {
            return Ok(());
        }
        let request = Raw::new("GET", "{twinnings}").presenting(Credential::Twinning);
        let response = self.order(secondary, Order::Send(request)).await?;
        match response.status {
            401 | 403 => Ok(()),
            status => {
                self.script.end_with(Wanted::AccessEnded(secondary));
                let seen = format!("device {secondary}'s token still gets {status}");
                Err(self.broken("I18", seen))
            }
        }
    }

    pub(super) async fn other_format(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        self.touch(&[by]);
        let mut lists = Vec::with_capacity(2);
        for format in [Format::Json, Format::Xml] {
            let request = Raw::new("GET", "{twinnings}")
                .presenting(Credential::Provisioned)
                .with("Accept", format.media_type());
            let response = self.order(by, Order::Send(request)).await?;
            let read = read_body(&response).map_err(|why| why.to_string());
            let list = read.and_then(|document| {
                let list = TwinningList::of_document(&document, &self.knobs);
                list.filter(|_| response.is_success())
                    .ok_or_else(|| format!("{} and no list", response.status))
            });
            match list {
                Ok(mut list) => {
                    list.twinnings
                        .sort_by(|a, b| a.resource_url.cmp(&b.resource_url));
                    lists.push(list.twinnings);
                }
                Err(why) => {
                    self.script.end_with(Wanted::BothFormats(by));
                    return Err(self.broken("I27", format!("{}: {why}", format.media_type())));
                }
            }
        }
        match &lists[..] {
            [json, xml] if json == xml => Ok(Outcome::Idle),
            _ => {
                self.script.end_with(Wanted::BothFormats(by));
                Err(self.broken("I27", format!("{lists:?}")))
            }
        }
    }
}

fn redemption(code: &str) -> Order {
    Order::ObtainToken(Grant::AuthorizationCode {
        code: code.to_owned(),
    })
}
