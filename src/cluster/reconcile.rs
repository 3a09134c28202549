//! The reconcile loop: new defaults and events of the watch put class names into a queue, and each name gets a pass.
//!
//! Names are worked on side by side, one pass for each class at a time. A class that is as wanted costs no request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::board::{Board, Cause};
use super::breaker::Breaker;
use super::class_api::{Classes, DryRun};
use super::classes::{CacheState, Effect};
use super::execute::{Pass, Retry, Task, pass};
use super::kept_names::KeptNamesStore;
use super::memory::{Absence, Memory};
use super::queue::Queue;
use super::removal::RemovalGate;
use super::watch::Seen;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::{FieldManager, Live, Manager, Phase};
use crate::engine::outcome::{Outcome, Reason};
use crate::files::follow::Configuration;
use crate::metrics::Metrics;

/// Passes under way at once: enough to keep an API server busy that answers an apply in 2 to 40 ms, and far below
/// its limits for requests in flight (200 writes).
pub const CONCURRENCY: usize = 32;
/// How long passes under way may go on when the program ends.
const GRACE: Duration = Duration::from_secs(5);

/// The reconcile loop and all it needs.
pub struct Controller {
    /// The cluster.
    pub client: Client,
    /// The name we write under.
    pub manager: FieldManager,
    /// What is in force.
    pub configuration: watch::Receiver<Configuration>,
    /// What the watch sees.
    pub seen: mpsc::Receiver<Seen>,
    /// When classes whose default is gone may be left.
    pub removal: RemovalGate,
    /// Where the names of classes that stay deleted are kept.
    pub kept_names: KeptNamesStore,
    /// Where results go.
    pub board: Arc<Board>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ends the loop.
    pub shutdown: CancellationToken,
}

type PassUnderWay = BoxFuture<'static, (Task, Pass)>;

/// What the loop keeps between two events.
struct Loop {
    client: Client,
    manager: FieldManager,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    queue: Queue,
    removal: RemovalGate,
    breaker: Breaker,
    memory: Memory,
    under_way: FuturesUnordered<PassUnderWay>,
}

impl Controller {
    /// Keeps the classes until told to end; passes under way are finished first.
    pub async fn run(self) {
        let Self { client, manager, mut configuration, mut seen, removal, kept_names, board, metrics, shutdown } = self;
        let (queue, breaker, under_way) = (Queue::default(), Breaker::default(), FuturesUnordered::new());
        let memory = Memory::new(kept_names);
        let mut this = Loop { client, manager, board, metrics, queue, removal, breaker, memory, under_way };
        let initial = configuration.borrow_and_update().clone();
        this.load(&initial);
        loop {
            this.start_passes();
            let retry = this.queue.next_due();
            let opening = this.removal.opens(Instant::now());
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((task, pass)) = this.under_way.next() => this.finish(&task, &pass),
                event = seen.recv() => match event {
                    Some(event) => this.see(event),
                    None => break,
                },
                changed = configuration.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let new = configuration.borrow_and_update().clone();
                    this.load(&new);
                }
                () = sleep_until(retry) => {}
                () = sleep_until(opening) => this.look_for_leavers(),
                () = this.memory.work() => this.look_again(),
            }
        }
        let finish = async {
            while let Some((task, pass)) = this.under_way.next().await {
                this.finish(&task, &pass);
            }
            this.memory.save().await;
        };
        if tokio::time::timeout(GRACE, finish).await.is_err() {
            warn!("ending although applies are under way");
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

impl Loop {
    /// Puts new defaults in force, and asks for a pass over each class whose default changed or went.
    fn load(&mut self, configuration: &Configuration) {
        self.removal.load(configuration);
        let Some(new) = configuration.defaults.clone() else { return };
        let old = self.board.lock().defaults.replace(new.clone()).unwrap_or_default();
        for default in new.iter() {
            let same = old.get(&default.name).is_some_and(|old| Arc::ptr_eq(old, default) || old == default);
            if !same {
                self.queue.push(&default.name);
            }
        }
        for default in old.iter().filter(|default| new.get(&default.name).is_none()) {
            self.queue.forget(&default.name);
            self.breaker.forget(&default.name);
            self.memory.forget(&default.name);
            self.board.forget(&default.name);
            info!(class = &*default.name, "the default left the files");
        }
        self.look_for_leavers();
    }

    fn see(&mut self, event: Seen) {
        let effect = self.board.lock().cache.see(event);
        match effect {
            Effect::None => {}
            Effect::Class(name) => {
                let wanted = {
                    let state = self.board.lock();
                    let is_named = state.defaults.as_ref().is_some_and(|defaults| defaults.get(&name).is_some());
                    // What is reported may be gone, or given up by others: then it is reported no more.
                    is_named
                        || state.is_reported(&name)
                        || state.cache.get(&name).is_some_and(|live| self.is_ours(live))
                };
                if wanted {
                    self.queue.push(&name);
                }
            }
            Effect::All => {
                if self.board.cache_state() == CacheState::KindMissing {
                    self.memory.forget_all();
                }
                self.look_again();
                self.look_for_leavers();
            }
        }
    }

    /// Asks for a pass over every class that the files name.
    fn look_again(&mut self) {
        let defaults = self.board.lock().defaults.clone().unwrap_or_default();
        for default in defaults.iter() {
            self.queue.push(&default.name);
        }
    }

    fn is_ours(&self, live: &Live) -> bool {
        live.applied_by(&self.manager).is_some_and(|ours| !ours.is_empty())
    }

    /// Asks for a pass over each class that is ours and that no default names.
    fn look_for_leavers(&mut self) {
        if !self.removal.is_open(Instant::now()) {
            return;
        }
        let leavers: Vec<_> = {
            let state = self.board.lock();
            let Some(defaults) = &state.defaults else { return };
            let leaves = |live: &&Arc<Live>| defaults.get(&live.name).is_none() && self.is_ours(live);
            state.cache.iter().filter(leaves).map(|live| live.name.clone()).collect()
        };
        for name in &leavers {
            self.queue.push(name);
        }
    }

    /// Begins passes as long as there is work and room.
    fn start_passes(&mut self) {
        while self.under_way.len() < CONCURRENCY {
            let cache = self.board.cache_state();
            if matches!(cache, CacheState::Unknown | CacheState::Listing(_)) {
                return;
            }
            let now = Instant::now();
            let Some(name) = self.queue.pop(now) else { return };
            let (default, live) = {
                let state = self.board.lock();
                let default = state.defaults.as_ref().and_then(|defaults| defaults.get(&name).cloned());
                (default, state.cache.get(&name).cloned())
            };
            let task = match default {
                Some(default) => Task::Keep(default),
                // Nothing is left to do about what isn't ours.
                None if self.removal.is_open(now) || !live.as_deref().is_some_and(|live| self.is_ours(live)) => {
                    Task::Leave(name)
                }
                None => {
                    self.queue.done(&name, Retry::Never, now);
                    continue;
                }
            };
            let CacheState::Synced(version) = cache else {
                self.finish(&task, &kind_missing());
                continue;
            };
            if let Some(pass) = self.instead_of_a_pass(&task, live.as_ref(), now) {
                self.finish(&task, &pass);
                continue;
            }
            let classes = Classes::new(self.client.clone(), version, self.manager.clone(), DryRun::No);
            let work = async move {
                let pass = pass(&classes, &task, live).await;
                (task, pass)
            };
            self.under_way.push(Box::pin(work));
        }
    }

    /// What comes of a class that isn't to be written now, whatever its plan.
    fn instead_of_a_pass(&mut self, task: &Task, live: Option<&Arc<Live>>, now: Instant) -> Option<Pass> {
        let Task::Keep(default) = task else { return None };
        let absence = if live.is_none() { self.memory.absence(default) } else { Absence::Missing };
        match absence {
            Absence::Missing => {}
            Absence::Deleted => {
                let message = "somebody deleted it, and it stays deleted until its default changes".to_owned();
                return Some(nothing_sent(Outcome::Skipped, None, message, None, Retry::Never));
            }
            Absence::Unknown => {
                let message = "waiting for the names of the classes that stay deleted".to_owned();
                return Some(nothing_sent(Outcome::Skipped, None, message, None, Retry::Never));
            }
        }
        let pause = self.breaker.pause(default, now)?;
        Some(fighting(default, live.cloned(), &self.manager, pause))
    }

    fn finish(&mut self, task: &Task, pass: &Pass) {
        let now = Instant::now();
        self.queue.done(task.name(), pass.retry, now);
        let is_named = self.board.lock().defaults.as_ref().is_some_and(|defaults| defaults.get(task.name()).is_some());
        if let Task::Keep(_) = task
            && !is_named
        {
            // The default left the files while the pass was under way: the next pass leaves the class.
            if let Some(live) = &pass.live {
                self.board.lock().cache.answer(live.clone());
            }
            self.look_for_leavers();
            return;
        }
        match task {
            Task::Keep(default) => match pass.live.as_deref() {
                Some(live) if live.phase == Phase::Present => self.memory.is_there(default),
                // We deleted it, to create it anew: nobody's wish that it stay away.
                Some(_) if pass.outcome == Outcome::Recreated => self.memory.forget(task.name()),
                None if pass.found.is_some() => self.memory.forget(task.name()),
                Some(_) | None => {}
            },
            // Its default left while the program was down: what was known of it is not known of the next one.
            Task::Leave(name) => self.memory.forget(name),
            Task::Release(_) => {}
        }
        let cause = self.board.settle(task, pass);
        if let Some(duration) = pass.writing {
            self.metrics.count_apply(pass.outcome, duration);
        }
        if let Task::Keep(default) = task
            && cause.is_some()
            && let Some(pause) = self.breaker.rewritten(default, now)
        {
            // As the class was found: what our rewrite took is not in the other one's name any more.
            let pass = fighting(default, pass.found.clone(), &self.manager, pause);
            self.queue.push(task.name());
            warn!(class = &*default.name, detail = pass.message, "the class is being rewritten again and again");
        }
        let (class, outcome) = (&**task.name(), pass.outcome.as_str());
        match cause {
            Some(Cause::Drift) => {
                self.metrics.count_repaired_drift();
                info!(class, outcome, "repaired what somebody else changed");
            }
            Some(Cause::Default) => info!(class, outcome, detail = pass.message, "carried out"),
            None if pass.outcome == Outcome::Failed => {
                warn!(class, reason = ?pass.reason, detail = pass.message, "the class can't be kept");
            }
            None => debug!(class, outcome, detail = pass.message, "nothing to do"),
        }
    }
}

fn kind_missing() -> Pass {
    let message = "the cluster has no GatewayClass kind; install the Gateway API's CRDs";
    nothing_sent(Outcome::Blocked, Some(Reason::CrdMissing), message.to_owned(), None, Retry::Never)
}

/// What a class is reported as while it is left alone after a fight. The other one is whoever owns a unit that isn't as
/// wanted, else whoever wrote last but us. Who only removes is recorded nowhere.
fn fighting(default: &DefaultClass, live: Option<Arc<Live>>, manager: &FieldManager, pause: Duration) -> Pass {
    let is_rival = |other: &&Manager| *other.name != *manager.as_str() && other.subresource.is_none();
    let other = live.as_deref().and_then(|live| {
        let contested = |(unit, wanted)| live.units.get(unit) != Some(wanted);
        let contested: Vec<_> = default.units.iter().filter(|&unit| contested(unit)).map(|(unit, _)| unit).collect();
        let is_contested = |other: &Manager| contested.iter().any(|unit| other.fields.of(unit).is_some());
        live.managers.iter().filter(is_rival).max_by_key(|other| (is_contested(other), other.time))
    });
    let other = other.map_or("somebody", |other| &other.name);
    let message = format!(
        "{other} rewrites the class as often as we do; leaving it alone for {} s. Pin the unit, or stop the other one",
        pause.as_secs()
    );
    nothing_sent(Outcome::Fighting, None, message, live, Retry::After(pause))
}

fn nothing_sent(
    outcome: Outcome,
    reason: Option<Reason>,
    message: String,
    live: Option<Arc<Live>>,
    retry: Retry,
) -> Pass {
    let (at_rest, found) = (outcome, live.clone());
    Pass { outcome, at_rest, reason, message: Some(message), found, live, yielded: 0, writing: None, retry }
}
