//! The program, run as a Pod runs it: with the container's arguments, the files of its ConfigMap, and the rights of its
//! ServiceAccount, or with all rights if it has none.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use control_plane::mount::{LinkOrder, swap};
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::{Cluster, account, eventually};

/// A started container. Killed when dropped.
pub struct Container {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    mount: TempDir,
}

fn args(container: &Value) -> Vec<&str> {
    container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect()
}

fn command(cluster: &Cluster, namespace: &str, pod: &Value) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
    command.env_remove("KUBECONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
    command.arg("--kubeconfig").arg(cluster.kubeconfig());
    if let Some(name) = pod["serviceAccountName"].as_str() {
        command.args(["--context", &account(namespace, name)]);
    }
    command
}

/// Runs the only container of a Pod that comes to an end.
pub async fn run_to_end(cluster: &Cluster, namespace: &str, pod: &Value) -> Output {
    let mut command = command(cluster, namespace, pod);
    command.args(args(&pod["containers"][0]));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

impl Container {
    /// Starts the controller of a Deployment's Pod, with these files mounted, and waits until it's ready.
    pub async fn start(cluster: &Cluster, namespace: &str, pod: &Value, files: &Value) -> Self {
        let mount = tempfile::tempdir().unwrap();
        let container = &pod["containers"][0];
        let path = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
        let directory = mount.path().join("defaults");
        fill(&mount, files);
        let mut command = command(cluster, namespace, pod);
        for arg in args(container) {
            // Ports of this machine are everybody's.
            command.arg(arg.replace(path, directory.to_str().unwrap()).replace("0.0.0.0:8443", "127.0.0.1:0"));
        }
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--namespace", namespace]);
        let environment = [("POD_NAME", "a-pod"), ("POD_NAMESPACE", namespace), ("POD_UID", "a-uid")];
        let wanted = container["env"].as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap());
        assert!(wanted.eq(environment.map(|(name, _)| name)), "{container:#}");
        let mut child = command.envs(environment).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn({
            let log = log.clone();
            move || lines.map_while(Result::ok).for_each(|line| log.lock().unwrap().push(line))
        });
        let started = Self { child, log, mount };
        let ready = || async { started.get("/readyz").filter(|answer| answer.starts_with("ok")).ok_or(started.log()) };
        eventually("the controller is ready", ready).await;
        started
    }

    /// Swaps the mount for these files, as kubelet does.
    pub fn mount(&self, files: &Value) {
        fill(&self.mount, files);
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Where it serves this.
    pub fn address(&self, what: &str) -> Option<String> {
        let (log, words) = (self.log(), format!("serving {what}"));
        let line = log.lines().find(|line| line.contains(&words))?;
        let digits = |c: char| !(c.is_ascii_digit() || c == '.' || c == ':');
        let address = &line[line.find("127.0.0.1:")?..];
        Some(address[..address.find(digits).unwrap_or(address.len())].to_owned())
    }

    /// GET on the public address: the body.
    pub fn get(&self, path: &str) -> Option<String> {
        let address = self.address("health and metrics")?;
        let mut stream = TcpStream::connect(&address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(mut self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        let child = Mutex::new(&mut self.child);
        let ended = || async {
            let status = child.lock().unwrap().try_wait().unwrap().ok_or("it runs")?;
            if status.success() { Ok(()) } else { Err(status.to_string()) }
        };
        eventually("the controller has ended", ended).await;
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fill(mount: &TempDir, files: &Value) {
    let file = |(name, content): (&String, &Value)| (name.clone(), content.as_str().unwrap().as_bytes().to_vec());
    let files: BTreeMap<_, _> = files.as_object().unwrap().iter().map(file).collect();
    swap(&mount.path().join("defaults"), &files, LinkOrder::AfterSwap).unwrap();
}
