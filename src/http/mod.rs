//! HTTP/1.1 without sockets: bytes to requests, requests to routes, answers to bytes.

mod assets;
pub mod commands;
mod guard;
mod request;
mod response;
mod route;
pub mod sse;

pub use guard::{Here, is_allowed_host};
pub use request::{BODY_BYTES_MAX, Face, HEAD_BYTES_MAX, Refusal, Request, head_length, parse};
pub use response::Response;
pub use route::{Log, Route, route};
