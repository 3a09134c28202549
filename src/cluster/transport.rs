//! How requests travel: over TLS, with Nagle's algorithm off.
//!
//! kube's own client leaves it on. A handshake ends with a small write of ours, which the server need not answer, and the
//! request is the next one: the kernel holds it back until the server's delayed acknowledgement, 40 ms later. That was
//! most of a start, and as much for each new connection after it. Go's clients have it off, as `TCP_NODELAY`.

use http::Request;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Builder, Client as HttpClient};
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, ConfigExt};
use tower::{BoxError, Service, ServiceBuilder};

/// What sends a request to the cluster of this configuration, with its credentials. It has neither retries nor traces; and
/// no proxy, which is for kube's own client to take or to refuse.
pub(super) fn transport(
    config: &Config,
) -> Result<
    impl Service<Request<Body>, Response = http::Response<hyper::body::Incoming>, Error = BoxError, Future: Send>
    + Send
    + 'static,
    kube::Error,
> {
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp())?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let http: HttpClient<_, Body> = Builder::new(TokioExecutor::new()).build(connector);
    Ok(ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    // TLS is above it.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_sends_at_once() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", server.local_addr().unwrap()).parse().unwrap();
        let connection = tcp().call(address).await.unwrap();
        assert!(connection.inner().nodelay().unwrap(), "Nagle's algorithm is on");
    }
}
