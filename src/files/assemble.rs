//! Takes in news of all sources, keeps what is in force of them, and tells how each load ended.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tracing::{error, info, warn};

use super::configuration::{Configuration, Names};
use super::sources::{Change, News, Settled};
use super::worker::Worker;
use crate::engine::author::Author;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::expression::Keys;
use crate::engine::source::{LoadState, SourceState};
use crate::engine::template::expansions::NamespaceFinding;
use crate::metrics::{Metrics, ReloadResult};

/// How soon to look again at what depends on the cluster's classes, while these aren't known.
const AGAIN: Duration = Duration::from_millis(100);

/// Puts together what all sources hold.
pub struct Assemble {
    /// What loads them, and keeps what they hold.
    pub loading: Worker<Vec<News>, Settled>,
    /// What becomes known of them.
    pub news: mpsc::Receiver<News>,
    /// Asks to look again at whose a name is: it is known by now who has applied the class.
    pub doubt: Arc<Notify>,
    /// Where it goes what is in force.
    pub configuration: watch::Sender<Configuration>,
    /// Where it is told how a source's load ended.
    pub changes: mpsc::Sender<Change>,
    /// Where it goes which annotations of namespaces templates ask for.
    pub annotations: watch::Sender<Option<Keys>>,
    /// Where it goes which namespaces are tenants'.
    pub namespaces: watch::Sender<BTreeSet<Arc<str>>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Assemble {
    /// Puts together until nothing can become known any more.
    pub async fn run(self) {
        let Self { loading, mut news, doubt, configuration, changes, annotations, namespaces, metrics } = self;
        let mut told: Arc<[NamespaceFinding]> = Arc::default();
        let mut names = Names::Decided;
        loop {
            let again = async {
                match names {
                    Names::Undecided => tokio::time::sleep(AGAIN).await,
                    Names::Decided => std::future::pending().await,
                }
            };
            let first = tokio::select! {
                next = news.recv() => match next {
                    Some(first) => first,
                    None => return,
                },
                () = again => News::Again,
                () = doubt.notified() => News::Again,
            };
            let mut all = vec![first];
            while let Ok(next) = news.try_recv() {
                all.push(next);
            }
            let Some(settled) = loading.ask(all).await else {
                error!("the thread that loads is gone");
                return;
            };
            names = settled.configuration.names;
            count(&settled.configuration, &settled.changes, &metrics);
            settled.changes.iter().for_each(log);
            let findings = settled.configuration.templates.findings.clone();
            log_new(&findings, &told);
            told = findings;
            configuration.send_replace(settled.configuration);
            annotations.send_if_modified(|known| {
                let is_new = *known != settled.annotations;
                *known = settled.annotations;
                is_new
            });
            for change in settled.changes {
                // Whoever tells them is behind, or there is nobody.
                let _ = changes.try_send(change);
            }
            namespaces.send_if_modified(|known| {
                let is_new = *known != settled.namespaces;
                *known = settled.namespaces;
                is_new
            });
        }
    }
}

fn count(configuration: &Configuration, changes: &[Change], metrics: &Metrics) {
    for Change { source } in changes {
        let result = match source.state {
            LoadState::Pending => continue,
            LoadState::Accepted => ReloadResult::Accepted,
            LoadState::Rejected => ReloadResult::Rejected,
        };
        metrics.count_reload(result, &source.id.author());
    }
    let platform = |source: &&SourceState| source.id.author() == Author::Platform;
    let is_accepted = |source: &SourceState| source.state == LoadState::Accepted;
    metrics.set_platform_accepted(configuration.sources.iter().filter(platform).all(is_accepted));
    let tenants = configuration.sources.iter().filter(|source| !platform(source));
    metrics.set_tenant_sources(tenants.map(|source| source.state));
}

fn log(Change { source }: &Change) {
    let config_map = source.id.config_map().map(ToString::to_string);
    match source.state {
        LoadState::Pending => {}
        LoadState::Accepted => {
            info!(config_map, classes = source.classes, digest = source.digest, "defaults accepted");
        }
        LoadState::Rejected => {
            let findings = source.findings.len();
            error!(config_map, findings, "defaults rejected; the last good ones stay in force");
        }
    }
    source.findings.iter().for_each(log_finding);
}

/// Logs what concerns single namespaces, once.
fn log_new(findings: &Arc<[NamespaceFinding]>, told: &Arc<[NamespaceFinding]>) {
    if findings == told {
        return;
    }
    let key = |finding: &NamespaceFinding| (finding.namespace.clone(), finding.diagnostic.message.clone());
    let told: HashSet<_> = told.iter().map(key).collect();
    for finding in findings.iter().filter(|finding| !told.contains(&key(finding))) {
        let NamespaceFinding { namespace, diagnostic } = finding;
        let (place, code) = (diagnostic.place.to_string(), diagnostic.code.as_str());
        warn!(namespace = &**namespace, place, code, "{}", diagnostic.message);
    }
}

fn log_finding(finding: &Diagnostic) {
    let place = finding.place.to_string();
    match finding.severity {
        Severity::Error => error!(place, code = finding.code.as_str(), "{}", finding.message),
        Severity::Warning => warn!(place, code = finding.code.as_str(), "{}", finding.message),
    }
}
