//! Information reporting (TS 1.0.2 §5.5): what clients notify.

use std::net::SocketAddr;

use twinproof_coap::endpoint::RequestId;
use twinproof_coap::{ContentFormat, Packet};

use super::rules::ToldFacts;
use super::{Moment, Server};
use crate::upper::{Answer, What};
use crate::wire::Path;
use crate::wire::links::ObjectList;

/// What is observed, and how.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) paths: Vec<Path>,
    /// Whether they are observed at once, so that notifications are of all.
    pub(super) composite: bool,
    pub(super) accept: Option<ContentFormat>,
}

impl Subject {
    /// What the values in notifications are at or below.
    fn base(&self) -> Path {
        match self.paths[..] {
            [path] if !self.composite => path,
            _ => Path::ROOT,
        }
    }
}

/// An observation.
#[derive(Debug)]
pub(super) struct Watch {
    /// The registration that it belongs to.
    pub(super) number: u64,
    /// Whose client.
    pub(super) endpoint: Box<str>,
    pub(super) subject: Subject,
}

impl Server {
    /// A client notifies.
    pub(super) fn notified(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        (packet, body): (&Packet<'_>, &[u8]),
    ) {
        let Some(watch) = self.observing.get(&request) else {
            return;
        };
        let client = self.clients.get(watch.number);
        let facts = ToldFacts {
            registered: client.is_some(),
        };
        let (endpoint, number) = (watch.endpoint.clone(), watch.number);
        let (base, paths) = (watch.subject.base(), watch.subject.paths.clone());
        // What cannot be read is no news.
        let (list, version) = client.map_or_else(
            || (ObjectList::default(), moment.shared.version),
            |client| (client.list.clone(), client.version),
        );
        if let Answer::Reply(reply) = moment.shared.reply((&list, version), base, (packet, body))
            && moment.shared.rules.is_told(facts)
        {
            let values = reply.values;
            self.tell(moment.shared, &endpoint, What::Notified { paths, values });
        }
        self.heard(moment, number);
    }

    /// A notification without a sequence number ends its observation (RFC 7641 §4.2).
    pub(super) fn observation_ended(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
    ) {
        let Some(watch) = self.observing.remove(&request) else {
            return;
        };
        if let Some(client) = self.clients.get_mut(watch.number) {
            client.observations.retain(|one| *one != request);
        }
        let paths = watch.subject.paths;
        self.tell(
            moment.shared,
            &watch.endpoint,
            What::ObservationEnded { paths },
        );
        self.heard(moment, watch.number);
    }

    /// Observes no more, without a word; the next notification is answered by a Reset.
    pub(super) fn forget(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
    ) -> Option<Watch> {
        self.with_layer(moment, |layer, turn| layer.forget(turn, request));
        self.observing.remove(&request)
    }
}
