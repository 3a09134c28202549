//! What a program sent, in order: each request with what it is about, when it came, and what was done to it.

use std::time::Instant;

use crate::fault::Fault;
use crate::proxy::Recorded;

/// What a request is about. Positions count requests of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// What the API server serves: `/apis`, `/api`, `/version`.
    Discovery,
    /// The CRD of GatewayClasses, read once.
    Crd,
    /// The watch on CRDs, and its list.
    CrdWatch,
    /// The watch on classes, and its list.
    ClassWatch,
    /// One class.
    ClassRead,
    /// A class is applied, patched or deleted.
    ClassWrite,
    /// The watch on Gateways, and its list.
    GatewayWatch,
    /// All Gateways, before a deletion.
    GatewayList,
    /// The watch on a tenant's ConfigMaps, and its list.
    ConfigMapWatch,
    /// A ConfigMap that isn't among the labelled ones any more.
    ConfigMapRead,
    /// The watch on namespaces, and its list.
    NamespaceWatch,
    /// The names of classes that stay deleted.
    StateRead,
    /// The same, written.
    StateWrite,
    /// The Lease.
    Lease,
    /// An Event.
    Event,
}

impl Target {
    /// What a request is about; `None` for what the program isn't known to ask.
    pub fn of(request: &Recorded) -> Option<Self> {
        let reads = request.method == "GET";
        // What kube's watcher sends, a watch or the list before one: its queries begin like this.
        let watches = request.query.starts_with('&');
        let (_, rest) = request.path.split_once("/apis/gateway.networking.k8s.io/v1/").unwrap_or_default();
        Some(match &*request.path {
            "/apis" | "/api" | "/version" => Self::Discovery,
            path if path.starts_with("/apis/apiextensions.k8s.io/") => {
                if watches {
                    Self::CrdWatch
                } else {
                    Self::Crd
                }
            }
            path if path.starts_with("/apis/coordination.k8s.io/") => Self::Lease,
            path if path.starts_with("/apis/events.k8s.io/") => Self::Event,
            path if path.ends_with("/configmaps/classkeeper-state") && reads => Self::StateRead,
            path if path.ends_with("/configmaps/classkeeper-state") => Self::StateWrite,
            "/api/v1/namespaces" if watches => Self::NamespaceWatch,
            path if path.ends_with("/configmaps") && watches => Self::ConfigMapWatch,
            path if path.contains("/configmaps/") && reads => Self::ConfigMapRead,
            _ if rest == "gateways" && watches => Self::GatewayWatch,
            _ if rest == "gateways" => Self::GatewayList,
            _ if rest == "gatewayclasses" && reads => Self::ClassWatch,
            _ if rest.starts_with("gatewayclasses/") && reads => Self::ClassRead,
            _ if rest.starts_with("gatewayclasses/") => Self::ClassWrite,
            _ => return None,
        })
    }

    pub fn is_watch(self) -> bool {
        matches!(
            self,
            Self::CrdWatch | Self::ClassWatch | Self::GatewayWatch | Self::ConfigMapWatch | Self::NamespaceWatch
        )
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    pub request: Recorded,
    pub target: Option<Target>,
    pub at: Instant,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Sent {
    /// The name of the class that is written.
    pub fn written_class(&self) -> Option<&str> {
        (self.target == Some(Target::ClassWrite)).then(|| self.request.path.rsplit('/').next().unwrap())
    }
}

/// All that one program sent, its restarts included.
pub type Recording = Vec<Sent>;
