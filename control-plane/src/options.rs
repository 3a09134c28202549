//! What a caller can choose about a control plane.

use crate::{crds::GATEWAY_API_VERSION, kubernetes::Kubernetes};

/// How to start a control plane. The default has the Gateway API's CRDs and one user, the administrator.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The version of Kubernetes; `None` is for the environment to say, see [`Binaries::find_or_build_for`].
    ///
    /// [`Binaries::find_or_build_for`]: crate::Binaries::find_or_build_for
    pub kubernetes: Option<Kubernetes>,
    /// The CRDs that are installed before it counts as started.
    pub crds: Crds,
    /// More arguments for kube-apiserver. They stand after ours: the last of a flag that takes one value wins.
    pub apiserver_args: Vec<String>,
    /// Users beside the administrator.
    pub users: Vec<User>,
}

/// Which of the Gateway API's CRDs (standard channel) to install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Crds {
    /// None: a cluster that knows no GatewayClass.
    None,
    /// Those of the release that `go/gateway-api/go.mod` pins, [`GATEWAY_API_VERSION`].
    #[default]
    Pinned,
    /// Those of another release, such as `v1.2.1`.
    Version(String),
}

impl Crds {
    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Pinned => Some(GATEWAY_API_VERSION),
            Self::Version(version) => Some(version),
        }
    }
}

/// A user who authenticates by a bearer token. Without a `RoleBinding` it may do nothing but discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name RBAC sees, and the name of the user's context in the kubeconfig.
    pub name: String,
    /// The bearer token, different for each user.
    pub token: String,
    /// The groups RBAC sees.
    pub groups: Vec<String>,
}
