//! The API server: one call with its deadline.
//!
//! Requests are sent and answers read here rather than by `kube::Api`, whose default client retries on its own for
//! minutes, has no read timeout, and drops the Retry-After header.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, response};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::bounds::Bounded;
use super::error::ApiError;
use super::permission::missing_rule;

/// How long one call may take (contract 2.4).
pub const DEADLINE: Duration = Duration::from_secs(10);
/// The longest Retry-After that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// More than any list of classes; an answer beyond it isn't read.
const LARGEST_ANSWER: usize = 512 << 20;
/// The API group of the Gateway API.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// A version of the Gateway API in which the cluster serves GatewayClasses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accept {
    /// The objects.
    Json,
    /// Their metadata alone.
    Metadata,
}

impl Accept {
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        }
    }
}

/// Sends one request and reads its answer, all within the deadline. `missing` is what the server lacks if it knows no
/// such path.
pub(crate) async fn call<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    content: Content,
    missing: &str,
) -> Result<T, ApiError> {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, Accept::Json.as_str());
    let mut body = Vec::new();
    if let Some((media_type, content)) = content {
        request = request.header(header::CONTENT_TYPE, media_type);
        body = content;
    }
    let request = request.body(Body::from(body)).map_err(|error| ApiError::unavailable(&error))?;
    read_json(&exchange(client, request, missing).await?.1)
}

/// Sends one request without a body and reads its answer in this form, all within the deadline.
pub(super) async fn call_accepting<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    accept: Accept,
) -> Result<T, ApiError> {
    let request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept.as_str());
    let request = request.body(Body::empty()).map_err(|error| ApiError::unavailable(&error))?;
    read_json(&exchange(client, request, path).await?.1)
}

/// Sends one request; the head and the body of an answer that is a success or "not modified".
pub(super) async fn exchange(
    client: &Client,
    mut request: Request<Body>,
    missing: &str,
) -> Result<(response::Parts, Bytes), ApiError> {
    request.extensions_mut().insert(Bounded);
    let (method, path) = (request.method().clone(), request.uri().to_string());
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
    if head.status.is_success() || head.status == StatusCode::NOT_MODIFIED {
        return Ok((head, body));
    }
    let error = ApiError::from_answer(head.status, refused_for(head.status, &head.headers), &body, missing);
    // Who isn't known at all (401) lacks no rule.
    if head.status != StatusCode::FORBIDDEN {
        return Err(error);
    }
    Err(error.name_missing_rule(|answer| missing_rule(&method, &path, answer)))
}

/// How long the server wants to be left alone, if it says so: as much of it as is honoured.
pub(super) fn refused_for(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let is_busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let seconds = headers.get(header::RETRY_AFTER).filter(|_| is_busy)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Reads the body of a success.
pub(super) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Unavailable {
        message: format!("the API server's answer can't be read: {error}"),
        retry_after: None,
    })
}

/// Escapes what isn't unreserved (RFC 3986) in a path segment or a query's value.
pub(crate) fn percent_encode(text: &str) -> String {
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
