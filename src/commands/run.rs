//! `run`: the controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Global, Verdict, runtime};
use crate::cluster::board::Board;
use crate::cluster::connect::{connect, own_namespace};
use crate::cluster::facts::FollowFacts;
use crate::cluster::kept_names::KeptNamesStore;
use crate::cluster::reconcile::Controller;
use crate::cluster::removal::{EmptySource, RemovalGate};
use crate::cluster::watch::WatchClasses;
use crate::engine::live::FieldManager;
use crate::files::follow::{Configuration, Follow};
use crate::metrics::Metrics;
use crate::serve::{self, Pages};

/// Events of the watch that wait to be taken in; the API server waits behind them.
const EVENTS: usize = 256;

/// Keep the classes of a cluster as the defaults files say
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of the defaults files
    #[arg(long, value_name = "DIR")]
    defaults: PathBuf,
    /// Where health and metrics are served; empty: nowhere
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080", value_parser = address)]
    listen: Address,
    /// Where the status is served; empty: nowhere
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081", value_parser = address)]
    admin_listen: Address,
    /// How long edited files must be quiet before they are read; a swapped mount needs no quiet time
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    debounce: Duration,
    /// How long after the start nothing counts as removed from the files, since a mount may lag
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = duration)]
    removal_delay: Duration,
    /// Take an empty directory for one from which every class was removed
    #[arg(long)]
    allow_empty: bool,
    /// The namespace of the program's own objects; without it the Pod's own, else default
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    /// The field manager to write under; two installations in one cluster need two
    #[arg(long, value_name = "NAME", default_value = "classkeeper", value_parser = FieldManager::new)]
    field_manager: FieldManager,
}

/// An address to listen on, or none.
#[derive(Clone, Copy, Debug)]
struct Address(Option<SocketAddr>);

fn address(text: &str) -> Result<Address, std::net::AddrParseError> {
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
        let Self { defaults, listen, admin_listen, debounce, removal_delay, allow_empty, namespace, field_manager } =
            self;
        if !defaults.exists() {
            bail!("there is no directory {}", defaults.display());
        }
        let metrics = Arc::new(Metrics::default());
        let client = connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics).await?;
        let shutdown = CancellationToken::new();
        let reload_now = Arc::new(Notify::new());
        end_on_signals(&shutdown, &reload_now)?;
        let board = Arc::new(Board::new(field_manager.clone(), metrics.clone()));
        let (configuration, loaded) = watch::channel(Configuration::default());
        let (seen_sender, seen) = mpsc::channel(EVENTS);
        metrics.set_leader(true);

        let mut tasks = JoinSet::<anyhow::Result<()>>::new();
        let pages = Pages { board: board.clone(), configuration: loaded.clone(), metrics: metrics.clone() };
        let served = [
            (listen, serve::public(pages.clone()), "health and metrics"),
            (admin_listen, serve::admin(pages), "status"),
        ];
        for (address, router, what) in served {
            let Address(Some(address)) = address else { continue };
            let listener = serve::bind(address).await?;
            info!(address = %listener.local_addr()?, "serving {what}");
            let shutdown = shutdown.clone();
            tasks.spawn(async move { Ok(serve::serve(listener, router, shutdown).await?) });
        }
        let (state_sender, state) = watch::channel(None);
        let doubt = Arc::new(Notify::new());
        let facts = FollowFacts { client: client.clone(), state: state_sender, doubt: doubt.clone() };
        let classes = WatchClasses { client: client.clone(), state: state.clone(), doubt, seen: seen_sender };
        for watching in [facts.run().boxed(), classes.run().boxed()] {
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                shutdown.run_until_cancelled_owned(watching).await;
                Ok(())
            });
        }
        let empty = if allow_empty { EmptySource::RemovesAll } else { EmptySource::RemovesNothing };
        let namespace = namespace.unwrap_or_else(own_namespace);
        let controller = Controller {
            kept_names: KeptNamesStore::new(client.clone(), namespace, field_manager.clone()),
            client,
            manager: field_manager,
            configuration: loaded,
            seen,
            removal: RemovalGate::new(Instant::now(), removal_delay, empty),
            board,
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(async move {
            controller.run().await;
            Ok(())
        });
        let follow =
            Follow { path: defaults, debounce, configuration, metrics, now: reload_now, shutdown: shutdown.clone() };
        tasks.spawn(async move { follow.run().await.context("the defaults can't be followed") });

        // Whatever ends first, asked for or not, ends the rest: half a controller is worse than a restart.
        let mut ended = Ok(());
        while let Some(result) = tasks.join_next().await {
            ended = ended.and(result?);
            shutdown.cancel();
        }
        info!("ended");
        ended.map(|()| Verdict::Good)
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
