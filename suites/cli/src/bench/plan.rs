//! `twinproof bench plan`: whether a fleet fits on this machine.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_load::{Asked, octets};

use super::{no_run, plain};
use crate::args::bench::Plan;
use crate::problem::Problem;

pub(crate) fn plan(args: &Plan) -> Result<ExitCode, Problem> {
    let costs = twinproof_load::costs(&plain(args.operation, 1), args.operation, args.dtls)
        .map_err(no_run)?;
    let asked = Asked {
        devices: args.devices,
        first: args.first,
        ports: args.ports,
        lifetime: args.lifetime.duration(),
        rate: args.rate.unwrap_or(0.0),
    };
    let plan = twinproof_load::plan(&asked, &costs, &twinproof_load::machine());
    let addresses = match plan.addresses {
        _ if args.ports.is_some() => match plan.ports {
            Some([first, last]) => format!(
                "the ports {first} to {last} of {}, a socket for each; others on this machine must have none of them",
                args.first
            ),
            None => format!("{} ports of {}, which is too few", plan.room, args.first),
        },
        Some([first, last]) if first.is_loopback() => {
            format!("{first} to {last}, of loopback: nothing to set up")
        }
        Some([first, last]) => match plan.prefix {
            Some(bits) => format!(
                "{first} to {last}: a prefix of {bits} bits or fewer has to be routed to this machine as its own (ip -6 route \
                 add local PREFIX dev lo)"
            ),
            None => {
                format!("{first} to {last}: they have to be routed to this machine as its own")
            }
        },
        None => format!("{} from {} on, which is too few", plan.room, args.first),
    };
    let memory = plan.memory.map_or(
        "this machine does not say how much it has".to_owned(),
        |memory| format!("{} may be had", octets(memory)),
    );
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} devices on this machine\n  \
         addresses  {addresses}\n  \
         memory     {} at rest ({} each), {} at work ({} for each that has just been answered); {memory}\n  \
         rate       {:.1}/s, of which {:.1}/s renew registrations once in {}\n  \
         generator  {:.1} µs of a processor for each {}, seen just now: up to {:.0}/s\n  \
         begins     all are registered after {:.1} s, if the server keeps up",
        plan.devices,
        octets(plan.at_rest),
        octets(costs.packed),
        octets(plan.at_work),
        octets(costs.awake),
        plan.rate,
        plan.upkeep,
        args.lifetime,
        costs.each_us,
        args.operation,
        plan.ceiling,
        plan.registers_in,
    )?;
    if let Some(one) = costs.association {
        writeln!(
            out,
            "  dtls       {} for the association of each device, {} in all, which is in the memory above; {:.0} µs of a \
             processor for each handshake, on this side",
            octets(one.octets),
            octets(plan.associations),
            one.handshake_us
        )?;
    }
    for missing in &plan.missing {
        writeln!(out, "  missing    {missing}")?;
    }
    match plan.missing.is_empty() {
        true => {
            writeln!(out, "it fits")?;
            Ok(ExitCode::Conformant)
        }
        false => {
            writeln!(out, "it does not fit")?;
            Ok(ExitCode::Incomplete)
        }
    }
}
