//! Commands in a terminal of 80 columns, by util-linux' `script`: what is shown while they work, and how reports fit.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::scenario::{Scenario, default, eventually, path_str, with};

/// To the beginning of the line, and clear it.
const WIPE: &str = "\r\u{1b}[2K";
/// How many classes the tests on progress have.
const CLASSES: usize = 40;

/// A terminal with a command in it.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    /// Runs the program there, with these variables.
    fn start(kubeconfig: &Path, environment: &[(&str, &str)], args: &[&str]) -> Self {
        let words = [env!("CARGO_BIN_EXE_classkeeper"), "--kubeconfig", path_str(kubeconfig)];
        let words: Vec<_> = words.iter().chain(args).map(|word| format!("'{word}'")).collect();
        let line = format!("stty cols 80 rows 24; exec {}", words.join(" "));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
        for variable in ["CI", "NO_COLOR", "RUST_LOG", "KUBECONFIG"] {
            script.env_remove(variable);
        }
        let mut child = script.env("TERM", "xterm").envs(environment.iter().copied()).spawn().unwrap();
        let (mut out, shown) = (child.stdout.take().unwrap(), Arc::<Mutex<String>>::default());
        std::thread::spawn({
            let shown = shown.clone();
            move || {
                let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
                while let Ok(length @ 1..) = out.read(&mut piece) {
                    seen.extend_from_slice(&piece[..length]);
                    *shown.lock().unwrap() = String::from_utf8_lossy(&seen).into_owned();
                }
            }
        });
        Self { child, shown }
    }

    /// Everything that was written so far.
    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for the command's end: its exit status, and everything that was written.
    async fn end(mut self) -> (Option<i32>, String) {
        let status = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        let status = status.await.unwrap().code();
        // What was written last is read by a thread of its own.
        let whole = eventually("the end is read", || async {
            let shown = self.shown.lock().unwrap().clone();
            if Arc::strong_count(&self.shown) == 1 { Ok(shown) } else { Err(shown) }
        });
        (status, whole.await)
    }
}

/// A way to the API server on which writes wait at a gate.
#[derive(Clone)]
struct Gated {
    inner: Client,
    gate: Arc<Semaphore>,
}

impl tower::Service<Request<Body>> for Gated {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, kube::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { inner, gate } = self.clone();
        Box::pin(async move {
            if request.method() == Method::PATCH {
                gate.acquire().await.unwrap().forget();
            }
            inner.send(request).await
        })
    }
}

/// Many classes, and the gate before their writes.
async fn gated(prefix: &str) -> (Scenario, Arc<Semaphore>) {
    let inner = control_plane::shared().await.unwrap().client().await.unwrap();
    let gate = Arc::new(Semaphore::new(3));
    let s = Scenario::on(prefix, Client::new(Gated { inner, gate: gate.clone() }, "default")).await;
    let defaults: Vec<_> = (0..CLASSES).map(|number| default(&s.name(&format!("{number:02}")))).collect();
    s.mount(&defaults);
    (s, gate)
}

/// What stands on the terminal in the end: a line that was wiped doesn't.
fn screen(shown: &str) -> String {
    let lines = shown.split('\n').map(|line| line.rsplit(WIPE).next().unwrap_or_default().trim_end_matches('\r'));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_terminal_shows_how_far_an_apply_is_and_is_clean_in_the_end() {
    let (s, gate) = gated("tty-progress").await;
    let manager = s.manager();
    // With what is logged beside it: neither may stand on the other's line.
    let args = ["-vvv", "apply", s.defaults_arg(), "--field-manager", &manager];
    let terminal = Terminal::start(&s.kubeconfig, &[], &args);
    eventually("three of them are done", || async {
        let shown = terminal.shown();
        if shown.contains("applying 3 of 40 classes…") { Ok(()) } else { Err(shown) }
    })
    .await;
    gate.add_permits(CLASSES);
    let (status, shown) = terminal.end().await;
    assert_eq!(status, Some(0), "{shown}");
    for (index, _) in shown.match_indices('…') {
        let after = &shown[index + '…'.len_utf8()..];
        assert!(
            after.starts_with(WIPE),
            "something stands on the line of progress: {:?}",
            &after[..after.len().min(80)]
        );
    }
    let screen = screen(&shown);
    assert!(screen.contains("40 Created") && screen.contains("TRACE"), "{screen}");
    assert!(!screen.contains("applying"), "{screen}");
}

#[tokio::test]
async fn without_a_terminal_or_in_a_pipeline_nothing_is_said_of_progress() {
    let (s, gate) = gated("tty-silent").await;
    gate.add_permits(10 * CLASSES);
    let manager = s.manager();
    let apply = ["apply", s.defaults_arg(), "--field-manager", &manager];
    let piped = s.command(&apply).await;
    assert_eq!((piped.status.code(), String::from_utf8_lossy(&piped.stderr).as_ref()), (Some(0), ""));
    for environment in [("CI", "true"), ("TERM", "dumb")] {
        let text = format!("{}-{}", environment.0, environment.1);
        let changed: Vec<_> = (0..CLASSES)
            .map(|number| with(default(&s.name(&format!("{number:02}"))), "/spec/description", json!(text)))
            .collect();
        s.mount(&changed);
        gate.forget_permits(gate.available_permits());
        let terminal = Terminal::start(&s.kubeconfig, &[environment], &apply);
        // The writes wait for longer than it takes until a line would be there.
        let start = Instant::now();
        eventually("it waits", || async {
            if start.elapsed() > Duration::from_secs(1) { Ok(()) } else { Err("not yet") }
        })
        .await;
        gate.add_permits(CLASSES);
        let (status, shown) = terminal.end().await;
        assert_eq!(status, Some(0), "{shown}");
        assert!(!shown.contains('…') && !shown.contains(WIPE), "{environment:?}: {shown}");
        assert!(shown.contains("40 Configured"), "{shown}");
    }
}

#[tokio::test]
async fn a_report_fits_the_terminal_and_a_pipe_has_whole_lines() {
    let s = Scenario::new("tty-report").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[with(default(&name), "/spec/description", json!("x".repeat(20) + " — größer — " + &"y".repeat(20)))]);
    let diff = ["diff", s.defaults_arg(), "--field-manager", &manager];
    let (status, shown) = Terminal::start(&s.kubeconfig, &[], &diff).end().await;
    assert_eq!(status, Some(1), "{shown}");
    assert!(shown.contains("\u{1b}[32mSet"), "a terminal has colours: {shown:?}");
    let plain = colourless(&screen(&shown));
    let longest = plain.lines().map(|line| line.trim_end_matches('\r').chars().count()).max();
    assert!(longest.unwrap() <= 80, "{plain}");
    assert!(plain.contains("{group: \"example.com\", kind: \"Parameters\",\n                  name:"), "{plain}");
    let (_, plain) = Terminal::start(&s.kubeconfig, &[("NO_COLOR", "1")], &diff).end().await;
    assert!(!plain.contains("\u{1b}[3"), "{plain:?}");
    let piped = s.command(&diff).await;
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(
        piped.contains("{group: \"example.com\", kind: \"Parameters\", name: \"edge\", namespace: \"platform\"}"),
        "{piped}"
    );
}

/// A text without its escape sequences for colours.
fn colourless(text: &str) -> String {
    let mut plain = String::new();
    let mut pieces = text.split('\u{1b}');
    plain += pieces.next().unwrap_or_default();
    for piece in pieces {
        plain += piece.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain
}
