//! Who may be answered: the Host check against DNS rebinding.
//!
//! A web page can point a name of its own at 127.0.0.1 and then read what we answer, as its browser
//! takes us for the page's own server; but its requests carry that name. So only these are answered:
//!
//! - `localhost`, every loopback address, and the address that the connection came to, each with the
//!   port that it came to or without one;
//! - bound to a wildcard address (`0.0.0.0`, `[::]`): every IP address and `localhost`, with any port.
//!   Such a supervisor is often reached through a forwarded port, at an address that it cannot know. An IP
//!   address cannot be pointed elsewhere by a name service, so a literal one is nobody's disguise;
//! - what `allowed_hosts` names: with any port, or with just the one that is written there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a request came in, and what else that place is called.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// Our end of the connection.
    pub own: SocketAddr,
    /// Whether we listen at every address of the machine.
    pub is_wildcard: bool,
    /// The names that the configuration adds.
    pub allowed_hosts: &'a [String],
}

/// Whether a Host header names this place, exactly, in any case.
pub fn is_allowed_host(host: &str, here: &Here<'_>) -> bool {
    let Some((name, port)) = split(host) else { return false };
    let is = |allowed: &String| allowed.eq_ignore_ascii_case(name) || allowed.eq_ignore_ascii_case(host);
    if here.allowed_hosts.iter().any(is) {
        return true;
    }
    let is_our_name = match literal(name) {
        None => name.eq_ignore_ascii_case("localhost"),
        Some(ip) => here.is_wildcard || ip.is_loopback() || ip == here.own.ip().to_canonical(),
    };
    is_our_name && (here.is_wildcard || port.is_none_or(|port| port == here.own.port()))
}

/// An IP address, as it stands in a Host header; one of IPv4 in the form of IPv6 counts as what it is.
fn literal(name: &str) -> Option<IpAddr> {
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Some(ip.into());
    }
    let inner = name.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::from(ip).to_canonical())
}

/// The name, and the port if one is given.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let name_end =
        if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at(name_end);
    match port.strip_prefix(':') {
        // `parse` would take a sign.
        Some(digits) if digits.starts_with(|first: char| first.is_ascii_digit()) => {
            digits.parse().ok().map(|port| (name, Some(port)))
        }
        Some(_) => None,
        None => port.is_empty().then_some((name, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &str, is_wildcard: bool, allowed: &[&str], answered: &[&str], refused: &[&str]) {
        let allowed_hosts: Vec<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let here = Here { own: own.parse().unwrap(), is_wildcard, allowed_hosts: &allowed_hosts };
        for host in answered {
            assert!(is_allowed_host(host, &here), "{host} at {own}");
        }
        for host in refused {
            assert!(!is_allowed_host(host, &here), "{host} at {own}");
        }
    }

    const NONSENSE: [&str; 15] = [
        "",
        ":8080",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:",
        "localhost:+8080",
        "localhost:99999",
        "localhost:8080:8080",
        "[::1",
        "[evil]",
        "[::1]x",
        "127.0.0.1@evil",
        "localhost:8080, evil.example",
    ];

    #[test]
    fn a_loopback_address_is_called_by_its_names_and_port() {
        let names = ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"];
        check("127.0.0.1:8080", false, &[], &names, &NONSENSE);
        check(
            "127.0.0.1:8080",
            false,
            &[],
            &[],
            &["localhost:8081", "127.0.0.1:80", "10.0.0.1", "[fe80::1]"],
        );
    }

    #[test]
    fn another_address_is_called_by_itself_too() {
        check(
            "10.0.0.1:80",
            false,
            &[],
            &["10.0.0.1", "10.0.0.1:80", "localhost"],
            &["10.0.0.2", "8.8.8.8:80"],
        );
        check("[fd00::1]:80", false, &[], &["[fd00::1]", "[FD00:0::1]:80"], &["[fd00::2]", "fd00::1"]);
        check("[::ffff:10.0.0.1]:80", false, &[], &["10.0.0.1"], &["10.0.0.2"]);
    }

    #[test]
    fn a_wildcard_is_called_by_every_address_but_by_no_name() {
        let names = ["10.0.0.1", "192.168.7.7:9999", "[fd00::1]:9999", "localhost:9999"];
        check("172.17.0.2:8080", true, &[], &names, &NONSENSE);
    }

    #[test]
    fn what_the_configuration_adds_is_answered_to() {
        let allowed = ["box.example", "localhost:9999"];
        let names = ["box.example", "BOX.example:1", "localhost:9999", "localhost:8080"];
        check("127.0.0.1:8080", false, &allowed, &names, &NONSENSE);
        check(
            "127.0.0.1:8080",
            false,
            &allowed,
            &[],
            &["xbox.example", "box.example.evil", "localhost:9998"],
        );
    }
}
