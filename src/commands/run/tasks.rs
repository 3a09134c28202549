//! What the controller is made of while it runs: tasks side by side, which end together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Address, EVENTS};
use crate::cluster::connect::Pod;
use crate::cluster::events::{Events, PublishEvents};
use crate::cluster::facts::{ClusterState, FollowFacts};
use crate::cluster::gate::{Gate, LeaseTerm};
use crate::cluster::gateways::GatewaySeen;
use crate::cluster::leader::{Elect, Role};
use crate::cluster::tell_loads::tell_loads;
use crate::cluster::watch::{Seen, WatchClasses};
use crate::cluster::watch_gateways::{Need, WatchGateways};
use crate::files::sources::Change;
use crate::serve::{self, Pages};

/// How long Events may still be sent when the program ends.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// Everything that runs side by side, and ends together.
pub(in crate::commands) struct Tasks {
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

/// What is known of the election.
pub(super) struct Election {
    pub(super) gate: Gate,
    pub(super) role: watch::Receiver<Role>,
    pub(super) holder: watch::Receiver<Option<Arc<str>>>,
}

/// What is seen of the cluster.
pub(super) struct Watched {
    pub(super) cluster: watch::Receiver<Option<ClusterState>>,
    pub(super) seen: mpsc::Receiver<Seen>,
    pub(super) gateways: mpsc::Receiver<GatewaySeen>,
    pub(super) need: watch::Sender<Need>,
}

impl Tasks {
    /// None yet; this is what ends them.
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), shutdown }
    }

    /// Runs a task that ends by itself.
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            Ok(())
        });
    }

    /// Runs a task that ends by itself, and may end by an error.
    pub(in crate::commands) fn spawn_fallible(
        &mut self,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(task);
    }

    /// Runs a task that is dropped when the program ends.
    pub(in crate::commands) fn spawn_until_shutdown(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(async move {
            shutdown.run_until_cancelled_owned(task).await;
        });
    }

    /// Takes part in the election, as a candidate of this namespace and identity; who is none writes at once.
    pub(super) fn elect(
        &mut self,
        client: &Client,
        candidate: Option<(String, String)>,
        written: &CancellationToken,
    ) -> Election {
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

    pub(super) async fn serve_pages(
        &mut self,
        listen: Address,
        admin_listen: Address,
        pages: Pages,
    ) -> anyhow::Result<()> {
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

    pub(super) fn watch(&mut self, client: &Client) -> Watched {
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
    pub(super) fn tell(
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
    pub(super) async fn until_all_ended(mut self) -> anyhow::Result<()> {
        let mut ended = Ok(());
        while let Some(result) = self.tasks.join_next().await {
            ended = ended.and(result?);
            self.shutdown.cancel();
        }
        info!("ended");
        ended
    }
}
