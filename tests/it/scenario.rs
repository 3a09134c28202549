//! What each test stands on: the shared control plane, a proxy that counts, a defaults mount, and users who edit.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use control_plane::mount::{Files, LinkOrder, swap};
use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::Program;
use crate::proxy::Proxy;

/// How long to wait for what must come.
const LIMIT: Duration = Duration::from_secs(20);
/// How long what must not change is watched.
const CALM: Duration = Duration::from_secs(2);
const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";

/// Waits for the thing itself. The last reason why it isn't there yet is told if it never comes.
pub async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(what: &str, probe: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > LIMIT => panic!("not within {LIMIT:?}: {what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A test's own piece of the cluster: class names begin with its prefix, and its field manager is its own.
pub struct Scenario {
    prefix: String,
    /// The version in which users speak to the server.
    pub version: &'static str,
    pub client: Client,
    pub proxy: Proxy,
    pub kubeconfig: PathBuf,
    pub defaults: PathBuf,
    pub folder: TempDir,
}

impl Scenario {
    pub async fn new(prefix: &str) -> Self {
        let control_plane = control_plane::shared().await.unwrap();
        Self::on(prefix, control_plane.client().await.unwrap()).await
    }

    /// On a control plane of its own: for tests that change what others stand on.
    pub async fn on(prefix: &str, client: Client) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (proxy, kubeconfig) = proxy_in(folder.path(), "kubeconfig", client.clone()).await;
        let defaults = folder.path().join("defaults");
        std::fs::create_dir(&defaults).unwrap();
        Self { prefix: prefix.to_owned(), version: "v1", client, proxy, kubeconfig, defaults, folder }
    }

    /// Another way to the API server, with records of its own, and its kubeconfig.
    pub async fn another_way(&self, client: Client) -> (Proxy, PathBuf) {
        proxy_in(self.folder.path(), "another-kubeconfig", client).await
    }

    /// A namespace of this test alone.
    pub async fn create_namespace(&self) -> String {
        let namespace = self.name("system");
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.create("/api/v1/namespaces", &object).await;
        namespace
    }

    /// A class name of this test.
    pub fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.prefix)
    }

    /// This test's field manager.
    pub fn manager(&self) -> String {
        format!("classkeeper-{}", self.prefix)
    }

    /// The path of all classes.
    fn classes(&self) -> String {
        format!("/apis/gateway.networking.k8s.io/{}/gatewayclasses", self.version)
    }

    /// Makes these documents the content of the mount, one file each.
    pub fn mount(&self, documents: &[Value]) {
        let file = |(index, document): (usize, &Value)| (format!("{index:02}.yaml"), document.to_string().into_bytes());
        self.mount_files(&documents.iter().enumerate().map(file).collect(), LinkOrder::AfterSwap);
    }

    pub fn mount_files(&self, files: &Files, order: LinkOrder) {
        swap(&self.defaults, files, order).unwrap();
    }

    /// Makes this text the only file of the mount.
    pub fn mount_text(&self, text: &str) {
        self.mount_files(&BTreeMap::from([("00.yaml".to_owned(), text.as_bytes().to_vec())]), LinkOrder::AfterSwap);
    }

    /// Starts the program, and waits until it is ready.
    pub async fn run(&self) -> Program {
        self.run_with(&[]).await
    }

    /// Starts the program with these further arguments, and waits until it is ready.
    pub async fn run_with(&self, further: &[&str]) -> Program {
        let program = Program::start(&self.kubeconfig, &self.defaults, &self.manager(), further);
        program.ready().await;
        program
    }

    /// Runs a command to its end.
    pub async fn command(&self, args: &[&str]) -> std::process::Output {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        let kubeconfig = self.kubeconfig.clone();
        // The proxy answers on this runtime: waiting for the command must not block it.
        tokio::task::spawn_blocking(move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            crate::program::output(Some(&kubeconfig), &args)
        })
        .await
        .unwrap()
    }

    pub fn defaults_arg(&self) -> &str {
        path_str(&self.defaults)
    }

    async fn request(&self, method: Method, path: &str, media_type: &str, body: &Value) -> Result<Value, kube::Error> {
        let body = if method == Method::GET { Vec::new() } else { body.to_string().into_bytes() };
        let request =
            Request::builder().method(method).uri(path).header("content-type", media_type).body(body).unwrap();
        self.client.request(request).await
    }

    /// The class on the server; null if there is none.
    pub async fn get(&self, name: &str) -> Value {
        self.try_get(name).await.unwrap()
    }

    /// The same, where the server may be busy with the kind.
    async fn try_get(&self, name: &str) -> Result<Value, kube::Error> {
        self.try_object(&format!("{}/{name}", self.classes())).await
    }

    /// Somebody edits a class: a merge patch, as `kubectl edit` and `kubectl label` send.
    pub async fn edit(&self, name: &str, manager: &str, patch: &Value) -> Value {
        let path = format!("{}/{name}?fieldManager={manager}", self.classes());
        self.request(Method::PATCH, &path, "application/merge-patch+json", patch).await.unwrap()
    }

    /// Somebody edits a class and may be refused.
    pub async fn try_edit(&self, name: &str, patch: &Value) -> Result<Value, kube::Error> {
        let path = format!("{}/{name}?fieldManager=a-user", self.classes());
        self.request(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Somebody sends a JSON patch to a class.
    pub async fn patch(&self, name: &str, manager: &str, operations: &Value) -> Value {
        let path = format!("{}/{name}?fieldManager={manager}", self.classes());
        self.request(Method::PATCH, &path, "application/json-patch+json", operations).await.unwrap()
    }

    /// Somebody sends a JSON patch to any object.
    pub async fn patch_object(&self, path: &str, operations: &Value) -> Result<Value, kube::Error> {
        self.request(Method::PATCH, path, "application/json-patch+json", operations).await
    }

    /// Somebody wipes the record of who owns what.
    pub async fn wipe(&self, name: &str) {
        let wiped = json!([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]);
        self.patch(name, "wiper", &wiped).await;
    }

    /// A controller writes a class's status, in this version.
    pub async fn write_status(&self, name: &str, version: &str, status: &Value) {
        let path = format!(
            "/apis/gateway.networking.k8s.io/{version}/gatewayclasses/{name}/status?fieldManager=implementation"
        );
        let body = json!({"status": status});
        self.request(Method::PATCH, &path, "application/merge-patch+json", &body).await.unwrap();
    }

    /// Somebody makes a Gateway of a class, in the namespace `default` and of the class's name.
    pub async fn create_gateway(&self, class: &str) {
        let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": class},
            "spec": {"gatewayClassName": class, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}});
        self.request(Method::POST, GATEWAYS, "application/json", &gateway).await.unwrap();
    }

    /// Somebody deletes the Gateway of a class.
    pub async fn delete_gateway(&self, class: &str) {
        self.request(Method::DELETE, &format!("{GATEWAYS}/{class}"), "application/json", &json!({})).await.unwrap();
    }

    /// Some object on the server; null if there is none.
    pub async fn object(&self, path: &str) -> Value {
        self.try_object(path).await.unwrap()
    }

    async fn try_object(&self, path: &str) -> Result<Value, kube::Error> {
        match self.request(Method::GET, path, "", &Value::Null).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
            answer => answer,
        }
    }

    /// The names that classkeeper keeps of this scenario's classes, of those that may stay deleted, in the ConfigMap
    /// `classkeeper-state`; null if it keeps none.
    pub async fn remembered(&self) -> Value {
        let map = self.object("/api/v1/namespaces/default/configmaps/classkeeper-state").await;
        let text = map["data"][format!("{}.json", self.manager())].as_str().unwrap_or("null");
        serde_json::from_str(text).unwrap()
    }

    /// Waits until a class's name is kept: a write that follows those to the class.
    pub async fn is_remembered(&self, name: &str) {
        self.remembered_where("its name is kept", |names| names[name].is_string()).await;
    }

    /// Waits until a class's name is no longer kept.
    pub async fn is_forgotten(&self, name: &str) {
        self.remembered_where("its name is no longer kept", |names| names[name].is_null()).await;
    }

    /// Waits until the names that are kept are as the probe wants.
    pub async fn remembered_where(&self, what: &str, is: impl Fn(&Value) -> bool) {
        eventually(what, || async {
            let names = self.remembered().await;
            if is(&names) { Ok(()) } else { Err(names) }
        })
        .await;
    }

    /// Somebody creates an object.
    pub async fn create(&self, collection: &str, object: &Value) {
        self.request(Method::POST, collection, "application/json", object).await.unwrap();
    }

    /// Somebody applies a class, with force.
    pub async fn apply_as(&self, manager: &str, class: &Value) -> Value {
        self.try_apply_as(manager, class).await.unwrap()
    }

    /// Somebody applies a class, with force, and may be refused.
    pub async fn try_apply_as(&self, manager: &str, class: &Value) -> Result<Value, kube::Error> {
        let name = class["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}?fieldManager={manager}&force=true", self.classes());
        self.request(Method::PATCH, &path, "application/apply-patch+yaml", class).await
    }

    /// Somebody creates a class.
    pub async fn create_as(&self, manager: &str, class: &Value) -> Value {
        let path = format!("{}?fieldManager={manager}", self.classes());
        self.request(Method::POST, &path, "application/json", class).await.unwrap()
    }

    /// Somebody deletes a class.
    pub async fn delete(&self, name: &str) {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        self.request(Method::DELETE, &format!("{}/{name}", self.classes()), "application/json", &options)
            .await
            .unwrap();
    }

    /// Somebody deletes an object.
    pub async fn delete_object(&self, path: &str) {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        self.request(Method::DELETE, path, "application/json", &options).await.unwrap();
    }

    /// Lets a namespace go that was deleted: what else does this on a cluster isn't there.
    pub async fn finalize_namespace(&self, name: &str) {
        let path = format!("/api/v1/namespaces/{name}");
        let mut namespace = self.object(&path).await;
        namespace["spec"]["finalizers"] = json!([]);
        self.request(Method::PUT, &format!("{path}/finalize"), "application/json", &namespace).await.unwrap();
    }

    /// Waits until the class is as the probe wants; the class then.
    pub async fn class_where(&self, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("class {name}: {what}"), || async {
            match self.try_get(name).await {
                Ok(class) if is(&class) => Ok(class),
                Ok(class) => Err(format!("{class:#}")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// Watches the class for some seconds: the probe must hold all the time.
    pub async fn class_stays(&self, name: &str, what: &str, is: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        while start.elapsed() < CALM {
            let class = self.get(name).await;
            assert!(is(&class), "class {name} after {:?}: not {what}: {class:#}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Watches the program for some seconds: it must send no write, not even a dry run.
    pub async fn stays_quiet(&self) {
        let before = self.proxy.writes().len();
        let start = Instant::now();
        while start.elapsed() < CALM {
            let writes = self.proxy.writes();
            assert_eq!(writes.len(), before, "after {:?}: {:#?}", start.elapsed(), &writes[before..]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A proxy to the API server, and a kubeconfig of this name that leads to it.
async fn proxy_in(folder: &Path, name: &str, client: Client) -> (Proxy, PathBuf) {
    let proxy = Proxy::start(client).await;
    let kubeconfig = folder.join(name);
    write_kubeconfig(&kubeconfig, proxy.address);
    (proxy, kubeconfig)
}

/// Writes a kubeconfig that leads to a proxy.
pub fn write_kubeconfig(path: &Path, proxy: SocketAddr) {
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{proxy}")}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    std::fs::write(path, text.to_string()).unwrap();
}

pub fn path_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A default of this name, with a label, a description and a reference.
pub fn default(name: &str) -> Value {
    json!({
        "apiVersion": "classkeeper.dev/v1alpha1", "kind": "DefaultGatewayClass",
        "metadata": {"name": name, "labels": {"team": "edge"}, "annotations": {"example.com/note": "a"}},
        "spec": {
            "controllerName": "example.com/controller", "description": "first",
            "parametersRef": {"group": "example.com", "kind": "Parameters", "name": "edge", "namespace": "platform"},
        },
    })
}

/// A change of a default.
pub fn with(mut default: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    default.pointer_mut(parent).unwrap()[key] = value;
    default
}

/// A default without one of its fields.
pub fn without(mut default: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    default.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    default
}

/// A default that is kept in this way.
pub fn policy(default: Value, policy: &Value) -> Value {
    with(default, "/policy", policy.clone())
}

/// A scenario whose only class, `a`, is kept in this way and as wanted; the program that keeps it, and its name.
pub async fn kept(prefix: &str, how: &Value) -> (Scenario, Program, String) {
    let s = Scenario::new(prefix).await;
    let name = s.name("a");
    s.mount(&[policy(default(&name), how)]);
    let program = s.run().await;
    program.class_is(&name, "Unchanged").await;
    (s, program, name)
}

/// A plain class: what somebody else than classkeeper creates or applies.
pub fn class(name: &str, spec: &Value) -> Value {
    let mut class = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name}, "spec": {"controllerName": "example.com/controller"}});
    class["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    class
}

/// What a manager owns of a class by this operation, in the server's form; null if it has no entry.
pub fn owned(class: &Value, manager: &str, operation: &str) -> Value {
    let entries = class["metadata"]["managedFields"].as_array().unwrap();
    let mut found = entries.iter().filter(|entry| entry["manager"] == manager && entry["operation"] == operation);
    found.next().map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

/// The names of those who have an entry in a class's `managedFields`, sorted.
pub fn managers(class: &Value) -> Vec<&str> {
    let entries = class["metadata"]["managedFields"].as_array().unwrap();
    let mut names: Vec<_> = entries.iter().map(|entry| entry["manager"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// One unit of a class in a report.
pub fn unit<'a>(class: &'a Value, unit: &str) -> &'a Value {
    let units = class["units"].as_array().unwrap();
    units.iter().find(|found| found["unit"] == unit).unwrap_or_else(|| panic!("no {unit} in {class:#}"))
}
