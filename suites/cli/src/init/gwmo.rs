//! Profiles of gateways.

use super::Profiled;
use crate::problem::Problem;

/// Where a gateway is unless told.
const GATEWAY: &str = "http://127.0.0.1:8095";

/// The devices behind it: the mode of each.
const DEVICES: [&str; 5] = ["proxy", "proxy", "proxy", "transparent", "transparent"];

/// The devices of other protocols: what each speaks, what the record says of that, and what a text and
/// something that can be started are in it.
const FOREIGN: [[&str; 4]; 2] = [
    ["lines", "lines", "label", "restart"],
    ["lwm2m", "LwM2M", "/3/0/15", "/3/0/12"],
];

/// A profile of a gateway.
pub(super) fn profile(base_url: Option<&str>) -> Result<String, Problem> {
    let base = base_url.unwrap_or(GATEWAY).trim_end_matches('/');
    let quoted = |text: String| toml::Value::String(text).to_string();
    let places = [
        ("push", quoted(format!("{base}/push"))),
        ("devices_at", quoted(format!("{base}/dm"))),
        ("lines_at", quoted("127.0.0.1:8096".to_owned())),
        ("lwm2m_at", quoted("127.0.0.1:5683".to_owned())),
    ];
    let account = account("IMEI:490154203237518", "manage", "gateway");
    let least = format!(
        "[gwmo]\n{}[gwmo.account]\n{}",
        table(&places),
        table(&account)
    );
    let mut profile = Profiled::begin(&least, ("My gateway", "dm-gateway"))?;
    profile.section("pace", &[]);
    profile.say(
        "# The tester plays the server of the gateway: its account leads to http:// and this address, with the\n\
         # path /dm.",
    );
    profile.section("harness", &[("peer_listen", "\"127.0.0.1:8090\"")]);
    profile.section("gwmo", &borrowed(&places));
    profile.section("gwmo.account", &borrowed(&account));
    profile.say(
        "# What the nodes of the gateway's objects are called, below their roots; the roots are found by their types.\n\
         # One that is written declares all, the others as they stand here; without any, no failure rests on them.",
    );
    profile.section("gwmo.names", &[]);
    profile.say(
        "# The devices behind the gateway, which the tester plays: those in proxy mode have accounts of the gateway.\n\
         # The gateway pushes notifications for each to http:// and its address, with the path /push. The last two\n\
         # know the server; the second of them goes, and does not come back. For what is said of devices that protect\n\
         # each message, let one in proxy mode beside the first three have an account with scheme = \"hmac\".",
    );
    for (number, mode) in (1..).zip(DEVICES) {
        let own = table(&self::account(
            &format!("IMEI:49015420323752{number}"),
            "gateway",
            &format!("hidden-{number}"),
        ));
        profile.say(&format!(
            "[[gwmo.device]]\nmode = \"{mode}\"\nlisten = \"127.0.0.1:810{number}\"\n\n\
             [gwmo.device.account]\n{own}"
        ));
    }
    profile.optional_section("gwmo", "many");
    profile.say(
        "# [gwmo.many.account]\n# device = \"urn:device:{number}\"\n# server_id = \"gateway\"\n\
         # name = \"many-{number}\"\n# password = \"password-of-many-{number}\"\n\
         # server_password = \"password-for-many-{number}\"\n",
    );
    profile.say(
        "# Devices of other protocols, which the tester plays, too: it speaks to gwmo.lines_at and gwmo.lwm2m_at. What\n\
         # `value` and `action` are for servers (`node`) and at the device (`is`) is how the gateway maps them. A gateway\n\
         # that speaks neither protocol brings a program between it and a device that speaks in lines, as\n\
         # command = [\"python3\", \"my-device.py\"] in [gwmo.device.foreign].",
    );
    for (number, [protocol, listed, value, action]) in (DEVICES.len() + 1..).zip(FOREIGN) {
        let own = table(&self::account(
            &format!("IMEI:49015420323752{number}"),
            "gateway",
            &format!("hidden-{number}"),
        ));
        profile.say(&format!(
            "[[gwmo.device]]\nmode = \"adaptation\"\n\n\
             [gwmo.device.account]\n{own}\n\
             [gwmo.device.foreign]\nprotocol = \"{protocol}\"\nlisted = \"{listed}\"\n\
             value = {{ node = \"./Vendor/Open/Twinproof\", is = \"{value}\" }}\n\
             action = {{ node = \"./Vendor/Open/Restart\", is = \"{action}\" }}"
        ));
    }
    profile.say(
        "# Two devices in proxy mode that have no account: the server has the gateway bring them one, of the gateway\n\
         # (`account`) or of the server (`fresh.account`), pushed to where they take notifications:\n\
         # [[gwmo.device]]\n# mode = \"proxy\"\n# listen = \"127.0.0.1:8111\"\n# [gwmo.device.account]\n\
         # device = \"IMEI:490154203237528\"\n# server_id = \"gateway\"\n# name = \"hidden-8\"\n\
         # password = \"password\"\n# server_password = \"password\"\n# [gwmo.device.fresh]\n\
         # network_id = \"240079999999998\"\n# [gwmo.device.fresh.account]\n\
         # device = \"IMEI:490154203237528\"\n# server_id = \"manage\"\n# name = \"newborn-8\"\n\
         # password = \"password\"\n# server_password = \"password\"",
    );
    profile.say(
        "# A second server of the gateway, which the tester plays, too, for who may do what at the gateway:\n\
         # [gwmo.other]\n# listen = \"127.0.0.1:8089\"\n# [gwmo.other.account]\n\
         # device = \"IMEI:490154203237518\"\n# server_id = \"com.example.other\"\n# name = \"gateway\"\n\
         # password = \"password\"\n# server_password = \"password\"",
    );
    profile.optional_section("gwmo", "https");
    profile.say(
        "# [gwmo.https.account]\n# device = \"IMEI:490154203237518\"\n# server_id = \"com.example.secured\"\n\
         # name = \"gateway\"\n# password = \"password\"\n# server_password = \"password\"\n",
    );
    profile.say(
        "## Label of a requirement and whether the gateway offers it. What is not named is claimed if it binds.\n\
         [gwmo.claims]\n# \"GwMO-DCIS-001\" = false",
    );
    Ok(profile.out)
}

/// The keys of an account.
fn account(device: &str, server: &str, name: &str) -> [(&'static str, String); 5] {
    [
        ("device", format!("\"{device}\"")),
        ("server_id", format!("\"com.example.{server}\"")),
        ("name", format!("\"{name}\"")),
        ("password", format!("\"password-of-{name}\"")),
        ("server_password", format!("\"password-for-{name}\"")),
    ]
}

fn borrowed<'a>(keys: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    keys.iter().map(|(key, value)| (*key, &**value)).collect()
}

fn table(keys: &[(&str, String)]) -> String {
    let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
    lines.collect()
}
