//! The fault rig: scenarios are played with a fault at one place, and what comes of each is held against a run without.
//!
//! ```text
//! program ──plain HTTP──▶ Wire (records, strikes) ──TLS──▶ kube-apiserver ──▶ etcd
//!                                          Users ──────────────┘    └──▶ History: every revision of every class
//! ```
//!
//! - [`plan`]: what a run does · [`fault`]: what goes wrong · [`acts`], [`teams`]: the scenarios · [`users`]: the people in them
//! - [`wire`], [`passing`], [`events`]: the way to the server · [`recording`]: what passed it · [`servers`], [`valve`], [`history`]: the server
//! - [`run`]: one run · [`oracle`]: what must hold of it
//! - [`soak`]: all of it at random, for long · [`crowd`]: who acts in it · [`figures`]: what the process takes
//!
//! `cargo test --test faults` carries out a sample; its seed is printed. `docs/faults.md` says how to carry out all, or
//! one of them again, and what was found.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![expect(clippy::print_stdout, reason = "a harness of its own tells what it does")]

mod acts;
mod crowd;
mod events;
mod fault;
mod figures;
mod history;
mod oracle;
#[path = "../it/ownership.rs"]
mod ownership;
mod passing;
mod plan;
#[path = "../it/program.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "../it/proxy.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod proxy;
mod recording;
mod run;
#[path = "../it/scenario.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod scenario;
mod servers;
mod soak;
mod teams;
mod users;
mod valve;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::fault::Kind;
use crate::oracle::Clean;
use crate::plan::{Plan, Scenario};
use crate::servers::Server;

/// Runs side by side: they mostly wait.
const RUNS: usize = 12;

/// The soak beside a sample.
const SHORT_SOAK: Duration = Duration::from_secs(40);

/// What is asked for on the command line. Flags of the standard harness are ignored.
struct Args {
    seed: Option<u64>,
    all: bool,
    list: bool,
    runs: usize,
    /// Soak for this time, and nothing else.
    soak: Option<Duration>,
    /// Plans whose names contain one of these; with any, no sample is drawn.
    names: Vec<String>,
}

impl Args {
    fn read() -> Self {
        let mut args = Self { seed: None, all: false, list: false, runs: RUNS, soak: None, names: Vec::new() };
        let mut given = std::env::args().skip(1);
        while let Some(arg) = given.next() {
            match &*arg {
                "--all" => args.all = true,
                "--list" => args.list = true,
                "--seed" => args.seed = given.next().and_then(|seed| seed.parse().ok()),
                "--runs" => args.runs = given.next().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS),
                "--soak" => args.soak = Some(duration(&given.next().unwrap_or_default())),
                flag if flag.starts_with('-') => {}
                name => args.names.push(name.to_owned()),
            }
        }
        args
    }

    fn plans(&self) -> Vec<Plan> {
        let mut plans = if self.names.is_empty() && !self.all {
            let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
            println!("a sample, by --seed {seed}");
            Plan::sample(seed)
        } else {
            Plan::all()
        };
        if !self.names.is_empty() {
            plans.retain(|plan| self.names.iter().any(|name| plan.to_string().contains(name)));
        }
        // What takes longest comes first.
        plans.sort_by_key(|plan| std::cmp::Reverse(plan.fault.patience()));
        plans
    }
}

fn main() -> ExitCode {
    let args = Args::read();
    if let Some(length) = args.soak {
        let lasting = tokio::runtime::Runtime::new().unwrap();
        return if soaks(length, args.seed, &lasting) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let plans = args.plans();
    if args.list {
        for plan in &plans {
            println!("{plan}: test");
        }
        return ExitCode::SUCCESS;
    }
    if plans.is_empty() {
        println!("no plan has such a name");
        return ExitCode::SUCCESS;
    }
    let lasting = tokio::runtime::Runtime::new().unwrap();
    let start = Instant::now();
    let is_sample = args.names.is_empty() && !args.all;
    let (failures, is_soaked) = std::thread::scope(|scope| {
        // So that it stays what it is documented to be.
        let soaked = is_sample.then(|| scope.spawn(|| soaks(SHORT_SOAK, args.seed, &lasting)));
        let failures = Rig::new(&lasting, &plans).carry_out(&plans, args.runs, &lasting);
        (failures, soaked.is_none_or(|soaked| soaked.join().unwrap()))
    });
    let (done, took) = (plans.len(), start.elapsed().as_secs());
    println!("\n{done} plans in {took} s, {} failed", failures.len());
    for plan in &failures {
        println!("  again: cargo test --test faults -- {plan}");
    }
    if failures.is_empty() && is_soaked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seconds, or minutes as `30m`.
fn duration(text: &str) -> Duration {
    let (number, unit) = text.strip_suffix('m').map_or((text, 1), |minutes| (minutes, 60));
    Duration::from_secs(number.parse::<u64>().unwrap() * unit)
}

/// Soaks on a control plane of its own; whether that went well.
fn soaks(length: Duration, seed: Option<u64>, lasting: &tokio::runtime::Runtime) -> bool {
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let server = lasting.block_on(Server::start());
    let result = alone(|| soak::soak(length, seed, &server));
    match result {
        Ok(()) => println!("ok     a soak of {length:?}, by --seed {seed}"),
        Err(why) => {
            println!(
                "FAILED a soak of {length:?}\n{why}\nagain: cargo test --test faults -- --soak {} --seed {seed}",
                length.as_secs()
            );
            return false;
        }
    }
    true
}

/// What runs stand on.
struct Rig {
    server: Server,
    clean: BTreeMap<Scenario, Clean>,
}

impl Rig {
    /// Starts a control plane and plays each scenario without a fault.
    fn new(lasting: &tokio::runtime::Runtime, plans: &[Plan]) -> Self {
        let server = lasting.block_on(Server::start());
        let needed = Scenario::ALL.iter().filter(|scenario| plans.iter().any(|plan| plan.scenario == **scenario));
        let clean = std::thread::scope(|scope| {
            let runs: Vec<_> = needed
                .enumerate()
                .map(|(index, &scenario)| {
                    let server = &server;
                    scope.spawn(move || {
                        let prefix = format!("clean{index}");
                        let clean = alone(|| run::clean(scenario, &prefix, server));
                        (scenario, clean.unwrap_or_else(|why| panic!("{scenario:?} without a fault: {why}")))
                    })
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        Self { server, clean }
    }

    /// Carries plans out side by side; those that failed.
    fn carry_out(&self, plans: &[Plan], runs: usize, lasting: &tokio::runtime::Runtime) -> Vec<Plan> {
        let numbered = plans.iter().copied().enumerate();
        let (alone, shared): (VecDeque<_>, VecDeque<_>) =
            numbered.partition(|(_, plan)| plan.fault.kind() == Kind::Server);
        let (alone, shared, failures) = (Mutex::new(alone), Mutex::new(shared), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..runs {
                scope.spawn(|| self.work(&shared, &self.server, &failures));
            }
            if !alone.lock().unwrap().is_empty() {
                scope.spawn(|| self.work(&alone, &lasting.block_on(Server::start()), &failures));
            }
        });
        failures.into_inner().unwrap()
    }

    fn work(&self, plans: &Mutex<VecDeque<(usize, Plan)>>, server: &Server, failures: &Mutex<Vec<Plan>>) {
        loop {
            let Some((index, plan)) = plans.lock().unwrap().pop_front() else { return };
            let (prefix, start) = (format!("f{index}"), Instant::now());
            let result = alone(|| run::carry_out(plan, &prefix, server, &self.clean[&plan.scenario]));
            let took = start.elapsed().as_secs_f64();
            match result {
                Ok(()) => println!("ok     {plan} ({took:.1} s)"),
                Err(why) => {
                    // In one piece, whoever else prints.
                    println!("FAILED {plan} ({took:.1} s)\n{why}\nend of {plan}");
                    failures.lock().unwrap().push(plan);
                }
            }
        }
    }
}

/// Runs something in a runtime of its own, which takes everything with it that the run started.
fn alone<T, F: Future<Output = Result<T, String>>>(run: impl FnOnce() -> F) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = AssertUnwindSafe(|| runtime.block_on(run()));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}
