//! From values to the tree, in the order of the DTD.

use std::borrow::Cow;

use super::{
    Alert, Anchor, Block, Chal, Command, Cred, Data, Exec, Header, Item, Location, Mem, Message,
    Meta, Request, Results, Status,
};
use crate::document::{Element, namespace};

impl Message {
    /// The message as a tree that either codec can write.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let mut body = parent("SyncBody");
        for command in &self.commands {
            body = body.with(command.to_element());
        }
        if self.is_final {
            body = body.with(parent("Final"));
        }
        parent("SyncML").with(header(&self.header)).with(body)
    }
}

impl Command {
    /// The command as a tree.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let name = self.name();
        match self {
            Self::Add(r) | Self::Copy(r) | Self::Delete(r) | Self::Get(r) | Self::Replace(r) => {
                request(name, r)
            }
            Self::Alert(a) => alert(name, a),
            Self::Atomic(b) | Self::Sequence(b) => block(name, b),
            Self::Exec(e) => exec(name, e),
            Self::Results(r) => results(name, r),
            Self::Status(s) => status(name, s),
        }
    }
}

impl Meta {
    /// The meta information as a tree.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let info = |name, text: &dyn ToString| {
            Element::new(namespace::METINF, name).with_text(text.to_string())
        };
        let mut out = parent("Meta");
        out = optional(out, self.format.as_ref().map(|v| info("Format", v)));
        out = optional(out, self.media_type.as_ref().map(|v| info("Type", v)));
        out = optional(out, self.mark.as_ref().map(|v| info("Mark", v)));
        out = optional(out, self.size.map(|v| info("Size", &v)));
        out = optional(out, self.anchor.as_ref().map(anchor));
        out = optional(out, self.version.as_ref().map(|v| info("Version", v)));
        out = optional(
            out,
            self.next_nonce
                .as_deref()
                .map(|v| info("NextNonce", &crate::base64::encode(v))),
        );
        out = optional(out, self.max_msg_size.map(|v| info("MaxMsgSize", &v)));
        out = optional(out, self.max_obj_size.map(|v| info("MaxObjSize", &v)));
        for emi in &self.emi {
            out = out.with(info("EMI", emi));
        }
        optional(out, self.mem.as_ref().map(mem))
    }
}

fn anchor(anchor: &Anchor) -> Element {
    let info = |name, text: &String| Element::new(namespace::METINF, name).with_text(text);
    let out = Element::new(namespace::METINF, "Anchor");
    optional(out, anchor.last.as_ref().map(|v| info("Last", v))).with(info("Next", &anchor.next))
}

fn mem(mem: &Mem) -> Element {
    let info = |name| Element::new(namespace::METINF, name);
    let out = info("Mem");
    optional(out, mem.shared.then(|| info("SharedMem")))
        .with(info("FreeMem").with_text(mem.free_mem.to_string()))
        .with(info("FreeID").with_text(mem.free_id.to_string()))
}

fn header(header: &Header) -> Element {
    let out = parent("SyncHdr")
        .with(leaf("VerDTD", &header.ver_dtd))
        .with(leaf("VerProto", &header.ver_proto))
        .with(leaf("SessionID", &header.session_id))
        .with(leaf("MsgID", &header.msg_id))
        .with(location("Target", &header.target))
        .with(location("Source", &header.source));
    let out = optional(out, header.resp_uri.as_ref().map(|v| leaf("RespURI", v)));
    let out = optional(out, header.cred.as_ref().map(cred));
    optional(out, header.meta.as_ref().map(Meta::to_element))
}

fn request(name: &'static str, request: &Request) -> Element {
    let out = parent(name).with(leaf("CmdID", &request.cmd_id));
    let out = optional(out, request.meta.as_ref().map(Meta::to_element));
    items(out, &request.items)
}

fn exec(name: &'static str, exec: &Exec) -> Element {
    let out = parent(name).with(leaf("CmdID", &exec.cmd_id));
    let out = optional(out, exec.meta.as_ref().map(Meta::to_element));
    let correlator = exec.correlator.as_ref();
    let out = optional(out, correlator.map(|v| leaf("Correlator", v)));
    items(out, &exec.items)
}

fn alert(name: &'static str, alert: &Alert) -> Element {
    let out = parent(name)
        .with(leaf("CmdID", &alert.cmd_id))
        .with(leaf("Data", &alert.code.0.to_string()));
    let correlator = alert.correlator.as_ref();
    let out = optional(out, correlator.map(|v| leaf("Correlator", v)));
    items(out, &alert.items)
}

fn block(name: &'static str, block: &Block) -> Element {
    let out = parent(name).with(leaf("CmdID", &block.cmd_id));
    let out = optional(out, block.meta.as_ref().map(Meta::to_element));
    let commands = block.commands.iter().map(Command::to_element);
    commands.fold(out, Element::with)
}

fn results(name: &'static str, results: &Results) -> Element {
    let out = parent(name).with(leaf("CmdID", &results.cmd_id));
    let out = optional(out, results.msg_ref.as_ref().map(|v| leaf("MsgRef", v)))
        .with(leaf("CmdRef", &results.cmd_ref));
    let out = optional(out, results.meta.as_ref().map(Meta::to_element));
    let target_ref = results.target_ref.as_ref();
    let out = optional(out, target_ref.map(|v| leaf("TargetRef", v)));
    let source_ref = results.source_ref.as_ref();
    let out = optional(out, source_ref.map(|v| leaf("SourceRef", v)));
    items(out, &results.items)
}

fn status(name: &'static str, status: &Status) -> Element {
    let mut out = parent(name)
        .with(leaf("CmdID", &status.cmd_id))
        .with(leaf("MsgRef", &status.msg_ref))
        .with(leaf("CmdRef", &status.cmd_ref))
        .with(leaf("Cmd", &status.cmd));
    for target in &status.target_refs {
        out = out.with(leaf("TargetRef", target));
    }
    for source in &status.source_refs {
        out = out.with(leaf("SourceRef", source));
    }
    let out = optional(out, status.cred.as_ref().map(cred));
    let out = optional(out, status.chal.as_ref().map(chal));
    let out = out.with(leaf("Data", &status.code.0.to_string()));
    items(out, &status.items)
}

fn items(out: Element, items: &[Item]) -> Element {
    items.iter().map(item).fold(out, Element::with)
}

fn item(item: &Item) -> Element {
    let out = parent("Item");
    let out = optional(out, item.target.as_ref().map(|v| location("Target", v)));
    let out = optional(out, item.source.as_ref().map(|v| location("Source", v)));
    let out = optional(out, item.meta.as_ref().map(Meta::to_element));
    let out = optional(out, item.data.as_ref().map(data));
    optional(out, item.more_data.then(|| parent("MoreData")))
}

fn data(data: &Data) -> Element {
    data.to_element_in(parent("Data"))
}

fn cred(cred: &Cred) -> Element {
    let out = optional(parent("Cred"), cred.meta.as_ref().map(Meta::to_element));
    out.with(data(&cred.data))
}

fn chal(chal: &Chal) -> Element {
    parent("Chal").with(chal.meta.to_element())
}

fn location(name: &'static str, location: &Location) -> Element {
    let out = parent(name).with(leaf("LocURI", &location.uri));
    optional(out, location.name.as_ref().map(|v| leaf("LocName", v)))
}

fn parent(name: &'static str) -> Element {
    Element::new(namespace::SYNCML, Cow::Borrowed(name))
}

fn leaf(name: &'static str, text: &str) -> Element {
    parent(name).with_text(text)
}

fn optional(out: Element, child: Option<Element>) -> Element {
    match child {
        Some(child) => out.with(child),
        None => out,
    }
}
