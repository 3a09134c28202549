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

use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::watch;

use self::review::{Answer, Request, ReviewError};
use crate::cluster::board::Board;
use crate::cluster::class::Class;
use crate::cluster::facts::ClusterState;
use crate::engine::author::{Installation, are_siblings};
use crate::engine::defaults::DefaultClass;
use crate::engine::source::ConfigMapName;
use crate::engine::tenancy::Tenant;
use crate::metrics::Metrics;

/// The API server cuts a longer warning off.
const LONGEST_WARNING: usize = 250;

/// What answers are made of.
#[derive(Clone)]
pub struct Admission {
    /// The defaults in force.
    pub board: Arc<Board>,
    /// What the cluster is, for defaults with a condition.
    pub cluster: watch::Receiver<Option<ClusterState>>,
    /// The names under which we write.
    pub installation: Installation,
    /// The platform's own ConfigMaps.
    pub platform_config_maps: Arc<[ConfigMapName]>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Admission {
    /// Answers the body of a review of a ConfigMap, with the review's uid.
    pub fn review_config_map(&self, body: &[u8]) -> Result<(String, Answer), ReviewError> {
        let request = Request::<ConfigMap>::read(body)?;
        Ok((request.uid.clone(), config_maps::judge(request, self)))
    }

    /// Answers the body of a review of a GatewayClass, with the review's uid.
    pub fn review_class(&self, body: &[u8]) -> Result<(String, Answer), ReviewError> {
        let request = Request::<Class>::read(body)?;
        Ok((request.uid.clone(), classes::judge(request, self)))
    }

    /// The default by which a class is kept; `None` if there is none, or if it doesn't count now.
    fn default_of(&self, class: &str) -> Option<Arc<DefaultClass>> {
        let default = self.board.lock().defaults.as_ref()?.get(class)?.clone();
        let Some(when) = &default.when else { return Some(default) };
        let facts = self.cluster.borrow().as_ref()?.facts.clone();
        when.holds(&facts).is_ok_and(|holds| holds).then_some(default)
    }

    /// Whether a write of this field manager is our own.
    fn is_own(&self, writer: &str) -> bool {
        are_siblings(writer, self.installation.platform().as_str())
    }

    /// Who reads a ConfigMap of this namespace and name.
    fn reader(&self, namespace: &str, name: &str) -> Reader {
        if self.platform_config_maps.iter().any(|known| *known.namespace == *namespace && *known.name == *name) {
            return Reader::Platform;
        }
        let state = self.board.lock();
        let Some(defaults) = &state.defaults else { return Reader::NotYetKnown };
        let is_theirs = |tenant: &&Arc<Tenant>| tenant.namespaces.iter().any(|known| **known == *namespace);
        defaults.tenants().find(is_theirs).map_or(Reader::Nobody, |tenant| Reader::Tenant(tenant.clone()))
    }
}

/// Who reads a ConfigMap with defaults.
enum Reader {
    /// The platform: the program was told of it.
    Platform,
    /// The tenant to whom its namespace belongs.
    Tenant(Arc<Tenant>),
    /// Nobody.
    Nobody,
    /// There was no good load yet, which would say so.
    NotYetKnown,
}

/// A warning that is no longer than one may be.
fn fit(text: String) -> String {
    match text.char_indices().nth(LONGEST_WARNING) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
