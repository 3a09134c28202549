//! `/status`: what came of each class, and of the last load, as JSON.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use super::Pages;
use crate::cluster::leader::Role;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::outcome::Report;
use crate::engine::source::{Listing, LoadState, Progress, SourceId, SourceState, TemplatesState, TenantState};
use crate::engine::template::expansions::NamespaceFinding;
use crate::files::configuration::Configuration;

pub(super) fn router() -> Router<Pages> {
    Router::new().route("/status", get(status))
}

#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    report: Report,
    config: Config,
    leader: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    state: LoadState,
    digest: Option<String>,
    loaded_at: Option<Timestamp>,
    findings: Arc<[Diagnostic]>,
    sources: Vec<Source>,
    tenants: Vec<Tenant>,
    templates: Templates,
}

/// What templates give.
#[derive(Serialize)]
struct Templates {
    complete: bool,
    message: Option<Arc<str>>,
    classes: usize,
    findings: Arc<[NamespaceFinding]>,
}

impl From<TemplatesState> for Templates {
    fn from(state: TemplatesState) -> Self {
        let TemplatesState { progress, trouble, classes, findings, held: _ } = state;
        Self { complete: progress == Progress::Complete, message: trouble, classes, findings }
    }
}

/// One source by itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(rename = "source")]
    id: SourceId,
    tenant: Option<Arc<str>>,
    state: LoadState,
    classes: usize,
    digest: Option<String>,
    loaded_at: Option<Timestamp>,
    findings: Arc<[Diagnostic]>,
}

/// A tenant, and whether its ConfigMaps are known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    name: Arc<str>,
    listed: bool,
    message: Option<Arc<str>>,
}

impl From<&SourceState> for Source {
    fn from(source: &SourceState) -> Self {
        let SourceState { id, uid: _, state, filling: _, in_force: _, classes, digest, loaded_at, findings } = source;
        let tenant = match id {
            SourceId::Directory | SourceId::ConfigMap(_) | SourceId::Templates => None,
            SourceId::Tenant { tenant, .. } => Some(tenant.clone()),
        };
        Self {
            id: id.clone(),
            tenant,
            state: *state,
            classes: *classes,
            digest: digest.clone(),
            loaded_at: *loaded_at,
            findings: findings.clone(),
        }
    }
}

impl From<&TenantState> for Tenant {
    fn from(tenant: &TenantState) -> Self {
        let TenantState { name, listing, deletion: _, leaving: _, trouble } = tenant;
        Self { name: name.clone(), listed: *listing == Listing::Complete, message: trouble.clone() }
    }
}

async fn status(State(pages): State<Pages>) -> Json<Status> {
    let Configuration { digest, loaded_at, state, findings, sources, tenants, templates, defaults: _, names: _ } =
        pages.configuration.borrow().clone();
    let (sources, tenants) = (sources.iter().map(Source::from).collect(), tenants.iter().map(Tenant::from).collect());
    let config = Config { state, digest, loaded_at, findings, sources, tenants, templates: templates.into() };
    let leader = *pages.role.borrow() == Role::Leader;
    Json(Status { report: pages.board.report(), config, leader })
}
