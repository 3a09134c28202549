//! One consistent read of a defaults directory, of a single file, or of a ConfigMap: names, bytes and a digest.
//!
//! kubelet fills a ConfigMap mount with links into `..data`, itself a link to the directory of one generation, which it
//! replaces as a whole. So `..data` is resolved once, everything is read in there, and `..data` is looked at again: a
//! snapshot is never half of one ConfigMap and half of the next.
//!
//! What is wrong with single files is a finding, and the snapshot goes on without them.

mod directory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::directory::{Entry, FILE_AT_MOST, Refusal, SOURCE_AT_MOST};
use self::directory::{is_defaults_file, read_directory, read_file, source_too_large, too_large};
use crate::engine::diagnostic::Diagnostic;

/// How often a mount that is replaced during the read is read again.
const ATTEMPTS: usize = 5;

/// The files of a source at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    files: Vec<SnapshotFile>,
    findings: Vec<Diagnostic>,
    digest: [u8; 32],
}

/// A file of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    /// Its name, without the directory; of a key of a ConfigMap `configmap NAMESPACE/NAME/KEY`.
    pub name: Arc<str>,
    /// Its content.
    pub bytes: Vec<u8>,
    /// The SHA-256 of its content.
    pub digest: [u8; 32],
}

/// A source that can't be read at all.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is nothing at the path.
    #[error("{path} does not exist")]
    Missing {
        /// The path as it was given.
        path: String,
    },
    /// The directory can't be listed, or the single file can't be opened.
    #[error("can't read {path}")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// The system's words.
        source: io::Error,
    },
    /// Neither a directory nor a regular file, such as a socket.
    #[error("{path} is neither a directory nor a regular file")]
    NeitherDirectoryNorFile {
        /// The path as it was given.
        path: String,
    },
    /// `..data` leads out of the mount.
    #[error("{path}/..data leads out of the directory")]
    OutsideGeneration {
        /// The path as it was given.
        path: String,
    },
    /// The mount was replaced during each of several reads.
    #[error("{path} is replaced faster than it can be read")]
    Unsettled {
        /// The path as it was given.
        path: String,
    },
}

impl Snapshot {
    /// Reads a directory, or a single file.
    pub fn read(path: &Path) -> Result<Self, SnapshotError> {
        let shown = || path.display().to_string();
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => SnapshotError::Missing { path: shown() },
            _ => SnapshotError::Unreadable { path: shown(), source },
        };
        let root = fs::canonicalize(path).map_err(failed)?;
        let metadata = fs::metadata(&root).map_err(failed)?;
        if metadata.is_file() {
            let name = path.file_name().or(root.file_name()).unwrap_or_default().to_string_lossy().into_owned();
            let locate = || fs::canonicalize(path).map(Some);
            return settled(locate, &shown(), |file| Ok(read_file(file, None)))
                .map(|read| Self::collect([(name, read)]));
        }
        if !metadata.is_dir() {
            return Err(SnapshotError::NeitherDirectoryNorFile { path: shown() });
        }
        match generation(&root).map_err(failed)? {
            None => Ok(Self::collect(read_directory(&root, &root).map_err(failed)?)),
            Some(generation) if !generation.starts_with(&root) => {
                Err(SnapshotError::OutsideGeneration { path: shown() })
            }
            Some(_) => {
                let files = settled(|| generation(&root), &shown(), |generation| read_directory(generation, &root))?;
                Ok(Self::collect(files))
            }
        }
    }

    /// A snapshot of files that are in memory. Of them, too, only those count that have the name of a defaults file.
    #[must_use]
    pub fn of(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut files: Vec<_> = files
            .into_iter()
            .filter(|(name, _)| is_defaults_file(name.as_bytes()))
            .map(|(name, bytes)| (name, bounded(bytes)))
            .collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Self::collect(files)
    }

    /// A snapshot of a ConfigMap, by the rules for the directory that kubelet would make of it: `binaryData` are files
    /// as `data` are. Findings name a key as `configmap NAMESPACE/NAME/KEY`.
    #[must_use]
    pub fn of_config_map(
        namespace: &str,
        name: &str,
        data: BTreeMap<String, String>,
        binary_data: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let data = data.into_iter().map(|(key, text)| (key, text.into_bytes()));
        let mut files: Vec<_> = data.chain(binary_data).filter(|(key, _)| is_defaults_file(key.as_bytes())).collect();
        // The server lets no key stand in both.
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let shown = |(key, bytes)| (format!("configmap {namespace}/{name}/{key}"), bounded(bytes));
        Self::collect(files.into_iter().map(shown))
    }

    /// The files, in byte order of their names.
    #[must_use]
    pub fn files(&self) -> &[SnapshotFile] {
        &self.files
    }

    /// What is wrong with files that aren't part of the snapshot.
    #[must_use]
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// The SHA-256 of all names, contents and findings, in hexadecimal. Equal digests mean equal snapshots.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&self.digest)
    }

    fn collect(found: impl IntoIterator<Item = Entry>) -> Self {
        let (mut files, mut findings, mut size) = (Vec::new(), Vec::new(), 0);
        let mut whole = Sha256::new();
        let mut hash = |bytes: &[u8]| {
            whole.update(bytes.len().to_le_bytes());
            whole.update(bytes);
        };
        for (name, read) in found {
            let name = Arc::<str>::from(name);
            hash(name.as_bytes());
            size += read.as_ref().map_or(0, Vec::len);
            let refusal = match read {
                Ok(bytes) if size <= SOURCE_AT_MOST => {
                    let digest: [u8; 32] = Sha256::digest(&bytes).into();
                    hash(&digest);
                    files.push(SnapshotFile { name, bytes, digest });
                    continue;
                }
                Ok(_) => source_too_large(),
                Err(refusal) => refusal,
            };
            hash(refusal.message.as_bytes());
            findings.push(Diagnostic::of_file(refusal.code, &name, refusal.message));
        }
        Self { files, findings, digest: whole.finalize().into() }
    }
}

/// Where `..data` leads; `None` in a directory that is no mount.
fn generation(root: &Path) -> io::Result<Option<PathBuf>> {
    match fs::canonicalize(root.join("..data")) {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads what a link leads to, again if the link was replaced meanwhile.
fn settled<T>(
    locate: impl Fn() -> io::Result<Option<PathBuf>>,
    shown: &str,
    mut read: impl FnMut(&Path) -> io::Result<T>,
) -> Result<T, SnapshotError> {
    let failed = |source| SnapshotError::Unreadable { path: shown.to_owned(), source };
    for _ in 0..ATTEMPTS {
        let Some(before) = locate().map_err(failed)? else { continue };
        let content = read(&before);
        if locate().map_err(failed)? == Some(before) {
            return content.map_err(failed);
        }
    }
    Err(SnapshotError::Unsettled { path: shown.to_owned() })
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > FILE_AT_MOST { Err(too_large()) } else { Ok(bytes) }
}
