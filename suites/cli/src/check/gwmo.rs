//! What a profile lacks for what is said of gateways, and of servers above them.

use std::io::Write;

use twinproof_conformance::suite::Entry;
use twinproof_formats::count;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::objects::Names;
use twinproof_judge::catalogue::role_of;
use twinproof_judge::profile::{Declared, DmGateways, DmHook, DmScheme, DmServer, DmTester, Gwmo};

/// How wide a line may get, in characters.
const WIDTH: usize = 110;

/// What stands below a line that goes on.
const INDENT: &str = "             ";

/// What some scenarios take, by what is in one of their steps.
struct Need {
    /// What is in a step: any of these.
    of: &'static [&'static str],
    /// What the profile has to have.
    what: &'static str,
    /// Whether it has it.
    has: fn(&Gwmo) -> bool,
}

fn settled(gateway: &Gwmo, mode: Mode) -> usize {
    let devices = gateway.devices.iter();
    devices.filter(|device| device.is_settled_in(mode)).count()
}

/// All of them. One scenario may take several.
const NEEDS: [Need; 10] = [
    Need {
        of: &["two servers"],
        what: "a second server ([gwmo.other])",
        has: |gateway| gateway.other.is_some(),
    },
    Need {
        of: &["the gateway is restarted"],
        what: "a hook that restarts the gateway (gwmo.restart)",
        has: |gateway| gateway.restart.is_some(),
    },
    Need {
        of: &["no account"],
        what: "two [[gwmo.device]] without an account ([gwmo.device.fresh])",
        has: |gateway| {
            let fresh = gateway.devices.iter().filter(|d| d.fresh.is_some());
            fresh.count() >= 2
        },
    },
    Need {
        of: &["protects each message"],
        what: "a [[gwmo.device]] with mode = \"proxy\" whose account has scheme = \"hmac\"",
        has: |gateway| {
            let mut devices = gateway.devices.iter();
            devices.any(|d| d.is_settled_in(Mode::Proxy) && d.account.scheme == DmScheme::Hmac)
        },
    },
    Need {
        of: &[
            "two devices that have attached",
            "and another that shows",
            "and another whose are not",
            "is of another",
        ],
        what: "two [[gwmo.device]] with mode = \"proxy\"",
        has: |gateway| settled(gateway, Mode::Proxy) >= 2,
    },
    Need {
        of: &["three devices"],
        what: "three [[gwmo.device]] with mode = \"proxy\"",
        has: |gateway| settled(gateway, Mode::Proxy) >= 3,
    },
    Need {
        of: &["knows the server"],
        what: "a [[gwmo.device]] with mode = \"transparent\"",
        has: |gateway| settled(gateway, Mode::Transparent) >= 1,
    },
    Need {
        of: &["two devices that know the server"],
        what: "two [[gwmo.device]] with mode = \"transparent\"",
        has: |gateway| settled(gateway, Mode::Transparent) >= 2,
    },
    Need {
        of: &["device of another protocol"],
        what: "a [[gwmo.device]] with mode = \"adaptation\"",
        has: |gateway| settled(gateway, Mode::Adaptation) >= 1,
    },
    Need {
        of: &["two devices of different protocols"],
        what: "two [[gwmo.device]] with mode = \"adaptation\" that speak different protocols",
        has: |gateway| {
            let foreign = gateway.devices.iter().filter_map(|d| d.foreign.as_ref());
            let mut protocols = foreign.map(|foreign| foreign.protocol);
            let first = protocols.next();
            protocols.any(|protocol| Some(protocol) != first)
        },
    },
];

/// Says what a gateway's profile lacks; returns how many scenarios will be inconclusive for it.
pub(super) fn gateway(
    out: &mut impl Write,
    (declared, gateway): (&Declared, &Gwmo),
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let own: Vec<_> = of_role(applicable, "dm-gateway").collect();
    let of_mode = |mode| gateway.of_mode(mode).len();
    writeln!(
        out,
        "devices      {} in proxy mode, {} in transparent mode, {} in adaptation mode",
        of_mode(Mode::Proxy),
        of_mode(Mode::Transparent),
        of_mode(Mode::Adaptation),
    )?;
    let is_reached = |mode| mode != Mode::Adaptation;
    let nowhere = gateway
        .devices
        .iter()
        .filter(|d| is_reached(d.mode) && d.listen.is_none());
    let nowhere: Vec<&str> = nowhere.map(|d| &*d.account.device).collect();
    if !nowhere.is_empty() {
        let line = format!(
            "devices      these have no `listen`, so the gateway cannot know where they take notifications: {}",
            nowhere.join(", ")
        );
        writeln!(out, "{}", wrapped(&line))?;
    }
    if declared.profile.harness.peer_listen.is_none() {
        writeln!(
            out,
            "server       harness.peer_listen is missing, so the gateway's account leads to nobody: the tester's server \
             listens elsewhere in each run"
        )?;
    }
    let mut short = vec![false; own.len()];
    for need in NEEDS.iter().filter(|need| !(need.has)(gateway)) {
        let takes = |entry: &&Entry| {
            entry
                .described
                .steps
                .iter()
                .any(|s| need.of.iter().any(|of| s.text.contains(of)))
        };
        let places = own.iter().enumerate().filter(|(_, entry)| takes(entry));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        if places.is_empty() {
            continue;
        }
        places.iter().for_each(|place| short[*place] = true);
        writeln!(
            out,
            "lacks        {}, so {} will be inconclusive",
            need.what,
            count(places.len(), "scenario")
        )?;
    }
    if gateway.reset.is_none() {
        writeln!(
            out,
            "lacks        gwmo.reset, so what takes a device that the gateway has not seen is inconclusive from the \
             second time on"
        )?;
    }
    names(out, declared, ("gwmo.names", &gateway.names))?;
    Ok(short.into_iter().filter(|is_short| *is_short).count())
}

/// Says who has a DM server do what it does with gateways; returns how many scenarios nobody can.
pub(super) fn server(
    out: &mut impl Write,
    (declared, server, gateways): (&Declared, &DmServer, &DmGateways),
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let own: Vec<_> = of_role(applicable, "dm-server").collect();
    let all = count(own.len(), "scenario");
    names(out, declared, ("dm.server.gateways.names", &gateways.names))?;
    if server.accounts.is_empty() {
        writeln!(
            out,
            "gateways     there is no [[dm.server.account]], of which the first is the gateway's, so {all} will be \
             inconclusive"
        )?;
        return Ok(own.len());
    }
    match &server.upper_tester {
        None => {
            writeln!(
                out,
                "gateways     nobody has the server manage them (dm.server.upper_tester), so {all} will be inconclusive"
            )?;
            Ok(own.len())
        }
        Some(DmTester::Builtin) => Ok(0),
        Some(DmTester::Hook(hook)) => hooked(out, hook, &own),
    }
}

fn hooked(out: &mut impl Write, hook: &DmHook, own: &[&Entry]) -> std::io::Result<usize> {
    if hook.behind.is_none() {
        writeln!(
            out,
            "gateways     dm.server.upper_tester.hook.behind is missing, so {} will be inconclusive",
            count(own.len(), "scenario")
        )?;
        return Ok(own.len());
    }
    let told = own.iter().filter(|entry| {
        let mut steps = entry.described.steps.iter();
        hook.events.is_none() && steps.any(|step| step.text.starts_with("the operator is told"))
    });
    let told = told.count();
    write!(
        out,
        "gateways     dm.server.upper_tester.hook.behind, for {}",
        count(own.len() - told, "scenario")
    )?;
    match told {
        0 => writeln!(out)?,
        told => writeln!(
            out,
            "; inconclusive is what the operator is told ({}), which it does not tell (hook.events)",
            count(told, "scenario")
        )?,
    }
    Ok(told)
}

fn of_role<'e>(
    applicable: &'e [&'e Entry],
    role: &'e str,
) -> impl Iterator<Item = &'e Entry> + use<'e> {
    let entries = applicable.iter().copied();
    entries.filter(move |entry| {
        entry.enabler == "gwmo" && role_of(&entry.enabler, &entry.described.tags) == role
    })
}

/// Says which names of nodes nobody has written, and what comes of that.
fn names(
    out: &mut impl Write,
    declared: &Declared,
    (table, names): (&str, &Names),
) -> std::io::Result<()> {
    let all = serde_json::to_value(names).unwrap_or_default();
    let all = all.as_object().cloned().unwrap_or_default();
    let is_written = |name: &str| {
        declared
            .keys
            .iter()
            .any(|key| *key == format!("{table}.{name}"))
    };
    let (written, assumed): (Vec<_>, Vec<_>) = all.iter().partition(|(name, _)| is_written(name));
    let line = match (written.len(), assumed.len()) {
        (_, 0) => format!(
            "names        all {} of [{table}] are written",
            written.len()
        ),
        (0, all) => format!(
            "names        [{table}] writes none of the {all} names of nodes: all are assumed as `twinproof init` prints \
             them, so what fails by one is inconclusive"
        ),
        (_, _) => {
            let assumed = assumed
                .iter()
                .map(|(name, value)| format!("{name} = {value}"));
            format!(
                "names        [{table}] writes {}, and with that declares these, too, which it does not write: {}",
                written.len(),
                assumed.collect::<Vec<_>>().join(", ")
            )
        }
    };
    writeln!(out, "{}", wrapped(&line))
}

/// A line in several, if it is a long one.
fn wrapped(line: &str) -> String {
    let mut lines = vec![String::new()];
    // What stands in front of the first word is part of the line.
    let (head, rest) = line.split_at(INDENT.len().min(line.len()));
    lines[0].push_str(head);
    for word in rest.split(' ') {
        let last = lines.len() - 1;
        if lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(INDENT.to_owned());
        }
        let last = lines.len() - 1;
        if lines[last].chars().count() > INDENT.len() {
            lines[last].push(' ');
        }
        lines[last].push_str(word);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use twinproof_conformance::suite::Suite;
    use twinproof_judge::FEATURES;
    use twinproof_judge::catalogue::Catalogue;

    use super::{NEEDS, WIDTH, wrapped};

    #[test]
    fn what_is_needed_some_scenario_needs() {
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let suite = Suite::load(&FEATURES, &catalogue).unwrap();
        for need in &NEEDS {
            for of in need.of {
                let mut entries = suite.entries().iter().filter(|e| e.enabler == "gwmo");
                let takes = entries.any(|e| e.described.steps.iter().any(|s| s.text.contains(of)));
                assert!(takes, "{of}");
            }
        }
    }

    #[test]
    fn a_long_line_goes_on_below() {
        let line = format!("names        {}", ["assumed"; 40].join(" "));
        let shown = wrapped(&line);
        assert!(shown.lines().count() > 2);
        assert!(shown.lines().all(|line| line.len() <= WIDTH), "{shown}");
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words, line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}
