//! Tells each load of the defaults by an Event, on the ConfigMap that was loaded or on the Pod that loaded the files; and
//! notes it in the journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::connect::Pod;
use super::events::{Events, Happening, Regarding, Told};
use super::journal::{Subject, What};
use super::leader::Role;
use crate::engine::diagnostic::Severity;
use crate::engine::source::{LoadState, SourceId, SourceState};
use crate::files::sources::Change;

/// Findings that an Event quotes.
const QUOTED_AT_MOST: usize = 3;
/// What was loaded before leadership was gained is told if it isn't older: the former leader told the rest.
const UNTOLD_AT_MOST: Duration = Duration::from_secs(30);

/// Tells until nothing is loaded any more. What concerns a ConfigMap is told by the leader alone, since every replica
/// loads it; each replica has its own mount, and its own Pod.
pub async fn tell_loads(
    pod: Option<Pod>,
    mut changes: mpsc::Receiver<Change>,
    mut role: watch::Receiver<Role>,
    events: Events,
) {
    let mut untold: BTreeMap<SourceId, (Instant, SourceState)> = BTreeMap::new();
    loop {
        tokio::select! {
            change = changes.recv() => {
                let Some(Change { source }) = change else { return };
                if let Some((what, note)) = told(&source) {
                    events.note(Subject::Source(source.id.clone()), What::Told(what), &note);
                }
                match (&source.id, *role.borrow()) {
                    (SourceId::ConfigMap(_) | SourceId::Templates | SourceId::Tenant { .. }, Role::Standby) => {
                        untold.insert(source.id.clone(), (Instant::now(), source));
                    }
                    (_, Role::Leader) | (SourceId::Directory, Role::Standby) => tell(&source, pod.as_ref(), &events),
                }
            }
            Ok(()) = role.changed() => {
                if *role.borrow_and_update() == Role::Leader {
                    for (since, source) in std::mem::take(&mut untold).into_values() {
                        if since.elapsed() < UNTOLD_AT_MOST {
                            tell(&source, pod.as_ref(), &events);
                        }
                    }
                }
            }
        }
    }
}

fn tell(source: &SourceState, pod: Option<&Pod>, events: &Events) {
    let regarding = match (source.id.config_map(), pod) {
        (Some(name), _) => Regarding::ConfigMap {
            namespace: name.namespace.clone(),
            name: name.name.clone(),
            uid: source.uid.clone().unwrap_or_default(),
        },
        (None, Some(pod)) => Regarding::Pod(pod.clone()),
        (None, None) => return,
    };
    if let Some((what, note)) = told(source) {
        events.tell(Told { what, regarding, note });
    }
}

fn told(source: &SourceState) -> Option<(Happening, String)> {
    match source.state {
        LoadState::Pending => None,
        LoadState::Accepted => {
            let digest = source.digest.as_deref().unwrap_or_default();
            let classes = if source.classes == 1 { "class" } else { "classes" };
            Some((Happening::DefaultsAccepted, format!("{} {classes}, digest {digest}", source.classes)))
        }
        LoadState::Rejected => {
            let errors = source.findings.iter().filter(|finding| finding.severity == Severity::Error);
            let quoted: Vec<_> = errors
                .clone()
                .take(QUOTED_AT_MOST)
                .map(|finding| format!("{}: {}", finding.place, finding.message))
                .collect();
            let more = match errors.count().saturating_sub(QUOTED_AT_MOST) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let stays = if source.in_force { "the last good ones stay in force: " } else { "" };
            Some((Happening::DefaultsRejected, format!("{stays}{}{more}", quoted.join("; "))))
        }
    }
}
