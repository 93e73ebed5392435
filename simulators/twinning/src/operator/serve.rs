//! How the operator answers its partner's requests.

use twinproof_kernel::http::{Request, Response};

use super::wire::{about, echo, refusal, represent, side_url, success};
use super::{Agreement, Behaviour, Operator, Promise, Received, Side};
use crate::address;
use crate::knobs::Knobs;
use crate::message::{ActivationCode, Role, Status, Twinning};
use crate::tree::{Document, Format, Tree};
use crate::url::decode_segment;

impl Operator {
    pub(super) fn serve(&mut self, agreement: &Agreement, request: &Request) -> Option<Response> {
        let document = request
            .headers
            .first("Content-Type")
            .and_then(Format::of_media_type)
            .and_then(|format| Document::read(format, &request.body).ok());
        let twinning = document
            .as_ref()
            .and_then(|document| Twinning::of_document(document, &agreement.knobs));
        let response = match self.behaviour {
            Behaviour::Correct => {
                Some(self.answer(agreement, request, document.as_ref(), twinning.as_ref()))
            }
            Behaviour::Refusing(status) => Some(refusal(status, "POL0001", "Refused", agreement)),
            Behaviour::Silent => None,
            Behaviour::Unavailable => {
                Some(refusal(503, "SVC2001", "No server resources", agreement))
            }
        };
        self.received.push(Received {
            method: request.method.clone(),
            path: request.path().to_owned(),
            twinning,
            status: response.as_ref().map(|response| response.status),
        });
        response
    }

    fn answer(
        &mut self,
        agreement: &Agreement,
        request: &Request,
        document: Option<&Document>,
        twinning: Option<&Twinning>,
    ) -> Response {
        let knobs = &agreement.knobs;
        let presented = request
            .headers
            .first("Authorization")
            .and_then(|value| value.split_once(' '))
            .map(|(_, token)| token.trim());
        if presented != Some(agreement.expects_token.as_str()) {
            return refusal(401, "SVC2003", "Invalid access token", agreement)
                .with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
        }
        let unknown = || refusal(404, "SVC2008", "Unknown resource", agreement);
        let root = format!("/{}/{}/", knobs.paths.api, knobs.paths.version);
        let Some((user, resource)) = request
            .path()
            .split_once(root.as_str())
            .and_then(|(_, rest)| rest.find('/').map(|slash| rest.split_at(slash)))
        else {
            return unknown();
        };
        let user = decode_segment(user);
        let Some(below) = resource.strip_prefix(knobs.paths.twinnings.as_str()) else {
            return unknown();
        };
        if below.is_empty() {
            return match (request.method.as_str(), twinning) {
                ("POST", Some(asked)) => self.created(agreement, &user, asked),
                ("POST", None) => refusal(400, "SVC0002", "Invalid input value", agreement),
                _ => refusal(405, "SVC0001", "Not supported", agreement).with("Allow", "POST"),
            };
        }
        let below = &below[1..];
        let (id, part) = below.split_at(below.find('/').unwrap_or(below.len()));
        let Some(mut side) = self
            .sides
            .get(id)
            .filter(|side| address::same(&side.owner, &user))
            .cloned()
        else {
            return unknown();
        };
        match request.method.as_str() {
            "GET" if part.is_empty() => success(200, &represent(agreement, &side), knobs),
            "PUT" if part.is_empty() => {
                let Some(written) = twinning else {
                    return refusal(400, "SVC0002", "Invalid input value", agreement);
                };
                side.take(written, knobs);
                let response = success(200, &represent(agreement, &side), knobs);
                self.sides.insert(side.id.clone(), side);
                response
            }
            // A part by itself: which one it is, its root says (ruling TW-C36).
            "PUT" => {
                let (written, document) = match (document.and_then(|d| part_of(d, knobs)), document)
                {
                    (Some(written), Some(document)) => (written, document),
                    _ => return refusal(400, "SVC0003", "Invalid input value", agreement),
                };
                side.take(&written, knobs);
                self.sides.insert(side.id.clone(), side);
                echo(document, knobs)
            }
            "DELETE" if part.is_empty() => {
                self.sides.remove(id);
                Response::new(204)
            }
            _ if part.is_empty() => refusal(405, "SVC0001", "Not supported", agreement)
                .with("Allow", "GET, PUT, DELETE"),
            _ => refusal(405, "SVC0001", "Not supported", agreement).with("Allow", "PUT"),
        }
    }

    fn created(&mut self, agreement: &Agreement, user: &str, asked: &Twinning) -> Response {
        let knobs = &agreement.knobs;
        match asked.role(knobs) {
            Some(Role::Secondary) => {
                let code = self.new_code();
                self.promises.push(Promise {
                    secondary: user.to_owned(),
                    theirs: asked.link.clone(),
                });
                let answer = Twinning {
                    role: asked.role.clone(),
                    activation_code: Some(ActivationCode {
                        code: Some(code),
                        mno_id: Some(agreement.mno_id.clone()),
                    }),
                    status: Some(Status::Pending.literal(knobs).to_owned()),
                    own_address: Some(user.to_owned()),
                    ..Twinning::default()
                };
                success(201, &answer, knobs)
            }
            Some(Role::Primary) => {
                let code = asked.activation_code.as_ref().and_then(|c| c.code.clone());
                let found = self
                    .sides
                    .values()
                    .find(|side| code.is_some() && side.code == code)
                    .cloned();
                let Some(mut side) = found else {
                    return refusal(400, "SVC0002", "Invalid input value", agreement);
                };
                side.code = None;
                side.theirs = asked.link.clone();
                side.other = asked
                    .other_address()
                    .map(str::to_owned)
                    .or_else(|| Some(user.to_owned()));
                let answer = Twinning {
                    role: asked.role.clone(),
                    other_device: Some(about(&side.owner, agreement)),
                    status: Some(side.status.literal(knobs).to_owned()),
                    own_address: side.other.clone(),
                    resource_url: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                let location = side_url(agreement, &side);
                self.sides.insert(side.id.clone(), side);
                success(201, &answer, knobs).with("Location", location)
            }
            None => refusal(400, "SVC1014", "Undefined twinning role", agreement),
        }
    }
}

impl Side {
    /// Takes over what the partner has written.
    fn take(&mut self, written: &Twinning, knobs: &Knobs) {
        self.status = written.status(knobs).unwrap_or(self.status);
        self.auth_code = written.auth_code.clone().or(self.auth_code.take());
        self.theirs = written.link.clone().or(self.theirs.take());
        let other = written.other_address().map(str::to_owned);
        self.other = other.or(self.other.take());
    }
}

/// The twinning of which a document is one part; nothing if it is no part that a partner writes.
fn part_of(document: &Document, knobs: &Knobs) -> Option<Twinning> {
    let names = &knobs.names;
    let part = [
        &names.twinning_status,
        &names.auth_code,
        &names.other_device,
    ];
    let whole = Tree::Branch(vec![(document.root.clone(), document.tree.clone())]);
    let written = Twinning::of_tree(&whole, knobs);
    let lawful = written.status.is_none() || written.status(knobs).is_some();
    (part.contains(&&document.root) && lawful).then_some(written)
}
