//! `check`: validates files without a cluster.

use std::path::PathBuf;

use serde::Serialize;

use super::output::{self, Format};
use super::{Verdict, load};
use crate::engine::diagnostic::render::{Color, report};
use crate::engine::diagnostic::{Diagnostic, Severity};

/// Validate defaults files without a cluster
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files or directories, each one source
    #[arg(default_value = "./defaults.d")]
    paths: Vec<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// How findings are written
    #[arg(short, long, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    findings: Vec<Diagnostic>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<Verdict> {
        let Self { paths, deny_warnings, output } = self;
        let mut findings = Vec::new();
        let (mut classes, mut tenants) = (0, 0);
        for path in &paths {
            let loaded = load::source(path)?;
            classes += loaded.defaults.as_ref().map_or(0, |defaults| defaults.len());
            tenants += loaded.defaults.map_or(0, |defaults| defaults.tenants().count());
            findings.extend(loaded.findings);
        }
        let bad = |finding: &Diagnostic| deny_warnings || finding.severity == Severity::Error;
        let valid = !findings.iter().any(bad);
        match output {
            Format::Text if findings.is_empty() => {
                let classes = format!("{classes} {}", if classes == 1 { "class" } else { "classes" });
                let tenants = match tenants {
                    0 => String::new(),
                    1 => ", 1 tenant".to_owned(),
                    _ => format!(", {tenants} tenants"),
                };
                output::say(&format!("{classes}{tenants}, no findings"));
            }
            Format::Text => output::data(&(report(&findings, Color::Always) + "\n"))?,
            Format::Json | Format::Yaml => output::serialized(&Report { valid, findings }, output)?,
        }
        Ok(if valid { Verdict::Good } else { Verdict::Bad })
    }
}
