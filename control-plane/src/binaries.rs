//! Where the programs of the control plane are: the ecosystem's folder, our cache, or built into that.

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::go;

mod build;

/// The version of Kubernetes that is built; held equal to `go/kubernetes/go.mod` by a test.
pub const KUBERNETES_VERSION: &str = "v1.37.2";

/// The module whose tools are built. They are part of the program, so that the cache's key is what is built from.
const GO_MOD: &str = include_str!("../go/kubernetes/go.mod");
const GO_SUM: &str = include_str!("../go/kubernetes/go.sum");

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
    /// Neither `XDG_CACHE_HOME` nor `HOME` says where a cache may be.
    #[error("no folder for a cache: neither XDG_CACHE_HOME nor HOME is an absolute path")]
    NoCache,
    /// The cache can't be written.
    #[error("could not write {}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process holds the cache's lock for longer than a build takes.
    #[error("another process has held {} for more than {} s", lock.display(), limit.as_secs())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// How long we waited.
        limit: Duration,
    },
    /// Go didn't build a program.
    #[error("could not build {program}")]
    Build {
        /// The program.
        program: Program,
        /// Why.
        source: go::Error,
    },
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
    /// We, by Go.
    Cache,
}

/// A folder with etcd and kube-apiserver.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    origin: Origin,
}

impl Binaries {
    /// The programs of `$KUBEBUILDER_ASSETS` if it's set, else those of the user's cache, built first if need be.
    ///
    /// The cache is `${XDG_CACHE_HOME:-~/.cache}/classkeeper/control-plane/KEY`, where the key comes from go.mod and
    /// go.sum of `go/kubernetes`. Blocks, for some minutes if it builds, and then tells so on standard error. Nothing is
    /// ever downloaded but Go modules.
    pub fn find_or_build() -> Result<Self, Error> {
        let binaries = Self::locate(env::var_os("KUBEBUILDER_ASSETS"), env::var_os("XDG_CACHE_HOME"), env::home_dir())?;
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

    fn locate(assets: Option<OsString>, cache: Option<OsString>, home: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(folder) = assets.filter(|folder| !folder.is_empty()) {
            return Ok(Self { folder: folder.into(), origin: Origin::Assets });
        }
        // The XDG base directory specification: a relative path is to be ignored.
        let cache = cache
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| home.filter(|folder| folder.is_absolute()).map(|folder| folder.join(".cache")))
            .ok_or(Error::NoCache)?;
        Ok(Self { folder: cache.join("classkeeper/control-plane").join(key()), origin: Origin::Cache })
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
            Origin::Cache => self.build(programs),
        }
    }
}

/// Names what is built: 16 hexadecimal digits.
fn key() -> String {
    let digest = Sha256::new().chain_update(GO_MOD).chain_update(GO_SUM).finalize();
    digest[..8].iter().fold(String::new(), |mut key, byte| {
        // Writing to a string doesn't fail.
        let _ = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn go_mod_pins_the_version_that_is_reported() {
        assert!(GO_MOD.contains(&format!("\tk8s.io/kubernetes {KUBERNETES_VERSION} ")));
        let staging = KUBERNETES_VERSION.replacen("v1.", "v0.", 1);
        let replaced = GO_MOD.lines().filter(|line| line.contains(" => ")).collect::<Vec<_>>();
        assert!(replaced.len() > 20 && replaced.iter().all(|line| line.ends_with(&staging)), "{replaced:?}");
    }

    #[test]
    fn assets_come_before_the_cache() {
        let folder = |assets: &str, cache: &str| {
            Binaries::locate(Some(assets.into()), Some(cache.into()), Some("/home/me".into())).unwrap().folder
        };
        assert_eq!(folder("/assets", "/cache"), Path::new("/assets"));
        assert_eq!(folder("", "/cache"), Path::new("/cache/classkeeper/control-plane").join(key()));
        assert_eq!(folder("", "relative"), Path::new("/home/me/.cache/classkeeper/control-plane").join(key()));
        assert!(matches!(Binaries::locate(None, None, None), Err(Error::NoCache)));
    }

    #[test]
    fn incomplete_assets_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("etcd"), "").unwrap();
        let binaries = Binaries::locate(Some(folder.path().into()), None, None).unwrap();
        let error = binaries.ensure(&[Program::Etcd, Program::KubeApiserver]).unwrap_err().to_string();
        assert_eq!(error, format!("KUBEBUILDER_ASSETS is {}, which has no kube-apiserver", folder.path().display()));
        fs::remove_file(folder.path().join("etcd")).unwrap();
        let error = binaries.ensure(&[Program::Etcd, Program::KubeApiserver]).unwrap_err().to_string();
        assert!(error.ends_with("which has no etcd and no kube-apiserver"), "{error}");
    }
}
