//! Where everything that a command prints comes from: data to stdout, everything else to stderr.

use std::io::{self, Write};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON.
    Json,
    /// YAML.
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

/// Writes data in a format other than text.
pub(super) fn serialized(value: &impl Serialize, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text | Format::Json => data(&(serde_json::to_string_pretty(value)? + "\n")),
        Format::Yaml => data(&serde_saphyr::to_string(value)?),
    }
}

/// Says something that isn't data.
pub(super) fn say(text: &str) {
    // There is nobody left to tell that telling failed.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says why a command could not do its work: the error, then each of its sources.
pub(super) fn error(error: &anyhow::Error) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    say(&format!("{style}error{style:#}: {error}"));
    let mut said = error.to_string();
    for source in error.chain().skip(1).map(ToString::to_string) {
        // Some libraries repeat an error's source in its own words.
        if !said.contains(&source) {
            say(&format!("  because: {source}"));
            said = source;
        }
    }
}
