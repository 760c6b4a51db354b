//! The client's address: the peer's, unless the peer is a proxy that the operator trusts.
//!
//! It keys login and registration limits, so a header that anybody can write must not decide it.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// An entry is neither an address nor a CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holds {0:?}; write addresses or blocks like 10.0.0.0/8, separated by commas")]
pub struct MalformedNetwork(String);

impl FromStr for TrustedProxies {
    type Err = MalformedNetwork;

    fn from_str(text: &str) -> Result<Self, MalformedNetwork> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(Network::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Network {
    fn parse(entry: &str) -> Result<Self, MalformedNetwork> {
        let malformed = || MalformedNetwork(entry.to_owned());
        let (address, prefix) = match entry.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (entry, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= most)
                .ok_or_else(malformed)?,
        };
        Ok(Self { address, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                (u64::from(network.to_bits()) >> shift) == (u64::from(address.to_bits()) >> shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl TrustedProxies {
    /// The client's address: from the right of `X-Forwarded-For` the first that is no trusted proxy.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: IpAddr| self.0.iter().any(|network| network.contains(address));
        let mut client = peer.to_canonical();
        let forwarded: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        for hop in forwarded.into_iter().rev() {
            if !trusted(client) {
                break;
            }
            match hop.parse::<IpAddr>() {
                Ok(address) => client = address.to_canonical(),
                Err(_) => break,
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(value));
        }
        proxies
            .parse::<TrustedProxies>()
            .unwrap()
            .client(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client("", "203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
        assert_eq!(
            client("10.0.0.0/8", "203.0.113.9", &["1.2.3.4"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_hop_is_the_client() {
        assert_eq!(
            client(
                "10.0.0.0/8",
                "10.1.1.1",
                &["6.6.6.6, 203.0.113.9, 10.2.2.2"]
            ),
            "203.0.113.9"
        );
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.1.1.1", &["6.6.6.6", "203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.0/8", "10.1.1.1", &["garbage"]), "10.1.1.1");
        assert_eq!(
            client("fd00::/8", "fd12::1", &["2001:db8::5"]),
            "2001:db8::5"
        );
        assert_eq!(client("0.0.0.0/0", "9.9.9.9", &["8.8.8.8"]), "8.8.8.8");
    }

    #[test]
    fn a_malformed_network_is_named() {
        for entry in ["10.0.0.0/33", "proxy", "10.0.0.0/", "::/129"] {
            let error = entry.parse::<TrustedProxies>().unwrap_err();
            assert!(error.to_string().contains(entry), "{error}");
        }
    }
}
