//! The program under test as a process: started, listened to, asked, stopped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::scenario::eventually;

/// The program's own binary, or another build of it that the environment names.
pub fn command() -> Command {
    let binary = std::env::var_os("CLASSKEEPER_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_classkeeper").into());
    let mut command = Command::new(binary);
    command.env_remove("KUBECONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end.
pub fn output(kubeconfig: Option<&Path>, args: &[&str]) -> Output {
    let mut command = command();
    if let Some(kubeconfig) = kubeconfig {
        command.arg("--kubeconfig").arg(kubeconfig);
    }
    command.args(args).output().unwrap()
}

/// A `run` of the program. Killed when dropped.
pub struct Program {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Program {
    /// Starts `run` on free ports, with these further arguments.
    pub fn start(kubeconfig: &Path, defaults: &Path, manager: &str, further: &[&str]) -> Self {
        Self::start_in(&[], kubeconfig, defaults, manager, further)
    }

    /// Starts it with these environment variables.
    pub fn start_in(
        environment: &[(&str, &str)],
        kubeconfig: &Path,
        defaults: &Path,
        manager: &str,
        further: &[&str],
    ) -> Self {
        let directory = ["--defaults", crate::scenario::path_str(defaults)];
        Self::start_with(environment, kubeconfig, manager, &[&directory, further].concat())
    }

    /// Starts it with these arguments alone, which say where the defaults are.
    pub fn start_with(environment: &[(&str, &str)], kubeconfig: &Path, manager: &str, args: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", environment, kubeconfig, manager, args)
    }

    /// Starts it with this admin address.
    pub fn start_on(
        admin: &str,
        environment: &[(&str, &str)],
        kubeconfig: &Path,
        manager: &str,
        args: &[&str],
    ) -> Self {
        let mut child = command()
            .envs(environment.iter().copied())
            .args(["--log-format", "json", "-v", "--kubeconfig"])
            .arg(kubeconfig)
            .args(["run", "--listen", "127.0.0.1:0", "--admin-listen", admin, "--field-manager", manager])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<Vec<Value>>>::default();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn({
            let log = log.clone();
            move || {
                for line in lines.map_while(Result::ok) {
                    let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    log.lock().unwrap().push(line);
                }
            }
        });
        Self { child, log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All log lines so far.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The log lines so far with this message.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["message"] == message).collect()
    }

    async fn address(&self, what: &str) -> SocketAddr {
        let message = format!("serving {what}");
        eventually(&message, || async {
            let line = self.logged(&message).pop().ok_or_else(|| format!("{:#?}", self.log()))?;
            line["address"].as_str().unwrap().parse().map_err(|error| format!("{error}"))
        })
        .await
    }

    /// Where the webhook is served.
    pub async fn webhook(&self) -> SocketAddr {
        self.address("admission").await
    }

    /// Sends a GET to the public address: the status code and the body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(self.address("health and metrics").await, path).await
    }

    /// Sends a GET to the admin address.
    pub async fn get_admin(&self, path: &str) -> (u16, String) {
        get(self.address("status").await, path).await
    }

    /// Where the page and the status are served.
    pub async fn admin(&self) -> SocketAddr {
        self.address("status").await
    }

    /// Sends a request without a body to the admin address, with these lines of a head and no `Host` but theirs.
    pub async fn ask_admin(&self, method: &str, path: &str, head: &[&str]) -> Answer {
        ask(self.admin().await, method, path, head).await.unwrap()
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&self) {
        eventually("the program is ready", || async {
            match self.get("/readyz").await {
                (200, _) => Ok(()),
                other => Err(format!("{other:?}, {:#?}", self.log())),
            }
        })
        .await;
    }

    pub async fn status(&self) -> Value {
        self.address("status").await;
        self.try_status().await.unwrap()
    }

    /// The same; `None` if it can't be had now.
    pub async fn try_status(&self) -> Option<Value> {
        let line = self.logged("serving status").pop()?;
        let answer = try_get(line["address"].as_str()?.parse().ok()?, "/status").await.ok()?;
        serde_json::from_str(&answer.1).ok()
    }

    /// A class's part of `/status`.
    pub async fn class(&self, name: &str) -> Value {
        let status = self.status().await;
        let classes = status["classes"].as_array().unwrap();
        classes.iter().find(|class| class["name"] == name).cloned().unwrap_or_default()
    }

    /// Waits until a class's part of `/status` is as the probe wants; that part then.
    pub async fn class_where(&self, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("/status of {name}: {what}"), || async {
            let class = self.class(name).await;
            if is(&class) { Ok(class) } else { Err(format!("{class:#}")) }
        })
        .await
    }

    /// Waits until a class is reported with this outcome; its part of `/status` then.
    pub async fn class_is(&self, name: &str, outcome: &str) -> Value {
        self.class_where(name, outcome, |class| class["outcome"] == outcome).await
    }

    /// The value of a metric without labels, or with these.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find(|line| line.split_once(' ').is_some_and(|(key, _)| key == name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).split_once(' ').unwrap().1.parse().unwrap()
    }

    /// Ends it without a chance to say goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    pub async fn stop(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program did not end within 10 s of SIG{signal}: {:#?}", self.log());
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    try_get(address, path).await.unwrap()
}

async fn try_get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let Answer { status, head: _, body } = ask(address, "GET", path, &[&format!("Host: {address}")]).await?;
    Ok((status, body))
}

/// An answer, as it came.
pub struct Answer {
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, head: &[&str]) -> std::io::Result<Answer> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("{method} {path} HTTP/1.0");
    stream.write_all([&[&*request], head, &["", ""]].concat().join("\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
