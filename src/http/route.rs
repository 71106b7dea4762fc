//! The fixed table of what can be asked for. Nothing is looked up by a name from outside.

use super::Refusal;
use super::assets::{self, Asset};
use super::request::Request;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Whether the loop runs.
    Healthz,
    /// The state of everything, or of one program.
    Status {
        /// The program's name.
        program: Option<String>,
    },
    /// A file of the dashboard.
    Asset(&'static Asset),
}

/// Finds what is asked for.
///
/// # Errors
/// 404 for what does not exist, 405 for what cannot be done to it.
pub fn route(request: &Request) -> Result<Route, Refusal> {
    let route = match request.path.as_str() {
        "/healthz" => Route::Healthz,
        "/api/status" => Route::Status { program: parameter(&request.query, "program") },
        path => {
            Route::Asset(assets::find(path).ok_or(Refusal { status: 404, reason: "there is nothing here" })?)
        }
    };
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(route),
        _ => Err(Refusal { status: 405, reason: "only GET and HEAD are answered here" }),
    }
}

/// A parameter of the query. Names of programs need no escapes, so there is no decoding.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str, query: &str) -> Result<Route, u16> {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: "localhost".to_owned(),
            keep_alive: true,
        };
        route(&request).map_err(|refusal| refusal.status)
    }

    #[test]
    fn only_what_is_in_the_table_exists() {
        assert_eq!(ask("GET", "/healthz", ""), Ok(Route::Healthz));
        assert_eq!(ask("HEAD", "/api/status", ""), Ok(Route::Status { program: None }));
        let one = Route::Status { program: Some("worker".to_owned()) };
        assert_eq!(ask("GET", "/api/status", "x=1&program=worker"), Ok(one));
        for path in ["/", "/app.js", "/style.css"] {
            assert!(matches!(ask("GET", path, ""), Ok(Route::Asset(_))), "{path}");
        }
        for path in ["/../etc/passwd", "//", "/index.html/", "/api", "/api/commands", "/app.js%00"] {
            assert_eq!(ask("GET", path, ""), Err(404), "{path}");
        }
        assert_eq!(ask("POST", "/api/status", ""), Err(405));
        assert_eq!(ask("get", "/", ""), Err(405));
    }
}
