//! Relationships that cross networks: what partners ask and tell.

use super::access::Visit;
use super::partners::about;
use super::refusal::Refusal;
use super::route::{Route, side_url};
use super::rules::{Proposal, ToggleFacts, UpdateFacts, View};
use super::state::{Code, Remote, Side};
use super::{Answer, Enabler, Served, Turn};
use crate::message::{Role, Status, Twinning};

impl Enabler {
    /// What a partner asks of us.
    pub(super) fn perform_for_partner(
        &mut self,
        turn: Turn<'_>,
        route: &Route,
        visit: &Visit,
        mno: &str,
        asked: &Twinning,
    ) -> Served {
        match route.id {
            None => match self.role_asked(turn, asked)? {
                Role::Secondary => self.code_for_partner(turn, &visit.user, mno, asked),
                Role::Primary => self.activation_by_partner(turn, &visit.user, mno, asked),
            },
            Some(_) => self.update_by_partner(turn, route, mno, asked),
        }
    }

    /// A code for a secondary of a partner (HLF-IC-003).
    fn code_for_partner(
        &mut self,
        turn: Turn<'_>,
        user: &str,
        mno: &str,
        asked: &Twinning,
    ) -> Served {
        let href = asked.link.clone().ok_or_else(|| Refusal::lacks("link"))?;
        self.check_may_request(turn, user)?;
        self.end_earlier_codes(user);
        let id = self.state.next_id("tw");
        let side = Side {
            remote: Some(Remote {
                mno_id: mno.to_owned(),
                href,
                stale: false,
            }),
            ..Side::new(id, user, Role::Secondary, Status::Pending)
        };
        let side = self.with_own_code(turn, side, None);
        self.state.put_side(side.clone());
        Ok(self.created(turn, &side))
    }

    /// A primary of a partner uses a code of ours: the secondary now waits for the activation's data.
    fn activation_by_partner(
        &mut self,
        turn: Turn<'_>,
        user: &str,
        mno: &str,
        asked: &Twinning,
    ) -> Served {
        let knobs = &turn.config.knobs;
        let href = asked.link.clone().ok_or_else(|| Refusal::lacks("link"))?;
        let address = asked.other_address().unwrap_or(user).to_owned();
        let (code, entry, secondary) = self.usable_code(turn, &address, asked)?;
        self.check_may_become_secondary(turn, &secondary)?;
        let id = self.state.next_id("tw");
        let image = Side {
            name: asked.name.clone(),
            other: Some(secondary.address.clone()),
            other_id: Some(secondary.id.clone()),
            remote: Some(Remote {
                mno_id: mno.to_owned(),
                href,
                stale: false,
            }),
            ..Side::new(id, &address, Role::Primary, Status::Pending)
        };
        let secondary = Side {
            other_id: Some(image.id.clone()),
            ..secondary
        };
        let url = side_url(turn.config, &secondary.owner, &secondary.id);
        let answer = Twinning {
            role: asked.role.clone(),
            other_device: Some(about(turn, &secondary.address)),
            status: Some(secondary.status.literal(knobs).to_owned()),
            own_address: Some(address),
            resource_url: Some(url.clone()),
            ..Twinning::default()
        };
        self.state.put(
            &code,
            Code {
                used: true,
                ..entry
            },
        );
        self.state.put_side(image);
        self.state.put_side(secondary);
        let answer = self.rules.shown(answer, View::Created);
        Ok(Answer::new(201)
            .with("Location", url)
            .with_body(answer.document(knobs)))
    }

    fn update_by_partner(
        &mut self,
        turn: Turn<'_>,
        route: &Route,
        mno: &str,
        asked: &Twinning,
    ) -> Served {
        let side = self.side_of(turn, route)?;
        let knobs = &turn.config.knobs;
        let text = asked
            .status
            .as_deref()
            .ok_or_else(|| Refusal::lacks(&knobs.names.twinning_status))?;
        let status = self.status_asked(turn, text)?;
        let side = match (side.status, status) {
            (Status::Pending, Status::On) => self.activate_for_partner(turn, side, mno, asked)?,
            (from, to) => {
                let veto = self.rules.update_veto(UpdateFacts {
                    from: Some(from),
                    to: Some(to),
                    ..UpdateFacts::default()
                });
                if let Some(element) = veto {
                    return Err(Refusal::update_not_allowed(element));
                }
                self.toggle_by_partner(turn, side, status, asked)
            }
        };
        Ok(Answer::new(200).with_body(self.full(turn, &side, View::Read)))
    }

    /// The data of an activation arrives (CR-N2): the secondary is On from now on.
    fn activate_for_partner(
        &mut self,
        turn: Turn<'_>,
        side: Side,
        mno: &str,
        asked: &Twinning,
    ) -> Result<Side, Refusal> {
        let knobs = &turn.config.knobs;
        self.check_may_become_secondary(turn, &side)?;
        let image = match self.peer_of(&side).cloned() {
            Some(image) => image,
            None => {
                let address = asked
                    .other_address()
                    .ok_or_else(|| Refusal::lacks(&knobs.names.other_device))?
                    .to_owned();
                let href = asked.link.clone().ok_or_else(|| Refusal::lacks("link"))?;
                let id = self.state.next_id("tw");
                Side {
                    remote: Some(Remote {
                        mno_id: mno.to_owned(),
                        href,
                        stale: false,
                    }),
                    ..Side::new(id, &address, Role::Primary, Status::Pending)
                }
            }
        };
        let activated = self.rules.status_once_activated(ToggleFacts {
            from: side.status,
            to: Status::On,
            by: Role::Primary,
        });
        let side = Side {
            name: asked.name.clone().or(image.name.clone()),
            status: activated,
            other: self.rules.other_device(Proposal {
                ours: Some(&image.address),
                theirs: None,
            }),
            other_id: Some(image.id.clone()),
            code: None,
            auth_code: asked.auth_code.clone(),
            voice_mail: asked.voice_mail().map(str::to_owned),
            ..side
        };
        self.state.put_side(Side {
            status: Status::On,
            other: Some(side.address.clone()),
            other_id: Some(side.id.clone()),
            ..image
        });
        self.state.put_side(side.clone());
        Ok(side)
    }

    /// The other side of the relationship was toggled at the partner (HLF-IC-005, HLF-IC-007).
    fn toggle_by_partner(
        &mut self,
        turn: Turn<'_>,
        side: Side,
        to: Status,
        asked: &Twinning,
    ) -> Side {
        let image = self.peer_of(&side).cloned();
        let facts = ToggleFacts {
            from: side.status,
            to,
            by: image.as_ref().map_or(Role::Primary, |image| image.role),
        };
        let side = Side {
            status: self.rules.status_there(facts),
            auth_code: match side.role {
                Role::Secondary => asked.auth_code.clone().or(side.auth_code),
                Role::Primary => side.auth_code,
            },
            ..side
        };
        self.state.put_side(side.clone());
        if let Some(image) = image {
            let image = Side {
                status: self.rules.status_here(facts),
                ..image
            };
            self.state.put_side(image.clone());
            let effective = facts.from != facts.to;
            self.notify(turn, &image, effective);
            self.announce(turn, &image.id, true, effective);
        }
        side
    }
}
