//! One consistent read of a defaults directory, of a single file, or of a ConfigMap: names, bytes and a digest.
//!
//! kubelet fills a ConfigMap mount with links into `..data`, itself a link to the directory of one generation, which it
//! replaces as a whole. So `..data` is resolved once, everything is read in there, and `..data` is looked at again: a
//! snapshot is never half of one ConfigMap and half of the next.
//!
//! What is wrong with single files is a finding, and the snapshot goes on without them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::diagnostic::{Code, Diagnostic};

/// The greatest size of a file, in bytes.
const FILE_AT_MOST: usize = 1 << 20;
/// The greatest size of all files together, in bytes.
const SOURCE_AT_MOST: usize = 64 << 20;
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

/// A file as it was found, before the limits of the source.
type Entry = (String, Result<Vec<u8>, Refusal>);

/// Why a file isn't read.
#[derive(Debug)]
struct Refusal {
    code: Code,
    message: String,
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
            return settled(locate, &shown(), |file| Ok(read_file(file))).map(|read| Self::collect([(name, read)]));
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
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        self.digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
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
            let refusal = match read {
                Ok(bytes) if size + bytes.len() <= SOURCE_AT_MOST => {
                    size += bytes.len();
                    let digest: [u8; 32] = Sha256::digest(&bytes).into();
                    hash(&digest);
                    files.push(SnapshotFile { name, bytes, digest });
                    continue;
                }
                Ok(_) => {
                    let limit = SOURCE_AT_MOST >> 20;
                    Refusal { code: Code::TooLarge, message: format!("with this file, all files are over {limit} MiB") }
                }
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

/// Reads the defaults files of a directory, in byte order of their names. No link may lead out of `root`.
fn read_directory(directory: &Path, root: &Path) -> io::Result<Vec<Entry>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if is_defaults_file(name.as_bytes()) {
            names.push(name);
        }
    }
    names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    let mut files = Vec::new();
    for name in names {
        let shown = name.to_string_lossy().into_owned();
        let read = match fs::canonicalize(directory.join(&name)) {
            Err(error) => Err(unreadable(&error)),
            Ok(path) if !path.starts_with(root) => {
                Err(refusal(Code::Unreadable, "this link leads out of the directory, and isn't followed"))
            }
            Ok(path) if path.is_dir() => continue,
            Ok(_) if name.to_str().is_none() => Err(refusal(Code::NotUtf8, "the file's name is not UTF-8")),
            Ok(path) => read_file(&path),
        };
        files.push((shown, read));
    }
    Ok(files)
}

fn is_defaults_file(name: &[u8]) -> bool {
    !name.starts_with(b".") && [&b".yaml"[..], b".yml", b".json"].iter().any(|extension| name.ends_with(extension))
}

/// Reads a regular file, at most one byte more than is allowed.
fn read_file(path: &Path) -> Result<Vec<u8>, Refusal> {
    let not_regular = || refusal(Code::Unreadable, "this is not a regular file");
    // Opening a device may do something, so it's looked at first. What is opened may be another thing by then: a FIFO
    // without a writer mustn't block.
    if !fs::metadata(path).map_err(|error| unreadable(&error))?.is_file() {
        return Err(not_regular());
    }
    let file = open(path).map_err(|error| unreadable(&error))?;
    if !file.metadata().map_err(|error| unreadable(&error))?.is_file() {
        return Err(not_regular());
    }
    read_bounded(&file).map_err(|error| unreadable(&error))?.ok_or_else(too_large)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// `None` if there is more than a file may hold.
fn read_bounded(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(FILE_AT_MOST as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= FILE_AT_MOST).then_some(bytes))
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > FILE_AT_MOST { Err(too_large()) } else { Ok(bytes) }
}

fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

fn unreadable(error: &io::Error) -> Refusal {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "the file is gone, or the link leads nowhere".to_owned(),
        io::ErrorKind::PermissionDenied => "the file can't be read: permission denied".to_owned(),
        _ => format!("the file can't be read: {error}"),
    };
    refusal(Code::Unreadable, message)
}

fn too_large() -> Refusal {
    refusal(Code::TooLarge, format!("the file is over {} MiB", FILE_AT_MOST >> 20))
}
