//! The webhook's certificates: what its Secret holds, which whoever may write Secrets there can make anything.

use std::collections::BTreeMap;

use classkeeper::admission::authority::{Authority, Renewal};
use classkeeper::admission::certificate::{Certificate, Validity, server_name};
use k8s_openapi::ByteString;
use k8s_openapi::jiff::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// The keys of the Secret, in the order in which they stand in the input.
const KEYS: [&str; 4] = ["tls.crt", "tls.key", "ca.crt", "ca.key"];
/// What stands between two of them.
const BETWEEN: &[u8] = b"\n==\n";

/// Reads the bytes as a certificate, and as what the Secret holds. What can be read can be asked when it is to be renewed,
/// is renewed, and is written and read again as the same.
pub(crate) fn run(bytes: &[u8]) {
    // 2026-11-27, so that a finding stays one.
    let now = Timestamp::from_second(1_795_737_600).unwrap();
    if let Ok(validity) = Validity::of(&CertificateDer::from(bytes)) {
        assert!(validity.renewal() <= validity.end || validity.end < validity.start, "{validity:?}");
        let _ = validity.holds(now);
    }
    let parts = split(bytes);
    let part = |key: &str| parts.get(key).map_or(&[][..], |bytes| &*bytes.0);
    let certified = Certificate::read(part("tls.crt"), part("tls.key")).map(|read| read.certified().is_ok());
    let Ok(authority) = Authority::read(&parts) else { return };
    assert!(matches!(certified, Ok(true)), "an authority has a certificate with its own key");
    let again = Authority::read(&authority.data()).unwrap();
    assert_eq!(again.bundle(), authority.bundle());
    assert_eq!(again.next_renewal(), authority.next_renewal());
    let names = [server_name("classkeeper.classkeeper.svc").unwrap()];
    let due = authority.due(&names, now);
    assert_eq!(due, again.due(&names, now));
    // By whatever signed what is there, or by a new one.
    let renewed =
        authority.renewed(due, &names, now).or_else(|_| authority.renewed(Renewal::Both, &names, now)).unwrap();
    if due == Renewal::Both {
        assert_eq!(renewed.due(&names, now), Renewal::None);
    }
}

fn split(bytes: &[u8]) -> BTreeMap<String, ByteString> {
    let (mut parts, mut rest) = (BTreeMap::new(), bytes);
    for key in KEYS {
        let end = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        parts.insert(key.to_owned(), ByteString(rest[..end.unwrap_or(rest.len())].to_vec()));
        let Some(end) = end else { break };
        rest = &rest[end + BETWEEN.len()..];
    }
    parts
}
