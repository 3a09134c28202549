//! The intent: the sparse object that an apply sends. A field that isn't in it is a field we give up.

use serde_json::{Map, Value, json};

use super::unit::{Unit, UnitPath};

/// An object to send by server-side apply, under construction.
///
/// Built from units alone, never from the typed GatewayClass: that one would send fields nobody named, and so claim
/// them.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    metadata: Map<String, Value>,
    spec: Map<String, Value>,
}

impl Intent {
    /// The intent that a class of this name exists.
    #[must_use]
    pub fn new(class: &str) -> Self {
        Self { metadata: Map::from_iter([("name".to_owned(), class.into())]), spec: Map::new() }
    }

    /// Adds a unit with its value.
    pub fn set(&mut self, unit: &Unit, value: Value) {
        match unit.path() {
            UnitPath::Spec(field) => {
                self.spec.insert(field.to_owned(), value);
            }
            UnitPath::Metadata(map, key) => {
                if let Value::Object(keys) = self.metadata.entry(map).or_insert_with(|| json!({})) {
                    keys.insert(key.to_owned(), value);
                }
            }
        }
    }

    /// Binds the apply to this very object: it is refused (409) if another one has its name by then.
    pub fn require_uid(&mut self, uid: &str) {
        self.metadata.insert("uid".to_owned(), uid.into());
    }

    /// Binds the apply to this state of the object: it is refused (409) if somebody wrote meanwhile.
    pub fn require_resource_version(&mut self, version: &str) {
        self.metadata.insert("resourceVersion".to_owned(), version.into());
    }

    /// Binds the apply to there being no such object: it is refused (409) if there is one. The server holds the version
    /// against that of an object that is there, and no object has this one, which is that of an empty etcd.
    pub fn require_absence(&mut self) {
        self.require_resource_version("1");
    }

    /// The body to send, for a served API version such as `gateway.networking.k8s.io/v1`.
    #[must_use]
    pub fn body(&self, api_version: &str) -> Value {
        let mut body = json!({"apiVersion": api_version, "kind": "GatewayClass", "metadata": self.metadata});
        if !self.spec.is_empty() {
            body["spec"] = Value::Object(self.spec.clone());
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_sent() {
        let mut intent = Intent::new("edge");
        assert_eq!(
            intent.body("g/v1"),
            json!({"apiVersion": "g/v1", "kind": "GatewayClass", "metadata": {"name": "edge"}})
        );
        intent.set(&Unit::Description, "d".into());
        intent.set(&Unit::label("team"), "a".into());
        intent.require_uid("u");
        intent.require_resource_version("7");
        assert_eq!(
            intent.body("g/v1beta1"),
            json!({"apiVersion": "g/v1beta1", "kind": "GatewayClass", "spec": {"description": "d"},
                   "metadata": {"name": "edge", "uid": "u", "resourceVersion": "7", "labels": {"team": "a"}}})
        );
    }
}
