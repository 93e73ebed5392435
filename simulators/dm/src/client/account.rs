//! The accounts in a tree: who may manage the device, and how both sides prove it.

use crate::auth::Scheme;
use crate::provisioning::{AuthLevel, AuthType};
use crate::session::prove::Proof;
use crate::store::Tree;
use crate::tree::NodeUri;

/// How the identifier of an account object starts, in whichever version.
const OBJECT: &str = "urn:oma:mo:oma-dm-dmacc:";

/// An account, as the tree has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Where it is.
    pub(super) at: NodeUri,
    /// `ServerID`.
    pub(super) server: String,
    /// The first address.
    pub(super) url: String,
    /// How the client proves who it is, and where.
    pub(super) client: Option<(Proof, NodeUri)>,
    /// How the server does, and where.
    pub(super) peer: Option<(Proof, NodeUri)>,
}

impl Account {
    /// All accounts that say who the server is and where.
    pub(super) fn all(tree: &Tree) -> Vec<Self> {
        let accounts = tree.objects(OBJECT);
        accounts
            .iter()
            .filter_map(|at| Self::read(tree, at))
            .collect()
    }

    /// The account of a server.
    pub(super) fn of(tree: &Tree, server: &str) -> Option<Self> {
        Self::all(tree)
            .into_iter()
            .find(|account| account.server == server)
    }

    fn read(tree: &Tree, at: &NodeUri) -> Option<Self> {
        let text = |at: &NodeUri, name: &str| tree.text(&at.child(name)).map(str::to_owned);
        let below = |name: &str| -> Vec<NodeUri> {
            let above = at.child(name);
            let node = tree.node(&above);
            let names = node.into_iter().flat_map(|node| node.children());
            names.map(|(name, _)| above.child(name)).collect()
        };
        let proof = |level: &AuthLevel| {
            let credentials = below("AppAuth");
            let of_level = |at: &&NodeUri| {
                let word = text(at, "AAuthLevel");
                word.is_some() && word.as_deref() == level.in_account()
            };
            let at = credentials.iter().find(of_level)?;
            let kind =
                text(at, "AAuthType").map_or(AuthType::Digest, |word| AuthType::from(&*word));
            let scheme = match kind {
                AuthType::Basic => Scheme::Basic,
                AuthType::Digest => Scheme::Md5,
                AuthType::Hmac => Scheme::Mac,
                _ => return None,
            };
            let nonce = tree.node(&at.child("AAuthData"));
            let proof = Proof {
                scheme,
                name: text(at, "AAuthName").unwrap_or_default(),
                secret: text(at, "AAuthSecret").unwrap_or_default().into_bytes(),
                nonce: nonce.map(|node| node.value().to_vec()).unwrap_or_default(),
            };
            Some((proof, at.child("AAuthData")))
        };
        Some(Self {
            at: at.clone(),
            server: text(at, "ServerID")?,
            url: below("AppAddr").iter().find_map(|at| text(at, "Addr"))?,
            client: proof(&AuthLevel::AppSrv),
            peer: proof(&AuthLevel::Client),
        })
    }
}
