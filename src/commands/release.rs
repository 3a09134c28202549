//! `release`: gives up our ownership, and leaves every value: the way to uninstall.

use super::advice::Advised;
use super::apply::ReportArgs;
use super::progress::Progress;
use super::render::Tense;
use super::session::Session;
use super::{Global, Verdict, output, runtime};
use crate::cluster::class_api::DryRun;
use crate::cluster::connect::own_namespace;
use crate::cluster::leader::holder_of;
use crate::engine::outcome::Report;

/// Give up ownership of classes; their values stay
///
/// Stop the controller first: it would take them up again.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["classes", "all"])))]
pub(super) struct Args {
    /// The classes
    #[arg(value_name = "CLASS")]
    classes: Vec<String>,
    /// Every class of which we own anything
    #[arg(long)]
    all: bool,
    /// The namespace of the controller's Lease; without it the Pod's own, else default
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { classes, all, namespace, report } = self;
        let done = runtime()?.block_on(async {
            let session = if all {
                // An uninstall that is tried again, or after the CRDs went, comes to its end too.
                match Session::find(global, &report.installation, DryRun::No).await? {
                    Some(session) => session,
                    None => return Ok(Report::default()),
                }
            } else {
                Session::open(global, &report.installation, DryRun::No).await?
            };
            let namespace = namespace.unwrap_or_else(own_namespace);
            let looking = Progress::new("looking whether a controller runs", 0);
            if let Some(holder) = looking.show(holder_of(&session.client, &namespace)).await? {
                let message = format!(
                    "the controller {holder} is running (it holds the Lease {namespace}/classkeeper) and would take the \
                     classes up again"
                );
                let advice = format!(
                    "stop it first, for example by `kubectl -n {namespace} scale deployment classkeeper --replicas=0`"
                );
                return Err(Advised::new(message, advice).into());
            }
            let tasks: Vec<_> = if all {
                session.ours().flat_map(|live| session.release(live)).collect()
            } else {
                let classes = classes.iter().map(|name| session.class(name)).collect::<anyhow::Result<Vec<_>>>()?;
                classes.into_iter().flat_map(|live| session.release(live)).collect()
            };
            anyhow::Ok(session.pass(Progress::new("releasing", tasks.len()), tasks).await)
        })?;
        if all && done.classes.is_empty() {
            output::say(&format!("{} owns nothing on this cluster", report.installation.platform()));
        }
        report.conclude(&done, Tense::Was, global)
    }
}
