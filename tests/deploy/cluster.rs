//! One control plane for all tests of this binary, whose users are the ServiceAccounts that are installed; and kubectl.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use control_plane::{Binaries, ControlPlane, Options, User};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::yaml;

/// How long to wait for what must come.
const LIMIT: Duration = Duration::from_secs(30);

/// The ServiceAccounts that programs run as: namespace and name.
const ACCOUNTS: [(&str, &str); 6] = [
    ("classkeeper", "classkeeper"),
    ("webhooked", "classkeeper"),
    ("edge3", "classkeeper-edge3"),
    ("edge3", "classkeeper-edge3-release"),
    ("edge4", "classkeeper-edge4"),
    ("edge4", "classkeeper-edge4-release"),
];

static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// A running API server, and kubectl. There is no controller manager and no kubelet: nothing runs but what a test runs.
pub struct Cluster {
    control_plane: ControlPlane,
    kubectl: PathBuf,
}

/// The name RBAC knows a ServiceAccount by.
pub fn account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// kubectl, built if need be.
pub async fn kubectl() -> PathBuf {
    let find = || Binaries::find_or_build().and_then(|binaries| binaries.kubectl());
    tokio::task::spawn_blocking(find).await.unwrap().unwrap()
}

/// The cluster of this process.
pub async fn cluster() -> &'static Cluster {
    SHARED.get_or_init(start).await
}

/// A cluster of a test's own.
pub async fn own_cluster() -> Cluster {
    start().await
}

async fn start() -> Cluster {
    let users = ACCOUNTS.map(|(namespace, name)| User {
        name: account(namespace, name),
        token: format!("token-of-{namespace}-{name}"),
        groups: vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
    });
    let options = Options { users: users.to_vec(), ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    let cluster = Cluster { control_plane, kubectl: kubectl().await };
    // The Prometheus operator's kinds, as far as a cluster without it must know them to store an object.
    let crds = [("servicemonitors", "ServiceMonitor"), ("prometheusrules", "PrometheusRule")].map(|(plural, kind)| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
            "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}})
    });
    cluster.apply(&crds, &[]).await.unwrap();
    cluster.run(&["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]).await.unwrap();
    cluster
}

impl Cluster {
    pub fn kubeconfig(&self) -> &Path {
        self.control_plane.kubeconfig()
    }

    async fn start_kubectl(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(args).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        child.wait_with_output().await.unwrap()
    }

    /// Runs kubectl; both channels of what it says.
    pub async fn run(&self, args: &[&str]) -> Result<String, String> {
        said(&self.start_kubectl(args, "").await)
    }

    /// Applies documents by server-side apply, with strict validation by the server; `further` arguments may say more.
    pub async fn apply(&self, documents: &[Value], further: &[&str]) -> Result<String, String> {
        let args = [&["apply", "--server-side", "--validate=strict", "-f", "-"], further].concat();
        said(&self.start_kubectl(&args, &yaml::write(documents)).await)
    }

    /// Creates an object.
    pub async fn create(&self, object: &Value) -> Result<String, String> {
        said(&self.start_kubectl(&["create", "--validate=strict", "-f", "-"], &object.to_string()).await)
    }

    /// An object; null if there is none.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Value {
        let args = [
            "get",
            kind,
            name,
            "--namespace",
            namespace,
            "--ignore-not-found",
            "--output=json",
            "--show-managed-fields",
        ];
        let text = self.run(&args).await.unwrap();
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// A namespace that enforces the restricted Pod security standard.
    pub async fn namespace(&self, name: &str) {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.apply(&[namespace], &[]).await.unwrap();
    }

    /// Creates a Pod of this template in a namespace that enforces the restricted standard, as a controller manager would.
    pub async fn create_pod(&self, namespace: &str, name: &str, template: &Value) -> Result<String, String> {
        let mut pod = template.clone();
        (pod["apiVersion"], pod["kind"]) = ("v1".into(), "Pod".into());
        (pod["metadata"]["name"], pod["metadata"]["namespace"]) = (name.into(), namespace.into());
        self.create(&pod).await
    }
}

/// What a program said, as success or failure.
pub fn said(output: &Output) -> Result<String, String> {
    let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// Waits for the thing itself. The last reason why it isn't there yet is told if it never comes.
pub async fn eventually<T, F: Future<Output = Result<T, String>>>(what: &str, probe: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > LIMIT => panic!("not within {LIMIT:?}: {what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
