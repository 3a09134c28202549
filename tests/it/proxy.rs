//! A reverse proxy on loopback between the program and the API server that records each request: what the contract
//! promises not to send is counted here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt;
use kube::Client;
use serde_json::Value;

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

/// A proxy that runs as long as its runtime.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Proxy {
    pub async fn start(client: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let router = Router::new().fallback(forward).with_state((client, Arc::clone(&requests)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, requests }
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

async fn forward(State((client, requests)): State<(Client, Arc<Mutex<Vec<Recorded>>>)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let index = {
        let mut requests = requests.lock().unwrap();
        requests.push(Recorded::new(&head, &body));
        requests.len() - 1
    };
    let response = match pass_on(&client, &head, &body).await {
        Ok(response) => response,
        Err(error) => Response::builder().status(502).body(Body::from(error.to_string())).unwrap(),
    };
    requests.lock().unwrap()[index].status = response.status().as_u16();
    response
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
