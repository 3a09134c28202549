//! `/`: what is kept, for people. HTML made on the server, one stylesheet, no script; it is read-only, and asks the API
//! server nothing: it shows what is known already.
//!
//! [`shell`] is what every page begins with; [`classes`], [`class`] and [`configuration`] are the pages.

mod class;
mod classes;
mod configuration;
mod history;
mod manifest;
mod pager;
mod shell;
mod tone;
mod words;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::class::ClassPage;
use self::classes::{ClassesPage, Search};
use self::configuration::ConfigurationPage;
use self::shell::{Shell, style_tag};
use super::Pages;
use super::host::Hosts;

const STYLE: &str = include_str!("page/style.css");
const ICON: &str = include_str!("page/icon.svg");
/// Everything is from here, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// For what is the same as long as its address is.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) fn router() -> Router<Pages> {
    Router::new()
        .route("/", get(classes))
        .route("/classes/{name}", get(class))
        .route("/configuration", get(configuration))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .fallback(nothing_there)
}

/// The routes behind what holds for all of them: who may ask, how, and what a browser may do with the answer.
pub(super) fn guarded(router: Router<Pages>, hosts: Hosts) -> Router<Pages> {
    router.layer(from_fn(move |request: Request, next: Next| async move {
        let mut answer = if !hosts.take(request.headers()) {
            refusal(
                StatusCode::MISDIRECTED_REQUEST,
                "ask for this by localhost or by address: any page of the web can have a name\n",
            )
        } else if matches!(*request.method(), Method::GET | Method::HEAD) {
            next.run(request).await
        } else {
            let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "this is read-only: GET and HEAD\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        };
        let headers = answer.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        answer
    }))
}

fn refusal(status: StatusCode, words: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from(words)).into_response()
}

async fn classes(State(pages): State<Pages>, RawQuery(query): RawQuery) -> Response {
    let search = Search::of(query.as_deref());
    let shell = Shell::new(&pages, "/", query.as_deref());
    html(StatusCode::OK, &ClassesPage::new(&pages, search, shell))
}

async fn class(State(pages): State<Pages>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let shell = Shell::new(&pages, &words::class_link(&name), query.as_deref());
    if let Some(view) = pages.board.view(&name) {
        return html(StatusCode::OK, &ClassPage::new(&pages, &view, shell));
    }
    let message = format!("No default names a class {}, and nothing of one is kept.", words::Shown(&name));
    html(StatusCode::NOT_FOUND, &Problem { shell, title: "No such class", message })
}

async fn configuration(State(pages): State<Pages>, RawQuery(query): RawQuery) -> Response {
    let shell = Shell::new(&pages, "/configuration", query.as_deref());
    html(StatusCode::OK, &ConfigurationPage::new(&pages, query.as_deref(), shell))
}

async fn nothing_there(State(pages): State<Pages>) -> Response {
    let shell = Shell::new(&pages, "/", None);
    let message = "There is no such page.".to_owned();
    html(StatusCode::NOT_FOUND, &Problem { shell, title: "Not found", message })
}

/// The stylesheet is asked for by what is in it, so that it needs to be asked for once.
async fn style(RawQuery(query): RawQuery) -> Response {
    let is_this = query.as_deref() == Some(&*style_tag());
    let cached = if is_this { FOR_EVER } else { "no-store" };
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, cached)], STYLE).into_response()
}

async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=3600")], ICON).into_response()
}

/// There is nothing such, and why.
#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    shell: Shell,
    title: &'static str,
    message: String,
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        // Writing to a String can't fail, and nothing else does.
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "this page can't be made\n"),
    }
}
