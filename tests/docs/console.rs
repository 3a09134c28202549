//! The console blocks of a page, run in order as a reader would: the `yaml` blocks that begin with a file's name are that
//! file, and what each command says is what stands below it. `UPDATE_SNAPSHOTS=1 cargo test --test docs` writes it anew.
//!
//! This isn't trycmd, which runs each block as a program of its own: here a block goes on where the one before it ended, on
//! the same cluster and in the same folder, and that is what a page tells.

use std::fmt::Write;

use regex::{Captures, Regex};
use tokio::sync::Mutex;

use crate::page::{Page, Part, parts, root};
use crate::reader::Reader;

/// All pages stand on one API server. Each has it for itself, from the beginning: a page may call its class as it likes.
static CLUSTER: Mutex<()> = Mutex::const_new(());

/// A command of a block, with what stands below it.
struct Exchange<'a> {
    command: &'a str,
    expected: &'a str,
    /// The line of the command, from the block's first.
    line: usize,
}

/// The commands of a block. One that ends with a backslash goes on in the next line.
fn exchanges(block: &str) -> Vec<Exchange<'_>> {
    let mut exchanges: Vec<Exchange<'_>> = Vec::new();
    let (mut at, mut begin, mut is_command) = (0, 0, false);
    for (line, content) in block.split_inclusive('\n').enumerate() {
        let end = at + content.len();
        if !is_command && content.starts_with("$ ") {
            exchanges.push(Exchange { command: "", expected: "", line });
            (begin, is_command) = (at + 2, true);
        }
        let Some(exchange) = exchanges.last_mut() else { panic!("a block begins with a command:\n{block}") };
        if is_command {
            exchange.command = block[begin..end].trim_end_matches('\n');
            is_command = exchange.command.ends_with('\\');
            (begin, exchange.expected) = if is_command { (begin, "") } else { (end, &block[end..end]) };
        } else {
            exchange.expected = &block[begin..end];
        }
        at = end;
    }
    exchanges
}

/// A text without what differs from run to run: `4s ago` is `_ ago`. What is the same at two places stays the same.
fn lasting(text: &str) -> String {
    let ages = Regex::new(r"[0-9a-z]+ ago").unwrap();
    let times = Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z").unwrap();
    let text = ages.replace_all(text, "_ ago");
    times.replace_all(&text, "TIME").into_owned()
}

/// The uids of a page, told apart by the order in which they appear: as written and as said, they are the same then.
#[derive(Default)]
struct Uids(Vec<String>);

impl Uids {
    fn numbered(&mut self, text: &str) -> String {
        let uids = Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
        let number = |uid: &Captures<'_>| {
            let known = self.0.iter().position(|known| *known == uid[0]);
            let number = known.unwrap_or_else(|| {
                self.0.push(uid[0].to_owned());
                self.0.len() - 1
            });
            format!("uid {number}")
        };
        uids.replace_all(text, number).into_owned()
    }
}

/// Whether a text is what is written, where a line `…` stands for any lines.
fn agree(written: &str, said: &str) -> bool {
    let mut pieces = written.split("…\n");
    let Some(mut rest) = said.strip_prefix(pieces.next().unwrap()) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// Reads a page as a user does. At least so many commands are in it.
async fn read(path: &str, at_least: usize) {
    let _cluster = CLUSTER.lock().await;
    let page = Page::read(path);
    let mut reader = Reader::new(page.text.contains("$ helm ")).await;
    reader.catch_up(path);
    let (mut written, mut commands, mut wrong) = (String::new(), 0, String::new());
    let (mut uids_written, mut uids_said) = (Uids::default(), Uids::default());
    for part in parts(&page.text) {
        let block = match part {
            Part::Around(text) => {
                written += text;
                continue;
            }
            Part::Block(block) => block,
        };
        if block.info != "console" {
            if block.info == "yaml" {
                reader.write(block.text);
            }
            written += block.text;
            continue;
        }
        for Exchange { command, expected, line } in exchanges(block.text) {
            let said = reader.run(command);
            let is_true = agree(&uids_written.numbered(&lasting(expected)), &uids_said.numbered(&lasting(&said)));
            if !is_true {
                let place = page.place(block.line + line);
                write!(wrong, "{place}: $ {command}\nthe page has\n{expected}the program says\n{said}\n").unwrap();
            }
            write!(written, "$ {command}\n{}", if is_true { expected } else { &said }).unwrap();
            commands += 1;
        }
    }
    assert!(commands >= at_least, "{path}: only {commands} commands were run");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(root().join(path), &written).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(page.text, written);
}

#[tokio::test]
async fn the_readme_is_true() {
    read("README.md", 10).await;
}

#[tokio::test]
async fn the_page_on_policies_is_true() {
    read("docs/policies.md", 50).await;
}

#[tokio::test]
async fn the_page_on_concepts_is_true() {
    read("docs/concepts.md", 5).await;
}

#[tokio::test]
async fn the_page_on_operating_is_true() {
    read("docs/operating.md", 3).await;
}

#[tokio::test]
async fn the_page_on_tenants_is_true() {
    read("docs/tenants.md", 8).await;
}

#[tokio::test]
async fn the_page_on_moving_from_helm_is_true() {
    read("docs/moving-from-helm.md", 10).await;
}

#[test]
fn the_shipped_defaults_are_valid() {
    for folder in ["defaults.d", "deploy/kustomize/defaults"] {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_classkeeper"));
        let output = check.args(["check", "--deny-warnings", folder]).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn what_differs_from_run_to_run_is_left_out() {
    assert_eq!(lasting("(Update, 4s ago), b (Apply, 12h ago); x"), "(Update, _ ago), b (Apply, _ ago); x");
    assert_eq!(lasting("at 2026-11-24T03:47:08.888917Z\nno age"), "at TIME\nno age");
    let (a, b) = ("4c862347-e24e-4de6-84b8-e6309ea1c028", "00000000-0000-0000-0000-000000000000");
    assert_eq!(Uids::default().numbered(&format!("{a} {b} {a}")), "uid 0 uid 1 uid 0");
}

#[test]
fn left_out_lines_stand_for_any() {
    for (written, said, agrees) in [
        ("a\n", "a\n", true),
        ("a\n", "a\nb\n", false),
        ("a\n…\n", "a\nb\nc\n", true),
        ("a\n…\nd\n", "a\nb\nd\n", true),
        ("a\n…\nd\n…\nf\n", "a\nd\ne\nf\n", true),
        ("a\n…\nd\n…\nf\n", "a\ne\nf\n", false),
        ("…\nd\n", "a\n", false),
    ] {
        assert_eq!(agree(written, said), agrees, "{written:?} {said:?}");
    }
}

#[test]
fn a_command_may_have_several_lines() {
    let found: Vec<_> =
        exchanges("$ a \\\n    b\nc\nd $ e\n$ f\n").iter().map(|e| (e.command, e.expected, e.line)).collect();
    assert_eq!(found, [("a \\\n    b", "c\nd $ e\n", 0), ("f", "", 4)]);
}
