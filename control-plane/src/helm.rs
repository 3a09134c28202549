//! Real Helm, built from its Go module as the control plane's programs are, each major version in a module of its own.

use std::{env, path::PathBuf};

use crate::cache::{Error, Module, Recipe};

/// A major version of Helm. They differ in how they write: Helm 3 by patches, Helm 4 by server-side apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Helm 3.
    V3,
    /// Helm 4.
    V4,
}

impl Version {
    /// Both, the older one first.
    pub const ALL: [Self; 2] = [Self::V3, Self::V4];

    /// The release that is built; held equal to its `go.mod` by a test.
    #[must_use]
    pub const fn release(self) -> &'static str {
        match self {
            Self::V3 => "v3.22.0",
            Self::V4 => "v4.3.1",
        }
    }

    const fn go_path(self) -> &'static str {
        match self {
            Self::V3 => "helm.sh/helm/v3",
            Self::V4 => "helm.sh/helm/v4",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::V3 => "helm.sh/helm/v3/cmd/helm",
            Self::V4 => "helm.sh/helm/v4/cmd/helm",
        }
    }

    const fn module(self) -> Module {
        match self {
            Self::V3 => Module {
                go_mod: include_str!("../go/helm3/go.mod"),
                go_sum: include_str!("../go/helm3/go.sum"),
                hint: " (Helm 3)",
            },
            Self::V4 => Module {
                go_mod: include_str!("../go/helm4/go.mod"),
                go_sum: include_str!("../go/helm4/go.sum"),
                hint: " (Helm 4)",
            },
        }
    }
}

/// The path of `helm` in the user's cache, built first if need be.
///
/// Blocks, for some minutes if it builds, and then tells so on standard error. A `helm` that the user has isn't looked
/// for: what is tested is to be the same everywhere.
pub fn find_or_build(version: Version) -> Result<PathBuf, Error> {
    let module = version.module();
    let folder = module.folder(env::var_os("XDG_CACHE_HOME"), env::home_dir())?;
    let program = folder.join("helm");
    if !program.is_file() {
        let release = (format!("{}/internal/version.version", version.go_path()), version.release().to_owned());
        let recipe = Recipe { name: "helm", package: version.package(), variables: vec![release] };
        module.build(&folder, &[recipe])?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_pins_the_release_that_is_reported() {
        for version in Version::ALL {
            let required = format!("{} {} ", version.go_path(), version.release());
            let go_mod = version.module().go_mod;
            assert!(go_mod.lines().any(|line| line.trim_start().starts_with(&required)), "{required}: {go_mod}");
            assert!(version.package().starts_with(version.go_path()));
        }
    }
}
