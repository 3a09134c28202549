//! Edits of an installed CRD's versions: what its next release, or an administrator, does to them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};

use super::{Error, FIELD_MANAGER, REQUEST_LIMIT, request, settle};

/// Changes `spec.versions` of a CRD, and waits until each version is served, or isn't, as it says then.
///
/// A change of a schema is in force a moment later, which can't be seen from outside.
pub(crate) async fn versions(client: &Client, name: &str, edit: impl FnOnce(&mut Vec<Value>)) -> Result<(), Error> {
    let (crds, crd) = read(client, name).await?;
    let mut versions = crd["spec"]["versions"].as_array().cloned().unwrap_or_default();
    edit(&mut versions);
    let patch = Patch::Merge(json!({"spec": {"versions": versions}}));
    request(format!("edit the CRD {name}"), crds.patch(name, &manager(), &patch)).await?;

    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = &crd["spec"]["names"];
    let (group, kind, plural) = (text(&crd["spec"]["group"]), text(&names["kind"]), text(&names["plural"]));
    let before = crd["spec"]["versions"].as_array().into_iter().flatten();
    for version in before.chain(&versions).map(|version| text(&version["name"])) {
        let wanted = versions.iter().any(|after| after["name"] == version.as_str() && after["served"] == true);
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&group, &version, &kind), &plural);
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        settle(async || {
            let answer = tokio::time::timeout(REQUEST_LIMIT, objects.list(&ListParams::default().limit(1))).await;
            let state = match answer {
                Ok(Ok(_)) if !wanted => Some("serves"),
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => wanted.then_some("doesn't serve"),
                Ok(Ok(_)) => None,
                Ok(Err(_)) | Err(_) => Some("doesn't say whether it serves"),
            };
            Ok(state.map(|state| format!("the server {state} {plural} in {version}")))
        })
        .await?;
    }
    Ok(())
}

/// Takes a version out of a CRD whose objects are stored in another, as an administrator does who has migrated them.
pub(crate) async fn drop_version(client: &Client, name: &str, version: &str) -> Result<(), Error> {
    let (crds, crd) = read(client, name).await?;
    // The server refuses to drop a version that may still be in its store.
    let mut stored = crd["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
    stored.retain(|stored| stored != version);
    let patch = Patch::Merge(json!({"status": {"storedVersions": stored}}));
    request(format!("edit the status of the CRD {name}"), crds.patch_status(name, &manager(), &patch)).await?;
    versions(client, name, |versions| versions.retain(|kept| kept["name"] != version)).await
}

/// A CRD to the letter: a type of ours would lose what it doesn't know.
async fn read(client: &Client, name: &str) -> Result<(Api<DynamicObject>, Value), Error> {
    let resource = ApiResource::erase::<CustomResourceDefinition>(&());
    let crds: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let crd = request(format!("read the CRD {name}"), crds.get(name)).await?;
    Ok((crds, crd.data))
}

fn manager() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}
