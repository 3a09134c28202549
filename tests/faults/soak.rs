//! A soak: for a long time everybody acts and anything fails, both at random, and then all must be as wanted, with a process
//! that has not grown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::acts::{Cast, Rights};
use crate::crowd::Crowd;
use crate::figures::{self, Allowance, Figures};
use crate::oracle;
use crate::program::Program;
use crate::recording::Recording;
use crate::scenario::{Scenario as Stage, write_kubeconfig};
use crate::servers::Server;
use crate::users::Users;
use crate::wire::Wire;

/// Between two acts, on average.
const PACE: Duration = Duration::from_millis(400);
/// Between two looks at the process. A soak that is shorter than some has at least [`LOOKS`].
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);
const LOOKS: u32 = 30;
/// Of a thousand requests and events, so many are struck.
const STRUCK_OF_1000: u32 = 30;
/// From here on the program has done everything often enough to be held to the strict rule.
const LONG: Duration = Duration::from_mins(10);
/// How long the way to the end may take: a watch that says nothing is noticed after 90 s.
const LIMIT: Duration = Duration::from_mins(4);
const QUIET: Duration = Duration::from_secs(3);
const PREFIX: &str = "soak";

/// Soaks for this time; why it isn't well.
pub async fn soak(length: Duration, seed: u64, server: &Server) -> Result<(), String> {
    let client = server.client().await;
    let stage = Arc::new(Stage::on(PREFIX, client.clone()).await);
    let users = Arc::new(Users::new(client));
    let namespace = stage.name("system");
    users.create_namespace(&namespace).await;
    let cast = Cast { stage: stage.clone(), users };
    let mut crowd = Crowd::new(cast.clone(), seed);
    crowd.prepare().await;
    let (wire, _struck) = Wire::start(server.client().await, PREFIX).await;
    let kubeconfig = stage.folder.path().join("kubeconfig-soak");
    write_kubeconfig(&kubeconfig, wire.address);
    let further = ["--removal-delay", "0s", "--namespace", &namespace];
    let program = Program::start(&kubeconfig, &stage.defaults, &stage.manager(), &further);
    wire.strike_at_random(seed, STRUCK_OF_1000);
    let result = live_through(length, &mut crowd, &program, &wire).await;
    let looks = result.map_err(|why| format!("{why}\n{}", log(&program)))?;
    wire.strike_at_random(seed, 0);
    wire.cut_all();
    crowd.settle().await;
    comes_to_rest(&crowd, &program, &wire).await.map_err(|why| format!("{why}\n{}", log(&program)))?;

    println!("soak: {:?}, {} faults, {} requests", crowd.done, wire.fired(), wire.recording().len());
    let allowance = if length < LONG { Allowance::SHORT } else { Allowance::LONG };
    let mut told = figures::growth(&looks, allowance);
    let rights = Rights { tenants: &["a"], ..Rights::default() };
    let history = server.history.of(PREFIX);
    told.extend(oracle::violations(&stage.manager(), PREFIX, &rights, &history, &cast.users.done()));
    if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
}

/// Everybody acts, until the time is over.
async fn live_through(
    length: Duration,
    crowd: &mut Crowd,
    program: &Program,
    wire: &Wire,
) -> Result<Vec<Figures>, String> {
    let (start, between) = (Instant::now(), BETWEEN_LOOKS.min(length / LOOKS));
    let (mut looks, mut next_look) = (Vec::new(), between);
    while start.elapsed() < length {
        crowd.act().await;
        if start.elapsed() >= next_look {
            next_look += between;
            let look = Figures::read(program.pid(), start.elapsed()).ok_or("the program ended")?;
            if between == BETWEEN_LOOKS {
                println!("{look}, {} faults", wire.fired());
            }
            looks.push(look);
        }
        let pace = PACE.mul_f64(fastrand::f64() * 2.0);
        tokio::time::sleep(pace).await;
    }
    if wire.fired() == 0 {
        return Err("no fault ever struck".to_owned());
    }
    Ok(looks)
}

/// Waits until all is as wanted and reported so, and nothing is written any more.
async fn comes_to_rest(crowd: &Crowd, program: &Program, wire: &Wire) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let unsettled = crowd.unsettled().await;
        let status = program.try_status().await.unwrap_or_default();
        let classes = status["classes"].as_array().cloned().unwrap_or_default();
        let restless: Vec<_> = classes.iter().filter(|class| class["outcome"] != "Unchanged").collect();
        let recordings: [Recording; 1] = [wire.recording()];
        let since = Instant::now().checked_sub(QUIET).unwrap();
        let is_quiet = start.elapsed() > QUIET && oracle::is_quiet(&recordings, since);
        if unsettled.is_empty() && restless.is_empty() && classes.len() == Crowd::classes() && is_quiet {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            let count = classes.len();
            return Err(format!("not as wanted at the end: {unsettled:#?}\n{restless:#?}\n{count} classes"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The end of the program's log.
fn log(program: &Program) -> String {
    let log = program.log();
    let lines = log[log.len().saturating_sub(200)..].iter().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}
