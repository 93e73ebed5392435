//! What a fan-out carries: commands of DM for each of its devices, as the body of a message.

use twinproof_dm::document::Content;
use twinproof_dm::syncml::{
    Command, Data, Format, Header, Item, Location, Message, Meta, Request, VER_DTD,
};
use twinproof_dm::upper::{Act, Put, Value};
use twinproof_dm::{Limits, xml};

/// The commands as a document.
#[must_use]
pub fn write(acts: &[Act]) -> String {
    let mut next = 1;
    let commands = acts.iter().map(|act| {
        let mut command = act.to_command(false);
        number_all(&mut command, &mut next);
        command
    });
    let message = Message {
        header: header(),
        commands: commands.collect(),
        is_final: true,
    };
    let root = message.to_element();
    let body = root.child("SyncBody").cloned().unwrap_or_default();
    xml::fragment(&body).unwrap_or_default()
}

/// Each command needs a number of its own, those inside others too.
fn number_all(command: &mut Command, next: &mut usize) {
    let id = next.to_string();
    *next += 1;
    match command {
        Command::Add(r)
        | Command::Copy(r)
        | Command::Delete(r)
        | Command::Get(r)
        | Command::Replace(r) => {
            r.cmd_id = id;
        }
        Command::Exec(exec) => exec.cmd_id = id,
        Command::Alert(alert) => alert.cmd_id = id,
        Command::Atomic(block) | Command::Sequence(block) => {
            block.cmd_id = id;
            for inner in &mut block.commands {
                number_all(inner, next);
            }
        }
        Command::Results(_) | Command::Status(_) => {}
    }
}

/// The commands in a document.
///
/// # Errors
///
/// It is no body of a message, one of the commands cannot be read, or a device may not be told it.
pub fn read(text: &str) -> Result<Vec<Act>, String> {
    let body = xml::read(text.as_bytes(), &Limits::default()).map_err(|e| e.to_string())?;
    if body.name != "SyncBody" {
        return Err(format!("expected SyncBody, got {}", body.name));
    }
    let empty = Message {
        header: header(),
        commands: Vec::new(),
        is_final: true,
    };
    let mut root = empty.to_element();
    root.content.retain(|content| match content {
        Content::Element(element) => element.name != "SyncBody",
        _ => true,
    });
    let root = root.with(body);
    let parsed = Message::from_element(root).map_err(|e| e.to_string())?;
    if let Some(refused) = parsed.refused.first() {
        return Err(format!(
            "expected commands, got a {} that is none",
            refused.name
        ));
    }
    let mut acts = Vec::new();
    for command in &parsed.message.commands {
        acts.extend(acts_of(command)?);
    }
    match acts.is_empty() {
        true => Err("expected commands, got none".to_owned()),
        false => Ok(acts),
    }
}

fn header() -> Header {
    Header {
        ver_dtd: VER_DTD.to_owned(),
        ver_proto: "DM/1.2".to_owned(),
        session_id: "1".to_owned(),
        msg_id: "1".to_owned(),
        target: Location::new("device"),
        source: Location::new("gateway"),
        resp_uri: None,
        cred: None,
        meta: None,
    }
}

/// A command with several items is as many acts.
fn acts_of(command: &Command) -> Result<Vec<Act>, String> {
    let each = |request: &Request, act: &dyn Fn(&Item, Option<&Meta>) -> Act| {
        let acts = request.items.iter().map(|item| {
            let meta = item.meta.as_ref().or(request.meta.as_ref());
            act(item, meta)
        });
        Ok(acts.collect())
    };
    let all = |commands: &[Command]| {
        let acts: Result<Vec<_>, _> = commands.iter().map(acts_of).collect();
        Ok::<Vec<Act>, String>(acts?.into_iter().flatten().collect())
    };
    match command {
        Command::Add(request) => each(request, &|item, meta| Act::Add(put(item, meta))),
        Command::Replace(request) => each(request, &|item, meta| Act::Replace(put(item, meta))),
        Command::Delete(request) => each(request, &|item, _| Act::Delete { uri: target(item) }),
        Command::Get(request) => each(request, &|item, _| Act::Get { uri: target(item) }),
        Command::Copy(request) => each(request, &|item, _| Act::Copy {
            from: item
                .source
                .as_ref()
                .map(|at| at.uri.clone())
                .unwrap_or_default(),
            to: target(item),
        }),
        Command::Exec(exec) => {
            let acts = exec.items.iter().map(|item| Act::Exec {
                uri: target(item),
                correlator: exec.correlator.clone(),
                data: item
                    .data
                    .as_ref()
                    .and_then(|data| data.as_text())
                    .map(str::to_owned),
            });
            Ok(acts.collect())
        }
        Command::Atomic(block) => Ok(vec![Act::Atomic(all(&block.commands)?)]),
        Command::Sequence(block) => Ok(vec![Act::Sequence(all(&block.commands)?)]),
        other => Err(format!(
            "expected what a server commands, got {}",
            other.name()
        )),
    }
}

fn target(item: &Item) -> String {
    item.target
        .as_ref()
        .map(|at| at.uri.clone())
        .unwrap_or_default()
}

fn put(item: &Item, meta: Option<&Meta>) -> Put {
    let format = meta.and_then(|meta| meta.format.clone());
    let binary = matches!(format, Some(Format::B64 | Format::Bin));
    let value = item.data.as_ref().map(|data| match data {
        data if binary => Value::Octets(data.to_octets().unwrap_or_default().into_owned()),
        Data::Text(text) => Value::Text(text.clone()),
        Data::Octets(octets) => Value::Octets(octets.clone()),
        Data::Markup(content) => Value::Text(content.iter().map(shown).collect()),
    });
    Put {
        uri: target(item),
        format: format
            .filter(|_| !binary)
            .map(|format| format.as_str().to_owned()),
        media_type: meta.and_then(|meta| meta.media_type.clone()),
        value,
    }
}

fn shown(content: &Content) -> String {
    match content {
        Content::Element(element) => xml::fragment(element).unwrap_or_default(),
        Content::Text(text) => text.clone(),
        Content::Octets(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use twinproof_dm::upper::{Act, Put, Value};

    use super::{read, write};

    #[test]
    fn what_is_written_is_read_again() {
        let add = Act::Add(Put {
            uri: "./Vendor/Open/a".to_owned(),
            value: Some(Value::Text("<&>".to_owned())),
            ..Put::default()
        });
        let get = Act::Get {
            uri: "./DevInfo/DevId".to_owned(),
        };
        let acts = vec![add.clone(), get, Act::Sequence(vec![add])];
        assert_eq!(read(&write(&acts)), Ok(acts));
    }

    #[test]
    fn what_is_no_body_or_orders_nothing_is_refused() {
        for text in [
            "",
            "<SyncBody>",
            "<SyncBody/>",
            "<Get/>",
            "<SyncBody xmlns='SYNCML:SYNCML1.2'><Get><CmdID>1</CmdID></Get><Final/></SyncBody>",
            "<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status></SyncBody>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let bare = "<SyncBody><Get><CmdID>1</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get></SyncBody>";
        assert_eq!(read(bare).map(|acts| acts.len()), Ok(1));
    }
}
