//! Whose word is taken for a client's address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

/// How many addresses of a chain are looked at: one that is longer was not made by proxies.
const LONGEST_CHAIN: usize = 64;

/// Networks of proxies that tell the client's address in `X-Forwarded-For`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many leading bits count.
    prefix: u32,
}

/// The text names no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANetwork(String);

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8", self.0)
    }
}

impl std::error::Error for NotANetwork {}

/// The bits of an address, leftmost first, and how many there are. An IPv4 address in IPv6's form is
/// one of IPv4.
fn bits(address: IpAddr) -> (u128, u32) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (own, length) = bits(self.address);
        let (other, others_length) = bits(address);
        let differing = (own ^ other).checked_shr(128_u32.saturating_sub(self.prefix)).unwrap_or(0);
        length == others_length && differing == 0
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let invalid = || NotANetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse::<IpAddr>().map_err(|_| invalid())?.to_canonical();
        let (_, length) = bits(address);
        let prefix = match prefix {
            None => length,
            // `parse` would take a sign.
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= length).ok_or_else(invalid)?
            }
            Some(_) => return Err(invalid()),
        };
        Ok(Self { address, prefix })
    }
}

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Reads addresses and networks that are separated by commas.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address: the peer's, unless that is a trusted proxy. Each proxy adds at the end who
    /// spoke to it, so the chain is believed from its end for as long as trusted proxies wrote it: the
    /// last address that is none of theirs is the client's.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.0.is_empty() || !self.trust(peer) {
            return peer;
        }
        let lines = headers.get_all(HeaderName::from_static("x-forwarded-for"));
        let lines: Vec<&str> = lines.iter().filter_map(|line| line.to_str().ok()).collect();
        let chain = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim);
        let mut client = peer;
        for text in chain.take(LONGEST_CHAIN) {
            // What is no address was written by nobody who can be believed.
            let Some(address) = address(text) else { break };
            client = address;
            if !self.trust(address) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: alone, with a port, in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let alone = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    alone.or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn client(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("", "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "11.0.0.1", &["1.2.3.4"]), "11.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_says_itself_is_not_believed() {
        let trusted = "10.0.0.0/8, fd00::/8,127.0.0.1";
        assert_eq!(client(trusted, "127.0.0.1", &["6.6.6.6, 1.2.3.4, 10.1.1.1"]), "1.2.3.4");
        assert_eq!(client(trusted, "127.0.0.1", &["6.6.6.6", "1.2.3.4", "fd00::2"]), "1.2.3.4");
        assert_eq!(client(trusted, "127.0.0.1", &["6.6.6.6, junk, 10.1.1.1"]), "10.1.1.1");
        assert_eq!(client(trusted, "127.0.0.1", &["junk"]), "127.0.0.1");
        assert_eq!(client(trusted, "::ffff:127.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client(trusted, "127.0.0.1", &["1.2.3.4:5678"]), "1.2.3.4");
        assert_eq!(client(trusted, "127.0.0.1", &["10.2.2.2, 10.1.1.1"]), "10.2.2.2");
    }

    #[test]
    fn networks_are_read_with_care() {
        for wrong in
            ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "::1/129", "proxy", "10.0.0.0/", "1.2.3.4/8/8"]
        {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
        assert_eq!(client("0.0.0.0/0", "9.9.9.9", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("::/0", "9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(trusted in "[0-9./:, a-f]{0,40}", line in "[ -~]{0,200}") {
            if let Ok(trusted) = trusted.parse::<TrustedProxies>() {
                let mut headers = HeaderMap::new();
                if let Ok(value) = HeaderValue::from_str(&line) {
                    headers.append("x-forwarded-for", value);
                }
                trusted.client([10, 0, 0, 1].into(), &headers);
            }
        }
    }
}
