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
use crate::files::follow::{Configuration, ConfigurationState};

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
    state: &'static str,
    digest: Option<String>,
    loaded_at: Option<Timestamp>,
    findings: Arc<[Diagnostic]>,
}

async fn status(State(pages): State<Pages>) -> Json<Status> {
    let Configuration { digest, loaded_at, state, findings, defaults: _ } = pages.configuration.borrow().clone();
    let state = match state {
        ConfigurationState::Pending => "Pending",
        ConfigurationState::Accepted => "Accepted",
        ConfigurationState::Rejected => "Rejected",
    };
    let leader = *pages.role.borrow() == Role::Leader;
    Json(Status { report: pages.board.report(), config: Config { state, digest, loaded_at, findings }, leader })
}
