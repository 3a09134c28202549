//! Tests of what is made, kept and renewed, at any time one likes.

use super::*;
use crate::admission::certificate::server_name;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn names() -> Vec<ServerName<'static>> {
    ["classkeeper.a.svc", "127.0.0.1", "::1"].map(|name| server_name(name).unwrap()).into()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn trusted(authority: &Authority) -> Vec<CertificateDer<'static>> {
    authority.trusted.iter().map(|(certificate, _)| certificate.clone()).collect()
}

#[test]
fn what_is_made_is_trusted_and_survives_the_secret() {
    let made = Authority::new(&names(), now()).unwrap();
    let read = Authority::read(&made.data()).unwrap();
    assert_eq!(read.data(), made.data());
    read.certificate().is_trusted(&trusted(&read), &names(), now()).unwrap();
    let other = [server_name("other.a.svc").unwrap()];
    assert!(read.certificate().is_trusted(&trusted(&read), &other, now()).is_err(), "another name");
    let another = Authority::new(&names(), now()).unwrap();
    assert!(read.certificate().is_trusted(&trusted(&another), &names(), now()).is_err(), "another authority");
    assert!(read.certificate().is_trusted(&trusted(&read), &names(), now() + 91 * DAY).is_err(), "too late");
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_time_is_left() {
    let kept = Authority::new(&names(), now()).unwrap();
    assert_eq!(kept.due(&names(), now() + 59 * DAY), Renewal::None);
    assert_eq!(kept.due(&names(), now() + 61 * DAY), Renewal::Certificate);
    let (later, next) = (now() + 61 * DAY, kept.next_renewal());
    assert!(now() + 59 * DAY < next && next < later, "{next}");
    let renewed = kept.renewed(Renewal::Certificate, &names(), later).unwrap();
    assert_eq!((renewed.due(&names(), later), renewed.bundle()), (Renewal::None, kept.bundle()));
    renewed.certificate().is_trusted(&trusted(&kept), &names(), later + 89 * DAY).unwrap();
}

#[test]
fn another_name_asks_for_another_certificate_by_the_same_authority() {
    let kept = Authority::new(&names(), now()).unwrap();
    let more: Vec<_> = names().into_iter().chain([server_name("other.a.svc").unwrap()]).collect();
    assert_eq!(kept.due(&more, now()), Renewal::Certificate);
    let renewed = kept.renewed(Renewal::Certificate, &more, now()).unwrap();
    assert_eq!((renewed.due(&more, now()), renewed.bundle()), (Renewal::None, kept.bundle()));
}

#[test]
fn a_new_authority_is_trusted_before_it_is_needed_and_the_former_one_until_its_end() {
    let made = Authority::new(&names(), now()).unwrap();
    let late = now() + 7 * 365 * DAY;
    // Its certificates were renewed all the time.
    let kept = made.renewed(Renewal::Certificate, &names(), late - DAY).unwrap();
    assert_eq!(kept.due(&names(), late), Renewal::Authority);
    let overlapping = kept.renewed(Renewal::Authority, &names(), late).unwrap();
    assert_eq!(overlapping.due(&names(), late), Renewal::None, "its certificate is good for long");
    assert_eq!(overlapping.certificate().chain, kept.certificate().chain);
    assert!(overlapping.bundle().ends_with(&kept.bundle()) && overlapping.bundle().len() > kept.bundle().len());
    let renewed = overlapping.renewed(Renewal::Certificate, &names(), late + 60 * DAY).unwrap();
    renewed.certificate().is_trusted(&trusted(&renewed)[..1], &names(), late + 60 * DAY).unwrap();
    assert_eq!(renewed.trusted.len(), 2, "a replica may serve the former certificate still");
    let in_the_end = renewed.renewed(Renewal::Certificate, &names(), now() + 11 * 365 * DAY).unwrap();
    assert_eq!(in_the_end.trusted.len(), 1);
}

#[test]
fn what_ended_is_made_anew_as_a_whole() {
    let kept = Authority::new(&names(), now()).unwrap();
    assert_eq!(kept.due(&names(), now() + 11 * 365 * DAY), Renewal::Both);
    let not_yet = now() - 30 * DAY;
    assert_eq!(kept.due(&names(), not_yet), Renewal::Both, "by this clock, neither is good yet");
}

#[test]
fn what_does_not_belong_together_is_not_taken() {
    let [one, other] = [0, 1].map(|_| Authority::new(&names(), now()).unwrap().data());
    Authority::read(&one).unwrap();
    for key in [KEY, AUTHORITY_KEY] {
        let mut mixed = one.clone();
        mixed.insert(key.to_owned(), other[key].clone());
        let error = Authority::read(&mixed).unwrap_err();
        assert!(matches!(error, CertificateError::Key(_)), "{key}: {error:?}");
    }
    for key in [CERTIFICATE, KEY, AUTHORITIES, AUTHORITY_KEY] {
        let mut broken = one.clone();
        broken.insert(
            key.to_owned(),
            ByteString(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
        );
        assert!(Authority::read(&broken).is_err(), "{key}");
        broken.remove(key);
        assert!(Authority::read(&broken).is_err(), "no {key}");
    }
}
