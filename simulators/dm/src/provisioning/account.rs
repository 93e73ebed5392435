//! The account in a client provisioning document.

use crate::document::{Element, namespace};
use crate::error::{Error, Fault, shown};
use crate::words::words;

/// What `APPID` says of a DM account.
const APP_ID: &str = "w7";

/// An `APPLICATION` characteristic for DM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// `PROVIDER-ID`: the server identifier.
    pub server_id: String,
    /// `NAME`: what the user sees.
    pub name: Option<String>,
    /// `TO-PROXY`: proxies to use, preferred first.
    pub proxies: Vec<String>,
    /// `TO-NAPID`: access points to use, preferred first.
    pub access_points: Vec<String>,
    /// `APPADDR`: where the server is; at least one.
    pub addresses: Vec<Address>,
    /// `APPAUTH`: who is who.
    pub auths: Vec<Auth>,
    /// Parameters of vendors, in order; in an account object what stands below `Ext`.
    pub extra: Vec<(String, String)>,
}

/// An `APPADDR` characteristic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `ADDR`.
    pub addr: String,
    /// `ADDRTYPE`; absent means a URI.
    pub addr_type: Option<AddrType>,
    /// `PORTNBR` of each `PORT`.
    pub ports: Vec<u16>,
}

/// An `APPAUTH` characteristic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// `AAUTHLEVEL`.
    pub level: AuthLevel,
    /// `AAUTHTYPE`.
    pub auth_type: Option<AuthType>,
    /// `AAUTHNAME`.
    pub name: Option<String>,
    /// `AAUTHSECRET`.
    pub secret: Option<String>,
    /// `AAUTHDATA`: the first nonce. It travels in base64, as peers send it; text that is not base64
    /// is taken for the octets.
    pub data: Option<Vec<u8>>,
}

words! {
    /// Kinds of addresses.
    AddrType {
        /// An address of IPv4.
        Ipv4 = "IPV4",
        /// An address of IPv6.
        Ipv6 = "IPV6",
        /// A URI.
        Uri = "URI",
    }
}

words! {
    /// Whose credential it is, in the words of client provisioning.
    AuthLevel {
        /// The client shows it to the server.
        AppSrv = "APPSRV",
        /// The server shows it to the client.
        Client = "CLIENT",
        /// For the OBEX layer.
        Obex = "OBEX",
    }
}

impl AuthLevel {
    /// The word for it in the account object (`AAuthLevel`, DM StdObj 1.2).
    #[must_use]
    pub fn in_account(&self) -> Option<&'static str> {
        match self {
            Self::AppSrv => Some("CLCRED"),
            Self::Client => Some("SRVCRED"),
            Self::Obex => Some("OBEX"),
            Self::Other(_) => None,
        }
    }
}

words! {
    /// Schemes, in the words that client provisioning and the account object share (`AAuthType`).
    AuthType {
        /// Name and password.
        Basic = "BASIC",
        /// One-time password of a DIGIPASS.
        Digipass = "DIGIPASS",
        /// MD5 digest.
        Digest = "DIGEST",
        /// Digest over the message.
        Hmac = "HMAC",
        /// Basic authentication of HTTP.
        HttpBasic = "HTTP-BASIC",
        /// Digest authentication of HTTP.
        HttpDigest = "HTTP-DIGEST",
        /// One-time password of a SAFEWORD.
        Safeword = "SAFEWORD",
        /// One-time password of a SECURID.
        SecurId = "SECURID",
        /// Left to the transport.
        Transport = "TRANSPORT",
        /// Certificates.
        X509 = "X509",
    }
}

/// A client provisioning document with these accounts and nothing else.
#[must_use]
pub fn document(accounts: &[Account]) -> Element {
    let root = element("wap-provisioningdoc").with_attribute("version", "1.0");
    accounts
        .iter()
        .map(Account::to_element)
        .fold(root, Element::with)
}

/// The DM accounts of a client provisioning document. Other applications, access points and
/// proxies are passed over.
///
/// # Errors
///
/// [`Fault::Value`] when the root is another element or a port is no number, [`Fault::Missing`]
/// when an account has no server identifier, no address, or credentials without a level.
pub fn accounts(root: &Element) -> Result<Vec<Account>, Error> {
    if root.name != "wap-provisioningdoc" {
        return Err(Error::new(
            Fault::Value,
            root.offset,
            "<wap-provisioningdoc>",
            format!("<{}>", root.name),
        ));
    }
    characteristics(root, "APPLICATION")
        .filter(|application| parm(application, "APPID") == Some(APP_ID))
        .map(Account::from_element)
        .collect()
}

impl Account {
    /// The account as a characteristic.
    #[must_use]
    pub fn to_element(&self) -> Element {
        let mut out = with(characteristic("APPLICATION"), "APPID", APP_ID);
        out = with(out, "PROVIDER-ID", &self.server_id);
        if let Some(name) = &self.name {
            out = with(out, "NAME", name);
        }
        for proxy in &self.proxies {
            out = with(out, "TO-PROXY", proxy);
        }
        for access_point in &self.access_points {
            out = with(out, "TO-NAPID", access_point);
        }
        for (name, value) in &self.extra {
            out = with(out, name, value);
        }
        for address in &self.addresses {
            let mut appaddr = with(characteristic("APPADDR"), "ADDR", &address.addr);
            if let Some(addr_type) = &address.addr_type {
                appaddr = with(appaddr, "ADDRTYPE", addr_type.as_str());
            }
            for port in &address.ports {
                appaddr = appaddr.with(with(characteristic("PORT"), "PORTNBR", &port.to_string()));
            }
            out = out.with(appaddr);
        }
        for auth in &self.auths {
            let mut appauth = with(characteristic("APPAUTH"), "AAUTHLEVEL", auth.level.as_str());
            let data = auth.data.as_deref().map(crate::base64::encode);
            for (name, value) in [
                ("AAUTHTYPE", auth.auth_type.as_ref().map(AuthType::as_str)),
                ("AAUTHNAME", auth.name.as_deref()),
                ("AAUTHSECRET", auth.secret.as_deref()),
                ("AAUTHDATA", data.as_deref()),
            ] {
                if let Some(value) = value {
                    appauth = with(appauth, name, value);
                }
            }
            out = out.with(appauth);
        }
        out
    }

    fn from_element(application: &Element) -> Result<Self, Error> {
        let all = |name| parms(application, name).map(str::to_owned).collect();
        let known = ["APPID", "PROVIDER-ID", "NAME", "TO-PROXY", "TO-NAPID"];
        let addresses = characteristics(application, "APPADDR")
            .map(Address::from_element)
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(missing(application, "an APPADDR"));
        }
        Ok(Self {
            server_id: required(application, "PROVIDER-ID")?.to_owned(),
            name: parm(application, "NAME").map(str::to_owned),
            proxies: all("TO-PROXY"),
            access_points: all("TO-NAPID"),
            addresses,
            auths: characteristics(application, "APPAUTH")
                .map(Auth::from_element)
                .collect::<Result<_, _>>()?,
            extra: application
                .children()
                .filter(|child| child.name == "parm")
                .filter_map(|child| Some((child.attribute("name")?, child)))
                .filter(|(name, _)| !known.contains(name))
                .map(|(name, child)| (name.to_owned(), value(child).to_owned()))
                .collect(),
        })
    }
}

impl Address {
    fn from_element(appaddr: &Element) -> Result<Self, Error> {
        let ports = characteristics(appaddr, "PORT").map(|port| {
            let text = required(port, "PORTNBR")?;
            text.trim()
                .parse()
                .map_err(|_| Error::new(Fault::Value, port.offset, "a port", shown(text)))
        });
        Ok(Self {
            addr: required(appaddr, "ADDR")?.to_owned(),
            addr_type: parm(appaddr, "ADDRTYPE").map(AddrType::from),
            ports: ports.collect::<Result<_, _>>()?,
        })
    }
}

impl Auth {
    fn from_element(appauth: &Element) -> Result<Self, Error> {
        let owned = |name| parm(appauth, name).map(str::to_owned);
        Ok(Self {
            level: AuthLevel::from(required(appauth, "AAUTHLEVEL")?),
            auth_type: parm(appauth, "AAUTHTYPE").map(AuthType::from),
            name: owned("AAUTHNAME"),
            secret: owned("AAUTHSECRET"),
            data: parm(appauth, "AAUTHDATA").map(|text| {
                crate::base64::decode(text).unwrap_or_else(|| text.as_bytes().to_vec())
            }),
        })
    }
}

fn element(name: &'static str) -> Element {
    Element::new(namespace::NONE, name)
}

fn characteristic(kind: &str) -> Element {
    element("characteristic").with_attribute("type", kind)
}

fn with(out: Element, name: &str, value: &str) -> Element {
    out.with(
        element("parm")
            .with_attribute("name", name)
            .with_attribute("value", value),
    )
}

fn characteristics<'e>(
    parent: &'e Element,
    kind: &'static str,
) -> impl Iterator<Item = &'e Element> {
    parent.children().filter(move |child| {
        child.name == "characteristic" && child.attribute("type") == Some(kind)
    })
}

fn parms<'e>(parent: &'e Element, name: &'static str) -> impl Iterator<Item = &'e str> {
    parent
        .children()
        .filter(move |child| child.name == "parm" && child.attribute("name") == Some(name))
        .map(value)
}

fn parm<'e>(parent: &'e Element, name: &'static str) -> Option<&'e str> {
    parms(parent, name).next()
}

/// A parameter without a value is there and says nothing.
fn value(parm: &Element) -> &str {
    parm.attribute("value").unwrap_or_default()
}

fn required<'e>(parent: &'e Element, name: &'static str) -> Result<&'e str, Error> {
    parm(parent, name).ok_or_else(|| missing(parent, name))
}

fn missing(parent: &Element, what: &str) -> Error {
    let kind = parent.attribute("type").unwrap_or("a characteristic");
    Error::new(
        Fault::Missing,
        parent.offset,
        format!("{what} in {kind}"),
        "none",
    )
}
