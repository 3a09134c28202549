//! The demo: a real API server, the defaults of `defaults.d`, and what happens to them when users and files change.
//!
//! It builds and runs classkeeper's own binary, as a user would, and ends by itself with `--once` or where there is no
//! terminal.

#![expect(clippy::print_stdout, reason = "the demo talks to the person who started it")]

use std::collections::BTreeMap;
use std::future::Future;
use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use control_plane::mount::{Files, LinkOrder, swap};
use control_plane::{ControlPlane, Options};
use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};

const CLASSES: &str = "/apis/gateway.networking.k8s.io/v1/gatewayclasses";
/// The class that the demo edits; one of `defaults.d`.
const CLASS: &str = "kgateway";
const LIMIT: Duration = Duration::from_secs(20);

/// Shows classkeeper at work on a real API server on this machine.
#[derive(Parser)]
struct Args {
    /// End after the show instead of waiting for Ctrl-C
    #[arg(long)]
    once: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Args { once } = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace has a root")?;
    println!("1. A control plane: a real kube-apiserver and etcd on loopback, with the Gateway API's CRDs.");
    let control_plane = ControlPlane::start(Options::default()).await?;
    let show = Show { client: control_plane.client().await? };

    println!("2. classkeeper, with defaults.d as a mounted ConfigMap.");
    let classkeeper = build(root)?;
    let folder = tempfile::tempdir()?;
    let mount = folder.path().join("defaults");
    let mut files = read(&root.join("defaults.d"))?;
    swap(&mount, &files, LinkOrder::AfterSwap)?;
    let port = free_port()?;
    let log = folder.path().join("classkeeper.log");
    let mut running = Running(
        Command::new(&classkeeper)
            .arg("--kubeconfig")
            .arg(control_plane.kubeconfig())
            .args(["run", "--listen", "", "--admin-listen", &format!("127.0.0.1:{port}"), "--defaults"])
            .arg(&mount)
            .stderr(std::fs::File::create(&log)?)
            .stdin(Stdio::null())
            .spawn()
            .context("can't start classkeeper")?,
    );
    let result = tell(&show, &mount, &mut files).await;
    if let Err(error) = result {
        bail!("{error:#}\nclasskeeper said:\n{}", std::fs::read_to_string(&log)?);
    }

    if once || !std::io::stdin().is_terminal() {
        running.end()?;
        control_plane.stop().await?;
        return Ok(());
    }
    println!("\nIt keeps running. Try it, in another terminal:");
    println!("  export KUBECONFIG={}", control_plane.kubeconfig().display());
    println!("  kubectl get gatewayclasses");
    println!("  kubectl annotate gatewayclass {CLASS} classkeeper.dev/reconcile=disabled");
    println!("  {} diff defaults.d", classkeeper.display());
    println!("  curl http://127.0.0.1:{port}/status");
    println!("Ctrl-C ends everything.");
    tokio::signal::ctrl_c().await?;
    running.end()?;
    control_plane.stop().await?;
    Ok(())
}

/// The scenes.
async fn tell(show: &Show, mount: &Path, files: &mut Files) -> Result<()> {
    let names: Vec<_> = files.values().flat_map(|content| class_names(content)).collect();
    ensure!(names.iter().any(|name| name == CLASS), "defaults.d has the class {CLASS}");
    for name in &names {
        let class = show.until(name, "is there", |class| !class.is_null()).await?.0;
        println!("   {name:<20} {}", class["spec"]["controllerName"].as_str().unwrap_or_default());
    }

    println!("3. A user edits a description (kubectl edit). It stays theirs.");
    show.patch(CLASS, "kubectl-edit", &json!({"spec": {"description": "Mine, says the user"}})).await?;
    show.stays(CLASS, |class| class["spec"]["description"] == "Mine, says the user").await?;
    println!("   {CLASS}: description {:?}, unchanged for 2 s", "Mine, says the user");

    println!("4. The platform team adds a label; the mount is swapped as kubelet does it. No restart.");
    let (key, content) = files
        .iter_mut()
        .find(|(_, content)| class_names(content).iter().any(|name| name == CLASS))
        .context("a file has the class")?;
    let text = String::from_utf8(content.clone())?;
    let labelled =
        text.replacen(&format!("name: {CLASS}\n"), &format!("name: {CLASS}\n  labels:\n    demo: reloaded\n"), 1);
    *content = labelled.into_bytes();
    let key = key.clone();
    swap(mount, files, LinkOrder::AfterSwap)?;
    let (class, took) =
        show.until(CLASS, "has the label", |class| class["metadata"]["labels"]["demo"] == "reloaded").await?;
    println!("   {key}: label demo=reloaded is on the class after {} ms,", took.as_millis());
    println!("   beside the user's description {}", class["spec"]["description"]);

    println!("5. Somebody deletes the class. It comes back.");
    let uid = class["metadata"]["uid"].clone();
    show.delete(CLASS).await?;
    let (class, took) =
        show.until(CLASS, "is back", |class| !class.is_null() && class["metadata"]["uid"] != uid).await?;
    println!(
        "   {CLASS}: created again after {} ms, with the default's description {}",
        took.as_millis(),
        class["spec"]["description"]
    );
    Ok(())
}

/// A look at the cluster, as any client has it.
struct Show {
    client: Client,
}

impl Show {
    async fn request(&self, method: Method, path: &str, media_type: &str, body: &Value) -> kube::Result<Value> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("content-type", media_type).body(body);
        self.client.request(request.map_err(kube::Error::HttpError)?).await
    }

    async fn get(&self, name: &str) -> Result<Value> {
        match self.request(Method::GET, &format!("{CLASSES}/{name}"), "application/json", &Value::Null).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
            result => result.context("can't read the class"),
        }
    }

    async fn patch(&self, name: &str, manager: &str, patch: &Value) -> Result<()> {
        let path = format!("{CLASSES}/{name}?fieldManager={manager}");
        self.request(Method::PATCH, &path, "application/merge-patch+json", patch).await?;
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.request(Method::DELETE, &format!("{CLASSES}/{name}"), "application/json", &Value::Null).await?;
        Ok(())
    }

    /// Waits until the class is so; the class, and how long it took.
    async fn until(&self, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Result<(Value, Duration)> {
        let start = Instant::now();
        loop {
            let class = self.get(name).await?;
            if is(&class) {
                return Ok((class, start.elapsed()));
            }
            ensure!(start.elapsed() < LIMIT, "not within {LIMIT:?}: class {name} {what}: {class:#}");
            pause().await;
        }
    }

    async fn stays(&self, name: &str, is: impl Fn(&Value) -> bool) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let class = self.get(name).await?;
            ensure!(is(&class), "class {name} changed: {class:#}");
            pause().await;
        }
        Ok(())
    }
}

fn pause() -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_millis(2))
}

/// classkeeper's process; ended with the demo.
struct Running(Child);

impl Running {
    /// Ends it as a cluster does, and tells how it ended.
    fn end(&mut self) -> Result<()> {
        let status = Command::new("kill").arg(self.0.id().to_string()).status()?;
        ensure!(status.success(), "classkeeper had ended before");
        let status = self.0.wait()?;
        ensure!(status.success(), "classkeeper ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ends what an error left behind; after `end` both do nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds classkeeper and tells where its binary is.
fn build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--quiet", "--package", "classkeeper", "--bin", "classkeeper"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo")?;
    ensure!(output.status.success(), "classkeeper doesn't build");
    let messages =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().context("cargo names no binary")
}

/// The files of a directory, as the keys of a ConfigMap.
fn read(directory: &Path) -> Result<Files> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).with_context(|| format!("can't read {}", directory.display()))? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
    }
    Ok(files)
}

/// The class names in a defaults file, in order: the first `name` of each document's metadata.
fn class_names(content: &[u8]) -> Vec<String> {
    let documents = serde_saphyr::from_slice_multiple::<Value>(content).unwrap_or_default();
    documents.iter().filter_map(|document| document["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
