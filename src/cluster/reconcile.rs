//! The reconcile loop: new defaults, events of the watches, leadership and facts put class names into a queue, and each
//! name gets a pass.
//!
//! Names are worked on side by side, one pass for each class at a time. A class that is as wanted costs no request.
//! [`look`] says which names are looked at again, [`start`] what is done about one, [`finish`] what comes of it.

mod finish;
mod grips;
mod look;
mod settling;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::grips::Grips;
use self::settling::Settling;
use super::board::Board;
use super::breaker::Breaker;
use super::classes::{CacheState, Effect};
use super::crd::ClassCrd;
use super::events::Events;
use super::execute::{Pass, Task};
use super::facts::ClusterState;
use super::gate::Gate;
use super::gateways::{GatewaySeen, Gateways};
use super::kept_names::KeptNamesStore;
use super::leader::Role;
use super::memory::Memory;
use super::queue::Queue;
use super::removal::RemovalGate;
use super::watch::{Fate, Seen};
use super::watch_gateways::Need;
use crate::engine::author::Installation;
use crate::engine::defaults::DefaultClass;
use crate::engine::protection::KindPhase;
use crate::engine::when::Round;
use crate::files::configuration::Configuration;
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
    /// The names we write under.
    pub installation: Installation,
    /// What is in force.
    pub configuration: watch::Receiver<Configuration>,
    /// What the cluster is.
    pub cluster: watch::Receiver<Option<ClusterState>>,
    /// What the watch on GatewayClasses sees.
    pub seen: mpsc::Receiver<Seen>,
    /// What the watch on Gateways sees, once it is needed.
    pub gateways: mpsc::Receiver<GatewaySeen>,
    /// Where that need is told.
    pub need: watch::Sender<Need>,
    /// Whether we write.
    pub role: watch::Receiver<Role>,
    /// What each write must pass.
    pub gate: Gate,
    /// When classes whose default is gone may be left.
    pub removal: RemovalGate,
    /// Where the names of classes that stay deleted are kept.
    pub kept_names: KeptNamesStore,
    /// Where results go.
    pub board: Arc<Board>,
    /// Where it is asked to look again at whose a name is.
    pub doubt: Arc<Notify>,
    /// Where it is told what happened.
    pub events: Events,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ends the loop.
    pub shutdown: CancellationToken,
}

type PassUnderWay = BoxFuture<'static, (Task, Pass, Duration)>;

/// What the loop keeps between two events.
struct Loop {
    client: Client,
    installation: Installation,
    board: Arc<Board>,
    doubt: Arc<Notify>,
    events: Events,
    metrics: Arc<Metrics>,
    gate: Gate,
    role: Role,
    need: watch::Sender<Need>,
    cluster: Option<ClusterState>,
    settling: Settling,
    /// Conditions of defaults, about the cluster as it is.
    round: Option<Round>,
    gateways: Gateways,
    grips: Grips,
    queue: Queue,
    removal: RemovalGate,
    breaker: Breaker,
    memory: Memory,
    under_way: FuturesUnordered<PassUnderWay>,
}

impl Controller {
    /// Keeps the classes until told to end; passes under way are finished first.
    pub async fn run(self) {
        let Self {
            client,
            installation,
            mut configuration,
            mut cluster,
            mut seen,
            gateways: mut gateways_seen,
            need,
            mut role,
            gate,
            removal,
            kept_names,
            board,
            doubt,
            events,
            metrics,
            shutdown,
        } = self;
        let (queue, breaker, under_way) = (Queue::default(), Breaker::default(), FuturesUnordered::new());
        let (gateways, grips, memory) = (Gateways::default(), Grips::default(), Memory::new(kept_names));
        metrics.ecosystem().set_most_active(CONCURRENCY);
        let mut this = Loop {
            client,
            installation,
            board,
            doubt,
            events,
            metrics,
            gate,
            role: *role.borrow_and_update(),
            need,
            cluster: None,
            settling: Settling::default(),
            round: None,
            gateways,
            grips,
            queue,
            removal,
            breaker,
            memory,
            under_way,
        };
        this.metrics.set_leader(this.role == Role::Leader);
        let initial = configuration.borrow_and_update().clone();
        this.load(&initial);
        let first = cluster.borrow_and_update().clone();
        this.change_cluster(first);
        loop {
            this.start_passes();
            let retry = this.queue.next_due();
            let opening = this.removal.opens(Instant::now());
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((task, pass, took)) = this.under_way.next() => this.finish_pass(&task, &pass, took),
                event = seen.recv() => match event {
                    Some(event) => this.see(event),
                    None => break,
                },
                Some(event) = gateways_seen.recv() => this.see_gateway(event),
                Ok(()) = role.changed() => {
                    let new = *role.borrow_and_update();
                    this.change_role(new);
                }
                Ok(()) = cluster.changed() => {
                    let new = cluster.borrow_and_update().clone();
                    this.change_cluster(new);
                }
                changed = configuration.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let new = configuration.borrow_and_update().clone();
                    this.load(&new);
                }
                () = sleep_until(retry) => {}
                () = sleep_until(opening) => this.look_for_leavers(),
                () = this.memory.work(), if this.role == Role::Leader => this.look_again(),
            }
        }
        let finish = async {
            while let Some((task, pass, took)) = this.under_way.next().await {
                this.finish_pass(&task, &pass, took);
            }
            if this.role == Role::Leader {
                this.memory.save().await;
            }
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
        // News of a source that changed nothing, but may have been waited for.
        if self.board.lock().defaults.as_ref().is_some_and(|old| Arc::ptr_eq(old, &new)) {
            self.look_for_leavers();
            return;
        }
        let old = self.board.lock().load(&new);
        let now = Instant::now();
        for default in new.iter() {
            let same = old.get(&default.name).is_some_and(|old| Arc::ptr_eq(old, default) || old == default);
            if !same {
                self.queue.push(&default.name, now);
            }
        }
        for default in old.iter().filter(|default| new.get(&default.name).is_none()) {
            self.queue.forget(&default.name);
            self.breaker.forget(&default.name);
            self.memory.forget(&default.name);
            self.board.forget(&default.name);
            info!(class = &*default.name, "the default left the files");
        }
        if new.iter().any(|default| default.policy.protect) {
            self.need_gateways();
        }
        self.look_for_leavers();
    }

    fn see(&mut self, event: Seen) {
        let all_went = matches!(event, Seen::KindMissing(Fate::Gone));
        let effect = self.board.lock().see(event);
        match effect {
            Effect::None => {}
            Effect::Class(name) => {
                let wanted = {
                    let state = self.board.lock();
                    let is_named = state.defaults.as_ref().is_some_and(|defaults| defaults.get(&name).is_some());
                    // What is reported may be gone, or given up by others: then it is reported no more.
                    is_named
                        || state.is_reported(&name)
                        || state.cache.get(&name).is_some_and(|live| self.concerns_us(live))
                };
                if wanted {
                    self.queue.push(&name, Instant::now());
                }
            }
            Effect::All => {
                if all_went {
                    self.memory.forget_all();
                }
                if self.board.cache_state() == CacheState::KindMissing {
                    self.grips = Grips::default();
                }
                self.look_at_everything();
            }
        }
    }

    fn see_gateway(&mut self, event: GatewaySeen) {
        // The first knowledge of all concerns also classes that nobody uses.
        let knew = self.gateways.is_known();
        let changed = self.gateways.see(event);
        if !knew && self.gateways.is_known() {
            self.look_at_everything();
        }
        for class in changed {
            let concerns_us = {
                let state = self.board.lock();
                state.is_reported(&class) || state.cache.get(&class).is_some_and(|live| self.concerns_us(live))
            };
            if concerns_us {
                self.queue.push(&class, Instant::now());
            }
        }
    }

    fn change_role(&mut self, role: Role) {
        self.role = role;
        self.metrics.set_leader(role == Role::Leader);
        match role {
            Role::Leader => {
                // What another one did meanwhile is on the cluster; what it knew went with it.
                self.removal.restart(Instant::now());
                self.memory.reset();
                self.breaker = Breaker::default();
                self.grips = Grips::default();
            }
            Role::Standby => {}
        }
        self.look_at_everything();
    }

    fn change_cluster(&mut self, new: Option<ClusterState>) {
        let old = std::mem::replace(&mut self.cluster, new);
        // What was refused may be accepted by another CRD, and what holds a class mustn't hold up the CRD's deletion.
        if old.as_ref().map(|old| &old.crd) != self.cluster.as_ref().map(|new| &new.crd) {
            if old.is_some() {
                self.settling.restart(Instant::now());
            }
            self.look_at_everything();
        }
        if old.as_ref().map(|old| &old.facts) != self.cluster.as_ref().map(|new| &new.facts) {
            self.round = self.cluster.as_ref().map(|new| Round::new(&new.facts));
            self.look_at_conditions();
        }
    }

    fn kind_phase(&self) -> KindPhase {
        match self.cluster.as_ref().map(|cluster| &cluster.crd) {
            Some(ClassCrd::Terminating) => KindPhase::Terminating,
            Some(ClassCrd::Unknown | ClassCrd::Absent | ClassCrd::Present { .. }) | None => KindPhase::Present,
        }
    }

    /// Has Gateways watched, from now on.
    fn need_gateways(&self) {
        self.need.send_if_modified(|need| std::mem::replace(need, Need::Some) != Need::Some);
    }

    fn default(&self, name: &str) -> Option<Arc<DefaultClass>> {
        self.board.lock().defaults.as_ref().and_then(|defaults| defaults.get(name).cloned())
    }
}
