//! The API server's discovery: every kind it serves, read by two requests that cost nothing while nothing changed.

use std::collections::BTreeMap;

use http::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{Method, Request, StatusCode};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

use super::api::{Accept, call_accepting, exchange, read_json};
use super::error::ApiError;
use crate::engine::facts::Kinds;

/// Where the kinds are told: the groups, and the kinds of the core group, which has no name.
const PATHS: [&str; 2] = ["/apis", "/api"];
/// Discovery in one answer (KEP-3352), in Kubernetes since 1.30.
const AGGREGATED: HeaderValue =
    HeaderValue::from_static("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");

/// What the server serves, as of the last look.
pub(super) struct Discovery {
    client: Client,
    server_version: Option<String>,
    answers: [Answer; 2],
    kinds: Kinds,
}

/// The last answer of one path.
#[derive(Debug, Default)]
struct Answer {
    etag: Option<HeaderValue>,
    kinds: Vec<(Box<str>, Box<str>)>,
    /// The versions of each group, in the server's order.
    versions: BTreeMap<Box<str>, Vec<Box<str>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerVersion {
    git_version: String,
}

#[derive(Deserialize)]
struct Groups {
    items: Option<Vec<Group>>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: Box<str>,
}

#[derive(Deserialize)]
struct Version {
    version: Box<str>,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(default)]
    response_kind: Option<ResponseKind>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: Box<str>,
}

impl Discovery {
    /// Nothing is known yet.
    pub(super) fn new(client: Client) -> Self {
        Self { client, server_version: None, answers: Default::default(), kinds: Kinds::default() }
    }

    /// Looks at the server. What fails leaves what is known.
    pub(super) async fn refresh(&mut self) -> Result<(), ApiError> {
        let [groups, core] = &self.answers;
        let version = async {
            // It changes with the server's upgrade, which ends every connection: then we look at everything anew.
            if let Some(known) = &self.server_version {
                return Ok(known.clone());
            }
            let version: ServerVersion = call_accepting(&self.client, Method::GET, "/version", Accept::Json).await?;
            Ok(version.git_version.trim_start_matches('v').to_owned())
        };
        let (groups, core, version) =
            tokio::join!(read(&self.client, PATHS[0], groups), read(&self.client, PATHS[1], core), version);
        let (groups, core, version) = (groups?, core?, version?);
        self.server_version = Some(version);
        let mut is_new = false;
        for (known, new) in self.answers.iter_mut().zip([groups, core]) {
            if let Some(new) = new {
                (*known, is_new) = (new, true);
            }
        }
        if is_new {
            self.kinds = self.answers.iter().flat_map(|answer| answer.kinds.iter().cloned()).collect();
        }
        Ok(())
    }

    /// Makes the next look ask for the server's version again: it may be another server.
    pub(super) fn forget_server(&mut self) {
        self.server_version = None;
    }

    /// Every kind.
    pub(super) fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The versions of a group, in the server's order of preference.
    pub(super) fn versions_of(&self, group: &str) -> impl Iterator<Item = &str> {
        self.answers.iter().filter_map(move |answer| answer.versions.get(group)).flatten().map(|version| &**version)
    }

    /// The server's version without its `v`; empty if it isn't known.
    pub(super) fn server_version(&self) -> &str {
        self.server_version.as_deref().unwrap_or_default()
    }
}

/// Reads one path; `None` if it is as it was.
async fn read(client: &Client, path: &str, known: &Answer) -> Result<Option<Answer>, ApiError> {
    let mut request = Request::builder().method(Method::GET).uri(path).header(ACCEPT, AGGREGATED);
    if let Some(etag) = &known.etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let request = request.body(Body::empty()).map_err(|error| ApiError::unavailable(&error))?;
    let (head, body) = exchange(client, request, path).await?;
    if head.status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let groups: Groups = read_json(&body)?;
    let mut answer = Answer { etag: head.headers.get(ETAG).cloned(), ..Answer::default() };
    for Group { metadata: GroupName { name: group }, versions } in groups.items.into_iter().flatten() {
        for Version { version, resources } in versions {
            let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}").into() };
            let kinds = resources.into_iter().filter_map(|resource| resource.response_kind);
            answer.kinds.extend(kinds.map(|kind| (api_version.clone(), kind.kind)));
            answer.versions.entry(group.clone()).or_default().push(version);
        }
    }
    Ok(Some(answer))
}
