//! The page in a real browser: what people see, reach by keyboard, and can read.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test page` takes the pictures in `docs/` anew. Look at them before you commit them.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod demo;
mod keyboard;
mod many;
mod pictures;
#[path = "../it/program.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "../it/proxy.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod proxy;
#[path = "../it/scenario.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod scenario;
mod webdriver;

use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, default, with};
use crate::webdriver::{Browser, Scheme, Screen};

/// The pages that there are, on a cluster that has these classes.
fn pages(class: &str) -> [String; 6] {
    [
        "/".to_owned(),
        "/?q=no-such-class&outcome=Blocked".to_owned(),
        format!("/classes/{class}"),
        "/classes/none".to_owned(),
        "/configuration".to_owned(),
        "/nowhere".to_owned(),
    ]
}

/// Everything that must be so of every page, on each screen and in each colour scheme.
async fn looks_at_everything(browser: &Browser, program: &Program, class: &str) {
    let origin = format!("http://{}", program.admin().await);
    for path in pages(class) {
        for (scheme, screen) in Scheme::BOTH.into_iter().flat_map(|scheme| Screen::BOTH.map(|screen| (scheme, screen)))
        {
            let what = format!("{path}, {scheme:?}, {screen:?}");
            browser.set_screen(screen);
            browser.set_scheme(scheme);
            browser.requested();
            browser.open(&format!("{origin}{path}"));
            // A page that is answered by 404 says so in the console; everything else is a mistake.
            let is_404 = |entry: &Value| entry["message"].as_str().unwrap().contains("404 (Not Found)");
            let console: Vec<_> = browser.console().into_iter().filter(|entry| !is_404(entry)).collect();
            assert!(console.is_empty(), "{what}: {console:#?}");
            let requested = browser.requested();
            assert!(requested.iter().any(|url| url.contains("/style.css?")), "{what}: {requested:?}");
            assert!(requested.iter().all(|url| url.starts_with(&origin)), "{what}: {requested:?}");
            let ground = browser.script("return getComputedStyle(document.body).backgroundColor");
            let is_dark = ground.as_str().unwrap().starts_with("rgb(1");
            assert_eq!(is_dark, scheme == Scheme::Dark, "{what}: {ground}");
            let overhang = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.script(overhang), 0, "{what}: it is wider than the screen");
            let violations = browser.violations();
            assert!(violations.is_empty(), "{what}: {violations:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_by_everybody_and_asks_nobody_else() {
    let Some(browser) = Browser::start() else { return };
    let s = Scenario::new("looks").await;
    let program = demo::start(&s).await;
    pictures::take(&browser, &program, "docs/page.png", "docs/page-dark.png").await;
    looks_at_everything(&browser, &program, "edge-public").await;
    demo::refuse(&s, &program).await;
    pictures::take_refused(&browser, &program).await;
    looks_at_everything(&browser, &program, "nginx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_users_write_becomes_a_part_of_the_page() {
    let Some(browser) = Browser::start() else { return };
    let s = Scenario::new("hostile").await;
    let (name, evil) = (s.name("a"), "<script>alert(1)</script>\u{202e}<img src=x onerror=alert(2)>");
    let note = format!("{evil}\u{0}\"'><svg onload=alert(3)>");
    let class = with(default(&name), "/spec/description", json!(evil));
    s.mount(&[with(class, "/metadata/annotations/example.com~1note", json!(note.replace('\0', "")))]);
    let program = s.run().await;
    program.class_is(&name, "Unchanged").await;
    s.edit(
        &name,
        "%3Cb%3Emallory%3C%2Fb%3E",
        &json!({"spec": {"description": "</code></td><iframe src=//evil.example>"}}),
    )
    .await;
    let yields = |class: &Value| class["units"].as_array().unwrap().iter().any(|unit| unit["action"] == "Yielded");
    program.class_where(&name, "is Mallory's", yields).await;
    s.mount_text("kind: <script>alert(4)</script>\napiVersion: \"<img src=x onerror=alert(5)>\"\n");
    demo::is_refused(&program).await;
    let origin = format!("http://{}", program.admin().await);
    let search = "/?q=%22%3E%3Cscript%3Ealert(6)%3C/script%3E";
    for path in [format!("/classes/{name}"), "/configuration".to_owned(), "/".to_owned(), search.to_owned()] {
        browser.open(&format!("{origin}{path}"));
        let foreign = "return document.querySelectorAll('script, img, iframe, svg:not(.brand svg), [onerror], [onload], b:not(td b, .help b)').length";
        assert_eq!(browser.script(foreign), 0, "{path}");
        assert_eq!(
            browser.script("return document.querySelectorAll('base, meta[http-equiv], style, [style]').length"),
            0
        );
        assert!(browser.console().is_empty(), "{path}");
        let text = browser.script("return document.body.innerText").as_str().unwrap().to_owned();
        assert!(!text.contains('\u{202e}'), "{path} turns the direction of writing");
    }
    assert_eq!(browser.script("return document.querySelector('#q').value"), "\"><script>alert(6)</script>");
    browser.open(&format!("{origin}/classes/{name}"));
    let text = browser.script("return document.body.innerText").as_str().unwrap().to_owned();
    for shown in ["<script>alert(1)</script>\\u{202e}<img", "</code></td><iframe src=//evil.example>", "<b>mallory</b>"]
    {
        assert!(text.contains(shown), "no {shown:?} in {text}");
    }
}
