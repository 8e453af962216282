//! When certificates end.
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};

use super::provider;

/// When every certificate has ended: the form in which they say it goes to the year 9999.
const LATE: Duration = Duration::from_secs(1 << 48);

/// When a certificate ends, and the first of those that vouch for it; both as Unix time, and none where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) own: Option<UnixTime>,
    pub(crate) authority: Option<UnixTime>,
}

impl Ends {
    /// Of a certificate with those of its authorities behind it.
    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let mut ends = chain.iter().map(end);
        let own = ends.next().flatten();
        Self { own, authority: ends.flatten().min_by_key(UnixTime::as_secs) }
    }
}

/// When a certificate ends. rustls reads that and keeps it to itself, unless it is asked at a time when it has ended: then it
/// says since when.
fn end(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let mut roots = RootCertStore::empty();
    // it vouches for itself: who does is looked at last
    roots.add(certificate.clone().into_owned()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let nobody = ServerName::try_from("end.invalid").expect("it is a name of DNS");
    let late = UnixTime::since_unix_epoch(LATE);
    match verifier.build().ok()?.verify_server_cert(certificate, &[], &nobody, &[], late) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(not_after)
        }
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    /// The second at which 1 January of these years begins.
    const Y2031: u64 = 1_924_992_000;
    const Y2049: u64 = 2_493_072_000;
    const Y2060: u64 = 2_840_140_800;

    fn until(year: i32) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        params
    }

    #[test]
    fn a_certificate_says_when_it_ends_and_so_do_those_behind_it() {
        let mut authority = until(2060);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority.clone(), &key);
        authority.not_after = date_time_ymd(2031, 1, 1);
        let between_key = KeyPair::generate().unwrap();
        let between = authority.signed_by(&between_key, &issuer).unwrap();
        let own = until(2049).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let chain = [own.der().clone(), root.der().clone(), between.der().clone()];
        let seconds = |chain: &[CertificateDer<'_>]| {
            let Ends { own, authority } = Ends::of(chain);
            (own.map(|end| end.as_secs()), authority.map(|end| end.as_secs()))
        };
        assert_eq!(seconds(&chain), (Some(Y2049), Some(Y2031)));
        assert_eq!(seconds(&chain[..2]), (Some(Y2049), Some(Y2060)), "also from 2050 on");
        assert_eq!(seconds(&chain[..1]), (Some(Y2049), None));
        assert_eq!(seconds(&[]), (None, None));
    }

    #[test]
    fn one_that_has_ended_says_it_too_and_what_is_no_certificate_says_nothing() {
        let mut params = until(2001);
        params.not_before = date_time_ymd(2000, 1, 1);
        let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Ends::of(&[own.der().clone()]).own.unwrap().as_secs(), 978_307_200);
        assert_eq!(Ends::of(&[CertificateDer::from(vec![0x30, 0])]), Ends::default());
    }
}
