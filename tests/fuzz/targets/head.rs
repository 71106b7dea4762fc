//! A request's head is understood or refused with a status, alike however it arrives; what is understood can
//! be routed, and shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taskmaster::http::{self, BODY_BYTES_MAX, Face, Here};

/// A name of this machine or of `allowed_hosts`, with a port or without: another look than the library's.
fn is_ours(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = name.parse().is_ok_and(|ip: std::net::IpAddr| ip.to_canonical().is_loopback());
    is_loopback || ["localhost", "a.example"].iter().any(|own| own.eq_ignore_ascii_case(name))
}

fuzz_target!(|bytes: &[u8]| {
    let whole = http::head_length(bytes, 0);
    let mut seen = 0;
    let mut in_pieces = None;
    for end in (0..=bytes.len()).step_by(7).chain([bytes.len()]) {
        in_pieces = http::head_length(&bytes[..end], seen);
        if in_pieces.is_some() {
            break;
        }
        seen = end;
    }
    assert_eq!(whole, in_pieces);
    let head = &bytes[..whole.unwrap_or(bytes.len())];
    for face in [Face::Tcp, Face::Unix] {
        match http::parse(head, face) {
            Ok((request, length)) => {
                assert!(length <= BODY_BYTES_MAX);
                assert!(!request.path.contains('\0') && request.path.starts_with(['/', '*']), "{request:?}");
                let here = Here {
                    own: ([127, 0, 0, 1], 8080).into(),
                    is_wildcard: false,
                    allowed_hosts: &["a.example".to_owned()],
                };
                let allowed = http::is_allowed_host(&request.host, &here);
                assert!(!allowed || is_ours(&request.host), "{}", request.host);
                if let Err(refusal) = http::route(&request) {
                    assert!((400..=505).contains(&refusal.status));
                }
            }
            Err(refusal) => assert!((400..=505).contains(&refusal.status), "{refusal:?}"),
        }
    }
});
