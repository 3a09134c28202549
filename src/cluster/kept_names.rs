//! Remembers which classes with `onDelete: StayDeleted` were there, across restarts: one that was there and is gone
//! was deleted by somebody.
//!
//! The names are kept in the ConfigMap `classkeeper-state`, each with a digest of its default: a changed default is a
//! new wish, and the class is created again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::api::{call, percent_encode};
use super::error::ApiError;
use super::gate::Gate;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::FieldManager;
use crate::engine::policy::OnDelete;

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "classkeeper-state";

/// Where the names are kept: a key of one ConfigMap, so that two installations don't share them.
#[derive(Clone)]
pub struct KeptNamesStore {
    client: Client,
    namespace: String,
    manager: FieldManager,
    gate: Gate,
}

/// The classes that were there, each with a digest of the default it was kept as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptNames {
    names: BTreeMap<Arc<str>, String>,
}

impl KeptNames {
    /// Whether a class that isn't there now was deleted by somebody while it was kept as this very default.
    #[must_use]
    pub fn was_deleted(&self, default: &DefaultClass) -> bool {
        default.policy.on_delete == OnDelete::StayDeleted
            && self.names.get(&default.name).is_some_and(|known| *known == digest(default))
    }

    /// Notes that a class is there; says whether that is news to be stored.
    pub fn is_there(&mut self, default: &DefaultClass) -> bool {
        match default.policy.on_delete {
            OnDelete::Recreate => self.names.remove(&default.name).is_some(),
            OnDelete::StayDeleted => {
                let digest = digest(default);
                self.names.insert(default.name.clone(), digest.clone()) != Some(digest)
            }
        }
    }

    /// Drops a name, since its default is gone; says whether that is news to be stored.
    pub fn forget(&mut self, name: &str) -> bool {
        self.names.remove(name).is_some()
    }

    /// Drops all names: the classes went together with their kind, which was nobody's word on any of them.
    pub fn forget_all(&mut self) -> bool {
        !std::mem::take(&mut self.names).is_empty()
    }
}

/// A digest of all that a default says, but not of where it says so.
fn digest(default: &DefaultClass) -> String {
    let units: Vec<_> = default.units.iter().map(|(unit, value)| (unit.to_string(), value)).collect();
    let mut parts = vec![json!(units), json!(format!("{:?}", default.policy))];
    // Only then: the digests of defaults without a condition are kept in clusters already.
    parts.extend(default.when.as_ref().map(|when| json!(when.text())));
    let hash = Sha256::digest(json!(parts).to_string());
    let mut start = [0; 8];
    start.copy_from_slice(&hash[..8]);
    format!("{:016x}", u64::from_be_bytes(start))
}

impl KeptNamesStore {
    /// The names of the installation that writes as this field manager, in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: String, manager: FieldManager, gate: Gate) -> Self {
        Self { client, namespace, manager, gate }
    }

    /// Reads the names.
    pub async fn read(&self) -> Result<KeptNames, ApiError> {
        let path = format!("/api/v1/namespaces/{}/configmaps/{CONFIG_MAP}", self.namespace);
        let map: ConfigMap = match call(&self.client, Method::GET, &path, None, "v1").await {
            Err(ApiError::NotFound { .. }) => return Ok(KeptNames::default()),
            map => map?,
        };
        let text = map.data.and_then(|mut data| data.remove(&self.key())).unwrap_or_default();
        // What can't be read was not written by us; without it, classes are only created once too often.
        let names: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
        Ok(KeptNames { names: names.into_iter().map(|(name, digest)| (name.into(), digest)).collect() })
    }

    /// Writes the names, if we may write.
    pub async fn write(&self, names: &KeptNames) -> Result<(), ApiError> {
        self.gate.time_left(Instant::now()).ok_or(ApiError::NotLeader)?;
        let manager = format!("{}-{}", self.manager, "state");
        let path = format!(
            "/api/v1/namespaces/{}/configmaps/{CONFIG_MAP}?force=true&fieldManager={}",
            self.namespace,
            percent_encode(&manager)
        );
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP, "namespace": self.namespace},
            "data": {self.key(): serde_json::to_string(&names.names).unwrap_or_default()},
        });
        let content = Some(("application/apply-patch+yaml", body.to_string().into_bytes()));
        call::<Value>(&self.client, Method::PATCH, &path, content, "v1").await.map(|_| ())
    }

    /// The key, from the field manager by the rule for keys of a ConfigMap.
    fn key(&self) -> String {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        self.manager.as_str().chars().map(|c| if is_allowed(c) { c } else { '_' }).collect::<String>() + ".json"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::engine::policy::Policy;
    use crate::engine::unit::Unit;
    use crate::engine::when::When;

    fn default(description: &str, on_delete: OnDelete) -> DefaultClass {
        DefaultClass {
            name: "a".into(),
            units: [(Unit::Description, description.into())].into_iter().collect(),
            policy: Policy { on_delete, ..Policy::default() },
            when: None,
            author: Author::Platform,
            origin: Origin { file: "a.yaml".into(), line: 1 },
        }
    }

    #[test]
    fn a_class_that_was_there_and_is_gone_was_deleted() {
        let (mut names, kept) = (KeptNames::default(), default("a", OnDelete::StayDeleted));
        assert!(!names.was_deleted(&kept), "it was never there");
        assert!(names.is_there(&kept) && !names.is_there(&kept), "news only once");
        assert!(names.was_deleted(&kept));
        assert!(!names.was_deleted(&default("b", OnDelete::StayDeleted)), "a changed default is a new wish");
        let when = Some(Arc::new(When::compile("true").unwrap()));
        assert!(!names.was_deleted(&DefaultClass { when, ..kept.clone() }), "so is a changed condition");
        let elsewhere = DefaultClass { origin: Origin { file: "b.yaml".into(), line: 9 }, ..kept.clone() };
        assert!(names.was_deleted(&elsewhere), "a default that moved to another file is the same");
    }

    #[test]
    fn only_stay_deleted_is_remembered() {
        let mut names = KeptNames::default();
        assert!(!names.is_there(&default("a", OnDelete::Recreate)));
        names.is_there(&default("a", OnDelete::StayDeleted));
        assert!(names.is_there(&default("a", OnDelete::Recreate)), "and forgotten with the policy");
        assert!(!names.was_deleted(&default("a", OnDelete::StayDeleted)));
    }

    #[test]
    fn a_kind_that_went_took_all_classes_with_it() {
        let (mut names, kept) = (KeptNames::default(), default("a", OnDelete::StayDeleted));
        names.is_there(&kept);
        assert!(names.forget_all() && !names.forget_all());
        assert!(!names.was_deleted(&kept));
    }
}
