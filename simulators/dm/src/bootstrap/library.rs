//! A scripted bootstrap server: it hands out, at each address, what it was told to.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct as _;
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{Input, Outbox, Role, Time};

/// What is handed out at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The octets.
    pub octets: Vec<u8>,
    /// The entity tag; who has that already is told so (304).
    pub tag: Option<String>,
}

/// Puts a page at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The path, with a slash in front.
    pub path: String,
    /// The page.
    pub page: Page,
}

/// As it stands in a record: without what may be secret.
impl serde::Serialize for Order {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut order = to.serialize_struct("Order", 3)?;
        order.serialize_field("path", &self.path)?;
        order.serialize_field("status", &self.page.status)?;
        order.serialize_field("tag", &self.page.tag)?;
        order.end()
    }
}

/// The core of such a server.
#[derive(Clone, Debug, Default)]
pub struct Library {
    pages: BTreeMap<String, Page>,
    asked: Vec<String>,
}

impl Library {
    /// The paths that were asked for, in order.
    #[must_use]
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    fn respond(&mut self, request: &Request) -> Response {
        let path = request.path();
        self.asked.push(path.to_owned());
        let Some(page) = self.pages.get(path) else {
            return Response::new(404);
        };
        if request.method != "GET" {
            return Response::new(405);
        }
        let given = request.headers.first("If-None-Match");
        let mut response = match given.is_some() && given == page.tag.as_deref() {
            true => Response::new(304),
            false => Response::new(page.status).with_body(&page.content_type, page.octets.clone()),
        };
        if let Some(tag) = &page.tag {
            response = response.with("ETag", tag);
        }
        response
    }
}

impl Role for Library {
    type Shared = ();
    type Order = Order;
    type Answer = ();

    fn handle(&mut self, (): &(), _now: Time, input: Input<'_, Order>, out: &mut Outbox<()>) {
        match input {
            Input::Order { call, order } => {
                self.pages.insert(order.path, order.page);
                out.answer(call, ());
            }
            Input::Request { exchange, request } => {
                let response = self.respond(request);
                out.respond(exchange, response);
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Response { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
