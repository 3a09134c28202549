//! What a client reads from the model, and what the tests know beyond that.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::merge::{Path, Set, encode};
use super::{API_VERSION, Server, Writer};
use crate::engine::live::Live;
use crate::engine::unit::{Unit, UnitPath};

impl Server {
    /// The class as a client reads it.
    pub(in crate::engine::plan) fn object(&self) -> Option<Value> {
        let class = self.class.as_ref()?;
        let mut metadata = class.fields.get("metadata").cloned().unwrap_or_else(|| json!({}));
        metadata["name"] = "edge".into();
        metadata["uid"] = class.uid.clone().into();
        metadata["resourceVersion"] = class.version.to_string().into();
        if class.terminating {
            metadata["deletionTimestamp"] = "2026-11-23T21:22:02Z".into();
        }
        let entries = class.managed.iter().map(|(writer, set)| {
            let mut entry = json!({
                "manager": writer.manager, "operation": format!("{:?}", writer.operation), "apiVersion": API_VERSION,
                "time": "2026-11-23T21:22:02Z", "fieldsType": "FieldsV1", "fieldsV1": encode(set),
            });
            if let Some(subresource) = writer.subresource {
                entry["subresource"] = subresource.into();
            }
            entry
        });
        metadata["managedFields"] = entries.collect();
        Some(json!({"apiVersion": API_VERSION, "kind": "GatewayClass", "metadata": metadata,
                    "spec": class.fields["spec"]}))
    }

    /// The class as the planner reads it.
    pub(in crate::engine::plan) fn live(&self) -> Option<Live> {
        self.object().map(read)
    }

    /// The value of a unit.
    pub(in crate::engine::plan) fn value(&self, unit: &Unit) -> Option<&Value> {
        let fields = &self.class.as_ref()?.fields;
        match unit.path() {
            UnitPath::Spec(field) => fields.get("spec")?.get(field),
            UnitPath::Metadata(map, key) => fields.get("metadata")?.get(map)?.get(key),
        }
    }

    /// Every unit that is there.
    pub(in crate::engine::plan) fn units(&self) -> Vec<Unit> {
        let Some(class) = &self.class else { return Vec::new() };
        let mut units = Vec::new();
        let mut add = |map: &Value, unit: fn(&str) -> Unit| {
            units.extend(map.as_object().into_iter().flat_map(|map| map.keys()).map(|key| unit(key)));
        };
        add(&class.fields["spec"], Unit::spec);
        add(&class.fields["metadata"]["labels"], Unit::label);
        add(&class.fields["metadata"]["annotations"], Unit::annotation);
        units
    }

    /// Whether there is a class with empty `managedFields`.
    pub(in crate::engine::plan) fn is_wiped(&self) -> bool {
        self.class.as_ref().is_some_and(|class| class.managed.is_empty())
    }

    /// Who owns any of a unit's value, by the sets themselves. The container of `parametersRef` is no value.
    pub(in crate::engine::plan) fn owners(&self, unit: &Unit) -> Vec<&Writer> {
        let path = path(unit);
        let least = path.len() + usize::from(*unit == Unit::ParametersRef);
        let owns = |set: &Set| set.iter().any(|owned| owned.len() >= least && owned.starts_with(&path));
        let managed = self.class.iter().flat_map(|class| &class.managed);
        managed.filter(|(_, set)| owns(set)).map(|(writer, _)| writer).collect()
    }

    /// Who owns exactly this: a unit's scalar, one part of its value, or its container.
    pub(in crate::engine::plan) fn owners_at(&self, unit: &Unit, part: Option<&str>) -> Vec<&Writer> {
        let path: Path = path(unit).into_iter().chain(part.map(str::to_owned)).collect();
        let managed = self.class.iter().flat_map(|class| &class.managed);
        managed.filter(|(_, set)| set.contains(&path)).map(|(writer, _)| writer).collect()
    }
}

/// An object as the planner reads it.
pub(in crate::engine::plan) fn read(mut object: Value) -> Live {
    let metadata: ObjectMeta = serde_json::from_value(object["metadata"].take()).expect("metadata is ObjectMeta");
    let Value::Object(spec) = object["spec"].take() else { panic!("spec is a map") };
    Live::new(metadata, spec).expect("the object can be read")
}

fn path(unit: &Unit) -> Path {
    match unit.path() {
        UnitPath::Spec(field) => vec!["spec".to_owned(), field.to_owned()],
        UnitPath::Metadata(map, key) => vec!["metadata".to_owned(), map.to_owned(), key.to_owned()],
    }
}
