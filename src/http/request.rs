//! Request heads. httparse takes a head apart; what it lets pass and we do not is refused here.

use std::fmt;

/// The largest request head, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// A request without a body, which is all that the read-only face takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or whatever was sent.
    pub method: String,
    /// The target up to the question mark.
    pub path: String,
    /// The target behind it.
    pub query: String,
    /// The Host header.
    pub host: String,
    /// Whether the connection stays open after the answer.
    pub keep_alive: bool,
}

/// Why a request is not answered: a status code and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status code.
    pub status: u16,
    /// For people.
    pub reason: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)
    }
}

const fn refusal(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason }
}

/// Length of the head at the front of `bytes`, if all of it is there. `seen` bytes were looked at
/// before and hold no end, so that a head that comes byte by byte is not searched from the start
/// each time.
pub fn head_length(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    bytes.get(from..)?.windows(4).position(|window| window == b"\r\n\r\n").map(|at| from + at + 4)
}

/// Parses one whole head.
///
/// # Errors
/// With the status code that the answer is to have.
pub fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(refusal(400, "the request head is not complete")),
        Err(httparse::Error::TooManyHeaders) => return Err(refusal(431, "too many header fields")),
        Err(httparse::Error::Version) => return Err(refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken")),
        Err(_) => return Err(refusal(400, "the request head is malformed")),
    }
    let is_http_11 = parsed.version == Some(1);
    let target = parsed.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(refusal(400, "the request target must be a path"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    refuse_body(parsed.headers)?;
    let mut hosts = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => text(host)?,
        (None, _) => return Err(refusal(400, "the Host header is missing")),
        (Some(_), Some(_)) => return Err(refusal(400, "there is more than one Host header")),
    };
    Ok(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        host: host.to_owned(),
        keep_alive: keeps_alive(parsed.headers, is_http_11)?,
    })
}

/// No request of this face has a body. One that claims to have one is refused, and with it every
/// ambiguity about where it ends.
fn refuse_body(headers: &[httparse::Header<'_>]) -> Result<(), Refusal> {
    for header in headers {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(refusal(400, "a request body does not belong here"));
        }
        if header.name.eq_ignore_ascii_case("content-length") && header.value != b"0" {
            return Err(refusal(400, "a request body does not belong here"));
        }
    }
    Ok(())
}

fn keeps_alive(headers: &[httparse::Header<'_>], is_http_11: bool) -> Result<bool, Refusal> {
    let mut keep_alive = is_http_11;
    for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case("connection")) {
        for option in text(header)?.split(',').map(str::trim) {
            if option.eq_ignore_ascii_case("close") {
                return Ok(false);
            }
            keep_alive |= option.eq_ignore_ascii_case("keep-alive");
        }
    }
    Ok(keep_alive)
}

fn text<'a>(header: &httparse::Header<'a>) -> Result<&'a str, Refusal> {
    std::str::from_utf8(header.value)
        .ok()
        .filter(|value| value.is_ascii())
        .ok_or(refusal(400, "a header field is not ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> u16 {
        parse(head.as_bytes()).map_or_else(|refusal| refusal.status, |_| 200)
    }

    #[test]
    fn a_plain_request_is_understood() {
        let request = parse(b"GET /api/status?program=w HTTP/1.1\r\nHost: localhost:8080\r\n\r\n").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/status"));
        assert_eq!((request.query.as_str(), request.host.as_str()), ("program=w", "localhost:8080"));
        assert!(request.keep_alive);
    }

    #[test]
    fn connections_are_kept_as_the_versions_say() {
        let kept = |head: &str| parse(head.as_bytes()).unwrap().keep_alive;
        assert!(!kept("GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
        assert!(kept("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!kept("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n"));
    }

    #[test]
    fn what_is_ambiguous_or_out_of_place_is_refused() {
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 200);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), 400);
        assert_eq!(
            status("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n"),
            400
        );
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(status("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
        assert_eq!(status("nonsense\r\n\r\n"), 400);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", "a: b\r\n".repeat(64))), 431);
    }

    #[test]
    fn the_end_of_a_head_is_found_across_reads() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for seen in 0..head.len() - 4 {
            assert_eq!(head_length(&head[..], seen.min(27)), Some(27), "{seen}");
        }
        assert_eq!(head_length(&head[..26], 0), None);
    }
}
