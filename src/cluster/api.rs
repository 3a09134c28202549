//! The API server: which versions it serves, and one call with its deadline.
//!
//! Requests are sent and answers read here rather than by `kube::Api`, whose default client retries on its own for
//! minutes, has no read timeout, and drops the Retry-After header.

use std::fmt::Write;
use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::ApiError;

/// How long one call may take (contract 2.4).
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The longest Retry-After that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// More than any list of classes; an answer beyond it isn't read.
const LARGEST_ANSWER: usize = 512 << 20;
/// The API group of the Gateway API.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// A version of the Gateway API in which the cluster serves GatewayClasses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedVersion {
    /// `v1`, storage version since Gateway API v1.1.
    V1,
    /// `v1beta1`.
    V1Beta1,
}

impl ServedVersion {
    /// As in an object's `apiVersion`.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "gateway.networking.k8s.io/v1",
            Self::V1Beta1 => "gateway.networking.k8s.io/v1beta1",
        }
    }

    /// As in a path.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
        }
    }
}

/// A request's media type and body, if it has one.
pub(crate) type Content = Option<(&'static str, Vec<u8>)>;

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
}

/// The preferred version in which the cluster serves GatewayClasses; `None` if it doesn't.
pub async fn discover(client: &Client) -> Result<Option<ServedVersion>, ApiError> {
    let path = format!("/apis/{GROUP}");
    let group: APIGroup = match call(client, Method::GET, &path, None, GROUP).await {
        Ok(group) => group,
        Err(ApiError::KindMissing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    for version in [ServedVersion::V1, ServedVersion::V1Beta1] {
        // The group may be there for other kinds alone.
        if group.versions.iter().any(|served| served.version == version.version()) {
            match call::<ResourceList>(client, Method::GET, &format!("{path}/{}", version.version()), None, GROUP).await
            {
                Ok(list) if list.resources.iter().any(|resource| resource.name == "gatewayclasses") => {
                    return Ok(Some(version));
                }
                Ok(_) | Err(ApiError::KindMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

/// Sends one request and reads its answer, all within the deadline.
pub(crate) async fn call<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    content: Content,
    missing: &str,
) -> Result<T, ApiError> {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
    let mut body = Vec::new();
    if let Some((media_type, content)) = content {
        request = request.header(header::CONTENT_TYPE, media_type);
        body = content;
    }
    let request = request.body(Body::from(body)).map_err(|error| ApiError::unavailable(&error))?;
    let answer = timeout(DEADLINE, async {
        let response = client.send(request).await.map_err(|error| ApiError::unavailable(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| ApiError::unavailable(&*error))?.to_bytes();
        Ok::<_, ApiError>((head, body))
    });
    let seconds = DEADLINE.as_secs();
    let (head, body) = answer.await.map_err(|_| ApiError::Unavailable {
        message: format!("no answer from the API server within {seconds} s"),
        retry_after: None,
    })??;
    if head.status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| ApiError::Unavailable {
            message: format!("the API server's answer can't be read: {error}"),
            retry_after: None,
        });
    }
    let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    Err(ApiError::from_answer(head.status, retry_after, &body, missing))
}

/// Escapes what isn't unreserved (RFC 3986) in a path segment or a query's value.
pub(super) fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => {
                // Writing to a String can't fail.
                let _ = write!(encoded, "%{other:02X}");
            }
        }
        encoded
    })
}
