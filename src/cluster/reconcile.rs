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

use super::api::{Classes, DryRun};
use super::board::{Board, Cause};
use super::classes::{CacheState, Effect};
use super::execute::{Pass, Retry, pass};
use super::queue::Queue;
use super::watch::Seen;
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::live::FieldManager;
use crate::engine::outcome::{Outcome, Reason};
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
    /// The defaults in force; `None` before the first good load.
    pub defaults: watch::Receiver<Option<Arc<Defaults>>>,
    /// What the watch sees.
    pub seen: mpsc::Receiver<Seen>,
    /// Where results go.
    pub board: Arc<Board>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ends the loop.
    pub shutdown: CancellationToken,
}

type PassUnderWay = BoxFuture<'static, (Arc<DefaultClass>, Pass)>;

/// What the loop keeps between two events.
struct Loop {
    client: Client,
    manager: FieldManager,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    queue: Queue,
    under_way: FuturesUnordered<PassUnderWay>,
}

impl Controller {
    /// Keeps the classes until told to end; passes under way are finished first.
    pub async fn run(self) {
        let Self { client, manager, mut defaults, mut seen, board, metrics, shutdown } = self;
        let queue = Queue::default();
        let mut this = Loop { client, manager, board, metrics, queue, under_way: FuturesUnordered::new() };
        let initial = defaults.borrow_and_update().clone();
        this.load(initial);
        loop {
            this.start_passes();
            let retry = this.queue.next_due().map(tokio::time::Instant::from_std);
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((default, pass)) = this.under_way.next() => this.finish(&default, &pass),
                event = seen.recv() => match event {
                    Some(event) => this.see(event),
                    None => break,
                },
                changed = defaults.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let new = defaults.borrow_and_update().clone();
                    this.load(new);
                }
                () = sleep_until(retry) => {}
            }
        }
        let finish = async {
            while let Some((default, pass)) = this.under_way.next().await {
                this.finish(&default, &pass);
            }
        };
        if tokio::time::timeout(GRACE, finish).await.is_err() {
            warn!("ending although applies are under way");
        }
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Loop {
    /// Puts new defaults in force, and asks for a pass over each class whose default changed.
    fn load(&mut self, new: Option<Arc<Defaults>>) {
        let Some(new) = new else { return };
        let old = self.board.lock().defaults.replace(new.clone()).unwrap_or_default();
        for default in new.iter() {
            let same = old.get(&default.name).is_some_and(|old| Arc::ptr_eq(old, default) || old == default);
            if !same {
                self.queue.push(&default.name);
            }
        }
        for default in old.iter().filter(|default| new.get(&default.name).is_none()) {
            self.queue.forget(&default.name);
            self.board.forget(&default.name);
            info!(class = &*default.name, "the default left the files; the class stays as it is");
        }
    }

    fn see(&mut self, event: Seen) {
        let effect = self.board.lock().cache.see(event);
        match effect {
            Effect::None => {}
            Effect::Class(name) => {
                let wanted = self.board.lock().defaults.as_ref().is_some_and(|defaults| defaults.get(&name).is_some());
                if wanted {
                    self.queue.push(&name);
                }
            }
            Effect::All => {
                let defaults = self.board.lock().defaults.clone().unwrap_or_default();
                defaults.iter().for_each(|default| self.queue.push(&default.name));
            }
        }
    }

    /// Begins passes as long as there is work and room.
    fn start_passes(&mut self) {
        while self.under_way.len() < CONCURRENCY {
            let cache = self.board.cache_state();
            if matches!(cache, CacheState::Unknown | CacheState::Listing(_)) {
                return;
            }
            let Some(name) = self.queue.pop(Instant::now()) else { return };
            let (default, live) = {
                let state = self.board.lock();
                let default = state.defaults.as_ref().and_then(|defaults| defaults.get(&name).cloned());
                (default, state.cache.get(&name).cloned())
            };
            let Some(default) = default else {
                self.queue.done(&name, Retry::Never, Instant::now());
                continue;
            };
            let CacheState::Synced(version) = cache else {
                self.finish(&default, &kind_missing());
                continue;
            };
            let classes = Classes::new(self.client.clone(), version, self.manager.clone(), DryRun::No);
            let work = async move {
                let pass = pass(&classes, &default, live).await;
                (default, pass)
            };
            self.under_way.push(Box::pin(work));
        }
    }

    fn finish(&mut self, default: &Arc<DefaultClass>, pass: &Pass) {
        self.queue.done(&default.name, pass.retry, Instant::now());
        let wanted = self.board.lock().defaults.as_ref().is_some_and(|defaults| defaults.get(&default.name).is_some());
        if !wanted {
            // The default left the files while the pass was under way.
            return;
        }
        let cause = self.board.settle(default, pass);
        if let Some(duration) = pass.writing {
            self.metrics.count_apply(pass.outcome, duration);
        }
        let class = &*default.name;
        match (cause, pass.outcome) {
            (Some(Cause::Drift), outcome) => {
                self.metrics.count_repaired_drift();
                info!(class, outcome = outcome.as_str(), "repaired what somebody else changed");
            }
            (Some(Cause::Default), outcome) => {
                info!(class, outcome = outcome.as_str(), source = %default.origin, "applied")
            }
            (None, Outcome::Failed) => {
                warn!(class, reason = ?pass.reason, message = pass.message, "the class can't be kept");
            }
            (None, outcome) => debug!(class, outcome = outcome.as_str(), message = pass.message, "nothing to do"),
        }
    }
}

fn kind_missing() -> Pass {
    Pass {
        outcome: Outcome::Blocked,
        at_rest: Outcome::Blocked,
        reason: Some(Reason::CrdMissing),
        message: Some("the cluster has no GatewayClass kind; install the Gateway API's CRDs".to_owned()),
        found: None,
        live: None,
        yielded: 0,
        writing: None,
        retry: Retry::Never,
    }
}
