//! How this program meets others over TLS and HTTP: with the public authorities, and one provider of cryptography.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The settings of a client that trusts the public authorities.
///
/// # Errors
/// If the provider lacks the protocol versions, which the one that is compiled in does not.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The start of an HTTP client with that TLS, which no variable of the environment sends through a proxy.
///
/// # Errors
/// As [`client_config`].
pub fn http_client() -> Result<reqwest::ClientBuilder, rustls::Error> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(client_config()?)
        .no_proxy())
}

/// The same for a thread that waits for its answers.
///
/// # Errors
/// As [`client_config`].
pub fn blocking_http_client() -> Result<reqwest::blocking::ClientBuilder, rustls::Error> {
    Ok(reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(client_config()?)
        .no_proxy())
}
