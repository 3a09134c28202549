//! Watches GatewayClasses in the version that the cluster is to be spoken to in, for as long as that is so, and waits for
//! the kind otherwise. What comes out is a channel of [`Seen`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, InitialListStrategy};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::api::{GROUP, ServedVersion};
use super::backoff::Backoff;
use super::class::Class;
use super::facts::ClusterState;
use super::lost::{LIST_DEADLINE, is_lost};
use super::permission::{Permission, refused_verb};
use crate::engine::live::{Live, ResourceVersion};

/// How long to wait for news after the server refused a version that it is known to serve.
const WAIT_FOR_NEWS: Duration = Duration::from_millis(200);
/// How long to wait before another list, if the watch can't go on without; each time twice as long, unless it did for
/// some minutes.
const BEFORE_ANOTHER_LIST: Duration = Duration::from_millis(500);
const PEACE: Duration = Duration::from_mins(2);

/// What was seen of the cluster's GatewayClasses, in order.
#[derive(Debug)]
pub enum Seen {
    /// The cluster serves no GatewayClasses.
    KindMissing(Fate),
    /// What follows is a list of all classes in this version, up to [`Seen::Listed`].
    Listing(ServedVersion),
    /// A class of the list.
    Item(Arc<Live>),
    /// The list is complete; single changes follow.
    Listed,
    /// A class was made or changed.
    Changed(Arc<Live>),
    /// A class is gone.
    Deleted {
        /// Its name.
        name: Arc<str>,
        /// Its uid, so that a class of the same name made since isn't taken for it.
        uid: Box<str>,
        /// The version of the deletion.
        version: ResourceVersion,
    },
}

/// What became of the classes of a kind that isn't served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They went with their CRD, as far as is known.
    Gone,
    /// The CRD is there, and so are they. A server that has just started doesn't serve what it serves later.
    Hidden,
}

/// Watches GatewayClasses.
pub struct WatchClasses {
    /// The cluster.
    pub client: Client,
    /// What the cluster is.
    pub state: watch::Receiver<Option<ClusterState>>,
    /// Where to say that what is known of the cluster isn't so.
    pub doubt: Arc<Notify>,
    /// Where what is seen goes.
    pub seen: Sender<Seen>,
}

impl WatchClasses {
    /// Watches until the receiver is gone.
    pub async fn run(self) {
        let Self { client, mut state, doubt, seen } = self;
        let mut known_missing: Option<Fate> = None;
        let mut before: Option<Watched> = None;
        let mut backoff = Backoff::new(BEFORE_ANOTHER_LIST);
        let mut strategy = InitialListStrategy::StreamingList;
        while !seen.is_closed() {
            let now = state.borrow_and_update().clone();
            let Some(now) = now else {
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let Some(version) = now.classes() else {
                let fate = if now.crd.uid().is_some() { Fate::Hidden } else { Fate::Gone };
                // What was hidden may go; what went is told by another uid when it comes back.
                if known_missing != Some(fate) && known_missing != Some(Fate::Gone) {
                    match fate {
                        Fate::Gone => {
                            warn!("the cluster has no GatewayClass kind yet; install the Gateway API's CRDs");
                            before = None;
                        }
                        Fate::Hidden => {
                            warn!("the API server doesn't serve GatewayClasses, although their CRD is there");
                        }
                    }
                    known_missing = Some(fate);
                    if seen.send(Seen::KindMissing(fate)).await.is_err() {
                        return;
                    }
                }
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let mut watched = Watched { version, crd: now.crd.uid().map(Into::into), refused: false };
            // Gone and back between two looks: the classes went with it.
            if before.is_some_and(|before| watched.is_another_kind_than(&before))
                && seen.send(Seen::KindMissing(Fate::Gone)).await.is_err()
            {
                return;
            }
            known_missing = None;
            info!(version = version.api_version(), "watching GatewayClasses");
            let start = Instant::now();
            tokio::select! {
                ended = follow(&client, version, strategy.clone(), &seen) => match ended {
                    Ended::NoStreamingLists => strategy = InitialListStrategy::ListWatch,
                    Ended::KindMissing => {
                        watched.refused = true;
                        doubt.notify_one();
                        let _ = tokio::time::timeout(WAIT_FOR_NEWS, state.changed()).await;
                    }
                    Ended::Lost => {
                        if start.elapsed() > PEACE {
                            backoff.reset();
                        }
                        tokio::time::sleep(backoff.next()).await;
                    }
                    Ended::Late | Ended::Closed => {}
                },
                () = watched.until_outdated(&mut state) => {}
            }
            before = Some(watched);
        }
    }
}

/// What is being watched.
struct Watched {
    version: ServedVersion,
    /// The uid of the CRD, if it is known.
    crd: Option<Box<str>>,
    /// Whether the server said that it doesn't serve this.
    refused: bool,
}

impl Watched {
    /// Whether the kind was gone in between.
    fn is_another_kind_than(&self, before: &Self) -> bool {
        match (&self.crd, &before.crd) {
            (Some(now), Some(before)) => now != before,
            // Without a look at the CRD, that the same version was refused for a while is all there is to go by.
            (None, _) | (_, None) => before.refused && self.version == before.version,
        }
    }

    /// Waits until the cluster isn't what is being watched any more.
    async fn until_outdated(&mut self, state: &mut watch::Receiver<Option<ClusterState>>) {
        while state.changed().await.is_ok() {
            let now = state.borrow_and_update();
            let Some(now) = now.as_ref() else { continue };
            if now.classes() != Some(self.version) {
                return;
            }
            match (&self.crd, now.crd.uid()) {
                (Some(known), Some(now)) if **known != *now => return,
                (None, Some(now)) => self.crd = Some(now.into()),
                (_, _) => {}
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Why a watch is not continued.
enum Ended {
    /// The server no longer serves the version.
    KindMissing,
    /// The server, older than 1.34 or behind a proxy, can't send the list as events.
    NoStreamingLists,
    /// The list didn't arrive in time.
    Late,
    /// What was missed comes with another list only.
    Lost,
    /// Nobody listens any more.
    Closed,
}

/// Follows one version until the cluster no longer serves it.
async fn follow(client: &Client, version: ServedVersion, strategy: InitialListStrategy, seen: &Sender<Seen>) -> Ended {
    let api = Api::<Class>::all_with(client.clone(), &version);
    let config = Config { initial_list_strategy: strategy, ..Config::default() };
    let mut events = std::pin::pin!(watcher::watcher(api, config).backoff(DefaultBackoff::default()));
    let mut phase = Phase::Before;
    loop {
        let next = events.next();
        let event = if phase == Phase::Watching {
            next.await
        } else {
            let Ok(event) = tokio::time::timeout(LIST_DEADLINE, next).await else {
                warn!("the list of GatewayClasses doesn't arrive; asking again");
                return Ended::Late;
            };
            event
        };
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                debug!(%error, "the watch on GatewayClasses was interrupted");
                if let Some(verb) = refused_verb(&error) {
                    let missing = Permission::of_kind(GROUP, "gatewayclasses");
                    warn!(%error, rule = %missing.to(&[verb]), "GatewayClasses may not be watched");
                }
                match refusal(&error) {
                    Some(404) => return Ended::KindMissing,
                    Some(400 | 422) if phase == Phase::Before => return Ended::NoStreamingLists,
                    _ if is_lost(&error) => return Ended::Lost,
                    _ => continue,
                }
            }
            None => return Ended::Closed,
        };
        // A streamed list begins without an event of its own.
        let begins = matches!(event, Event::Init | Event::InitApply(_) | Event::InitDone) && phase != Phase::Listing;
        if begins || matches!(event, Event::Init) {
            phase = Phase::Listing;
            if seen.send(Seen::Listing(version)).await.is_err() {
                return Ended::Closed;
            }
        }
        let sent = match event {
            Event::Init => Ok(()),
            Event::InitDone => {
                phase = Phase::Watching;
                seen.send(Seen::Listed).await
            }
            Event::InitApply(class) => send(class, Seen::Item, seen).await,
            Event::Apply(class) => send(class, Seen::Changed, seen).await,
            Event::Delete(class) => {
                let deleted = |live: Arc<Live>| Seen::Deleted {
                    name: live.name.clone(),
                    uid: live.uid.clone(),
                    version: live.resource_version.clone(),
                };
                send(class, deleted, seen).await
            }
        };
        if sent.is_err() {
            return Ended::Closed;
        }
    }
}

/// How far a watch is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Before,
    /// The list arrives.
    Listing,
    /// Changes arrive.
    Watching,
}

async fn send(
    class: Class,
    event: impl FnOnce(Arc<Live>) -> Seen,
    seen: &Sender<Seen>,
) -> Result<(), tokio::sync::mpsc::error::SendError<Seen>> {
    match class.into_live() {
        Ok(live) => seen.send(event(Arc::new(live))).await,
        Err(error) => {
            warn!(%error, "a GatewayClass can't be read; it is left alone");
            Ok(())
        }
    }
}

/// The HTTP status with which the server refused to begin.
fn refusal(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        // A path that isn't served is answered by the text `404 page not found`, of which kube reads the first word.
        watcher::Error::WatchFailed(kube::Error::SerdeError(error)) if error.to_string().contains("integer `404`") => {
            Some(404)
        }
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchError(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    }
}
