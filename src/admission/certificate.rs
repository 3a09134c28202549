//! A certificate with its key: read from PEM, held against what it is for, and made ready to be served.

use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, RootCertStore};
use yasna::tags::TAG_UTCTIME;

/// What can't be served, or not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It isn't PEM.
    #[error("{what} is no PEM")]
    Pem {
        /// The file, or the key of the Secret.
        what: &'static str,
        /// Why.
        source: pem::PemError,
    },
    /// It isn't there, or holds nothing of its kind.
    #[error("{what} holds no {kind}")]
    Missing {
        /// The file, or the key of the Secret.
        what: &'static str,
        /// What it should hold.
        kind: &'static str,
    },
    /// It is no X.509 certificate of version 3.
    #[error("a certificate can't be read")]
    Der(#[source] yasna::ASN1Error),
    /// The key isn't that of the certificate, or of no kind that can be used.
    #[error("the certificate and its key can't be used")]
    Key(#[source] rustls::Error),
    /// Who trusts the authorities doesn't trust the certificate.
    #[error("the certificate isn't good for {name}")]
    Untrusted {
        /// The name by which the webhook is called.
        name: String,
        /// Why.
        source: rustls::Error,
    },
    /// A name that no certificate can have.
    #[error("{name:?} is neither a host name nor an address")]
    Name {
        /// The name.
        name: String,
    },
    /// None can be made.
    #[error("no certificate can be made")]
    Make(#[source] rcgen::Error),
}

/// From when and until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub start: Timestamp,
    /// Not after.
    pub end: Timestamp,
}

impl Validity {
    /// Reads a certificate's own words.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let read = |reader: yasna::BERReader<'_, '_>| {
            if reader.lookahead_tag()? == TAG_UTCTIME {
                reader.read_utctime().map(|time| time.datetime().unix_timestamp())
            } else {
                reader.read_generalized_time().map(|time| time.datetime().unix_timestamp())
            }
        };
        // RFC 5280, 4.1: version, serial number, signature and issuer come before the validity.
        let validity = yasna::parse_der(certificate, |reader| {
            reader.read_sequence(|reader| {
                let validity = reader.next().read_sequence(|reader| {
                    for _ in 0..4 {
                        reader.next().read_der()?;
                    }
                    let validity =
                        reader.next().read_sequence(|reader| Ok((read(reader.next())?, read(reader.next())?)))?;
                    while reader.read_optional(|rest| rest.read_der().map(drop))?.is_some() {}
                    Ok(validity)
                })?;
                while reader.read_optional(|rest| rest.read_der().map(drop))?.is_some() {}
                Ok(validity)
            })
        });
        let (start, end) = validity.map_err(CertificateError::Der)?;
        let time = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        Ok(Self { start: time(start), end: time(end) })
    }

    /// When it is to be renewed: when a third of its time is left.
    #[must_use]
    pub fn renewal(&self) -> Timestamp {
        let lasts = self.end.duration_since(self.start);
        self.end.checked_sub(lasts / 3).unwrap_or(self.start)
    }

    /// Whether it is good now.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// From now on, for this time; somewhat earlier, since clocks differ.
    pub(super) fn from_now(now: Timestamp, lasts: SignedDuration) -> Self {
        let skew = SignedDuration::from_mins(5);
        Self { start: now.checked_sub(skew).unwrap_or(now), end: now.checked_add(lasts).unwrap_or(Timestamp::MAX) }
    }
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate itself first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key, in PKCS#8 or an older form.
    pub key: PrivateKeyDer<'static>,
    /// From when and until when it is good.
    pub validity: Validity,
}

impl Clone for Certificate {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key(), validity: self.validity }
    }
}

impl Certificate {
    /// Reads `tls.crt` and `tls.key`.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = certificates("tls.crt", certificate)?;
        let validity = Validity::of(&chain[0])?;
        Ok(Self { validity, chain, key: private_key("tls.key", key)? })
    }

    /// The certificate as it is served; an error if the key isn't its own.
    pub fn certified(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        let certified = CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider());
        certified.map(Arc::new).map_err(CertificateError::Key)
    }

    /// Whether whoever trusts these authorities trusts it at this time, by each of these names.
    pub fn is_trusted(
        &self,
        authorities: &[CertificateDer<'static>],
        names: &[ServerName<'static>],
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let untrusted =
            |name: &ServerName<'_>, source| CertificateError::Untrusted { name: name.to_str().into_owned(), source };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).build();
        let since = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(since));
        for name in names {
            let verifier =
                verifier.as_ref().map_err(|error| untrusted(name, rustls::Error::General(error.to_string())))?;
            let verified = verifier.verify_server_cert(&self.chain[0], &self.chain[1..], name, &[], now);
            verified.map_err(|source| untrusted(name, source))?;
        }
        Ok(())
    }
}

pub(super) fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// A name or an address by which the webhook is called.
pub fn server_name(name: &str) -> Result<ServerName<'static>, CertificateError> {
    ServerName::try_from(name.to_owned()).map_err(|_| CertificateError::Name { name: name.to_owned() })
}

/// The certificates of a PEM text, at least one.
pub(super) fn certificates(what: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let blocks = pem::parse_many(text).map_err(|source| CertificateError::Pem { what, source })?;
    let certificates: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    if certificates.is_empty() {
        Err(CertificateError::Missing { what, kind: "certificate" })
    } else {
        Ok(certificates)
    }
}

/// The private key of a PEM text.
pub(super) fn private_key(what: &'static str, text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let blocks = pem::parse_many(text).map_err(|source| CertificateError::Pem { what, source })?;
    let key = blocks.into_iter().find_map(|block| match block.tag() {
        "PRIVATE KEY" => Some(PrivatePkcs8KeyDer::from(block.into_contents()).into()),
        "RSA PRIVATE KEY" => Some(PrivateKeyDer::Pkcs1(block.into_contents().into())),
        "EC PRIVATE KEY" => Some(PrivateKeyDer::Sec1(block.into_contents().into())),
        _ => None,
    });
    key.ok_or(CertificateError::Missing { what, kind: "private key" })
}

/// PEM of these blocks, one after the other.
pub(super) fn pem_text<'a>(tag: &str, blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    blocks.into_iter().flat_map(|block| pem::encode_config(&pem::Pem::new(tag, block), config).into_bytes()).collect()
}
