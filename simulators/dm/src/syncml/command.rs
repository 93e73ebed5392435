//! Commands: everything that can stand in a body.

use super::{AlertCode, Chal, Cred, Item, Meta, StatusCode};

/// One command of a body, an `Atomic` or a `Sequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Create a node.
    Add(Request),
    /// Tell or ask something.
    Alert(Alert),
    /// All or nothing.
    Atomic(Block),
    /// Copy one leaf to another.
    Copy(Request),
    /// Remove a node and all below.
    Delete(Request),
    /// Start a process.
    Exec(Exec),
    /// Read a node, a property or a structure.
    Get(Request),
    /// Overwrite a value or a property.
    Replace(Request),
    /// What a `Get` found.
    Results(Results),
    /// One after the other.
    Sequence(Block),
    /// What became of a command.
    Status(Box<Status>),
}

impl Command {
    /// The element name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "Add",
            Self::Alert(_) => "Alert",
            Self::Atomic(_) => "Atomic",
            Self::Copy(_) => "Copy",
            Self::Delete(_) => "Delete",
            Self::Exec(_) => "Exec",
            Self::Get(_) => "Get",
            Self::Replace(_) => "Replace",
            Self::Results(_) => "Results",
            Self::Sequence(_) => "Sequence",
            Self::Status(_) => "Status",
        }
    }

    /// `CmdID`.
    #[must_use]
    pub fn cmd_id(&self) -> &str {
        match self {
            Self::Add(request)
            | Self::Copy(request)
            | Self::Delete(request)
            | Self::Get(request)
            | Self::Replace(request) => &request.cmd_id,
            Self::Alert(alert) => &alert.cmd_id,
            Self::Atomic(block) | Self::Sequence(block) => &block.cmd_id,
            Self::Exec(exec) => &exec.cmd_id,
            Self::Results(results) => &results.cmd_id,
            Self::Status(status) => &status.cmd_id,
        }
    }

    /// The items, in order; none for `Atomic` and `Sequence`.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        match self {
            Self::Add(request)
            | Self::Copy(request)
            | Self::Delete(request)
            | Self::Get(request)
            | Self::Replace(request) => &request.items,
            Self::Alert(alert) => &alert.items,
            Self::Atomic(_) | Self::Sequence(_) => &[],
            Self::Exec(exec) => &exec.items,
            Self::Results(results) => &results.items,
            Self::Status(status) => &status.items,
        }
    }
}

impl From<Alert> for Command {
    fn from(alert: Alert) -> Self {
        Self::Alert(alert)
    }
}

impl From<Exec> for Command {
    fn from(exec: Exec) -> Self {
        Self::Exec(exec)
    }
}

impl From<Results> for Command {
    fn from(results: Results) -> Self {
        Self::Results(results)
    }
}

impl From<Status> for Command {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// `Add`, `Copy`, `Delete`, `Get` or `Replace`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `CmdID`: unique in the message, never empty.
    pub cmd_id: String,
    /// `Meta`: holds for every item that has none of its own.
    pub meta: Option<Meta>,
    /// `Item`, at least one.
    pub items: Vec<Item>,
}

impl Request {
    /// A request about one item.
    pub fn new(cmd_id: impl Into<String>, item: Item) -> Self {
        Self {
            cmd_id: cmd_id.into(),
            meta: None,
            items: vec![item],
        }
    }
}

/// `Exec`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// `CmdID`.
    pub cmd_id: String,
    /// `Meta`.
    pub meta: Option<Meta>,
    /// `Correlator`: comes back in the generic alert that tells the outcome.
    pub correlator: Option<String>,
    /// `Item`, at least one.
    pub items: Vec<Item>,
}

/// `Alert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// `CmdID`.
    pub cmd_id: String,
    /// `Data`: the alert code.
    pub code: AlertCode,
    /// `Correlator`: quotes the `Exec` whose outcome a generic alert tells.
    pub correlator: Option<String>,
    /// `Item`.
    pub items: Vec<Item>,
}

impl Alert {
    /// An alert without items.
    pub fn new(cmd_id: impl Into<String>, code: AlertCode) -> Self {
        Self {
            cmd_id: cmd_id.into(),
            code,
            correlator: None,
            items: Vec::new(),
        }
    }
}

/// `Atomic` or `Sequence`.
///
/// What may not be inside (`Get` or another `Atomic` in an `Atomic`) is for the receiver to answer
/// with a status, not for the grammar to refuse, so it is representable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// `CmdID`.
    pub cmd_id: String,
    /// `Meta`.
    pub meta: Option<Meta>,
    /// The commands inside, at least one.
    pub commands: Vec<Command>,
}

/// `Results`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// `CmdID`.
    pub cmd_id: String,
    /// `MsgRef`: the message with the `Get`. Published examples leave it out.
    pub msg_ref: Option<String>,
    /// `CmdRef`: the `Get`.
    pub cmd_ref: String,
    /// `Meta`.
    pub meta: Option<Meta>,
    /// `TargetRef`.
    pub target_ref: Option<String>,
    /// `SourceRef`.
    pub source_ref: Option<String>,
    /// `Item`, at least one; its `Source` is the node.
    pub items: Vec<Item>,
}

/// `Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `CmdID`.
    pub cmd_id: String,
    /// `MsgRef`: the message with the command.
    pub msg_ref: String,
    /// `CmdRef`: the command; `0` for the header.
    pub cmd_ref: String,
    /// `Cmd`: the element name of the command; `SyncHdr` for the header.
    pub cmd: String,
    /// `TargetRef`: targets of the items it speaks of; none means all.
    pub target_refs: Vec<String>,
    /// `SourceRef`: likewise.
    pub source_refs: Vec<String>,
    /// `Cred`: legal in the grammar.
    pub cred: Option<Cred>,
    /// `Chal`: mandatory beside 401 and 407.
    pub chal: Option<Chal>,
    /// `Data`: the status code.
    pub code: StatusCode,
    /// `Item`: what the user entered, or the node at fault.
    pub items: Vec<Item>,
}

impl Status {
    /// The status of the header of the message `msg_ref`.
    pub fn of_header(
        cmd_id: impl Into<String>,
        msg_ref: impl Into<String>,
        code: StatusCode,
    ) -> Self {
        Self::of(cmd_id, msg_ref, "0", "SyncHdr", code)
    }

    /// The status of a command: `cmd_ref` is its identifier, `cmd` its element name.
    pub fn of(
        cmd_id: impl Into<String>,
        msg_ref: impl Into<String>,
        cmd_ref: impl Into<String>,
        cmd: impl Into<String>,
        code: StatusCode,
    ) -> Self {
        Self {
            cmd_id: cmd_id.into(),
            msg_ref: msg_ref.into(),
            cmd_ref: cmd_ref.into(),
            cmd: cmd.into(),
            target_refs: Vec::new(),
            source_refs: Vec::new(),
            cred: None,
            chal: None,
            code,
            items: Vec::new(),
        }
    }
}
