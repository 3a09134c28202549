//! A GatewayClass on the wire: its metadata, and its spec untyped, so that a field of a newer Gateway API is seen.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::ClusterResourceScope;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::api::{GROUP, ServedVersion};
use super::error::ApiError;
use crate::engine::live::Live;

/// A GatewayClass as the API server sends it, without its status.
#[derive(Clone, Debug, Deserialize)]
pub struct Class {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Map<String, Value>,
}

impl Class {
    /// Reads a class from its JSON.
    pub fn from_value(class: Value) -> Result<Self, ApiError> {
        serde_json::from_value(class).map_err(|error| ApiError::unavailable(&error))
    }

    /// Reduces the class to what planning needs.
    pub fn into_live(self) -> Result<Live, ApiError> {
        Live::new(self.metadata, self.spec).map_err(|error| ApiError::unavailable(&error))
    }
}

impl Resource for Class {
    type DynamicType = ServedVersion;
    type Scope = ClusterResourceScope;

    fn kind(_: &ServedVersion) -> Cow<'_, str> {
        "GatewayClass".into()
    }

    fn group(_: &ServedVersion) -> Cow<'_, str> {
        GROUP.into()
    }

    fn version(version: &ServedVersion) -> Cow<'_, str> {
        version.version().into()
    }

    fn plural(_: &ServedVersion) -> Cow<'_, str> {
        "gatewayclasses".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
