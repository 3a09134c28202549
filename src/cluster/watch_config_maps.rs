//! Watches ConfigMaps: each of the platform's by its name, a tenant's by their label, namespace by namespace. What comes
//! out is [`News`] of their content, of which nothing is kept here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::api::call;
use super::backoff::Backoff;
use super::error::ApiError;
use super::lost::{self, LIST_DEADLINE, is_lost};
use super::permission::{Permission, refused_verb};
use super::refusal::AFTER_A_REFUSAL;
use crate::engine::diagnostic::{Code, Diagnostic};
use crate::engine::source::{ConfigMapName, SourceId};
use crate::engine::tenancy::{DEFAULTS_LABEL, DEFAULTS_LABEL_TRUE};
use crate::files::snapshot::Snapshot;
use crate::files::sources::News;

/// How often to look whether a ConfigMap that lost its label is still there, which no watch tells.
const LOST_LOOK: Duration = Duration::from_secs(10);
/// How long to wait before that, if a look failed; each time twice as long, and as long as the server asks for.
const AFTER_A_FAILED_LOOK: Duration = Duration::from_secs(1);

/// Watches ConfigMaps.
pub struct WatchConfigMaps {
    /// The cluster.
    pub client: Client,
    /// Those of the platform.
    pub platform: Vec<ConfigMapName>,
    /// The namespaces whose labelled ones are tenants' files.
    pub namespaces: watch::Receiver<BTreeSet<Arc<str>>>,
    /// Where goes what is seen.
    pub news: Sender<News>,
}

impl WatchConfigMaps {
    /// Watches until dropped, or the receiver is gone.
    pub async fn run(self) {
        let Self { client, platform, mut namespaces, news } = self;
        let mut tasks = JoinSet::new();
        for name in platform {
            tasks.spawn(Watch { client: client.clone(), news: news.clone() }.follow_one(name));
        }
        let mut watched: BTreeMap<Arc<str>, AbortHandle> = BTreeMap::new();
        loop {
            let wanted = namespaces.borrow_and_update().clone();
            watched.retain(|namespace, task| {
                let is_wanted = wanted.contains(namespace);
                if !is_wanted {
                    task.abort();
                }
                is_wanted
            });
            for namespace in wanted {
                watched.entry(namespace).or_insert_with_key(|namespace| {
                    let watch = Watch { client: client.clone(), news: news.clone() };
                    tasks.spawn(watch.follow_labelled(namespace.clone()))
                });
            }
            tokio::select! {
                changed = namespaces.changed() => if changed.is_err() { return },
                // Those that were aborted.
                Some(_) = tasks.join_next() => {}
                () = news.closed() => return,
            }
        }
    }
}

/// A watch on some ConfigMaps.
struct Watch {
    client: Client,
    news: Sender<News>,
}

/// Nobody listens any more.
struct Closed;

impl Watch {
    /// Follows one ConfigMap of the platform.
    async fn follow_one(self, name: ConfigMapName) {
        let id = SourceId::ConfigMap(name.clone());
        let config = Config::default().fields(&format!("metadata.name={}", name.name));
        loop {
            let mut selected = Selected::new(&self.client, &name.namespace, config.clone());
            let mut is_there = false;
            let again = loop {
                let gone = || {
                    let message = "there is no such ConfigMap; what is in force of it stays".to_owned();
                    News::Unreadable(id.clone(), trouble(&name, message))
                };
                let news = match selected.next(None).await {
                    Seen::Listing => {
                        is_there = false;
                        continue;
                    }
                    Seen::Map(map) => {
                        is_there = true;
                        let uid = map.metadata.uid.as_deref().map(Into::into);
                        News::Read { id: id.clone(), uid, snapshot: snapshot(&name, *map) }
                    }
                    Seen::Listed if is_there => continue,
                    Seen::Listed | Seen::Gone(_) => gone(),
                    Seen::Refused(rule) => {
                        let refused = News::Unreadable(id.clone(), trouble(&name, rule));
                        if self.tell(refused).await.is_err() {
                            return;
                        }
                        break AFTER_A_REFUSAL;
                    }
                    Seen::Late => break Duration::ZERO,
                    Seen::Nothing => continue,
                };
                if self.tell(news).await.is_err() {
                    return;
                }
            };
            tokio::time::sleep(again).await;
        }
    }

    /// Follows the labelled ConfigMaps of a namespace.
    async fn follow_labelled(self, namespace: Arc<str>) {
        info!(namespace = &*namespace, "watching the labelled ConfigMaps of a tenant's namespace");
        let mut labelled = LabelledMaps { watch: self, namespace, known: HashSet::new(), lost: HashMap::new() };
        while let Ok(again) = labelled.follow().await {
            tokio::time::sleep(again).await;
        }
    }

    async fn tell(&self, news: News) -> Result<(), Closed> {
        self.news.send(news).await.map_err(|_| Closed)
    }
}

/// The labelled ConfigMaps of a namespace.
struct LabelledMaps {
    watch: Watch,
    namespace: Arc<str>,
    /// Those that have the label.
    known: HashSet<ConfigMapName>,
    /// Those that had it.
    lost: HashMap<ConfigMapName, Lost>,
}

/// One that isn't among the labelled ones any more, and may be gone.
struct Lost {
    /// When to look for it again.
    look: Instant,
    after_failure: Backoff,
}

impl LabelledMaps {
    /// Follows them for as long as that goes well; after which time to begin anew.
    async fn follow(&mut self) -> Result<Duration, Closed> {
        let config = Config::default().labels(&format!("{DEFAULTS_LABEL}={DEFAULTS_LABEL_TRUE}"));
        let mut selected = Selected::new(&self.watch.client, &self.namespace, config);
        let mut listed = HashSet::new();
        loop {
            let look = self.lost.values().map(|lost| lost.look).min();
            match selected.next(look).await {
                Seen::Listing => listed.clear(),
                Seen::Map(map) => {
                    let name = self.name(map.metadata.name.as_deref().unwrap_or_default());
                    self.lost.remove(&name);
                    self.known.insert(name.clone());
                    listed.insert(name.clone());
                    let uid = map.metadata.uid.as_deref().map(Into::into);
                    let snapshot = snapshot(&name, *map);
                    self.watch.tell(News::Labelled { name, uid, snapshot }).await?;
                }
                Seen::Listed => {
                    // They went while nobody watched.
                    for name in self.known.difference(&listed).cloned().collect::<Vec<_>>() {
                        self.look_for(name).await?;
                    }
                    self.watch.tell(News::Listed(self.namespace.clone())).await?;
                }
                Seen::Gone(name) => {
                    let name = self.name(&name);
                    self.look_for(name).await?;
                }
                Seen::Refused(rule) => {
                    self.watch.tell(News::Refused(self.namespace.clone(), rule)).await?;
                    return Ok(AFTER_A_REFUSAL);
                }
                Seen::Late => return Ok(Duration::ZERO),
                Seen::Nothing => {
                    let now = Instant::now();
                    let due = self.lost.iter().filter(|(_, lost)| lost.look <= now).map(|(name, _)| name.clone());
                    for name in due.collect::<Vec<_>>() {
                        self.look_for(name).await?;
                    }
                }
            }
        }
    }

    fn name(&self, name: &str) -> ConfigMapName {
        ConfigMapName { namespace: self.namespace.clone(), name: name.into() }
    }

    /// Looks whether a ConfigMap that isn't among the labelled ones any more was deleted, or only lost its label.
    async fn look_for(&mut self, name: ConfigMapName) -> Result<(), Closed> {
        self.known.remove(&name);
        let path = format!("/api/v1/namespaces/{}/configmaps/{}", name.namespace, name.name);
        let failure = match call::<ConfigMap>(&self.watch.client, Method::GET, &path, None, "v1").await {
            Err(ApiError::NotFound { .. }) => {
                self.lost.remove(&name);
                return self.watch.tell(News::Deleted(name)).await;
            }
            // It has it again: the watch tells.
            Ok(map) if is_labelled(&map) => {
                self.lost.remove(&name);
                return Ok(());
            }
            Ok(_) => None,
            Err(error) => {
                warn!(config_map = %name, %error, "whether the ConfigMap was deleted or lost its label isn't known");
                Some(error)
            }
        };
        let is_news = !self.lost.contains_key(&name);
        let backoff = || Backoff::new(AFTER_A_FAILED_LOOK);
        let lost =
            self.lost.entry(name.clone()).or_insert_with(|| Lost { look: Instant::now(), after_failure: backoff() });
        let wait = if let Some(error) = failure {
            lost.after_failure.after(&error)
        } else {
            lost.after_failure.reset();
            LOST_LOOK
        };
        lost.look = Instant::now() + wait;
        if is_news {
            self.watch.tell(News::Unlabelled(name)).await?;
        }
        Ok(())
    }
}

/// What a selector selects in a namespace.
struct Selected {
    namespace: Arc<str>,
    events: BoxStream<'static, watcher::Result<Event<ConfigMap>>>,
    is_listed: bool,
}

impl Selected {
    fn new(client: &Client, namespace: &str, config: Config) -> Self {
        let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
        let events = watcher::watcher(api, config).backoff(DefaultBackoff::default()).boxed();
        Self { namespace: namespace.into(), events, is_listed: false }
    }

    /// What is seen next; nothing, if the list is complete and this is the time for something else.
    async fn next(&mut self, other: Option<Instant>) -> Seen {
        loop {
            let next = self.events.next();
            let next = match if self.is_listed { other } else { Some(Instant::now() + LIST_DEADLINE) } {
                Some(limit) => timeout_at(limit, next).await,
                None => Ok(next.await),
            };
            match next {
                Err(_) if self.is_listed => return Seen::Nothing,
                // The stream itself never ends.
                Err(_) | Ok(None) => {
                    warn!(namespace = &*self.namespace, "the list of ConfigMaps doesn't arrive; asking again");
                    return Seen::Late;
                }
                Ok(Some(Ok(Event::Init))) => {
                    self.is_listed = false;
                    return Seen::Listing;
                }
                Ok(Some(Ok(Event::InitApply(map) | Event::Apply(map)))) => return Seen::Map(Box::new(map)),
                Ok(Some(Ok(Event::InitDone))) => {
                    self.is_listed = true;
                    return Seen::Listed;
                }
                Ok(Some(Ok(Event::Delete(map)))) => return Seen::Gone(map.metadata.name.unwrap_or_default().into()),
                Ok(Some(Err(error))) => {
                    debug!(%error, namespace = &*self.namespace, "a watch on ConfigMaps was interrupted");
                    let Some(verb) = refused_verb(&error) else {
                        if is_lost(&error) {
                            tokio::time::sleep(lost::PAUSE).await;
                            return Seen::Late;
                        }
                        continue;
                    };
                    let rule = Permission::in_namespace("", "configmaps", &self.namespace).to(&[verb]).to_string();
                    warn!(rule, "ConfigMaps may not be watched");
                    return Seen::Refused(format!("it may not be watched; the rule that is missing: {rule}"));
                }
            }
        }
    }
}

/// What is seen of the ConfigMaps that are followed.
enum Seen {
    /// A list of all begins.
    Listing,
    /// One is there, or was changed.
    Map(Box<ConfigMap>),
    /// The list is complete.
    Listed,
    /// The one of this name isn't among them any more.
    Gone(Arc<str>),
    /// They may not be looked at. What was missed meanwhile stays missed, if the watch isn't begun anew.
    Refused(String),
    /// The list doesn't arrive.
    Late,
    /// Nothing, until it was time for something else.
    Nothing,
}

fn is_labelled(map: &ConfigMap) -> bool {
    let labels = map.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(DEFAULTS_LABEL)).is_some_and(|value| value == DEFAULTS_LABEL_TRUE)
}

fn snapshot(name: &ConfigMapName, map: ConfigMap) -> Snapshot {
    let binary = map.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
    Snapshot::of_config_map(&name.namespace, &name.name, map.data.unwrap_or_default(), binary)
}

fn trouble(name: &ConfigMapName, message: String) -> Diagnostic {
    Diagnostic::of_file(Code::Unreadable, &format!("configmap {name}").into(), message)
}
