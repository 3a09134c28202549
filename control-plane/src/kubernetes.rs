//! Which Kubernetes: the newest that classkeeper supports, or the oldest. Each is built from a module of its own.

use std::{env, str::FromStr};

use crate::{binaries::KUBERNETES_VERSION, cache::Module};

/// The environment variable that names a version for whoever doesn't ask for one: `1.34`, `v1.34` or `v1.34.4`.
pub const VARIABLE: &str = "CLASSKEEPER_KUBERNETES";

/// A Kubernetes that can be built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kubernetes {
    /// The newest that classkeeper supports.
    #[default]
    Newest,
    /// The oldest that classkeeper supports.
    Oldest,
}

/// No such Kubernetes is built here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no Kubernetes {asked:?} here, only {}", Kubernetes::ALL.map(Kubernetes::version).join(" and "))]
pub struct Unknown {
    asked: String,
}

impl Kubernetes {
    /// All of them, the newest first.
    pub const ALL: [Self; 2] = [Self::Newest, Self::Oldest];

    /// The release that is built, such as `v1.37.2`; held equal to its `go.mod` by a test.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Newest => KUBERNETES_VERSION,
            Self::Oldest => "v1.34.4",
        }
    }

    /// The release without its patch, such as `v1.37`.
    #[must_use]
    pub fn minor(self) -> &'static str {
        let version = self.version();
        version.rsplit_once('.').map_or(version, |(minor, _)| minor)
    }

    /// The one that `CLASSKEEPER_KUBERNETES` names; `None` if it's unset or empty.
    pub fn from_env() -> Result<Option<Self>, Unknown> {
        match env::var_os(VARIABLE).filter(|asked| !asked.is_empty()) {
            Some(asked) => asked.to_string_lossy().parse().map(Some),
            None => Ok(None),
        }
    }

    pub(crate) const fn module(self) -> Module {
        match self {
            Self::Newest => Module {
                go_mod: include_str!("../go/kubernetes/go.mod"),
                go_sum: include_str!("../go/kubernetes/go.sum"),
                hint: " (faster with internet access: setup-envtest, and KUBEBUILDER_ASSETS set to its folder)",
            },
            Self::Oldest => Module {
                go_mod: include_str!("../go/kubernetes-1.34/go.mod"),
                go_sum: include_str!("../go/kubernetes-1.34/go.sum"),
                hint: " (the oldest supported Kubernetes)",
            },
        }
    }
}

impl FromStr for Kubernetes {
    type Err = Unknown;

    /// With or without the patch, with or without the `v`.
    fn from_str(asked: &str) -> Result<Self, Unknown> {
        let wanted = format!("v{}", asked.trim_start_matches('v'));
        let is = |kubernetes: &Self| wanted == kubernetes.version() || wanted == kubernetes.minor();
        Self::ALL.into_iter().find(is).ok_or_else(|| Unknown { asked: asked.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_pins_the_version_that_is_reported() {
        for kubernetes in Kubernetes::ALL {
            let go_mod = kubernetes.module().go_mod;
            assert!(go_mod.contains(&format!("\tk8s.io/kubernetes {} ", kubernetes.version())), "{kubernetes:?}");
            let staging = kubernetes.version().replacen("v1.", "v0.", 1);
            let replaced = go_mod.lines().filter(|line| line.contains(" => ")).collect::<Vec<_>>();
            assert!(replaced.len() > 20 && replaced.iter().all(|line| line.ends_with(&staging)), "{replaced:?}");
        }
    }

    #[test]
    fn a_version_is_named_with_or_without_its_patch() {
        for asked in ["1.34", "v1.34", "1.34.4", "v1.34.4"] {
            assert_eq!(asked.parse(), Ok(Kubernetes::Oldest), "{asked}");
        }
        assert_eq!(Kubernetes::Newest.minor().parse(), Ok(Kubernetes::Newest));
    }

    #[test]
    fn an_unknown_version_is_answered_with_those_there_are() {
        for asked in ["1.33", "1.34.99", "1", "latest", "v"] {
            let unknown = asked.parse::<Kubernetes>().unwrap_err().to_string();
            let there = format!("there is no Kubernetes {asked:?} here, only {KUBERNETES_VERSION} and v1.34.4");
            assert_eq!(unknown, there);
        }
    }
}
