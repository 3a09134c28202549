//! `run`: the controller.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueHint;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::advice::Advised;
use super::{Global, Verdict, runtime, webhook};
use crate::admission::Admission;
use crate::cluster::board::Board;
use crate::cluster::classes::CacheState;
use crate::cluster::connect::{Pod, connect, in_pod, own_identity, own_namespace};
use crate::cluster::events::{self, Events, PublishEvents};
use crate::cluster::facts::{ClusterState, FollowFacts};
use crate::cluster::gate::{Gate, LeaseTerm};
use crate::cluster::gateways::GatewaySeen;
use crate::cluster::journal::Journal;
use crate::cluster::kept_names::KeptNamesStore;
use crate::cluster::leader::{Elect, Role};
use crate::cluster::reach::Reach;
use crate::cluster::reconcile::Controller;
use crate::cluster::removal::{EmptySource, RemovalGate};
use crate::cluster::tell_loads::tell_loads;
use crate::cluster::watch::{Seen, WatchClasses};
use crate::cluster::watch_config_maps::WatchConfigMaps;
use crate::cluster::watch_gateways::{Need, WatchGateways};
use crate::cluster::watch_namespaces::{WatchNamespaces, tell_facts};
use crate::engine::assembly::Holders;
use crate::engine::author::Installation;
use crate::engine::source::{ConfigMapName, SourceId};
use crate::files::assemble::Assemble;
use crate::files::configuration::Configuration;
use crate::files::follow::Follow;

use crate::files::sources::{Change, News, Settled, Sources};
use crate::files::worker::Worker;
use crate::metrics::Metrics;
use crate::serve::{self, Pages};

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

/// How long Events may still be sent when the program ends.
const LAST_EVENTS: Duration = Duration::from_secs(2);

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
        must_exist(defaults.as_deref())?;
        let metrics = Arc::new(Metrics::default());
        let (reach, journal) = (Arc::<Reach>::default(), Arc::<Journal>::default());
        let client = connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics, &reach).await?;
        let shutdown = CancellationToken::new();
        let reload_now = Arc::new(Notify::new());
        end_on_signals(&shutdown, &reload_now)?;
        let board = Arc::new(Board::new(installation.clone(), metrics.clone()));
        let (configuration, loaded) = watch::channel(Configuration::default());
        let (namespace, identity) = (namespace.unwrap_or_else(own_namespace), own_identity());
        let mut tasks = Tasks { tasks: JoinSet::new(), shutdown: shutdown.clone() };

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
            shutdown,
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
            let follow = Follow { path, debounce, news, now: reload_now, shutdown: tasks.shutdown.clone() };
            tasks.tasks.spawn(async move { follow.run().await.context("the defaults can't be followed") });
        }
        tasks.until_all_ended().await.map(|()| Verdict::Good)
    }
}

/// A directory that isn't there is wrong use; one that is empty may be filled later.
fn must_exist(directory: Option<&Path>) -> anyhow::Result<()> {
    let Some(missing) = directory.filter(|path| !path.exists()) else { return Ok(()) };
    let advice = "make it, or give another directory by --defaults; in a Pod, mount the ConfigMap there";
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

/// Everything that runs side by side, and ends together.
pub(super) struct Tasks {
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

/// What is known of the election.
struct Election {
    gate: Gate,
    role: watch::Receiver<Role>,
    holder: watch::Receiver<Option<Arc<str>>>,
}

/// What is seen of the cluster.
struct Watched {
    cluster: watch::Receiver<Option<ClusterState>>,
    seen: mpsc::Receiver<Seen>,
    gateways: mpsc::Receiver<GatewaySeen>,
    need: watch::Sender<Need>,
}

impl Tasks {
    /// Runs a task that ends by itself.
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            Ok(())
        });
    }

    /// Runs a task that ends by itself, and may end by an error.
    pub(super) fn spawn_fallible(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs a task that is dropped when the program ends.
    pub(super) fn spawn_until_shutdown(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(async move {
            shutdown.run_until_cancelled_owned(task).await;
        });
    }

    /// Takes part in the election, as a candidate of this namespace and identity; who is none writes at once.
    fn elect(&mut self, client: &Client, candidate: Option<(String, String)>, written: &CancellationToken) -> Election {
        let (holds, holder) = watch::channel(None);
        let Some((namespace, identity)) = candidate else {
            return Election { gate: Gate::Open, role: watch::channel(Role::Leader).1, holder };
        };
        let (term, (sender, role)) = (LeaseTerm::default(), watch::channel(Role::Standby));
        let gate = Gate::Lease(term.clone());
        let (client, shutdown) = (client.clone(), written.clone());
        self.spawn(Elect { client, namespace, identity, term, role: sender, holder: holds, shutdown }.run());
        Election { gate, role, holder }
    }

    async fn serve_pages(&mut self, listen: Address, admin_listen: Address, pages: Pages) -> anyhow::Result<()> {
        self.serve(listen, |_| serve::public(pages.clone()), "health and metrics").await?;
        self.serve(admin_listen, |address| serve::admin(pages, address), "status").await
    }

    async fn serve(
        &mut self,
        address: Address,
        router: impl FnOnce(SocketAddr) -> axum::Router,
        what: &str,
    ) -> anyhow::Result<()> {
        let Address(Some(address)) = address else { return Ok(()) };
        let listener = serve::bind(address).await?;
        let address = listener.local_addr()?;
        info!(%address, "serving {what}");
        let (router, shutdown) = (router(address), self.shutdown.clone());
        self.tasks.spawn(async move { Ok(serve::serve(listener, router, shutdown).await?) });
        Ok(())
    }

    fn watch(&mut self, client: &Client) -> Watched {
        let (state, cluster) = watch::channel(None);
        let (seen_sender, seen) = mpsc::channel(EVENTS);
        let (gateways_sender, gateways) = mpsc::channel(EVENTS);
        let (need, needed) = watch::channel(Need::None);
        let doubt = Arc::new(Notify::new());
        self.spawn_until_shutdown(FollowFacts { client: client.clone(), state, doubt: doubt.clone() }.run());
        let (client, state) = (client.clone(), cluster.clone());
        let classes = WatchClasses { client: client.clone(), state: state.clone(), doubt, seen: seen_sender };
        self.spawn_until_shutdown(classes.run());
        self.spawn_until_shutdown(WatchGateways { client, state, need: needed, seen: gateways_sender }.run());
        Watched { cluster, seen, gateways, need }
    }

    /// Sends Events, and tells each load of the defaults by one.
    fn tell(
        &mut self,
        events: &Events,
        publish: PublishEvents,
        (changes, role): (mpsc::Receiver<Change>, watch::Receiver<Role>),
        written: &CancellationToken,
    ) {
        self.spawn_until_shutdown(tell_loads(Pod::own(), changes, role, events.clone()));
        let written = written.clone();
        self.spawn(async move {
            let mut publishing = std::pin::pin!(publish.run());
            tokio::select! {
                () = written.cancelled() => {}
                () = &mut publishing => return,
            }
            // What the last passes tell is still sent, if that is soon done.
            let _ = tokio::time::timeout(LAST_EVENTS, publishing).await;
        });
    }

    /// Whatever ends first, asked for or not, ends the rest: half a controller is worse than a restart.
    async fn until_all_ended(mut self) -> anyhow::Result<()> {
        let mut ended = Ok(());
        while let Some(result) = self.tasks.join_next().await {
            ended = ended.and(result?);
            self.shutdown.cancel();
        }
        info!("ended");
        ended
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
