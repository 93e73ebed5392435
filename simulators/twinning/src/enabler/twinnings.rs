//! The twinnings themselves: creation, reading, update, deactivation.

use super::access::Visit;
use super::refusal::Refusal;
use super::route::{Route, collection_url, side_url};
use super::rules::{
    AuthCodeFacts, Cause, CreatedFacts, CreationFacts, CreationItems, EndFacts, ListFacts,
    NameFacts, PartingFacts, Proposal, RefusedFacts, Resource, RoleFacts, StatusFacts, ToggleFacts,
    UpdateFacts, View,
};
use super::state::{Grant, Side};
use super::{Answer, Enabler, Performed, Served, Turn};
use crate::knobs::Knobs;
use crate::message::{
    ActivationCode, OtherDevice, Role, Status, Twinning, TwinningList, api, reference,
};
use crate::tree::{Document, Tree};

impl Enabler {
    pub(super) fn perform_twinning(
        &mut self,
        turn: Turn<'_>,
        route: &Route,
        visit: &Visit,
    ) -> Performed {
        let served = match (route.resource, turn.request.method.as_str()) {
            (Resource::Twinnings, "GET") => Ok(self.list(turn, &visit.user)),
            (Resource::Twinnings, _) => return self.create(turn, route, visit),
            (Resource::Twinning, "GET") => {
                let side = self.side_of(turn, route)?;
                Ok(Answer::new(200).with_body(self.full(turn, &side, View::Read)))
            }
            (Resource::Twinning, "DELETE") => self.deactivate(turn, route, visit),
            (Resource::Twinning, _) => self.update(turn, route, visit),
            (Resource::NamePart, "GET") => {
                let side = self.side_of(turn, route)?;
                let name = side.name.unwrap_or_default();
                Ok(Answer::new(200).with_body(part(&turn.config.knobs.names.name, &name)))
            }
            (Resource::NamePart, _) => self.rename(turn, route),
            (_, "GET") => {
                let side = self.side_of(turn, route)?;
                Ok(Answer::new(200).with_body(status_part(side.status, &turn.config.knobs)))
            }
            (_, _) => self.toggle_part(turn, route, visit),
        };
        served.map(Some)
    }

    fn list(&self, turn: Turn<'_>, user: &str) -> Answer {
        let listed = |side: &&Side| {
            self.rules.is_listed(ListFacts {
                own: side.owner == user,
                status: side.status,
            })
        };
        let list = TwinningList {
            twinnings: self
                .state
                .sides()
                .filter(listed)
                .map(|side| self.represent(turn, side, View::Listed))
                .collect(),
            resource_url: Some(collection_url(turn.config, user)),
        };
        Answer::new(200).with_body(list.document(&turn.config.knobs))
    }

    fn create(&mut self, turn: Turn<'_>, route: &Route, visit: &Visit) -> Performed {
        let knobs = &turn.config.knobs;
        let document = self.read_body(turn, &knobs.names.twinning, &elements(knobs))?;
        let asked = Twinning::of_tree(&document.tree, knobs);
        if let Some(mno) = &visit.partner {
            return self
                .perform_for_partner(turn, route, visit, mno, &asked)
                .map(Some);
        }
        let role = self.role_asked(turn, &asked)?;
        let wanted = match &asked.status {
            Some(text) => Some(self.status_asked(turn, text)?),
            None => None,
        };
        let veto = self.rules.creation_veto(CreationItems {
            foreign: proposed_element(role, &asked),
        });
        if let Some(element) = veto {
            return Err(Refusal::not_permitted(element));
        }
        let status = self.rules.initial_status(CreationFacts {
            role,
            asked: wanted,
        });
        let side = match role {
            Role::Secondary => self.request_code(turn, &visit.user, &asked, status),
            Role::Primary => self.activate(turn, &visit.user, &asked, status),
        };
        if side.is_err() {
            self.leave_remains(turn, &visit.user, role);
        }
        let side = side?;
        Ok(side.map(|side| self.created(turn, &side)))
    }

    /// Leaves behind of a refused twinning what the rules let stay.
    pub(super) fn leave_remains(&mut self, turn: Turn<'_>, user: &str, role: Role) {
        if let Some(status) = self.rules.remains(RefusedFacts { role }) {
            let id = self.state.next_id("tw");
            let side = self.new_side(turn, id, user, role, &Twinning::default(), status);
            self.state.put_side(side);
        }
    }

    pub(super) fn role_asked(&self, turn: Turn<'_>, asked: &Twinning) -> Result<Role, Refusal> {
        let facts = RoleFacts {
            text: asked.role.as_deref(),
            named: asked.role(&turn.config.knobs),
        };
        self.rules
            .role_asked(facts)
            .ok_or_else(|| match &asked.role {
                Some(role) => Refusal::undefined_role(role),
                None => Refusal::role_missing(&turn.config.knobs.names.role),
            })
    }

    pub(super) fn status_asked(&self, turn: Turn<'_>, text: &str) -> Result<Status, Refusal> {
        let knobs = &turn.config.knobs;
        let facts = StatusFacts {
            text,
            named: Status::of_literal(text, knobs),
        };
        self.rules.status_asked(facts).ok_or_else(|| {
            let literals = &knobs.literals;
            let valid = [&literals.pending, &literals.on, &literals.off].map(String::as_str);
            Refusal::not_one_of(&knobs.names.twinning_status, valid.join(", "))
        })
    }

    pub(super) fn created(&self, turn: Turn<'_>, side: &Side) -> Answer {
        let twinning = self.represent(turn, side, View::Created);
        let url = side_url(turn.config, &side.owner, &side.id);
        let full = self.rules.created_in_full(CreatedFacts {
            role: side.role,
            returns: turn.config.knobs.create_returns,
        });
        let body = match full {
            true => twinning.document(&turn.config.knobs),
            false => reference(&url),
        };
        Answer::new(201).with("Location", url).with_body(body)
    }

    /// The name of a primary's twinning `id`.
    pub(super) fn name(
        &self,
        turn: Turn<'_>,
        user: &str,
        id: &str,
        asked: Option<&str>,
    ) -> Result<String, Refusal> {
        let taken: Vec<String> = self
            .state
            .sides_of(user)
            .filter(|side| side.id != id)
            .filter_map(|side| side.name.clone())
            .collect();
        let serial = id.trim_start_matches(|c: char| !c.is_ascii_digit());
        let facts = NameFacts {
            asked,
            taken: &taken,
            serial: serial.parse().unwrap_or_default(),
        };
        self.rules
            .name(facts)
            .ok_or_else(|| Refusal::name(&turn.config.knobs.names.name))
    }

    fn update(&mut self, turn: Turn<'_>, route: &Route, visit: &Visit) -> Served {
        let knobs = &turn.config.knobs;
        let side = self.side_of(turn, route)?;
        let document = self.read_body(turn, &knobs.names.twinning, &elements(knobs))?;
        let asked = Twinning::of_tree(&document.tree, knobs);
        if let Some(mno) = &visit.partner {
            return self.perform_for_partner(turn, route, visit, mno, &asked);
        }
        if asked.role.is_some() {
            self.role_asked(turn, &asked)?;
        }
        let status = match &asked.status {
            Some(text) => Some(self.status_asked(turn, text)?),
            None if asked.name.is_some() => None,
            None => return Err(Refusal::lacks(&knobs.names.twinning_status)),
        };
        let foreign = foreign_element(&self.represent(turn, &side, View::Read), &asked);
        let side = self.change(turn, side, status, &asked, foreign)?;
        Ok(Answer::new(200).with_body(self.full(turn, &side, View::Read)))
    }

    fn rename(&mut self, turn: Turn<'_>, route: &Route) -> Served {
        let element = &turn.config.knobs.names.name;
        let side = self.side_of(turn, route)?;
        let document = self.read_body(turn, element, &[])?;
        let asked = Twinning {
            name: Some(document.tree.text().unwrap_or_default().to_owned()),
            ..Twinning::default()
        };
        let side = self.change(turn, side, None, &asked, None)?;
        Ok(Answer::new(200).with_body(part(element, &side.name.unwrap_or_default())))
    }

    fn toggle_part(&mut self, turn: Turn<'_>, route: &Route, visit: &Visit) -> Served {
        let knobs = &turn.config.knobs;
        let side = self.side_of(turn, route)?;
        let document = self.read_body(turn, &knobs.names.twinning_status, &[])?;
        let text = document.tree.text().unwrap_or_default();
        let status = self.status_asked(turn, text)?;
        if let Some(mno) = &visit.partner {
            let asked = Twinning {
                status: Some(text.to_owned()),
                ..Twinning::default()
            };
            self.perform_for_partner(turn, route, visit, mno, &asked)?;
            return Ok(Answer::new(200).with_body(status_part(status, knobs)));
        }
        let side = self.change(turn, side, Some(status), &Twinning::default(), None)?;
        Ok(Answer::new(200).with_body(status_part(side.status, knobs)))
    }

    /// Changes status and name of a relationship as its side's owner asks.
    fn change(
        &mut self,
        turn: Turn<'_>,
        side: Side,
        status: Option<Status>,
        asked: &Twinning,
        foreign: Option<&'static str>,
    ) -> Result<Side, Refusal> {
        let name = asked.name.as_deref();
        let new_name = name.filter(|name| side.name.as_deref() != Some(*name));
        let veto = self.rules.update_veto(UpdateFacts {
            foreign,
            renames_as_secondary: new_name.is_some() && side.role == Role::Secondary,
            from: Some(side.status),
            to: status,
        });
        if let Some(element) = veto {
            return Err(Refusal::update_not_allowed(element));
        }
        let name = match new_name {
            Some(name) => Some(self.name(turn, &side.owner, &side.id, Some(name))?),
            None => side.name.clone(),
        };
        let facts = ToggleFacts {
            from: side.status,
            to: status.unwrap_or(side.status),
            by: side.role,
        };
        let address = self.rules.own_address(Proposal {
            ours: Some(&side.address),
            theirs: asked.own_address.as_deref(),
        });
        let changed = Side {
            status: self.rules.status_here(facts),
            name: name.clone(),
            address: address.unwrap_or_default(),
            other: self.rules.other_device(Proposal {
                ours: side.other.as_deref(),
                theirs: asked.other_address(),
            }),
            ..side.clone()
        };
        self.state.put_side(changed.clone());
        if let Some(other) = self.peer_of(&changed).cloned() {
            self.state.put_side(Side {
                status: self.rules.status_there(facts),
                name,
                ..other.clone()
            });
            let effective = facts.from != facts.to;
            self.notify(turn, &changed, effective);
            self.announce(turn, &other.id, false, effective);
        }
        if facts.from != facts.to {
            self.end(turn, &changed, Cause::Toggle(facts.to), false);
        }
        Ok(changed)
    }

    fn deactivate(&mut self, turn: Turn<'_>, route: &Route, visit: &Visit) -> Served {
        let side = self.side_of(turn, route)?;
        let facts = PartingFacts {
            by: side.role,
            status: side.status,
        };
        if !self.rules.may_deactivate(facts) {
            return Err(Refusal::update_not_allowed(
                &turn.config.knobs.names.twinning,
            ));
        }
        if self.rules.end_is_notified(facts) {
            self.notify(turn, &side, true);
        }
        self.end(turn, &side, Cause::Deactivation, visit.partner.is_some());
        Ok(Answer::new(204))
    }

    /// Ends those sides of a relationship that end for this cause.
    fn end(&mut self, turn: Turn<'_>, side: &Side, cause: Cause, by_partner: bool) {
        let other = self.peer_of(side).cloned();
        if cause == Cause::Deactivation {
            let secondary = match (side.role, &other) {
                (Role::Primary, Some(other)) => other,
                _ => side,
            };
            self.end_tokens(&secondary.id.clone());
        }
        let ends = |own| self.rules.side_ends(EndFacts { cause, own });
        let (own_ends, other_ends) = (ends(true), ends(false));
        if let Some(other) = other.filter(|_| other_ends) {
            self.state.remove::<Side>(&other.id);
            self.part(turn, &other, by_partner);
        }
        if own_ends {
            self.state.remove::<Side>(&side.id);
        }
    }

    /// The other side of a relationship.
    pub(super) fn peer_of(&self, side: &Side) -> Option<&Side> {
        self.state.side(side.other_id.as_deref()?)
    }

    pub(super) fn full(&self, turn: Turn<'_>, side: &Side, view: View) -> Document {
        self.represent(turn, side, view)
            .document(&turn.config.knobs)
    }

    pub(super) fn represent(&self, turn: Turn<'_>, side: &Side, view: View) -> Twinning {
        let (config, knobs) = (turn.config, &turn.config.knobs);
        let theirs = || self.peer_of(side).and_then(|peer| peer.auth_code.clone());
        let auth_code = side.auth_code.clone().or_else(theirs);
        let grant = auth_code
            .as_deref()
            .and_then(|code| self.state.get::<Grant>(code));
        let redeemed = grant.is_some_and(|grant| grant.redeemed);
        let mut twinning = Twinning {
            role: Some(side.role.literal(knobs).to_owned()),
            name: side.name.clone(),
            other_device: side.other.clone().map(|address| OtherDevice {
                address: Some(address),
                ..OtherDevice::default()
            }),
            activation_code: side.code.clone().map(|code| ActivationCode {
                code: Some(code),
                mno_id: side.code_mno.clone(),
            }),
            status: Some(side.status.literal(knobs).to_owned()),
            auth_code: auth_code.filter(|_| {
                self.rules.auth_code_is_shown(AuthCodeFacts {
                    role: side.role,
                    status: side.status,
                    redeemed,
                })
            }),
            own_address: Some(side.address.clone()),
            resource_url: Some(side_url(config, &side.owner, &side.id)),
            ..Twinning::default()
        };
        let primary = side.other.as_ref().filter(|_| side.role == Role::Secondary);
        let voice_mail = primary
            .and_then(|address| config.subscriber(address))
            .and_then(|s| s.voice_mail.as_deref())
            .or(side.voice_mail.as_deref());
        if let Some(address) = voice_mail {
            twinning.set_voice_mail(address, knobs);
        }
        self.rules.shown(twinning, view)
    }
}

/// The elements of a twinning.
fn elements(knobs: &Knobs) -> Vec<&str> {
    let n = &knobs.names;
    vec![
        &n.role,
        &n.name,
        &n.other_device,
        &n.activation_code,
        &n.twinning_status,
        &n.auth_code,
        &n.vm_address,
        &n.own_address,
        &n.resource_url,
        "link",
    ]
}

/// The element in a creation that only the server may fill in, if there is one.
fn proposed_element(role: Role, asked: &Twinning) -> Option<&'static str> {
    let code = asked.activation_code.as_ref();
    let code = code.is_some_and(|c| c.code.is_some()) && role == Role::Secondary;
    [
        ("otherDevice", asked.other_device.is_some()),
        ("activationCode", code),
        ("twinningStatus", asked.status.is_some()),
        ("authCode", asked.auth_code.is_some()),
        ("primaryDeviceVMAddress", asked.vm_address.is_some()),
        ("ownAddress", asked.own_address.is_some()),
        ("resourceURL", asked.resource_url.is_some()),
    ]
    .into_iter()
    .find_map(|(element, there)| there.then_some(element))
}

/// The element besides status and name that an update would change, if there is one.
fn foreign_element(is: &Twinning, asked: &Twinning) -> Option<&'static str> {
    fn differs<T: PartialEq>(is: &Option<T>, asked: &Option<T>) -> bool {
        asked.is_some() && asked != is
    }
    let code = |t: &Twinning| t.activation_code.as_ref().and_then(|c| c.code.clone());
    let other = |t: &Twinning| t.other_address().map(str::to_owned);
    let voice_mail = |t: &Twinning| t.voice_mail().map(str::to_owned);
    [
        ("role", differs(&is.role, &asked.role)),
        ("otherDevice", differs(&other(is), &other(asked))),
        ("activationCode", differs(&code(is), &code(asked))),
        ("authCode", differs(&is.auth_code, &asked.auth_code)),
        (
            "primaryDeviceVMAddress",
            differs(&voice_mail(is), &voice_mail(asked)),
        ),
        ("ownAddress", differs(&is.own_address, &asked.own_address)),
        (
            "resourceURL",
            differs(&is.resource_url, &asked.resource_url),
        ),
    ]
    .into_iter()
    .find_map(|(element, changes)| changes.then_some(element))
}

/// The light-weight form of one element.
fn part(element: &str, text: &str) -> Document {
    api(element, Tree::Leaf(text.to_owned()))
}

fn status_part(status: Status, knobs: &Knobs) -> Document {
    part(&knobs.names.twinning_status, status.literal(knobs))
}
