//! The certificate that is served now. It can be replaced while connections are open: they go on with theirs.

use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// The certificate that is served now; none at first.
#[derive(Debug, Default)]
pub struct Served(RwLock<Option<Arc<CertifiedKey>>>);

impl Served {
    /// Serves another certificate from now on; says whether it is another one.
    pub fn replace(&self, certificate: Arc<CertifiedKey>) -> bool {
        let mut served = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = served.as_ref().is_none_or(|served| served.cert != certificate.cert);
        *served = Some(certificate);
        is_new
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
