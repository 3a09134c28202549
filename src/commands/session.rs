//! A cluster for a command that ends: connected to, read once, one pass over some classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::{StreamExt, stream};
use kube::Client;

use super::advice::{Advised, unknown_class};
use super::called::name;
use super::progress::Progress;
use super::{Global, Verdict, load, output};
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::connect::connect;
use crate::cluster::execute::{Task, pass};
use crate::cluster::facts::ClusterState;
use crate::cluster::reconcile::CONCURRENCY;
use crate::cluster::{watch_namespaces, withheld};
use crate::engine::author::{Author, Installation};
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::Severity;
use crate::engine::diagnostic::render::{Color, report};
use crate::engine::facts::Facts;
use crate::engine::live::Live;
use crate::engine::outcome::Report;
use crate::engine::protection::is_held_by;
use crate::engine::template::expansions::{Expansions, NamespaceFinding, NamespaceSeen};
use crate::engine::when::Round;
use crate::metrics::Metrics;

/// A cluster, and its classes as they were when the command began.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) classes: Classes,
    installation: Installation,
    pub(super) live: BTreeMap<Arc<str>, Arc<Live>>,
    facts: Arc<Facts>,
    /// Conditions of defaults, about the cluster as it was.
    round: Round,
}

/// Defaults with what their templates give.
pub(super) struct Expanded {
    /// All classes.
    pub(super) defaults: Arc<Defaults>,
    /// The names of classes that would be there, if nothing was wrong.
    pub(super) held: BTreeSet<Arc<str>>,
    /// Whether each class could be made.
    pub(super) verdict: Verdict,
}

impl Session {
    /// Connects and reads all classes.
    pub(super) async fn open(global: &Global, installation: &Installation, dry_run: DryRun) -> anyhow::Result<Self> {
        let session = Self::find(global, installation, dry_run).await?;
        let missing = || {
            Advised::new(
                "the cluster has no GatewayClass kind",
                "install the Gateway API's CRDs (https://gateway-api.sigs.k8s.io/guides/), or choose another --context",
            )
        };
        Ok(session.ok_or_else(missing)?)
    }

    /// Connects and reads all classes; none if the cluster has no such kind.
    pub(super) async fn find(
        global: &Global,
        installation: &Installation,
        dry_run: DryRun,
    ) -> anyhow::Result<Option<Self>> {
        Progress::new("reading the cluster's classes", 0).show(Self::read(global, installation, dry_run)).await
    }

    async fn read(global: &Global, installation: &Installation, dry_run: DryRun) -> anyhow::Result<Option<Self>> {
        let metrics = Arc::new(Metrics::default());
        let client =
            connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics, &Arc::default()).await?;
        let state = ClusterState::read(&client).await.context("can't ask the cluster")?;
        let Some(version) = state.classes() else { return Ok(None) };
        let classes = Classes::new(client.clone(), version, installation.platform().clone(), dry_run);
        let live = classes.list().await.context("can't list GatewayClasses")?;
        let live = live.into_iter().map(|live| (live.name.clone(), Arc::new(live))).collect();
        let installation = installation.clone();
        Ok(Some(Self { client, classes, installation, live, round: Round::new(&state.facts), facts: state.facts }))
    }

    /// A class that must be there.
    pub(super) fn class(&self, name: &str) -> anyhow::Result<&Arc<Live>> {
        let known = || self.live.keys().map(|name| &**name);
        Ok(self.live.get(name).ok_or_else(|| unknown_class(name, known()))?)
    }

    /// The classes of which we own anything, be it only the finalizer, whoever's the default was.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Arc<Live>> {
        let is_ours = |live: &Live| self.installation.applies_to(live);
        self.live.values().filter(move |live| is_ours(live) || is_held_by(live, self.installation.platform()))
    }

    /// Those of them that no tenant's default was applied to.
    pub(super) fn platform_s(&self) -> impl Iterator<Item = &Arc<Live>> {
        let is_tenant_s = |live: &Live| self.installation.authors_of(live).any(|author| author != Author::Platform);
        self.ours().filter(move |live| !is_tenant_s(live))
    }

    /// Gives up everything that is ours of a class.
    pub(super) fn release(&self, live: &Live) -> Vec<Task> {
        let mut authors: Vec<_> = self.installation.authors_of(live).collect();
        if authors.is_empty() {
            authors.push(Author::Platform);
        }
        authors.into_iter().map(|author| Task::Release(live.name.clone(), author)).collect()
    }

    /// Fills in templates, for the namespaces that there are now; what is wrong with single ones is said.
    pub(super) async fn expand(&self, defaults: &Arc<Defaults>) -> anyhow::Result<Expanded> {
        let mut all = Expansions::default();
        all.know(&self.facts);
        all.load(defaults.templates());
        let Some(kept) = all.needs() else {
            return Ok(Expanded { defaults: defaults.clone(), held: BTreeSet::new(), verdict: Verdict::Good });
        };
        let namespaces = watch_namespaces::list(&self.client, &kept).await.context("can't list namespaces")?;
        all.see(NamespaceSeen::Listing(kept));
        for namespace in namespaces {
            all.see(NamespaceSeen::Item(namespace));
        }
        let names = all.see(NamespaceSeen::Listed);
        all.settle(&names, defaults);
        let mut verdict = Verdict::Good;
        for NamespaceFinding { namespace, diagnostic } in all.findings() {
            output::say(&format!(
                "of the namespace {namespace}:\n{}",
                report(std::slice::from_ref(&diagnostic), Color::Always)
            ));
            if diagnostic.severity == Severity::Error {
                verdict = Verdict::Bad;
            }
        }
        let held = all.held().cloned().collect();
        // What the files describe themselves is preferred.
        let classes = all.classes().chain(defaults.iter()).cloned();
        Ok(Expanded { defaults: Arc::new(classes.collect()), held, verdict })
    }

    /// Does these tasks, side by side.
    pub(super) async fn pass(&self, progress: Progress, tasks: Vec<Task>) -> Report {
        let progress = &progress;
        let passes = tasks.into_iter().map(|task| async move {
            let classes = self.classes.under(self.installation.manager(task.author()));
            let live = self.live.get(task.name()).cloned();
            let unmet = match &task {
                Task::Keep(default, _) => withheld::unmet(default, Some(&self.round), live.as_ref()),
                Task::Leave(..) | Task::Release(..) | Task::Grip(..) => None,
            };
            let pass = match unmet {
                Some(pass) => pass,
                None => pass(&classes, &task, live).await,
            };
            progress.step();
            pass.report(&task, classes.manager())
        });
        let all = stream::iter(passes).buffer_unordered(CONCURRENCY).collect::<Vec<_>>();
        progress.show(all).await.into_iter().collect()
    }
}

/// Loads defaults that must be valid; what is found is said.
pub(super) fn valid_defaults(path: &Path) -> anyhow::Result<Arc<Defaults>> {
    let loaded = load::source(path)?;
    if !loaded.findings.is_empty() {
        output::say(&format!("{}\n", report(&loaded.placed(), Color::Always)));
    }
    let invalid = || {
        let check = format!("correct what stands above; `{} check {}` looks again", name(), path.display());
        Advised::new(format!("{} isn't valid; nothing was sent", path.display()), check)
    };
    Ok(loaded.defaults.ok_or_else(invalid)?)
}
