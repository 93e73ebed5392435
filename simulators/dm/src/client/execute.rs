//! What a package of a server does to a tree: commands one after the other, blocks that stop or are
//! undone, and questions to the user in between.

use std::collections::VecDeque;

use super::dialog::{Dialog, Reply};
use super::rules::decide::Rules;
use crate::Encoding;
use crate::Fault;
use crate::session::join::{Joined, Joiner};
use crate::store::{Given, Hand, Refusal, Tree};
use crate::syncml::{
    Alert, AlertCode, Block, Command, Exec, Item, Request, Results, Status, StatusCode,
};
use crate::tree::Address;

/// A package that is being carried out.
#[derive(Clone, Debug)]
pub struct Run {
    /// `MsgID` of the message with the commands.
    msg_ref: String,
    frames: Vec<Frame>,
    /// What the server is told, in order.
    replies: Vec<Command>,
    /// The alert that waits for the user.
    asked: Option<Alert>,
}

#[derive(Clone, Debug)]
struct Frame {
    block: Option<Undo>,
    ordered: bool,
    rest: VecDeque<Command>,
    /// Whether what is left is not carried out.
    stopped: bool,
}

/// What is needed to undo an `Atomic`.
#[derive(Clone, Debug)]
struct Undo {
    before: Tree,
    /// Where its own status stands; those of its commands follow.
    status: usize,
    failed: bool,
}

/// What a package acts on.
pub struct Scene<'a> {
    /// The tree.
    pub tree: &'a mut Tree,
    /// Whose commands they are.
    pub by: Hand<'a>,
    /// The decisions of the client.
    pub rules: &'a dyn Rules,
    /// Large objects on their way in.
    pub joiner: &'a mut Joiner,
    /// Whether objects may come in parts.
    pub large_objects: bool,
    /// The most octets that an object may have.
    pub max_object: u64,
    /// Whether there is a user to ask.
    pub user: bool,
    /// Whether blocks that are all or nothing are supported.
    pub atomic: bool,
    /// The encoding that answers are in.
    pub encoding: Encoding,
    /// Processes that were started: who asked for what.
    pub started: &'a mut Vec<Exec>,
}

impl Run {
    /// The commands of a message, none of them carried out yet.
    #[must_use]
    pub fn new(msg_ref: &str, commands: Vec<Command>) -> Self {
        Self {
            msg_ref: msg_ref.to_owned(),
            frames: vec![Frame {
                block: None,
                ordered: false,
                rest: commands.into(),
                stopped: false,
            }],
            replies: Vec::new(),
            asked: None,
        }
    }

    /// Goes on until the end, or until the user is asked.
    pub fn go_on(&mut self, scene: &mut Scene<'_>) -> Option<Dialog> {
        while let Some(frame) = self.frames.last_mut() {
            let Some(command) = frame.rest.pop_front() else {
                self.close(scene);
                continue;
            };
            if frame.stopped {
                self.not_executed(&command);
            } else if let Some(dialog) = self.carry_out(scene, command) {
                return Some(dialog);
            }
        }
        None
    }

    /// Takes what the user said; [`go_on`](Self::go_on) follows.
    pub fn answered(&mut self, scene: &Scene<'_>, dialog: &Dialog, reply: &Reply) {
        let Some(alert) = self.asked.take() else {
            return;
        };
        let (code, items) = dialog.outcome(reply);
        let mut status = self.status(&alert.cmd_id, "Alert", code);
        status.items = items;
        self.replies.push(status.into());
        self.judge(scene, code, true);
    }

    /// What the server is told, once everything is carried out.
    #[must_use]
    pub fn replies(self) -> Vec<Command> {
        self.replies
    }

    fn status(&self, cmd_ref: &str, cmd: &str, code: StatusCode) -> Status {
        Status::of("", &self.msg_ref, cmd_ref, cmd, code)
    }

    fn not_executed(&mut self, command: &Command) {
        let status = self.status(command.cmd_id(), command.name(), StatusCode::NOT_EXECUTED);
        self.replies.push(status.into());
        if let Command::Atomic(block) | Command::Sequence(block) = command {
            for command in &block.commands {
                self.not_executed(command);
            }
        }
    }

    /// What a status means for the block that the command stands in.
    fn judge(&mut self, scene: &Scene<'_>, code: StatusCode, user: bool) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if let Some(undo) = &mut frame.block
            && scene.rules.fails_atomic(code)
        {
            undo.failed = true;
            frame.stopped = true;
        }
        if frame.ordered && user && scene.rules.stops_sequence(code) {
            frame.stopped = true;
        }
    }

    fn carry_out(&mut self, scene: &mut Scene<'_>, command: Command) -> Option<Dialog> {
        if let Some(broken) = scene.joiner.interrupted(&command) {
            let mut alert = Alert::new("", AlertCode::NO_END_OF_DATA);
            alert.items.push(broken);
            self.replies.push(alert.into());
        }
        let in_atomic = self.frames.iter().any(|frame| frame.block.is_some());
        if in_atomic {
            let code = scene.rules.in_atomic(command.name());
            if code != StatusCode::OK {
                let status = self.status(command.cmd_id(), command.name(), code);
                self.replies.push(status.into());
                if let Command::Atomic(block) | Command::Sequence(block) = &command {
                    block
                        .commands
                        .iter()
                        .for_each(|inner| self.not_executed(inner));
                }
                self.judge(scene, code, false);
                return None;
            }
        }
        match command {
            Command::Status(_) | Command::Results(_) => {}
            Command::Alert(alert) => return self.alert(scene, alert),
            Command::Atomic(block) => self.open(scene, block, true),
            Command::Sequence(block) => self.open(scene, block, false),
            Command::Exec(exec) => self.exec(scene, &exec),
            Command::Get(request) => self.get(scene, &request),
            Command::Add(request) => self.each(scene, "Add", &request),
            Command::Copy(request) => self.each(scene, "Copy", &request),
            Command::Delete(request) => self.each(scene, "Delete", &request),
            Command::Replace(request) => self.each(scene, "Replace", &request),
        }
        None
    }

    fn open(&mut self, scene: &Scene<'_>, block: Block, atomic: bool) {
        let name = if atomic { "Atomic" } else { "Sequence" };
        let supported = !atomic || scene.atomic;
        let code = match supported {
            true => StatusCode::OK,
            false => StatusCode::FEATURE_NOT_SUPPORTED,
        };
        let status = self.status(&block.cmd_id, name, code);
        self.replies.push(status.into());
        self.frames.push(Frame {
            block: (atomic && supported).then(|| Undo {
                before: scene.tree.clone(),
                status: self.replies.len() - 1,
                failed: false,
            }),
            ordered: !atomic,
            rest: block.commands.into(),
            stopped: !supported,
        });
    }

    /// Ends the innermost block; one that failed leaves no trace.
    fn close(&mut self, scene: &mut Scene<'_>) {
        let Some(Frame {
            block: Some(undo), ..
        }) = self.frames.pop()
        else {
            return;
        };
        if !scene.rules.rolls_back(undo.failed) {
            return;
        }
        *scene.tree = undo.before;
        for (index, reply) in self.replies.iter_mut().enumerate().skip(undo.status) {
            if let Command::Status(status) = reply {
                if index == undo.status {
                    status.code = StatusCode::ATOMIC_FAILED;
                } else if status.code.is_success() {
                    status.code = StatusCode::ROLLED_BACK;
                }
            }
        }
    }

    fn alert(&mut self, scene: &Scene<'_>, alert: Alert) -> Option<Dialog> {
        let known = alert.code.is_user_interaction() && scene.user;
        let dialog = Dialog::of(&alert);
        let code = match dialog {
            Some(dialog) if known => {
                self.asked = Some(alert);
                return Some(dialog);
            }
            None if known => StatusCode::INCOMPLETE_COMMAND,
            _ => StatusCode::FEATURE_NOT_SUPPORTED,
        };
        let status = self.status(&alert.cmd_id, "Alert", code);
        self.replies.push(status.into());
        self.judge(scene, code, false);
        None
    }

    fn exec(&mut self, scene: &mut Scene<'_>, exec: &Exec) {
        let outcomes: Vec<_> = exec
            .items
            .iter()
            .map(|item| {
                let done = target(item).and_then(|at| scene.tree.may_exec(scene.by, &at));
                done.map(|()| scene.rules.started())
            })
            .collect();
        if outcomes.iter().all(Result::is_ok) {
            scene.started.push(exec.clone());
        }
        self.tell(scene, &exec.cmd_id, "Exec", &exec.items, outcomes);
    }

    fn get(&mut self, scene: &Scene<'_>, request: &Request) {
        let mut found = Vec::new();
        let outcomes: Vec<_> = request
            .items
            .iter()
            .map(|item| {
                let got = target(item).and_then(|at| Ok(scene.tree.get(scene.by, &at)?))?;
                let items = got
                    .entries
                    .iter()
                    .map(|entry| entry.to_item(scene.encoding));
                found.push((item, items.collect::<Vec<_>>()));
                Ok(got.code)
            })
            .collect();
        self.tell(scene, &request.cmd_id, "Get", &request.items, outcomes);
        for (asked, items) in found.into_iter().filter(|(_, items)| !items.is_empty()) {
            let several = request.items.len() > 1;
            let uri = || asked.target.as_ref().map(|target| target.uri.clone());
            self.replies.push(Command::Results(Results {
                msg_ref: Some(self.msg_ref.clone()),
                cmd_ref: request.cmd_id.clone(),
                target_ref: several.then(uri).flatten(),
                items,
                ..Results::default()
            }));
        }
    }

    fn each(&mut self, scene: &mut Scene<'_>, name: &'static str, request: &Request) {
        let mut outcomes = Vec::new();
        for item in &request.items {
            if item.more_data && !scene.large_objects {
                outcomes.push(Err(StatusCode::FEATURE_NOT_SUPPORTED.into()));
                continue;
            }
            let limit = scene.max_object;
            outcomes.push(match scene.joiner.take(name, item, limit) {
                Joined::Kept => {
                    if scene.rules.applies(false) {
                        drop(change(scene, name, request, item));
                    }
                    Ok(StatusCode::CHUNK_ACCEPTED)
                }
                Joined::Refused(code) => Err(code.into()),
                Joined::Mismatched(item) => match scene.rules.measures(false) {
                    StatusCode::OK => change(scene, name, request, &item).map(|()| StatusCode::OK),
                    code => Err(code.into()),
                },
                Joined::Whole(item) => change(scene, name, request, &item).map(|()| StatusCode::OK),
            });
        }
        self.tell(scene, &request.cmd_id, name, &request.items, outcomes);
    }

    /// One status for a command, or one for each of its items.
    fn tell(
        &mut self,
        scene: &Scene<'_>,
        cmd_ref: &str,
        cmd: &str,
        items: &[Item],
        outcomes: Vec<Result<StatusCode, Refusal>>,
    ) {
        let several = items.len() > 1;
        for (item, outcome) in items.iter().zip(outcomes) {
            let code = outcome
                .as_ref()
                .map_or_else(|refusal| refusal.code, |code| *code);
            let mut status = self.status(cmd_ref, cmd, code);
            if several {
                let uri = item.target.as_ref().map(|target| target.uri.clone());
                status.target_refs.extend(uri);
            }
            if let Err(Refusal {
                node: Some(node), ..
            }) = outcome
            {
                status.items.push(Item::at(node.to_string()));
            }
            self.replies.push(status.into());
            self.judge(scene, code, false);
        }
    }
}

fn change(
    scene: &mut Scene<'_>,
    name: &str,
    request: &Request,
    item: &Item,
) -> Result<(), Refusal> {
    let at = target(item)?;
    let meta = item.meta.as_ref().or(request.meta.as_ref());
    let mut given = Given::new(meta, item.data.as_ref());
    if let (Some(own), Some(common)) = (&item.meta, &request.meta) {
        given.format = own.format.as_ref().or(common.format.as_ref());
        given.media_type = own.media_type.as_deref().or(common.media_type.as_deref());
    }
    match name {
        "Add" => scene.tree.add(scene.by, &at, given),
        "Delete" => scene.tree.delete(scene.by, &at),
        "Replace" => scene.tree.replace(scene.by, &at, given),
        _ => {
            let source = item.source.as_ref().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
            scene.tree.copy(scene.by, &parsed(&source.uri)?, &at)
        }
    }
}

fn target(item: &Item) -> Result<Address, Refusal> {
    let target = item.target.as_ref().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
    Ok(parsed(&target.uri)?)
}

fn parsed(text: &str) -> Result<Address, StatusCode> {
    text.parse()
        .map_err(|error: crate::Error| match error.fault {
            Fault::Unsupported => StatusCode::FEATURE_NOT_SUPPORTED,
            _ => StatusCode::NOT_FOUND,
        })
}
