//! Refused watches: how long one waits after one, and what those on metadata say, which kube can't read.

use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher;

use super::api::exchange;
use super::error::ApiError;
use super::permission::{Permission, Verb, refused_verb};

/// How long to wait after a refusal: a right may come later.
pub(super) const AFTER_A_REFUSAL: Duration = Duration::from_secs(5);

/// A kind of which the metadata is watched.
pub(super) struct WatchedKind {
    /// Its name.
    pub(super) kind: &'static str,
    /// The path of all its objects.
    pub(super) path: &'static str,
    /// What is missing if it may not be watched.
    pub(super) permission: Permission,
}

impl WatchedKind {
    /// Why a watch was refused, with the rule that is missing; `None` if it failed for another reason.
    pub(super) async fn refusal(&self, client: &Client, error: &watcher::Error) -> Option<String> {
        if let Some(verb) = refused_verb(error) {
            return Some(self.missing(verb));
        }
        // An error in answer to a watch on metadata has more than one line, of which kube reads each as an event. What
        // it says is asked for once more, by a watch on nothing.
        if !matches!(error, watcher::Error::WatchFailed(kube::Error::SerdeError(_))) {
            return None;
        }
        let path = format!("{}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dnone", self.path);
        let request = Request::builder().uri(path).body(Body::empty()).ok()?;
        match exchange(client, request, self.kind).await {
            Err(ApiError::Refused { .. }) => Some(self.missing(Verb::Watch)),
            Ok(_) | Err(_) => None,
        }
    }

    fn missing(&self, verb: Verb) -> String {
        format!("the rule that is missing: {}", self.permission.to(&[verb]))
    }
}
