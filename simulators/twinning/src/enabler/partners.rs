//! Relationships that cross networks: what partners are asked and told.
//!
//! A side that is at a partner has an image here ([`Remote`]), so that a relationship is two sides in
//! either case. What changes an image is sent to the partner, unless it came from there.

use twinproof_kernel::ExchangeId;
use twinproof_kernel::http::{Request, Response};

use super::config::Partner;
use super::errands::Errand;
use super::refusal::Refusal;
use super::route::side_url;
use super::rules::{
    CodeSource, FailureFacts, PartnerMessage, PropagationFacts, Proposal, SourceFacts,
};
use super::state::{Code, Parting, Remote, Side};
use super::{Enabler, Later, Turn};
use crate::message::{OtherDevice, Role, Status, Twinning, repeats};
use crate::tree::{Document, Format};
use crate::url::encode_segment;

/// A secondary of a partner that a primary of ours wants to activate.
pub(super) struct Asking {
    pub(super) mno: String,
    pub(super) primary: Side,
    /// What the client proposed, for the rules.
    pub(super) proposed_auth_code: Option<String>,
}

/// Two sides that become a relationship.
pub(super) struct Match {
    pub(super) primary: Side,
    pub(super) secondary: Side,
    /// The code that brought them together, if it is one of ours.
    pub(super) code: Option<(String, Code)>,
    /// The authorization code.
    pub(super) grant: String,
    /// Who may redeem it.
    pub(super) client: String,
}

impl Enabler {
    /// Where the code of a secondary comes from, given what it says of the primary's operator.
    pub(super) fn code_source(&self, turn: Turn<'_>, asked: &Twinning) -> CodeSource {
        let named = named_operator(asked);
        self.rules.code_source(SourceFacts {
            named,
            own: &turn.config.mno_id,
            partner: named.is_some_and(|mno| turn.config.partner(mno).is_some()),
        })
    }

    /// Asks the primary's operator for a code (HLF-IC-002).
    pub(super) fn ask_code(&mut self, turn: Turn<'_>, side: Side, mno: &str) {
        let Some(partner) = turn.config.partner(mno) else {
            return;
        };
        let knobs = &turn.config.knobs;
        let asked = Twinning {
            role: Some(Role::Secondary.literal(knobs).to_owned()),
            link: Some(side_url(turn.config, &side.owner, &side.id)),
            ..Twinning::default()
        };
        let url = partner_collection(turn, partner, &side.owner);
        let request = self.to_partner(turn, partner, PartnerMessage::CodeRequest, url, Some(asked));
        let errand = Errand::AskCode(turn.later(), Box::new(side), mno.to_owned());
        self.send_awaited(turn, errand, request);
    }

    pub(super) fn code_came(
        &mut self,
        turn: Turn<'_>,
        later: Later,
        side: Side,
        mno: &str,
        response: Option<&Response>,
    ) {
        let code = response
            .filter(|response| response.is_success())
            .and_then(|response| read(turn, response))
            .and_then(|twinning| twinning.activation_code)
            .and_then(|given| Some((given.code?, given.mno_id)));
        let facts = FailureFacts {
            status: response.map(|response| response.status),
        };
        let side = match code {
            Some((code, given_mno)) => Ok(Side {
                code: Some(code),
                code_mno: Some(given_mno.unwrap_or_else(|| mno.to_owned())),
                ..side
            }),
            None if self.rules.partner_failure(facts) == CodeSource::Own => {
                Ok(self.with_own_code(turn, side, None))
            }
            None => {
                self.leave_remains(turn, &side.owner, Role::Secondary);
                Err(Refusal::partner(mno))
            }
        };
        let served = side.map(|side| {
            self.state.put_side(side.clone());
            self.created(turn, &side)
        });
        self.reply(turn, later, served);
    }

    /// Asks the secondary's operator to activate a secondary of its own (HLF-IC-004).
    pub(super) fn ask_activation(
        &mut self,
        turn: Turn<'_>,
        primary: Side,
        asked: &Twinning,
        mno: &str,
    ) {
        let Some(partner) = turn.config.partner(mno) else {
            return;
        };
        let request = Twinning {
            role: Some(Role::Primary.literal(&turn.config.knobs).to_owned()),
            name: primary.name.clone(),
            other_device: Some(about(turn, &primary.address)),
            activation_code: asked.activation_code.clone(),
            link: Some(side_url(turn.config, &primary.owner, &primary.id)),
            ..Twinning::default()
        };
        let url = partner_collection(turn, partner, &primary.owner);
        let request = self.to_partner(
            turn,
            partner,
            PartnerMessage::Activation,
            url,
            Some(request),
        );
        let asking = Asking {
            mno: mno.to_owned(),
            primary,
            proposed_auth_code: asked.auth_code.clone(),
        };
        let errand = Errand::AskActivation(turn.later(), Box::new(asking));
        self.send_awaited(turn, errand, request);
    }

    pub(super) fn activation_came(
        &mut self,
        turn: Turn<'_>,
        later: Later,
        asking: Asking,
        response: Option<&Response>,
    ) {
        let Asking {
            mno,
            primary,
            proposed_auth_code,
        } = asking;
        let twinning = response
            .filter(|response| response.is_success())
            .and_then(|response| read(turn, response));
        let address = twinning
            .as_ref()
            .and_then(|t| t.other_address().map(str::to_owned));
        let href = twinning.and_then(|t| t.resource_url);
        let (Some(address), Some(href)) = (address, href) else {
            let refusal = match response.map(|r| r.status) {
                Some(400..500) => Refusal::code(&turn.config.knobs.names.activation_code),
                _ => Refusal::partner(&mno),
            };
            self.leave_remains(turn, &primary.owner, Role::Primary);
            self.reply(turn, later, Err(refusal));
            return;
        };
        let id = self.state.next_id("tw");
        let secondary = Side {
            remote: Some(Remote {
                mno_id: mno,
                href,
                stale: false,
            }),
            ..Side::new(id, &address, Role::Secondary, Status::Pending)
        };
        let primary = Side {
            other: self.rules.other_device(Proposal {
                ours: Some(&address),
                theirs: None,
            }),
            ..primary
        };
        let matched = self.matched(
            turn,
            primary,
            secondary,
            None,
            proposed_auth_code.as_deref(),
        );
        self.introduce(turn, later, matched);
    }

    /// Writes the data of an activation into the secondary's twinning (CR-N2, CR-N8, CR-N11).
    pub(super) fn introduce(&mut self, turn: Turn<'_>, later: Later, matched: Match) {
        let Some((partner, href)) = self.place_of(turn, &matched.secondary) else {
            let refusal = Refusal::code(&turn.config.knobs.names.activation_code);
            self.reply(turn, later, Err(refusal));
            return;
        };
        let told = self.tell(turn, &matched.secondary, &matched.primary, &href);
        let request = self.to_partner(
            turn,
            partner,
            PartnerMessage::Introduction,
            href,
            Some(told),
        );
        if let Some((code, _)) = &matched.code {
            self.reserved.insert(code.clone());
        }
        // Written ahead: who is stopped before the answer comes has to take it back.
        if let Some(parting) = Parting::of(&matched.secondary) {
            self.state.put(&matched.secondary.id, parting);
        }
        self.send_awaited(turn, Errand::Introduce(later, Box::new(matched)), request);
    }

    pub(super) fn introduced(
        &mut self,
        turn: Turn<'_>,
        later: Later,
        matched: Match,
        status: Option<u16>,
    ) {
        if let Some((code, _)) = &matched.code {
            self.reserved.remove(code);
        }
        let id = matched.secondary.id.clone();
        let parting = self.state.get::<Parting>(&id).cloned();
        let mno = matched.secondary.remote.as_ref().map(|r| r.mno_id.clone());
        let served = match status {
            Some(200..300) => Ok(self.commit(turn, matched)),
            _ => Err(Refusal::partner(&mno.unwrap_or_default())),
        };
        match parting {
            Some(parting)
                if served.is_err() && self.rules.is_taken_back(FailureFacts { status }) =>
            {
                self.state.remove::<Side>(&id);
                self.send_parting(turn, id, &parting);
            }
            _ => self.state.remove::<Parting>(&id),
        }
        let served = served.map(|primary| self.created(turn, &primary));
        self.reply(turn, later, served);
    }

    /// What a partner is told of a side that it has.
    fn tell(&self, turn: Turn<'_>, side: &Side, other: &Side, href: &str) -> Twinning {
        let knobs = &turn.config.knobs;
        let mut told = Twinning {
            role: Some(side.role.literal(knobs).to_owned()),
            name: side.name.clone(),
            other_device: Some(about(turn, &other.address)),
            status: Some(side.status.literal(knobs).to_owned()),
            auth_code: side.auth_code.clone(),
            resource_url: Some(href.to_owned()),
            link: Some(side_url(turn.config, &other.owner, &other.id)),
            ..Twinning::default()
        };
        let primary = turn.config.subscriber(&other.owner);
        let voice_mail = primary
            .filter(|_| other.role == Role::Primary)
            .and_then(|s| s.voice_mail.as_deref());
        if let Some(address) = voice_mail {
            told.set_voice_mail(address, knobs);
        }
        told
    }

    fn place_of<'a>(&self, turn: Turn<'a>, side: &Side) -> Option<(&'a Partner, String)> {
        let remote = side.remote.as_ref()?;
        Some((turn.config.partner(&remote.mno_id)?, remote.href.clone()))
    }

    /// Tells the partner of a changed image, if it has to know (HLF-IC-005, HLF-IC-007).
    pub(super) fn announce(&mut self, turn: Turn<'_>, id: &str, by_partner: bool, effective: bool) {
        let Some(side) = self.state.side(id).cloned() else {
            return;
        };
        let facts = PropagationFacts {
            by_partner,
            effective,
            shared: side.remote.is_some(),
        };
        let Some(remote) = side.remote.clone() else {
            if self.rules.is_propagated(facts) {
                self.spread(turn, &side);
            }
            return;
        };
        if self.rules.is_propagated(facts) {
            self.state.put_side(Side {
                remote: Some(Remote {
                    stale: true,
                    ..remote
                }),
                ..side
            });
            self.propagate(turn, id);
        }
    }

    /// Tells every partner of a twinning in which none has a share.
    fn spread(&mut self, turn: Turn<'_>, side: &Side) {
        for partner in &turn.config.partners {
            let url = partner_collection(turn, partner, &side.owner);
            let told = self.tell(turn, side, side, &url);
            let request = self.to_partner(turn, partner, PartnerMessage::Toggle, url, Some(told));
            self.send(Errand::Propagate(side.id.clone(), side.status), request);
        }
    }

    pub(super) fn propagate(&mut self, turn: Turn<'_>, id: &str) {
        if let Some((errand, request)) = self.propagation(turn, id) {
            self.send(errand, request);
        }
    }

    pub(super) fn propagation(&self, turn: Turn<'_>, id: &str) -> Option<(Errand, Request)> {
        let side = self.state.side(id)?;
        let other = self.peer_of(side)?;
        let (partner, href) = self.place_of(turn, side)?;
        let told = self.tell(turn, side, other, &href);
        let request = self.to_partner(turn, partner, PartnerMessage::Toggle, href, Some(told));
        Some((Errand::Propagate(id.to_owned(), side.status), request))
    }

    /// Tells the partner that a relationship has ended, unless it said so itself.
    pub(super) fn part(&mut self, turn: Turn<'_>, side: &Side, by_partner: bool) {
        let facts = PropagationFacts {
            by_partner,
            effective: true,
            shared: side.remote.is_some(),
        };
        if let Some(parting) = Parting::of(side).filter(|_| self.rules.is_propagated(facts)) {
            self.state.put(&side.id, parting.clone());
            self.send_parting(turn, side.id.clone(), &parting);
        }
    }

    /// What a partner made when nobody waited for it any more is ended there.
    pub(super) fn take_back_late(
        &mut self,
        turn: Turn<'_>,
        exchange: ExchangeId,
        response: Option<&Response>,
    ) {
        let Some(mno_id) = self.given_up.remove(&exchange) else {
            return;
        };
        let made = response
            .filter(|response| response.is_success())
            .and_then(|response| read(turn, response))
            .and_then(|twinning| twinning.resource_url);
        if let Some(href) = made.filter(|_| self.rules.is_taken_back(FailureFacts { status: None }))
        {
            let key = self.state.next_id("tw");
            let parting = Parting { mno_id, href };
            self.state.put(&key, parting.clone());
            self.send_parting(turn, key, &parting);
        }
    }

    pub(super) fn send_parting(&mut self, turn: Turn<'_>, key: String, parting: &Parting) {
        if let Some(partner) = turn.config.partner(&parting.mno_id) {
            let url = parting.href.clone();
            let request = self.to_partner(turn, partner, PartnerMessage::Parting, url, None);
            self.send(Errand::Part(key), request);
        }
    }

    fn to_partner(
        &self,
        turn: Turn<'_>,
        partner: &Partner,
        message: PartnerMessage,
        url: String,
        twinning: Option<Twinning>,
    ) -> Request {
        let knobs = &turn.config.knobs;
        let format: Format = knobs.format.into();
        let request = Request::new(self.rules.partner_method(message), url)
            .with("Authorization", format!("Bearer {}", partner.expects_token))
            .with("Accept", format.media_type());
        match twinning {
            None => request,
            Some(twinning) => {
                let body = self
                    .rules
                    .told_partner(twinning, message)
                    .document(knobs)
                    .write(format, knobs.json, &repeats(&knobs.names));
                request.with_body(format.media_type(), body)
            }
        }
    }

    /// Whether a side, or the other side of its relationship, is at this partner.
    pub(super) fn is_shared_with(&self, side: &Side, mno: &str) -> bool {
        let at = |side: &Side| side.remote.as_ref().is_some_and(|r| r.mno_id == mno);
        let waits = side.status == Status::Pending && side.code_mno.as_deref() == Some(mno);
        at(side) || waits || self.peer_of(side).is_some_and(at)
    }
}

/// The operator of the primary, as a secondary names it (HLF-SD-002).
pub(super) fn named_operator(asked: &Twinning) -> Option<&str> {
    let in_code = asked
        .activation_code
        .as_ref()
        .and_then(|code| code.mno_id.as_deref());
    in_code.or(asked.primary_operator.as_deref())
}

pub(super) fn about(turn: Turn<'_>, address: &str) -> OtherDevice {
    OtherDevice {
        address: Some(address.to_owned()),
        mno_id: Some(turn.config.mno_id.clone()),
        ..OtherDevice::default()
    }
}

fn partner_collection(turn: Turn<'_>, partner: &Partner, user: &str) -> String {
    let paths = &turn.config.knobs.paths;
    format!(
        "{}/{}/{}/{}{}",
        partner.base_url,
        paths.api,
        paths.version,
        encode_segment(user),
        paths.twinnings
    )
}

fn read(turn: Turn<'_>, response: &Response) -> Option<Twinning> {
    let named = response.headers.first("Content-Type")?;
    let document = Document::read(Format::of_media_type(named)?, &response.body).ok()?;
    Twinning::of_document(&document, &turn.config.knobs)
}
