//! `twinproof worker`: devices that a Locust master lets join and leave, beside those of other workers.

mod tally;
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rmpv::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use twinproof_evidence::ExitCode;
use twinproof_load::{
    Arrivals, Leaving, NoRun, Operation, Run, Shard, Stage, Steer, Target, Workload,
};

use self::tally::{Entry, Tally};
use self::wire::{Said, VERSION, Wire, counts, map};
use super::{System, checked, no_run, plain, tell};
use crate::args::worker::Worker;
use crate::problem::Problem;
use crate::watch;

const LOCUSTFILE: &str = include_str!("locustfile.py");

/// How often a master hears that the worker is there, and what was measured: as often as from Locust's own workers.
const BEAT: Duration = Duration::from_secs(1);
const REPORT: Duration = Duration::from_secs(3);

/// After so long without a word of the master the worker connects anew, and after so long it ends.
const SILENCE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what was said last may take to leave this machine.
const LINGER: Duration = Duration::from_millis(200);

pub(crate) fn worker(args: &Worker) -> Result<ExitCode, Problem> {
    let Some(host) = &args.locust else {
        write!(std::io::stdout(), "{LOCUSTFILE}")?;
        return Ok(ExitCode::Conformant);
    };
    let workload = workload(args)?;
    let against = &args.against;
    let system = System::find(against.sut.as_deref(), against.dtls, &workload)?;
    let system = system.seen_as(against.sut_pid)?;
    let system = system.agreed(against.target_consent.clone());
    // Whoever has not agreed is asked before a master is.
    let target = system.target()?;
    target.check(workload.devices.first).map_err(no_run)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    runtime.block_on(async {
        let wire = open(host).await?;
        let (events, heard) = unbounded_channel();
        let session = Session {
            args,
            workload,
            target,
            wire,
            events,
            shard: args.shard,
            classes: Vec::new(),
            spawned: 0.0,
            state: State::Ready,
            going: None,
            runs: 0,
            worst: ExitCode::Conformant,
            cpu: Cpu::default(),
        };
        session.attend(heard).await
    })
}

fn workload(args: &Worker) -> Result<Workload, Problem> {
    let mut mix = BTreeMap::new();
    for share in args.shares() {
        *mix.entry(share.operation).or_insert(0) += share.share;
    }
    let first = mix.keys().next().copied().unwrap_or(Operation::Update);
    let names: Vec<_> = mix.keys().map(|one| one.name()).collect();
    checked(Workload {
        name: format!("{}, steered by Locust", names.join(" and ")),
        mix,
        seed: args.seed,
        arrivals: match args.poisson {
            true => Arrivals::Poisson,
            false => Arrivals::Even,
        },
        thresholds: args.thresholds.clone(),
        stages: vec![Stage {
            from: None,
            rate: args.each * f64::from(args.devices),
            span: args.span,
        }],
        ..plain(first, args.devices)
    })
}

/// A connection with the master, which perhaps begins later than its workers.
async fn open(host: &str) -> Result<Wire, Problem> {
    let id = format!(
        "{}_{:x}_{:x}",
        hostname(),
        std::process::id(),
        now().as_nanos()
    );
    let began = Instant::now();
    loop {
        match Wire::open(host, id.clone()).await {
            Ok(wire) => return Ok(wire),
            Err(why) if began.elapsed() >= PATIENCE => {
                return Err(Problem::Usage(format!(
                    "--locust {host}: expected a Locust master within {PATIENCE:?}: {why}"
                )));
            }
            Err(_) => tokio::time::sleep(BEAT).await,
        }
    }
}

fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or("twinproof".to_owned(), |name| name.trim().to_owned())
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn says(line: &str) {
    // Nobody reads what cannot be printed.
    drop(writeln!(anstream::stderr(), "{line}"));
}

/// What comes from the thread in which devices are.
enum Event {
    /// What was measured since the last time.
    Counted(BTreeMap<Operation, Entry>),
    /// The run is over.
    Over(Box<Result<Run, NoRun>>),
    /// So many devices take part after so many steps, and whether all do that are to and can.
    Taking {
        present: u64,
        is_settled: bool,
        steps: usize,
    },
}

/// How far the worker is, as a master knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Ready,
    Running,
    Spawning,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Spawning => "spawning",
        }
    }
}

/// What happens once a run is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    /// The worker waits for the next.
    Stay,
    /// It ends, as the master said.
    Quit,
    /// It ends, and tells the master.
    Leave,
}

/// A run that goes on.
struct Going {
    helm: mpsc::Sender<Steer>,
    steps: usize,
    present: u64,
    began: f64,
    told: [u64; 2],
    /// It is to be over.
    ends: Option<Then>,
}

struct Session<'a> {
    args: &'a Worker,
    workload: Workload,
    target: Target<'a>,
    wire: Wire,
    events: UnboundedSender<Event>,
    shard: Option<Shard>,
    /// How many users there are to be of each class, as the master last said.
    classes: Vec<(String, u64)>,
    spawned: f64,
    state: State,
    going: Option<Going>,
    runs: u32,
    worst: ExitCode,
    cpu: Cpu,
}

impl Session<'_> {
    async fn attend(mut self, mut events: UnboundedReceiver<Event>) -> Result<ExitCode, Problem> {
        let mut beat = tokio::time::interval(BEAT);
        let signal = watch::signal();
        tokio::pin!(signal);
        let mut is_signalled = false;
        let mut heard = Instant::now();
        let mut opened = heard;
        let (mut is_known, mut is_given_up) = (false, false);
        self.ready().await;
        loop {
            tokio::select! {
                said = self.wire.hear() => match said {
                    Ok(said) => {
                        heard = Instant::now();
                        if let Said::Ack(index) = said {
                            is_known = true;
                            self.known_as(index)?;
                        } else if self.obey(said).await? {
                            break;
                        }
                    }
                    // What cannot be heard is missed soon enough.
                    Err(_) => tokio::time::sleep(LINGER).await,
                },
                Some(event) = events.recv() => {
                    if self.happens(event).await? {
                        break;
                    }
                }
                _ = beat.tick() => {
                    if heard.elapsed() >= PATIENCE {
                        if !is_known {
                            return Err(Problem::Usage(format!(
                                "--locust {}: expected a Locust master within {PATIENCE:?}, got no word of it",
                                self.args.locust.as_deref().unwrap_or_default()
                            )));
                        }
                        if !is_given_up {
                            is_given_up = true;
                            says("the master says nothing any more: this worker ends");
                        }
                        if self.end(Then::Quit) {
                            break;
                        }
                    } else if heard.elapsed() >= SILENCE && opened.elapsed() >= SILENCE {
                        opened = Instant::now();
                        if self.wire.reopen().await.is_ok() {
                            self.ready().await;
                        }
                    }
                    self.beats().await;
                }
                is_told = &mut signal, if !is_signalled => {
                    is_signalled = true;
                    if is_told && self.end(Then::Leave) {
                        self.say("quit", Value::Nil).await;
                        break;
                    }
                }
            }
        }
        tokio::time::sleep(LINGER).await;
        Ok(self.worst)
    }

    /// Says something. A master that is not there hears it never, and is missed soon enough.
    async fn say(&mut self, kind: &str, data: Value) {
        drop(self.wire.say(kind, data).await);
    }

    async fn ready(&mut self) {
        self.say("client_ready", VERSION.into()).await;
    }

    async fn beats(&mut self) {
        let data = map([
            ("state", self.state.name().into()),
            ("current_cpu_usage", self.cpu.percent().into()),
            ("current_memory_usage", memory().into()),
        ]);
        self.say("heartbeat", data).await;
    }

    /// The master knows this worker, as the one with this number.
    fn known_as(&mut self, index: Option<u32>) -> Result<(), Problem> {
        if self.shard.is_some() {
            return Ok(());
        }
        let of = self.args.workers;
        let shard = match index {
            Some(number) if number < of => Shard { number, of },
            Some(number) => {
                return Err(Problem::Usage(format!(
                    "--workers {of}: the master counts {} workers so far, those that have gone among them: expected \
                     at least as many shares, or --shard K/N",
                    number + 1
                )));
            }
            None => {
                return Err(Problem::Usage(
                    "the master does not say which worker this is: expected Locust 2.10 or later, or --shard K/N"
                        .to_owned(),
                ));
            }
        };
        self.workload.check_shard(shard).map_err(Problem::Usage)?;
        says(&format!("the master knows this worker: shard {shard}"));
        self.shard = Some(shard);
        Ok(())
    }

    /// Does what the master says. Says whether the worker ends now.
    async fn obey(&mut self, said: Said) -> Result<bool, Problem> {
        match said {
            Said::Spawn { timestamp, classes } => {
                if timestamp > self.spawned {
                    self.spawned = timestamp;
                    self.spawn(classes).await;
                }
            }
            Said::Stop => {
                if self.end(Then::Stay) {
                    self.stopped().await;
                }
            }
            Said::Quit => return Ok(self.end(Then::Quit)),
            Said::Reconnect => {
                if self.wire.reopen().await.is_ok() {
                    self.ready().await;
                }
            }
            Said::Ack(_) | Said::Heartbeat | Said::Other => {}
        }
        Ok(false)
    }

    /// So many users are to be there.
    async fn spawn(&mut self, classes: Vec<(String, u64)>) {
        let Some(shard) = self.shard else { return };
        self.say("spawning", Value::Nil).await;
        self.state = State::Spawning;
        let wanted: u64 = classes.iter().map(|(_, count)| count).sum();
        let ours = shard.members(self.workload.devices.count).len() as u64;
        if wanted > ours {
            let why = format!(
                "{wanted} devices are to take part, and shard {shard} of {} has {ours}: expected more --devices, or \
                 fewer --workers",
                self.workload.devices.count
            );
            says(&why);
            let data = map([("msg", why.into()), ("traceback", "".into())]);
            self.say("exception", data).await;
        }
        self.classes = classes;
        if self.going.is_none() {
            self.going = Some(self.start(shard));
        }
        let leaving = match self.args.silently {
            true => Leaving::Silently,
            false => Leaving::Deregister,
        };
        let count = u32::try_from(wanted.min(ours)).unwrap_or(u32::MAX);
        if let Some(going) = &mut self.going {
            going.steps += 1;
            // A run that is over says so soon.
            let _ = going.helm.send(Steer::Devices { count, leaving });
        }
    }

    /// A run begins in a thread of its own.
    fn start(&self, shard: Shard) -> Going {
        let (helm, steers) = mpsc::channel();
        let _ = helm.send(Steer::Rate(self.args.each));
        let (workload, events) = (self.workload.clone(), self.events.clone());
        let (address, process, operator) = (
            self.target.address,
            self.target.process,
            self.target.operator,
        );
        let consent = self.target.consent.map(str::to_owned);
        let keyring = self.target.keyring.cloned();
        std::thread::spawn(move || {
            let target = Target {
                address,
                process,
                operator,
                consent: consent.as_deref(),
                keyring: keyring.as_ref(),
            };
            let mut tally = Tally::default();
            let mut told = Instant::now();
            let mut before = None;
            let run = twinproof_load::run_steered(
                &workload,
                (Some(shard), &steers),
                target,
                &mut |generator| {
                    let measures = generator.measures();
                    let is_over = generator.phase() == twinproof_load::Phase::Done;
                    if is_over || told.elapsed() >= REPORT {
                        told = Instant::now();
                        let entries = tally.take(measures, now());
                        if !entries.is_empty() {
                            drop(events.send(Event::Counted(entries)));
                        }
                    }
                    tally.look(measures, now());
                    let (present, is_settled) = generator.taking_part().unwrap_or_default();
                    let taking = (present as u64, is_settled, generator.steps().len());
                    if before.replace(taking) != Some(taking) {
                        let (present, is_settled, steps) = taking;
                        drop(events.send(Event::Taking {
                            present,
                            is_settled,
                            steps,
                        }));
                    }
                    ControlFlow::Continue(())
                },
            );
            drop(events.send(Event::Over(Box::new(run))));
        });
        Going {
            helm,
            steps: 1,
            present: 0,
            began: now().as_secs_f64(),
            told: [0, 0],
            ends: None,
        }
    }

    /// The run that goes on is to end. Says whether there is none.
    fn end(&mut self, then: Then) -> bool {
        let Some(going) = &mut self.going else {
            return true;
        };
        if going.ends.is_none_or(|before| before == Then::Stay) {
            going.ends = Some(then);
        }
        let _ = going.helm.send(Steer::Finish);
        false
    }

    /// Something happens in the run. Says whether the worker ends now.
    async fn happens(&mut self, event: Event) -> Result<bool, Problem> {
        match event {
            Event::Counted(entries) => self.report(&entries).await,
            Event::Taking {
                present,
                is_settled,
                steps,
            } => {
                let Some(going) = &mut self.going else {
                    return Ok(false);
                };
                going.present = present;
                if is_settled && steps == going.steps && self.state == State::Spawning {
                    self.state = State::Running;
                    says(&format!("{present} devices take part"));
                    let data = map([
                        ("user_classes_count", counts(&self.reported())),
                        ("user_count", present.into()),
                    ]);
                    self.say("spawning_complete", data).await;
                }
            }
            Event::Over(run) => return self.over(*run).await,
        }
        Ok(false)
    }

    /// How many users there are of each class, of those that take part.
    fn reported(&self) -> Vec<(String, u64)> {
        let mut left = self.going.as_ref().map_or(0, |going| going.present);
        let mut reported = Vec::new();
        for (name, wanted) in &self.classes {
            let count = left.min(*wanted);
            left -= count;
            reported.push((name.clone(), count));
        }
        reported
    }

    async fn report(&mut self, entries: &BTreeMap<Operation, Entry>) {
        let reported = counts(&self.reported());
        let Some(going) = &mut self.going else { return };
        for entry in entries.values() {
            going.told[0] += entry.requests;
            going.told[1] += entry.failures;
        }
        let [requests, failures] = going.told;
        let users = [
            ("user_classes_count", reported),
            ("user_count", going.present.into()),
        ];
        let data = map(tally::fields(entries, going.began).into_iter().chain(users));
        self.say("stats", data).await;
        says(&format!(
            "the master was told of {requests} operations, {failures} of which failed"
        ));
    }

    /// A run is over. Says whether the worker ends with it.
    async fn over(&mut self, run: Result<Run, NoRun>) -> Result<bool, Problem> {
        let ends = self.going.take().and_then(|going| going.ends);
        self.state = State::Ready;
        let then = ends.unwrap_or(Then::Stay);
        if then == Then::Stay {
            self.stopped().await;
        }
        if then == Then::Leave {
            self.say("quit", Value::Nil).await;
        }
        self.runs += 1;
        let dir: PathBuf = match self.runs {
            1 => self.args.against.report.clone(),
            number => self.args.against.report.join(format!("run-{number}")),
        };
        let run = match run {
            Ok(run) => run,
            Err(why) => {
                self.say("quit", Value::Nil).await;
                tokio::time::sleep(LINGER).await;
                return Err(no_run(why));
            }
        };
        let code = tell(&run, &dir)?;
        if self.worst == ExitCode::Conformant {
            self.worst = code;
        }
        Ok(then != Then::Stay)
    }

    async fn stopped(&mut self) {
        self.say("client_stopped", Value::Nil).await;
        self.ready().await;
    }
}

/// How much memory this process has, in octets.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

/// How much of a processor this process takes.
#[derive(Default)]
struct Cpu {
    before: Option<(Instant, f64)>,
}

impl Cpu {
    /// Since this was last asked, in percent of one processor.
    fn percent(&mut self) -> f64 {
        let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // What stands in brackets may hold anything.
        let fields = text.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        // The kernel counts hundredths of a second for programs.
        let used: f64 = ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0;
        let at = Instant::now();
        let before = self.before.replace((at, used));
        before.map_or(0.0, |(then, before)| {
            let wall = (at - then).as_secs_f64().max(0.001);
            ((used - before) / wall * 100.0).max(0.0)
        })
    }
}
