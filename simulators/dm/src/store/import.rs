//! A part of a tree in one piece, put into the tree: all of it or nothing.

use std::collections::BTreeSet;

use super::inquire::refuse;
use super::{Given, Hand, Refusal, Tree};
use crate::document::Limits;
use crate::syncml::{Data, Format, StatusCode};
use crate::tree::NodeUri;
use crate::tree::acl::{Kind, Right};
use crate::tree::ddf::Access;
use crate::tree::tnds::{Placement, State, Tnds};

impl Tree {
    /// Adds a serialised tree, or makes what is there equal to it.
    pub(super) fn import(
        &mut self,
        by: Hand<'_>,
        target: &NodeUri,
        given: Given<'_>,
        replaces: bool,
    ) -> Result<(), Refusal> {
        if !by.rules.takes_documents(self.profile.tnds) {
            return Err(StatusCode::UNSUPPORTED_TYPE_OR_FORMAT.into());
        }
        let data = given.data.ok_or(StatusCode::INCOMPLETE_COMMAND)?;
        let states = Tnds::from_data(data, &Limits::default())
            .and_then(|tnds| self.placed(&tnds, target))
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        let before = self.clone();
        let placed = match replaces {
            false => self.import_new(by, target, &states),
            true => self.import_over(by, target, &states),
        };
        let done = placed.and_then(|()| self.import_lists(by, &before, &states));
        if by.rules.import_is_undone(done.is_err()) {
            *self = before;
        }
        done
    }

    /// The nodes with their addresses. A name at the top that is not the target's goes below it.
    fn placed(&self, tnds: &Tnds, target: &NodeUri) -> Result<Vec<State>, crate::Error> {
        match self.profile.placement {
            Placement::Below => tnds.states(target, Placement::Below),
            Placement::At => tnds
                .states(target, Placement::At)
                .or_else(|_| tnds.states(target, Placement::Below)),
        }
    }

    fn import_new(
        &mut self,
        by: Hand<'_>,
        target: &NodeUri,
        states: &[State],
    ) -> Result<(), Refusal> {
        if self.node(target).is_some() {
            return Err(StatusCode::ALREADY_EXISTS.into());
        }
        states
            .iter()
            .try_for_each(|state| self.import_one(by, state))
    }

    fn import_over(
        &mut self,
        by: Hand<'_>,
        target: &NodeUri,
        states: &[State],
    ) -> Result<(), Refusal> {
        let facts = self.facts(by, target, Right::Replace, Access::Replace);
        refuse(match facts.kind {
            None => StatusCode::NOT_FOUND,
            Some(_) if !facts.right => StatusCode::PERMISSION_DENIED,
            Some(_) => StatusCode::OK,
        })?;
        let named: BTreeSet<_> = states
            .iter()
            .flat_map(|state| state.uri.ancestry())
            .collect();
        for uri in self.uris(target) {
            if self.node(&uri).is_some() && by.rules.import_removes(named.contains(&uri)) {
                let facts = self.facts(by, &uri, Right::Delete, Access::Delete);
                refuse(by.rules.delete(facts)).map_err(|code| at(code, &uri))?;
                self.forget(by, &uri);
            }
        }
        states
            .iter()
            .try_for_each(|state| self.import_one(by, state))
    }

    /// What one node in a serialised tree does: it is added, or overwritten.
    fn import_one(&mut self, by: Hand<'_>, state: &State) -> Result<(), Refusal> {
        let properties = &state.properties;
        let kind = self.node(&state.uri).map(super::Node::kind);
        let described = self
            .profile
            .describe(&state.uri)
            .map(|node| node.format.clone());
        let format = properties
            .format
            .clone()
            .or(described)
            .unwrap_or(match state.value {
                Some(_) => Format::Chr,
                None => Format::Node,
            });
        let empty = Data::Text(String::new());
        let given = Given {
            format: Some(&format),
            media_type: properties
                .node_type
                .as_ref()
                .map(|node_type| node_type.as_str()),
            data: match format {
                Format::Node => None,
                _ => Some(state.value.as_ref().unwrap_or(&empty)),
            },
        };
        let done = match (kind, &state.value) {
            (None, _) => self.add_with_parents(by, &state.uri, given),
            (Some(Kind::Leaf), Some(_)) => self
                .replace_value(by, &state.uri, given)
                .map_err(Refusal::from),
            (Some(Kind::Interior), Some(_)) => Err(StatusCode::COMMAND_NOT_ALLOWED.into()),
            (Some(_), None) => Ok(()),
        };
        done.map_err(|refusal| Refusal {
            node: Some(refusal.node.unwrap_or_else(|| state.uri.clone())),
            ..refusal
        })?;
        if properties.title.is_some() {
            self.change(&state.uri, |node| node.title.clone_from(&properties.title));
        }
        Ok(())
    }

    /// Sets the lists that a serialised tree brings, from the bottom up and only once all nodes are
    /// there: what it may do is decided by the lists that it found. New nodes take what they are given.
    fn import_lists(
        &mut self,
        by: Hand<'_>,
        before: &Self,
        states: &[State],
    ) -> Result<(), Refusal> {
        for state in states.iter().rev() {
            let own = self.node(&state.uri).map(|node| &node.acl);
            let Some(list) = state
                .properties
                .acl
                .as_ref()
                .filter(|list| own != Some(*list))
            else {
                continue;
            };
            if before.node(&state.uri).is_none() {
                self.change(&state.uri, |node| node.acl = list.clone());
                continue;
            }
            let data = Data::Text(list.to_string());
            let given = Given {
                data: Some(&data),
                ..Given::default()
            };
            self.replace_acl(by, &state.uri, given)
                .map_err(|code| at(code, &state.uri))?;
        }
        Ok(())
    }
}

fn at(code: StatusCode, uri: &NodeUri) -> Refusal {
    Refusal {
        code,
        node: Some(uri.clone()),
    }
}
