//! Our own certificates: an authority, and a certificate by it for the webhook. What the Secret holds, and what is to be
//! made anew of it when.
//!
//! The authority's certificate stands in the webhook configuration, the webhook's own only here: so the one that is
//! renewed often asks for no change there. A new authority is made while the webhook's certificate is by the former one
//! and good for long; both stand in the configuration until the former one ends, so that nobody is distrusted meanwhile.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::certificate::{Certificate, CertificateError, Validity, certificates, pem_text, private_key};

/// How long an authority is good.
const AUTHORITY_LASTS: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// How long a certificate of the webhook is good.
const CERTIFICATE_LASTS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The keys of the Secret: as in any of the type `kubernetes.io/tls`, and the authority's.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";

/// What the Secret holds.
#[derive(Debug)]
pub struct Authority {
    /// Those to be trusted, the newest first; it signs.
    trusted: Vec<(CertificateDer<'static>, Validity)>,
    key: PrivateKeyDer<'static>,
    /// The webhook's.
    certificate: Certificate,
}

/// What is to be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing.
    None,
    /// The webhook's certificate.
    Certificate,
    /// The authority; the webhook's certificate stays.
    Authority,
    /// Both, since neither is of any use.
    Both,
}

impl Authority {
    /// Reads the Secret's data.
    pub fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, CertificateError> {
        let part = |key: &str| data.get(key).map_or(&[][..], |bytes| &*bytes.0);
        let trusted = certificates(AUTHORITIES, part(AUTHORITIES))?
            .into_iter()
            .map(|certificate| Ok((certificate.clone(), Validity::of(&certificate)?)))
            .collect::<Result<Vec<_>, CertificateError>>()?;
        let key = private_key(AUTHORITY_KEY, part(AUTHORITY_KEY))?;
        let certificate = Certificate::read(part(CERTIFICATE), part(KEY))?;
        certificate.certified()?;
        let (newest, validity) = trusted[0].clone();
        Certificate { chain: vec![newest], key: key.clone_key(), validity }.certified()?;
        Ok(Self { trusted, key, certificate })
    }

    /// Makes everything anew.
    pub fn new(names: &[ServerName<'static>], now: Timestamp) -> Result<Self, CertificateError> {
        let (authority, key) = make_authority(now)?;
        let certificate = make_certificate(&key, names, now)?;
        Ok(Self { trusted: vec![authority], key, certificate })
    }

    /// The Secret's data.
    #[must_use]
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let chain = self.certificate.chain.iter().map(|certificate| &**certificate);
        let data = [
            (CERTIFICATE, pem_text("CERTIFICATE", chain)),
            (KEY, key_text(&self.certificate.key)),
            (AUTHORITIES, self.bundle()),
            (AUTHORITY_KEY, key_text(&self.key)),
        ];
        data.into_iter().map(|(key, text)| (key.to_owned(), ByteString(text))).collect()
    }

    /// What is to be trusted, as PEM.
    #[must_use]
    pub fn bundle(&self) -> Vec<u8> {
        pem_text("CERTIFICATE", self.trusted.iter().map(|(certificate, _)| &**certificate))
    }

    /// The webhook's certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What is to be made anew now, for a webhook that is called by these names.
    #[must_use]
    pub fn due(&self, names: &[ServerName<'static>], now: Timestamp) -> Renewal {
        let trusted: Vec<_> = self.good(now).map(|(certificate, _)| certificate.clone()).collect();
        let is_good = self.certificate.is_trusted(&trusted, names, now).is_ok();
        let authority_is_due = self.trusted[0].1.renewal() <= now || !self.trusted[0].1.holds(now);
        match (authority_is_due, is_good) {
            (true, true) => Renewal::Authority,
            (true, false) => Renewal::Both,
            (false, good) if !good || self.certificate.validity.renewal() <= now => Renewal::Certificate,
            (false, _) => Renewal::None,
        }
    }

    /// When something is next to be made anew.
    #[must_use]
    pub fn next_renewal(&self) -> Timestamp {
        self.certificate.validity.renewal().min(self.trusted[0].1.renewal())
    }

    /// The same with something made anew.
    pub fn renewed(
        &self,
        renewal: Renewal,
        names: &[ServerName<'static>],
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let good: Vec<_> = self.good(now).cloned().collect();
        match renewal {
            Renewal::None => {
                Ok(Self { trusted: good, key: self.key.clone_key(), certificate: self.certificate.clone() })
            }
            Renewal::Certificate => {
                let certificate = make_certificate(&self.key, names, now)?;
                Ok(Self { trusted: good, key: self.key.clone_key(), certificate })
            }
            Renewal::Authority => {
                let (authority, key) = make_authority(now)?;
                let trusted = [authority].into_iter().chain(good).collect();
                Ok(Self { trusted, key, certificate: self.certificate.clone() })
            }
            Renewal::Both => Self::new(names, now),
        }
    }

    fn good(&self, now: Timestamp) -> impl Iterator<Item = &(CertificateDer<'static>, Validity)> {
        self.trusted.iter().filter(move |(_, validity)| validity.holds(now))
    }
}

fn key_text(key: &PrivateKeyDer<'_>) -> Vec<u8> {
    let tag = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        // Keys of ours; the enum isn't closed.
        _ => "PRIVATE KEY",
    };
    pem_text(tag, [key.secret_der()])
}

/// What each of our authorities is called.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "classkeeper admission authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

type MadeAuthority = ((CertificateDer<'static>, Validity), PrivateKeyDer<'static>);

fn make_authority(now: Timestamp) -> Result<MadeAuthority, CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::Make)?;
    let mut params = authority_params();
    let validity = Validity::from_now(now, AUTHORITY_LASTS);
    set_validity(&mut params, validity);
    let certificate = params.self_signed(&key).map_err(CertificateError::Make)?;
    Ok(((certificate.der().clone(), validity), key_der(&key)))
}

fn make_certificate(
    authority_key: &PrivateKeyDer<'_>,
    names: &[ServerName<'static>],
    now: Timestamp,
) -> Result<Certificate, CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::Make)?;
    let names: Vec<_> = names.iter().map(|name| name.to_str().into_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(CertificateError::Make)?;
    params.distinguished_name.push(DnType::CommonName, "classkeeper admission");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let validity = Validity::from_now(now, CERTIFICATE_LASTS);
    set_validity(&mut params, validity);
    let authority_key = KeyPair::try_from(authority_key).map_err(CertificateError::Make)?;
    let issuer = Issuer::new(authority_params(), authority_key);
    let certificate = params.signed_by(&key, &issuer).map_err(CertificateError::Make)?;
    Ok(Certificate { chain: vec![certificate.der().clone()], key: key_der(&key), validity })
}

fn key_der(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(key.serialize_der().into())
}

fn set_validity(params: &mut CertificateParams, validity: Validity) {
    let time = |time: Timestamp| {
        let since = u64::try_from(time.as_second()).unwrap_or_default();
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(since)
    };
    (params.not_before, params.not_after) = (time(validity.start), time(validity.end));
}
