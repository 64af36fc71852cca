//! What the webhook shows the API server in a handshake, and until when that is good for anything.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode;

use crate::config::ServerTls;
use crate::server;

/// A certificate in use.
pub(super) struct Served {
    pub acceptor: TlsAcceptor,
    /// When the first certificate of the chain ends, in seconds since 1970; none where that cannot be read, which stops no handshake.
    pub expires: Option<i64>,
}

impl Served {
    /// # Errors
    /// If certificate and key cannot be read, or do not fit together.
    pub(super) fn new(tls: &ServerTls) -> Result<Self, String> {
        Ok(Self { acceptor: server::acceptor(tls)?, expires: expires(&tls.cert_pem) })
    }
}

fn expires(chain: &[u8]) -> Option<i64> {
    let end = |der: CertificateDer<'_>| {
        let end = x509_cert::Certificate::from_der(&der).ok()?.tbs_certificate.validity.not_after;
        i64::try_from(end.to_unix_duration().as_secs()).ok()
    };
    // Where one certificate's end cannot be read, the chain's is not known.
    let ends: Option<Vec<i64>> = CertificateDer::pem_slice_iter(chain).map(|read| end(read.ok()?)).collect();
    ends?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn ending(year: i32) -> String {
        let mut params = CertificateParams::new(vec!["injector.llm.svc".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn the_first_of_a_chain_to_end_counts() {
        // By then a year no longer fits into the older of the two ways to write it.
        let (in_2030, in_2060) = (1_893_456_000, 2_840_140_800);
        assert_eq!(expires(ending(2030).as_bytes()), Some(in_2030));
        assert_eq!(expires(ending(2060).as_bytes()), Some(in_2060));
        assert_eq!(expires(format!("{}{}", ending(2060), ending(2030)).as_bytes()), Some(in_2030));
        assert_eq!(expires(b"nothing"), None);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(expires(format!("{}{broken}", ending(2030)).as_bytes()), None);
    }
}
