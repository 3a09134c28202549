//! A cluster for a command that ends: connected to, read once, one pass over some classes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::{StreamExt, stream};
use kube::Client;

use super::{Global, load, output};
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::connect::connect;
use crate::cluster::execute::{Task, pass};
use crate::cluster::facts::ClusterState;
use crate::cluster::reconcile::CONCURRENCY;
use crate::cluster::withheld;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::render::{Color, report};
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::Report;
use crate::engine::protection::is_held_by;
use crate::engine::when::Round;
use crate::metrics::Metrics;

/// A cluster, and its classes as they were when the command began.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) classes: Classes,
    pub(super) live: BTreeMap<Arc<str>, Arc<Live>>,
    /// Conditions of defaults, about the cluster as it was.
    round: Round,
}

impl Session {
    /// Connects and reads all classes.
    pub(super) async fn open(global: &Global, manager: &FieldManager, dry_run: DryRun) -> anyhow::Result<Self> {
        let session = Self::find(global, manager, dry_run).await?;
        session.context("the cluster has no GatewayClass kind; install the Gateway API's CRDs")
    }

    /// Connects and reads all classes; none if the cluster has no such kind.
    pub(super) async fn find(global: &Global, manager: &FieldManager, dry_run: DryRun) -> anyhow::Result<Option<Self>> {
        let metrics = Arc::new(Metrics::default());
        let client = connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics).await?;
        let state = ClusterState::read(&client).await.context("can't reach the cluster")?;
        let Some(version) = state.classes() else { return Ok(None) };
        let classes = Classes::new(client.clone(), version, manager.clone(), dry_run);
        let live = classes.list().await.context("can't list GatewayClasses")?;
        let live = live.into_iter().map(|live| (live.name.clone(), Arc::new(live))).collect();
        Ok(Some(Self { client, classes, live, round: Round::new(&state.facts) }))
    }

    /// A class that must be there.
    pub(super) fn class(&self, name: &str) -> anyhow::Result<&Arc<Live>> {
        self.live.get(name).with_context(|| format!("the cluster has no GatewayClass {name}"))
    }

    /// The classes of which we own anything, be it only the finalizer.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Arc<Live>> {
        let manager = self.classes.manager();
        let is_ours = |live: &Live| live.applied_by(manager).is_some_and(|ours| !ours.is_empty());
        self.live.values().filter(move |live| is_ours(live) || is_held_by(live, manager))
    }

    /// Does these tasks, side by side.
    pub(super) async fn pass(&self, tasks: Vec<Task>) -> Report {
        let passes = tasks.into_iter().map(|task| async move {
            let live = self.live.get(task.name()).cloned();
            let unmet = match &task {
                Task::Keep(default) => withheld::unmet(default, Some(&self.round), live.as_ref()),
                Task::Leave(_) | Task::Release(_) | Task::Grip(..) => None,
            };
            let pass = match unmet {
                Some(pass) => pass,
                None => pass(&self.classes, &task, live).await,
            };
            pass.report(&task, self.classes.manager())
        });
        stream::iter(passes).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect()
    }
}

/// Loads defaults that must be valid; what is found is said.
pub(super) fn valid_defaults(path: &Path) -> anyhow::Result<Arc<Defaults>> {
    let loaded = load::source(path)?;
    if !loaded.findings.is_empty() {
        output::say(&report(&loaded.findings, Color::Always));
    }
    loaded.defaults.with_context(|| format!("{} isn't valid; nothing was sent", path.display()))
}
