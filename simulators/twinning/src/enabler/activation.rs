//! How a relationship begins: a secondary's code, a primary that uses it, two sides that are matched.

use std::time::Duration;

use super::partners::{Match, named_operator};
use super::refusal::Refusal;
use super::rules::{
    CodeFacts, CodeSource, EarlierFacts, PartyFacts, Proposal, RoomFacts, ToggleFacts, WaitingFacts,
};
use super::state::{Code, Grant, Side};
use super::{Enabler, Turn};
use crate::message::{Role, Status, Twinning};

impl Enabler {
    /// The relationships of a device, the side `but` left out.
    pub(super) fn party(&self, address: &str, but: Option<&str>) -> PartyFacts {
        let active = |role| {
            self.state
                .sides_of(address)
                .filter(|side| Some(side.id.as_str()) != but)
                .filter(|side| side.role == role && side.status != Status::Pending)
                .count()
        };
        let abroad = |side: &&Side| {
            let other = side.other_id.as_deref().and_then(|id| self.state.side(id));
            other.is_some_and(|other| other.remote.is_some())
        };
        let ended = |grant: &Grant| {
            let parties = [Some(&grant.owner), grant.primary.as_ref()];
            self.state.side(&grant.relation).is_none()
                && parties.into_iter().flatten().any(|a| a == address)
        };
        PartyFacts {
            as_primary: active(Role::Primary),
            as_secondary: active(Role::Secondary),
            abroad: self
                .state
                .sides_of(address)
                .filter(|side| Some(side.id.as_str()) != but)
                .filter(abroad)
                .count(),
            ended: self.state.all::<Grant>().filter(|(_, g)| ended(g)).count(),
            pending: self
                .state
                .sides_of(address)
                .filter(|side| side.code.is_some())
                .count(),
        }
    }

    pub(super) fn check_may_request(&self, turn: Turn<'_>, user: &str) -> Result<(), Refusal> {
        let party = self.party(user, None);
        match self.rules.may_request_code(party) {
            true => Ok(()),
            false => Err(not_a_secondary(turn, party)),
        }
    }

    pub(super) fn check_may_become_secondary(
        &self,
        turn: Turn<'_>,
        secondary: &Side,
    ) -> Result<(), Refusal> {
        let party = self.party(&secondary.owner, Some(&secondary.id));
        match self.rules.may_become_secondary(party) {
            true => Ok(()),
            false => Err(not_a_secondary(turn, party)),
        }
    }

    /// The new side, or none yet if the primary's operator has to be asked.
    pub(super) fn request_code(
        &mut self,
        turn: Turn<'_>,
        user: &str,
        asked: &Twinning,
        status: Status,
    ) -> Result<Option<Side>, Refusal> {
        self.check_may_request(turn, user)?;
        let source = self.code_source(turn, asked);
        let named = named_operator(asked).unwrap_or_default();
        if source == CodeSource::Refused {
            return Err(Refusal::operator(&turn.config.knobs.names.mno_id));
        }
        self.end_earlier_codes(user);
        let id = self.state.next_id("tw");
        let side = self.new_side(turn, id, user, Role::Secondary, asked, status);
        if source == CodeSource::Partner {
            self.ask_code(turn, side, named);
            return Ok(None);
        }
        let proposed = asked.activation_code.as_ref();
        let side = self.with_own_code(turn, side, proposed.and_then(|c| c.code.as_deref()));
        self.state.put_side(side.clone());
        self.announce(turn, &side.id, false, true);
        Ok(Some(side))
    }

    /// Gives a side a code of our own.
    pub(super) fn with_own_code(
        &mut self,
        turn: Turn<'_>,
        side: Side,
        proposed: Option<&str>,
    ) -> Side {
        let fresh = self.fresh_code(&side.id);
        let code = self.rules.code(Proposal {
            ours: Some(&fresh),
            theirs: proposed,
        });
        let code = code.unwrap_or_default();
        let entry = Code {
            side: side.id.clone(),
            since: turn.now,
            used: false,
        };
        self.state.put(&code, entry);
        Side {
            code: Some(code),
            code_mno: Some(turn.config.mno_id.clone()),
            ..side
        }
    }

    /// A device has one live code: the one that it asked for last.
    pub(super) fn end_earlier_codes(&mut self, user: &str) {
        let superseded: Vec<String> = self
            .state
            .sides_of(user)
            .filter(|side| {
                self.rules.code_is_superseded(EarlierFacts {
                    pending: side.status == Status::Pending,
                })
            })
            .map(|side| side.id.clone())
            .collect();
        for id in superseded {
            self.state.remove::<Side>(&id);
        }
    }

    /// Ends what waits for a primary in vain, where nothing waits for ever.
    pub(super) fn end_stale_requests(&mut self, turn: Turn<'_>) {
        let waits = |side: &&Side| side.code.is_some() && side.other_id.is_none();
        let ended: Vec<String> = self
            .state
            .sides()
            .filter(waits)
            .filter_map(|side| Some((side, self.state.get::<Code>(side.code.as_deref()?)?)))
            .filter(|(_, code)| {
                self.rules.waiting_ends(WaitingFacts {
                    age: turn.now.since(code.since),
                    lifetime: turn.config.code_lifetime,
                })
            })
            .map(|(side, _)| side.id.clone())
            .collect();
        for id in ended {
            self.state.remove::<Side>(&id);
        }
    }

    /// A code that no other twinning ever had.
    fn fresh_code(&self, id: &str) -> String {
        let mut rng = self.seed.derive("code").derive(id).rng();
        let mut draw = || format!("{:06}", rng.u32(0..1_000_000));
        let mut code = draw();
        while self.state.get::<Code>(&code).is_some() {
            code = draw();
        }
        code
    }

    pub(super) fn new_side(
        &self,
        turn: Turn<'_>,
        id: String,
        user: &str,
        role: Role,
        asked: &Twinning,
        status: Status,
    ) -> Side {
        let provisioned = turn.config.subscriber(user).map(|s| s.address.as_str());
        let address = self.rules.own_address(Proposal {
            ours: provisioned.or(Some(user)),
            theirs: asked.own_address.as_deref(),
        });
        Side {
            address: address.unwrap_or_default(),
            other: self.rules.other_device(Proposal {
                ours: None,
                theirs: asked.other_address(),
            }),
            auth_code: self.rules.auth_code(Proposal {
                ours: None,
                theirs: asked.auth_code.as_deref(),
            }),
            ..Side::new(id, user, role, status)
        }
    }

    /// The new side, or none yet if the secondary's operator has to be asked.
    pub(super) fn activate(
        &mut self,
        turn: Turn<'_>,
        user: &str,
        asked: &Twinning,
        status: Status,
    ) -> Result<Option<Side>, Refusal> {
        let knobs = &turn.config.knobs;
        let party = self.party(user, None);
        if !self.rules.may_activate(party) {
            return Err(mixture(turn, Role::Primary));
        }
        let found = match self.code_source(turn, asked) {
            CodeSource::Refused => return Err(Refusal::operator(&knobs.names.mno_id)),
            CodeSource::Partner => None,
            CodeSource::Own => {
                let found = self.usable_code(turn, user, asked)?;
                self.check_may_become_secondary(turn, &found.2)?;
                Some(found)
            }
        };
        let room = RoomFacts {
            secondaries: party.as_primary,
            limit: turn.config.max_secondaries,
        };
        if !self.rules.has_room(room) {
            return Err(Refusal::too_many(&knobs.names.twinning));
        }
        let id = self.state.next_id("tw");
        let primary = Side {
            name: Some(self.name(turn, user, &id, asked.name.as_deref())?),
            ..self.new_side(turn, id, user, Role::Primary, asked, status)
        };
        let Some((code, entry, secondary)) = found else {
            let mno = named_operator(asked).unwrap_or_default();
            self.ask_activation(turn, primary, asked, mno);
            return Ok(None);
        };
        let primary = Side {
            other: self.rules.other_device(Proposal {
                ours: Some(&secondary.address),
                theirs: asked.other_address(),
            }),
            ..primary
        };
        let remote = secondary.remote.is_some();
        let code = Some((code, entry));
        let proposed = asked.auth_code.as_deref();
        let matched = self.matched(turn, primary, secondary, code, proposed);
        if remote {
            self.introduce(turn, turn.later(), matched);
            return Ok(None);
        }
        Ok(Some(self.commit(turn, matched)))
    }

    /// Two sides as they will be when the relationship begins.
    pub(super) fn matched(
        &mut self,
        turn: Turn<'_>,
        primary: Side,
        secondary: Side,
        code: Option<(String, Code)>,
        proposed_auth_code: Option<&str>,
    ) -> Match {
        let grant = self.secret("auth code");
        let client = match &secondary.remote {
            Some(remote) => turn.config.partner(&remote.mno_id).map(|p| &p.client_id),
            None => turn
                .config
                .subscriber(&secondary.owner)
                .map(|s| &s.client_id),
        };
        let activated = self.rules.status_once_activated(ToggleFacts {
            from: secondary.status,
            to: Status::On,
            by: Role::Primary,
        });
        let secondary = Side {
            name: primary.name.clone(),
            status: activated,
            other: Some(primary.address.clone()),
            other_id: Some(primary.id.clone()),
            code: None,
            auth_code: self.rules.auth_code(Proposal {
                ours: Some(&grant),
                theirs: proposed_auth_code,
            }),
            ..secondary
        };
        Match {
            primary: Side {
                other_id: Some(secondary.id.clone()),
                ..primary
            },
            secondary,
            code,
            grant,
            client: client.cloned().unwrap_or_default(),
        }
    }

    /// Lets a relationship begin; returns the primary's side.
    pub(super) fn commit(&mut self, turn: Turn<'_>, matched: Match) -> Side {
        let Match {
            primary,
            secondary,
            code,
            grant,
            client,
        } = matched;
        self.put_grant(turn, &grant, &secondary, &client);
        if let Some((code, entry)) = code {
            self.state.put(
                &code,
                Code {
                    used: true,
                    ..entry
                },
            );
        }
        self.state.put_side(secondary);
        self.state.put_side(primary.clone());
        primary
    }

    /// The code that a primary presents, if it may be used, with the side that waits for it.
    pub(super) fn usable_code(
        &self,
        turn: Turn<'_>,
        user: &str,
        asked: &Twinning,
    ) -> Result<(String, Code, Side), Refusal> {
        let refused = || Refusal::code(&turn.config.knobs.names.activation_code);
        let presented = asked.activation_code.as_ref();
        let code = presented
            .and_then(|c| c.code.as_deref())
            .ok_or_else(refused)?;
        let entry = self.state.get::<Code>(code).cloned();
        let secondary = entry
            .as_ref()
            .and_then(|entry| self.state.side(&entry.side))
            .cloned();
        let usable = self.rules.code_is_usable(CodeFacts {
            known: secondary.is_some(),
            used: entry.as_ref().is_some_and(|entry| entry.used) || self.reserved.contains(code),
            age: entry
                .as_ref()
                .map_or(Duration::ZERO, |entry| turn.now.since(entry.since)),
            lifetime: turn.config.code_lifetime,
            own: secondary.as_ref().is_some_and(|side| side.owner == user),
        });
        match (usable, entry, secondary) {
            (true, Some(entry), Some(secondary)) => Ok((code.to_owned(), entry, secondary)),
            _ => Err(refused()),
        }
    }
}

fn mixture(turn: Turn<'_>, role: Role) -> Refusal {
    Refusal::role_mixture(role.literal(&turn.config.knobs))
}

/// Why a device cannot become a secondary.
fn not_a_secondary(turn: Turn<'_>, party: PartyFacts) -> Refusal {
    match party.as_primary {
        0 => Refusal::already_twinned(Role::Secondary.literal(&turn.config.knobs)),
        _ => mixture(turn, Role::Secondary),
    }
}
