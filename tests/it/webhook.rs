//! The admission webhook as its callers meet it: a configuration by which the real API server calls it, TLS as that
//! server speaks it, and the Secret and the mount that certificates come from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use classkeeper::admission::authority::Authority;
use classkeeper::admission::certificate::server_name;
use http::{Method, Request};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::program::Program;
use crate::scenario::{Scenario, eventually};

/// A file that `check` refuses.
pub const BAD: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: a}\nspec:\n  controlerName: example.com/c\n";
/// One that it takes.
pub const GOOD: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: a}\nspec:\n  controllerName: example.com/c\n";

/// What the API server answers to a request.
#[derive(Debug)]
pub struct Answered {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

/// A test's own webhook: its namespace, its configuration, and the program's arguments for it.
pub struct Webhook<'a> {
    pub s: &'a Scenario,
    pub namespace: String,
    pub configuration: String,
}

impl<'a> Webhook<'a> {
    pub async fn new(s: &'a Scenario) -> Self {
        Self { s, namespace: s.create_namespace().await, configuration: s.name("webhook") }
    }

    /// The program's arguments.
    pub fn args(&self) -> Vec<String> {
        let Self { namespace, configuration, .. } = self;
        let named = ["--webhook-listen=127.0.0.1:0", "--webhook-san=127.0.0.1"].map(str::to_owned);
        named
            .into_iter()
            .chain([format!("--webhook-config={configuration}"), format!("--namespace={namespace}")])
            .collect()
    }

    /// Starts the program, and has the API server call it.
    pub async fn run(&self) -> Program {
        let args = self.args();
        let program = self.s.run_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        self.configure(program.webhook().await).await;
        program
    }

    /// Has the API server call this address, for the namespace and the classes of this test alone. Fails open, as what is
    /// shipped does.
    pub async fn configure(&self, address: SocketAddr) {
        let object = self.configuration_for(address);
        let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        self.s.create(path, &object).await;
    }

    fn configuration_for(&self, address: SocketAddr) -> Value {
        let webhook = |resource: &str, group: &str, operations: Value| {
            json!({"name": format!("{resource}.classkeeper.dev"), "sideEffects": "None", "failurePolicy": "Ignore",
                "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
                "clientConfig": {"url": format!("https://{address}/validate/{resource}")},
                "rules": [{"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": operations}]})
        };
        let mut maps = webhook("configmaps", "", json!(["CREATE", "UPDATE"]));
        maps["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": self.namespace}});
        let mut classes = webhook("gatewayclasses", "gateway.networking.k8s.io", json!(["UPDATE", "DELETE"]));
        let expression = format!("request.name.startsWith('{}')", self.s.name(""));
        classes["matchConditions"] = json!([{"name": "own", "expression": expression}]);
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": self.configuration}, "webhooks": [maps, classes]})
    }

    pub fn configuration_path(&self) -> String {
        format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", self.configuration)
    }

    pub fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/classkeeper-webhook", self.namespace)
    }

    /// The Secret as it is now.
    pub async fn secret(&self) -> Secret {
        serde_json::from_value(self.s.object(&self.secret_path()).await).unwrap()
    }

    /// Somebody makes the Secret, or the test makes one that is near its end.
    pub async fn create_secret(&self, authority: &Authority, labels: Value) {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "classkeeper-webhook", "labels": labels}, "data": authority.data()});
        self.s.create(&format!("/api/v1/namespaces/{}/secrets", self.namespace), &object).await;
    }

    /// What each webhook of the configuration trusts; `None` where there is nothing.
    pub async fn bundles(&self) -> Vec<Option<Vec<u8>>> {
        let configuration = self.s.object(&self.configuration_path()).await;
        let webhooks = configuration["webhooks"].as_array().unwrap();
        let bundle = |webhook: &Value| {
            let bundle = &webhook["clientConfig"]["caBundle"];
            let bytes: Option<ByteString> = serde_json::from_value(bundle.clone()).unwrap();
            bytes.map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty())
        };
        webhooks.iter().map(bundle).collect()
    }

    /// Waits until every webhook trusts what the Secret holds.
    pub async fn is_trusted(&self) {
        eventually("the configuration has the Secret's authorities", || async {
            let secret = self.s.object(&self.secret_path()).await;
            let wanted: Option<ByteString> = serde_json::from_value(secret["data"]["ca.crt"].clone()).unwrap();
            let wanted = wanted.map(|bytes| bytes.0).ok_or("no Secret")?;
            let bundles = self.bundles().await;
            if bundles.iter().all(|bundle| bundle.as_ref() == Some(&wanted)) {
                Ok(())
            } else {
                Err(format!("{} webhooks with {bundles:?}", bundles.len()))
            }
        })
        .await;
    }

    /// Somebody tries to make a ConfigMap of defaults with this file; nothing is stored.
    pub async fn try_defaults(&self, text: &str) -> Answered {
        self.post_map("tried", text, &json!({"classkeeper.dev/defaults": "true"}), "?dryRun=All").await
    }

    /// Somebody makes a ConfigMap of this name, file and labels.
    pub async fn post_map(&self, name: &str, text: &str, labels: &Value, query: &str) -> Answered {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
            "data": {"10-edge.yaml": text}});
        self.send(
            Method::POST,
            &format!("/api/v1/namespaces/{}/configmaps{query}", self.namespace),
            "application/json",
            &map,
        )
        .await
    }

    /// Somebody changes a ConfigMap by a merge patch.
    pub async fn patch_map(&self, name: &str, patch: &Value) -> Answered {
        let path = format!("/api/v1/namespaces/{}/configmaps/{name}", self.namespace);
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Somebody changes a class by a merge patch, as `kubectl edit` does.
    pub async fn edit(&self, class: &str, patch: &Value, query: &str) -> Answered {
        let path =
            format!("/apis/gateway.networking.k8s.io/v1/gatewayclasses/{class}?fieldManager=kubectl-edit{query}");
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Sends a request to the API server; its answer with the warnings that came with it.
    pub async fn send(&self, method: Method, path: &str, media_type: &str, body: &Value) -> Answered {
        let request = Request::builder().method(method).uri(path).header("content-type", media_type);
        let request = request.body(Body::from(body.to_string().into_bytes())).unwrap();
        let answer = self.s.client.send(request).await.unwrap();
        let warnings = answer.headers().get_all("warning").iter();
        // `299 - "TEXT"`, with quotes and backslashes escaped.
        let text = |value: &str| {
            let quoted = value.split_once('"').unwrap().1;
            quoted.strip_suffix('"').unwrap().replace("\\\"", "\"")
        };
        let warnings = warnings.map(|value| text(value.to_str().unwrap())).collect();
        let code = answer.status().as_u16();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        Answered { code, body: serde_json::from_slice(&body).unwrap_or_default(), warnings }
    }

    /// Waits until the API server asks the webhook and is told no.
    pub async fn refuses(&self) {
        eventually("bad defaults are refused", || async {
            let answered = self.try_defaults(BAD).await;
            if answered.code == 422 { Ok(()) } else { Err(format!("{answered:?}")) }
        })
        .await;
    }
}

/// A connection to the webhook by somebody who trusts these authorities (PEM) and calls it 127.0.0.1.
pub async fn connect(address: SocketAddr, bundle: &[u8]) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    for block in pem::parse_many(bundle).unwrap() {
        roots.add(CertificateDer::from(block.into_contents())).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| error.to_string())
}

/// The certificate that a connection was greeted with.
pub fn certificate(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// Sends a request on a connection that is kept open; the code and the body of the answer.
pub async fn ask(stream: &mut TlsStream<TcpStream>, line: &str, media_type: &str, body: &[u8]) -> (u16, String) {
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nhost: webhook\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who is told "too large" may be told before all is sent.
    let _ = stream.write_all(body).await;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned());
            }
        }
        match stream.read(&mut buffer).await.unwrap() {
            0 => panic!("the connection ended after {text:?}"),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Certificates that were made this many days ago.
pub fn made_before(days: i64) -> Authority {
    Authority::new(&names(), days_ago(days)).unwrap()
}

pub fn days_ago(days: i64) -> k8s_openapi::jiff::Timestamp {
    let day = k8s_openapi::jiff::SignedDuration::from_hours(24);
    k8s_openapi::jiff::Timestamp::now() - day * i32::try_from(days).unwrap()
}

pub fn names() -> Vec<ServerName<'static>> {
    vec![server_name("127.0.0.1").unwrap()]
}

/// The label of a Secret that is the program's to write.
pub fn ours() -> Value {
    json!({"app.kubernetes.io/managed-by": "classkeeper"})
}

/// A directory for certificates, and the files of a Secret that is mounted there.
pub fn mount_files(authority: &Authority) -> (Vec<u8>, control_plane::mount::Files) {
    let mut data = authority.data();
    data.remove("ca.key");
    (authority.bundle(), data.into_iter().map(|(key, bytes)| (key, bytes.0)).collect())
}

/// An empty directory below a test's own.
pub fn directory(s: &Scenario) -> PathBuf {
    let directory = s.defaults.with_file_name("certificates");
    std::fs::create_dir(&directory).unwrap();
    directory
}
