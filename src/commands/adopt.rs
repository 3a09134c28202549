//! `adopt`: takes over what other field managers own of the units that our defaults name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;

use super::advice::Advised;
use super::apply::ReportArgs;
use super::progress::Progress;
use super::render::Tense;
use super::session::{Expanded, Session, valid_defaults};
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::DryRun;
use crate::cluster::execute::Task;
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::plan::Inherit;
use crate::engine::validate::suggest::did_you_mean;

/// Take units over from other field managers, such as helm
///
/// Only what they own of the units that our defaults name becomes ours. The rest of what they own stays theirs. A class that Helm made gets helm.sh/resource-policy: keep with the same
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
    #[arg(long, value_name = "PATH", default_value = "./defaults.d", value_hint = ValueHint::AnyPath)]
    defaults: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { classes, from, defaults: path, report } = self;
        let defaults = valid_defaults(&path)?;
        let done = runtime()?.block_on(async {
            let session = Session::open(global, &report.installation, DryRun::No).await?;
            let Expanded { defaults, held: _, verdict: _ } = session.expand(&defaults).await?;
            let adopting = |name: &String| {
                let default = defaults.get(name).ok_or_else(|| unnamed(name, &path, &defaults))?;
                let mut default = DefaultClass::clone(default);
                Arc::make_mut(&mut default.policy).adopt_from.clone_from(&from);
                Ok(Task::Keep(Arc::new(default), Inherit::Everything))
            };
            let tasks = classes.iter().map(adopting).collect::<anyhow::Result<Vec<_>>>()?;
            for name in &classes {
                session.class(name)?;
            }
            anyhow::Ok(session.pass(Progress::new("adopting", tasks.len()), tasks).await)
        })?;
        report.conclude(&done, Tense::Was, global)
    }
}

/// A class that the files don't describe.
fn unnamed(name: &str, path: &Path, defaults: &Defaults) -> Advised {
    let advice = did_you_mean(name, defaults.iter().map(|default| &*default.name));
    let advice = advice.unwrap_or_else(|| "write a default for it, or name other files by --defaults".to_owned());
    Advised::new(format!("{} names no class {name}", path.display()), advice)
}
