//! Where the programs of the control plane are: the ecosystem's folder, our cache, or built into that.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    cache::{self, Recipe},
    kubernetes::{self, Kubernetes},
};

/// The version of Kubernetes that is built unless another is asked for; held equal to `go/kubernetes/go.mod` by a test.
pub const KUBERNETES_VERSION: &str = "v1.37.2";

/// What can go wrong on the way to the programs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `KUBEBUILDER_ASSETS` names a folder without all programs.
    #[error("KUBEBUILDER_ASSETS is {}, which has no {missing}", folder.display())]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// The programs that aren't there.
        missing: String,
    },
    /// `CLASSKEEPER_KUBERNETES` names a version that isn't built here.
    #[error("could not take a version of Kubernetes from CLASSKEEPER_KUBERNETES")]
    Kubernetes(#[from] kubernetes::Unknown),
    /// The programs could not be built.
    #[error(transparent)]
    Cache(#[from] cache::Error),
}

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The store.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The command-line client, for those who ask for it.
    Kubectl,
}

impl Program {
    /// The name of the file, and of the process.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::Kubectl => "kubectl",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        }
    }

    fn recipe(self, kubernetes: Kubernetes) -> Recipe {
        let mut version = kubernetes.version().trim_start_matches('v').split('.');
        let (major, minor) = (version.next().unwrap_or_default(), version.next().unwrap_or_default());
        // Without these, the server calls itself v0.0.0-master and clients that look at its version are misled.
        let variables = [("gitVersion", kubernetes.version()), ("gitMajor", major), ("gitMinor", minor)]
            .map(|(name, value)| (format!("k8s.io/component-base/version.{name}"), value.to_owned()));
        Recipe { name: self.name(), package: self.package(), variables: variables.to_vec() }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who fills the folder with the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The user, by `KUBEBUILDER_ASSETS`: nothing is written there.
    Assets,
    /// We, by Go, from the module of this Kubernetes.
    Cache(Kubernetes),
}

/// A folder with etcd and kube-apiserver.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    origin: Origin,
}

impl Binaries {
    /// As [`Binaries::find_or_build_for`], for whoever asks for no version.
    pub fn find_or_build() -> Result<Self, Error> {
        Self::find_or_build_for(None)
    }

    /// The programs of the Kubernetes that is asked for, or else that `$CLASSKEEPER_KUBERNETES` names, from the user's
    /// cache. If neither does: those of `$KUBEBUILDER_ASSETS` if it's set, else of the newest Kubernetes in the cache.
    ///
    /// The cache is `${XDG_CACHE_HOME:-~/.cache}/classkeeper/control-plane/KEY`, where the key comes from go.mod and
    /// go.sum of the Kubernetes; what isn't there is built. Blocks, for some minutes if it builds, and then tells so on
    /// standard error. Nothing is ever downloaded but Go modules.
    pub fn find_or_build_for(asked: Option<Kubernetes>) -> Result<Self, Error> {
        let asked = match asked {
            Some(kubernetes) => Some(kubernetes),
            None => Kubernetes::from_env()?,
        };
        let assets = env::var_os("KUBEBUILDER_ASSETS");
        let binaries = Self::locate(asked, assets, env::var_os("XDG_CACHE_HOME"), env::home_dir())?;
        binaries.ensure(&[Program::Etcd, Program::KubeApiserver])?;
        Ok(binaries)
    }

    /// The folder of the programs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of etcd.
    #[must_use]
    pub fn etcd(&self) -> PathBuf {
        self.path(Program::Etcd)
    }

    /// The path of kube-apiserver.
    #[must_use]
    pub fn kube_apiserver(&self) -> PathBuf {
        self.path(Program::KubeApiserver)
    }

    /// The path of kubectl, which is built now if it isn't there. Blocks as [`Binaries::find_or_build`] does.
    pub fn kubectl(&self) -> Result<PathBuf, Error> {
        self.ensure(&[Program::Kubectl])?;
        Ok(self.path(Program::Kubectl))
    }

    fn path(&self, program: Program) -> PathBuf {
        self.folder.join(program.name())
    }

    fn locate(
        asked: Option<Kubernetes>,
        assets: Option<OsString>,
        cache: Option<OsString>,
        home: Option<PathBuf>,
    ) -> Result<Self, Error> {
        if let Some(folder) = assets.filter(|folder| asked.is_none() && !folder.is_empty()) {
            return Ok(Self { folder: folder.into(), origin: Origin::Assets });
        }
        let kubernetes = asked.unwrap_or_default();
        Ok(Self { folder: kubernetes.module().folder(cache, home)?, origin: Origin::Cache(kubernetes) })
    }

    fn missing(&self, programs: &[Program]) -> Vec<Program> {
        programs.iter().copied().filter(|&program| !self.path(program).is_file()).collect()
    }

    fn ensure(&self, programs: &[Program]) -> Result<(), Error> {
        let missing = self.missing(programs);
        if missing.is_empty() {
            return Ok(());
        }
        match self.origin {
            Origin::Assets => Err(Error::Incomplete {
                folder: self.folder.clone(),
                missing: missing.iter().map(|program| program.name()).collect::<Vec<_>>().join(" and no "),
            }),
            Origin::Cache(kubernetes) => {
                let recipes = programs.iter().map(|program| program.recipe(kubernetes)).collect::<Vec<_>>();
                Ok(kubernetes.module().build(&self.folder, &recipes)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn assets_come_before_the_cache() {
        let folder = |asked: Option<Kubernetes>, assets: &str| {
            Binaries::locate(asked, Some(assets.into()), Some("/cache".into()), Some("/home/me".into())).unwrap().folder
        };
        assert_eq!(folder(None, "/assets"), Path::new("/assets"));
        let newest = folder(None, "");
        assert_eq!(newest.parent().unwrap(), Path::new("/cache/classkeeper/control-plane"));
        // Who names a version gets that version.
        assert_eq!(folder(Some(Kubernetes::Newest), "/assets"), newest);
        let oldest = folder(Some(Kubernetes::Oldest), "/assets");
        assert!(oldest.parent() == newest.parent() && oldest != newest);
    }

    #[test]
    fn incomplete_assets_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("etcd"), "").unwrap();
        let binaries = Binaries::locate(None, Some(folder.path().into()), None, None).unwrap();
        let error = binaries.ensure(&[Program::Etcd, Program::KubeApiserver]).unwrap_err().to_string();
        assert_eq!(error, format!("KUBEBUILDER_ASSETS is {}, which has no kube-apiserver", folder.path().display()));
        fs::remove_file(folder.path().join("etcd")).unwrap();
        let error = binaries.ensure(&[Program::Etcd, Program::KubeApiserver]).unwrap_err().to_string();
        assert!(error.ends_with("which has no etcd and no kube-apiserver"), "{error}");
    }
}
