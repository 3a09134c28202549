//! The document `Tenant` as it is written.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::engine::defaults::Origin;
use crate::engine::document::Node;
use crate::engine::schema::limits;
use crate::engine::tenancy::{self, Boundary, Glob, Right};

/// A boundary inside which a team writes defaults of its own. It stands in the platform's files only.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::engine) struct Tenant {
    /// The name of the tenant. Nothing else is allowed here.
    metadata: Metadata,
    /// The namespaces of the team. ConfigMaps there with the label `classkeeper.dev/defaults: "true"` are its files. A
    /// namespace belongs to one tenant.
    #[schemars(schema_with = "limits::namespaces")]
    namespaces: Vec<Arc<str>>,
    /// What the team's files may ask for.
    allow: Allow,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Metadata {
    /// A DNS label. The tenant's field manager is `classkeeper/` and this name.
    #[schemars(schema_with = "limits::tenant_name")]
    name: Arc<str>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Allow {
    /// The names that its classes may have: patterns in which `*` stands for any characters, for example `team-a-*`.
    #[schemars(schema_with = "limits::class_name_globs")]
    names: Box<[Glob]>,
    /// The controllers that its classes may belong to: patterns in which `*` stands for any characters, also for `/`, for
    /// example `kgateway.dev/*`.
    #[schemars(schema_with = "limits::controller_name_globs")]
    controller_names: Box<[Glob]>,
    /// The namespaces of the parameters that its classes may refer to; "" allows cluster-scoped parameters. Without any, no
    /// class may have a `parametersRef`.
    #[serde(default)]
    #[schemars(schema_with = "limits::parameters_namespaces")]
    parameters_namespaces: Box<[Box<str>]>,
    /// The kinds of these parameters as `group/Kind`, of the core group as `/Kind`. Without any: every kind.
    #[serde(default)]
    #[schemars(schema_with = "limits::parameters_kinds")]
    parameters_kinds: Box<[Box<str>]>,
    /// The policies that its classes may have beyond the harmless ones: `Force` (`conflicts`), `Enforce`, `Adopt`
    /// (`adoptFrom`), `Delete` (`onRemove`), `Protect`; `onReplace: Recreate` needs `Force` and `Delete`.
    #[serde(default)]
    policies: Box<[Right]>,
}

/// Reads a document that the kind's schema accepts.
pub(in crate::engine) fn tenant(root: &Node<'_>, origin: Origin) -> Result<tenancy::Tenant, serde::de::value::Error> {
    let Tenant { metadata, mut namespaces, allow } = Tenant::deserialize(root)?;
    let Allow { names, controller_names, parameters_namespaces, parameters_kinds, policies: rights } = allow;
    namespaces.sort();
    let boundary = Boundary { names, controller_names, parameters_namespaces, parameters_kinds, rights };
    Ok(tenancy::Tenant { name: metadata.name, namespaces: namespaces.into(), boundary, origin })
}
