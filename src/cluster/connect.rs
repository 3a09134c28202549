//! How a cluster is found: a kubeconfig, or the Pod's ServiceAccount.

use std::path::Path;
use std::sync::Arc;

use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::api::DEADLINE;
use super::requests::CountRequests;
use crate::metrics::Metrics;

/// The namespace of the Pod that this is, else `default`.
#[must_use]
pub fn own_namespace() -> String {
    let text = std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace").unwrap_or_default();
    match text.trim() {
        "" => "default".to_owned(),
        namespace => namespace.to_owned(),
    }
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
/// ServiceAccount. Sends nothing yet.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    metrics: &Arc<Metrics>,
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
    config.default_retry = false;
    config.connect_timeout = Some(DEADLINE);
    config.write_timeout = Some(DEADLINE);
    let client = ClientBuilder::try_from(config).map_err(|source| ConnectError::Client { source })?;
    Ok(client.with_layer(&CountRequests::new(metrics.clone())).build())
}
