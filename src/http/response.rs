//! Answers, as bytes.

use std::sync::Arc;

use super::assets::Asset;
use super::request::{Refusal, Request};
use super::route::POST_ONLY;

/// No script, style or connection but our own, in no other page's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A whole answer, or the head of one that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    content_type: &'static str,
    /// An entity tag, for what may be kept by clients.
    tag: Option<String>,
    /// The methods that 405 names.
    allow: &'static str,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Whole(Arc<[u8]>),
    /// It ends when the connection is closed.
    Stream,
}

impl Response {
    fn whole(status: u16, content_type: &'static str, body: impl Into<Arc<[u8]>>) -> Response {
        Response { status, content_type, tag: None, allow: "", body: Body::Whole(body.into()) }
    }

    /// 200 with plain text.
    pub fn text(body: impl Into<Vec<u8>>) -> Response {
        Response::whole(200, "text/plain; charset=utf-8", body.into())
    }

    /// 200 with a JSON document.
    pub fn json(body: impl Into<Arc<[u8]>>) -> Response {
        Response::whole(200, "application/json", body)
    }

    /// 200 with measurements in the text format of Prometheus.
    pub fn metrics(body: Vec<u8>) -> Response {
        Response::whole(200, "text/plain; version=0.0.4; charset=utf-8", body)
    }

    /// 200, or 304 for a client that has it already, with a file of the dashboard.
    pub fn asset(asset: &Asset, request: &Request) -> Response {
        let tag = asset.tag();
        // A proxy that recodes an answer marks its tag as weak; it is the same file still.
        let is_tag = |known: &str| known.strip_prefix("W/").unwrap_or(known) == tag || known == "*";
        let is_known = request.known.split(',').map(str::trim).any(is_tag);
        let response = match is_known {
            true => Response::whole(304, asset.content_type, []),
            false => Response::whole(200, asset.content_type, asset.body.as_bytes()),
        };
        Response { tag: Some(tag), ..response }
    }

    /// 200 with server-sent events that follow.
    pub fn events() -> Response {
        Response::stream("text/event-stream")
    }

    /// 200 with text that follows as it comes.
    pub fn text_stream() -> Response {
        Response::stream("text/plain; charset=utf-8")
    }

    fn stream(content_type: &'static str) -> Response {
        Response { status: 200, content_type, tag: None, allow: "", body: Body::Stream }
    }

    /// A refusal with its reason.
    pub fn refuse(refusal: Refusal) -> Response {
        let allow = match refusal {
            Refusal { status: 405, .. } if refusal == POST_ONLY => "POST",
            Refusal { status: 405, .. } => "GET, HEAD",
            _ => "",
        };
        Response { status: refusal.status, allow, ..Response::text(format!("{refusal}\n")) }
    }

    /// Whether it goes on until the connection is closed.
    pub fn is_stream(&self) -> bool {
        self.body == Body::Stream
    }

    /// The head, as bytes. `date` is the wall clock's time in the form of HTTP.
    pub fn head(&self, keep_alive: bool, date: &str) -> Vec<u8> {
        let keeps_open = keep_alive && !self.is_stream();
        let connection = if keeps_open { "keep-alive" } else { "close" };
        let length = match &self.body {
            Body::Whole(body) if self.status != 304 => format!("Content-Length: {}\r\n", body.len()),
            Body::Whole(_) | Body::Stream => String::new(),
        };
        let allow = match self.allow {
            "" => String::new(),
            methods => format!("Allow: {methods}\r\n"),
        };
        let caching = match &self.tag {
            // Always asked for again, and answered with 304 while the binary is the same.
            Some(tag) => format!("Cache-Control: no-cache\r\nETag: {tag}\r\n"),
            None => "Cache-Control: no-store\r\n".to_owned(),
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\nDate: {date}\r\nContent-Type: {}\r\n{length}Connection: {connection}\r\n\
             {allow}{caching}Content-Security-Policy: {CONTENT_SECURITY_POLICY}\r\n\
             X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Referrer-Policy: no-referrer\r\n\r\n",
            self.status,
            phrase(self.status),
            self.content_type,
        );
        head.into_bytes()
    }

    /// What follows the head at once; HEAD is answered without it.
    pub fn body(&self) -> Arc<[u8]> {
        match &self.body {
            Body::Whole(body) => Arc::clone(body),
            Body::Stream => Arc::new([]),
        }
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
