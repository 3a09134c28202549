//! The CRD of GatewayClasses, as far as its metadata tells.

use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use serde::Deserialize;

use super::api::{Accept, call_accepting};
use super::error::ApiError;

/// Its name.
pub const CLASS_CRD: &str = "gatewayclasses.gateway.networking.k8s.io";
/// The annotations by which the Gateway API marks its CRDs with the release and the channel they belong to.
const BUNDLE_VERSION: &str = "gateway.networking.k8s.io/bundle-version";
const CHANNEL: &str = "gateway.networking.k8s.io/channel";
/// What is kept of such an annotation, in bytes: conditions count on it being short.
const ANNOTATION_AT_MOST: usize = 64;

/// The CRD of GatewayClasses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassCrd {
    /// It isn't known, or may not be looked at.
    Unknown,
    /// There is none.
    Absent,
    /// It is there.
    Present {
        /// Tells it from one that was deleted and made again: its classes went with it.
        uid: Box<str>,
        /// Grows with each change of its spec: what was refused may be accepted now.
        generation: i64,
        /// The release of the Gateway API; empty if it isn't said.
        bundle_version: Box<str>,
        /// The channel of the Gateway API; empty if it isn't said.
        channel: Box<str>,
    },
    /// It is being deleted, and all classes with it.
    Terminating,
}

#[derive(Deserialize)]
struct List {
    /// Null if there is none: Go's empty list.
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
}

impl ClassCrd {
    /// Reads it once.
    pub(super) async fn read(client: &Client) -> Result<Self, ApiError> {
        // A list of one, since it is lists that we may ask for.
        let path = format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?fieldSelector=metadata.name%3D{CLASS_CRD}"
        );
        let list: List = call_accepting(client, Method::GET, &path, Accept::Metadata).await?;
        Ok(list.items.iter().flatten().next().map_or(Self::Absent, |crd| Self::of(&crd.metadata)))
    }

    /// What its metadata tells.
    #[must_use]
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        if metadata.deletion_timestamp.is_some() {
            return Self::Terminating;
        }
        let annotation = |key| -> Box<str> {
            let annotations = metadata.annotations.as_ref();
            let text = annotations.and_then(|annotations| annotations.get(key)).map(String::as_str).unwrap_or_default();
            text[..text.floor_char_boundary(ANNOTATION_AT_MOST)].into()
        };
        Self::Present {
            uid: metadata.uid.clone().unwrap_or_default().into(),
            generation: metadata.generation.unwrap_or_default(),
            bundle_version: annotation(BUNDLE_VERSION),
            channel: annotation(CHANNEL),
        }
    }

    /// The release and the channel of the Gateway API; empty where they aren't known.
    #[must_use]
    pub fn release(&self) -> (&str, &str) {
        match self {
            Self::Present { bundle_version, channel, .. } => (bundle_version, channel),
            Self::Unknown | Self::Absent | Self::Terminating => ("", ""),
        }
    }

    /// The uid, while it is there.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        match self {
            Self::Present { uid, .. } => Some(uid),
            Self::Unknown | Self::Absent | Self::Terminating => None,
        }
    }
}
