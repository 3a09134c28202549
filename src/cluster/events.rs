//! Events: what happened to a class or to the defaults, told by `events.k8s.io` on the object that it happened to.
//!
//! They wait in a queue with a bound and are sent one by one, behind the writes: an Event that is late or lost costs
//! nobody anything. kube's recorder isn't used, because it has neither a deadline nor a bound for what it remembers.

mod happening;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::api::{ServedVersion, call, percent_encode};
use super::backoff::Backoff;
use super::connect::Pod;
use super::error::ApiError;
use super::journal::{Journal, Subject, What};
use crate::engine::outcome::Reason;
use crate::metrics::Metrics;

pub use self::happening::Happening;

/// Events that wait; what comes beyond is counted and dropped.
const WAITING_AT_MOST: usize = 16 * 1024;
/// The same thing about the same object, in the same words, within this time is one Event with a count (as client-go's
/// series). The server takes no other words for an Event that is there.
const SERIES: Duration = Duration::from_mins(6);
/// Events that are remembered for that.
const REMEMBERED_AT_MOST: usize = 1024;
/// The API's limit for a note, in bytes.
const NOTE_AT_MOST: usize = 1024;
/// Tries for one Event, and the time between the first two.
const TRIES: usize = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Who tells them.
const CONTROLLER: &str = "classkeeper.dev/controller";

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Regarding {
    /// A class.
    Class {
        /// Its name.
        name: Arc<str>,
        /// Its uid.
        uid: Box<str>,
        /// The version we know it in.
        version: ServedVersion,
    },
    /// The Pod that this is.
    Pod(Pod),
    /// A ConfigMap.
    ConfigMap {
        /// Its namespace.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// Its uid, by which `kubectl describe` finds its Events.
        uid: Arc<str>,
    },
}

/// An Event to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// What happened.
    pub what: Happening,
    /// To what.
    pub regarding: Regarding,
    /// More, for people: names of units, never values.
    pub note: String,
}

/// Where Events are given to, and what goes into the journal. Never waits.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Told>,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
}

/// Sends Events.
pub struct PublishEvents {
    client: Client,
    /// Which replica tells them.
    instance: String,
    told: mpsc::Receiver<Told>,
    metrics: Arc<Metrics>,
}

/// Events on their way: where to give them to, and who sends them.
#[must_use]
pub fn channel(
    client: Client,
    instance: String,
    journal: Arc<Journal>,
    metrics: &Arc<Metrics>,
) -> (Events, PublishEvents) {
    let (sender, told) = mpsc::channel(WAITING_AT_MOST);
    let publisher = PublishEvents { client, instance, told, metrics: metrics.clone() };
    (Events { sender, journal, metrics: metrics.clone() }, publisher)
}

impl Events {
    /// Notes in the journal what happened, whether or not there is an object that an Event of it could stand on.
    pub fn note(&self, subject: Subject, what: What, note: &str) {
        self.journal.note(subject, what, note);
    }

    /// Tells that something happened.
    pub fn tell(&self, told: Told) {
        if self.sender.try_send(told).is_err() {
            self.metrics.count_dropped_event();
        }
    }
}

impl PublishEvents {
    /// Sends what is told until nobody can tell anything any more.
    pub async fn run(self) {
        let Self { client, instance, mut told, metrics } = self;
        let mut recent = Recent::default();
        while let Some(event) = told.recv().await {
            // The same for each try: one that was answered too late isn't told twice.
            let name = name(&event.regarding);
            let mut backoff = Backoff::new(BETWEEN_TRIES);
            for attempt in 1..=TRIES {
                let error = match send(&client, &instance, &event, &name, &mut recent).await {
                    Ok(()) => break,
                    Err(error) => error,
                };
                let is_final = !matches!(error, ApiError::Unavailable { .. }) || attempt == TRIES;
                if is_final {
                    warn!(%error, reason = event.what.as_str(), "an Event can't be sent");
                    metrics.count_dropped_event();
                    break;
                }
                debug!(%error, "an Event can't be sent yet");
                tokio::time::sleep(backoff.after(&error)).await;
            }
        }
    }
}

/// The Events that were sent lately, to count up rather than to repeat.
#[derive(Debug, Default)]
struct Recent(HashMap<Told, Series>);

#[derive(Debug)]
struct Series {
    name: String,
    count: u32,
    last: Instant,
}

impl Recent {
    fn get(&mut self, event: &Told, now: Instant) -> Option<&mut Series> {
        let series = self.0.get_mut(event)?;
        (now.duration_since(series.last) < SERIES).then_some(series)
    }

    fn insert(&mut self, event: &Told, name: String, now: Instant) {
        if self.0.len() >= REMEMBERED_AT_MOST {
            self.0.retain(|_, series| now.duration_since(series.last) < SERIES);
        }
        // So many at once: each of them stands for itself then.
        if self.0.len() < REMEMBERED_AT_MOST {
            self.0.insert(event.clone(), Series { name, count: 1, last: now });
        }
    }
}

async fn send(client: &Client, instance: &str, event: &Told, name: &str, recent: &mut Recent) -> Result<(), ApiError> {
    let (now, time) = (Instant::now(), micro_time(Timestamp::now()));
    let collection = format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace(&event.regarding));
    if let Some(series) = recent.get(event, now) {
        let path = format!("{collection}/{}", percent_encode(&series.name));
        let body = json!({"series": {"count": series.count + 1, "lastObservedTime": time}});
        let content = Some(("application/merge-patch+json", body.to_string().into_bytes()));
        match call::<Value>(client, Method::PATCH, &path, content, "Event").await {
            // The server forgets Events after an hour, or earlier.
            Err(ApiError::NotFound { .. }) => {}
            result => {
                result?;
                (series.count, series.last) = (series.count + 1, now);
                return Ok(());
            }
        }
    }
    let body = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace(&event.regarding)},
        "eventTime": time, "type": event.what.kind(), "reason": event.what.as_str(), "action": event.what.action(),
        "note": note(event), "regarding": regarding(&event.regarding),
        "reportingController": CONTROLLER, "reportingInstance": instance,
    });
    let content = Some(("application/json", body.to_string().into_bytes()));
    match call::<Value>(client, Method::POST, &collection, content, "Event").await {
        // By an earlier try.
        Err(ApiError::Stale { .. }) => {}
        result => {
            result?;
        }
    }
    recent.insert(event, name.to_owned(), now);
    Ok(())
}

/// Events of what belongs to no namespace stand in `default`.
fn namespace(regarding: &Regarding) -> &str {
    match regarding {
        Regarding::Class { .. } => "default",
        Regarding::Pod(pod) => &pod.namespace,
        Regarding::ConfigMap { namespace, .. } => namespace,
    }
}

/// A name that no other Event has, after the object's, as client-go makes it.
fn name(regarding: &Regarding) -> String {
    let object = match regarding {
        Regarding::Class { name, .. } => &**name,
        Regarding::Pod(pod) => &pod.name,
        Regarding::ConfigMap { name, .. } => name,
    };
    // A name has 253 bytes at most, and these are ASCII.
    let object = object.get(..230).unwrap_or(object).trim_end_matches(['.', '-']);
    format!("{object}.{:x}", Timestamp::now().as_nanosecond())
}

fn regarding(regarding: &Regarding) -> Value {
    match regarding {
        Regarding::Class { name, uid, version } => {
            json!({"apiVersion": version.api_version(), "kind": "GatewayClass", "name": name, "uid": uid})
        }
        Regarding::Pod(Pod { namespace, name, uid }) => {
            json!({"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name, "uid": uid})
        }
        Regarding::ConfigMap { namespace, name, uid } => {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": name, "uid": uid})
        }
    }
}

fn note(event: &Told) -> &str {
    let end = event.note.floor_char_boundary(NOTE_AT_MOST);
    &event.note[..end]
}

fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The note of an Event about what stands in the way.
#[must_use]
pub fn obstacle(reason: Option<Reason>, message: Option<&str>) -> String {
    let reason = reason.map(|reason| format!("{}: ", reason.as_str())).unwrap_or_default();
    format!("{reason}{}", message.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(note: &str) -> Told {
        let regarding = Regarding::Class { name: "a".into(), uid: "u".into(), version: ServedVersion::V1 };
        Told { what: Happening::Configured, regarding, note: note.to_owned() }
    }

    #[test]
    fn a_note_ends_at_its_limit_between_characters() {
        let long = format!("{}é", "x".repeat(NOTE_AT_MOST - 1));
        assert_eq!(note(&told(&long)).len(), NOTE_AT_MOST - 1);
        assert_eq!(note(&told("short")), "short");
    }

    #[test]
    fn the_same_soon_again_is_a_series_and_later_isn_t() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        recent.insert(&told("a"), "a.1".to_owned(), now);
        assert_eq!(recent.get(&told("a"), now + SERIES / 2).unwrap().name, "a.1");
        assert!(recent.get(&told("a"), now + SERIES).is_none());
        assert!(recent.get(&told("b"), now).is_none());
        let other = Told { what: Happening::Blocked, ..told("a") };
        assert!(recent.get(&other, now).is_none());
    }

    #[test]
    fn times_have_microseconds() {
        let time = Timestamp::from_microsecond(1_000_000_000_000_001).unwrap();
        assert_eq!(micro_time(time), "2001-09-09T01:46:40.000001Z");
    }
}
