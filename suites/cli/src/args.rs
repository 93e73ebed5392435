//! What can be typed.

pub(crate) mod bench;
pub(crate) mod worker;

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use twinproof_conformance::Faults;
use twinproof_evidence::ExitCode;
use twinproof_judge::catalogue::ENABLERS;
use twinproof_proof::serve::RUNS;
use twinproof_upper::profiles::{READY, READY_CLIENTS};

/// The seed of a run that is told none.
pub(crate) const SEED: u64 = 7;

/// Certifies OMA enablers: plays every role but the one under test, and says for each requirement
/// whether the system meets it, with the evidence.
#[derive(Debug, Parser)]
#[command(name = "twinproof", bin_name = "twinproof", version, after_help = after_help())]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn after_help() -> String {
    let mut text = String::from(
        "Examples:\n  twinproof run                             judge the built-in system\n  \
         twinproof init --base-url URL > my.toml   begin a profile of your own system\n  \
         twinproof run --sut my.toml               judge it\n  \
         twinproof explain HLF-TE-005              what a requirement demands\n\nExit codes:\n",
    );
    for code in ExitCode::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>2}  {}", code.code(), code.meaning());
    }
    text.trim_end().to_owned()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge a system: the built-in one, or the one that --sut describes
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Print a commented profile for a system of your own
    Init(Init),
    /// Run the built-in system alone, for a person with curl or another tool
    Serve(Serve),
    /// List requirements and their scenarios
    List(List),
    /// Show which scenarios judge a requirement, and their last verdicts
    Matrix(Matrix),
    /// Explain a requirement, a scenario or a ruling
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Check features, catalogue and profile without a network
    Check(Check),
    /// Print the JSON Schema of a format
    Schema(Schema),
    /// Remove what earlier runs left behind at a system
    Clean(Clean),
    /// Judge the ledger of an earlier run again, without a network
    Judge(Judge),
    /// Compare two reports: what fails now and did not, and what else moved
    Diff(Diff),
    /// Prove that the suite can say no: judge one deliberately broken system after another
    Mutants(Mutants),
    /// Look for a sequence of commands that breaks an invariant of the enabler
    Properties(Properties),
    /// Prove that the suite does not say no without cause: judge one lawful system after another
    Variants(Variants),
    /// Load a server with devices at a rate, and say how it bears it
    #[command(subcommand, after_help = bench::EXAMPLES)]
    Bench(bench::Bench),
    /// Load a server as a workload file says
    #[command(after_help = bench::FLEET_EXAMPLES)]
    Fleet(bench::Fleet),
    /// Load an LwM2M server with devices that a Locust master lets join and leave, beside those of other workers
    #[command(after_help = worker::EXAMPLES)]
    Worker(worker::Worker),
}

const RUN_EXAMPLES: &str = "\
Examples:
  twinproof run
  twinproof run --sut my.toml --requirement HLF-TE-005
  twinproof run --sut my.toml --rerun twinproof-report
  twinproof run --stage virtual --scenario twinning/enabler --seed 3";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  twinproof explain HLF-TE-005                             what it demands, what a failure means
  twinproof explain twinning/enabler/code-works-once       what it sends, and what it judges
  twinproof explain TW-C23                                 how an ambiguous text is read";

const INIT_EXAMPLES: &str = "\
Examples:
  twinproof init --base-url https://enabler.example/api > my.toml
  twinproof init --enabler lwm2m --base-url coap://server.example --upper-tester leshan > my.toml
  twinproof init --enabler lwm2m --client wakaama > my-client.toml";

const SERVE_EXAMPLES: &str = "\
Examples:
  twinproof serve > served.toml &
  twinproof run --sut served.toml

  twinproof serve --enabler lwm2m --listen 127.0.0.1:5683 > server.toml &
  twinproof run --sut server.toml

  twinproof serve --runs 2 --profiles served &
  twinproof run --sut served/sut-1.toml --report one &
  twinproof run --sut served/sut-2.toml --report two";

/// Where help lists the filters.
const FILTERS: &str = "Filters";

/// Which part of the suite. Values of one option widen the choice, different options narrow it.
#[derive(Clone, ClapArgs, Debug, Default)]
pub(crate) struct Filter {
    /// Only this enabler
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ENABLERS), help_heading = FILTERS)]
    pub(crate) enabler: Vec<String>,
    /// Only what judges this requirement, for example HLF-TE-005
    #[arg(long, value_name = "ID", help_heading = FILTERS)]
    pub(crate) requirement: Vec<String>,
    /// Only this scenario, or all below a folder: twinning/enabler
    #[arg(long, value_name = "ID", help_heading = FILTERS)]
    pub(crate) scenario: Vec<String>,
    /// Only scenarios with this tag
    #[arg(long, value_name = "TAG", help_heading = FILTERS)]
    pub(crate) tag: Vec<String>,
}

/// Where scenarios come from.
#[derive(Clone, ClapArgs, Debug, Default)]
pub(crate) struct Words {
    /// Read scenarios from this folder instead of the built-in ones; without a `requirements`
    /// folder in it, the built-in catalogue stands
    #[arg(long, value_name = "DIR")]
    pub(crate) features: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Stage {
    /// Real HTTP over sockets
    Live,
    /// No sockets, one clock: as fast as it goes, and always the same
    Virtual,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Run {
    /// The profile of the system; without it, the built-in system is judged
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: Option<PathBuf>,
    /// Where the built-in system is judged
    #[arg(long, value_enum, default_value_t = Stage::Live)]
    pub(crate) stage: Stage,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) words: Words,
    /// Only what this report says failed or was not judged, with the seed of that run
    #[arg(long, value_name = "REPORT", help_heading = FILTERS)]
    pub(crate) rerun: Option<PathBuf>,
    /// Perform every scenario that many times; all times count
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    pub(crate) repeat: u32,
    /// What all chance comes from [default: 7]
    #[arg(long, value_name = "N", value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// How many scenarios may be under way at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = whole(1, u16::MAX), allow_negative_numbers = true)]
    pub(crate) jobs: u16,
    /// Where reports and ledger go; older ones are replaced
    #[arg(long, value_name = "DIR", default_value = "twinproof-report")]
    pub(crate) report: PathBuf,
    /// What is known not to pass: the process then ends for what is new, or does not happen any more
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Begin such a file from what this run shows
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Put such a link in front of each simulated party that sends datagrams: shares of loss,
    /// duplication and reordering, and a delay, such as `loss 5%, delay 50ms`; drawn from the seed. What it
    /// loses for good is tried again
    #[arg(long, value_name = "FAULTS")]
    pub(crate) link: Option<Faults>,
    /// Write the secrets of DTLS sessions to this file, as Wireshark reads them: whoever has it can read what
    /// was captured of them
    #[arg(long, value_name = "FILE")]
    pub(crate) key_log: Option<PathBuf>,
    /// Write what passed as datagrams for Wireshark, too: a file per scenario below `pcap`
    #[arg(long)]
    pub(crate) pcap: bool,
    /// Begin no more scenarios when one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Leave out what waits for a timer that a standard fixes and that no clock hook moves: it is inconclusive
    #[arg(long)]
    pub(crate) skip_slow: bool,
    /// Ask nobody at the terminal: what a manual upper tester would have to do is inconclusive
    #[arg(long)]
    pub(crate) non_interactive: bool,
    /// Print only the answer, what is wrong, and where to go on
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = INIT_EXAMPLES)]
pub(crate) struct Init {
    /// The enabler that is to be judged
    #[arg(long, value_name = "NAME", default_value = "twinning", value_parser = PossibleValuesParser::new(ENABLERS))]
    pub(crate) enabler: String,
    /// Where the system is: a Twinning enabler without the API's own segments [default:
    /// http://127.0.0.1:8080/exampleAPI], an LwM2M server as a URL of CoAP [default: coap://127.0.0.1, or
    /// where the server of the upper tester listens], a DM server where it takes messages [default:
    /// http://127.0.0.1:8080/dm], a DM bootstrap server where devices fetch their bootstrap [default:
    /// http://127.0.0.1:8085/bootstrap/{device}]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// What an LwM2M system is [default: lwm2m-server], or a DM system [default: dm-client]
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(["lwm2m-server", "lwm2m-bootstrap-server", "dm-client", "dm-server", "dm-bootstrap-server"]))]
    pub(crate) role: Option<String>,
    /// Who makes an LwM2M server act [default: manual]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(READY.iter().map(|ready| {
        PossibleValue::new(ready.name).help(ready.about)
    })))]
    pub(crate) upper_tester: Option<String>,
    /// The profile is of an LwM2M client, and this starts it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["upper_tester", "base_url"],
          value_parser = PossibleValuesParser::new(READY_CLIENTS.iter().map(|ready| {
        PossibleValue::new(ready.name).help(ready.about)
    })))]
    pub(crate) client: Option<String>,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// What of the built-in system
    #[arg(long, value_name = "NAME", default_value = "twinning", value_parser = PossibleValuesParser::new(["twinning", "lwm2m", "dm", "gwmo"]))]
    pub(crate) enabler: String,
    /// Which role of an LwM2M system. A bootstrap server leads its devices to a server at a free port beside
    /// it, and has no hooks
    #[arg(long, value_name = "ROLE", default_value = "lwm2m-server",
          value_parser = PossibleValuesParser::new(["lwm2m-server", "lwm2m-bootstrap-server"]))]
    pub(crate) role: String,
    /// Where the system listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Where its control hooks listen: POST /control/restart, POST /control/clock?seconds=N,
    /// GET /control/state for what it holds. An LwM2M server has its clock there, and below /api the
    /// management API of Leshan's demo server; a gateway POST /control/reset instead of the state
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) control: SocketAddr,
    /// Where it expects its partner operator, or a gateway its server: a run that judges it listens there
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) peer: SocketAddr,
    /// For how many runs at the same time: each has subscribers and a partner operator of its own
    #[arg(long, value_name = "N", default_value_t = 1, requires = "profiles",
          value_parser = whole(1, RUNS), allow_negative_numbers = true)]
    pub(crate) runs: usize,
    /// Let the LwM2M server be driven by lines, too: an operation per line of the input, as ledgers have
    /// them (`{"read": {"endpoint": "NAME", "path": "/3/0/9"}}`), and what came of it on a line of the
    /// output. It ends with its input
    #[arg(long, conflicts_with = "profiles")]
    pub(crate) lines: bool,
    /// Write the profile of each run there, as sut-1.toml and so on, instead of printing one
    #[arg(long, value_name = "DIR")]
    pub(crate) profiles: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) words: Words,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Matrix {
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) words: Words,
    /// The report that verdicts are read from
    #[arg(long, value_name = "DIR", default_value = "twinproof-report")]
    pub(crate) report: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Explain {
    /// A requirement's label, a scenario's id or a ruling
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) words: Words,
}

#[derive(ClapArgs, Debug)]
#[command(
    after_help = "With --sut, the exit code is that of the run that would follow: 2 where credentials are missing,\n\
    3 where subscribers are too few for every scenario, or nobody makes an LwM2M server act."
)]
pub(crate) struct Check {
    /// The profile to check, too
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) words: Words,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// load.json, the report of `bench` and `fleet`
    Load,
    /// A system's profile (sut.toml)
    Profile,
    /// report.json
    Report,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Schema {
    /// Of which format
    #[arg(value_enum)]
    pub(crate) format: Format,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Clean {
    /// The profile of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Judge {
    /// The report directory of that run
    pub(crate) dir: PathBuf,
    /// Where reports go [default: that directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) words: Words,
    /// Print only the answer, what is wrong, and where to go on
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Exit code 1 only where something got worse: it fails now and did not, or is new and fails; or it\n\
    was good and is no longer judged, or no longer there."
)]
pub(crate) struct Diff {
    /// The older report: its directory, or its report.json
    pub(crate) before: PathBuf,
    /// The newer report
    pub(crate) after: PathBuf,
}

#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Exit code 1 unless every mutant is killed for its reason, none fails elsewhere without cause, and\n\
    every check is proven able to fail. With --mutant, checks that others prove do not count."
)]
pub(crate) struct Mutants {
    /// Only the mutants of this enabler
    #[arg(long, value_name = "NAME", default_value = "twinning", value_parser = PossibleValuesParser::new(ENABLERS))]
    pub(crate) enabler: String,
    /// Only this mutant
    #[arg(long, value_name = "NAME")]
    pub(crate) mutant: Option<String>,
    /// Run all scenarios for every mutant, not only those that can notice it
    #[arg(long)]
    pub(crate) full: bool,
    /// Over real sockets instead of the virtual stage
    #[arg(long)]
    pub(crate) real: bool,
    /// What all chance comes from
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Where mutants.json goes
    #[arg(long, value_name = "DIR", default_value = "twinproof-report")]
    pub(crate) report: PathBuf,
    /// Name all mutants, and judge none
    #[arg(long)]
    pub(crate) list: bool,
    /// Also keep what is proven of each requirement, for reports: features/proofs/ENABLER-mutants.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutant", "list"])]
    pub(crate) write: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Exit code 1 if a variant gets a fail or an error: each is a defect of the suite."
)]
pub(crate) struct Variants {
    /// Only the variants of this enabler
    #[arg(long, value_name = "NAME", default_value = "twinning", value_parser = PossibleValuesParser::new(ENABLERS))]
    pub(crate) enabler: String,
    /// Only this variant, for example variant-07
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// What all chance comes from
    #[arg(long, value_name = "N", default_value_t = SEED)]
    pub(crate) seed: u64,
    /// Where variants.json goes
    #[arg(long, value_name = "DIR", default_value = "twinproof-report")]
    pub(crate) report: PathBuf,
    /// Also keep what is proven of each requirement, for reports: features/proofs/ENABLER-variants.toml
    #[arg(long, value_name = "FILE", conflicts_with = "variant")]
    pub(crate) write: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Exit code 1 where an invariant is broken, 3 where no sequence came to its end.\n\
    A sequence that breaks one is kept in properties.json, and tried first next time. As a scenario it is\n\
    written below features/ in the same directory, from where `twinproof run --features` performs it.\n\
    With --mutants, exit code 1 unless each mutant breaks what it should within that many sequences."
)]
pub(crate) struct Properties {
    /// The profile of the system; without it, the built-in system is tried
    #[arg(long, value_name = "FILE")]
    pub(crate) sut: Option<PathBuf>,
    /// Where the built-in system is tried
    #[arg(long, value_enum, default_value_t = Stage::Virtual, conflicts_with = "sut")]
    pub(crate) stage: Stage,
    /// How many sequences of commands
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    pub(crate) cases: u32,
    /// What all chance comes from
    #[arg(long, value_name = "N", default_value_t = SEED, value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Only a violation of this one counts, for example I7
    #[arg(long, value_name = "ID")]
    pub(crate) invariant: Option<String>,
    /// Where properties.json is kept, and the scenario, or what was found of the mutants
    #[arg(long, value_name = "DIR", default_value = "twinproof-report")]
    pub(crate) report: PathBuf,
    /// Try every broken built-in system instead, and say how many sequences it took to see it broken
    #[arg(long, conflicts_with_all = ["sut", "stage", "invariant", "list"])]
    pub(crate) mutants: bool,
    /// Only this one of them
    #[arg(long, value_name = "NAME", requires = "mutants")]
    pub(crate) mutant: Option<String>,
    /// Name all invariants, and try none
    #[arg(long)]
    pub(crate) list: bool,
}

/// A whole number from `least` to `most`; errors say so.
fn whole<N>(least: N, most: N) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: Copy + Display + FromStr + PartialOrd + Send + Sync + 'static,
{
    move |typed| {
        let read = typed.parse().ok().filter(|n| (least..=most).contains(n));
        read.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

/// Where to listen.
fn address(typed: &str) -> Result<SocketAddr, String> {
    typed.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        super::Args::command().debug_assert();
    }
}
