//! The way between one program and the API server: a reverse proxy on loopback, plain HTTP in, TLS out. It records each
//! request, and does to one of them, or to one event of a watch, what the plan says.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use kube::Client;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::events::{Cut, Events};
use crate::fault::{AT_EVENTS, FOR_A_WHILE, Fault, Kind};
use crate::passing::Passing;
use crate::plan::Position;
use crate::proxy::{Recorded, pass_on};
use crate::recording::{Recording, Sent, Target};

/// A proxy that runs as long as its runtime.
#[derive(Clone)]
pub struct Wire {
    pub address: SocketAddr,
    line: Arc<Line>,
}

/// What requests and events pass.
pub struct Line {
    pub client: Client,
    /// What the names of the run's own objects begin with.
    pub prefix: String,
    state: Mutex<State>,
    /// Ends the watches of a target.
    pub cut: watch::Sender<Option<Cut>>,
    /// Tells that a fault struck which isn't the wire's business alone.
    strokes: mpsc::UnboundedSender<Fault>,
    /// Lets a request go on that waits for such a fault.
    pub proceed: Semaphore,
}

#[derive(Default)]
struct State {
    recording: Recording,
    armed: Option<Armed>,
    random: Option<AtRandom>,
    /// The program's process id.
    victim: u32,
    /// An older state of all classes, for whoever asks for a list next.
    view: Option<Value>,
    /// Where watches and their lists go.
    other: Option<Client>,
}

struct Armed {
    fault: Fault,
    position: Position,
    seen: u32,
    fired: u32,
    /// The version that is too old.
    gone: Option<String>,
}

/// What strikes without a plan.
struct AtRandom {
    rng: fastrand::Rng,
    of_1000: u32,
    fired: u32,
}

impl AtRandom {
    fn strikes(&mut self, kind: Kind) -> Option<Fault> {
        if self.rng.u32(0..1000) >= self.of_1000 {
            return None;
        }
        self.fired += 1;
        let faults = if kind == Kind::Event { &AT_EVENTS[..] } else { &FOR_A_WHILE[..] };
        // A minute's silence, seldom.
        let fault = faults[self.rng.usize(0..faults.len())];
        Some(if fault == Fault::Stall && self.rng.u32(0..4) > 0 { Fault::Cut } else { fault })
    }
}

/// A connection that ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends here")]
pub struct Broken;

impl Wire {
    /// A proxy, and where it tells of strokes.
    pub async fn start(client: Client, prefix: &str) -> (Self, mpsc::UnboundedReceiver<Fault>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (strokes, struck) = mpsc::unbounded_channel();
        let line = Arc::new(Line {
            client,
            prefix: prefix.to_owned(),
            state: Mutex::default(),
            cut: watch::channel(None).0,
            strokes,
            proceed: Semaphore::new(0),
        });
        let served = line.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let line = served.clone();
                let service = hyper::service::service_fn(move |request| answer(line.clone(), request));
                let connection = hyper::server::conn::http1::Builder::new();
                // A connection that was broken on purpose ends with an error.
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        (Self { address, line }, struck)
    }

    /// Says whom a SIGKILL hits.
    pub fn set_victim(&self, pid: u32) {
        self.line.state().victim = pid;
    }

    /// Prepares a fault. Requests and events are counted from now on.
    pub fn arm(&self, fault: Fault, position: Position) {
        self.line.state().armed = Some(Armed { fault, position, seen: 0, fired: 0, gone: None });
    }

    /// Strikes so many of a thousand requests and events, with any fault that is over by itself.
    pub fn strike_at_random(&self, seed: u64, of_1000: u32) {
        let mut state = self.line.state();
        let fired = state.random.as_ref().map_or(0, |random| random.fired);
        state.random = Some(AtRandom { rng: fastrand::Rng::with_seed(seed), of_1000, fired });
    }

    /// How often the fault struck.
    pub fn fired(&self) -> u32 {
        let state = self.line.state();
        let at_random = state.random.as_ref().map_or(0, |random| random.fired);
        state.armed.as_ref().map_or(at_random, |armed| armed.fired)
    }

    /// Ends the watches of a target, as a load balancer does now and then.
    pub fn cut(&self, target: Target) {
        self.line.cut.send_replace(Some(Cut::Of(target)));
    }

    /// Sends all watches and their lists to another server, from the next one on. They count as strokes of the fault.
    pub fn watch_at(&self, other: Client) {
        self.line.state().other = Some(other);
    }

    /// Ends all watches.
    pub fn cut_all(&self) {
        self.line.cut.send_replace(Some(Cut::All));
    }

    /// Ends all watches, and tells that none may go on where it was.
    pub fn cut_all_as_too_old(&self) {
        self.line.cut.send_replace(Some(Cut::AllAsTooOld));
    }

    /// Makes the next list of classes be this one, from an API server that is behind.
    pub fn be_behind(&self, list: Value) {
        self.line.state().view = Some(list);
    }

    /// Lets the request go on that waits for a fault of the server.
    pub fn proceed(&self) {
        self.line.proceed.add_permits(1);
    }

    /// What was sent so far.
    pub fn recording(&self) -> Recording {
        self.line.state().recording.clone()
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a request, or an event, with the version that it is to begin at; the fault that strikes it, if one does.
    pub fn strikes(&self, target: Option<Target>, kind: Kind, version: Option<&str>) -> Option<Fault> {
        let mut state = self.state();
        if let Some(random) = &mut state.random {
            return random.strikes(kind);
        }
        let armed = state.armed.as_mut()?;
        // What happens to the server happens at a request.
        let own = if armed.fault.kind() == Kind::Event { Kind::Event } else { Kind::Request };
        if Some(armed.position.target) != target || own != kind || armed.fault.comes_last() {
            return None;
        }
        if let Some(gone) = &armed.gone
            && version.is_some_and(|version| version == gone)
        {
            return Some(armed.fault);
        }
        armed.seen += 1;
        let struck = (armed.position.nth..armed.position.nth + armed.fault.times()).contains(&armed.seen);
        armed.fired += u32::from(struck);
        if struck && armed.fault == Fault::GoneStatus {
            // A list is asked for without one, or for any.
            armed.gone = version.filter(|version| *version != "0").map(str::to_owned);
        }
        struck.then_some(armed.fault)
    }

    pub fn kill(&self) {
        let victim = self.state().victim.to_string();
        assert!(Command::new("kill").args(["-s", "KILL", &victim]).status().unwrap().success());
        self.tell(Fault::KillBefore);
    }

    pub fn tell(&self, fault: Fault) {
        // Nobody listens once the run is over.
        let _ = self.strokes.send(fault);
    }

    /// The server that a watch or its list goes to.
    pub fn watched(&self) -> Client {
        let mut state = self.state();
        let Some(other) = state.other.clone() else { return self.client.clone() };
        if let Some(armed) = &mut state.armed {
            armed.fired += 1;
        }
        other
    }

    fn take_view(&self) -> Option<Value> {
        let mut state = self.state();
        let view = state.view.take()?;
        state.armed.as_mut()?.fired += 1;
        Some(view)
    }
}

async fn answer(line: Arc<Line>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let request = Recorded::new(&head, &body);
    let target = Target::of(&request);
    let version = request.query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
    let fault = line.strikes(target, Kind::Request, version);
    let index = {
        let mut state = line.state();
        state.recording.push(Sent { request, target, at: Instant::now(), fault });
        state.recording.len() - 1
    };
    let is_watch =
        target.filter(|target| target.is_watch() && head.uri.query().unwrap_or_default().contains("watch=true"));
    let passing = Passing { line: line.clone(), target, head, body };
    let answer = match (fault, is_watch) {
        (Some(fault), _) => passing.strike(fault).await,
        (None, Some(target)) => watching(&line, &passing.head, target).await,
        (None, None) => passing.pass_on().await,
    };
    if let Ok(answer) = &answer {
        line.state().recording[index].request.status = answer.status().as_u16();
    }
    answer
}

/// A watch, whose events pass one by one.
async fn watching(line: &Arc<Line>, head: &http::request::Parts, target: Target) -> Result<Response<Body>, Broken> {
    let is_list = head.uri.query().unwrap_or_default().contains("sendInitialEvents=true");
    let view = if is_list && target == Target::ClassWatch { line.take_view() } else { None };
    let Some(view) = view else {
        let (mut head, body) = pass_on(&line.watched(), head, &[]).await.map_err(|_| Broken)?.into_parts();
        head.headers.remove(http::header::TRANSFER_ENCODING);
        if !head.status.is_success() {
            return Ok(Response::from_parts(head, body));
        }
        return Ok(Response::from_parts(head, Events::new(line.clone(), target, body).into_body()));
    };
    let version = view["metadata"]["resourceVersion"].as_str().unwrap();
    let (mut onward, ()) = Request::new(()).into_parts();
    onward.uri =
        format!("{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}", head.uri.path()).parse().unwrap();
    let body = pass_on(&line.client, &onward, &[]).await.map_err(|_| Broken)?.into_body();
    let response = Response::builder().header(http::header::CONTENT_TYPE, "application/json");
    Ok(response.body(Events::behind(line.clone(), &view, body).into_body()).unwrap())
}
