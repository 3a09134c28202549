//! A reverse proxy on loopback between the program and the API server that records each request: what the contract
//! promises not to send is counted here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use kube::Client;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// A request as the API server got it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub query: String,
    /// The body, if it is JSON.
    pub body: Value,
    /// The status of the answer; 0 before there is one.
    pub status: u16,
}

impl Recorded {
    /// A request that isn't answered yet.
    pub fn new(head: &http::request::Parts, body: &[u8]) -> Self {
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            status: 0,
        }
    }

    /// Whether the server did what was asked.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the request could change something on the server, or asks what a change would do.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

/// How late the program gets to know what the server did; its requests arrive at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lateness {
    /// Of the answers to writes.
    pub answers: Duration,
    /// Of what watches tell.
    pub events: Duration,
}

impl Lateness {
    /// As `CLASSKEEPER_LATE_ANSWERS` and `CLASSKEEPER_LATE_EVENTS` say, in milliseconds: a test, or the program, that
    /// counts on either being quick is red then every time, and not now and then.
    fn of_environment() -> Self {
        let milliseconds = |name| std::env::var(name).map_or(0, |value| value.parse().unwrap());
        let of = |name| Duration::from_millis(milliseconds(name));
        Self { answers: of("CLASSKEEPER_LATE_ANSWERS"), events: of("CLASSKEEPER_LATE_EVENTS") }
    }
}

/// A proxy that runs as long as its runtime.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    lateness: Arc<Mutex<Lateness>>,
}

impl Proxy {
    pub async fn start(client: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, lateness) = (Arc::default(), Arc::new(Mutex::new(Lateness::of_environment())));
        let proxy = Self { address, requests, lateness };
        let router = Router::new().fallback(forward).with_state((client, proxy.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    /// Lets the program know later, from now on; a watch that there is already stays as it is.
    pub fn tell_late(&self, lateness: Lateness) {
        *self.lateness.lock().unwrap() = lateness;
    }

    /// All requests so far, whatever they are about.
    pub fn all(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests so far that are about classes and what decides about them: all but Events, the Lease, and the looks
    /// at discovery.
    pub fn requests(&self) -> Vec<Recorded> {
        let is_beside = |request: &Recorded| {
            request.path.starts_with("/apis/events.k8s.io/")
                || request.path.starts_with("/apis/coordination.k8s.io/")
                || ["/apis", "/api"].contains(&&*request.path)
        };
        self.all().into_iter().filter(|request| !is_beside(request)).collect()
    }

    /// The requests so far that could have changed something.
    pub fn writes(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(Recorded::is_write).collect()
    }
}

async fn forward(State((client, proxy)): State<(Client, Proxy)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let recorded = Recorded::new(&head, &body);
    let (is_write, is_watch) = (recorded.is_write(), recorded.query.contains("watch=true"));
    let index = {
        let mut requests = proxy.requests.lock().unwrap();
        requests.push(recorded);
        requests.len() - 1
    };
    let response = match pass_on(&client, &head, &body).await {
        Ok(response) => response,
        Err(error) => Response::builder().status(502).body(Body::from(error.to_string())).unwrap(),
    };
    proxy.requests.lock().unwrap()[index].status = response.status().as_u16();
    let Lateness { answers, events } = *proxy.lateness.lock().unwrap();
    if is_write {
        sleep(answers).await;
    }
    if is_watch && !events.is_zero() { response.map(|body| late(body, events)) } else { response }
}

/// A body each part of which arrives this much later than it was sent.
fn late(body: Body, by: Duration) -> Body {
    let (sender, receiver) = mpsc::channel(1000);
    tokio::spawn(async move {
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            if sender.send((Instant::now() + by, part)).await.is_err() {
                break;
            }
        }
    });
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let (at, part) = receiver.recv().await?;
        sleep_until(at).await;
        Some((part, receiver))
    }))
}

/// Sends a request on to the API server, as its user; the answer.
pub async fn pass_on(client: &Client, head: &http::request::Parts, body: &[u8]) -> Result<Response, kube::Error> {
    let path = head.uri.path_and_query().unwrap().as_str();
    let mut onward = http::Request::builder().method(head.method.clone()).uri(path);
    for name in [http::header::CONTENT_TYPE, http::header::ACCEPT] {
        if let Some(value) = head.headers.get(&name) {
            onward = onward.header(name, value);
        }
    }
    let onward = onward.body(kube::client::Body::from(body.to_vec())).unwrap();
    client.send(onward).await.map(|response| response.map(Body::new))
}
