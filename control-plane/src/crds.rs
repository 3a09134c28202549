//! The Gateway API's CRDs: from its Go module, of any release, installed, edited and removed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, from_str};

use crate::go;

pub(crate) mod edit;
mod manifest;

use manifest::Manifest;

/// The release whose CRDs are installed unless another is asked for; held equal to `go/gateway-api/go.mod` by a test.
pub const GATEWAY_API_VERSION: &str = "v1.6.3";

const GO_MOD: &str = include_str!("../go/gateway-api/go.mod");
const GO_SUM: &str = include_str!("../go/gateway-api/go.sum");
const MODULE: &str = "sigs.k8s.io/gateway-api";
const GROUP: &str = "gateway.networking.k8s.io";

const FIELD_MANAGER: &str = "control-plane";
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(5);
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const SETTLE_LIMIT: Duration = Duration::from_mins(1);

/// What can go wrong with CRDs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no folder to run Go in.
    #[error("could not make a folder for the module of the CRDs")]
    Folder(#[source] io::Error),
    /// Go didn't fetch the module.
    #[error("could not fetch the Gateway API {version}")]
    Fetch {
        /// The release.
        version: String,
        /// Why.
        source: go::Error,
    },
    /// What Go printed names no folder.
    #[error("`go mod download` names no folder for the Gateway API {version}")]
    NoFolder {
        /// The release.
        version: String,
    },
    /// A file of the module can't be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the module isn't YAML.
    #[error("could not parse {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<serde_saphyr::Error>,
    },
    /// A file of the module is no manifest.
    #[error("{} holds a CRD without {field}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What isn't there.
        field: &'static str,
    },
    /// The API server refused.
    #[error("could not {action}")]
    Request {
        /// What was asked for.
        action: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The API server didn't answer.
    #[error("no answer for {} s: could not {action}", REQUEST_LIMIT.as_secs())]
    NoAnswer {
        /// What was asked for.
        action: String,
    },
    /// The CRDs weren't served, or didn't go, in time.
    #[error("after {} s, still {state}", SETTLE_LIMIT.as_secs())]
    Unsettled {
        /// What is in the way.
        state: String,
    },
}

/// The folder with the standard channel's CRDs of a release of the Gateway API, in the Go module cache.
///
/// Blocks, and fetches the module if need be. The pinned release is checked against our go.sum, others against the
/// user's checksum database.
pub fn folder(version: &str) -> Result<PathBuf, Error> {
    let module = tempfile::tempdir().map_err(Error::Folder)?;
    for (name, content) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
        fs::write(module.path().join(name), content).map_err(Error::Folder)?;
    }
    let query = format!("{MODULE}@{version}");
    let output = go::run(module.path(), &["mod", "download", "-json", &query], DOWNLOAD_LIMIT, |_| {})
        .map_err(|source| Error::Fetch { version: version.to_owned(), source })?;
    from_str::<Value>(&output)
        .ok()
        .and_then(|module| Some(Path::new(module["Dir"].as_str()?).join("config/crd/standard")))
        .ok_or_else(|| Error::NoFolder { version: version.to_owned() })
}

/// Applies the CRDs of a release by server-side apply, and waits until each is served.
pub(crate) async fn install(client: &Client, folder: &Path) -> Result<(), Error> {
    let manifests = manifest::read(folder)?;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    for Manifest { name, body, .. } in &manifests {
        let patch = Patch::Apply(body);
        request(format!("apply the CRD {name}"), crds.patch(name, &apply, &patch)).await?;
    }
    for Manifest { name, resource, .. } in &manifests {
        // The condition comes first, and for a moment the path of the resource is a 404 nevertheless.
        settle(async || {
            let crd = request(format!("read the CRD {name}"), crds.get(name)).await?;
            if !is_established(&crd) {
                return Ok(Some(format!("the CRD {name} isn't established")));
            }
            let objects: Api<DynamicObject> = Api::all_with(client.clone(), resource);
            let served = tokio::time::timeout(REQUEST_LIMIT, objects.list(&ListParams::default().limit(1))).await;
            Ok((!matches!(served, Ok(Ok(_)))).then(|| format!("the CRD {name} isn't served")))
        })
        .await?;
    }
    Ok(())
}

/// Deletes all CRDs of the Gateway API's group, and with them their objects, and waits until they have gone.
pub(crate) async fn remove(client: &Client) -> Result<(), Error> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let installed = async || {
        let all = request("list the CRDs".to_owned(), crds.list(&ListParams::default())).await?;
        let ours = all.items.into_iter().filter(|crd| crd.spec.group == GROUP);
        Ok::<_, Error>(ours.map(|crd| crd.name_any()).collect::<Vec<_>>())
    };
    for name in installed().await? {
        request(format!("delete the CRD {name}"), crds.delete(&name, &DeleteParams::default())).await?;
    }
    settle(async || {
        let left = installed().await?;
        Ok((!left.is_empty()).then(|| format!("there: {} (an object's finalizer holds it?)", left.join(", "))))
    })
    .await
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// Bounds a request: kube's client has no limit on how long it waits for an answer.
async fn request<T>(action: String, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_LIMIT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Request { action, source: Box::new(source) }),
        Err(_) => Err(Error::NoAnswer { action }),
    }
}

/// Asks until nothing is in the way any more.
async fn settle(obstacle: impl AsyncFn() -> Result<Option<String>, Error>) -> Result<(), Error> {
    let deadline = Instant::now() + SETTLE_LIMIT;
    while let Some(state) = obstacle().await? {
        if Instant::now() > deadline {
            return Err(Error::Unsettled { state });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_pins_the_release_that_is_installed() {
        assert!(GO_MOD.contains(&format!("\nrequire {MODULE} {GATEWAY_API_VERSION}\n")));
    }
}
