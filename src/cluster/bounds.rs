//! Bounds for what kube's watcher sends, which has none of its own: an answer begins in time, a watch that says nothing
//! is over, and a refusal is handed on only when the server wants to be asked again.
//!
//! Calls of ours bring their bounds with them ([`api`](super::api)) and pass untouched.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::{BoxError, Layer, Service};

use super::api::{DEADLINE, refused_for};

/// How long a watch may say nothing. The API server sends a bookmark about once a minute where nothing else happens; what
/// lets that not through, and doesn't end the connection either, lets no event through.
const SILENCE: Duration = Duration::from_secs(90);

/// Marks a request that has bounds of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded;

/// A layer of the client that bounds what isn't [`Bounded`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds;

impl<S> Layer<S> for Bounds {
    type Service = InBounds<S>;

    fn layer(&self, inner: S) -> InBounds<S> {
        InBounds { inner }
    }
}

/// A service whose answers come in time, or not at all.
#[derive(Clone)]
pub(super) struct InBounds<S> {
    inner: S,
}

/// An answer that doesn't come.
#[derive(Debug, thiserror::Error)]
enum OutOfBounds {
    #[error("no answer from the API server within {} s", DEADLINE.as_secs())]
    Late,
    #[error("the API server said nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

impl<S, B> Service<Request<Body>> for InBounds<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Heard<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Heard<B>>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_bounded = request.extensions().get::<Bounded>().is_some();
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let answer = self.inner.call(request);
        async move {
            if is_bounded {
                return Ok(answer.await?.map(|body| Heard { body, silence: None }));
            }
            let response = timeout(DEADLINE, answer).await.map_err(|_| OutOfBounds::Late)??;
            if let Some(pause) = refused_for(response.status(), response.headers()) {
                sleep(pause).await;
            }
            let limit = if is_watch { SILENCE } else { DEADLINE };
            Ok(response.map(|body| Heard { body, silence: Some(Silence { limit, end: Box::pin(sleep(limit)) }) }))
        }
        .boxed()
    }
}

/// A body that ends with an error when it says nothing for too long.
pub(super) struct Heard<B> {
    body: B,
    silence: Option<Silence>,
}

struct Silence {
    limit: Duration,
    end: Pin<Box<Sleep>>,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Heard<B>
where
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, silence } = &mut *self;
        let frame = Pin::new(body).poll_frame(context);
        let Some(Silence { limit, end }) = silence else { return frame.map_err(Into::into) };
        if frame.is_ready() {
            end.as_mut().reset(Instant::now() + *limit);
            return frame.map_err(Into::into);
        }
        end.as_mut().poll(context).map(|()| Some(Err(OutOfBounds::Silent(*limit).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
