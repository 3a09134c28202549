//! The API server: one connection, a deadline on each call, and the calls that a class needs.
//!
//! Requests are sent and answers read here rather than by `kube::Api`, whose default client retries on its own for
//! minutes, has no read timeout, and drops the Retry-After header. Patches by server-side apply are built here alone.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, ListMeta};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::class::Class;
use super::error::ApiError;
use super::requests::CountRequests;
use crate::engine::intent::Intent;
use crate::engine::live::{FieldManager, Live};
use crate::engine::plan::Force;
use crate::metrics::Metrics;

/// How long one call may take (contract 2.4).
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The longest Retry-After that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// More than any list of classes; an answer beyond it isn't read.
const LARGEST_ANSWER: usize = 512 << 20;
/// The API group of the Gateway API.
pub const GROUP: &str = "gateway.networking.k8s.io";

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

/// A version of the Gateway API in which the cluster serves GatewayClasses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedVersion {
    /// `v1`, storage version since Gateway API v1.1.
    V1,
    /// `v1beta1`.
    V1Beta1,
}

impl ServedVersion {
    /// As in an object's `apiVersion`.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "gateway.networking.k8s.io/v1",
            Self::V1Beta1 => "gateway.networking.k8s.io/v1beta1",
        }
    }

    /// As in a path.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
        }
    }
}

/// Whether a write is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It is.
    No,
    /// The server does all but store it.
    Yes,
}

/// GatewayClasses on a cluster, written under one field manager.
#[derive(Clone)]
pub struct Classes {
    client: Client,
    version: ServedVersion,
    manager: FieldManager,
    dry_run: DryRun,
}

#[derive(Deserialize)]
struct ClassList {
    metadata: ListMeta,
    items: Vec<Class>,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
}

/// The preferred version in which the cluster serves GatewayClasses; `None` if it doesn't.
pub async fn discover(client: &Client) -> Result<Option<ServedVersion>, ApiError> {
    let path = format!("/apis/{GROUP}");
    let group: APIGroup = match call(client, Method::GET, &path, None, GROUP).await {
        Ok(group) => group,
        Err(ApiError::KindMissing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    for version in [ServedVersion::V1, ServedVersion::V1Beta1] {
        // The group may be there for other kinds alone.
        if group.versions.iter().any(|served| served.version == version.version()) {
            match call::<ResourceList>(client, Method::GET, &format!("{path}/{}", version.version()), None, GROUP).await
            {
                Ok(list) if list.resources.iter().any(|resource| resource.name == "gatewayclasses") => {
                    return Ok(Some(version));
                }
                Ok(_) | Err(ApiError::KindMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

impl Classes {
    /// GatewayClasses in a version that the cluster serves.
    #[must_use]
    pub fn new(client: Client, version: ServedVersion, manager: FieldManager, dry_run: DryRun) -> Self {
        Self { client, version, manager, dry_run }
    }

    /// The field manager.
    #[must_use]
    pub fn manager(&self) -> &FieldManager {
        &self.manager
    }

    /// Whether writes are carried out.
    #[must_use]
    pub fn dry_run(&self) -> DryRun {
        self.dry_run
    }

    /// One class as it is now; `None` if there is no such class.
    pub async fn get(&self, name: &str) -> Result<Option<Live>, ApiError> {
        match self.call::<Class>(Method::GET, &self.path(Some(name)), None).await {
            Ok(class) => class.into_live().map(Some),
            Err(ApiError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All classes, as they are now.
    pub async fn list(&self) -> Result<Vec<Live>, ApiError> {
        let mut classes = Vec::new();
        let mut next = String::new();
        loop {
            let query = if next.is_empty() { "?limit=500".to_owned() } else { format!("?limit=500&continue={next}") };
            let list: ClassList = self.call(Method::GET, &format!("{}{query}", self.path(None)), None).await?;
            for class in list.items {
                classes.push(class.into_live()?);
            }
            next = list.metadata.continue_.unwrap_or_default();
            if next.is_empty() {
                return Ok(classes);
            }
        }
    }

    /// Sends one server-side apply; what the server has then.
    pub async fn apply(&self, name: &str, intent: &Intent, force: Force) -> Result<Live, ApiError> {
        let mut query = format!("?fieldManager={}", percent_encode(self.manager.as_str()));
        if force == Force::Yes {
            query.push_str("&force=true");
        }
        if self.dry_run == DryRun::Yes {
            query.push_str("&dryRun=All");
        }
        let body = intent.body(self.version.api_version()).to_string().into_bytes();
        self.call::<Class>(Method::PATCH, &format!("{}{query}", self.path(Some(name))), Some(body)).await?.into_live()
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, ApiError> {
        call(&self.client, method, path, body, self.version.api_version()).await
    }

    fn path(&self, name: Option<&str>) -> String {
        let collection = format!("/apis/{GROUP}/{}/gatewayclasses", self.version.version());
        match name {
            Some(name) => format!("{collection}/{}", percent_encode(name)),
            None => collection,
        }
    }
}

/// Sends one request and reads its answer, all within the deadline.
async fn call<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
    missing: &str,
) -> Result<T, ApiError> {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
    if body.is_some() {
        // JSON is YAML, and server-side apply knows no other media type on every supported Kubernetes.
        request = request.header(header::CONTENT_TYPE, "application/apply-patch+yaml");
    }
    let request = request.body(Body::from(body.unwrap_or_default())).map_err(|error| ApiError::unavailable(&error))?;
    let answer = timeout(DEADLINE, async {
        let response = client.send(request).await.map_err(|error| ApiError::unavailable(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| ApiError::unavailable(&*error))?.to_bytes();
        Ok::<_, ApiError>((head, body))
    });
    let seconds = DEADLINE.as_secs();
    let (head, body) = answer.await.map_err(|_| ApiError::Unavailable {
        message: format!("no answer from the API server within {seconds} s"),
        retry_after: None,
    })??;
    if head.status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| ApiError::Unavailable {
            message: format!("the API server's answer can't be read: {error}"),
            retry_after: None,
        });
    }
    let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    Err(ApiError::from_answer(head.status, retry_after, &body, missing))
}

/// Escapes what isn't unreserved (RFC 3986) in a path segment or a query's value.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => {
                // Writing to a String can't fail.
                let _ = write!(encoded, "%{other:02X}");
            }
        }
        encoded
    })
}
