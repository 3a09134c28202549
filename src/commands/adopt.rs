//! `adopt`: takes over what other field managers own of the units that our defaults name.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::apply::ReportArgs;
use super::render::Tense;
use super::session::{Session, valid_defaults};
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::DryRun;
use crate::cluster::execute::Task;
use crate::engine::defaults::DefaultClass;
use crate::engine::plan::Inherit;

/// Take over from other field managers, such as helm, what they own of the units that our defaults name
///
/// The rest of what they own stays theirs. A class that Helm made gets helm.sh/resource-policy: keep with the same
/// patch, so that the chart's next upgrade doesn't delete it. Then the default is applied.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The classes
    #[arg(required = true, value_name = "CLASS")]
    classes: Vec<String>,
    /// The field managers to take from, such as helm
    #[arg(long, required = true, value_name = "MANAGER", num_args = 1..)]
    from: Vec<String>,
    /// The defaults files, which name the units
    #[arg(long, value_name = "PATH", default_value = "./defaults.d")]
    defaults: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { classes, from, defaults: path, report } = self;
        let defaults = valid_defaults(&path)?;
        let adopting = |name: &String| {
            let default = defaults.get(name).with_context(|| format!("{} names no class {name}", path.display()))?;
            let mut default = DefaultClass::clone(default);
            default.policy.adopt_from.clone_from(&from);
            Ok(Task::Keep(Arc::new(default), Inherit::Everything))
        };
        let tasks = classes.iter().map(adopting).collect::<anyhow::Result<Vec<_>>>()?;
        let done = runtime()?.block_on(async {
            let session = Session::open(global, &report.installation, DryRun::No).await?;
            for name in &classes {
                session.class(name)?;
            }
            anyhow::Ok(session.pass(tasks).await)
        })?;
        report.conclude(&done, Tense::Was, global)
    }
}
