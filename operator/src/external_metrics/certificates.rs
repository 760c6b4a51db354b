//! The API's certificate and the authority that signs it, which the operator makes and renews itself.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use x509_parser::pem::Pem;

const CA_BUNDLE: &str = "ca.crt";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// How long a certificate lasts.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long before its end it is renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks of nodes differ.
const BACKDATED: Duration = Duration::from_secs(3600);

/// A certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("making a certificate")]
    Make(#[from] rcgen::Error),
    /// It could not be used.
    #[error("using a certificate")]
    Use(#[from] rustls::Error),
    /// It could not be read.
    #[error("reading a certificate: {0}")]
    Read(String),
}

/// What the API is served with.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificates {
    /// The authorities that the API server should trust: the present one first, then the one before.
    pub(super) ca_bundle_pem: String,
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

impl Certificates {
    /// New ones for a Service's name. The authority's key is thrown away: the next certificate has a new authority, and the
    /// old one stays trusted until the one after.
    pub(super) fn make(host: &str, previous: Option<&Self>) -> Result<Self, CertificateError> {
        let now = std::time::SystemTime::now();
        let (not_before, not_after) = ((now - BACKDATED).into(), (now + LIFETIME).into());

        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.distinguished_name = named("chatcluster-operator-ca");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        ca.not_before = not_before;
        ca.not_after = not_after;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate()?;
        let mut serving = CertificateParams::new(vec![host.to_owned()])?;
        serving.distinguished_name = named(host);
        serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        serving.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        serving.not_before = not_before;
        serving.not_after = not_after;
        let certificate = serving.signed_by(&key, &issuer)?;

        let before = previous
            .and_then(|previous| first_certificate(&previous.ca_bundle_pem))
            .unwrap_or_default();
        Ok(Self {
            ca_bundle_pem: format!("{}{before}", ca_certificate.pem()),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Whether they are for the host and last a while.
    pub(super) fn are_good_for(&self, host: &str) -> bool {
        let Some(pem) = Pem::iter_from_buffer(self.certificate_pem.as_bytes())
            .next()
            .and_then(Result::ok)
        else {
            return false;
        };
        let Ok(certificate) = pem.parse_x509() else {
            return false;
        };
        let lasts = certificate
            .validity()
            .time_to_expiration()
            .is_some_and(|left| {
                left.whole_seconds() > i64::try_from(RENEW_BEFORE.as_secs()).unwrap_or(i64::MAX)
            });
        let names = certificate.subject_alternative_name().ok().flatten();
        let named = names.is_some_and(|names| {
            names.value.general_names.iter().any(|name| {
                matches!(name, x509_parser::extensions::GeneralName::DNSName(found) if *found == host)
            })
        });
        lasts && named
    }

    pub(super) fn from_secret(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        Some(Self {
            ca_bundle_pem: text(CA_BUNDLE)?,
            certificate_pem: text(CERTIFICATE)?,
            key_pem: text(KEY)?,
        })
    }

    pub(super) fn to_secret(&self, name: &str, version: Option<String>) -> Secret {
        let value = |text: &str| ByteString(text.as_bytes().to_vec());
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            data: Some(BTreeMap::from([
                (CA_BUNDLE.to_owned(), value(&self.ca_bundle_pem)),
                (CERTIFICATE.to_owned(), value(&self.certificate_pem)),
                (KEY.to_owned(), value(&self.key_pem)),
            ])),
            ..Secret::default()
        }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// The first certificate of a bundle, as text.
fn first_certificate(bundle: &str) -> Option<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let end = bundle.find(END)? + END.len();
    Some(format!("{}\n", bundle[..end].trim()))
}

/// The common name of a certificate.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let name = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_certificate_is_good_for_its_host_only() {
        let certificates = Certificates::make("operator.system.svc", None).expect("certificates");
        assert!(certificates.are_good_for("operator.system.svc"));
        assert!(!certificates.are_good_for("other.system.svc"));
    }

    #[test]
    fn a_renewal_keeps_the_authority_before_trusted_and_no_older_one() {
        let first = Certificates::make("a.b.svc", None).expect("certificates");
        let second = Certificates::make("a.b.svc", Some(&first)).expect("certificates");
        let third = Certificates::make("a.b.svc", Some(&second)).expect("certificates");
        let authorities = |certificates: &Certificates| {
            certificates
                .ca_bundle_pem
                .matches("BEGIN CERTIFICATE")
                .count()
        };
        assert_eq!(
            (
                authorities(&first),
                authorities(&second),
                authorities(&third)
            ),
            (1, 2, 2)
        );
        assert!(second.ca_bundle_pem.contains(first.ca_bundle_pem.trim()));
        assert!(!third.ca_bundle_pem.contains(first.ca_bundle_pem.trim()));
    }

    #[test]
    fn certificates_survive_their_secret() {
        let certificates = Certificates::make("a.b.svc", None).expect("certificates");
        let secret = certificates.to_secret("serving", None);
        assert!(Certificates::from_secret(&secret) == Some(certificates));
    }
}
