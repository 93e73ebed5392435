//! The section on a gateway.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_gwmo::aggregate::Results;
use twinproof_gwmo::gateway::{Mapped, Mode, Protocol};
use twinproof_gwmo::objects::Names;
use twinproof_lwm2m::wire::Path;

use super::{DmAccount, HookSpec, Span};

/// A gateway. The tester plays its server, at `harness.peer_listen`, and the devices behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gwmo {
    /// Its account of the tester's server. `device` is what the gateway calls itself.
    pub account: DmAccount,
    /// Where that server is for the gateway. The run fills it in; what is written here is for readers.
    #[schemars(example = "http://127.0.0.1:8090/dm")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Where it takes notifications by HTTP Push: without that nothing can be asked of it.
    #[schemars(example = "http://127.0.0.1:8095/push")]
    pub push: String,
    /// Where its devices send their messages: an HTTP or HTTPS URL.
    #[schemars(example = "http://127.0.0.1:8095/dm")]
    pub devices_at: String,
    /// Where it hears devices that speak in lines: an IP address and a port, by UDP.
    #[schemars(example = "127.0.0.1:8096")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_at: Option<String>,
    /// Where it hears devices of LwM2M: an IP address and a port, by UDP and without DTLS.
    #[schemars(example = "127.0.0.1:5683")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lwm2m_at: Option<String>,
    /// How long it may take for whatever is asked of it.
    #[serde(default = "Gwmo::default_patience")]
    pub patience: Span,
    /// Stops the gateway and starts it again. Without it, what survives a restart is inconclusive.
    #[schemars(example = "systemctl restart gateway")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<HookSpec>,
    /// Lets the gateway's clock jump forward by `{seconds}`. Without it, the run waits.
    #[schemars(example = "gatewayctl clock --forward {seconds}")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance_clock: Option<HookSpec>,
    /// Sets the gateway back before each scenario: it knows its accounts, and no device, group, fan-out or image
    /// of before. Without it, what takes a device that the gateway has not seen is inconclusive once it has.
    #[schemars(example = "gatewayctl reset --keep-accounts")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<HookSpec>,
    /// What the header field `X-Oma-GwMO` of a push says for a device: `{device}` stands for what it calls itself.
    #[serde(default = "Gwmo::default_named")]
    pub named: String,
    /// Where it has the results of a fan-out: reported (in the report that it has ended) or fetched (in its
    /// tree, at `names.results`).
    #[serde(default)]
    pub results: Results,
    /// A second server of the gateway, which the tester plays, too: without one, who has which rights at the
    /// gateway is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<GwmoOther>,
    /// A server that the gateway reaches over TLS, which the tester plays, too. Without it, what is said of that does
    /// not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<GwmoHttps>,
    /// A leaf with a secret of one of its accounts, which is there and which no server may read. Without it, what is
    /// said of that does not apply.
    #[schemars(example = "./DMAcc/1/AppAuth/1/AAuthSecret")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether it has an object of the type `urn:oma:mo:oma-gwmo-edtrigger`, by which servers have it bring
    /// notifications to devices. Without it, what is said of that does not apply.
    #[serde(default)]
    pub triggers: bool,
    /// What the nodes of its objects are called.
    #[serde(default)]
    pub names: Names,
    /// Its devices, which the tester plays: at least three in proxy mode, and two in transparent mode and two of
    /// different protocols in adaptation mode for what is said of those. The second in transparent mode goes, and does
    /// not come back while the gateway is judged.
    #[serde(default, rename = "device", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<GwmoDevice>,
    /// Many more devices in proxy mode, for what is said of large groups. Without them, that does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub many: Option<GwmoMany>,
    /// Label of a requirement → whether the gateway offers it. What is not named is claimed.
    #[serde(default)]
    pub claims: BTreeMap<String, bool>,
}

/// A second server of a gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoOther {
    /// Where the tester lets it take messages: the gateway's account of it leads to http:// and this address,
    /// with the path /dm.
    #[schemars(example = "127.0.0.1:8089")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where that is for the gateway. The run fills it in; what is written here is for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The gateway's account of it.
    pub account: DmAccount,
}

/// A server of a gateway that it reaches over TLS: it shows good certificates, and bad ones.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoHttps {
    /// The certificate of the authority that signs what it shows (PEM). The gateway has to trust it, for as long as
    /// it is judged. Where neither this file nor its key is there, the run makes both.
    #[schemars(example = "twinproof-authority.pem")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
    /// The key of that authority (PEM). Whoever has it can play any server to the gateway.
    #[schemars(example = "twinproof-authority.key")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_key: Option<PathBuf>,
    /// The name or address under which the gateway reaches it. The good certificate is for it.
    #[serde(default = "GwmoHttps::default_host")]
    pub host: String,
    /// Where the tester lets it take messages: the gateway's account of it leads to https://, the host and the port
    /// of this address, with the path /dm.
    #[schemars(example = "127.0.0.1:8443")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where that is for the gateway. The run fills it in; what is written here is for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The gateway's account of it.
    pub account: DmAccount,
}

impl GwmoHttps {
    fn default_host() -> String {
        Ipv4Addr::LOCALHOST.to_string()
    }
}

/// A device behind a gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoDevice {
    /// How the gateway works for it: proxy, transparent or adaptation.
    pub mode: Mode,
    /// Where the tester lets it take notifications: an address that the gateway is set up with, as
    /// http:// and this address, with the path /push.
    #[schemars(example = "127.0.0.1:8101")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// What it calls itself, and its account of the gateway. Of a device in adaptation mode `device` and
    /// `password` matter alone, and the latter only where it speaks in lines.
    pub account: DmAccount,
    /// What a device in adaptation mode speaks, and what servers see of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<GwmoForeign>,
    /// What a device in proxy mode is brought that has no account; `account` is then the one that the gateway brings
    /// it of itself. Of two such devices one is to be brought something. Without them, that is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<GwmoFresh>,
}

/// A device that has no account until the gateway brings it one.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoFresh {
    /// What it shares with its network, by which what it is brought is protected (NETWORKID, USERPIN_NETWORKID): the
    /// identity of its subscriber, or a secret.
    pub network_id: String,
    /// The PIN that its user enters, for a gateway that protects what it brings by one (USERPIN, USERPIN_NETWORKID).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Its account of the tester's server, which the gateway brings it if that server wants it to.
    pub account: DmAccount,
}

/// What is expected of a place where the tester listens.
const HERE: &str = "expected an IP address of this machine and a port, such as 127.0.0.1:8101";

/// A program, as an example.
const COMMAND_LINE: [&str; 2] = ["python3", "my-device.py"];

/// A device in adaptation mode.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoForeign {
    /// What it speaks: `lines` or `lwm2m`.
    pub protocol: Protocol,
    /// What carries its lines to the gateway, if the gateway does not hear lines by UDP: a program of the vendor's
    /// and its arguments. The program reads what the device says on standard input and writes what the gateway
    /// says on standard output, a line of JSON each; what it speaks to the gateway is its own business.
    #[schemars(example = COMMAND_LINE)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// What its record says as its protocol.
    pub listed: String,
    /// A text that servers can read and change.
    pub value: Mapped,
    /// What servers can start.
    pub action: Mapped,
}

/// Many devices behind a gateway, all in proxy mode. In the texts of their account, `{number}` stands for the
/// number of each, from 1.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GwmoMany {
    /// How many.
    #[schemars(example = 1000)]
    pub count: usize,
    /// Where the tester lets them take notifications: an address that the gateway is set up with, as http://
    /// and this address, with the number of the device from 0 and push as its path, as in /0/push.
    #[schemars(example = "127.0.0.1:8110")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// What each calls itself, and its account of the gateway.
    pub account: DmAccount,
}

impl GwmoMany {
    /// The account of the device that is the one after so many.
    pub fn account_of(&self, after: usize) -> DmAccount {
        let number = (after + 1).to_string();
        let mut account = self.account.clone();
        let texts = [&mut account.device, &mut account.name];
        let secrets = [&mut account.password, &mut account.server_password];
        for text in texts.into_iter().chain(secrets.into_iter().flatten()) {
            *text = text.replace("{number}", &number);
        }
        account
    }
}

impl Gwmo {
    fn default_named() -> String {
        "{device}".to_owned()
    }

    fn default_patience() -> Span {
        Span::from_secs(60)
    }

    /// All accounts.
    pub fn accounts(&mut self) -> impl Iterator<Item = &mut DmAccount> {
        let devices = self.devices.iter_mut().flat_map(|device| {
            let fresh = device.fresh.iter_mut().map(|fresh| &mut fresh.account);
            std::iter::once(&mut device.account).chain(fresh)
        });
        let other = self.other.iter_mut().map(|other| &mut other.account);
        let https = self.https.iter_mut().map(|https| &mut https.account);
        let many = self.many.iter_mut().map(|many| &mut many.account);
        std::iter::once(&mut self.account)
            .chain(other)
            .chain(https)
            .chain(devices)
            .chain(many)
    }

    /// What of it makes no sense: the key, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let places = [
            ("gwmo.lines_at", &self.lines_at),
            ("gwmo.lwm2m_at", &self.lwm2m_at),
        ];
        for (key, place) in places {
            if place
                .as_ref()
                .is_some_and(|place| place.parse::<SocketAddr>().is_err())
            {
                let why = "expected an IP address and a port, such as 127.0.0.1:8096";
                return Some((key, why.to_owned()));
            }
        }
        let other = self.other.as_ref().and_then(|other| other.listen.as_ref());
        let https = self.https.as_ref().and_then(|https| https.listen.as_ref());
        let many = self.many.as_ref().and_then(|many| many.listen.as_ref());
        let own = [
            ("gwmo.other.listen", other),
            ("gwmo.https.listen", https),
            ("gwmo.many.listen", many),
        ];
        let is_none = |place: &String| place.parse::<SocketAddr>().is_err();
        let misplaced = own
            .into_iter()
            .find(|(_, place)| place.is_some_and(is_none));
        if let Some((key, _)) = misplaced {
            return Some((key, HERE.to_owned()));
        }
        let wrong = self.devices.iter().find_map(|device| {
            let nowhere = device.listen.as_ref().is_some_and(is_none);
            let nowhere = nowhere.then(|| format!("listen: {HERE}"));
            let why = nowhere
                .or_else(|| device.fault(places))
                .or_else(|| device.fault_of_fresh(&self.account.server_id))?;
            Some(format!("{}: {why}", device.account.device))
        });
        wrong.map(|why| ("gwmo.device", why))
    }

    /// The devices of a mode.
    pub fn of_mode(&self, mode: Mode) -> Vec<&GwmoDevice> {
        let devices = self.devices.iter();
        devices.filter(|device| device.mode == mode).collect()
    }
}

impl GwmoDevice {
    /// Whether the gateway works for it in this mode, and it has had its account from the start.
    pub fn is_settled_in(&self, mode: Mode) -> bool {
        self.mode == mode && self.fresh.is_none()
    }

    fn fault_of_fresh(&self, server_id: &str) -> Option<String> {
        let fresh = self.fresh.as_ref()?;
        let expected = |what: &str, got: &str| Some(format!("expected {what}, got {got:?}"));
        if self.mode != Mode::Proxy {
            let why = "expected mode = \"proxy\" for a device that has no account";
            return Some(why.to_owned());
        }
        if fresh.account.device != self.account.device {
            return expected(
                "the same `device` in both of its accounts",
                &fresh.account.device,
            );
        }
        (fresh.account.server_id != server_id)
            .then(|| expected("the `server_id` of gwmo.account", &fresh.account.server_id))?
    }

    fn fault(&self, [lines, lwm2m]: [(&str, &Option<String>); 2]) -> Option<String> {
        let foreign = match (&self.foreign, self.mode) {
            (Some(foreign), Mode::Adaptation) => foreign,
            (None, Mode::Adaptation) => {
                let why = "expected a section [gwmo.device.foreign], which says what it speaks";
                return Some(why.to_owned());
            }
            (Some(_), _) => {
                let why = "expected mode = \"adaptation\", since it speaks another protocol";
                return Some(why.to_owned());
            }
            (None, _) => return None,
        };
        let ((key, place), instead) = match foreign.protocol {
            Protocol::Lines => (lines, ", or foreign.command, which finds it"),
            Protocol::Lwm2m => (lwm2m, ""),
        };
        match (foreign.command.first(), foreign.protocol) {
            (None, _) if place.is_none() => {
                return Some(format!(
                    "expected {key}, where it finds the gateway{instead}"
                ));
            }
            (Some(_), Protocol::Lwm2m) => {
                let why = "expected protocol = \"lines\", since foreign.command takes lines";
                return Some(why.to_owned());
            }
            (Some(program), _) if program.is_empty() => {
                let why = "expected a program and its arguments as foreign.command";
                return Some(why.to_owned());
            }
            _ => {}
        }
        let mapped = [&foreign.value, &foreign.action];
        mapped.into_iter().find_map(|mapped| {
            let Mapped { node, is } = mapped;
            let resource = is.parse::<Path>().is_ok_and(|path| path.depth() == 3);
            match foreign.protocol {
                _ if !node.starts_with("./") => Some(format!(
                    "expected the address of a node, such as ./Vendor/Value, got {node:?}"
                )),
                Protocol::Lwm2m if !resource => Some(format!(
                    "expected the path of a resource, such as /3/0/15, got {is:?}"
                )),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Gwmo;

    #[test]
    fn what_is_missing_of_devices_of_other_protocols_is_said() {
        let account = r#"device = "d"
server_id = "s"
name = "n"
"#;
        let read = |head: &str, device: &str| -> Gwmo {
            let base = format!(
                "push = \"http://g/push\"\ndevices_at = \"http://g/dm\"\n{head}\n[account]\n{account}\n\
                 [[device]]\n{device}\n[device.account]\n{account}"
            );
            toml::from_str(&base).unwrap()
        };
        let foreign = |protocol: &str, is: &str| {
            format!(
                "mode = \"adaptation\"\nforeign = {{ protocol = \"{protocol}\", listed = \"x\", \
                 value = {{ node = \"./A\", is = \"{is}\" }}, action = {{ node = \"./B\", is = \"{is}\" }} }}"
            )
        };
        let lines = "lines_at = \"127.0.0.1:1\"";
        let lwm2m = "lwm2m_at = \"127.0.0.1:1\"";
        assert_eq!(read(lines, &foreign("lines", "a")).fault(), None);
        assert_eq!(read(lwm2m, &foreign("lwm2m", "/3/0/1")).fault(), None);
        let fresh = |mode: &str, device: &str, server: &str| {
            format!(
                "mode = \"{mode}\"\nfresh = {{ network_id = \"1\", account = {{ device = \"{device}\", \
                 server_id = \"{server}\", name = \"n\" }} }}"
            )
        };
        assert_eq!(read("", &fresh("proxy", "d", "s")).fault(), None);
        let carried = |protocol: &str, command: &str| {
            let command = format!("\"x\", command = {command},");
            foreign(protocol, "/3/0/1").replacen("\"x\",", &command, 1)
        };
        assert_eq!(read("", &carried("lines", "['a', 'b']")).fault(), None);
        for (head, device, says) in [
            ("lines_at = \"x\"", foreign("lines", "a"), "an IP address"),
            ("", foreign("lines", "a"), "gwmo.lines_at"),
            ("", foreign("lines", "a"), "foreign.command"),
            ("", carried("lines", "['']"), "a program"),
            (lwm2m, carried("lwm2m", "['a']"), "takes lines"),
            (lines, foreign("lwm2m", "/3/0/1"), "gwmo.lwm2m_at"),
            (lwm2m, foreign("lwm2m", "/3/0"), "the path of a resource"),
            (
                lines,
                "mode = \"adaptation\"".to_owned(),
                "gwmo.device.foreign",
            ),
            (
                lines,
                foreign("lines", "a").replace("adaptation", "proxy"),
                "adaptation",
            ),
            (
                lines,
                foreign("lines", "a").replace("./A", "A"),
                "the address of a node",
            ),
            ("", fresh("transparent", "d", "s"), "mode = \"proxy\""),
            ("", fresh("proxy", "e", "s"), "got \"e\""),
            ("", fresh("proxy", "d", "t"), "gwmo.account, got \"t\""),
        ] {
            let (_, why) = read(head, &device).fault().unwrap();
            assert!(why.contains(says), "{why}");
        }
    }
}
