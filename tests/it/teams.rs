//! Teams: their namespaces, their ConfigMaps, and what the platform allows them.

use http::{Method, Request};
use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, eventually};

/// The label of a tenant's files.
pub const LABEL: &str = "classkeeper.dev/defaults";

impl Scenario {
    /// A namespace of this test.
    pub async fn namespace(&self, suffix: &str) -> String {
        let namespace = self.name(suffix);
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.create("/api/v1/namespaces", &object).await;
        namespace
    }

    /// Somebody applies a ConfigMap with these documents, one key each; the label says what it says.
    pub async fn config_map(&self, namespace: &str, name: &str, label: Option<&str>, documents: &[Value]) {
        let files = documents.iter().enumerate().map(|(i, document)| (format!("{i:02}.yaml"), document.to_string()));
        let data: std::collections::BTreeMap<_, _> = files.collect();
        self.config_map_of(namespace, name, label, &json!(data)).await;
    }

    /// Somebody applies a ConfigMap.
    pub async fn config_map_of(&self, namespace: &str, name: &str, label: Option<&str>, data: &Value) {
        let labels = label.map_or(json!({}), |label| json!({LABEL: label}));
        let metadata = json!({"name": name, "namespace": namespace, "labels": labels});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        let path = format!("{}?fieldManager=team&force=true", path(namespace, name));
        let request = Request::builder().method(Method::PATCH).uri(path);
        let request = request.header("content-type", "application/apply-patch+yaml").body(map.to_string().into_bytes());
        self.client.request::<Value>(request.unwrap()).await.unwrap();
    }

    /// A team's files.
    pub async fn files(&self, namespace: &str, name: &str, documents: &[Value]) {
        self.config_map(namespace, name, Some("true"), documents).await;
    }

    /// Somebody deletes a ConfigMap.
    pub async fn delete_config_map(&self, namespace: &str, name: &str) {
        self.delete_object(&path(namespace, name)).await;
    }
}

fn path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

/// A tenant that may do what `allow` says, besides naming its classes like this.
pub fn tenant(name: &str, namespace: &str, names: &str, allow: &Value) -> Value {
    let mut all = json!({"names": [names], "controllerNames": ["example.com/*"]});
    all.as_object_mut().unwrap().extend(allow.as_object().unwrap().clone());
    json!({"apiVersion": "classkeeper.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name},
           "namespaces": [namespace], "allow": all})
}

/// A tenant's default, without a reference to parameters.
pub fn plain(name: &str) -> Value {
    crate::scenario::without(crate::scenario::default(name), "/spec/parametersRef")
}

impl Program {
    /// A source's part of `/status`; null if there is none.
    pub async fn source(&self, source: &str) -> Value {
        let status = self.status().await;
        let sources = status["config"]["sources"].as_array().unwrap();
        sources.iter().find(|known| known["source"] == source).cloned().unwrap_or_default()
    }

    /// Waits until a source is as the probe wants; its part of `/status` then.
    pub async fn source_where(&self, source: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("/status of {source}: {what}"), || async {
            let known = self.source(source).await;
            if is(&known) { Ok(known) } else { Err(format!("{known:#} in {:#}", self.status().await["config"])) }
        })
        .await
    }

    /// Waits until a source's last load ended like this, with these findings' codes.
    pub async fn source_is(&self, source: &str, state: &str, codes: &[&str]) -> Value {
        let is = |known: &Value| known["state"] == state && self::codes(known) == codes;
        self.source_where(source, &format!("{state} with {codes:?}"), is).await
    }
}

fn codes(source: &Value) -> Vec<&str> {
    source["findings"].as_array().into_iter().flatten().map(|finding| finding["code"].as_str().unwrap()).collect()
}
