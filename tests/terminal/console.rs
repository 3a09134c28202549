//! The console blocks: each command with what it says on both channels, and `? N` below if it doesn't end with 0.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::{project, run};

fn files() -> Vec<PathBuf> {
    let entries = project("tests/terminal").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "console")).collect();
    files.sort();
    files
}

/// The text of a file with what its commands say now.
fn rerun(text: &str) -> (String, usize) {
    let (mut now, mut commands) = (String::new(), 0);
    for line in text.lines() {
        let Some(command) = line.strip_prefix("$ ") else {
            // What stands before the first command is for readers.
            if commands == 0 {
                writeln!(now, "{line}").unwrap();
            }
            continue;
        };
        if commands > 0 {
            now.push('\n');
        }
        commands += 1;
        let output = run(&format!("exec 2>&1; {command}"));
        let said = String::from_utf8(output.stdout).unwrap();
        // An escape sequence is shown, or nobody sees it in a review.
        let said = said.replace('\u{1b}', "^[");
        writeln!(now, "$ {command}\n{}", said.trim_end_matches('\n')).unwrap();
        if said.trim_end_matches('\n').is_empty() {
            now.pop();
        }
        if let Some(code @ 1..) = output.status.code() {
            writeln!(now, "? {code}").unwrap();
        }
    }
    (now, commands)
}

#[test]
fn commands_say_what_the_console_blocks_have() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let (mut differing, mut commands) = (Vec::new(), 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let (now, count) = rerun(&text);
        commands += count;
        if update {
            std::fs::write(&file, &now).unwrap();
        } else if now != text {
            differing.push(first_difference(&file, &text, &now));
        }
    }
    assert!(commands > 50, "only {commands} commands were run");
    assert!(differing.is_empty(), "{}\nUPDATE_SNAPSHOTS=1 cargo test writes them anew", differing.join("\n"));
}

fn first_difference(file: &Path, text: &str, now: &str) -> String {
    let lines = text.lines().chain(["(the end)"]).zip(now.lines().chain(["(the end)"]));
    let (index, (was, is)) = lines.enumerate().find(|(_, (was, is))| was != is).unwrap();
    format!("{}:{}\n  has  {was}\n  says {is}", file.display(), index + 1)
}

/// Text that people read fits a terminal of 80 columns; what it quotes may be longer.
#[test]
fn help_fits_80_columns() {
    let text = std::fs::read_to_string(project("tests/terminal/help.console")).unwrap();
    let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(text.lines().count() > 300 && long.is_empty(), "{long:#?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for line in ["schema", "man", "completions bash", "check -o json bad.yaml", "--help", "check bad.yaml"] {
        let output = run(&format!("classkeeper {line} | head -1; exit ${{PIPESTATUS[0]}}"));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.is_empty(), "{line}: {errors}");
        let expected = i32::from(line.starts_with("check"));
        assert_eq!(output.status.code(), Some(expected), "{line}");
    }
}
