//! Programs that Go builds into the user's cache: once, by one process at a time, and whole or not at all.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use crate::go;

/// For one program. kube-apiserver takes 6 minutes on 2 cores.
const BUILD_LIMIT: Duration = Duration::from_hours(1);

/// For the lock: whoever holds it may build all programs of a module.
const LOCK_LIMIT: Duration = Duration::from_mins(90);

const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

/// What can go wrong with the cache.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `XDG_CACHE_HOME` nor `HOME` says where a cache may be.
    #[error("no folder for a cache: neither XDG_CACHE_HOME nor HOME is an absolute path")]
    NoCache,
    /// The cache can't be written.
    #[error("could not write {}", path.display())]
    File {
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
        program: &'static str,
        /// Why.
        source: go::Error,
    },
}

/// A Go module whose tools are built. It's part of our program, so that the cache's key is what is built from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Module {
    pub(crate) go_mod: &'static str,
    pub(crate) go_sum: &'static str,
    /// What else the user is told before the first build.
    pub(crate) hint: &'static str,
}

/// How a program is built.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// The name of the file.
    pub(crate) name: &'static str,
    /// The Go package.
    pub(crate) package: &'static str,
    /// Go variables and the values that the linker gives them.
    pub(crate) variables: Vec<(String, String)>,
}

impl Module {
    /// `${XDG_CACHE_HOME:-~/.cache}/classkeeper/control-plane/KEY`, where the key comes from go.mod and go.sum.
    pub(crate) fn folder(&self, cache: Option<OsString>, home: Option<PathBuf>) -> Result<PathBuf, Error> {
        // The XDG base directory specification: a relative path is to be ignored.
        let cache = cache
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| home.filter(|folder| folder.is_absolute()).map(|folder| folder.join(".cache")))
            .ok_or(Error::NoCache)?;
        Ok(cache.join("classkeeper/control-plane").join(self.key()))
    }

    /// Names what is built: 16 hexadecimal digits.
    fn key(&self) -> String {
        let digest = Sha256::new().chain_update(self.go_mod).chain_update(self.go_sum).finalize();
        digest[..8].iter().fold(String::new(), |mut key, byte| {
            // Writing to a string doesn't fail.
            let _ = write!(key, "{byte:02x}");
            key
        })
    }

    /// Builds those programs that aren't in the folder. Blocks, and tells on standard error that it takes a while.
    pub(crate) fn build(&self, folder: &Path, recipes: &[Recipe]) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        // Held until this function returns; the system releases it when we are killed.
        let _lock = lock(&folder.join(".lock"))?;
        // Somebody else may have built them while we waited.
        let missing = recipes.iter().filter(|recipe| !folder.join(recipe.name).is_file()).collect::<Vec<_>>();
        if !missing.is_empty() {
            say(&format!(
                "building {} from source into {}: this takes some minutes, once{}",
                missing.iter().map(|recipe| recipe.name).collect::<Vec<_>>().join(" and "),
                folder.display(),
                self.hint,
            ));
        }
        for recipe in missing {
            // Beside its destination, so that the last step is a rename; the watchdog removes it if we are killed.
            let scratch = tempfile::Builder::new().prefix(".build-").tempdir_in(folder).map_err(failed(folder))?;
            for (name, content) in [("go.mod", self.go_mod), ("go.sum", self.go_sum)] {
                let path = scratch.path().join(name);
                fs::write(&path, content).map_err(failed(&path))?;
            }
            compile(recipe, scratch.path())?;
            let destination = folder.join(recipe.name);
            fs::rename(scratch.path().join(recipe.name), &destination).map_err(failed(&destination))?;
        }
        Ok(())
    }
}

fn compile(recipe: &Recipe, module: &Path) -> Result<(), Error> {
    let &Recipe { name: program, package, ref variables } = recipe;
    let ldflags = variables
        .iter()
        .fold("-ldflags=-s -w".to_owned(), |flags, (variable, value)| format!("{flags} -X {variable}={value}"));
    let arguments = ["build", "-mod=readonly", "-trimpath", &ldflags, "-o", program, package];

    let mut said = Duration::ZERO;
    let progress = |elapsed: Duration| {
        if elapsed >= said + PROGRESS_INTERVAL {
            said = elapsed;
            say(&format!("building {program}: {} s", elapsed.as_secs()));
        }
    };
    let start = Instant::now();
    say(&format!("building {program}"));
    go::run(module, &arguments, BUILD_LIMIT, progress).map_err(|source| Error::Build { program, source })?;
    say(&format!("built {program} in {} s", start.elapsed().as_secs()));
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file = File::create(path).map_err(failed)?;
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if start.elapsed() > LOCK_LIMIT => {
                return Err(Error::Locked { lock: path.to_owned(), limit: LOCK_LIMIT });
            }
            Err(TryLockError::WouldBlock) if !told => {
                say("waiting for another process that builds the same programs");
                told = true;
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Writes a line to standard error. `eprintln!` would be captured in a test, and the user would see minutes of nothing.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: Module = Module { go_mod: "module a", go_sum: "", hint: "" };

    #[test]
    fn the_cache_is_where_the_user_keeps_caches() {
        let folder =
            |cache: Option<&str>, home: Option<&str>| MODULE.folder(cache.map(Into::into), home.map(Into::into));
        let ours = |base: &str| Path::new(base).join("classkeeper/control-plane").join(MODULE.key());
        assert_eq!(folder(Some("/cache"), Some("/home/me")).unwrap(), ours("/cache"));
        assert_eq!(folder(Some("relative"), Some("/home/me")).unwrap(), ours("/home/me/.cache"));
        assert!(matches!(folder(None, Some("relative")), Err(Error::NoCache)));
        assert!(matches!(folder(None, None), Err(Error::NoCache)));
    }

    #[test]
    fn other_modules_have_other_folders() {
        assert_eq!(MODULE.key().len(), 16);
        assert_ne!(MODULE.key(), Module { go_sum: "b", ..MODULE }.key());
    }
}
