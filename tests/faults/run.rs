//! One run: the scenario plays, the fault strikes, and the oracles look at what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::acts::{Cast, Rights};
use crate::fault::{Fault, Kind};
use crate::oracle::{self, Clean, End};
use crate::plan::{Plan, Scenario};
use crate::program::Program;
use crate::recording::Recording;
use crate::scenario::{Scenario as Stage, write_kubeconfig};
use crate::servers::{Server, signal};
use crate::users::{CLASSES, Users};
use crate::wire::Wire;

/// How long nothing may be written once all is as it should be.
const QUIET: Duration = Duration::from_secs(3);
/// How long the way to a state may take on a busy machine, faults apart.
const LIMIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(100);
/// How long a second API server is cut off from etcd once the program sees what it sees.
const CUT_OFF: Duration = Duration::from_secs(8);

/// One program and its way to the server.
struct Replica {
    wire: Wire,
    struck: UnboundedReceiver<Fault>,
    kubeconfig: PathBuf,
    program: Program,
}

struct Run<'a> {
    scenario: Scenario,
    prefix: &'a str,
    server: &'a Server,
    cast: Cast,
    replicas: Vec<Replica>,
}

/// Plays a scenario without a fault: what it comes to.
pub async fn clean(scenario: Scenario, prefix: &str, server: &Server) -> Result<Clean, String> {
    let mut run = Run::new(scenario, prefix, server).await;
    let result = run.play_undisturbed().await;
    let clean = result.map_err(|why| format!("{why}\n{}", run.log()))?;
    run.cast.users.clean_up(prefix).await;
    Ok(clean)
}

/// Carries out a plan.
pub async fn carry_out(plan: Plan, prefix: &str, server: &Server, clean: &Clean) -> Result<(), String> {
    let mut run = Run::new(plan.scenario, prefix, server).await;
    let result = run.play(plan, clean).await;
    result.map_err(|why| format!("{why}\n{}", run.log()))?;
    run.cast.users.clean_up(prefix).await;
    Ok(())
}

impl<'a> Run<'a> {
    async fn new(scenario: Scenario, prefix: &'a str, server: &'a Server) -> Self {
        let client = server.client().await;
        let stage = Arc::new(Stage::on(prefix, client.clone()).await);
        let users = Arc::new(Users::new(client));
        users.create_namespace(&stage.name("system")).await;
        Self { scenario, prefix, server, cast: Cast { stage, users }, replicas: Vec::new() }
    }

    fn start_program(&self, kubeconfig: &Path) -> Program {
        let stage = &self.cast.stage;
        let namespace = stage.name("system");
        let mut further = vec!["--removal-delay", "0s", "--namespace", &namespace];
        if self.scenario.replicas() > 1 {
            further.push("--leader-elect");
        }
        Program::start(kubeconfig, &stage.defaults, &stage.manager(), &further)
    }

    fn restart(&mut self, index: usize) {
        let program = self.start_program(&self.replicas[index].kubeconfig);
        self.replicas[index].wire.set_victim(program.pid());
        // The one before is killed, if it isn't dead, and waited for.
        self.replicas[index].program = program;
    }

    /// Sets the scene, and starts the program: until it is at rest, or, where the start is what happens, no further.
    async fn begin(&mut self, plan: Option<Plan>) -> Result<(), String> {
        self.scenario.prepare(&self.cast).await;
        self.cast.stage.mount(&self.scenario.files(&self.cast));
        for index in 0..self.scenario.replicas() {
            let (wire, struck) = Wire::start(self.server.client().await, self.prefix).await;
            let kubeconfig = self.cast.stage.folder.path().join(format!("kubeconfig-{index}"));
            write_kubeconfig(&kubeconfig, wire.address);
            if let (Scenario::Start, Some(plan)) = (self.scenario, plan) {
                wire.arm(plan.fault, plan.position);
            }
            let program = self.start_program(&kubeconfig);
            wire.set_victim(program.pid());
            self.replicas.push(Replica { wire, struck, kubeconfig, program });
            if self.scenario == Scenario::Start {
                return Ok(());
            }
            // Before the next one is started, so that the first one leads.
            let start = Instant::now();
            while !self.is_at_rest(index).await {
                late(start, LIMIT, "the program doesn't come to rest before the scenario begins")?;
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Whether a replica has looked at all classes that the files name, and nothing was written of late.
    async fn is_at_rest(&self, index: usize) -> bool {
        let Some(status) = self.replicas[index].program.try_status().await else { return false };
        let classes = status["classes"].as_array().cloned().unwrap_or_default();
        let leads = self.scenario.replicas() == 1 || (status["leader"] == true) == (index == 0);
        let is_done = |class: &Value| class["outcome"] == "Unchanged" || class["outcome"] == "Blocked";
        leads
            && classes.len() == self.scenario.kept(&self.cast)
            && classes.iter().all(is_done)
            && self.is_quiet(Duration::from_millis(700))
    }

    async fn play_undisturbed(&mut self) -> Result<Clean, String> {
        self.begin(None).await?;
        let start = Instant::now();
        self.scenario.act(&self.cast).await;
        while !(self.scenario.is_over(&self.cast).await && self.is_quiet(QUIET)) {
            late(start, LIMIT, "it never comes to its end")?;
            tokio::time::sleep(LOOK).await;
        }
        let end = self.end().await.ok_or("there is no status")?;
        let told = self.violations(&self.scenario.rights()).await;
        if !told.is_empty() {
            return Err(told.join("\n"));
        }
        Ok(Clean { end, writes: oracle::writes(self.prefix, &self.recordings()) })
    }

    async fn play(&mut self, plan: Plan, clean: &Clean) -> Result<(), String> {
        // Of a start, what was before it is what others still see.
        let mut earlier = if self.scenario == Scenario::Start { Some(self.earlier(plan.fault).await) } else { None };
        self.begin(Some(plan)).await?;
        if self.scenario != Scenario::Start {
            earlier = Some(self.earlier(plan.fault).await);
            let wire = &self.replicas[0].wire;
            wire.arm(plan.fault, plan.position);
            if plan.position.target.is_watch() && plan.fault.kind() != Kind::Event && !plan.fault.comes_last() {
                wire.cut(plan.position.target);
            }
        }
        let rights = match plan.fault {
            Fault::KillBefore | Fault::KillAfter => self.scenario.rights().after_a_kill(),
            _ => self.scenario.rights(),
        };
        let patience = LIMIT + Duration::from_secs(plan.fault.patience());
        let start = Instant::now();
        let (scenario, cast) = (self.scenario, self.cast.clone());
        let mut act = tokio::spawn(async move { scenario.act(&cast).await });
        loop {
            self.tend(plan.fault).await?;
            let has_fired = self.replicas[0].wire.fired() > 0;
            let is_over = act.is_finished() && self.difference(clean).await.is_none();
            if is_over
                && plan.fault.comes_last()
                && let Some(earlier) = earlier.take()
            {
                self.go_back(plan.fault, earlier).await?;
                continue;
            }
            if is_over && has_fired && self.is_quiet(QUIET) {
                break;
            }
            if start.elapsed() > patience {
                let told = match self.difference(clean).await {
                    _ if !has_fired => "the fault never struck".to_owned(),
                    Some(told) => format!("it doesn't come to the end of a clean run:\n{told}"),
                    None => "it doesn't come to rest".to_owned(),
                };
                let violations = self.violations(&rights).await;
                return Err([&[told], &*violations].concat().join("\n"));
            }
            tokio::time::sleep(LOOK).await;
        }
        (&mut act).await.map_err(|error| error.to_string())?;
        let recordings = self.recordings();
        let mut told = self.violations(&rights).await;
        told.extend(oracle::too_many(&rights, &clean.writes, &oracle::writes(self.prefix, &recordings), plan.fault));
        told.extend(oracle::hurried(&recordings));
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    }

    /// All classes, as they are from now on for a server that is behind.
    async fn earlier(&self, fault: Fault) -> Value {
        if matches!(fault, Fault::SecondServer | Fault::SecondServerGone) {
            let second = self.server.second().await;
            second.valve.open();
            // What was done so far, it knows.
            let client = second.client().await;
            let start = Instant::now();
            while as_seen(&client).await != seen(&self.cast.users.classes().await) && start.elapsed() < LIMIT {
                tokio::time::sleep(LOOK).await;
            }
            second.valve.shut();
        }
        self.cast.users.classes().await
    }

    /// Lets the program see the earlier state, from a server that is behind.
    async fn go_back(&mut self, fault: Fault, earlier: Value) -> Result<(), String> {
        let wire = self.replicas[0].wire.clone();
        match fault {
            Fault::Behind => {
                wire.be_behind(earlier);
                self.restart(0);
            }
            Fault::SecondServer | Fault::SecondServerGone => {
                let second = self.server.second().await;
                let client = second.client().await;
                let (is, was) = (as_seen(&client).await, seen(&earlier));
                if is != was || is == seen(&self.cast.users.classes().await) {
                    second.valve.open();
                    return Err(format!("the second server isn't behind: it sees {is:?}"));
                }
                wire.watch_at(client);
                if fault == Fault::SecondServer {
                    self.restart(0);
                } else {
                    wire.cut_all_as_too_old();
                }
                tokio::time::sleep(CUT_OFF).await;
                second.valve.open();
            }
            other => unreachable!("{other} doesn't come last"),
        }
        Ok(())
    }

    /// Does what a fault leaves to be done: by the server, or by whoever starts programs.
    async fn tend(&mut self, fault: Fault) -> Result<(), String> {
        let Ok(_) = self.replicas[0].struck.try_recv() else { return Ok(()) };
        match fault {
            Fault::KillBefore | Fault::KillAfter => self.restart(0),
            Fault::StopLeader => {
                let pid = self.replicas[0].program.pid();
                signal(pid, "STOP");
                self.replicas[0].wire.proceed();
                let start = Instant::now();
                while self.replicas[1].program.try_status().await.is_none_or(|status| status["leader"] != true) {
                    late(start, LIMIT, "the other replica never leads")?;
                    tokio::time::sleep(LOOK).await;
                }
                signal(pid, "CONT");
            }
            _ => {
                let wire = self.replicas[0].wire.clone();
                self.server.suffer(fault, || wire.proceed()).await;
            }
        }
        Ok(())
    }

    fn recordings(&self) -> Vec<Recording> {
        self.replicas.iter().map(|replica| replica.wire.recording()).collect()
    }

    fn is_quiet(&self, time: Duration) -> bool {
        Instant::now().checked_sub(time).is_some_and(|since| oracle::is_quiet(&self.recordings(), since))
    }

    /// Where the cluster and the reports are otherwise than after a clean run.
    async fn difference(&self, clean: &Clean) -> Option<String> {
        match self.end().await {
            Some(end) => oracle::difference(&clean.end, &end),
            None => Some("there is no status".to_owned()),
        }
    }

    /// What it has come to: as the one that leads says, where there are two.
    async fn end(&self) -> Option<End> {
        let mut told = Value::Null;
        for replica in &self.replicas {
            let status = replica.program.try_status().await?;
            if self.replicas.len() == 1 || status["leader"] == true {
                told = status;
            }
        }
        let users = &self.cast.users;
        let namespace = self.cast.stage.name("system");
        let state = users.object(&format!("/api/v1/namespaces/{namespace}/configmaps/classkeeper-state")).await;
        Some(oracle::end(self.prefix, &users.classes().await, &state, &told))
    }

    /// What is wrong in the history of the run's classes.
    async fn violations(&self, rights: &Rights) -> Vec<String> {
        let (users, history) = (&self.cast.users, &self.server.history);
        let classes = users.classes().await;
        for class in classes["items"].as_array().unwrap() {
            let metadata = &class["metadata"];
            let name = metadata["name"].as_str().unwrap();
            if name.starts_with(&format!("{}-", self.prefix)) {
                history.reaches(name, metadata["resourceVersion"].as_str().unwrap()).await;
            }
        }
        let manager = self.cast.stage.manager();
        let mut told = oracle::violations(&manager, self.prefix, rights, &history.of(self.prefix), &users.done());
        let written: Vec<_> = self.recordings().into_iter().flatten().collect();
        let strangers = written.iter().filter_map(|sent| sent.written_class());
        let strangers = strangers.filter(|name| !name.starts_with(&format!("{}-", self.prefix)));
        told.extend(strangers.map(|name| format!("a write to {name}, which is nobody's business here")));
        told
    }

    /// What was sent and said, for whoever looks into it.
    fn log(&self) -> String {
        let mut lines = Vec::new();
        for (index, replica) in self.replicas.iter().enumerate() {
            let recording = replica.wire.recording();
            let Some(first) = recording.first().map(|sent| sent.at) else { continue };
            for sent in &recording {
                let (at, request) = ((sent.at - first).as_secs_f64(), &sent.request);
                let fault = sent.fault.map_or_else(String::new, |fault| format!("  <- {fault}"));
                let target = sent.target.map_or_else(|| "?".to_owned(), |target| format!("{target:?}"));
                lines.push(format!(
                    "  {index} {at:8.3} s {target:12} {} {}?{} {}{fault}",
                    request.method, request.path, request.query, request.status
                ));
            }
            lines.extend(replica.program.log().iter().map(|line| format!("  {index} {line}")));
        }
        lines.join("\n")
    }
}

/// Which versions of which classes a list has.
fn seen(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().into_iter().flatten().map(|class| &class["metadata"]);
    items.map(|metadata| (text(&metadata["name"]), text(&metadata["resourceVersion"]))).collect()
}

/// The same of what a server has in its cache.
async fn as_seen(server: &kube::Client) -> BTreeMap<String, String> {
    let request = http::Request::get(format!("{CLASSES}?resourceVersion=0")).body(Vec::new()).unwrap();
    seen(&server.request(request).await.unwrap_or_default())
}

fn late(start: Instant, limit: Duration, what: &str) -> Result<(), String> {
    if start.elapsed() < limit { Ok(()) } else { Err(format!("not within {limit:?}: {what}")) }
}
