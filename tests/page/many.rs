//! Two thousand classes stay usable.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scenario::{Scenario, default, eventually};
use crate::webdriver::{Browser, Screen};

const CLASSES: usize = 2000;
/// A page isn't bigger, however many classes there are.
const BYTES: usize = 150_000;
/// Nobody waits longer for one, also for what is compiled for debugging.
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_classes_stay_usable() {
    let s = Scenario::new("many").await;
    let name = |index: usize| s.name(&format!("{index:04}"));
    let all: Vec<Value> = (0..CLASSES).map(|index| default(&name(index))).collect();
    s.mount_text(&all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n"));
    let program = s.run().await;
    // It has time for each part: a machine that does much else creates a hundred in a second.
    for part in [500.0, 1000.0, 1500.0, 2000.0] {
        eventually("that many are there", || async {
            let unchanged = program.metric("classkeeper_classes{outcome=\"Unchanged\"}").await;
            if unchanged >= part { Ok(()) } else { Err(unchanged) }
        })
        .await;
    }
    s.edit(&name(1234), "kubectl-edit", &json!({"spec": {"description": "Found"}})).await;
    eventually("it is yielded", || async {
        let yielded = program.metric("classkeeper_units_yielded").await;
        if yielded > 0.5 { Ok(()) } else { Err(yielded) }
    })
    .await;
    s.stays_quiet().await;

    // Two thousand Events are told one by one, for a while.
    let before = s.proxy.requests().len();
    let one = format!("/?q={}", name(1234));
    for (path, rows) in [
        ("/", 100),
        ("/?page=20", 100),
        ("/?page=21", 100),
        ("/?owner=others", 1),
        ("/?q=00+many", 100),
        (&one, 1),
        ("/?outcome=Blocked", 0),
        ("/configuration", 100),
        (&format!("/classes/{}", name(1234)), 0),
    ] {
        let start = Instant::now();
        let answer = program.ask_admin("GET", path, &[]).await;
        let took = start.elapsed();
        assert_eq!(answer.status, 200, "{path}");
        let links = answer.body.matches("scope=\"row\"><a href=\"/classes/").count();
        assert_eq!(links, rows, "{path}");
        assert!(answer.body.len() < BYTES && took < PATIENCE, "{path}: {} bytes, {took:?}", answer.body.len());
    }
    assert_eq!(s.proxy.requests().len(), before, "the API server was asked something");

    let Some(browser) = Browser::start() else { return };
    browser.set_screen(Screen::Desktop);
    browser.open(&format!("http://{}/", program.admin().await));
    let first = "return document.querySelector('tbody th').innerText";
    let click = |selector: &str| browser.script(&format!("document.querySelector('{selector}').click()"));
    assert_eq!(browser.script(first), name(0));
    click("a[rel=next]");
    assert_eq!(browser.script(first), name(100));
    let caption = "return document.querySelector('caption').innerText";
    assert_eq!(browser.script(caption), "101 to 200 of 2,000");
    click("a[rel=prev]");
    assert_eq!(browser.script(first), name(0));
}
