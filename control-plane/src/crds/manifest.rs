//! Reads CRDs from the files of a release.

use std::{fs, io, path::Path};

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::Error;

/// One CRD of the module: the apply body, and what to ask for to see that it's served.
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) body: Value,
    pub(super) resource: ApiResource,
}

/// Reads the CRDs of a folder. Newer releases also ship a `ValidatingAdmissionPolicy` that forbids going back to an older
/// release, which tests want to do: everything that isn't a CRD is left out.
pub(super) fn read(folder: &Path) -> Result<Vec<Manifest>, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Read { path, source }
    };
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .map_err(failed(folder))?;
    paths.sort();
    let mut manifests = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = fs::read_to_string(path).map_err(failed(path))?;
        let options = serde_saphyr::options! { strict_booleans: true };
        let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
            .map_err(|source| Error::Parse { path: path.clone(), source: Box::new(source) })?;
        for document in documents.into_iter().filter(|document| document["kind"] == "CustomResourceDefinition") {
            manifests.push(Manifest::new(document).map_err(|field| Error::Malformed { path: path.clone(), field })?);
        }
    }
    Ok(manifests)
}

impl Manifest {
    fn new(mut body: Value) -> Result<Self, &'static str> {
        let text = |field: &Value, path| field.as_str().map(str::to_owned).ok_or(path);
        let name = text(&body["metadata"]["name"], "metadata.name")?;
        let spec = &body["spec"];
        let versions = spec["versions"].as_array().ok_or("spec.versions")?;
        let served = versions.iter().find(|version| version["served"] == true).ok_or("a served version")?;
        let kind = GroupVersionKind {
            group: text(&spec["group"], "spec.group")?,
            version: text(&served["name"], "spec.versions.name")?,
            kind: text(&spec["names"]["kind"], "spec.names.kind")?,
        };
        let resource = ApiResource::from_gvk_with_plural(&kind, &text(&spec["names"]["plural"], "spec.names.plural")?);
        // Older releases carry a status and a creation time of null, which are the server's to set.
        if let Some(fields) = body.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.remove("creationTimestamp");
        }
        Ok(Self { name, body, resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let crd = "kind: CustomResourceDefinition\nmetadata: {name: as.b, creationTimestamp: null}\n\
                   spec: {group: b, names: {kind: A, plural: as}, versions: [{name: v1, served: true}]}\n\
                   status: {conditions: null}\n";
        fs::write(folder.path().join("crd.yaml"), format!("kind: ValidatingAdmissionPolicy\n---\n{crd}")).unwrap();
        fs::write(folder.path().join("README.md"), "# no YAML").unwrap();
        let manifests = read(folder.path()).unwrap();
        assert_eq!(manifests.len(), 1);
        assert_eq!(manifests[0].name, "as.b");
        assert_eq!(manifests[0].resource.api_version, "b/v1");
        assert!(manifests[0].body.get("status").is_none());
        assert!(manifests[0].body["metadata"].get("creationTimestamp").is_none());
    }

    #[test]
    fn a_crd_without_a_name_is_named_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("crd.yaml"), "kind: CustomResourceDefinition\n").unwrap();
        let error = read(folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("crd.yaml holds a CRD without metadata.name"), "{error}");
    }
}
