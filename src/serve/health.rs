//! `/livez`, `/readyz` and `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use super::{Pages, text};
use crate::cluster::classes::CacheState;

pub(super) fn router() -> Router<Pages> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

async fn livez() -> &'static str {
    "ok\n"
}

/// Ready: a good load is in force, and the cluster's classes are known (or their kind is known to be absent).
async fn readyz(State(pages): State<Pages>) -> (StatusCode, &'static str) {
    if pages.configuration.borrow().defaults.is_none() {
        return (StatusCode::SERVICE_UNAVAILABLE, "no good load of the defaults yet\n");
    }
    match pages.board.cache_state() {
        CacheState::Synced(_) => (StatusCode::OK, "ok\n"),
        CacheState::KindMissing => (StatusCode::OK, "ok, waiting for the GatewayClass CRD\n"),
        CacheState::Unknown | CacheState::Listing(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the watch on GatewayClasses isn't in sync yet\n")
        }
    }
}

async fn metrics(State(pages): State<Pages>) -> impl IntoResponse {
    text("application/openmetrics-text; version=1.0.0; charset=utf-8", pages.metrics.render())
}
