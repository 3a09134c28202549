//! An AdmissionReview on the wire: `admission.k8s.io/v1`, as the API server sends it and wants it answered.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// A body that is no review of what it should be a review of.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// It isn't the JSON that it should be.
    #[error("no AdmissionReview of this kind of object")]
    Json(#[source] serde_json::Error),
    /// It is another object, or another version.
    #[error("{kind} of {api_version} is no AdmissionReview of admission.k8s.io/v1")]
    Version {
        /// Its apiVersion.
        api_version: String,
        /// Its kind.
        kind: String,
    },
    /// It asks for nothing.
    #[error("an AdmissionReview without a request")]
    NoRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<T> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    request: Option<Request<T>>,
}

/// What is to be done to an object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<T> {
    /// By what the answer belongs to it.
    pub uid: String,
    /// What is done.
    pub operation: Operation,
    /// The object's namespace; empty if its kind has none.
    #[serde(default)]
    pub namespace: String,
    /// Which part of the object is written; empty for the object itself.
    #[serde(default)]
    pub sub_resource: String,
    /// The object as it would be.
    pub object: Option<T>,
    /// The object as it is.
    pub old_object: Option<T>,
    /// The request's options.
    pub options: Option<Options>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// Something is done through it.
    Connect,
}

/// The options that a write came with.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Under which name it is written; empty for whatever the server makes of the program's name.
    #[serde(default)]
    pub field_manager: String,
}

impl<T: DeserializeOwned> Request<T> {
    /// Reads a review's body.
    pub fn read(body: &[u8]) -> Result<Self, ReviewError> {
        // Its version first: another one may look different.
        let Review { api_version, kind, request } =
            serde_json::from_slice::<Review<T>>(body).map_err(ReviewError::Json)?;
        if api_version != API_VERSION || kind != KIND {
            return Err(ReviewError::Version { api_version, kind });
        }
        request.ok_or(ReviewError::NoRequest)
    }
}

/// What is said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is allowed, and this is told to whoever made it.
    Allowed(Vec<String>),
    /// It isn't, and this is told.
    Refused(String),
}

impl Answer {
    /// The answer as a review of its own.
    #[must_use]
    pub fn review(self, uid: &str) -> impl Serialize + use<> {
        let (allowed, status, warnings) = match self {
            Self::Allowed(warnings) => (true, None, warnings),
            Self::Refused(message) => (false, Some(Status { code: 422, reason: "Invalid", message }), Vec::new()),
        };
        let response = Response { uid: uid.to_owned(), allowed, status, warnings };
        ReviewOut { api_version: API_VERSION, kind: KIND, response }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewOut {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Serialize)]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}
