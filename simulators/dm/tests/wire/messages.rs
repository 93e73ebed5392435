//! Generated messages.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use twinproof_dm::document::{Element, namespace};
use twinproof_dm::syncml::{
    Alert, AlertCode, Anchor, Block, Chal, Command, Cred, Data, Exec, Format, Header, Item,
    Location, Mark, Mem, Message, Meta, Request, Results, Status, StatusCode, alert, status,
};

use crate::trees::text;

/// Media type of a serialised tree.
pub(crate) const TREE_IN_XML: &str = "application/vnd.syncml.dmtnds+xml";

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9./:_-]{1,12}"
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 4 => text()]
}

fn location() -> impl Strategy<Value = Location> {
    (word(), option::weighted(0.2, word())).prop_map(|(uri, name)| Location { uri, name })
}

fn format() -> impl Strategy<Value = Format> {
    "b64|bin|bool|chr|date|float|int|node|null|time|xml|odd".prop_map(|word| Format::from(&*word))
}

fn mark() -> impl Strategy<Value = Mark> {
    "fatal|critical|minor|warning|informational|harmless|indeterminate"
        .prop_map(|word| Mark::from(&*word))
}

fn meta() -> BoxedStrategy<Meta> {
    let anchor = (option::of(word()), word()).prop_map(|(last, next)| Anchor { last, next });
    let mem =
        (any::<bool>(), any::<u64>(), any::<u64>()).prop_map(|(shared, free_mem, free_id)| Mem {
            shared,
            free_mem,
            free_id,
        });
    (
        (
            option::of(format()),
            option::of(word()),
            option::weighted(0.2, mark()),
        ),
        option::weighted(0.2, any::<u64>()),
        option::weighted(0.1, anchor),
        option::weighted(0.1, word()),
        option::weighted(0.3, vec(any::<u8>(), 1..20)),
        option::weighted(0.2, any::<u64>()),
        option::weighted(0.2, any::<u64>()),
        vec(word(), 0..2),
        option::weighted(0.1, mem),
    )
        .prop_map(
            |(
                (format, media_type, mark),
                size,
                anchor,
                version,
                next_nonce,
                max_msg_size,
                max_obj_size,
                emi,
                mem,
            )| Meta {
                format,
                media_type,
                mark,
                size,
                anchor,
                version,
                next_nonce,
                max_msg_size,
                max_obj_size,
                emi,
                mem,
            },
        )
        .boxed()
}

fn tree() -> impl Strategy<Value = Data> {
    vec((word(), option::of(word())), 1..4).prop_map(|nodes| {
        let ddf = |name: &'static str| Element::new(namespace::DMDDF, name);
        let tree = ddf("MgmtTree").with(ddf("VerDTD").with_text("1.2"));
        let nodes = nodes.into_iter().map(|(name, value)| {
            let node = ddf("Node").with(ddf("NodeName").with_text(name));
            match value {
                Some(value) => node.with(ddf("Value").with_text(value)),
                None => node,
            }
        });
        Data::element(nodes.fold(tree, Element::with))
    })
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![6 => words().prop_map(Data::Text), 1 => tree()]
}

fn item() -> BoxedStrategy<Item> {
    (
        option::of(location()),
        option::of(location()),
        option::weighted(0.4, meta()),
        option::weighted(0.7, data()),
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(target, source, meta, data, more_data)| Item {
            target,
            source,
            meta,
            data,
            more_data,
        })
        .prop_map(|mut item| {
            if matches!(item.data, Some(Data::Markup(_))) {
                item.meta = Some(Meta::described(Format::Xml, TREE_IN_XML));
            }
            item
        })
        .boxed()
}

fn request() -> BoxedStrategy<Request> {
    (word(), option::of(meta()), vec(item(), 1..4))
        .prop_map(|(cmd_id, meta, items)| Request {
            cmd_id,
            meta,
            items,
        })
        .boxed()
}

fn alert() -> BoxedStrategy<Command> {
    let codes: Vec<AlertCode> = alert::TABLE.iter().map(|fact| fact.code).collect();
    (
        word(),
        proptest::sample::select(codes),
        option::of(word()),
        vec(item(), 0..3),
    )
        .prop_map(|(cmd_id, code, correlator, items)| {
            Command::Alert(Alert {
                cmd_id,
                code,
                correlator,
                items,
            })
        })
        .boxed()
}

fn exec() -> BoxedStrategy<Command> {
    (
        word(),
        option::of(meta()),
        option::of(word()),
        vec(item(), 1..3),
    )
        .prop_map(|(cmd_id, meta, correlator, items)| {
            Command::Exec(Exec {
                cmd_id,
                meta,
                correlator,
                items,
            })
        })
        .boxed()
}

fn cred() -> BoxedStrategy<Cred> {
    (option::of(meta()), word())
        .prop_map(|(meta, text)| Cred {
            meta,
            data: Data::Text(text),
        })
        .boxed()
}

fn status() -> BoxedStrategy<Command> {
    let codes: Vec<StatusCode> = status::TABLE.iter().map(|fact| fact.code).collect();
    (
        (word(), word(), word(), word()),
        (vec(word(), 0..3), vec(word(), 0..3)),
        option::weighted(0.1, cred()),
        option::weighted(0.3, meta().prop_map(|meta| Chal { meta })),
        proptest::sample::select(codes),
        vec(item(), 0..3),
    )
        .prop_map(
            |(
                (cmd_id, msg_ref, cmd_ref, cmd),
                (target_refs, source_refs),
                cred,
                chal,
                code,
                items,
            )| {
                Command::from(Status {
                    cmd_id,
                    msg_ref,
                    cmd_ref,
                    cmd,
                    target_refs,
                    source_refs,
                    cred,
                    chal,
                    code,
                    items,
                })
            },
        )
        .boxed()
}

fn results() -> BoxedStrategy<Command> {
    (
        (word(), option::of(word()), word()),
        option::of(meta()),
        (option::of(word()), option::of(word())),
        vec(item(), 1..3),
    )
        .prop_map(
            |((cmd_id, msg_ref, cmd_ref), meta, (target_ref, source_ref), items)| {
                Command::Results(Results {
                    cmd_id,
                    msg_ref,
                    cmd_ref,
                    meta,
                    target_ref,
                    source_ref,
                    items,
                })
            },
        )
        .boxed()
}

fn command() -> impl Strategy<Value = Command> {
    let inside = prop_oneof![
        request().prop_map(Command::Add),
        request().prop_map(Command::Copy),
        request().prop_map(Command::Delete),
        request().prop_map(Command::Get),
        request().prop_map(Command::Replace),
        alert(),
        exec(),
    ];
    let inside = inside.boxed().prop_recursive(2, 6, 3, |inner| {
        (any::<bool>(), word(), option::of(meta()), vec(inner, 1..4)).prop_map(
            |(atomic, cmd_id, meta, commands)| {
                let block = Block {
                    cmd_id,
                    meta,
                    commands,
                };
                if atomic {
                    Command::Atomic(block)
                } else {
                    Command::Sequence(block)
                }
            },
        )
    });
    prop_oneof![4 => inside, 1 => status(), 1 => results()]
}

fn header() -> BoxedStrategy<Header> {
    (
        (word(), word(), word(), word()),
        (location(), location()),
        option::weighted(0.3, word()),
        option::weighted(0.4, cred()),
        option::weighted(0.4, meta()),
    )
        .prop_map(
            |((ver_dtd, ver_proto, session_id, msg_id), (target, source), resp_uri, cred, meta)| {
                Header {
                    ver_dtd,
                    ver_proto,
                    session_id,
                    msg_id,
                    target,
                    source,
                    resp_uri,
                    cred,
                    meta,
                }
            },
        )
        .boxed()
}

/// A message that the grammar allows.
pub(crate) fn message() -> BoxedStrategy<Message> {
    (header(), vec(command(), 0..5), any::<bool>())
        .prop_map(|(header, commands, is_final)| Message {
            header,
            commands,
            is_final,
        })
        .boxed()
}
