//! The calls that a class needs: read, list, apply, patch, delete; and who uses it. All under one field manager.

use std::time::Instant;

use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::{Content, GROUP, ServedVersion, call, percent_encode};
use super::class::Class;
use super::error::ApiError;
use super::gate::Gate;
use super::watch_gateways::GatewayObject;
use crate::engine::intent::Intent;
use crate::engine::live::{FieldManager, Live};
use crate::engine::plan::Force;

/// Whether a write is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It is.
    No,
    /// The server does all but store it.
    Yes,
}

impl DryRun {
    /// The piece of a query that says so.
    fn query(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Yes => "&dryRun=All",
        }
    }
}

/// GatewayClasses on a cluster, written under one field manager.
#[derive(Clone)]
pub struct Classes {
    client: Client,
    version: ServedVersion,
    manager: FieldManager,
    dry_run: DryRun,
    gate: Gate,
}

#[derive(Deserialize)]
struct List<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

impl Classes {
    /// GatewayClasses in a version that the cluster serves.
    #[must_use]
    pub fn new(client: Client, version: ServedVersion, manager: FieldManager, dry_run: DryRun) -> Self {
        Self { client, version, manager, dry_run, gate: Gate::Open }
    }

    /// The same, but nothing is written that this gate doesn't let pass.
    #[must_use]
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// The same, written under another field manager.
    #[must_use]
    pub fn under(&self, manager: FieldManager) -> Self {
        Self { manager, ..self.clone() }
    }

    /// The field manager.
    #[must_use]
    pub fn manager(&self) -> &FieldManager {
        &self.manager
    }

    /// The version that is written.
    #[must_use]
    pub fn version(&self) -> ServedVersion {
        self.version
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

    /// One class as it is now, to the letter; `None` if there is no such class.
    pub async fn get_raw(&self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.call(Method::GET, &self.path(Some(name)), None).await {
            Err(ApiError::NotFound { .. }) => Ok(None),
            result => result.map(Some),
        }
    }

    /// All classes, as they are now.
    pub async fn list(&self) -> Result<Vec<Live>, ApiError> {
        let (mut classes, mut next) = (Vec::new(), String::new());
        loop {
            let list: List<Class> = self.page(&self.path(None), &next).await?;
            for class in list.items {
                classes.push(class.into_live()?);
            }
            next = list.metadata.continue_.unwrap_or_default();
            if next.is_empty() {
                return Ok(classes);
            }
        }
    }

    /// The first Gateway found that uses a class, as `namespace/name`.
    pub async fn used_by(&self, class: &str) -> Result<Option<String>, ApiError> {
        let collection = format!("/apis/{GROUP}/{}/gateways", self.version.version());
        let mut next = String::new();
        loop {
            let list: List<GatewayObject> = match self.page(&collection, &next).await {
                // A cluster without the kind has no Gateway.
                Err(ApiError::KindMissing { .. }) => return Ok(None),
                list => list?,
            };
            let user = list.items.into_iter().map(GatewayObject::reduce).find(|gateway| *gateway.class == *class);
            if let Some(gateway) = user {
                return Ok(Some(gateway.name.into()));
            }
            next = list.metadata.continue_.unwrap_or_default();
            if next.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Sends one server-side apply; what the server has then.
    pub async fn apply(&self, name: &str, intent: &Intent, force: Force) -> Result<Live, ApiError> {
        let force = match force {
            Force::No => "",
            Force::Yes => "&force=true",
        };
        let body = intent.body(self.version.api_version()).to_string().into_bytes();
        // JSON is YAML, and server-side apply knows no other media type on every supported Kubernetes.
        self.write(name, force, ("application/apply-patch+yaml", body)).await
    }

    /// Sends one JSON patch; what the server has then.
    pub async fn patch(&self, name: &str, operations: Vec<Value>) -> Result<Live, ApiError> {
        let body = Value::Array(operations).to_string().into_bytes();
        self.write(name, "", ("application/json-patch+json", body)).await
    }

    /// Sets an annotation, or takes it off, if the class is still in this state (409 otherwise).
    pub async fn annotate(&self, live: &Live, key: &str, value: Option<&str>) -> Result<Live, ApiError> {
        let metadata = json!({"resourceVersion": live.resource_version.as_str(), "annotations": {key: value}});
        let body = json!({"metadata": metadata}).to_string().into_bytes();
        self.write(&live.name, "", ("application/merge-patch+json", body)).await
    }

    /// Deletes a class, if it is still this one in this state (409 otherwise).
    pub async fn delete(&self, live: &Live) -> Result<(), ApiError> {
        let preconditions = json!({"uid": live.uid, "resourceVersion": live.resource_version.as_str()});
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions});
        if self.dry_run == DryRun::Yes {
            options["dryRun"] = json!(["All"]);
        }
        let content = Some(("application/json", options.to_string().into_bytes()));
        self.gated(self.call::<Value>(Method::DELETE, &self.path(Some(&live.name)), content)).await.map(|_| ())
    }

    async fn write(&self, name: &str, force: &str, content: (&'static str, Vec<u8>)) -> Result<Live, ApiError> {
        let manager = percent_encode(self.manager.as_str());
        let path = format!("{}?fieldManager={manager}{force}{}", self.path(Some(name)), self.dry_run.query());
        self.gated(self.call::<Class>(Method::PATCH, &path, Some(content))).await?.into_live()
    }

    /// Sends a write, if it may be sent now, and gives it no more time than it has.
    async fn gated<T>(&self, write: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let left = self.gate.time_left(Instant::now()).ok_or(ApiError::NotLeader)?;
        // A call has a deadline of its own, and says so. At this one it's the Lease that ends.
        tokio::time::timeout(left, write).await.unwrap_or(Err(ApiError::NotLeader))
    }

    async fn page<T: DeserializeOwned>(&self, collection: &str, next: &str) -> Result<List<T>, ApiError> {
        let next = if next.is_empty() { String::new() } else { format!("&continue={}", percent_encode(next)) };
        self.call(Method::GET, &format!("{collection}?limit=500{next}"), None).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, content: Content) -> Result<T, ApiError> {
        call(&self.client, method, path, content, self.version.api_version()).await
    }

    fn path(&self, name: Option<&str>) -> String {
        let collection = format!("/apis/{GROUP}/{}/gatewayclasses", self.version.version());
        match name {
            Some(name) => format!("{collection}/{}", percent_encode(name)),
            None => collection,
        }
    }
}
