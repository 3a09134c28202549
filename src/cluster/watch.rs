//! Watches GatewayClasses in the version that the cluster serves, for as long as it does, and waits for the kind
//! otherwise. What comes out is a channel of [`Seen`].

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, InitialListStrategy};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;
use tracing::{debug, info, warn};

use super::api::{ServedVersion, discover};
use super::class::Class;
use crate::engine::live::{Live, ResourceVersion};

/// How often to look for the kind while the cluster doesn't serve it.
const LOOK_FOR_KIND: Duration = Duration::from_millis(500);
/// A list or the start of a watch that takes longer is begun again.
const SYNC_DEADLINE: Duration = Duration::from_mins(1);

/// What was seen of the cluster's GatewayClasses, in order.
#[derive(Debug)]
pub enum Seen {
    /// The cluster serves no GatewayClasses.
    KindMissing,
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

/// Watches until the receiver is gone.
pub async fn watch(client: Client, seen: Sender<Seen>) {
    let mut known_missing = false;
    let mut gone = None;
    let mut strategy = InitialListStrategy::StreamingList;
    while !seen.is_closed() {
        match discover(&client).await {
            Ok(Some(version)) => {
                // Gone and back between two looks: the classes went with it.
                if gone.take() == Some(version) && seen.send(Seen::KindMissing).await.is_err() {
                    return;
                }
                known_missing = false;
                info!(version = version.api_version(), "watching GatewayClasses");
                match follow(&client, version, strategy.clone(), &seen).await {
                    Ended::NoStreamingLists => strategy = InitialListStrategy::ListWatch,
                    Ended::KindMissing => gone = Some(version),
                    Ended::Late | Ended::Closed => {}
                }
            }
            Ok(None) => {
                if !known_missing {
                    warn!("the cluster has no GatewayClass kind yet; install the Gateway API's CRDs");
                    known_missing = true;
                    if seen.send(Seen::KindMissing).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(LOOK_FOR_KIND).await;
            }
            Err(error) => {
                warn!(%error, "the cluster's API versions can't be read");
                tokio::time::sleep(LOOK_FOR_KIND).await;
            }
        }
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
            let Ok(event) = tokio::time::timeout(SYNC_DEADLINE, next).await else {
                warn!("the list of GatewayClasses doesn't arrive; asking again");
                return Ended::Late;
            };
            event
        };
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                debug!(%error, "the watch on GatewayClasses was interrupted");
                match refusal(&error) {
                    Some(404) => return Ended::KindMissing,
                    Some(400 | 422) if phase == Phase::Before => return Ended::NoStreamingLists,
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
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status.code),
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
