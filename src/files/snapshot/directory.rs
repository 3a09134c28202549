//! Reads what stands in a directory, and refuses what is no file of it: a link that leads out, a FIFO, a device, and more
//! than a source may hold. Whoever writes the directory may change it meanwhile, so what counts is what was opened.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::engine::diagnostic::Code;

/// The greatest size of a file, in bytes.
pub(super) const FILE_AT_MOST: usize = 1 << 20;
/// The greatest size of all files together, in bytes.
pub(super) const SOURCE_AT_MOST: usize = 64 << 20;
/// The greatest number of files: as many as there may be documents.
const FILES_AT_MOST: usize = 100_000;
/// How often a file that is replaced during the read is read again.
const ATTEMPTS: usize = 5;

/// A file as it was found, before the limits of the source.
pub(super) type Entry = (String, Result<Vec<u8>, Refusal>);

/// Why a file isn't read.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
    /// Nothing was found at the path, or where a link there leads.
    is_gone: bool,
}

/// Reads the defaults files of a directory, in byte order of their names. Nothing that stands outside of `root` is read,
/// and no more than a source may hold.
pub(super) fn read_directory(directory: &Path, root: &Path) -> io::Result<Vec<Entry>> {
    // The first ones by name, and one more: whatever order they are listed in, the same ones are read.
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_defaults_file(name.as_bytes()) {
            names.insert(name, entry.file_type().is_ok_and(|kind| kind.is_file()));
        }
        if names.len() > FILES_AT_MOST + 1 {
            names.pop_last();
        }
    }
    let (mut files, mut size) = (Vec::new(), 0);
    for (name, is_regular) in names {
        let shown = name.to_string_lossy().into_owned();
        let read = if files.len() == FILES_AT_MOST {
            Some(Err(too_many_files()))
        } else if size > SOURCE_AT_MOST {
            Some(Err(source_too_large()))
        } else {
            let path = directory.join(&name);
            // What is no link is opened at once: of many files, looking at each first would take most of the time.
            let quickly = if is_regular && name.to_str().is_some() { read_regular(&path, root) } else { None };
            quickly.map(Ok).or_else(|| read_entry(&path, root))
        };
        size += read.iter().flatten().map(Vec::len).sum::<usize>();
        files.extend(read.map(|read| (shown, read)));
    }
    Ok(files)
}

/// Reads a regular file, if it is still one. If not, somebody else says what is wrong.
fn read_regular(path: &Path, root: &Path) -> Option<Vec<u8>> {
    let file = open(path, libc::O_NOFOLLOW).ok().filter(|file| stands_in(file, root))?;
    read_open(&file).ok()
}

/// Reads what stands at a name; `None` for a directory, and for what is gone since it was listed.
fn read_entry(path: &Path, root: &Path) -> Option<Result<Vec<u8>, Refusal>> {
    for _ in 0..ATTEMPTS {
        let read = match fs::canonicalize(path) {
            Err(error) => Err(error.into()),
            Ok(found) if !found.starts_with(root) => Err(leads_out()),
            Ok(found) if found.is_dir() => return None,
            Ok(_) if path.file_name().and_then(OsStr::to_str).is_none() => {
                Err(refusal(Code::NotUtf8, "the file's name is not UTF-8"))
            }
            Ok(found) => read_file(&found, Some(root)),
        };
        match (&read, fs::symlink_metadata(path)) {
            (Err(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => return None,
            // Something else has taken its place. A link that leads nowhere is no such case.
            (Err(refusal), Ok(metadata)) if refusal.is_gone && !metadata.is_symlink() => {}
            _ => return Some(read),
        }
    }
    None
}

pub(super) fn is_defaults_file(name: &[u8]) -> bool {
    !name.starts_with(b".") && [&b".yaml"[..], b".yml", b".json"].iter().any(|extension| name.ends_with(extension))
}

/// Reads a regular file, at most one byte more than is allowed, if it stands inside of a directory.
pub(super) fn read_file(path: &Path, root: Option<&Path>) -> Result<Vec<u8>, Refusal> {
    // Opening a device may do something, so it's looked at first. What is opened may be another thing by then: a FIFO
    // without a writer mustn't block.
    if !fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    let file = open(path, 0)?;
    if root.is_some_and(|root| !stands_in(&file, root)) {
        return Err(leads_out());
    }
    read_open(&file)
}

fn read_open(file: &File) -> Result<Vec<u8>, Refusal> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_regular());
    }
    read_bounded(file, metadata.len())?.ok_or_else(too_large)
}

/// Whether an open file stands below a directory. A path may lead elsewhere by now than when it was looked at; the
/// kernel knows what was opened. Where there is no /proc to ask, the look before has to do.
fn stands_in(file: &File, root: &Path) -> bool {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_or(true, |path| path.starts_with(root))
}

pub(super) fn open(path: &Path, flags: libc::c_int) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | flags).open(path)
}

/// Reads a file that seems to have so many bytes; `None` if there are more than a file may hold.
fn read_bounded(file: &File, size: u64) -> io::Result<Option<Vec<u8>>> {
    // With some room beyond its end the end is found without growing.
    let room = usize::try_from(size).unwrap_or(FILE_AT_MOST).min(FILE_AT_MOST) + 64;
    let mut bytes = Vec::with_capacity(room);
    file.take(FILE_AT_MOST as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= FILE_AT_MOST).then_some(bytes))
}

fn not_regular() -> Refusal {
    refusal(Code::Unreadable, "this is not a regular file")
}

fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into(), is_gone: false }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let message = match error.kind() {
            io::ErrorKind::NotFound => "the file is gone, or the link leads nowhere".to_owned(),
            io::ErrorKind::PermissionDenied => "the file can't be read: permission denied".to_owned(),
            _ => format!("the file can't be read: {error}"),
        };
        Self { is_gone, ..refusal(Code::Unreadable, message) }
    }
}

fn leads_out() -> Refusal {
    refusal(Code::Unreadable, "this link leads out of the directory, and isn't followed")
}

pub(super) fn too_large() -> Refusal {
    refusal(Code::TooLarge, format!("the file is over {} MiB", FILE_AT_MOST >> 20))
}

pub(super) fn source_too_large() -> Refusal {
    refusal(Code::TooLarge, format!("with this file, all files are over {} MiB", SOURCE_AT_MOST >> 20))
}

fn too_many_files() -> Refusal {
    refusal(Code::TooManyDocuments, format!("with this file, there are more than {FILES_AT_MOST} files"))
}
