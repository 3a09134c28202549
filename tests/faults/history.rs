//! Every revision of every class of a control plane, in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use serde_json::Value;

use crate::users::CLASSES;

/// One revision.
#[derive(Clone, Debug)]
pub struct Revision {
    pub class: String,
    pub version: String,
    /// The class as it is from then on; null if it is gone.
    pub object: Value,
}

/// Every revision of every class since the control plane started.
#[derive(Clone)]
pub struct History {
    revisions: Arc<Mutex<Vec<Revision>>>,
}

impl History {
    /// Follows until the runtime ends, through whatever happens to the server.
    pub fn follow(client: Client) -> Self {
        let revisions = Arc::<Mutex<Vec<Revision>>>::default();
        let recorded = revisions.clone();
        tokio::spawn(async move {
            let mut version = String::new();
            loop {
                // A server that is gone for a moment comes back with its history.
                let _ = watch(&client, &mut version, &recorded).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { revisions }
    }

    /// The revisions of classes whose names begin so.
    pub fn of(&self, prefix: &str) -> Vec<Revision> {
        let prefix = format!("{prefix}-");
        self.revisions.lock().unwrap().iter().filter(|revision| revision.class.starts_with(&prefix)).cloned().collect()
    }

    /// Waits until this revision is recorded.
    pub async fn reaches(&self, class: &str, version: &str) {
        let is_recorded = || {
            let revisions = self.revisions.lock().unwrap();
            revisions.iter().any(|revision| revision.class == class && revision.version == version)
        };
        for _ in 0..600 {
            if is_recorded() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the history lacks {class} {version}");
    }
}

async fn watch(client: &Client, version: &mut String, to: &Mutex<Vec<Revision>>) -> Result<(), kube::Error> {
    if version.is_empty() {
        *version = list(client, to).await?;
    }
    let path = format!("{CLASSES}?watch=true&allowWatchBookmarks=true&resourceVersion={version}");
    let response = client.send(Request::get(path).body(kube::client::Body::empty()).unwrap()).await?;
    let mut body = response.into_body();
    let mut buffer = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        buffer.extend(frame.into_data().unwrap_or_default());
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = buffer.drain(..=end).collect();
            let Ok(event) = serde_json::from_slice::<Value>(&line) else { continue };
            if event["type"] == "ERROR" {
                // A server that was started anew remembers nothing of before.
                version.clear();
                return Ok(());
            }
            let metadata = &event["object"]["metadata"];
            let Some(new) = metadata["resourceVersion"].as_str() else { continue };
            new.clone_into(version);
            if event["type"] == "BOOKMARK" {
                continue;
            }
            let class = metadata["name"].as_str().unwrap().to_owned();
            let object = if event["type"] == "DELETED" { Value::Null } else { event["object"].clone() };
            to.lock().unwrap().push(Revision { class, version: new.to_owned(), object });
        }
    }
    Ok(())
}

/// What became of all classes since the last revision that was seen; the version to watch from.
async fn list(client: &Client, to: &Mutex<Vec<Revision>>) -> Result<String, kube::Error> {
    let list: Value = client.request(Request::get(CLASSES).body(Vec::new()).unwrap()).await?;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let mut revisions = to.lock().unwrap();
    let mut last: BTreeMap<String, Revision> =
        revisions.iter().map(|revision| (revision.class.clone(), revision.clone())).collect();
    for object in list["items"].as_array().into_iter().flatten() {
        let metadata = &object["metadata"];
        let class = metadata["name"].as_str().unwrap().to_owned();
        let new = metadata["resourceVersion"].as_str().unwrap().to_owned();
        if last.remove(&class).is_none_or(|last| last.version != new) {
            revisions.push(Revision { class, version: new, object: object.clone() });
        }
    }
    let gone = last.into_values().filter(|last| !last.object.is_null());
    revisions.extend(gone.map(|last| Revision { version: version.clone(), object: Value::Null, ..last }));
    Ok(version)
}
