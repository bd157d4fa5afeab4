//! Addresses to listen on and the address that returned URLs carry.

use std::fmt;
use std::net::Ipv6Addr;

/// The port of LocalStack and so of every tool that expects it.
pub(crate) const DEFAULT_PORT: u16 = 4566;

/// A host (name or IP address, without brackets) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl HostPort {
    /// Reads `host:port`, `host`, `:port`, `[ipv6]:port` or `[ipv6]`; what is left out is the
    /// default.
    pub(crate) fn parse(text: &str, default_host: &str, default_port: u16) -> Result<Self, String> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('[') {
            let (host, port) =
                rest.split_once(']').ok_or_else(|| format!("`{text}` lacks the closing bracket"))?;
            host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
            let port = match port.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if port.is_empty() => default_port,
                None => return Err(format!("`{text}` is not [address]:port")),
            };
            return Ok(Self { host: host.to_owned(), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host.trim(), parse_port(port.trim())?),
            None => (text, default_port),
        };
        if host.contains(['/', ' ', '@', '?']) {
            return Err(format!("`{host}` is not a host name or IP address"));
        }
        Ok(Self { host: if host.is_empty() { default_host } else { host }.to_owned(), port })
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a port: use a number from 0 to 65535"))
}

/// Reads a list as in `GATEWAY_LISTEN=0.0.0.0:4566,0.0.0.0:443`.
///
/// An address that a wildcard on the same port covers is left out, since it could not be bound as
/// well: `::` covers everything, `0.0.0.0` covers IPv4.
pub(crate) fn parse_list(text: &str, default_host: &str) -> Result<Vec<HostPort>, String> {
    let mut addresses: Vec<HostPort> = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let address = HostPort::parse(part, default_host, DEFAULT_PORT)?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err("no address is given".to_owned());
    }
    let covered = |address: &HostPort| {
        addresses.iter().any(|other| {
            let same_port = other.port == address.port && address.port != 0;
            let wider = (other.host == "::" && address.host != "::")
                || (other.host == "0.0.0.0" && !address.host.contains(':') && address.host != "0.0.0.0");
            same_port && wider
        })
    };
    Ok(addresses.iter().filter(|address| !covered(address)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let addresses = parse_list(text, "127.0.0.1").unwrap();
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, expected, "{text}");
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        check("0.0.0.0:4567", &["0.0.0.0:4567"]);
        check(":4566,:443", &["127.0.0.1:4566", "127.0.0.1:443"]);
        check("0.0.0.0", &["0.0.0.0:4566"]);
        check("[::1]", &["[::1]:4566"]);
        check("[::]:80 , localhost:81", &["[::]:80", "localhost:81"]);
    }

    #[test]
    fn a_wildcard_covers_the_addresses_of_its_port() {
        check("127.0.0.1:4566,0.0.0.0:4566,[::1]:4566", &["0.0.0.0:4566", "[::1]:4566"]);
        check("127.0.0.1:4566,[::]:4566,0.0.0.0:4566,0.0.0.0:443", &["[::]:4566", "0.0.0.0:443"]);
        check("127.0.0.1:4566,127.0.0.1:4566", &["127.0.0.1:4566"]);
    }

    proptest::proptest! {
        #[test]
        fn what_was_read_is_written_and_read_again(text in "[ -~]{0,40}") {
            if let Ok(addresses) = parse_list(&text, "127.0.0.1") {
                let written: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                proptest::prop_assert_eq!(parse_list(&written.join(","), "127.0.0.1"), Ok(addresses));
            }
        }
    }

    #[test]
    fn what_is_no_address_is_explained() {
        for (text, message) in [
            ("127.0.0.1:http", "`http` is not a port: use a number from 0 to 65535"),
            ("127.0.0.1:70000", "`70000` is not a port: use a number from 0 to 65535"),
            ("[::1:80", "`[::1:80` lacks the closing bracket"),
            ("[localhost]:80", "`localhost` is not an IPv6 address"),
            ("http://localhost:4566", "`//localhost:4566` is not a port: use a number from 0 to 65535"),
            (" , ", "no address is given"),
        ] {
            assert_eq!(parse_list(text, "127.0.0.1").unwrap_err(), message);
        }
    }
}
