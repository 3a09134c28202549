//! yaml-language-server as an editor has it: a process that is spoken to in the Language Server Protocol.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// What the editor's settings say.
    settings: Value,
    requests: u64,
    documents: usize,
}

/// A file that is open in the editor, with the cursor at a place.
pub struct Open {
    uri: String,
    position: Value,
    /// What is wrong with it: `LINE:COLUMN MESSAGE`, from 1.
    pub problems: Vec<String>,
}

impl Server {
    /// Starts it, with what the settings say of `yaml`. Only CI must have it; who hasn't is told.
    pub fn start(settings: Value) -> Option<Self> {
        let path = project("target/yaml-language-server/node_modules/yaml-language-server/bin/yaml-language-server");
        if !path.exists() {
            assert!(std::env::var_os("CI").is_none(), "there is no yaml-language-server: run .ci/yaml-language-server");
            let words = "Editors were NOT tried, for want of yaml-language-server: run .ci/yaml-language-server";
            let _ = writeln!(std::io::stderr(), "{words}");
            return None;
        }
        let mut node = Command::new("node");
        let node = node.arg(path).arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut out) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { child, to, from, settings, requests: 0, documents: 0 };
        let capabilities = json!({
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                "hover": {"contentFormat": ["markdown"]},
            },
            "workspace": {"configuration": true},
        });
        let root = json!(format!("file://{}", project("").display()));
        server.ask("initialize", &json!({"processId": null, "rootUri": root, "capabilities": capabilities}));
        server.send(&json!({"method": "initialized", "params": {}}));
        Some(server)
    }

    /// Opens a text as a file, in which `<>` marks the cursor, and waits until the server has looked at it.
    pub fn open(&mut self, text: &str) -> Open {
        self.documents += 1;
        let uri = format!("file:///defaults/{}.yaml", self.documents);
        let before = text.split("<>").next().unwrap();
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().chars().count());
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text.replace("<>", "")});
        self.send(&json!({"method": "textDocument/didOpen", "params": {"textDocument": document}}));
        let told = self
            .until(|message| message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri);
        let problem = |problem: &Value| {
            let start = &problem["range"]["start"];
            let place = |what: &str| start[what].as_u64().unwrap() + 1;
            format!("{}:{} {}", place("line"), place("character"), problem["message"].as_str().unwrap())
        };
        let problems = told["params"]["diagnostics"].as_array().unwrap().iter().map(problem).collect();
        Open { uri, position: json!({"line": line, "character": column}), problems }
    }

    /// What is wrong with a text.
    pub fn problems(&mut self, text: &str) -> Vec<String> {
        self.open(text).problems
    }

    /// What the server offers at the cursor: a word, and what it is.
    pub fn completions(&mut self, text: &str) -> Vec<(String, String)> {
        let answer = self.at_cursor("textDocument/completion", text);
        let items = answer.get("items").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        let said = |value: &Value| value["value"].as_str().or(value.as_str()).unwrap_or_default().to_owned();
        items.iter().map(|item| (item["label"].as_str().unwrap().to_owned(), said(&item["documentation"]))).collect()
    }

    /// What the server shows for what is under the cursor.
    pub fn hover(&mut self, text: &str) -> String {
        let answer = self.at_cursor("textDocument/hover", text);
        answer["contents"]["value"].as_str().unwrap_or_default().replace('\\', "")
    }

    fn at_cursor(&mut self, method: &str, text: &str) -> Value {
        let Open { uri, position, problems: _ } = self.open(text);
        self.ask(method, &json!({"textDocument": {"uri": uri}, "position": position}))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({"id": id, "method": method, "params": params}));
        let answer = self.until(|message| message["id"] == id && message.get("method").is_none());
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].clone()
    }

    /// The next message that is so. What the server asks meanwhile is answered.
    fn until(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.from.recv_timeout(PATIENCE).expect("the server answers");
            if is(&message) {
                return message;
            }
            if let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) {
                let result = match method {
                    "workspace/configuration" => self.configuration(&message["params"]["items"]),
                    _ => Value::Null,
                };
                let answer = json!({"id": id, "result": result});
                self.send(&answer);
            }
        }
    }

    fn configuration(&self, asked: &Value) -> Value {
        let section = |item: &Value| if item["section"] == "yaml" { self.settings.clone() } else { Value::Null };
        asked.as_array().unwrap().iter().map(section).collect()
    }

    fn send(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message: headers, an empty line, and as many bytes as they say. None at the end.
fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A path of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
