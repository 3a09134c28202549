//! Watches Gateways, once somebody needs to know who uses which class. Of each Gateway only its name and its class are
//! kept.

use std::borrow::Cow;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event};
use kube::{Api, Client, Resource};
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::api::{GROUP, ServedVersion};
use super::facts::ClusterState;
use super::gateways::{Gateway, GatewaySeen};
use super::lost::is_lost;
use super::permission::{Permission, refused_verb};
use super::refusal::AFTER_A_REFUSAL;

/// A Gateway as the API server sends it, without what nobody here asks for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GatewayObject {
    metadata: ObjectMeta,
    spec: GatewaySpec,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GatewaySpec {
    gateway_class_name: Arc<str>,
}

impl GatewayObject {
    /// Its name and its class.
    pub(super) fn reduce(self) -> Gateway {
        let part = |part: Option<String>| part.unwrap_or_default();
        let name = format!("{}/{}", part(self.metadata.namespace), part(self.metadata.name));
        Gateway { name: name.into(), class: self.spec.gateway_class_name }
    }
}

impl Resource for GatewayObject {
    type DynamicType = ServedVersion;
    type Scope = NamespaceResourceScope;

    fn kind(_: &ServedVersion) -> Cow<'_, str> {
        "Gateway".into()
    }

    fn group(_: &ServedVersion) -> Cow<'_, str> {
        GROUP.into()
    }

    fn version(version: &ServedVersion) -> Cow<'_, str> {
        version.version().into()
    }

    fn plural(_: &ServedVersion) -> Cow<'_, str> {
        "gateways".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Whether anybody needs to know who uses which class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// Nobody does, so far.
    #[default]
    None,
    /// Somebody does, or did.
    Some,
}

/// Watches Gateways.
pub struct WatchGateways {
    /// The cluster.
    pub client: Client,
    /// What the cluster is.
    pub state: watch::Receiver<Option<ClusterState>>,
    /// Whether there is a need.
    pub need: watch::Receiver<Need>,
    /// Where what is seen goes.
    pub seen: Sender<GatewaySeen>,
}

impl WatchGateways {
    /// Watches until the receiver is gone, as soon as there is a need.
    pub async fn run(self) {
        let Self { client, mut state, mut need, seen } = self;
        if need.wait_for(|need| *need == Need::Some).await.is_err() {
            return;
        }
        let mut known_missing = false;
        while !seen.is_closed() {
            let now = state.borrow_and_update().as_ref().map(ClusterState::gateways);
            let Some(Some(version)) = now else {
                if now.is_some() && !known_missing {
                    known_missing = true;
                    if seen.send(GatewaySeen::KindMissing).await.is_err() {
                        return;
                    }
                }
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            };
            known_missing = false;
            info!(version = version.api_version(), "watching Gateways");
            tokio::select! {
                ended = follow(&client, version, &seen) => match ended {
                    Ended::Closed => return,
                    // From the list on: kube would go on with the watch alone, and what was missed stays missed.
                    Ended::Refused | Ended::Lost => tokio::time::sleep(AFTER_A_REFUSAL).await,
                },
                () = until_another(&mut state, version) => {}
            }
        }
    }
}

/// Waits until Gateways aren't served in this version, or in a better one.
async fn until_another(state: &mut watch::Receiver<Option<ClusterState>>, version: ServedVersion) {
    let is_another =
        |state: &Option<ClusterState>| state.as_ref().is_some_and(|state| state.gateways() != Some(version));
    if state.wait_for(is_another).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Why a watch is not continued.
enum Ended {
    /// Nobody listens any more.
    Closed,
    /// It isn't allowed.
    Refused,
    /// What was missed comes with another list only.
    Lost,
}

/// Follows one version.
async fn follow(client: &Client, version: ServedVersion, seen: &Sender<GatewaySeen>) -> Ended {
    let api = Api::<GatewayObject>::all_with(client.clone(), &version);
    let events = watcher::watcher(api, Config::default()).backoff(DefaultBackoff::default());
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(Event::Init) => GatewaySeen::Listing,
            Ok(Event::InitApply(gateway)) => GatewaySeen::Item(gateway.reduce()),
            Ok(Event::InitDone) => GatewaySeen::Listed,
            Ok(Event::Apply(gateway)) => GatewaySeen::Changed(gateway.reduce()),
            Ok(Event::Delete(gateway)) => GatewaySeen::Deleted(gateway.reduce().name),
            Err(error) => {
                debug!(%error, "the watch on Gateways was interrupted");
                if is_lost(&error) {
                    return Ended::Lost;
                }
                let Some(verb) = refused_verb(&error) else { continue };
                let missing = Permission::of_kind(GROUP, "gateways");
                warn!(rule = %missing.to(&[verb]),
                      "Gateways may not be watched; which classes are in use is known late, or not at all");
                return Ended::Refused;
            }
        };
        if seen.send(event).await.is_err() {
            break;
        }
    }
    Ended::Closed
}
