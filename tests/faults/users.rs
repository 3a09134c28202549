//! The people in a run: they speak to the API server directly, try again where it doesn't answer, and what they did is
//! remembered, so that it isn't taken for the program's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};

/// How long people try.
const LIMIT: Duration = Duration::from_secs(90);
pub const CLASSES: &str = "/apis/gateway.networking.k8s.io/v1/gatewayclasses";
const NAMESPACES: &str = "/api/v1/namespaces";
const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";

pub struct Users {
    client: Client,
    done: Mutex<Done>,
}

/// What users did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// The resourceVersions that they made.
    pub revisions: BTreeSet<String>,
    /// How often they deleted a class.
    pub deletions: BTreeMap<String, usize>,
}

impl Users {
    pub fn new(client: Client) -> Self {
        Self { client, done: Mutex::default() }
    }

    pub fn done(&self) -> Done {
        self.done.lock().unwrap().clone()
    }

    async fn once(&self, method: &Method, path: &str, media_type: &str, body: &Value) -> Result<Value, kube::Error> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method.clone()).uri(path).header("content-type", media_type);
        self.client.request(request.body(body).unwrap()).await
    }

    async fn request(&self, method: Method, path: &str, media_type: &str, body: &Value) -> Value {
        let start = Instant::now();
        loop {
            let answer = tokio::time::timeout(LIMIT / 3, self.once(&method, path, media_type, body)).await;
            let why = match answer {
                Ok(Ok(object)) => return object,
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Value::Null,
                // Tried before, and done.
                Ok(Err(kube::Error::Api(status))) if status.code == 409 && method == Method::POST => {
                    let name = body["metadata"]["name"].as_str().unwrap();
                    let path = format!("{}/{name}", path.split('?').next().unwrap());
                    return Box::pin(self.request(Method::GET, &path, "", &Value::Null)).await;
                }
                Ok(Err(kube::Error::Api(status))) if status.code < 500 && status.code != 429 => {
                    panic!("{method} {path}: {status:?}")
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            assert!(start.elapsed() < LIMIT, "{method} {path}: {why}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn revise(&self, method: Method, path: &str, media_type: &str, body: &Value) {
        let class = self.request(method, path, media_type, body).await;
        let version = class["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        self.done.lock().unwrap().revisions.insert(version);
    }

    /// Some object on the server; null if there is none.
    pub async fn object(&self, path: &str) -> Value {
        self.request(Method::GET, path, "", &Value::Null).await
    }

    /// All classes on the server, as a list.
    pub async fn classes(&self) -> Value {
        self.object(CLASSES).await
    }

    pub async fn create_namespace(&self, name: &str) {
        self.create_labelled_namespace(name, &json!({})).await;
    }

    /// Somebody makes a namespace with these labels, and a note.
    pub async fn create_labelled_namespace(&self, name: &str, labels: &Value) {
        let metadata = json!({"name": name, "labels": labels, "annotations": {"note": "noted"}});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        self.request(Method::POST, NAMESPACES, "application/json", &namespace).await;
    }

    /// Somebody changes the labels of a namespace.
    pub async fn label_namespace(&self, name: &str, labels: &Value) {
        let patch = json!({"metadata": {"labels": labels}});
        self.request(Method::PATCH, &format!("{NAMESPACES}/{name}"), "application/merge-patch+json", &patch).await;
    }

    /// Somebody deletes a namespace, and it goes at once: what else empties it on a cluster isn't there.
    pub async fn delete_namespace(&self, name: &str) {
        let path = format!("{NAMESPACES}/{name}");
        self.request(Method::DELETE, &path, "application/json", &Value::Null).await;
        let mut namespace = self.object(&path).await;
        if namespace.is_object() {
            namespace["spec"]["finalizers"] = json!([]);
            self.request(Method::PUT, &format!("{path}/finalize"), "application/json", &namespace).await;
        }
    }

    /// A team applies a ConfigMap with these defaults.
    pub async fn apply_config_map(&self, namespace: &str, name: &str, documents: &[Value]) {
        self.apply_labelled_config_map(namespace, name, "true", documents).await;
    }

    /// A team applies a ConfigMap whose label says this.
    pub async fn apply_labelled_config_map(&self, namespace: &str, name: &str, label: &str, documents: &[Value]) {
        let files = documents.iter().enumerate().map(|(i, document)| (format!("{i:02}.yaml"), document.to_string()));
        let data: BTreeMap<_, _> = files.collect();
        let metadata = json!({"name": name, "labels": {"classkeeper.dev/defaults": label}});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        let path = format!("{NAMESPACES}/{namespace}/configmaps/{name}?fieldManager=team&force=true");
        self.request(Method::PATCH, &path, "application/apply-patch+yaml", &map).await;
    }

    /// A team deletes a ConfigMap.
    pub async fn delete_config_map(&self, namespace: &str, name: &str) {
        let path = format!("{NAMESPACES}/{namespace}/configmaps/{name}");
        self.request(Method::DELETE, &path, "application/json", &Value::Null).await;
    }

    /// Somebody creates a class.
    pub async fn create(&self, manager: &str, class: &Value) {
        self.revise(Method::POST, &format!("{CLASSES}?fieldManager={manager}"), "application/json", class).await;
    }

    /// Somebody edits a class, as `kubectl edit` does.
    pub async fn edit(&self, class: &str, patch: &Value) {
        let path = format!("{CLASSES}/{class}?fieldManager=kubectl-edit");
        self.revise(Method::PATCH, &path, "application/merge-patch+json", patch).await;
    }

    /// Somebody deletes a class.
    pub async fn delete(&self, class: &str) {
        *self.done.lock().unwrap().deletions.entry(class.to_owned()).or_default() += 1;
        self.request(Method::DELETE, &format!("{CLASSES}/{class}"), "application/json", &Value::Null).await;
    }

    /// Somebody makes a Gateway of a class, of the same name.
    pub async fn create_gateway(&self, class: &str) {
        let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": class, "namespace": "default"},
            "spec": {"gatewayClassName": class, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}});
        self.request(Method::POST, GATEWAYS, "application/json", &gateway).await;
    }

    pub async fn delete_gateway(&self, class: &str) {
        self.request(Method::DELETE, &format!("{GATEWAYS}/{class}"), "application/json", &Value::Null).await;
    }

    /// Removes what a run leaves: later ones are spared the sight of it.
    pub async fn clean_up(&self, prefix: &str) {
        let classes = self.classes().await;
        let names = classes["items"].as_array().unwrap().iter().filter_map(|class| class["metadata"]["name"].as_str());
        for name in names.filter(|name| name.starts_with(&format!("{prefix}-"))) {
            self.delete_gateway(name).await;
            let free = json!({"metadata": {"finalizers": null}});
            self.request(Method::PATCH, &format!("{CLASSES}/{name}"), "application/merge-patch+json", &free).await;
            self.delete(name).await;
        }
    }
}
