//! The API's structures, read from and printed to a [`Document`].
//!
//! A structure is a raw form: every field is optional text, so that it holds whatever a system sent
//! and whatever a tester wants to send. [`Role`] and [`Status`] are the strict types of what the
//! texts allow.

use crate::knobs::{Knobs, Names, VoiceMail};
use crate::tree::{Document, Tree};

/// Namespace of the API's root elements.
pub const NAMESPACE: &str = "urn:oma:xml:rest:netapi:twinning:1";
/// Namespace of the notification channel API's root elements.
pub const CHANNEL_NAMESPACE: &str = "urn:oma:xml:rest:netapi:notificationchannel:1";
/// Namespace of the common root elements.
pub const COMMON_NAMESPACE: &str = "urn:oma:xml:rest:netapi:common:1";

/// The part that a device plays in a relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Role {
    /// Shares its identity.
    Primary,
    /// Assumes the other's identity.
    Secondary,
}

impl Role {
    /// The literal of this role.
    pub fn literal(self, knobs: &Knobs) -> &str {
        match self {
            Self::Primary => &knobs.literals.primary,
            Self::Secondary => &knobs.literals.secondary,
        }
    }

    /// The role that a literal names.
    pub fn of_literal(text: &str, knobs: &Knobs) -> Option<Self> {
        [Self::Primary, Self::Secondary]
            .into_iter()
            .find(|role| role.literal(knobs) == text)
    }
}

/// The state of a relationship as one side sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Status {
    /// Not yet activated.
    Pending,
    /// The identity is shared.
    On,
    /// The relationship rests.
    Off,
}

impl Status {
    /// The literal of this status.
    pub fn literal(self, knobs: &Knobs) -> &str {
        match self {
            Self::Pending => &knobs.literals.pending,
            Self::On => &knobs.literals.on,
            Self::Off => &knobs.literals.off,
        }
    }

    /// The status that a literal names.
    pub fn of_literal(text: &str, knobs: &Knobs) -> Option<Self> {
        [Self::Pending, Self::On, Self::Off]
            .into_iter()
            .find(|status| status.literal(knobs) == text)
    }
}

/// What a twinning says of the peer device.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OtherDevice {
    /// The peer's address.
    pub address: Option<String>,
    /// The peer's operator.
    pub mno_id: Option<String>,
    /// The primary's voice-mail address, where the profile puts it here.
    pub vm_address: Option<String>,
}

/// A code and who made it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ActivationCode {
    /// The code.
    pub code: Option<String>,
    /// The operator that generated it.
    pub mno_id: Option<String>,
}

/// One side of a relationship (CR 20, type Twinning).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Twinning {
    /// As given in the request.
    pub role: Option<String>,
    /// Human-readable.
    pub name: Option<String>,
    /// The peer, once activated.
    pub other_device: Option<OtherDevice>,
    /// The code, in the response to a secondary's request.
    pub activation_code: Option<ActivationCode>,
    /// Pending, On or Off.
    pub status: Option<String>,
    /// OAuth authorization code, for the secondary.
    pub auth_code: Option<String>,
    /// The primary's voice-mail address.
    pub vm_address: Option<String>,
    /// This device's own address.
    pub own_address: Option<String>,
    /// This resource's URL.
    pub resource_url: Option<String>,
    /// A request's own element for the primary's operator, where the profile says so.
    pub primary_operator: Option<String>,
    /// A link to the resource at the other operator.
    pub link: Option<String>,
}

const PRIMARY_OPERATOR: &str = "primaryMnoId";

fn text(tree: &Tree, name: &str) -> Option<String> {
    tree.child_text(name).map(str::to_owned)
}

fn leaf(entries: &mut Vec<(String, Tree)>, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        entries.push((name.to_owned(), Tree::Leaf(value.clone())));
    }
}

impl Twinning {
    /// Reads one from below a root or list element.
    pub fn of_tree(tree: &Tree, knobs: &Knobs) -> Self {
        let n = &knobs.names;
        Self {
            role: text(tree, &n.role),
            name: text(tree, &n.name),
            other_device: tree.child(&n.other_device).map(|other| OtherDevice {
                address: text(other, &n.address),
                mno_id: text(other, &n.mno_id),
                vm_address: text(other, &n.vm_address),
            }),
            activation_code: tree.child(&n.activation_code).map(|code| ActivationCode {
                code: text(code, &n.code),
                mno_id: text(code, &n.mno_id),
            }),
            status: text(tree, &n.twinning_status),
            auth_code: text(tree, &n.auth_code),
            vm_address: text(tree, &n.vm_address),
            own_address: text(tree, &n.own_address),
            resource_url: text(tree, &n.resource_url),
            primary_operator: text(tree, PRIMARY_OPERATOR),
            link: tree.child("link").and_then(|link| text(link, "href")),
        }
    }

    /// Reads one from a body.
    pub fn of_document(document: &Document, knobs: &Knobs) -> Option<Self> {
        (document.root == knobs.names.twinning).then(|| Self::of_tree(&document.tree, knobs))
    }

    /// The tree of this twinning, elements in the order of the type's table.
    pub fn tree(&self, knobs: &Knobs) -> Tree {
        let n = &knobs.names;
        let mut entries = Vec::with_capacity(10);
        leaf(&mut entries, &n.role, self.role.as_ref());
        leaf(&mut entries, &n.name, self.name.as_ref());
        if let Some(other) = &self.other_device {
            let mut inner = Vec::new();
            leaf(&mut inner, &n.address, other.address.as_ref());
            leaf(&mut inner, &n.mno_id, other.mno_id.as_ref());
            leaf(&mut inner, &n.vm_address, other.vm_address.as_ref());
            entries.push((n.other_device.clone(), Tree::Branch(inner)));
        }
        if let Some(code) = &self.activation_code {
            let mut inner = Vec::new();
            leaf(&mut inner, &n.code, code.code.as_ref());
            leaf(&mut inner, &n.mno_id, code.mno_id.as_ref());
            entries.push((n.activation_code.clone(), Tree::Branch(inner)));
        }
        leaf(
            &mut entries,
            PRIMARY_OPERATOR,
            self.primary_operator.as_ref(),
        );
        leaf(&mut entries, &n.twinning_status, self.status.as_ref());
        leaf(&mut entries, &n.auth_code, self.auth_code.as_ref());
        leaf(&mut entries, &n.vm_address, self.vm_address.as_ref());
        leaf(&mut entries, &n.own_address, self.own_address.as_ref());
        leaf(&mut entries, &n.resource_url, self.resource_url.as_ref());
        if let Some(href) = &self.link {
            entries.push(("link".to_owned(), link("Twinning", href)));
        }
        Tree::Branch(entries)
    }

    /// The body of this twinning.
    pub fn document(&self, knobs: &Knobs) -> Document {
        api(&knobs.names.twinning, self.tree(knobs))
    }

    /// What it says: an empty element, as a JSON null is read, says as little as one that is not
    /// there, and a structure without content no more.
    #[must_use]
    pub fn said(mut self) -> Self {
        let drop_empty = |text: &mut Option<String>| {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                *text = None;
            }
        };
        if let Some(other) = &mut self.other_device {
            [&mut other.address, &mut other.mno_id, &mut other.vm_address]
                .into_iter()
                .for_each(drop_empty);
        }
        if let Some(code) = &mut self.activation_code {
            [&mut code.code, &mut code.mno_id]
                .into_iter()
                .for_each(drop_empty);
        }
        self.other_device = self.other_device.filter(|d| *d != OtherDevice::default());
        self.activation_code = self
            .activation_code
            .filter(|code| *code != ActivationCode::default());
        let texts = [
            &mut self.role,
            &mut self.name,
            &mut self.status,
            &mut self.auth_code,
            &mut self.vm_address,
            &mut self.own_address,
            &mut self.resource_url,
            &mut self.primary_operator,
            &mut self.link,
        ];
        texts.into_iter().for_each(drop_empty);
        self
    }

    /// The strict role, if the text is one.
    pub fn role(&self, knobs: &Knobs) -> Option<Role> {
        Role::of_literal(self.role.as_deref()?, knobs)
    }

    /// The strict status, if the text is one.
    pub fn status(&self, knobs: &Knobs) -> Option<Status> {
        Status::of_literal(self.status.as_deref()?, knobs)
    }

    /// The peer's address.
    pub fn other_address(&self) -> Option<&str> {
        self.other_device.as_ref()?.address.as_deref()
    }

    /// The voice-mail address, wherever the system put it (ruling TW-C2).
    pub fn voice_mail(&self) -> Option<&str> {
        self.vm_address
            .as_deref()
            .or(self.other_device.as_ref()?.vm_address.as_deref())
    }

    /// Puts the voice-mail address where the profile says.
    pub fn set_voice_mail(&mut self, address: &str, knobs: &Knobs) {
        match knobs.voice_mail {
            VoiceMail::Top => self.vm_address = Some(address.to_owned()),
            VoiceMail::OtherDevice => {
                self.other_device.get_or_insert_default().vm_address = Some(address.to_owned());
            }
            VoiceMail::None => {}
        }
    }
}

/// A document of this API.
pub fn api(root: &str, tree: Tree) -> Document {
    Document {
        root: root.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        tree,
    }
}

/// A reference to a created resource, where the whole of it is not returned (Common XSD).
pub fn reference(url: &str) -> Document {
    Document {
        root: "resourceReference".to_owned(),
        namespace: Some(COMMON_NAMESPACE.to_owned()),
        tree: Tree::Branch(vec![("resourceURL".to_owned(), Tree::Leaf(url.to_owned()))]),
    }
}

/// A link structure.
pub fn link(rel: &str, href: &str) -> Tree {
    Tree::Branch(vec![
        ("rel".to_owned(), Tree::Leaf(rel.to_owned())),
        ("href".to_owned(), Tree::Leaf(href.to_owned())),
    ])
}

/// The names that may repeat, for the structure-aware JSON dialect.
pub fn repeats(names: &Names) -> [&str; 5] {
    [
        &names.twinning,
        &names.subscription,
        "link",
        "variables",
        "resourceReference",
    ]
}

/// A user's twinnings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TwinningList {
    /// The entries in the order of the body.
    pub twinnings: Vec<Twinning>,
    /// The list's own URL.
    pub resource_url: Option<String>,
}

impl TwinningList {
    /// Reads one from a body.
    pub fn of_document(document: &Document, knobs: &Knobs) -> Option<Self> {
        (document.root == knobs.names.twinning_list).then(|| Self {
            twinnings: document
                .tree
                .children(&knobs.names.twinning)
                .map(|tree| Twinning::of_tree(tree, knobs))
                .collect(),
            resource_url: text(&document.tree, &knobs.names.resource_url),
        })
    }

    /// The body of this list.
    pub fn document(&self, knobs: &Knobs) -> Document {
        let mut entries: Vec<_> = self
            .twinnings
            .iter()
            .map(|t| (knobs.names.twinning.clone(), t.tree(knobs)))
            .collect();
        leaf(
            &mut entries,
            &knobs.names.resource_url,
            self.resource_url.as_ref(),
        );
        api(&knobs.names.twinning_list, Tree::Branch(entries))
    }
}

/// Which half of the error table an id belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExceptionKind {
    /// `serviceException`
    Service,
    /// `policyException`
    Policy,
}

/// The body of a refusal (Common XSD, requestError).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestError {
    /// Service or policy exception.
    pub kind: ExceptionKind,
    /// `SVC…` or `POL…`.
    pub message_id: String,
    /// Text with `%1`, `%2` for the variables.
    pub text: String,
    /// The variables in order.
    pub variables: Vec<String>,
}

impl RequestError {
    /// Reads one from a body; it is well-formed only with exactly one exception that has an id and a text.
    pub fn of_document(document: &Document) -> Option<Self> {
        if document.root != "requestError" {
            return None;
        }
        let service = document.tree.child("serviceException");
        let policy = document.tree.child("policyException");
        let (kind, exception) = match (service, policy) {
            (Some(tree), None) => (ExceptionKind::Service, tree),
            (None, Some(tree)) => (ExceptionKind::Policy, tree),
            _ => return None,
        };
        Some(Self {
            kind,
            message_id: text(exception, "messageId")?,
            text: text(exception, "text")?,
            variables: exception
                .children("variables")
                .filter_map(Tree::text)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The body of this refusal.
    pub fn document(&self) -> Document {
        let mut entries = vec![
            ("messageId".to_owned(), Tree::Leaf(self.message_id.clone())),
            ("text".to_owned(), Tree::Leaf(self.text.clone())),
        ];
        entries.extend(
            self.variables
                .iter()
                .map(|v| ("variables".to_owned(), Tree::Leaf(v.clone()))),
        );
        let exception = match self.kind {
            ExceptionKind::Service => "serviceException",
            ExceptionKind::Policy => "policyException",
        };
        let tree = Tree::Branch(vec![(exception.to_owned(), Tree::Branch(entries))]);
        Document {
            root: "requestError".to_owned(),
            namespace: Some(COMMON_NAMESPACE.to_owned()),
            tree,
        }
    }
}
