use std::collections::VecDeque;
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

/// A [`Trick`] on its way.
#[derive(Debug)]
pub(crate) struct Performing {
    trick: Option<Trick>,
    /// To the record with this data, if not to any.
    only: Option<Vec<u8>>,
    /// Records to be sent, and after how many others.
    later: VecDeque<(u32, Vec<u8>)>,
}

impl Performing {
    pub(crate) fn new(trick: Trick, only: Option<&[u8]>) -> Self {
        Self {
            trick: Some(trick),
            only: only.map(<[u8]>::to_vec),
            later: VecDeque::new(),
        }
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
                self.later.push_back((after, record.clone()));
                vec![record]
            }
            Trick::HoldBack { until: 0 } => vec![record],
            Trick::HoldBack { until } => {
                self.later.push_back((until, record));
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
        let (left, due) = match (self.trick, leaving.data) {
            (Some(trick), Some(data)) if self.only.as_deref().is_none_or(|only| only == data) => {
                self.trick = None;
                return self.perform(trick, leaving, forge);
            }
            (_, Some(_)) => {
                for (others, _) in &mut self.later {
                    *others -= 1;
                }
                let due = self.later.iter().take_while(|(others, _)| *others == 0);
                (leaving.record.octets().to_vec(), due.count())
            }
            (_, None) => (leaving.record.octets().to_vec(), 0),
        };
        let due = self.later.drain(..due).map(|(_, record)| record);
        std::iter::once(left).chain(due).collect()
    }
}
