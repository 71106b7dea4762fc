//! Whose process is at the other end of a loopback connection: the kernel lists every TCP socket with
//! its owner (proc_net_tcp(5)). Both ends of such a connection are in the list.

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The user of the socket whose own address is `peer` and whose other end is `own`.
pub(super) fn of(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    if !peer.ip().to_canonical().is_loopback() {
        return None;
    }
    // A socket of IPv6 may talk to one of IPv4; each end is listed in the form of its own family.
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let tables = [(plain(peer), plain(own), "tcp"), (mapped(peer), mapped(own), "tcp6")];
    tables.into_iter().find_map(|(peer, own, table)| {
        let table = fs::read_to_string(format!("/proc/self/net/{table}")).ok()?;
        find(&table, &in_proc(peer), &in_proc(own))
    })
}

/// The address as a socket of IPv6 has it.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

fn find(table: &str, local: &str, remote: &str) -> Option<u32> {
    let owner = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        if fields.next()? != local || fields.next()? != remote {
            return None;
        }
        // st, tx:rx queues, tr:when, retransmits, and then the owner; a timeout, and the inode.
        let owner = fields.nth(4)?.parse().ok()?;
        // A socket that nobody holds any more is listed as root's, with no inode.
        let is_held = fields.nth(1)? != "0";
        is_held.then_some(owner)
    };
    table.lines().skip(1).find_map(owner)
}

/// `0100007F:1F90`: the address in words of 32 bits as this machine keeps them, then the port.
fn in_proc(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in octets.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        let _ = write!(text, "{word:08X}");
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn our_own_connection_is_ours() {
        for (host, to) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "127.0.0.1")] {
            let Ok(listener) = TcpListener::bind(host) else { continue };
            let stream = TcpStream::connect((to, listener.local_addr().unwrap().port())).unwrap();
            let (accepted, peer) = listener.accept().unwrap();
            let own = accepted.local_addr().unwrap();
            assert_eq!(of(peer, own), Some(nix::unistd::Uid::effective().as_raw()));
            assert_eq!(of(own, own), None, "nobody has such a connection");
            drop(stream);
        }
    }

    #[test]
    fn the_owner_stands_in_the_eighth_field() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:A001 01 00000000:00000000 00:00000000 00000000  1000        0 1 1\n   \
                     1: 0100007F:A001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 1 1\n";
        assert_eq!(find(table, "0100007F:A001", "0100007F:1F90"), Some(1001));
        assert_eq!(find(table, "0100007F:A002", "0100007F:1F90"), None);
        let orphan = "header\n 0: 0100007F:A001 0100007F:1F90 06 00:00 03:00 0 0 0 0 3 ffff\n";
        assert_eq!(find(orphan, "0100007F:A001", "0100007F:1F90"), None, "it is not root's");
    }
}
