//! The webhook's server: TLS, two paths, and a bound on everything that a caller could make grow.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Admission;
use super::review::{Answer, ReviewError};
use super::served::Served;
use crate::metrics::{ReviewResult, Reviewed};

/// How long an answer may take. Whoever asks waits for it, so none at all is better than a late one.
const DEADLINE: Duration = Duration::from_millis(900);
/// The API server takes requests of 3 MiB, and a review of an update has the object twice.
const LARGEST_REVIEW: usize = 7 << 20;
/// Reviews that are looked at at the same time: a large one takes its time and its memory.
const AT_ONCE: usize = 4;
/// Connections at the same time: some for each API server.
const CONNECTIONS: usize = 100;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection may wait for the next request. API servers close theirs after 90 s.
const IDLE: Duration = Duration::from_mins(2);
/// How long open connections are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long to wait after a connection couldn't be taken, for want of file descriptors perhaps.
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);

/// The admission server.
pub struct Server {
    /// What answers are made of.
    pub admission: Admission,
    /// Where it is asked.
    pub listener: TcpListener,
    /// The certificate; without one, no handshake succeeds.
    pub served: Arc<Served>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

impl Server {
    /// Serves until told to end. An error means that TLS isn't possible at all.
    pub async fn run(self) -> Result<(), rustls::Error> {
        let Self { admission, listener, served, shutdown } = self;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(served);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (router, connections) = (router(admission), Arc::new(Semaphore::new(CONNECTIONS)));
        let mut open = JoinSet::new();
        let accept = async {
            loop {
                // The semaphore is never closed.
                let Ok(room) = connections.clone().acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let connection = connection(stream, acceptor.clone(), router.clone(), shutdown.clone());
                        open.spawn(async move {
                            connection.await;
                            drop(room);
                        });
                        while open.try_join_next().is_some() {}
                    }
                    Err(error) => {
                        warn!(%error, "a connection to the webhook can't be taken");
                        tokio::time::sleep(AFTER_AN_ERROR).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(accept).await;
        // Their requests are answered, if that is soon done.
        let _ = timeout(LAST_ANSWERS, async { while open.join_next().await.is_some() {} }).await;
        Ok(())
    }
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, shutdown: CancellationToken) {
    let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "a TLS handshake failed"),
        Err(_) => return debug!("a TLS handshake took too long"),
    };
    let serve = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serve = std::pin::pin!(serve);
    let ended = tokio::select! {
        ended = &mut serve => ended,
        () = shutdown.cancelled() => {
            serve.as_mut().graceful_shutdown();
            serve.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection to the webhook ended");
    }
}

#[derive(Clone)]
struct Desk {
    admission: Admission,
    room: Arc<Semaphore>,
}

fn router(admission: Admission) -> Router {
    let desk = Desk { admission, room: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/validate/configmaps", post(review_config_map))
        .route("/validate/gatewayclasses", post(review_class))
        .with_state(desk)
}

async fn review_config_map(State(desk): State<Desk>, request: HttpRequest) -> Response {
    desk.review(Reviewed::ConfigMaps, request, Admission::review_config_map).await
}

async fn review_class(State(desk): State<Desk>, request: HttpRequest) -> Response {
    desk.review(Reviewed::GatewayClasses, request, Admission::review_class).await
}

/// Answers the body of a review.
type Judge = fn(&Admission, &[u8]) -> Result<(String, Answer), ReviewError>;

/// Why there is no answer. The API server then does what the webhook's failurePolicy says.
struct NoAnswer(StatusCode, String);

impl Desk {
    async fn review(self, reviewed: Reviewed, request: HttpRequest, judge: Judge) -> Response {
        let metrics = self.admission.metrics.clone();
        let late = || NoAnswer(StatusCode::SERVICE_UNAVAILABLE, "no answer within the deadline".to_owned());
        let answer = timeout(DEADLINE, self.answer(request, judge)).await.unwrap_or_else(|_| Err(late()));
        match answer {
            Ok((uid, answer)) => {
                let result = match &answer {
                    Answer::Allowed(warnings) if warnings.is_empty() => ReviewResult::Allowed,
                    Answer::Allowed(_) => ReviewResult::Warned,
                    Answer::Refused(_) => ReviewResult::Refused,
                };
                metrics.admission().count_review(reviewed, result);
                axum::Json(answer.review(&uid)).into_response()
            }
            Err(NoAnswer(code, text)) => {
                metrics.admission().count_review(reviewed, ReviewResult::Failed);
                warn!(code = code.as_u16(), "a review of {} isn't answered: {text}", reviewed.as_str());
                (code, text + "\n").into_response()
            }
        }
    }

    async fn answer(self, request: HttpRequest, judge: Judge) -> Result<(String, Answer), NoAnswer> {
        let Self { admission, room } = self;
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).map(str::trim);
        if media_type != Some("application/json") {
            return Err(NoAnswer(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a review is application/json".to_owned()));
        }
        // Before the body is read, since it is what takes memory. The semaphore is never closed.
        let room = room.acquire_owned().await.ok();
        let body = read(request.into_body()).await?;
        let judged = tokio::task::spawn_blocking(move || {
            // Held as long as the work goes on, also if nobody waits for its end any more.
            let _room = room;
            judge(&admission, &body)
        });
        match judged.await {
            Ok(judged) => judged.map_err(|error| {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                NoAnswer(StatusCode::BAD_REQUEST, format!("{error}{source}"))
            }),
            Err(error) => Err(NoAnswer(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        }
    }
}

async fn read(body: Body) -> Result<bytes::Bytes, NoAnswer> {
    match Limited::new(body, LARGEST_REVIEW).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let text = format!("a review has at most {} MiB", LARGEST_REVIEW >> 20);
            Err(NoAnswer(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
        Err(error) => Err(NoAnswer(StatusCode::BAD_REQUEST, format!("the body can't be read: {error}"))),
    }
}
