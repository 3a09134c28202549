//! Counts each request to the API server, by verb and answer, at the one place they all pass.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::Map;
use http::{Method, Request, Response};
use kube::client::Body;
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// A layer of the client that counts requests.
#[derive(Clone)]
pub(super) struct CountRequests {
    metrics: Arc<Metrics>,
}

impl CountRequests {
    /// A layer that counts into these metrics.
    #[must_use]
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.metrics.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

type Count<R, E> = Box<dyn FnOnce(Result<R, E>) -> Result<R, E> + Send>;

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Map<S::Future, Count<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verb = verb(&request);
        let method = method(request.method());
        let metrics = self.metrics.clone();
        self.inner.call(request).map(Box::new(move |answer: Result<Response<B>, S::Error>| {
            metrics.count_request(verb, method, answer.as_ref().ok().map(|answer| answer.status().as_u16()));
            answer
        }))
    }
}

/// A request's method, from a closed set.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}

/// What a request does, in the words of the API server's own metrics.
fn verb(request: &Request<Body>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let media_type = request.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match *request.method() {
        Method::GET if query.contains("watch=true") => "WATCH",
        Method::GET => "GET",
        Method::PATCH if media_type.is_some_and(|media_type| media_type.contains("apply-patch")) => "APPLY",
        _ => method(request.method()),
    }
}
