//! What crosses the border between two operators: addresses and bodies.

use twinproof_kernel::http::{Request, Response};

use super::{Agreement, Side};
use crate::knobs::Knobs;
use crate::message::{OtherDevice, Twinning, repeats};
use crate::tree::{Document, Format};
use crate::url::encode_segment;

pub(super) fn about(device: &str, agreement: &Agreement) -> OtherDevice {
    OtherDevice {
        address: Some(device.to_owned()),
        mno_id: Some(agreement.mno_id.clone()),
        ..OtherDevice::default()
    }
}

pub(super) fn collection(base_url: &str, knobs: &Knobs, user: &str) -> String {
    let paths = &knobs.paths;
    format!(
        "{base_url}/{}/{}/{}{}",
        paths.api,
        paths.version,
        encode_segment(user),
        paths.twinnings
    )
}

pub(super) fn side_url(agreement: &Agreement, side: &Side) -> String {
    let all = collection(&agreement.base_url, &agreement.knobs, &side.owner);
    format!("{all}/{}", side.id)
}

pub(super) fn represent(agreement: &Agreement, side: &Side) -> Twinning {
    let knobs = &agreement.knobs;
    Twinning {
        role: Some(side.role.literal(knobs).to_owned()),
        other_device: side.other.as_ref().map(|address| OtherDevice {
            address: Some(address.clone()),
            ..OtherDevice::default()
        }),
        status: Some(side.status.literal(knobs).to_owned()),
        own_address: Some(side.owner.clone()),
        resource_url: Some(side_url(agreement, side)),
        ..Twinning::default()
    }
}

fn body_of(document: &Document, knobs: &Knobs) -> (&'static str, Vec<u8>) {
    let format = Format::from(knobs.format);
    let body = document.write(format, knobs.json, &repeats(&knobs.names));
    (format.media_type(), body)
}

pub(super) fn with_twinning(
    method: &str,
    url: String,
    twinning: &Twinning,
    knobs: &Knobs,
) -> Request {
    let (media_type, body) = body_of(&twinning.document(knobs), knobs);
    Request::new(method, url)
        .with("Accept", media_type)
        .with_body(media_type, body)
}

pub(super) fn success(status: u16, twinning: &Twinning, knobs: &Knobs) -> Response {
    let (media_type, body) = body_of(&twinning.document(knobs), knobs);
    Response::new(status).with_body(media_type, body)
}

pub(super) fn refusal(status: u16, id: &str, text: &str, agreement: &Agreement) -> Response {
    let kind = if id.starts_with("POL") {
        crate::message::ExceptionKind::Policy
    } else {
        crate::message::ExceptionKind::Service
    };
    let error = crate::message::RequestError {
        kind,
        message_id: id.to_owned(),
        text: text.to_owned(),
        variables: Vec::new(),
    };
    let (media_type, body) = body_of(&error.document(), &agreement.knobs);
    Response::new(status).with_body(media_type, body)
}

/// The answer to a part that was written: what is stored now.
pub(super) fn echo(document: &Document, knobs: &Knobs) -> Response {
    let (media_type, body) = body_of(document, knobs);
    Response::new(200).with_body(media_type, body)
}
