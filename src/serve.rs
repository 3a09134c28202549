//! What the controller says over HTTP: health and metrics for the cluster, the page for people, and the same as JSON.

mod health;
mod host;
mod page;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::board::Board;
use crate::cluster::journal::Journal;
use crate::cluster::leader::Role;
use crate::cluster::reach::Reach;
use crate::files::configuration::Configuration;
use crate::metrics::Metrics;

/// What the pages are made of.
#[derive(Clone)]
pub struct Pages {
    /// What is known of each class.
    pub board: Arc<Board>,
    /// What is in force, and how the last load ended.
    pub configuration: watch::Receiver<Configuration>,
    /// Whether this replica writes.
    pub role: watch::Receiver<Role>,
    /// Who holds the Lease; `None` if nobody is known to, or there is no election.
    pub holder: watch::Receiver<Option<Arc<str>>>,
    /// Whether the API server can be reached.
    pub reach: Arc<Reach>,
    /// What happened lately.
    pub journal: Arc<Journal>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// An address that can't be served on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not this machine's.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The pages for `--listen`: nothing here names a class or a value.
pub fn public(pages: Pages) -> Router {
    health::router().with_state(pages)
}

/// The pages for `--admin-listen`, which is this address.
pub fn admin(pages: Pages, address: SocketAddr) -> Router {
    page::guarded(page::router().merge(status::router()), host::Hosts::of(address)).with_state(pages)
}

/// Takes an address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// Serves until told to end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// A text answer that no browser takes for anything else.
fn text(media_type: &'static str, body: String) -> impl axum::response::IntoResponse {
    let nosniff = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), nosniff], body)
}
