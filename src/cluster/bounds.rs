//! Bounds for what kube's watcher sends, which has none of its own: an answer begins in time, a watch that says nothing
//! is over, and a refusal is handed on only when the server wants to be asked again.
//!
//! Calls of ours bring their bounds with them ([`api`](super::api)) and pass untouched.

use std::pin::Pin;
use std::sync::Arc;
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
use super::reach::Reach;

/// How long a watch may say nothing. The API server sends a bookmark about once a minute where nothing else happens; what
/// lets that not through, and doesn't end the connection either, lets no event through.
const SILENCE: Duration = Duration::from_secs(90);

/// Marks a request that has bounds of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded;

/// A layer of the client that bounds what isn't [`Bounded`], and notes of everything whether the server was heard.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Where that is noted.
    pub(super) reach: Arc<Reach>,
}

impl<S> Layer<S> for Bounds {
    type Service = InBounds<S>;

    fn layer(&self, inner: S) -> InBounds<S> {
        InBounds { inner, reach: self.reach.clone() }
    }
}

/// A service whose answers come in time, or not at all.
#[derive(Clone)]
pub(super) struct InBounds<S> {
    inner: S,
    reach: Arc<Reach>,
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
        let (reach, asked) = (self.reach.clone(), self.reach.ask());
        let answer = self.inner.call(request);
        async move {
            if is_bounded {
                let answer = answer.await;
                asked.end(answer.as_ref().map(Response::status));
                return Ok(answer?.map(|body| Heard { body, silence: None, reach }));
            }
            let answer = timeout(DEADLINE, answer).await.unwrap_or_else(|_| Err(OutOfBounds::Late.into()));
            asked.end(answer.as_ref().map(Response::status));
            let response = answer?;
            if let Some(pause) = refused_for(response.status(), response.headers()) {
                sleep(pause).await;
            }
            let limit = if is_watch { SILENCE } else { DEADLINE };
            let silence = Some(Silence { limit, end: Box::pin(sleep(limit)) });
            Ok(response.map(|body| Heard { body, silence, reach }))
        }
        .boxed()
    }
}

/// A body that ends with an error when it says nothing for too long.
pub(super) struct Heard<B> {
    body: B,
    silence: Option<Silence>,
    reach: Arc<Reach>,
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
        let Self { body, silence, reach } = &mut *self;
        let frame = Pin::new(body).poll_frame(context).map_err(Into::into);
        let frame = match silence {
            Some(Silence { limit, end }) if frame.is_ready() => {
                end.as_mut().reset(Instant::now() + *limit);
                frame
            }
            Some(Silence { limit, end }) => {
                end.as_mut().poll(context).map(|()| Some(Err(OutOfBounds::Silent(*limit).into())))
            }
            None => frame,
        };
        match &frame {
            Poll::Ready(Some(Ok(_))) => reach.heard(),
            Poll::Ready(Some(Err(error))) => reach.erred(&**error),
            Poll::Ready(None) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
