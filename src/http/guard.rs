//! Who may be answered: the Host check against DNS rebinding.
//!
//! A web page can point a name of its own at 127.0.0.1 and then read what we answer; its requests
//! carry that name. An IP address cannot be pointed elsewhere, so literal ones are harmless.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a Host header names this machine: `localhost`, an IP address, or one of `allowed_hosts`,
/// exactly, in any case and with any port.
pub fn is_allowed_host(host: &str, allowed_hosts: &[String]) -> bool {
    let Some(name) = without_port(host) else { return false };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok()
        || is_ipv6_literal(name)
        || allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn is_ipv6_literal(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

fn without_port(host: &str) -> Option<&str> {
    let name_end =
        if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at(name_end);
    match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok().then_some(name),
        None => port.is_empty().then_some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let allowed = ["box.example".to_owned()];
        for host in
            ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "box.example:1"]
        {
            assert!(is_allowed_host(host, &allowed), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xbox.example",
            "localhost:",
            "localhost:99999",
            "localhost:80:80",
            "[::1",
            "[evil]",
            "[::1]x",
            "127.0.0.1@evil",
        ] {
            assert!(!is_allowed_host(host, &allowed), "{host}");
        }
    }
}
