//! Where everything that a command prints comes from: data to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use super::advice::advice;
use super::page::Page;
use super::progress;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Writes data. A reader that went away (`| head`) is no error.
pub(super) fn data(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("can't write to stdout"),
    }
}

/// Writes data in a format for programs.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// The same in YAML.
pub(super) fn yaml(value: &impl Serialize) -> anyhow::Result<()> {
    data(&serde_saphyr::to_string(value)?)
}

/// How many columns stdout has; `None` if it is no terminal.
pub(super) fn columns() -> Option<usize> {
    let out = io::stdout();
    out.is_terminal().then(|| terminal_size_of(out)).flatten().map(|(Width(width), _)| width.into())
}

/// Says something that isn't data.
pub(super) fn say(text: &str) {
    let mut err = progress::lasting();
    let text = format!("{text}\n");
    let choice = anstream::AutoStream::choice(&io::stderr());
    let mut err = anstream::AutoStream::new(&mut err as &mut dyn Write, choice);
    // There is nobody left to tell that telling failed.
    let _ = err.write_all(text.as_bytes());
}

/// Says why a command could not do its work: the error, then each of its sources, then what to do.
pub(super) fn error(error: &anyhow::Error) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let bold = anstyle::Style::new().bold();
    let err = io::stderr();
    let width = err.is_terminal().then(|| terminal_size_of(err)).flatten().map(|(Width(width), _)| width.into());
    let mut page = Page::new(width);
    page.line(&format!("{red}error{red:#}: {error}"), 7);
    let mut said = error.to_string();
    for source in error.chain().skip(1).map(ToString::to_string) {
        // Some libraries repeat an error's source in its own words.
        if !said.contains(&source) {
            page.line(&format!("  because: {source}"), 11);
            said = source;
        }
    }
    page.line(&format!("  {bold}help{bold:#}: {}", advice(error)), 8);
    say(page.into_text().trim_end());
}
