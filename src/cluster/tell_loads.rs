//! Tells each load of the defaults by an Event on the Pod that loaded them.

use tokio::sync::watch;

use super::connect::Pod;
use super::events::{Events, Happening, Regarding, Told};
use crate::engine::diagnostic::Severity;
use crate::files::follow::{Configuration, ConfigurationState};

/// Findings that an Event quotes.
const QUOTED_AT_MOST: usize = 3;

/// Tells until nothing is loaded any more.
pub async fn tell_loads(pod: Pod, mut configuration: watch::Receiver<Configuration>, events: Events) {
    while configuration.changed().await.is_ok() {
        let told = told(&configuration.borrow_and_update());
        if let Some((what, note)) = told {
            events.tell(Told { what, regarding: Regarding::Pod(pod.clone()), note });
        }
    }
}

fn told(configuration: &Configuration) -> Option<(Happening, String)> {
    match configuration.state {
        ConfigurationState::Pending => None,
        ConfigurationState::Accepted => {
            let classes = configuration.defaults.as_ref().map_or(0, |defaults| defaults.len());
            let digest = configuration.digest.as_deref().unwrap_or_default();
            Some((Happening::DefaultsAccepted, format!("{classes} classes, digest {digest}")))
        }
        ConfigurationState::Rejected => {
            let errors = configuration.findings.iter().filter(|finding| finding.severity == Severity::Error);
            let quoted: Vec<_> = errors
                .clone()
                .take(QUOTED_AT_MOST)
                .map(|finding| format!("{}: {}", finding.place, finding.message))
                .collect();
            let more = match errors.count().saturating_sub(QUOTED_AT_MOST) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let stays = if configuration.defaults.is_some() { "the last good ones stay in force: " } else { "" };
            Some((Happening::DefaultsRejected, format!("{stays}{}{more}", quoted.join("; "))))
        }
    }
}
