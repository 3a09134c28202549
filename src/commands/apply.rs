//! `apply` and `diff`: one pass over the classes of a source, for real or as a question.

use std::path::PathBuf;

use anyhow::ensure;
use clap::ValueHint;

use super::advice::Advised;
use super::called::name;
use super::output::{self, Format};
use super::progress::Progress;
use super::render::{self, Tense};
use super::session::{Expanded, Session, valid_defaults};
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::DryRun;
use crate::cluster::execute::Task;
use crate::engine::author::{Author, Installation};
use crate::engine::outcome::{ClassReport, Outcome, Report};
use crate::engine::plan::Inherit;
use crate::engine::source::Leaving;

/// Apply defaults files once, for pipelines and Jobs
///
/// A field that somebody else owns stays theirs, unless the default's policy says otherwise. Invalid files send nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pass: PassArgs,
    /// Ask the server what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Show what apply would change, unit by unit
///
/// Beside each unit that isn't simply set stands whose it is. The server is asked, by dry runs; nothing is changed.
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    pass: PassArgs,
}

#[derive(Debug, clap::Args)]
struct PassArgs {
    /// A file or a directory of defaults
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    path: PathBuf,
    /// Take PATH for the whole set: release or delete our classes that it doesn't name, as their policy says
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    report: ReportArgs,
}

/// What every command takes that reports on classes.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// How the report is written
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: Format,
    /// The field manager to write under
    #[arg(long = "field-manager", value_name = "NAME", default_value = "classkeeper", value_parser = Installation::new)]
    pub(super) installation: Installation,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { pass, dry_run } = self;
        let (dry_run, tense) = if dry_run { (DryRun::Yes, Tense::WouldBe) } else { (DryRun::No, Tense::Was) };
        let (report, made) = pass.report(global, dry_run)?;
        Ok(pass.report.conclude(&report, tense, global)?.worst(made))
    }
}

impl DiffArgs {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { pass } = self;
        let (report, made) = pass.report(global, DryRun::Yes)?;
        pass.report.conclude(&report, Tense::WouldBe, global)?;
        let any = |is: fn(&ClassReport) -> bool| report.classes.iter().any(is);
        if any(|class| class.outcome == Outcome::Failed) {
            return Ok(Verdict::Impossible);
        }
        let differs = any(|class| class.outcome.is_change() || class.outcome.is_trouble());
        Ok(made.worst(if differs { Verdict::Bad } else { Verdict::Good }))
    }
}

impl PassArgs {
    /// Does the pass over every class of the source; beside the report, whether a class of a template can't be made.
    fn report(&self, global: &Global, dry_run: DryRun) -> anyhow::Result<(Report, Verdict)> {
        let defaults = valid_defaults(&self.path)?;
        ensure!(
            !(self.prune && defaults.is_empty()),
            Advised::new(
                format!(
                    "{} is empty; --prune takes that for a mistake, not for the wish to remove every class",
                    self.path.display()
                ),
                format!("`{} release --all` gives up every class", name()),
            )
        );
        runtime()?.block_on(async {
            let session = Session::open(global, &self.report.installation, dry_run).await?;
            let Expanded { defaults, held, verdict } = session.expand(&defaults).await?;
            let mut tasks: Vec<_> =
                defaults.iter().map(|default| Task::Keep(default.clone(), Inherit::Everything)).collect();
            if self.prune {
                // What tenants wrote isn't in PATH, and isn't meant by it.
                let leavers = session
                    .platform_s()
                    .filter(|live| defaults.get(&live.name).is_none() && !held.contains(&live.name));
                tasks.extend(leavers.map(|live| Task::Leave(live.name.clone(), Author::Platform, Leaving::AsMarked)));
            }
            let what = match dry_run {
                DryRun::Yes => "asking about",
                DryRun::No => "applying",
            };
            Ok((session.pass(Progress::new(what, tasks.len()), tasks).await, verdict))
        })
    }
}

impl ReportArgs {
    /// Writes the report, and says what it comes to for a command that writes.
    pub(super) fn conclude(&self, report: &Report, tense: Tense, global: &Global) -> anyhow::Result<Verdict> {
        match self.output {
            Format::Text => output::data(&render::report(report, tense, global.verbose > 0, output::columns()))?,
            Format::Json => output::json(report)?,
            Format::Yaml => output::yaml(report)?,
        }
        let trouble = report.classes.iter().any(|class| class.outcome.is_trouble());
        Ok(if trouble { Verdict::Bad } else { Verdict::Good })
    }
}
