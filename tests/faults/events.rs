//! The events of one watch on their way, and what is done to them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::fault::{Fault, Kind};
use crate::recording::Target;
use crate::wire::{Broken, Line};

/// How late an event is that is held back, and how long a server stays behind.
const HELD_BACK: Duration = Duration::from_secs(6);

/// The events of one watch.
pub struct Events {
    line: Arc<Line>,
    target: Target,
    from: Body,
    /// What came and isn't passed on yet.
    buffer: Vec<u8>,
    /// What is sent before anything that comes.
    first: Vec<Bytes>,
    /// How long to wait then.
    delay: Option<Duration>,
    cut: watch::Receiver<Option<Cut>>,
    end: Option<End>,
}

/// Which watches end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Those of a target.
    Of(Target),
    /// All.
    All,
    /// All, and none may go on where it was.
    AllAsTooOld,
}

#[derive(Clone, Copy)]
enum End {
    /// The stream ends in order.
    Closed,
    /// The connection breaks.
    Broken,
    /// Nothing comes any more.
    Silent,
}

impl Events {
    pub fn new(line: Arc<Line>, target: Target, from: Body) -> Self {
        let mut cut = line.cut.subscribe();
        cut.mark_unchanged();
        Self { line, target, from, buffer: Vec::new(), first: Vec::new(), delay: None, cut, end: None }
    }

    /// A list and a watch from a server that is behind and catches up later.
    pub fn behind(line: Arc<Line>, view: &Value, from: Body) -> Self {
        let added = view["items"].as_array().unwrap().iter().map(|class| json!({"type": "ADDED", "object": class}));
        let metadata = json!({"resourceVersion": view["metadata"]["resourceVersion"], "creationTimestamp": null,
                              "annotations": {"k8s.io/initial-events-end": "true"}});
        let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "GatewayClass",
                              "apiVersion": "gateway.networking.k8s.io/v1", "metadata": metadata, "spec": {}}});
        // The last comes first off.
        let mut first: Vec<_> = added.chain([bookmark]).map(|event| Bytes::from(format!("{event}\n"))).collect();
        first.reverse();
        Self { first, delay: Some(HELD_BACK), ..Self::new(line, Target::ClassWatch, from) }
    }

    pub fn into_body(self) -> Body {
        Body::from_stream(futures::stream::unfold(self, |mut events| async {
            let next = events.next().await?;
            Some((next, events))
        }))
    }

    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if let Some(first) = self.first.pop() {
            return Some(Ok(first));
        }
        loop {
            match self.end {
                Some(End::Closed) => return None,
                Some(End::Broken) => return Some(Err(Broken)),
                Some(End::Silent) => std::future::pending().await,
                None => {}
            }
            if let Some(delay) = self.delay.take() {
                tokio::time::sleep(delay).await;
            }
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let event: Vec<_> = self.buffer.drain(..=end).collect();
                if let Some(event) = self.pass(event).await {
                    return Some(Ok(event));
                }
                continue;
            }
            tokio::select! {
                Ok(()) = self.cut.changed() => {
                    let cut = *self.cut.borrow_and_update();
                    if cut == Some(Cut::Of(self.target)) || cut == Some(Cut::All) {
                        self.end = Some(End::Closed);
                    } else if cut == Some(Cut::AllAsTooOld) {
                        self.end = Some(End::Closed);
                        return Some(Ok(too_old()));
                    }
                }
                frame = self.from.frame() => match frame {
                    Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                    Some(Err(_)) => self.end = Some(End::Broken),
                    None => self.end = Some(End::Closed),
                },
            }
        }
    }

    /// What comes of one event, if anything.
    async fn pass(&mut self, event: Vec<u8>) -> Option<Bytes> {
        let fault = if self.is_own(&event) { self.line.strikes(Some(self.target), Kind::Event, None) } else { None };
        let Some(fault) = fault else { return Some(event.into()) };
        match fault {
            Fault::Cut => self.end = Some(End::Closed),
            Fault::Stall => self.end = Some(End::Silent),
            Fault::HalfEvent => {
                self.end = Some(End::Broken);
                return Some(Bytes::copy_from_slice(&event[..event.len() / 2]));
            }
            Fault::HoldBack => {
                tokio::time::sleep(HELD_BACK).await;
                return Some(event.into());
            }
            // A line that ends too early is stepped over by kube without a word, so that nobody can do anything about it;
            // but no server and no proxy ends lines.
            Fault::GarbledEvent => return Some(Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":<garbled>}\n")),
            Fault::GoneEvent => {
                self.end = Some(End::Closed);
                return Some(too_old());
            }
            other => unreachable!("{other} strikes no event"),
        }
        None
    }

    /// Whether an event is about the run's own objects.
    fn is_own(&self, event: &[u8]) -> bool {
        let event: Value = serde_json::from_slice(event).unwrap_or_default();
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
        let is_about_us = self.target == Target::CrdWatch || name.starts_with(&format!("{}-", self.line.prefix));
        event["type"] != "BOOKMARK" && is_about_us
    }
}

/// The event that tells that a watch can't go on where it was.
fn too_old() -> Bytes {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410});
    format!("{}\n", json!({"type": "ERROR", "object": status})).into()
}
