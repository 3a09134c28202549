//! `run`: the controller.

mod tasks;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueHint;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

pub(super) use self::tasks::Tasks;
use self::tasks::{Election, Watched};
use super::advice::Advised;
use super::{Global, Verdict, runtime, webhook};
use crate::admission::Admission;
use crate::cluster::board::Board;
use crate::cluster::classes::CacheState;
use crate::cluster::connect::{connect, in_pod, own_identity, own_namespace};
use crate::cluster::events;
use crate::cluster::journal::Journal;
use crate::cluster::kept_names::KeptNamesStore;
use crate::cluster::reach::Reach;
use crate::cluster::reconcile::Controller;
use crate::cluster::removal::{EmptySource, RemovalGate};
use crate::cluster::watch_config_maps::WatchConfigMaps;
use crate::cluster::watch_namespaces::{WatchNamespaces, tell_facts};
use crate::engine::assembly::Holders;
use crate::engine::author::Installation;
use crate::engine::source::{ConfigMapName, SourceId};
use crate::files::assemble::Assemble;
use crate::files::configuration::Configuration;
use crate::files::follow::Follow;
use crate::files::sources::{News, Settled, Sources};
use crate::files::worker::Worker;
use crate::metrics::Metrics;
use crate::serve::Pages;

/// Events of the watch that wait to be taken in; the API server waits behind them.
const EVENTS: usize = 256;

/// The groups of options in the help.
const SOURCES: &str = "Files";
const SERVING: &str = "Serving";
const WRITING: &str = "Writing";
/// What some options are, without the backticks that a comment would have.
const CONFIGMAP: &str =
    "A ConfigMap of defaults files, read from the API server: a change is live at once; may be given several times";
const ADMIN: &str = "Where the page for people and /status are served; empty: nowhere";

/// Keep the classes of a cluster as the defaults files say
///
/// The controller: it follows the files and the cluster, repairs what drifts, and leaves alone what somebody else owns. At
/// least one of --defaults and --configmap says where the files are.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("platform").required(true).multiple(true).args(["defaults", "configmap"])))]
pub(super) struct Args {
    /// The directory of the defaults files
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = SOURCES)]
    defaults: Option<PathBuf>,
    #[arg(long, value_name = "NS/NAME", help_heading = SOURCES, help = CONFIGMAP)]
    configmap: Vec<ConfigMapName>,
    /// Where health and metrics are served; empty: nowhere
    #[arg(long, value_name = "ADDR", help_heading = SERVING, default_value = "0.0.0.0:8080", value_parser = address)]
    listen: Address,
    #[arg(long, value_name = "ADDR", help_heading = SERVING, default_value = "127.0.0.1:8081", value_parser = address, help = ADMIN)]
    admin_listen: Address,
    /// How long edited files must be quiet before they are read; a swapped mount needs no quiet time
    #[arg(long, value_name = "TIME", help_heading = SOURCES, default_value = "200ms", value_parser = duration)]
    debounce: Duration,
    /// How long after the start nothing counts as removed from the files, since a mount may lag
    #[arg(long, value_name = "TIME", help_heading = SOURCES, default_value = "3m", value_parser = duration)]
    removal_delay: Duration,
    #[arg(long, help_heading = SOURCES, help = "Take an empty directory or ConfigMap for one that every class was removed from")]
    allow_empty: bool,
    /// Write only while this replica holds the Lease; without it, yes in a Pod and no elsewhere
    #[arg(long, help_heading = WRITING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    leader_elect: Option<bool>,
    /// The namespace of the program's own objects; without it the Pod's own, else default
    #[arg(long, value_name = "NS", help_heading = WRITING)]
    namespace: Option<String>,
    /// The field manager to write under; two installations in one cluster need two
    #[arg(long = "field-manager", value_name = "NAME", help_heading = WRITING, default_value = "classkeeper", value_parser = Installation::new)]
    installation: Installation,
    #[command(flatten)]
    webhook: webhook::Webhook,
}

/// An address to listen on, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) Option<SocketAddr>);

pub(super) fn address(text: &str) -> Result<Address, std::net::AddrParseError> {
    if text.is_empty() {
        return Ok(Address(None));
    }
    text.parse().map(|address| Address(Some(address)))
}

/// A time as 200ms, 3s, 3m or 1h.
fn duration(text: &str) -> Result<Duration, String> {
    let error = || format!("{text:?} is no time; write a number with ms, s, m or h, as 200ms");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err(error()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(error)
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let advice = "make it, or give another directory by --defaults; in a Pod, mount the ConfigMap there";
        must_exist(self.defaults.as_deref(), advice)?;
        self.webhook.check()?;
        runtime()?.block_on(self.keep(global))
    }

    async fn keep(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self {
            defaults,
            configmap,
            listen,
            admin_listen,
            debounce,
            removal_delay,
            allow_empty,
            leader_elect,
            namespace,
            installation,
            webhook,
        } = self;
        let metrics = Arc::new(Metrics::default());
        let (reach, journal) = (Arc::<Reach>::default(), Arc::<Journal>::default());
        let client = connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics, &reach).await?;
        let shutdown = CancellationToken::new();
        let reload_now = Arc::new(Notify::new());
        end_on_signals(&shutdown, &reload_now)?;
        let board = Arc::new(Board::new(installation.clone(), metrics.clone()));
        let (configuration, loaded) = watch::channel(Configuration::default());
        let (namespace, identity) = (namespace.unwrap_or_else(own_namespace), own_identity());
        let mut tasks = Tasks::new(shutdown.clone());

        // Its own token: the Lease is given up when nothing is being written any more.
        let written = CancellationToken::new();
        let candidate = leader_elect.unwrap_or_else(in_pod).then(|| (namespace.clone(), identity.clone()));
        let Election { gate, role, holder } = tasks.elect(&client, candidate, &written);
        let pages = Pages {
            board: board.clone(),
            configuration: loaded.clone(),
            role: role.clone(),
            holder,
            reach,
            journal: journal.clone(),
            metrics: metrics.clone(),
        };
        tasks.serve_pages(listen, admin_listen, pages).await?;
        let Watched { cluster, seen, gateways, need } = tasks.watch(&client);
        let (doubt, (changes, told)) = (Arc::new(Notify::new()), mpsc::channel(EVENTS));
        let (events, publish) = events::channel(client.clone(), identity, journal, &metrics);
        tasks.tell(&events, publish, (told, role.clone()), &written);
        let admission = Admission {
            board: board.clone(),
            cluster: cluster.clone(),
            installation: installation.clone(),
            platform_config_maps: configmap.iter().cloned().collect(),
            metrics: metrics.clone(),
        };
        let shared = webhook::Shared {
            client: client.clone(),
            namespace: namespace.clone(),
            gate: gate.clone(),
            role: role.clone(),
            shutdown: shutdown.clone(),
        };
        webhook.serve(admission, shared, &mut tasks).await?;
        let empty = if allow_empty { EmptySource::RemovesAll } else { EmptySource::RemovesNothing };
        let facts = cluster.clone();
        let controller = Controller {
            kept_names: KeptNamesStore::new(client.clone(), namespace, installation.platform().clone(), gate.clone()),
            client: client.clone(),
            installation: installation.clone(),
            configuration: loaded,
            cluster,
            seen,
            gateways,
            need,
            role,
            gate,
            removal: RemovalGate::new(Instant::now(), removal_delay, empty),
            board: board.clone(),
            doubt: doubt.clone(),
            events,
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(async move {
            controller.run().await;
            written.cancel();
        });
        let platform = defaults.iter().map(|_| SourceId::Directory);
        let sources = Sources::new(platform.chain(configmap.iter().cloned().map(SourceId::ConfigMap)));
        let loading = start_loading(sources, holders(board, installation))?;
        let (news, known) = mpsc::channel(EVENTS);
        let (namespaces, tenants) = watch::channel(BTreeSet::new());
        let (annotations, wanted) = watch::channel(None);
        let assemble =
            Assemble { loading, news: known, doubt, configuration, changes, annotations, namespaces, metrics };
        tasks.spawn_until_shutdown(assemble.run());
        tasks.spawn_until_shutdown(tell_facts(facts, news.clone()));
        tasks.spawn_until_shutdown(WatchNamespaces { client: client.clone(), wanted, news: news.clone() }.run());
        let maps = WatchConfigMaps { client, platform: configmap, namespaces: tenants, news: news.clone() };
        tasks.spawn_until_shutdown(maps.run());
        if let Some(path) = defaults {
            let follow = Follow { path, debounce, news, now: reload_now, shutdown };
            tasks.spawn_fallible(async move { follow.run().await.context("the defaults can't be followed") });
        }
        tasks.until_all_ended().await.map(|()| Verdict::Good)
    }
}

/// A directory that isn't there is wrong use; one that is empty may be filled later.
pub(super) fn must_exist(directory: Option<&Path>, advice: &'static str) -> anyhow::Result<()> {
    let Some(missing) = directory.filter(|path| !path.exists()) else { return Ok(()) };
    Err(Advised::new(format!("there is no directory {}", missing.display()), advice).into())
}

fn start_loading(
    mut sources: Sources,
    holders: impl Fn(&str) -> Holders + Send + 'static,
) -> anyhow::Result<Worker<Vec<News>, Settled>> {
    let load = move |news| sources.take_in(news, &holders);
    Worker::start("loading", load).context("no thread can be started")
}

/// Who has applied a class, by what the watch sees.
fn holders(board: Arc<Board>, installation: Installation) -> impl Fn(&str) -> Holders {
    move |class| {
        let state = board.lock();
        match state.cache.state() {
            CacheState::Unknown | CacheState::Listing(_) => Holders::Unknown,
            CacheState::KindMissing => Holders::Known(Vec::new()),
            CacheState::Synced(_) => {
                let live = state.cache.get(class);
                Holders::Known(live.into_iter().flat_map(|live| installation.authors_of(live)).collect())
            }
        }
    }
}

/// Ends the program on SIGTERM and SIGINT, and reads the files on SIGHUP.
fn end_on_signals(shutdown: &CancellationToken, reload_now: &Arc<Notify>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (shutdown, reload_now) = (shutdown.clone(), reload_now.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => reload_now.notify_one(),
            }
        }
        info!("ending, as asked");
        shutdown.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("3m"), Ok(Duration::from_mins(3)));
        for text in ["", "3", "m", "3 m", "-1s", "1d", "99999999999999999999h", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text:?} was taken for a time");
        }
    }
}
