//! `check`: validates files without a cluster.

mod github;
mod junit;

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use serde::Serialize;

use super::load::{self, Loaded};
use super::{Verdict, output};
use crate::engine::diagnostic::render::{Color, count, report_within};
use crate::engine::diagnostic::{Diagnostic, Severity};

/// Validate defaults files without a cluster
///
/// Everything that is wrong is reported, with its place, and often with what to write instead. Each PATH is a source of its
/// own: two of them may describe the same class.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files or directories, each one source
    #[arg(value_name = "PATH", default_value = "./defaults.d", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// How findings are written
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// Commands that make GitHub Actions mark the lines
    Github,
    #[value(help = "A JUnit report, for GitLab, Jenkins and others")]
    Junit,
}

#[derive(Serialize)]
struct Report<'f> {
    valid: bool,
    findings: Vec<Found<'f>>,
}

/// A finding, and the path of its file beside the name.
#[derive(Serialize)]
struct Found<'f> {
    #[serde(flatten)]
    finding: &'f Diagnostic,
    path: String,
}

/// Whether a finding makes its file a bad one.
#[derive(Clone, Copy, Debug)]
struct Strictness {
    deny_warnings: bool,
}

impl Strictness {
    fn is_bad(self, finding: &Diagnostic) -> bool {
        self.deny_warnings || finding.severity == Severity::Error
    }
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<Verdict> {
        let Self { paths, deny_warnings, output } = self;
        let sources = paths.iter().map(|path| load::source(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let strictness = Strictness { deny_warnings };
        let findings: Vec<_> = sources.iter().flat_map(Loaded::placed).collect();
        let valid = !findings.iter().any(|finding| strictness.is_bad(finding));
        match output {
            Format::Text if findings.is_empty() => output::say(&format!("{}, no findings", contents(&sources))),
            Format::Text => output::data(&(report_within(&findings, Color::Always, output::columns()) + "\n"))?,
            Format::Json => output::json(&Report { valid, findings: found(&sources) })?,
            Format::Yaml => output::yaml(&Report { valid, findings: found(&sources) })?,
            Format::Github => {
                output::data(&github::commands(&findings))?;
                output::say(&if findings.is_empty() { "no findings".to_owned() } else { count(&findings) });
            }
            Format::Junit => {
                let files: Vec<_> =
                    sources.iter().flat_map(|source| source.files.iter().map(|file| source.path(file))).collect();
                output::data(&junit::report(&files, &findings, strictness))?;
            }
        }
        for (path, source) in paths.iter().zip(&sources) {
            if source.files.is_empty() && source.findings.is_empty() {
                output::say(&format!("{} has no *.yaml, *.yml or *.json at its top level", path.display()));
            }
        }
        Ok(if valid { Verdict::Good } else { Verdict::Bad })
    }
}

/// The findings under the names of their files, each with the path.
fn found(sources: &[Loaded]) -> Vec<Found<'_>> {
    let of = |source: &'_ Loaded, finding| Found { finding, path: source.path(&finding.place.file) };
    let all = sources.iter().flat_map(|source| source.findings.iter().map(move |finding| (source, finding)));
    all.map(|(source, finding)| of(source, finding)).collect()
}

/// What the sources describe: `2 classes, 1 tenant`.
fn contents(sources: &[Loaded]) -> String {
    let defaults = || sources.iter().filter_map(|source| source.defaults.as_ref());
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let classes: usize = defaults().map(|defaults| defaults.len()).sum();
    let parts = [
        counted(classes, "class", "classes"),
        counted(defaults().map(|defaults| defaults.templates().count()).sum(), "template", "templates"),
        counted(defaults().map(|defaults| defaults.tenants().count()).sum(), "tenant", "tenants"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "0 classes".to_owned() } else { parts.join(", ") }
}
