//! Who has only a keyboard gets everywhere, and sees where they are.

use crate::demo;
use crate::scenario::{Scenario, default};
use crate::webdriver::{Browser, ENTER, Screen, TAB};

/// What has the focus, in words, and whether that can be seen.
const FOCUS: &str = "const it = document.activeElement, style = getComputedStyle(it);
    const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const box = it.getBoundingClientRect();
    const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
    return [it.id || it.innerText.replace(/\\s+/g, ' ').trim() || it.tagName, seen && inside ? 'seen' : 'hidden'].join(' / ')";

/// Presses Tab so many times; what has the focus after each.
fn tab(browser: &Browser, times: usize) -> Vec<String> {
    (0..times)
        .map(|_| {
            browser.keys(TAB);
            browser.script(FOCUS).as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_only_a_keyboard_gets_everywhere() {
    let Some(browser) = Browser::start() else { return };
    let s = Scenario::new("keyboard").await;
    s.mount(&[default(&s.name("a")), default(&s.name("b"))]);
    let program = s.run().await;
    program.class_is(&s.name("a"), "Unchanged").await;
    program.class_is(&s.name("b"), "Unchanged").await;
    let origin = format!("http://{}", program.admin().await);
    browser.set_screen(Screen::Desktop);
    browser.open(&format!("{origin}/"));
    let seen = |names: &[&str]| names.iter().map(|name| format!("{name} / seen")).collect::<Vec<_>>();
    let head = ["Skip to the content", "classkeeper", "Classes", "Configuration", "JSON", "Reload", "q", "Search"];
    assert_eq!(tab(&browser, 8), seen(&head));
    assert_eq!(tab(&browser, 4), seen(&["All 2", "Unchanged 2", &s.name("a"), &s.name("b")]));
    browser.keys(ENTER);
    assert_eq!(browser.url(), format!("{origin}/classes/{}", s.name("b")));

    // The way around what every page begins with.
    assert_eq!(tab(&browser, 1), seen(&["Skip to the content"]));
    browser.keys(ENTER);
    assert_eq!(browser.script("return document.activeElement.id"), "main");
    assert_eq!(tab(&browser, 1), seen(&["Classes"]), "the way back");
    browser.keys(ENTER);
    assert_eq!(browser.url(), format!("{origin}/"));

    // A search without a mouse.
    tab(&browser, 7);
    browser.keys(&s.name("a"));
    browser.keys(ENTER);
    assert_eq!(browser.url(), format!("{origin}/?q={}", s.name("a")));
    let rows = "return [...document.querySelectorAll('tbody th')].map(cell => cell.innerText).join()";
    assert_eq!(browser.script(rows), s.name("a"));
}

/// What is wider than its place can be moved by keyboard: a text that is cut off for others isn't for them.
#[tokio::test(flavor = "multi_thread")]
async fn what_scrolls_has_the_focus() {
    let Some(browser) = Browser::start() else { return };
    let s = Scenario::new("scrolls").await;
    let program = demo::refused(&s).await;
    browser.set_screen(Screen::Phone);
    browser.open(&format!("http://{}/configuration", program.admin().await));
    let unreachable = "return [...document.querySelectorAll('*')].filter(it => it.scrollWidth > it.clientWidth + 1
        && ['auto', 'scroll'].includes(getComputedStyle(it).overflowX) && it.tabIndex < 0).length";
    assert_eq!(browser.script(unreachable), 0);
    let scrolling = "return [...document.querySelectorAll('pre')].filter(it => it.scrollWidth > it.clientWidth).length";
    assert_ne!(browser.script(scrolling), 0, "something is wider than a phone");
}
