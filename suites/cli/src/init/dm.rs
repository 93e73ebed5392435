//! Profiles of DM systems.

use super::Profiled;
use crate::problem::Problem;

/// Where a DM server is unless told.
const SERVER: &str = "http://127.0.0.1:8080/dm";

/// Where devices fetch their bootstrap unless told.
const BOOTSTRAP: &str = "http://127.0.0.1:8085/bootstrap/{device}";

/// The roles of DM systems.
pub(super) const ROLES: [&str; 3] = ["dm-client", "dm-server", "dm-bootstrap-server"];

/// What all of them end with.
const CLAIMS: &str = "## Label of a requirement or purpose and whether the system offers it. What is not named is claimed if \
                      it binds.\n[dm.claims]\n# \"DM-HLF-016\" = false";

/// A profile of a DM system in a role.
pub(super) fn profile(role: &str, base_url: Option<&str>) -> Result<String, Problem> {
    match role {
        "dm-bootstrap-server" => bootstrap(base_url.unwrap_or(BOOTSTRAP)),
        "dm-server" => server(base_url.unwrap_or(SERVER)),
        _ if base_url.is_some() => {
            let why =
                "--base-url: a DM client is reached by nobody; expected --role dm-server beside it";
            Err(Problem::Usage(why.to_owned()))
        }
        _ => client(),
    }
}

/// The keys of a device's account.
fn account(number: usize) -> [(&'static str, String); 5] {
    [
        ("device", format!("\"IMEI:49300510059280{number}\"")),
        ("server_id", "\"com.example.manage\"".to_owned()),
        ("name", format!("\"device-{number}\"")),
        ("password", format!("\"password-of-device-{number}\"")),
        (
            "server_password",
            format!("\"password-for-device-{number}\""),
        ),
    ]
}

fn table(keys: &[(&str, String)]) -> String {
    let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
    lines.collect()
}

fn client() -> Result<String, Problem> {
    let keys = account(1);
    let least = format!("[dm.client.account]\n{}", table(&keys));
    let mut profile = Profiled::begin(&least, ("My client", "dm-client"))?;
    profile.section("pace", &[]);
    profile.say(
        "# The tester plays the server of the client: its account leads to http:// and this address, with the\n\
         # path /dm.",
    );
    profile.section("harness", &[("peer_listen", "\"127.0.0.1:8090\"")]);
    profile.section("dm.client", &[]);
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (*key, &**value)).collect();
    profile.section("dm.client.account", &keys);
    for name in ["bootstrap", "https"] {
        profile.optional_section("dm.client", name);
    }
    profile.say(CLAIMS);
    Ok(profile.out)
}

fn server(url: &str) -> Result<String, Problem> {
    let url = toml::Value::String(url.to_owned()).to_string();
    let least = format!("[dm.server]\nurl = {url}\n");
    let mut profile = Profiled::begin(&least, ("My server", "dm-server"))?;
    for name in ["pace", "tls", "network"] {
        profile.section(name, &[]);
    }
    profile.section("dm.server", &[("url", &url)]);
    profile.say(
        "# Devices that the server knows, which the tester plays: two, so that it shows whether the credentials\n\
         # of one let in another.",
    );
    for number in 1..=2 {
        let keys = account(number);
        profile.say("[[dm.server.account]]");
        match number {
            1 => {
                let keys: Vec<(&str, &str)> = keys.iter().map(|(k, v)| (*k, &**v)).collect();
                profile.keys("dm.server.account", &keys);
            }
            _ => profile.out.push_str(&table(&keys)),
        }
        profile.out.push('\n');
    }
    profile.say(
        "# Who makes the server act. Without one, all that takes one is inconclusive. A hook is a command line for the\n\
         # shell, or { method = \"POST\", url = \"https://...\", body = \"...\" }; what stands in braces, the run fills in.\n\
         # [dm.server.upper_tester.hook]",
    );
    profile.keys("dm.server.upper_tester.hook", &[]);
    profile.out.push('\n');
    profile.optional_section("dm.server", "gateways");
    profile.say(
        "# One that is written declares all, the others as they stand here; without any, no failure rests on them.",
    );
    profile.optional_section("dm.server.gateways", "names");
    profile.say(CLAIMS);
    Ok(profile.out)
}

fn bootstrap(url: &str) -> Result<String, Problem> {
    let url = toml::Value::String(url.to_owned()).to_string();
    let least = format!("[dm.bootstrap]\nurl = {url}\n");
    let mut profile = Profiled::begin(&least, ("My bootstrap server", "dm-bootstrap-server"))?;
    for name in ["pace", "tls", "network"] {
        profile.section(name, &[]);
    }
    profile.section("dm.bootstrap", &[("url", &url)]);
    profile.say(
        "# Devices that the server knows, which the tester plays: one for each way in which it protects a bootstrap,\n\
         # and two at least. What it does not offer, [dm.claims] says: DM-BSS-02 and DM-BSS-03 are the PIN alone and\n\
         # beside the identity, DM-SEC-001 the secret in its place.",
    );
    for (number, protection) in (1..).zip(["networkid", "userpin"]) {
        let device = format!("\"IMEI:49300510059281{number}\"");
        let keys = [
            ("device", &*device),
            ("server_id", "\"com.example.manage\""),
            ("protection", &format!("\"{protection}\"")),
            match protection {
                "networkid" => ("network_id_env", "\"NETWORK_ID_1\""),
                _ => ("pin_env", "\"PIN_2\""),
            },
        ];
        profile.say("[[dm.bootstrap.device]]");
        match number {
            1 => profile.keys("dm.bootstrap.device", &keys),
            _ => {
                let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
                profile.out.extend(lines);
            }
        }
        profile.out.push('\n');
    }
    profile.say(CLAIMS);
    Ok(profile.out)
}
