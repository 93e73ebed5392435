//! The account of a client provisioning document as nodes of the management tree: what a client
//! makes of it (DM Bootstrap 1.2, DM StdObj 1.2).

use super::{Account, AddrType, Address, Auth, AuthLevel, AuthType};
use crate::error::{Error, Fault};
use crate::syncml::{Data, Format};
use crate::tree::acl::Acl;
use crate::tree::objects::DMACC;
use crate::tree::tnds::State;
use crate::tree::{NodeType, NodeUri, RtProperties};

impl Account {
    /// The nodes of the account, parents first, with its root at `at`. Nodes that a client names
    /// itself are numbered from 1.
    ///
    /// The root belongs to its server: it may read, overwrite and remove it. A credential whose
    /// level the account object has no word for is left out, and so are parameters of vendors.
    ///
    /// That a reference to a proxy or an access point keeps the word it has in the document is
    /// [`Basis::Assumed`](crate::Basis::Assumed): a device puts the address of a node there.
    #[must_use]
    pub fn states(&self, at: &NodeUri) -> Vec<State> {
        let mut nodes = Nodes(Vec::new());
        nodes.0.push(State {
            uri: at.clone(),
            properties: RtProperties {
                acl: Some(Acl::of_bootstrapped_account(&self.server_id)),
                format: Some(Format::Node),
                node_type: Some(NodeType::Object(DMACC.to_owned())),
                ..RtProperties::default()
            },
            value: None,
        });
        nodes.text(at, "AppID", Some("w7"));
        nodes.text(at, "ServerID", Some(&self.server_id));
        nodes.text(at, "Name", self.name.as_deref());

        let references: Vec<_> = self.proxies.iter().chain(&self.access_points).collect();
        if let Some(preferred) = references.first() {
            nodes.text(at, "PrefConRef", Some(preferred));
            nodes.each(at, "ToConRef", &references, |nodes, at, reference| {
                nodes.text(at, "ConRef", Some(reference));
            });
        }
        nodes.each(at, "AppAddr", &self.addresses, Nodes::address);
        let auths: Vec<_> = self
            .auths
            .iter()
            .filter_map(|auth| Some((auth, auth.level.in_account()?)))
            .collect();
        if !auths.is_empty() {
            nodes.each(at, "AppAuth", &auths, |nodes, at, (auth, level)| {
                nodes.auth(at, auth, level);
            });
        }
        nodes.0
    }

    /// The accounts among the nodes of a serialised tree: objects of the type of an account, in whichever
    /// version.
    ///
    /// # Errors
    ///
    /// [`Fault::Missing`] when one has no server identifier or no address.
    pub fn of_states(states: &[State]) -> Result<Vec<Self>, Error> {
        let is_account = |state: &&State| match &state.properties.node_type {
            Some(NodeType::Object(id)) => id.starts_with(OBJECT),
            _ => false,
        };
        let roots = states.iter().filter(is_account);
        roots.map(|root| Self::read(states, &root.uri)).collect()
    }

    fn read(states: &[State], at: &NodeUri) -> Result<Self, Error> {
        let value = |uri: &NodeUri| {
            let state = states.iter().find(|state| state.uri == *uri)?;
            state.value.as_ref()
        };
        let text = |at: &NodeUri, name: &str| {
            let value = value(&at.child(name))?;
            Some(value.as_text()?.to_owned())
        };
        let below = |at: &NodeUri, name: &str| -> Vec<NodeUri> {
            let above = at.child(name);
            let all = states.iter().map(|state| state.uri.clone());
            all.filter(|uri| uri.parent().as_ref() == Some(&above))
                .collect()
        };
        let missing = |what: &str| {
            let what = format!("{what} below {at}");
            Error::new(Fault::Missing, 0, what, "none")
        };
        let addresses = below(at, "AppAddr").into_iter().map(|at| Address {
            addr: text(&at, "Addr").unwrap_or_default(),
            addr_type: text(&at, "AddrType").map(|word| AddrType::from(&*word.to_uppercase())),
            ports: below(&at, "Port")
                .iter()
                .filter_map(|at| text(at, "PortNbr")?.parse().ok())
                .collect(),
        });
        let addresses: Vec<Address> = addresses.filter(|a| !a.addr.is_empty()).collect();
        if addresses.is_empty() {
            return Err(missing("an Addr"));
        }
        let auths = below(at, "AppAuth").into_iter().map(|at| Auth {
            level: match text(&at, "AAuthLevel").as_deref() {
                Some("CLCRED") => AuthLevel::AppSrv,
                Some("SRVCRED") => AuthLevel::Client,
                word => AuthLevel::from(word.unwrap_or_default()),
            },
            auth_type: text(&at, "AAuthType").map(|word| AuthType::from(&*word)),
            name: text(&at, "AAuthName"),
            secret: text(&at, "AAuthSecret"),
            data: value(&at.child("AAuthData"))
                .and_then(Data::to_octets)
                .map(std::borrow::Cow::into_owned),
        });
        let extra = below(at, "Ext").into_iter().filter_map(|leaf| {
            let value = value(&leaf)?.as_text()?.to_owned();
            Some((leaf.name()?.to_owned(), value))
        });
        Ok(Self {
            server_id: text(at, "ServerID").ok_or_else(|| missing("ServerID"))?,
            name: text(at, "Name"),
            addresses,
            auths: auths.collect(),
            extra: extra.collect(),
            ..Self::default()
        })
    }
}

/// How the identifier of an account object starts, in whichever version.
const OBJECT: &str = "urn:oma:mo:oma-dm-dmacc:";

/// Nodes on their way into a tree.
struct Nodes(Vec<State>);

impl Nodes {
    fn address(&mut self, at: &NodeUri, address: &Address) {
        self.text(at, "Addr", Some(&address.addr));
        let kind = address.addr_type.as_ref().map(|kind| match kind {
            AddrType::Ipv4 => "IPv4",
            AddrType::Ipv6 => "IPv6",
            AddrType::Uri => "URI",
            AddrType::Other(word) => word,
        });
        self.text(at, "AddrType", Some(kind.unwrap_or("URI")));
        if !address.ports.is_empty() {
            self.each(at, "Port", &address.ports, |nodes, at, port| {
                nodes.text(at, "PortNbr", Some(&port.to_string()));
            });
        }
    }

    fn auth(&mut self, at: &NodeUri, auth: &Auth, level: &str) {
        self.text(at, "AAuthLevel", Some(level));
        self.text(at, "AAuthType", auth.auth_type.as_ref().map(|t| t.as_str()));
        self.text(at, "AAuthName", auth.name.as_deref());
        self.text(at, "AAuthSecret", auth.secret.as_deref());
        if let Some(nonce) = &auth.data {
            self.leaf(at, "AAuthData", Format::Bin, Data::Octets(nonce.clone()));
        }
    }

    /// An interior node with one numbered node for each item.
    fn each<T>(
        &mut self,
        at: &NodeUri,
        name: &str,
        items: &[T],
        fill: impl Fn(&mut Self, &NodeUri, &T),
    ) {
        let above = at.child(name);
        self.interior(above.clone());
        for (index, item) in items.iter().enumerate() {
            let at = above.child((index + 1).to_string());
            self.interior(at.clone());
            fill(self, &at, item);
        }
    }

    fn interior(&mut self, uri: NodeUri) {
        self.0.push(State {
            uri,
            properties: RtProperties {
                format: Some(Format::Node),
                ..RtProperties::default()
            },
            value: None,
        });
    }

    fn text(&mut self, at: &NodeUri, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(at, name, Format::Chr, Data::Text(text.to_owned()));
        }
    }

    fn leaf(&mut self, at: &NodeUri, name: &str, format: Format, value: Data) {
        self.0.push(State {
            uri: at.child(name),
            properties: RtProperties {
                node_type: (format == Format::Chr).then(|| NodeType::Mime("text/plain".to_owned())),
                format: Some(format),
                ..RtProperties::default()
            },
            value: Some(value),
        });
    }
}
