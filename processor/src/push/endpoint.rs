//! The address of a push service. It comes from a user, so it must not lead to anything that only we can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::Uri;

/// Longest address, in bytes.
pub const MAX_BYTES: usize = 2048;

/// What a push service may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// HTTPS, at public addresses.
    Public,
    /// Anything, without TLS too: for tests with a push service on this machine.
    Anything,
}

/// Why an address can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It is no URL, too long, or names a user.
    #[error("must be a URL of at most {MAX_BYTES} bytes, without a user name")]
    Malformed,
    /// It is not HTTPS.
    #[error("must begin with https://")]
    Insecure,
    /// It does not lead out.
    #[error("must not lead to a private address")]
    Private,
}

/// A push service's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name, or address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// Path and query.
    pub path: String,
    /// Scheme, host and port as the proof names them.
    pub origin: String,
}

impl Endpoint {
    /// Reads an address and checks what can be checked without asking for the name.
    ///
    /// # Errors
    /// [`BadEndpoint`].
    pub fn parse(text: &str, reach: Reach) -> Result<Self, BadEndpoint> {
        if text.len() > MAX_BYTES {
            return Err(BadEndpoint::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| BadEndpoint::Malformed)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if reach == Reach::Anything => false,
            _ => return Err(BadEndpoint::Insecure),
        };
        let authority = uri.authority().ok_or(BadEndpoint::Malformed)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(BadEndpoint::Malformed);
        }
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        let named_local = host == "localhost"
            || [".localhost", ".local", ".internal", ".svc"]
                .iter()
                .any(|end| host.ends_with(end))
            || !host.contains(['.', ':']);
        let is_private = match host.parse::<IpAddr>() {
            Ok(address) => !is_public(address),
            // A last label of digits is how other spellings of an IPv4 address end.
            Err(_) => named_local || host.rsplit('.').next().is_some_and(is_number),
        };
        if is_private && reach == Reach::Public {
            return Err(BadEndpoint::Private);
        }
        Ok(Self {
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            origin: format!("{}://{authority}", if tls { "https" } else { "http" }),
            host,
        })
    }
}

/// The address to connect to, of those that a name stands for: one of ours among them makes all of them suspect.
///
/// # Errors
/// [`BadEndpoint::Private`] if there is none.
pub fn choose(
    addresses: impl Iterator<Item = SocketAddr>,
    reach: Reach,
) -> Result<SocketAddr, BadEndpoint> {
    let mut chosen = None;
    for address in addresses {
        if reach == Reach::Public && !is_public(address.ip()) {
            return Err(BadEndpoint::Private);
        }
        chosen.get_or_insert(address);
    }
    chosen.ok_or(BadEndpoint::Private)
}

fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x")
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Carrier-grade NAT, protocol assignments, 6to4 relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, ..] = address.segments();
    // Global unicast, without documentation, Teredo and 6to4, which carry other addresses inside.
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8)) && a != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_inside_is_refused() {
        for bad in [
            "http://push.example.org/a",
            "ftp://push.example.org/a",
            "/a",
            "",
            "https://",
            "https://user@push.example.org/a",
            "https://localhost/a",
            "https://chat-redis/a",
            "https://chat-redis.ns.svc/a",
            "https://metadata.google.internal/a",
            "https://127.0.0.1/a",
            "https://127.1/a",
            "https://2130706433/a",
            "https://0x7f.0.0.0x1/a",
            "https://10.0.0.1:8443/a",
            "https://169.254.169.254/latest",
            "https://192.168.1.1/a",
            "https://100.64.0.1/a",
            "https://0.0.0.0/a",
            "https://[::1]/a",
            "https://[fd00::1]/a",
            "https://[fe80::1]/a",
            "https://[::ffff:10.0.0.1]/a",
            "https://[64:ff9b::a00:1]/a",
        ] {
            assert!(Endpoint::parse(bad, Reach::Public).is_err(), "{bad}");
        }
        let long = format!("https://push.example.org/{}", "a".repeat(MAX_BYTES));
        assert!(Endpoint::parse(&long, Reach::Public).is_err());
    }

    #[test]
    fn what_leads_out_is_taken_apart() {
        let endpoint =
            Endpoint::parse("https://push.example.org:8443/a?b=c", Reach::Public).unwrap();
        assert_eq!(
            endpoint,
            Endpoint {
                host: "push.example.org".to_owned(),
                port: 8443,
                tls: true,
                path: "/a?b=c".to_owned(),
                origin: "https://push.example.org:8443".to_owned(),
            }
        );
        assert!(Endpoint::parse("https://8.8.8.8/a", Reach::Public).is_ok());
        assert!(Endpoint::parse("https://[2a00:1450::1]/a", Reach::Public).is_ok());
    }

    #[test]
    fn a_name_that_stands_for_one_of_our_addresses_is_not_asked() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (out, inside) = (address("8.8.8.8:443"), address("10.0.0.1:443"));
        assert_eq!(choose([out].into_iter(), Reach::Public), Ok(out));
        assert!(choose([out, inside].into_iter(), Reach::Public).is_err());
        assert!(choose([].into_iter(), Reach::Public).is_err());
        assert_eq!(choose([inside].into_iter(), Reach::Anything), Ok(inside));
    }
}
