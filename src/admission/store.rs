//! Where certificates are kept on the cluster: the Secret, and the webhook configuration that trusts them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use http::Method;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, DefaultBackoff};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{debug, warn};

use super::keep::MANAGED_BY;
use crate::cluster::api::{call, percent_encode};
use crate::cluster::error::ApiError;
use crate::cluster::permission::{Permission, refused_verb};
use crate::engine::live::FieldManager;

/// How long to wait after a refusal: a right may come later.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(30);
const REGISTRATION: &str = "admissionregistration.k8s.io";

/// The Secret and the webhook configuration, on a cluster.
#[derive(Clone)]
pub struct Store {
    client: Client,
    manager: FieldManager,
    namespace: String,
    name: String,
    /// `NAMESPACE/NAME`, as logs show it.
    secret: String,
    configuration: String,
}

impl Store {
    /// The Secret of this namespace and name, and the webhook configuration of this name.
    #[must_use]
    pub fn new(client: Client, manager: &FieldManager, secret: (String, String), configuration: String) -> Self {
        let (namespace, name) = secret;
        let secret = format!("{namespace}/{name}");
        Self { client, manager: manager.clone(), namespace, name, secret, configuration }
    }

    /// The Secret's namespace and name.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The webhook configuration's name.
    #[must_use]
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// Reads the Secret; `None` if there is none.
    pub async fn read_secret(&self) -> Result<Option<Secret>, ApiError> {
        found(call(&self.client, Method::GET, &self.secret_path(), None, "v1").await)
    }

    /// Writes the Secret, if it is still as it was read (409 otherwise). By an apply, whose path has the name, so that
    /// the right to create it can be limited to that.
    pub async fn write_secret(
        &self,
        before: Option<&Secret>,
        data: BTreeMap<String, ByteString>,
    ) -> Result<(), ApiError> {
        let (key, value) = MANAGED_BY;
        let mut metadata = json!({"name": self.name, "namespace": self.namespace, "labels": {key: value}});
        let mut kind = "kubernetes.io/tls";
        if let Some(before) = before {
            // Immutable. One that is gone by now isn't made again by an apply that names its uid.
            kind = before.type_.as_deref().unwrap_or("Opaque");
            metadata["uid"] = json!(before.metadata.uid);
            metadata["resourceVersion"] = json!(before.metadata.resource_version);
        }
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data});
        let manager = percent_encode(&format!("{}-webhook", self.manager));
        let path = format!("{}?force=true&fieldManager={manager}", self.secret_path());
        let content = Some(("application/apply-patch+yaml", body.to_string().into_bytes()));
        call::<Value>(&self.client, Method::PATCH, &path, content, "v1").await.map(drop)
    }

    /// Reads the webhook configuration; `None` if there is none.
    pub async fn read_configuration(&self) -> Result<Option<ValidatingWebhookConfiguration>, ApiError> {
        found(call(&self.client, Method::GET, &self.configuration_path(), None, REGISTRATION).await)
    }

    /// Sends a JSON patch to the webhook configuration.
    pub async fn patch_configuration(&self, operations: Vec<Value>) -> Result<(), ApiError> {
        let path = format!("{}?fieldManager={}", self.configuration_path(), percent_encode(self.manager.as_str()));
        let content = Some(("application/json-patch+json", Value::Array(operations).to_string().into_bytes()));
        call::<Value>(&self.client, Method::PATCH, &path, content, REGISTRATION).await.map(drop)
    }

    /// Two watches, of the Secret and of the configuration; each change is notified.
    pub fn watches(
        &self,
        changed: &Arc<Notify>,
    ) -> (impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>) {
        let kind = |group: &str, kind: &str, plural: &str| {
            let mut resource = ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, "v1", kind));
            plural.clone_into(&mut resource.plural);
            resource
        };
        let secrets = kind("", "Secret", "secrets");
        let secret = Api::namespaced_with(self.client.clone(), &self.namespace, &secrets);
        let configurations = kind(REGISTRATION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations");
        let configuration = Api::all_with(self.client.clone(), &configurations);
        (
            watch(secret, secrets, self.name.clone(), changed.clone()),
            watch(configuration, configurations, self.configuration.clone(), changed.clone()),
        )
    }

    fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", percent_encode(&self.namespace), percent_encode(&self.name))
    }

    fn configuration_path(&self) -> String {
        let name = percent_encode(&self.configuration);
        format!("/apis/{REGISTRATION}/v1/validatingwebhookconfigurations/{name}")
    }
}

fn found<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Err(ApiError::NotFound { .. }) => Ok(None),
        result => result.map(Some),
    }
}

/// Watches one object of this name, and no other: the right to can be limited to it. Never ends.
async fn watch(api: Api<DynamicObject>, resource: ApiResource, name: String, changed: Arc<Notify>) {
    let config = Config::default().fields(&format!("metadata.name={name}"));
    loop {
        let events = watcher::watcher(api.clone(), config.clone()).backoff(DefaultBackoff::default());
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_)) => {
                    changed.notify_one();
                }
                Err(error) => {
                    debug!(%error, name, "the watch on {} was interrupted", resource.plural);
                    let Some(verb) = refused_verb(&error) else { continue };
                    let missing = Permission::of_kind(&resource.group, &resource.plural);
                    warn!(rule = %missing.to(&[verb]), name,
                          "{} may not be watched; its changes are seen late", resource.kind);
                    break;
                }
            }
        }
        tokio::time::sleep(AFTER_A_REFUSAL).await;
        // What isn't told is looked at.
        changed.notify_one();
    }
}
