//! Watches namespaces by their metadata, as long as a template asks for them. Of each, its labels and the annotations that
//! are asked for are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use http::Method;
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event};
use kube::{Api, Client};
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::api::{Accept, call_accepting, percent_encode};
use super::error::ApiError;
use super::facts::ClusterState;
use super::lost::{self, LIST_DEADLINE, is_lost};
use super::permission::Permission;
use super::refusal::{AFTER_A_REFUSAL, WatchedKind};
use crate::engine::expression::Keys;
use crate::engine::facts::Facts;
use crate::engine::template::expansions::NamespaceSeen;
use crate::engine::template::namespace::Namespace;
use crate::files::sources::News;

/// How many namespaces are asked for at once by a command.
const PAGE: u32 = 500;

/// A namespace as the API server sends it, without what nobody here asks for.
type NamespaceMeta = PartialObjectMeta<NamespaceObject>;

#[derive(Deserialize)]
struct List {
    metadata: ListMeta,
    /// Null if there is none: Go's empty list.
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
}

/// Watches namespaces.
pub struct WatchNamespaces {
    /// The cluster.
    pub client: Client,
    /// Which of their annotations are asked for; `None`: nobody asks for namespaces.
    pub wanted: watch::Receiver<Option<Keys>>,
    /// Where what is seen goes.
    pub news: Sender<News>,
}

impl WatchNamespaces {
    /// Watches until the receiver is gone, for as long as namespaces are asked for.
    pub async fn run(self) {
        let Self { client, mut wanted, news } = self;
        while !news.is_closed() {
            let Some(kept) = wanted.borrow_and_update().clone() else {
                if wanted.changed().await.is_err() {
                    return;
                }
                continue;
            };
            info!("watching namespaces");
            tokio::select! {
                ended = follow(&client, &kept, &news) => match ended {
                    Ended::Closed => return,
                    Ended::Late => {}
                    // From the list on: kube would go on with the watch alone, and what was missed stays missed.
                    Ended::Refused => tokio::time::sleep(AFTER_A_REFUSAL).await,
                },
                () = until_others(&mut wanted, &kept) => {}
            }
        }
    }
}

/// Tells what the cluster is, which templates may ask for too, until nobody listens any more.
pub async fn tell_facts(mut state: watch::Receiver<Option<ClusterState>>, news: Sender<News>) {
    let mut told: Option<Arc<Facts>> = None;
    loop {
        let now = state.borrow_and_update().as_ref().map(|state| state.facts.clone());
        if now != told
            && let Some(facts) = &now
            && news.send(News::Cluster(facts.clone())).await.is_err()
        {
            return;
        }
        told = now;
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Lists namespaces once.
pub(crate) async fn list(client: &Client, kept: &Keys) -> Result<Vec<Namespace>, ApiError> {
    let (mut namespaces, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/namespaces?limit={PAGE}&continue={}", percent_encode(&next));
        let list: List = call_accepting(client, Method::GET, &path, Accept::Metadata).await?;
        namespaces.extend(list.items.into_iter().flatten().map(|item| reduce(item.metadata, kept)));
        next = list.metadata.continue_.unwrap_or_default();
        if next.is_empty() {
            return Ok(namespaces);
        }
    }
}

/// Waits until something else is asked for than these annotations of namespaces.
async fn until_others(wanted: &mut watch::Receiver<Option<Keys>>, kept: &Keys) {
    let is_other = |wanted: &Option<Keys>| wanted.as_ref().is_none_or(|wanted| !kept.include(wanted));
    if wanted.wait_for(is_other).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Why a watch is not continued.
enum Ended {
    /// Nobody listens any more.
    Closed,
    /// The list doesn't arrive.
    Late,
    /// It isn't allowed.
    Refused,
}

async fn follow(client: &Client, kept: &Keys, news: &Sender<News>) -> Ended {
    let kind = WatchedKind {
        kind: "Namespace",
        path: "/api/v1/namespaces",
        permission: Permission::of_kind("", "namespaces"),
    };
    let api = Api::<NamespaceMeta>::all(client.clone());
    let events = watcher::watcher(api, Config::default()).backoff(DefaultBackoff::default());
    let mut events = std::pin::pin!(events);
    let mut is_listed = false;
    loop {
        let next = if is_listed {
            events.next().await
        } else {
            let Ok(next) = tokio::time::timeout(LIST_DEADLINE, events.next()).await else {
                warn!("the list of namespaces doesn't arrive; asking again");
                return Ended::Late;
            };
            next
        };
        let seen = match next {
            None => return Ended::Closed,
            Some(Ok(Event::Init)) => {
                is_listed = false;
                NamespaceSeen::Listing(kept.clone())
            }
            Some(Ok(Event::InitApply(object))) => NamespaceSeen::Item(reduce(object.metadata, kept)),
            Some(Ok(Event::InitDone)) => {
                is_listed = true;
                NamespaceSeen::Listed
            }
            // A namespace that is being deleted counts until it is gone: what is in it may still be used.
            Some(Ok(Event::Apply(object))) => NamespaceSeen::Changed(reduce(object.metadata, kept)),
            Some(Ok(Event::Delete(object))) => NamespaceSeen::Deleted(reduce(object.metadata, kept).name),
            Some(Err(error)) => {
                debug!(%error, "the watch on namespaces was interrupted");
                let Some(refusal) = kind.refusal(client, &error).await else {
                    if is_lost(&error) {
                        tokio::time::sleep(lost::PAUSE).await;
                        return Ended::Late;
                    }
                    continue;
                };
                warn!(error = refusal, "namespaces may not be watched; templates wait, or stay as they are");
                let _ = news.send(News::Namespace(NamespaceSeen::Refused(refusal.into()))).await;
                return Ended::Refused;
            }
        };
        if news.send(News::Namespace(seen)).await.is_err() {
            return Ended::Closed;
        }
    }
}

fn reduce(metadata: ObjectMeta, kept: &Keys) -> Namespace {
    let all = |entries: Option<BTreeMap<String, String>>| entries.unwrap_or_default();
    Namespace::new(&metadata.name.unwrap_or_default(), all(metadata.labels), all(metadata.annotations), kept)
}
