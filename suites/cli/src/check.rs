//! `twinproof check`: everything that can be wrong before a run, without a network.

mod gwmo;

use std::collections::BTreeSet;
use std::io::Write;

use twinproof_conformance::suite::Entry;
use twinproof_conformance::{Part, devices_needed, subscribers_needed};
use twinproof_evidence::ExitCode;
use twinproof_formats::count;
use twinproof_judge::catalogue::role_of;
use twinproof_judge::condition::not_applicable;
use twinproof_judge::disclaimed;
use twinproof_judge::profile::{
    Bootstrap, Client, ClientControl, DmBootstrap, DmBootstrapTester, DmServer, DmTester, Lwm2m,
    OperationName, Security, Twinning, UpperTester,
};

use crate::args::Check;
use crate::problem::Problem;
use crate::source::Source;
use crate::{profile, select};

pub(crate) fn check(args: &Check) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let matching = args.filter.scenarios(&source)?;
    if matching.is_empty() {
        return Err(args.filter.nothing(&source));
    }
    let read = args.sut.as_deref().map(profile::read).transpose()?;
    let applicable = match &read {
        None => Vec::new(),
        Some(read) => {
            let profile = &read.declared.profile;
            let mut applicable = select::applicable(matching.iter().copied(), profile);
            applicable.retain(|entry| not_applicable(&entry.described.tags, profile).is_none());
            if applicable.is_empty() {
                return Err(select::nothing_applies(profile, &source));
            }
            applicable
        }
    };
    let files: BTreeSet<_> = matching.iter().map(|e| &e.described.feature).collect();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "features     {} in {}: every step is defined once, every tag is known",
        count(matching.len(), "scenario"),
        count(files.len(), "file")
    )?;
    writeln!(
        out,
        "catalogue    {} requirements of {} documents, {} rulings",
        source.catalogue.requirements.len(),
        source.catalogue.documents.len(),
        source.catalogue.rulings.len()
    )?;
    if source.whole {
        writeln!(
            out,
            "coverage     every requirement that scenarios can judge has one"
        )?;
    }
    if let (Some(file), Some(read)) = (&args.sut, &read) {
        let profile = &read.declared.profile;
        writeln!(
            out,
            "profile      {}: {}, {}; {}",
            file.display(),
            [profile.sut.name.as_str(), &profile.sut.version]
                .join(" ")
                .trim(),
            profile.sut.role,
            match applicable.len() {
                1 => "1 scenario applies".to_owned(),
                n => format!("{n} scenarios apply"),
            }
        )?;
        if let Some(waiting) = select::waiting(applicable.iter().copied(), profile) {
            writeln!(out, "waiting      {waiting}")?;
        }
        let mut short = 0;
        if let Some(twinning) = &profile.twinning {
            short = subscribers(&mut out, twinning, &applicable)?;
        }
        if let Some(section) = &profile.lwm2m {
            if section.server.is_some() {
                short += upper_tester(&mut out, section, &applicable)?;
            }
            if let Some(security) = &section.security {
                short += credentials(&mut out, (section, security), &applicable)?;
            }
            if let Some(client) = &section.client {
                control(&mut out, client)?;
            }
            if let Some(section) = &section.bootstrap {
                short += endpoints(&mut out, section, &applicable)?;
            }
        }
        if let Some(server) = profile
            .dm
            .as_ref()
            .and_then(|section| section.server.as_ref())
        {
            short += dm_tester(&mut out, server, &applicable)?;
            if let Some(gateways) = &server.gateways {
                let described = (&read.declared, server, gateways);
                short += gwmo::server(&mut out, described, &applicable)?;
            }
        }
        if let Some(bootstrap) = profile
            .dm
            .as_ref()
            .and_then(|section| section.bootstrap.as_ref())
        {
            short += dm_bootstrap_tester(&mut out, bootstrap, &applicable)?;
        }
        if let Some(gateway) = &profile.gwmo {
            short += gwmo::gateway(&mut out, (&read.declared, gateway), &applicable)?;
        }
        let enablers = profile.enablers().into_iter().map(str::to_owned);
        let disclaimed = disclaimed(&source.catalogue, profile, &enablers.collect::<Vec<_>>());
        if !disclaimed.is_empty() {
            writeln!(
                out,
                "claims       these bind the system and the profile does not claim them, so no run shows \
                 conformance as a whole: {}",
                disclaimed.join(", ")
            )?;
        }
        let missing = profile::missing_variables(read);
        for missing in &missing {
            writeln!(out, "environment  {missing}; a run needs it")?;
        }
        if !missing.is_empty() {
            return Ok(ExitCode::Usage);
        }
        if short > 0 {
            return Ok(ExitCode::Incomplete);
        }
    }
    Ok(ExitCode::Conformant)
}

/// Says whether there are devices enough; returns for how many scenarios there are not.
fn subscribers(
    out: &mut impl Write,
    twinning: &Twinning,
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let limit = twinning.max_secondaries;
    let needs = applicable
        .iter()
        .filter(|entry| entry.enabler == "twinning")
        .map(|entry| subscribers_needed(&entry.described, limit));
    let need = needs.clone().max().unwrap_or_default();
    let have = twinning.subscribers.len();
    let short = needs.filter(|need| *need > have).count();
    writeln!(
        out,
        "subscribers  {have} provisioned, {need} needed by the largest scenario{}",
        match short {
            0 => String::new(),
            short => format!(
                "; {} will be inconclusive for want of them",
                count(short, "scenario")
            ),
        }
    )?;
    Ok(short)
}

/// Says whether there are devices enough with credentials; returns for how many scenarios there are not.
fn credentials(
    out: &mut impl Write,
    (section, security): (&Lwm2m, &Security),
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let secured = applicable.iter().filter(|entry| {
        let part = Part::of(entry);
        part.role == "lwm2m-server" && (section.is_secured() || part.is_secured())
    });
    let needs = secured.map(|entry| devices_needed(&entry.described));
    let need = needs.clone().max().unwrap_or_default();
    let have = security.credentials.len();
    let short = needs.filter(|need| *need > have).count();
    writeln!(
        out,
        "credentials  {have} of devices, {need} needed by the largest scenario{}",
        match short {
            0 => String::new(),
            short => format!(
                "; {} will be inconclusive for want of them ([[lwm2m.security.credential]])",
                count(short, "scenario")
            ),
        }
    )?;
    Ok(short)
}

/// Says whether there are devices enough that the bootstrap server knows; returns for how many scenarios
/// there are not.
fn endpoints(
    out: &mut impl Write,
    section: &Bootstrap,
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let role = "lwm2m-bootstrap-server";
    let own = applicable
        .iter()
        .filter(|entry| role_of(&entry.enabler, &entry.described.tags) == role);
    let needs = own.map(|entry| {
        let mut steps = entry.described.steps.iter();
        1 + usize::from(steps.any(|step| step.text.contains("two devices")))
    });
    let need = needs.clone().max().unwrap_or_default();
    let have = section.endpoints.len();
    let short = needs.filter(|need| *need > have).count();
    writeln!(
        out,
        "devices      {have} known to the bootstrap server, {need} needed by the largest scenario{}",
        match short {
            0 => String::new(),
            short => format!(
                "; {} will be inconclusive for want of them ([[lwm2m.bootstrap.endpoint]])",
                count(short, "scenario")
            ),
        }
    )?;
    Ok(short)
}

/// Says who makes the server act, and what nobody can; returns how many scenarios want somebody where
/// there is nobody.
fn upper_tester(
    out: &mut impl Write,
    section: &Lwm2m,
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let acts = |entry: &&&Entry| {
        let mut steps = entry.described.steps.iter();
        entry.enabler == "lwm2m" && steps.any(|step| step.text.contains("the operator"))
    };
    let acting = applicable.iter().filter(acts).count();
    let Some(tester) = &section.upper_tester else {
        writeln!(
            out,
            "upper tester none (lwm2m.upper_tester), so {} will be inconclusive; `twinproof init --enabler \
             lwm2m --upper-tester NAME` prints one",
            count(acting, "scenario")
        )?;
        return Ok(acting);
    };
    let who = match tester {
        UpperTester::Builtin => "a hand inside".to_owned(),
        UpperTester::Command(tester) => format!("the command {}", tester.command.join(" ")),
        UpperTester::Http(tester) => format!("the API at {}", tester.base_url),
        UpperTester::Manual(_) => "a person at the terminal".to_owned(),
    };
    let lacks: Vec<String> = match tester.offers() {
        None => Vec::new(),
        Some(offers) => OperationName::ALL
            .iter()
            .filter(|name| !offers.contains(name))
            .map(ToString::to_string)
            .collect(),
    };
    let lacks = match lacks.as_slice() {
        [] => String::new(),
        lacks => format!(
            "; inconclusive is what takes {}, which it does not offer",
            lacks.join(", ")
        ),
    };
    writeln!(
        out,
        "upper tester {who}, for {}{lacks}",
        count(acting, "scenario")
    )?;
    Ok(0)
}

/// The same for a DM server.
fn dm_tester(
    out: &mut impl Write,
    server: &DmServer,
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let wants = |entry: &&&Entry, what: &str| {
        let mut steps = entry.described.steps.iter();
        entry.enabler == "dm" && steps.any(|step| step.text.starts_with(what))
    };
    let acting = |what: &str| applicable.iter().filter(|entry| wants(entry, what)).count();
    let all = acting("the operator");
    if server.accounts.is_empty() {
        let own = applicable.iter().filter(|entry| {
            entry.enabler == "dm" && role_of("dm", &entry.described.tags) == "dm-server"
        });
        writeln!(
            out,
            "devices      none is known to the server ([[dm.server.account]]), so {} will be inconclusive",
            count(own.clone().count(), "scenario")
        )?;
        return Ok(own.count());
    }
    match &server.upper_tester {
        None => {
            writeln!(
                out,
                "upper tester none (dm.server.upper_tester), so {} will be inconclusive",
                count(all, "scenario")
            )?;
            Ok(all)
        }
        Some(DmTester::Builtin) => {
            writeln!(
                out,
                "upper tester a hand inside, for {}",
                count(all, "scenario")
            )?;
            Ok(0)
        }
        Some(DmTester::Hook(hook)) => {
            let wakes = acting("the operator wakes");
            let told = match hook.events {
                Some(_) => 0,
                None => acting("the operator is told"),
            };
            let wakes = wakes
                + match hook.sip {
                    Some(_) => 0,
                    None => acting("the operator has the server wake"),
                };
            write!(
                out,
                "upper tester dm.server.upper_tester.hook.plan, for {}; inconclusive is what takes a \
                 notification ({}), which it does not make",
                count(all - wakes - told, "scenario"),
                count(wakes, "scenario")
            )?;
            match told {
                0 => writeln!(out)?,
                told => writeln!(
                    out,
                    ", and what devices did ({}), which it does not tell (hook.events)",
                    count(told, "scenario")
                )?,
            }
            Ok(0)
        }
    }
}

/// The same for a DM bootstrap server.
fn dm_bootstrap_tester(
    out: &mut impl Write,
    bootstrap: &DmBootstrap,
    applicable: &[&Entry],
) -> std::io::Result<usize> {
    let acting = |what: &str| {
        let wants = |entry: &&&Entry| {
            let mut steps = entry.described.steps.iter();
            entry.id.starts_with("dm/bootstrap/")
                && steps
                    .any(|step| step.text.starts_with("the operator") && step.text.contains(what))
        };
        applicable.iter().filter(wants).count()
    };
    let hooks = match &bootstrap.upper_tester {
        None => (false, false),
        Some(DmBootstrapTester::Builtin) => (true, true),
        Some(DmBootstrapTester::Hook(hook)) => (hook.renew.is_some(), hook.push.is_some()),
    };
    let mut short = 0;
    for (has, key, acting) in [
        (hooks.0, "renew", acting("changes")),
        (hooks.1, "push", acting("pushes")),
    ] {
        if !has && acting > 0 {
            writeln!(
                out,
                "upper tester has no dm.bootstrap.upper_tester.hook.{key}, so {} will be inconclusive",
                count(acting, "scenario")
            )?;
            short += acting;
        }
    }
    Ok(short)
}

/// Says who starts the client, and where it is expected.
fn control(out: &mut impl Write, client: &Client) -> std::io::Result<()> {
    let place = client.listen.as_deref();
    let place = place.unwrap_or("a free port of the loopback, another one in every scenario");
    let who = match &client.control {
        None => "nobody (lwm2m.client.control): the run waits for it".to_owned(),
        Some(ClientControl::Builtin) => "a hand inside".to_owned(),
        Some(ClientControl::Command(spec)) => format!("the command {}", spec.start.join(" ")),
        Some(ClientControl::Manual(_)) => "a person at the terminal".to_owned(),
    };
    writeln!(
        out,
        "client       started by {who}; it registers at {place}"
    )
}
