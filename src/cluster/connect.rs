//! How a cluster is found: a kubeconfig, or the Pod's ServiceAccount.

use std::path::Path;
use std::sync::Arc;

use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::api::DEADLINE;
use super::bounds::Bounds;
use super::reach::Reach;
use super::requests::CountRequests;
use super::transport::transport;
use crate::metrics::Metrics;

/// Where a Pod finds the namespace of its ServiceAccount.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The Pod that this is, as the downward API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// `POD_NAMESPACE`, else that of the ServiceAccount.
    pub namespace: String,
    /// `POD_NAME`.
    pub name: String,
    /// `POD_UID`, by which `kubectl describe` finds the Pod's Events.
    pub uid: String,
}

impl Pod {
    /// The Pod that this is; `None` if it isn't one, or doesn't know its name and uid.
    #[must_use]
    pub fn own() -> Option<Self> {
        Some(Self { namespace: pod_namespace()?, name: variable("POD_NAME")?, uid: variable("POD_UID")? })
    }
}

/// Whether this runs in a Pod.
#[must_use]
pub fn in_pod() -> bool {
    pod_namespace().is_some()
}

/// The namespace of the Pod that this is, else `default`.
#[must_use]
pub fn own_namespace() -> String {
    pod_namespace().unwrap_or_else(|| "default".to_owned())
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn pod_namespace() -> Option<String> {
    let namespace =
        variable("POD_NAMESPACE").or_else(|| std::fs::read_to_string(NAMESPACE_FILE).ok())?.trim().to_owned();
    (!namespace.is_empty()).then_some(namespace)
}

/// A name for this process that no other replica has, also not its predecessor in the same Pod.
#[must_use]
pub fn own_identity() -> String {
    use std::hash::{BuildHasher, RandomState};

    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let name = variable("POD_NAME").or_else(host).unwrap_or_else(|| "classkeeper".to_owned());
    format!("{name}_{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// A cluster that can't be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig can't be read.
    #[error("kubeconfig {path} can't be read")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// The kubeconfig doesn't lead to a cluster.
    #[error("the kubeconfig names no usable cluster")]
    Context {
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// Neither a kubeconfig nor a ServiceAccount.
    #[error("no cluster: there is neither a kubeconfig nor a ServiceAccount")]
    Infer {
        /// Why.
        source: kube::config::InferConfigError,
    },
    /// The configuration doesn't make a client.
    #[error("the cluster's configuration can't be used")]
    Client {
        /// Why.
        source: kube::Error,
    },
}

/// Connects to a cluster: the given kubeconfig and context, else `KUBECONFIG` or `~/.kube/config`, else the Pod's
/// ServiceAccount. Sends nothing yet. What is sent later is counted in `metrics`, and `reach` knows how it goes.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    metrics: &Arc<Metrics>,
    reach: &Arc<Reach>,
) -> Result<Client, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path)
                .map_err(|source| ConnectError::Read { path: path.display().to_string(), source })?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|source| ConnectError::Context { source })?
        }
        None if context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(|source| ConnectError::Context { source })?
        }
        None => Config::infer().await.map_err(|source| ConnectError::Infer { source })?,
    };
    if let Some(host) = config.cluster_url.authority() {
        metrics.set_host(host.as_str());
    }
    config.default_retry = false;
    config.connect_timeout = Some(DEADLINE);
    config.write_timeout = Some(DEADLINE);
    let unusable = |source| ConnectError::Client { source };
    let (count, bounds) = (CountRequests::new(metrics.clone()), Bounds { reach: reach.clone() });
    if config.proxy_url.is_some() {
        let client = ClientBuilder::try_from(config).map_err(unusable)?;
        return Ok(client.with_layer(&count).with_layer(&bounds).build());
    }
    let transport = transport(&config).map_err(unusable)?;
    Ok(ClientBuilder::new(transport, config.default_namespace).with_layer(&count).with_layer(&bounds).build())
}
