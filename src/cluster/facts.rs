//! Follows what the cluster is: which kinds it serves in which versions, and the release of the Gateway API.
//!
//! CRDs are watched, by their metadata alone. Each event asks for a look at the server's discovery, and for some more
//! looks after it: discovery follows a CRD with a delay that nothing announces. Who stands on the facts gets them by a
//! `tokio::sync::watch` channel.

mod looks;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event};
use kube::{Api, Client};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::looks::Looks;
use super::api::{GROUP, ServedVersion};
use super::backoff::Backoff;
use super::crd::{CLASS_CRD, ClassCrd};
use super::discovery::Discovery;
use super::error::ApiError;
use super::lost::is_lost;
use super::permission::Permission;
use super::refusal::WatchedKind;
use crate::engine::facts::{Facts, GatewayApi};

/// When to look again at a server that didn't answer, at first.
const RETRY: Duration = Duration::from_millis(500);
/// How often to look for the GatewayClass kind where CRDs may not be watched.
const BLIND_LOOK: Duration = Duration::from_millis(500);
/// How often to look at everything where CRDs may not be watched and the kind is there.
const BLIND_RESYNC: Duration = Duration::from_secs(10);
/// How long to wait before CRDs are listed anew.
const BEFORE_ANOTHER_LIST: Duration = Duration::from_secs(1);
/// After this time without a watch it is tried again.
const BLIND_FOR: Duration = Duration::from_secs(30);

/// What the cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterState {
    /// What defaults may ask for.
    pub facts: Arc<Facts>,
    /// The CRD of GatewayClasses.
    pub crd: ClassCrd,
}

impl ClusterState {
    /// Reads it once.
    pub async fn read(client: &Client) -> Result<Self, ApiError> {
        let mut discovery = Discovery::new(client.clone());
        let crd = read_all(client, &mut discovery).await?;
        Ok(Self::new(&discovery, crd))
    }

    fn new(discovery: &Discovery, crd: ClassCrd) -> Self {
        let kinds = discovery.kinds();
        let (bundle_version, channel) = crd.release();
        let gateway_api = GatewayApi {
            bundle_version: bundle_version.into(),
            channel: channel.into(),
            served_versions: discovery
                .versions_of(GROUP)
                .filter(|version| kinds.serves(&format!("{GROUP}/{version}"), "GatewayClass"))
                .map(Into::into)
                .collect(),
        };
        let facts = Facts { kubernetes: discovery.server_version().into(), gateway_api, kinds: kinds.clone() };
        Self { facts: Arc::new(facts), crd }
    }

    /// The version in which to speak of GatewayClasses; `None` if they aren't served.
    #[must_use]
    pub fn classes(&self) -> Option<ServedVersion> {
        self.served("GatewayClass")
    }

    /// The version in which to speak of Gateways; `None` if they aren't served.
    #[must_use]
    pub fn gateways(&self) -> Option<ServedVersion> {
        self.served("Gateway")
    }

    fn served(&self, kind: &str) -> Option<ServedVersion> {
        let is_served = |version: &ServedVersion| self.facts.kinds.serves(version.api_version(), kind);
        [ServedVersion::V1, ServedVersion::V1Beta1].into_iter().find(is_served)
    }
}

/// Follows what the cluster is.
pub struct FollowFacts {
    /// The cluster.
    pub client: Client,
    /// Where it goes; `None` until it is first known.
    pub state: watch::Sender<Option<ClusterState>>,
    /// Asks for a look, by somebody who has reason to doubt what is known.
    pub doubt: Arc<Notify>,
}

impl FollowFacts {
    /// Follows until dropped.
    pub async fn run(self) {
        let Self { client, state, doubt } = self;
        let mut discovery = Discovery::new(client.clone());
        let crd = read_first(&client, &mut discovery).await;
        let mut known = Known { client, state, doubt, discovery, crd };
        known.publish();
        let mut first = looks::FIRST;
        loop {
            let ended = known.watch(first).await;
            first = looks::AFTER_EVENT;
            match ended {
                Ended::Refused(refusal) => {
                    warn!(
                        error = refusal,
                        "CRDs may not be watched; looking at them and at the API's discovery now and then instead"
                    );
                    known.look_now_and_then().await;
                }
                Ended::Lost => tokio::time::sleep(BEFORE_ANOTHER_LIST).await,
            }
        }
    }
}

/// Why the watch on CRDs doesn't go on.
enum Ended {
    /// It isn't allowed, for this reason.
    Refused(String),
    /// What was missed comes with another list only.
    Lost,
}

/// What is known, and where it goes.
struct Known {
    client: Client,
    state: watch::Sender<Option<ClusterState>>,
    doubt: Arc<Notify>,
    discovery: Discovery,
    crd: ClassCrd,
}

impl Known {
    /// Watches CRDs, and looks at discovery whenever one changes, until that can't go on.
    async fn watch(&mut self, first: &'static [Duration]) -> Ended {
        let kind = WatchedKind {
            kind: "CustomResourceDefinition",
            path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            permission: Permission::of_kind("apiextensions.k8s.io", "customresourcedefinitions"),
        };
        let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(self.client.clone());
        let events = watcher::watcher(api, Config::default()).backoff(DefaultBackoff::default());
        let mut events = std::pin::pin!(events);
        let (mut looks, mut after_list) = (Looks::default(), first);
        let mut listed = ClassCrd::Absent;
        loop {
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => {
                        let before = self.crd.clone();
                        match event {
                            Event::Init => {
                                listed = ClassCrd::Absent;
                                self.discovery.forget_server();
                            }
                            Event::InitApply(object) if is_class_crd(&object) => listed = ClassCrd::of(&object.metadata),
                            Event::InitApply(_) => {}
                            Event::InitDone => {
                                self.crd = std::mem::replace(&mut listed, ClassCrd::Absent);
                                looks.restart(std::mem::replace(&mut after_list, looks::AFTER_EVENT));
                            }
                            Event::Apply(object) => {
                                if is_class_crd(&object) {
                                    self.crd = ClassCrd::of(&object.metadata);
                                }
                                looks.restart(looks::AFTER_EVENT);
                            }
                            Event::Delete(object) => {
                                if is_class_crd(&object) {
                                    self.crd = ClassCrd::Absent;
                                }
                                looks.restart(looks::AFTER_EVENT);
                            }
                        }
                        // What the event itself says doesn't wait for discovery; most are about other CRDs.
                        if self.crd != before {
                            self.publish();
                        }
                    }
                    Err(error) => {
                        debug!(%error, "the watch on CRDs was interrupted");
                        if let Some(refusal) = kind.refusal(&self.client, &error).await {
                            return Ended::Refused(refusal);
                        }
                        if is_lost(&error) {
                            return Ended::Lost;
                        }
                    }
                },
                () = self.doubt.notified() => looks.restart(looks::AFTER_EVENT),
                () = looks.due() => {
                    match self.discovery.refresh().await {
                        Ok(()) => looks.done(),
                        Err(error) => {
                            warn!(%error, "what the API server serves can't be read");
                            looks.retry(&error);
                        }
                    }
                    self.publish();
                    if self.crd.uid().is_some() && !self.serves_classes() {
                        looks.again();
                    }
                }
            }
        }
    }

    fn serves_classes(&self) -> bool {
        self.state.borrow().as_ref().is_some_and(|state| state.classes().is_some())
    }

    /// Looks at discovery and lists the CRD again and again, until it's time to try the watch once more.
    async fn look_now_and_then(&mut self) {
        let end = Instant::now() + BLIND_FOR;
        while Instant::now() < end {
            let (kinds, crd) = tokio::join!(self.discovery.refresh(), ClassCrd::read(&self.client));
            match kinds {
                Ok(()) => {}
                Err(error) => warn!(%error, "what the API server serves can't be read"),
            }
            match crd {
                Ok(crd) => self.crd = crd,
                // What was known is the best guess.
                Err(ApiError::Refused { .. }) => {}
                Err(error) => warn!(%error, "the CRD of GatewayClasses can't be read"),
            }
            self.publish();
            tokio::select! {
                () = tokio::time::sleep(if self.serves_classes() { BLIND_RESYNC } else { BLIND_LOOK }) => {}
                () = self.doubt.notified() => {}
            }
        }
    }

    fn publish(&self) {
        let new = ClusterState::new(&self.discovery, self.crd.clone());
        self.state.send_if_modified(|known| {
            if known.as_ref() == Some(&new) {
                return false;
            }
            if known.as_ref().map(|known| &known.facts.gateway_api) != Some(&new.facts.gateway_api) {
                let GatewayApi { bundle_version, channel, served_versions } = &new.facts.gateway_api;
                info!(bundle_version, channel, ?served_versions, "the cluster's Gateway API");
            }
            *known = Some(new);
            true
        });
    }
}

/// Reads it for the first time, as soon as the server answers.
async fn read_first(client: &Client, discovery: &mut Discovery) -> ClassCrd {
    let mut backoff = Backoff::new(RETRY);
    loop {
        match read_all(client, discovery).await {
            Ok(crd) => return crd,
            Err(error) => {
                warn!(%error, "the API server can't be asked what it serves");
                tokio::time::sleep(backoff.after(&error)).await;
            }
        }
    }
}

async fn read_all(client: &Client, discovery: &mut Discovery) -> Result<ClassCrd, ApiError> {
    let (kinds, crd) = tokio::join!(discovery.refresh(), ClassCrd::read(client));
    kinds?;
    match crd {
        // Whoever may not look at CRDs can still keep classes.
        Err(ApiError::Refused { .. }) => Ok(ClassCrd::Unknown),
        crd => crd,
    }
}

fn is_class_crd(object: &PartialObjectMeta<CustomResourceDefinition>) -> bool {
    object.metadata.name.as_deref() == Some(CLASS_CRD)
}
