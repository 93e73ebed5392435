//! The built-in gateway.

use std::sync::Arc;

use twinproof_dm::client;
use twinproof_gwmo::gateway::{Shared, rules};

use crate::variants::gwmo::Shape;

/// How a gateway of this shape is set up that decides by these rules.
pub fn gateway(shape: &Shape, rules: Arc<dyn rules::decide::Rules>) -> Shared {
    let sessions = Arc::new(rules::Sessions(Arc::clone(&rules)));
    let trees = Arc::new(rules::Lists(Arc::clone(&rules)));
    let mut shared = Shared {
        names: shape.names.clone(),
        named: shape.named.to_owned(),
        pushed: shape.pushed,
        results: shape.results,
        image_part: shape.image_part,
        bootstrap: shape.bootstrap,
        protection: shape.protection,
        rules,
        client: client::Shared {
            encoding: shape.encoding,
            wbxml: shape.wbxml,
            max_message: shape.max_above,
            ..crate::dm::client(sessions, trees)
        },
        ..Shared::default()
    };
    shared.server.wbxml = shape.wbxml;
    shared.server.max_message = shape.max_below;
    for version in [&mut shared.client.ver_proto, &mut shared.server.ver_proto] {
        shape.ver_proto.clone_into(version);
    }
    shared
}
