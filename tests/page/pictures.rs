//! Pictures of the page: those in the README, and some to look at, in `target/page`.

use std::path::Path;

use crate::program::Program;
use crate::webdriver::{Browser, Scheme, Screen};

/// A picture in the README is no bigger, in bytes.
const BYTES: usize = 150_000;

fn save(path: &str, picture: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, picture).unwrap();
}

fn look(browser: &Browser, url: &str, scheme: Scheme, screen: Screen) -> Vec<u8> {
    browser.set_screen(screen);
    browser.set_scheme(scheme);
    browser.open(url);
    browser.screenshot()
}

/// Takes those in the README, if they are asked for, and all in `target/page`.
pub async fn take(browser: &Browser, program: &Program, light: &str, dark: &str) {
    let origin = format!("http://{}", program.admin().await);
    let (classes, class) = (format!("{origin}/"), format!("{origin}/classes/edge-public"));
    for (url, name) in [(&classes, "classes"), (&class, "class")] {
        for (scheme, screen) in Scheme::BOTH.into_iter().flat_map(|scheme| Screen::BOTH.map(|screen| (scheme, screen)))
        {
            let picture = look(browser, url, scheme, screen);
            save(&format!("target/page/{name}-{scheme:?}-{screen:?}.png").to_lowercase(), &picture);
        }
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        for (path, url, scheme) in [(light, &classes, Scheme::Light), (dark, &class, Scheme::Dark)] {
            let picture = look(browser, url, scheme, Screen::Desktop);
            assert!(picture.len() < BYTES, "{path} has {} bytes", picture.len());
            save(path, &picture);
        }
    }
}

/// Takes those of a refused configuration.
pub async fn take_refused(browser: &Browser, program: &Program) {
    let origin = format!("http://{}", program.admin().await);
    for (path, name) in [("/configuration", "refused"), ("/", "banner")] {
        for (scheme, screen) in [(Scheme::Light, Screen::Desktop), (Scheme::Dark, Screen::Phone)] {
            let picture = look(browser, &format!("{origin}{path}"), scheme, screen);
            save(&format!("target/page/{name}-{scheme:?}-{screen:?}.png").to_lowercase(), &picture);
        }
    }
}
