//! Prints what classkeeper costs, beside the budgets it keeps to: `cargo bench --bench figures`.
//!
//! It runs the optimized program against a real API server. The figures belong to the machine and to what else runs on
//! it, so nothing here fails: read them, and compare them within one run.

#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use control_plane::mount::{Files, LinkOrder, swap};
use control_plane::{ControlPlane, Options};
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};

const CLASSES: usize = 10;
const EDITS: usize = 20;
const LIMIT: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    // `cargo test --benches` asks for a run without measuring.
    if std::env::args().any(|arg| arg == "--test") {
        return Ok(());
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default()).await?;
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "GatewayClass");
    let classes: Api<DynamicObject> = Api::all_with(control_plane.client().await?, &ApiResource::from_gvk(&kind));
    let folder = tempfile::tempdir()?;
    let defaults = folder.path().join("defaults");
    swap(&defaults, &files("first"), LinkOrder::AfterSwap)?;

    // Once to create the classes; then the start that is measured finds everything in place.
    drop(Running::start(control_plane.kubeconfig(), &defaults)?.0);
    let (running, ready) = Running::start(control_plane.kubeconfig(), &defaults)?;

    let mut edits = Vec::new();
    for edit in 0..EDITS {
        let description = format!("edit {edit}");
        let content = files(&description);
        swap(&defaults, &content, LinkOrder::AfterSwap)?;
        let start = Instant::now();
        while classes.get("bench-0").await?.data["spec"]["description"] != description {
            if start.elapsed() > LIMIT {
                bail!("the edit did not arrive within {LIMIT:?}");
            }
        }
        edits.push(start.elapsed());
    }
    edits.sort();
    // Memory that the edits took is given back, or not; both are what idle looks like.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory = running.memory()?;
    println!("| figure, with {CLASSES} classes | measured | budget |");
    println!("|---|---|---|");
    println!("| start to ready on a running API server | {} ms | 500 ms |", ready.as_millis());
    let (median, worst) = (edits[EDITS / 2].as_millis(), edits[EDITS - 1].as_millis());
    println!("| rename of ..data to the class changed in the API, median of {EDITS} | {median} ms | 50 ms |");
    println!("| the same, the slowest | {worst} ms | 50 ms |");
    println!("| resident memory at rest (VmRSS) | {:.1} MiB | 20 MiB |", mib(memory["VmRSS"]));
    println!("| of that anonymous (RssAnon) | {:.1} MiB | |", mib(memory["RssAnon"]));
    let size = fs::metadata(env!("CARGO_BIN_EXE_classkeeper"))?.len();
    #[expect(clippy::cast_precision_loss, reason = "a file's size")]
    let size = size as f64 / f64::from(1 << 20);
    println!("| size of the binary | {size:.1} MiB | 12 MiB |");
    drop(running);
    control_plane.stop().await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "KiB of one process")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn files(first: &str) -> Files {
    let document = |index: usize| {
        let description = if index == 0 { first } else { "first" };
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: bench-{index}\n  labels:\n    \
             bench: \"1\"\nspec:\n  controllerName: example.com/bench\n  description: {description}\n"
        )
    };
    let content: Vec<_> = (0..CLASSES).map(document).collect();
    BTreeMap::from([("classes.yaml".to_owned(), content.join("---\n").into_bytes())])
}

/// The program, ended when dropped.
struct Running(Child);

impl Running {
    /// Starts it; how long it took until `/readyz` said so.
    fn start(kubeconfig: &Path, defaults: &Path) -> Result<(Self, Duration)> {
        let address: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let start = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_classkeeper"))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["run", "--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0", "--defaults"])
            .arg(defaults)
            .stderr(Stdio::null())
            .spawn()?;
        let running = Self(child);
        while !is_ready(address) {
            if start.elapsed() > LIMIT {
                bail!("not ready within {LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok((running, start.elapsed()))
    }

    /// The figures of `/proc/PID/status`, in KiB.
    fn memory(&self) -> Result<BTreeMap<String, u64>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let figure = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().strip_suffix(" kB")?.parse().ok()?))
        };
        let figures: BTreeMap<_, _> = status.lines().filter_map(figure).collect();
        figures.get("VmRSS").and(figures.get("RssAnon")).context("the system tells no figures")?;
        Ok(figures)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
}
