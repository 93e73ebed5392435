//! The requests that the operator sends to its partner, and what their answers change.

use twinproof_kernel::http::{Request, Response};

use super::wire::{about, collection, side_url, with_twinning};
use super::{Agreement, Errand, Operator};
use crate::device::{created, read_body};
use crate::message::{ActivationCode, Role, Status, Twinning};
use crate::url::resolve;

impl Operator {
    /// The request of an errand; none where there is no relationship to speak of.
    pub(super) fn prepare(&mut self, agreement: &Agreement, errand: &Errand) -> Option<Request> {
        let knobs = &agreement.knobs;
        match errand {
            Errand::RequestCode { device } => {
                let side = self.new_side(device, Role::Secondary, Status::Pending);
                let asked = Twinning {
                    role: Some(Role::Secondary.literal(knobs).to_owned()),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                let url = collection(&agreement.partner, knobs, device);
                Some(with_twinning("POST", url, &asked, knobs))
            }
            Errand::Activate {
                device,
                code,
                mno_id,
            } => {
                let side = self.new_side(device, Role::Primary, Status::Pending);
                let asked = Twinning {
                    role: Some(Role::Primary.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    activation_code: Some(ActivationCode {
                        code: Some(code.clone()),
                        mno_id: mno_id.clone(),
                    }),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                let url = collection(&agreement.partner, knobs, device);
                Some(with_twinning("POST", url, &asked, knobs))
            }
            Errand::Complete { device } => {
                self.keep_promise(device);
                let auth_code = self.new_auth_code();
                let mut side = self.side_of(device)?.clone();
                let auth_code = side.auth_code.get_or_insert(auth_code).clone();
                let theirs = side.theirs.clone()?;
                let written = Twinning {
                    role: Some(Role::Secondary.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    status: Some(Status::On.literal(knobs).to_owned()),
                    auth_code: Some(auth_code),
                    resource_url: Some(theirs.clone()),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                Some(with_twinning("PUT", theirs, &written, knobs))
            }
            Errand::Toggle { device, status } => {
                let side = self.side_of(device)?;
                let theirs = side.theirs.clone()?;
                let their_role = match side.role {
                    Role::Primary => Role::Secondary,
                    Role::Secondary => Role::Primary,
                };
                let written = Twinning {
                    role: Some(their_role.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    status: Some(status.literal(knobs).to_owned()),
                    resource_url: Some(theirs.clone()),
                    ..Twinning::default()
                };
                Some(with_twinning("PUT", theirs, &written, knobs))
            }
            Errand::Deactivate { device } => {
                let theirs = self.side_of(device)?.theirs.clone()?;
                Some(Request::new("DELETE", theirs))
            }
        }
    }

    /// A code that was made for the partner is used by a device of this operator.
    fn keep_promise(&mut self, device: &str) {
        if self.side_of(device).is_some() {
            return;
        }
        let Some(promise) = self.promises.pop() else {
            return;
        };
        let mut side = self.new_side(device, Role::Primary, Status::Pending);
        side.other = Some(promise.secondary);
        side.theirs = promise.theirs;
        self.sides.insert(side.id.clone(), side);
    }

    /// What the partner's response to an errand changes here.
    pub(super) fn conclude(
        &mut self,
        agreement: &Agreement,
        (errand, asked): (&Errand, &str),
        response: &Response,
    ) {
        let Some(id) = self.side_of(errand.device()).map(|side| side.id.clone()) else {
            return;
        };
        let twinning = read_body(response)
            .ok()
            .and_then(|document| Twinning::of_document(&document, &agreement.knobs));
        let Some(side) = self.sides.get_mut(&id) else {
            return;
        };
        match errand {
            Errand::Activate { .. } if response.is_success() => {
                if let Some(twinning) = twinning {
                    side.other = twinning.other_address().map(str::to_owned);
                    side.theirs = twinning.resource_url.map(|url| resolve(asked, &url));
                }
            }
            Errand::RequestCode { .. } if response.is_success() => {
                side.theirs = created(asked, response, &agreement.knobs);
            }
            Errand::Complete { .. } if response.is_success() => side.status = Status::On,
            Errand::Toggle { status, .. } if response.is_success() => side.status = *status,
            Errand::Activate { .. } | Errand::RequestCode { .. } if !response.is_success() => {
                self.sides.remove(&id);
            }
            Errand::Deactivate { .. } if response.is_success() => {
                self.sides.remove(&id);
            }
            _ => {}
        }
    }
}
