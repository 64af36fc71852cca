//! The webhook's certificate, where the webhook makes it itself. Each one has an authority of its own, whose key is thrown away once it
//! has signed: nothing else can ever be signed by it, and no such key lies about.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::served::Served;
use crate::base::secret::Secret;
use crate::config::ServerTls;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How far the clocks of the cluster's machines may be apart.
const CLOCKS: Duration = Duration::from_secs(60 * 60);
const END: &str = "-----END CERTIFICATE-----\n";

/// A certificate, its key, and whom to trust for it; all PEM.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub chain: String,
    pub key: Secret,
    /// The authority of this one, then that of the one before, which another replica may still serve.
    pub authorities: String,
}

impl Certificate {
    /// Makes one that is valid for so many days.
    ///
    /// # Errors
    /// If a host is no name, or there is no randomness.
    pub(super) fn make(hosts: &[String], days: u32, before: Option<&Self>, now: SystemTime) -> Result<Self, String> {
        make(hosts, days, before, now).map_err(|error| format!("a certificate cannot be made: {error}"))
    }

    /// Whether a client that trusts the authorities takes it for every host, at this time.
    pub(super) fn is_good(&self, hosts: &[String], at: SystemTime) -> bool {
        self.check(hosts, at).is_some() && self.served().is_ok()
    }

    /// # Errors
    /// If certificate and key do not fit together.
    pub(super) fn served(&self) -> Result<Served, String> {
        Served::new(&ServerTls { cert_pem: self.chain.clone().into_bytes(), key_pem: self.key.clone(), client_ca_pem: None })
    }

    fn check(&self, hosts: &[String], at: SystemTime) -> Option<()> {
        let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).ok()?);
        let leaf = CertificateDer::from_pem_slice(self.chain.as_bytes()).ok()?;
        let leaf = ParsedCertificate::try_from(&leaf).ok()?;
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(self.authorities.as_bytes()) {
            roots.add(authority.ok()?).ok()?;
        }
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &[], at, algorithms).ok()?;
        hosts.iter().try_for_each(|host| verify_server_name(&leaf, &ServerName::try_from(host.as_str()).ok()?).ok())
    }
}

/// When a certificate of so many days is renewed: a third of its life before its end.
pub(super) fn renewal(days: u32) -> Duration {
    DAY * days / 3
}

fn make(hosts: &[String], days: u32, before: Option<&Certificate>, now: SystemTime) -> Result<Certificate, rcgen::Error> {
    let lasting = |mut params: CertificateParams, name: &str| {
        params.not_before = (now - CLOCKS).into();
        params.not_after = (now + DAY * days).into();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let authority_key = KeyPair::generate()?;
    let mut authority = lasting(CertificateParams::default(), "llm-sidecar webhook authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let mut params = lasting(CertificateParams::new(hosts.to_vec())?, "llm-sidecar webhook");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let mut authorities = authority.self_signed(&authority_key)?.pem();
    let chain = params.signed_by(&key, &Issuer::from_params(&authority, &authority_key))?.pem();
    if let Some((newest, _)) = before.and_then(|before| before.authorities.split_once(END)) {
        authorities.push_str(newest);
        authorities.push_str(END);
    }
    Ok(Certificate { chain, key: Secret::new(key.serialize_pem()), authorities })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn hosts() -> Vec<String> {
        vec!["injector.llm.svc".to_owned()]
    }

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW + DAY * days
    }

    #[test]
    fn one_is_good_for_its_hosts_and_its_days() {
        let made = Certificate::make(&hosts(), 90, None, at(0)).unwrap();
        assert!(made.is_good(&hosts(), at(0)) && made.is_good(&hosts(), at(89)));
        assert!(!made.is_good(&hosts(), at(91)) && !made.is_good(&hosts(), SystemTime::UNIX_EPOCH));
        assert!(!made.is_good(&["other.llm.svc".to_owned()], at(0)));
        let other = Certificate::make(&hosts(), 90, None, at(0)).unwrap();
        assert!(!Certificate { key: other.key.clone(), ..made.clone() }.is_good(&hosts(), at(0)));
        assert!(!Certificate { authorities: other.authorities, ..made.clone() }.is_good(&hosts(), at(0)));
        assert!(!Certificate { chain: "nothing".to_owned(), ..made }.is_good(&hosts(), at(0)));
    }

    #[test]
    fn two_authorities_are_trusted_while_one_follows_the_other() {
        let first = Certificate::make(&hosts(), 90, None, at(0)).unwrap();
        let second = Certificate::make(&hosts(), 90, Some(&first), at(60)).unwrap();
        assert!(second.is_good(&hosts(), at(60)));
        assert!(Certificate { authorities: second.authorities.clone(), ..first.clone() }.is_good(&hosts(), at(60)));
        let third = Certificate::make(&hosts(), 90, Some(&second), at(120)).unwrap();
        assert_eq!(third.authorities.matches(END).count(), 2);
        assert!(!Certificate { authorities: third.authorities.clone(), ..first }.is_good(&hosts(), at(61)));
    }

    #[test]
    fn no_key_is_shown() {
        let made = Certificate::make(&hosts(), 90, None, at(0)).unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
