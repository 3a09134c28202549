//! Admission: a validating webhook, for whoever wants to hear of a mistake while making it. It refuses ConfigMaps with
//! defaults that the loader would refuse, and tells whoever edits a class what comes of the edit. It guards nothing that
//! the loader and the plan don't guard as well, and writes nothing.

pub mod authority;
pub mod bundle;
pub mod certificate;
mod classes;
mod config_maps;
pub mod keep;
pub mod mounted;
pub mod review;
pub mod served;
pub mod server;
pub mod store;

use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::board::Board;
use crate::cluster::facts::ClusterState;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::FieldManager;
use crate::metrics::Metrics;

pub use self::config_maps::LABEL;

/// The API server cuts a longer warning off.
const LONGEST_WARNING: usize = 250;

/// What answers are made of.
#[derive(Clone)]
pub struct Admission {
    /// The defaults in force.
    pub board: Arc<Board>,
    /// What the cluster is, for defaults with a condition.
    pub cluster: watch::Receiver<Option<ClusterState>>,
    /// The name under which we write.
    pub manager: FieldManager,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Admission {
    /// The default by which a class is kept; `None` if there is none, or if it doesn't count now.
    fn default_of(&self, class: &str) -> Option<Arc<DefaultClass>> {
        let default = self.board.lock().defaults.as_ref()?.get(class)?.clone();
        let Some(when) = &default.when else { return Some(default) };
        let facts = self.cluster.borrow().as_ref()?.facts.clone();
        when.holds(&facts).is_ok_and(|holds| holds).then_some(default)
    }

    /// Whether a write of this field manager is our own.
    fn is_own(&self, writer: &str) -> bool {
        writer == self.manager.as_str()
    }
}

/// A warning that is no longer than one may be.
fn fit(text: String) -> String {
    match text.char_indices().nth(LONGEST_WARNING) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
