//! Request heads. httparse takes a head apart; what it lets pass and we do not is refused here.

use std::fmt;

/// The largest request head, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// The largest request body, in bytes: a command line in JSON, every byte of it escaped.
pub const BODY_BYTES_MAX: usize = 32 * 1024;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A TCP socket, which any local user and any web page in a browser can reach: read-only.
    Tcp,
    /// The control socket, which only its owner and root can open.
    Unix,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where it came in.
    pub face: Face,
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
    /// The entity tags of what the client has already (`If-None-Match`).
    pub known: String,
    /// The id of the last event that the client has seen (`Last-Event-ID`).
    pub last_event: String,
    /// Whether a `Content-Type` says that the body is JSON.
    pub is_json: bool,
    /// The body, once it has been read.
    pub body: Vec<u8>,
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

/// Parses one whole head that came in at `face`; gives the request, without its body, and how many
/// bytes of body follow.
///
/// # Errors
/// With the status code that the answer is to have.
pub fn parse(head: &[u8], face: Face) -> Result<(Request, usize), Refusal> {
    refuse_odd_bytes(head)?;
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
    let method = parsed.method.unwrap_or_default();
    if face == Face::Tcp && path == "/api/commands" {
        // Said here, because a body would be refused before anybody asks what it is for.
        return Err(refusal(403, "commands are taken at the control socket only"));
    }
    let body_length = body_length(parsed.headers, face == Face::Unix && method == "POST")?;
    let mut hosts = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => text(host)?,
        (None, _) => return Err(refusal(400, "the Host header is missing")),
        (Some(_), Some(_)) => return Err(refusal(400, "there is more than one Host header")),
    };
    let first = |name: &str| {
        let mut named = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.next().map_or(Ok(""), text)
    };
    let content_type = first("content-type")?.split(';').next().unwrap_or("").trim();
    let request = Request {
        face,
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        host: host.to_owned(),
        keep_alive: keeps_alive(parsed.headers, is_http_11)?,
        known: first("if-none-match")?.to_owned(),
        last_event: first("last-event-id")?.to_owned(),
        is_json: content_type.eq_ignore_ascii_case("application/json"),
        body: Vec::new(),
    };
    Ok((request, body_length))
}

/// Lines end with CR LF and nothing else; a bare CR or LF is how two servers come to see two different
/// requests in the same bytes. No other control byte belongs into a head.
fn refuse_odd_bytes(head: &[u8]) -> Result<(), Refusal> {
    let is_odd = |(at, byte): (usize, &u8)| match byte {
        b'\r' => head.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || head[at - 1] != b'\r',
        b'\t' => false,
        other => other.is_ascii_control(),
    };
    match head.iter().enumerate().any(is_odd) {
        true => Err(refusal(400, "the request head has a control byte in it")),
        false => Ok(()),
    }
}

/// How long the body is. Only a plain, single Content-Length is understood, and with it every ambiguity
/// about where a request ends is refused; so is a body where none belongs.
fn body_length(headers: &[httparse::Header<'_>], may_have_body: bool) -> Result<usize, Refusal> {
    let named =
        |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    if named("transfer-encoding").next().is_some() {
        return Err(refusal(400, "Transfer-Encoding is not understood; send a Content-Length"));
    }
    let mut lengths = named("content-length");
    let length = match (lengths.next(), lengths.next()) {
        (None, _) if may_have_body => return Err(refusal(411, "the request has no Content-Length")),
        (None, _) => return Ok(0),
        (Some(header), None) => header.value,
        (Some(_), Some(_)) => return Err(refusal(400, "there is more than one Content-Length")),
    };
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(refusal(400, "the Content-Length is not a length"));
    }
    let digit = |sum: usize, digit: &u8| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    let length = length.iter().fold(0, digit);
    match length {
        0 => Ok(0),
        _ if !may_have_body => Err(refusal(400, "a request body does not belong here")),
        length if length > BODY_BYTES_MAX => Err(refusal(413, "the request body is too large")),
        length => Ok(length),
    }
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
        parse(head.as_bytes(), Face::Tcp).map_or_else(|refusal| refusal.status, |_| 200)
    }

    fn parsed(head: &str) -> Request {
        parse(head.as_bytes(), Face::Tcp).unwrap().0
    }

    #[test]
    fn a_plain_request_is_understood() {
        let request = parsed("GET /api/status?program=w HTTP/1.1\r\nHost: localhost:8080\r\n\r\n");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/status"));
        assert_eq!((request.query.as_str(), request.host.as_str()), ("program=w", "localhost:8080"));
        assert!(request.keep_alive);
    }

    #[test]
    fn connections_are_kept_as_the_versions_say() {
        let kept = |head: &str| parsed(head).keep_alive;
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
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\nX: a\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{1}\r\n\r\n"), 400);
        assert_eq!(status("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
        assert_eq!(status("nonsense\r\n\r\n"), 400);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", "a: b\r\n".repeat(64))), 431);
    }

    #[test]
    fn only_a_post_at_the_control_socket_has_a_body() {
        let length = |method: &str, lines: &str, face| {
            let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            parse(head.as_bytes(), face).map_or_else(|refusal| Err(refusal.status), |(_, length)| Ok(length))
        };
        assert_eq!(length("POST", "Content-Length: 12\r\n", Face::Unix), Ok(12));
        assert_eq!(length("POST", "Content-Length: 12\r\n", Face::Tcp), Err(400));
        assert_eq!(length("GET", "Content-Length: 12\r\n", Face::Unix), Err(400));
        assert_eq!(length("POST", "", Face::Unix), Err(411));
        assert_eq!(length("POST", "Content-Length: 40000\r\n", Face::Unix), Err(413));
        assert_eq!(length("POST", &format!("Content-Length: {}\r\n", "9".repeat(30)), Face::Unix), Err(413));
        for value in ["+5", "-5", "5, 5", "0x5", "", "5 5"] {
            assert_eq!(
                length("POST", &format!("Content-Length: {value}\r\n"), Face::Unix),
                Err(400),
                "{value}"
            );
        }
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(length("POST", both, Face::Unix), Err(400));
        assert_eq!(length("POST", "Content-Length: 5\r\nContent-Length: 5\r\n", Face::Unix), Err(400));
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
