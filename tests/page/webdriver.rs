//! Chromium, driven by chromedriver: the W3C's `WebDriver` protocol, JSON over HTTP, as much of it as is needed here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// No command takes as long.
const LIMIT: Duration = Duration::from_mins(1);
/// What `WebDriver` calls the Tab key.
pub const TAB: &str = "\u{e004}";
/// What `WebDriver` calls the Enter key.
pub const ENTER: &str = "\u{e007}";

/// A browser with a profile of its own. It ends when dropped.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    /// The browser's process: it outlives a driver that is killed.
    pid: u64,
    _profile: TempDir,
}

/// A colour scheme that a user prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// The size of a screen, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Desktop,
    Phone,
}

impl Scheme {
    pub const BOTH: [Self; 2] = [Self::Light, Self::Dark];

    fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Screen {
    pub const BOTH: [Self; 2] = [Self::Desktop, Self::Phone];
}

/// Whether a program is there and runs.
fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The checks of accessibility, where `.ci/chromium` puts them.
fn axe() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js")
}

/// Whether there is what `.ci/chromium` installs. Only CI must have it; who has none is told.
fn is_installed() -> bool {
    let is_installed = runs("chromium") && runs("chromedriver") && axe().exists();
    assert!(is_installed || std::env::var_os("CI").is_none(), "there is no browser: run .ci/chromium");
    if !is_installed {
        let _ =
            writeln!(std::io::stderr(), "The page was NOT looked at in a browser, for want of one: run .ci/chromium");
    }
    is_installed
}

impl Browser {
    /// A browser; `None` for developers who have none.
    pub fn start() -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let started = lines.find(|line| line.contains("started successfully on port")).unwrap();
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap();
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        // What else it says is read, or it would wait to say it.
        std::thread::spawn(move || lines.for_each(drop));
        let arguments = [
            "--headless=new",
            // Root has no sandbox of Chromium's; what is looked at is ours.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let answer = send(address, "POST", "/session", &wanted).unwrap();
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned();
        let pid = answer["capabilities"]["goog:processID"].as_u64().unwrap_or_default();
        Some(Self { driver, address, session, pid, _profile: profile })
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        send(self.address, method, &path, body).unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    /// Goes to a page.
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({"url": url}));
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.command("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// What a script gives. It runs beside the page, whose policy doesn't hold for it.
    pub fn script(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Presses a key, or types a text.
    pub fn keys(&self, text: &str) {
        let action = |kind: &str, c: char| json!({"type": kind, "value": c.to_string()});
        let actions: Vec<_> = text.chars().flat_map(|c| [action("keyDown", c), action("keyUp", c)]).collect();
        self.command("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Becomes a screen of this size.
    pub fn set_screen(&self, screen: Screen) {
        let (width, height, mobile) = match screen {
            Screen::Desktop => (1280, 720, false),
            Screen::Phone => (360, 740, true),
        };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Prefers this colour scheme.
    pub fn set_scheme(&self, scheme: Scheme) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme.as_str()}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// The screen as a PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        let answer = self.devtools("Page.captureScreenshot", &json!({"format": "png"}));
        base64(answer["data"].as_str().unwrap())
    }

    /// What the console says since it was asked last, violations of the page's policy included.
    pub fn console(&self) -> Vec<Value> {
        self.log("browser")
    }

    /// Everything that was asked for since it was asked last: the URLs.
    pub fn requested(&self) -> Vec<String> {
        let messages = self.log("performance").into_iter().filter_map(|entry| {
            serde_json::from_str::<Value>(entry["message"].as_str()?).ok().map(|entry| entry["message"].clone())
        });
        let requests = messages.filter(|message| message["method"] == "Network.requestWillBeSent");
        requests.map(|message| message["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.command("POST", "/se/log", &json!({"type": kind})).as_array().unwrap().clone()
    }

    /// What axe-core finds wrong with the page: each rule with the elements that break it. A contrast that it can't tell
    /// counts as wrong.
    pub fn violations(&self) -> Vec<String> {
        self.script(&std::fs::read_to_string(axe()).unwrap());
        let run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(done, error => done(String(error)))";
        let result = self.command("POST", "/execute/async", &json!({"script": run, "args": []}));
        assert!(result["violations"].is_array(), "{result}");
        let unsure = result["incomplete"].as_array().unwrap().iter().filter(|rule| rule["id"] == "color-contrast");
        let told = |rule: &Value| {
            let node = |node: &Value| format!("{} ({})", node["target"], node["failureSummary"]);
            let nodes: Vec<_> = rule["nodes"].as_array().unwrap().iter().map(node).collect();
            format!("{}: {}", rule["id"], nodes.join("; "))
        };
        result["violations"].as_array().unwrap().iter().chain(unsure).map(told).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; only if it doesn't, by its process id.
        let ended = send(self.address, "DELETE", &format!("/session/{}", self.session), &Value::Null);
        if ended.is_err() && self.pid != 0 {
            let _ = Command::new("kill").arg(self.pid.to_string()).status();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Sends a command to the driver; the value of its answer.
fn send(address: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim().to_ascii_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
                None if line.trim().is_empty() => break,
                Some(_) | None => {}
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = exchange().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
    match &answer["value"] {
        error if error["error"].is_string() => Err(format!("{}: {}", error["error"], error["message"])),
        value => Ok(value.clone()),
    }
}

/// Bytes from base64, as the browser writes it.
fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

#[test]
fn base64_is_read() {
    for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")] {
        assert_eq!(base64(text), bytes.as_bytes());
    }
    assert_eq!(base64("+/8="), [0xfb, 0xff]);
}
