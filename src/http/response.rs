//! Answers, as bytes.

use super::assets::Asset;
use super::request::Refusal;

/// No script, style or connection but our own, in no other page's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// 200 with plain text.
    pub fn text(body: impl Into<String>) -> Response {
        Response { status: 200, content_type: "text/plain; charset=utf-8", body: body.into().into_bytes() }
    }

    /// 200 with a JSON document.
    pub fn json(body: Vec<u8>) -> Response {
        Response { status: 200, content_type: "application/json", body }
    }

    /// 200 with a file of the dashboard.
    pub fn asset(asset: &Asset) -> Response {
        Response { status: 200, content_type: asset.content_type, body: asset.body.as_bytes().to_vec() }
    }

    /// A refusal with its reason.
    pub fn refuse(refusal: Refusal) -> Response {
        Response { status: refusal.status, ..Response::text(format!("{refusal}\n")) }
    }

    /// The bytes to send. `with_body` is false for HEAD, whose head is that of GET.
    pub fn encode(&self, with_body: bool, keep_alive: bool) -> Vec<u8> {
        let allow = if self.status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n{allow}\
             Cache-Control: no-store\r\nContent-Security-Policy: {CONTENT_SECURITY_POLICY}\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n",
            self.status,
            phrase(self.status),
            self.content_type,
            self.body.len(),
        );
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
