//! A request on its way to the API server, and what is done to it or to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use serde_json::json;

use crate::fault::Fault;
use crate::proxy::pass_on;
use crate::recording::Target;
use crate::wire::{Broken, Line};

/// How late a late answer comes: within the program's deadline.
const LATE: Duration = Duration::from_secs(3);
/// The pieces in which a slow answer comes, and the time between two: together three times the program's deadline.
const PIECES: usize = 30;
const BETWEEN_PIECES: Duration = Duration::from_secs(1);

/// A request on its way.
pub struct Passing {
    pub line: Arc<Line>,
    pub target: Option<Target>,
    pub head: http::request::Parts,
    pub body: Bytes,
}

impl Passing {
    pub async fn pass_on(&self) -> Result<Response<Body>, Broken> {
        let is_watched = self.target.is_some_and(Target::is_watch);
        let client = if is_watched { self.line.watched() } else { self.line.client.clone() };
        pass_on(&client, &self.head, &self.body).await.map_err(|_| Broken)
    }

    /// Everything the server says, once it has done what it was asked.
    async fn done(&self) -> Result<(http::response::Parts, Bytes), Broken> {
        let (mut head, body) = self.pass_on().await?.into_parts();
        head.headers.remove(http::header::TRANSFER_ENCODING);
        Ok((head, body.collect().await.map_err(|_| Broken)?.to_bytes()))
    }

    /// What is done to it.
    pub async fn strike(&self, fault: Fault) -> Result<Response<Body>, Broken> {
        match fault {
            Fault::Status(code, retry_after) => Ok(refusal(code, retry_after)),
            Fault::Outage => Ok(refusal(503, None)),
            Fault::GoneStatus => Ok(refusal(410, None)),
            Fault::Reset => Err(Broken),
            Fault::Hang => std::future::pending().await,
            Fault::Html => Ok(page()),
            Fault::LostAnswer => {
                self.done().await?;
                Err(Broken)
            }
            Fault::HungAnswer => {
                self.done().await?;
                std::future::pending().await
            }
            Fault::KillBefore => {
                self.line.kill();
                Err(Broken)
            }
            Fault::KillAfter => {
                self.done().await?;
                self.line.kill();
                Err(Broken)
            }
            Fault::RestartApiserver | Fault::RestartEtcd | Fault::PauseEtcd | Fault::StopLeader => {
                self.line.tell(fault);
                self.line.proceed.acquire().await.map_err(|_| Broken)?.forget();
                self.pass_on().await
            }
            Fault::Truncated => {
                let (mut head, body) = self.done().await?;
                // The length is that of the whole.
                head.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
                let half = Ok(body.slice(..body.len() / 2));
                Ok(Response::from_parts(head, Body::from_stream(futures::stream::iter([half, Err(Broken)]))))
            }
            Fault::Garbled => {
                let (mut head, body) = self.done().await?;
                head.headers.remove(http::header::CONTENT_LENGTH);
                Ok(Response::from_parts(head, Body::from(body.slice(..body.len() / 2))))
            }
            Fault::SlowBody => {
                let (head, body) = self.done().await?;
                Ok(Response::from_parts(head, dripping(&body)))
            }
            Fault::LateAnswer => {
                let (head, body) = self.done().await?;
                tokio::time::sleep(LATE).await;
                Ok(Response::from_parts(head, Body::from(body)))
            }
            Fault::Cut
            | Fault::HalfEvent
            | Fault::Stall
            | Fault::HoldBack
            | Fault::GarbledEvent
            | Fault::GoneEvent
            | Fault::Behind
            | Fault::SecondServer
            | Fault::SecondServerGone => unreachable!("{fault} strikes no request"),
        }
    }
}

/// A body that comes in pieces, for longer than anybody waits.
fn dripping(body: &[u8]) -> Body {
    let pieces: Vec<_> = body.chunks(body.len() / PIECES + 1).map(Bytes::copy_from_slice).collect();
    Body::from_stream(futures::stream::unfold(pieces.into_iter(), |mut pieces| async {
        tokio::time::sleep(BETWEEN_PIECES).await;
        let piece = pieces.next()?;
        Some((Ok::<_, Infallible>(piece), pieces))
    }))
}

/// A refusal in the server's form.
fn refusal(code: u16, retry_after: Option<u32>) -> Response<Body> {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                        "message": "the fault rig says no", "reason": "ServiceUnavailable"});
    let mut response = Response::builder().status(code).header(http::header::CONTENT_TYPE, "application/json");
    if let Some(seconds) = retry_after {
        response = response.header(http::header::RETRY_AFTER, seconds);
        status["details"] = json!({"retryAfterSeconds": seconds});
    }
    if code == 410 {
        status["reason"] = json!("Expired");
    }
    response.body(Body::from(status.to_string())).unwrap()
}

/// What something between us and the server may answer instead of it.
fn page() -> Response<Body> {
    let response = Response::builder().header(http::header::CONTENT_TYPE, "text/html");
    response.body(Body::from("<!doctype html>\n<title>Sign in</title>\n<p>Sign in to go on.\n")).unwrap()
}
