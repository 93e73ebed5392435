use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::record::{ContentType, HEADER, RecordView};
use crate::session::Forgery;

/// Makes forgeries with the keys of one association.
pub type Forge<'a> = &'a mut dyn FnMut(&Forgery) -> Option<Vec<u8>>;

/// A record that is about to leave.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// Whom it is for.
    pub peer: SocketAddr,
    /// The record.
    pub record: RecordView<'a>,
    /// What it was sealed from, if it is data.
    pub data: Option<&'a [u8]>,
}

/// Sees every record of a transport, and may let others through in their stead.
pub trait Tap: Send {
    /// Says what leaves instead of a record of ours, in datagrams.
    fn leaving(&mut self, leaving: Leaving<'_>, forge: Forge<'_>) -> Vec<Vec<u8>>;

    /// Says what arrives instead of a record of a peer's.
    fn arriving(&mut self, peer: SocketAddr, record: RecordView<'_>) -> Vec<Vec<u8>> {
        let _ = peer;
        vec![record.octets().to_vec()]
    }
}

/// Which octets of a sealed record are changed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The last bit of the sequence number.
    Sequence,
    /// A bit in the middle of the content.
    Content,
    /// A bit of the tag.
    Tag,
}

/// Does one thing to the next record with data that leaves, and nothing after that.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Flips one bit of it.
    Flip(Place),
    /// Sends it again, octet by octet, when so many others have left after it.
    Replay {
        /// 0: at once.
        after: u32,
    },
    /// Sends it only when so many others have left.
    HoldBack {
        /// 0 changes nothing.
        until: u32,
    },
    /// Sends its data without protection, in the epoch before there were keys.
    OldEpoch,
    /// Sends its data a second time, sealed anew under the number that it had.
    OldSequence,
}

/// The [`Trick`]s on their way.
#[derive(Debug, Default)]
pub(crate) struct Performing {
    /// What is to be done, and to the record with which data, if not to any.
    tricks: Vec<(Trick, Option<Vec<u8>>)>,
    /// Records to be sent, and after how many others.
    later: Vec<(u32, Vec<u8>)>,
}

impl Performing {
    pub(crate) fn add(&mut self, trick: Trick, only: Option<&[u8]>) {
        self.tricks.push((trick, only.map(<[u8]>::to_vec)));
    }

    /// Whether records leave as they are.
    pub(crate) fn is_over(&self) -> bool {
        self.tricks.is_empty() && self.later.is_empty()
    }

    fn perform(&mut self, trick: Trick, leaving: Leaving<'_>, forge: Forge<'_>) -> Vec<Vec<u8>> {
        let record = leaving.record.octets().to_vec();
        let data = leaving.data.unwrap_or_default();
        let forgery = |epoch, sequence| Forgery {
            content_type: ContentType::ApplicationData.number(),
            epoch,
            sequence,
            plain: data.to_vec(),
        };
        match trick {
            Trick::Flip(place) => vec![flipped(record, place)],
            Trick::Replay { after: 0 } => vec![record.clone(), record],
            Trick::Replay { after } => {
                self.later.push((after, record.clone()));
                vec![record]
            }
            Trick::HoldBack { until: 0 } => vec![record],
            Trick::HoldBack { until } => {
                self.later.push((until, record));
                Vec::new()
            }
            Trick::OldEpoch => forge(&forgery(0, None)).into_iter().collect(),
            Trick::OldSequence => {
                let again = forge(&forgery(
                    leaving.record.epoch(),
                    Some(leaving.record.sequence()),
                ));
                std::iter::once(record).chain(again).collect()
            }
        }
    }
}

fn flipped(mut record: Vec<u8>, place: Place) -> Vec<u8> {
    let last = record.len() - 1;
    // The part of the nonce that is sent along comes before the content.
    let content = HEADER + 8;
    let at = match place {
        Place::Sequence => 10,
        Place::Content => content + (record.len() - content - 8) / 2,
        Place::Tag => last,
    };
    record[at.min(last)] ^= 1;
    record
}

impl Tap for Performing {
    fn leaving(&mut self, leaving: Leaving<'_>, forge: Forge<'_>) -> Vec<Vec<u8>> {
        let Some(data) = leaving.data else {
            return vec![leaving.record.octets().to_vec()];
        };
        let meant = |only: &Option<Vec<u8>>| only.as_deref().is_none_or(|only| only == data);
        let mut due = Vec::new();
        self.later.retain_mut(|(others, record)| {
            *others -= 1;
            if *others == 0 {
                due.push(std::mem::take(record));
            }
            *others > 0
        });
        let trick = self.tricks.iter().position(|(_, only)| meant(only));
        let mut left = match trick.map(|at| self.tricks.remove(at)) {
            Some((trick, _)) => self.perform(trick, leaving, forge),
            None => vec![leaving.record.octets().to_vec()],
        };
        left.append(&mut due);
        left
    }
}
