//! What becomes of values that are too large for a message where a device takes nothing in parts.

use std::collections::VecDeque;

use super::session::Session;
use super::{Device, Job, Moment, Server};
use crate::Encoding;
use crate::features::Features;
use crate::syncml::{Header, Item, Message, StatusCode};
use crate::upper::{Answer, Event, Told};

/// What a message has beside one command, at most: its header, and statuses of what began a session.
const BESIDE: usize = 600;

impl Device {
    /// Takes what it says of large objects.
    pub(super) fn learn(&mut self, item: &Item) {
        let about = item.source.as_ref().map(|source| &*source.uri);
        let value = item.data.as_ref().and_then(|data| data.as_text());
        if let (Some(Features::LARGE_OBJECTS), Some(value)) = (about, value) {
            self.whole_only = !value.trim().eq_ignore_ascii_case("true");
        }
    }
}

impl Server {
    /// Refuses the application what would have to go in parts to a device that takes none.
    pub(super) fn refuse_in_parts(
        &mut self,
        moment: &mut Moment<'_>,
        (id, device): (&str, &mut Device),
        session: &Session,
        encoding: Encoding,
    ) {
        let Some(limit) = session.limit() else {
            return;
        };
        if moment.shared.rules.splits(device.whole_only) {
            return;
        }
        let told = session.taken();
        let too_large = |job: &Job| {
            let alone = Message {
                header: Header::default(),
                commands: vec![job.act.to_command(encoding == Encoding::Wbxml)],
                is_final: true,
            };
            let written = encoding.write(&alone.to_element(), &moment.shared.wbxml);
            written.is_ok_and(|octets| octets.len() + BESIDE > limit)
        };
        let later = device.queue.split_off(told.min(device.queue.len()));
        let (refused, mut left): (VecDeque<Job>, VecDeque<Job>) =
            later.into_iter().partition(too_large);
        device.queue.append(&mut left);
        for mut job in refused {
            let command = job.act.to_command(false).name().to_owned();
            job.outcome.statuses.push(Told {
                command,
                code: StatusCode::ENTITY_TOO_LARGE.0,
                items: Vec::new(),
            });
            self.events.push(Event::Did {
                device: id.to_owned(),
                outcome: job.outcome.clone(),
            });
            if let Some(call) = job.call {
                moment.out.answer(call, Answer::Did(job.outcome));
            }
        }
    }
}
