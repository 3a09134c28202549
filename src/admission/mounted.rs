//! Certificates that somebody else makes, such as cert-manager: mounted as files, and read again when the mount swaps.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::certificate::{Certificate, CertificateError};
use super::served::Served;
use crate::files::watch::DirectoryWatch;
use crate::metrics::Metrics;

/// More than any certificate with its chain.
const FILE_AT_MOST: u64 = 1 << 20;
/// How long files that are edited in place must have been quiet.
const QUIET: Duration = Duration::from_millis(200);
/// How often a mount that is replaced during the read is read again.
const ATTEMPTS: usize = 5;

/// Serves the certificate of a directory.
pub struct FollowMounted {
    /// The directory, with `tls.crt` and `tls.key`.
    pub directory: PathBuf,
    /// Where the certificate is served.
    pub served: Arc<Served>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Why a directory has no certificate to serve.
#[derive(Debug, thiserror::Error)]
enum MountedError {
    #[error("{file} can't be read: {source}")]
    Read { file: &'static str, source: io::Error },
    #[error("{file} is over 1 MiB")]
    TooLarge { file: &'static str },
    #[error("{error}{}", source(.error))]
    Certificate { error: CertificateError },
}

fn source(error: &CertificateError) -> String {
    std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default()
}

impl FollowMounted {
    /// Reads the directory now and after each change; never ends. An error means that it can't be watched at all.
    pub async fn run(self) -> io::Result<()> {
        let Self { directory, served, metrics } = self;
        let mut watch = DirectoryWatch::new(&directory, QUIET)?;
        loop {
            match read(&directory).and_then(|certificate| {
                let certified = certificate.certified().map_err(|error| MountedError::Certificate { error })?;
                Ok((certificate.validity, certified))
            }) {
                Ok((validity, certified)) => {
                    metrics.admission().set_certificate_end(validity.end);
                    if served.replace(certified) {
                        info!(end = %validity.end, "the webhook serves this certificate");
                    }
                }
                // What is served stays.
                Err(error) => {
                    warn!(%error, directory = %directory.display(), "the webhook's certificate can't be read");
                }
            }
            watch.changed().await;
        }
    }
}

/// Reads both files, of one generation of the mount.
fn read(directory: &Path) -> Result<Certificate, MountedError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let generation = directory.join("..data").canonicalize().unwrap_or_else(|_| directory.to_owned());
        let pair = read_file(&generation, "tls.crt").and_then(|crt| Ok((crt, read_file(&generation, "tls.key")?)));
        match pair {
            Ok((certificate, key)) => {
                return Certificate::read(&certificate, &key).map_err(|error| MountedError::Certificate { error });
            }
            // It may have been replaced meanwhile.
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(MountedError::TooLarge { file: "tls.crt" }))
}

fn read_file(folder: &Path, file: &'static str) -> Result<Vec<u8>, MountedError> {
    use std::io::Read;

    let failed = |source| MountedError::Read { file, source };
    let mut bytes = Vec::new();
    let open = std::fs::File::open(folder.join(file)).map_err(failed)?;
    open.take(FILE_AT_MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_AT_MOST { Err(MountedError::TooLarge { file }) } else { Ok(bytes) }
}
