//! `apply` and `diff`: one pass over the classes of a source, for real or as a question.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use futures::{StreamExt, stream};

use super::output::{self, Format};
use super::render::{self, Tense};
use super::{Global, Verdict, load, runtime};
use crate::cluster::api::discover;
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::connect::connect;
use crate::cluster::execute::{Task, pass};
use crate::cluster::reconcile::CONCURRENCY;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::FieldManager;
use crate::engine::outcome::{ClassReport, Outcome, Report};
use crate::metrics::Metrics;

/// Apply defaults files once, for pipelines and Jobs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pass: PassArgs,
    /// Ask the server what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Show what apply would change, unit by unit, and whose each unit is
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    pass: PassArgs,
}

#[derive(Debug, clap::Args)]
struct PassArgs {
    /// A file or a directory of defaults
    path: PathBuf,
    /// How the report is written
    #[arg(short, long, default_value = "text")]
    output: Format,
    /// The field manager to write under
    #[arg(long, value_name = "NAME", default_value = "classkeeper", value_parser = FieldManager::new)]
    field_manager: FieldManager,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { pass, dry_run } = self;
        let (dry_run, tense) = if dry_run { (DryRun::Yes, Tense::WouldBe) } else { (DryRun::No, Tense::Was) };
        let report = pass.report(global, dry_run)?;
        pass.write(&report, tense, global)?;
        let trouble = report.classes.iter().any(|class| class.outcome.is_trouble());
        Ok(if trouble { Verdict::Bad } else { Verdict::Good })
    }
}

impl DiffArgs {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { pass } = self;
        let report = pass.report(global, DryRun::Yes)?;
        pass.write(&report, Tense::WouldBe, global)?;
        let any = |is: fn(&ClassReport) -> bool| report.classes.iter().any(is);
        if any(|class| class.outcome == Outcome::Failed) {
            return Ok(Verdict::Impossible);
        }
        let differs = any(|class| class.outcome.is_change() || class.outcome.is_trouble());
        Ok(if differs { Verdict::Bad } else { Verdict::Good })
    }
}

impl PassArgs {
    /// Does the pass over every class of the source.
    fn report(&self, global: &Global, dry_run: DryRun) -> anyhow::Result<Report> {
        let loaded = load::source(&self.path)?;
        if !loaded.findings.is_empty() {
            output::say(&output::findings(&loaded.findings));
        }
        let Some(defaults) = loaded.defaults else {
            bail!("{} isn't valid; nothing was sent", self.path.display());
        };
        runtime()?.block_on(async {
            let metrics = Arc::new(Metrics::default());
            let client = connect(global.kubeconfig.as_deref(), global.context.as_deref(), &metrics).await?;
            let Some(version) = discover(&client).await? else {
                bail!("the cluster has no GatewayClass kind; install the Gateway API's CRDs");
            };
            let classes = Classes::new(client, version, self.field_manager.clone(), dry_run);
            let live: Vec<_> = classes.list().await?.into_iter().map(Arc::new).collect();
            let of = |default: &DefaultClass| live.iter().find(|live| live.name == default.name).cloned();
            let passes = defaults.iter().map(|default| {
                let (task, live, classes) = (Task::Keep(default.clone()), of(default), &classes);
                async move { pass(classes, &task, live).await.report(&task, classes.manager()) }
            });
            Ok(stream::iter(passes).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect())
        })
    }

    fn write(&self, report: &Report, tense: Tense, global: &Global) -> anyhow::Result<()> {
        match self.output {
            Format::Text => output::data(&render::report(report, tense, global.verbose > 0)),
            Format::Json | Format::Yaml => output::serialized(report, self.output),
        }
    }
}
