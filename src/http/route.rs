//! The fixed table of what can be asked for. Nothing is looked up by a name from outside.

use super::Refusal;
use super::assets::{self, Asset};
use super::request::{Face, Request};

/// Lines of a log that are sent unless the request says how many.
const LINES_DEFAULT: usize = 100;
/// Lines of a log that are sent at most.
const LINES_MAX: usize = 10_000;

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
    /// The state of everything, and every change from now on.
    Events,
    /// The end of a log.
    Log(Log),
    /// Why an instance is in its state.
    Why {
        /// The program's name.
        program: String,
        /// Which of its instances.
        number: u32,
    },
    /// Measurements for Prometheus.
    Metrics,
    /// A command; its line is in the body.
    Commands,
    /// A file of the dashboard.
    Asset(&'static Asset),
}

/// A log that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The program's name.
    pub program: String,
    /// Which of its instances.
    pub number: u32,
    /// Whether stderr is meant, not stdout.
    pub is_stderr: bool,
    /// How many of its last lines.
    pub lines: usize,
    /// Whether what is written from now on is to follow.
    pub follow: bool,
}

const fn refusal(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason }
}

/// The answer to another method where commands are taken.
pub(super) const POST_ONLY: Refusal = refusal(405, "a command is sent by POST");

/// Finds what is asked for.
///
/// # Errors
/// 404 for what does not exist, 405 for what cannot be done to it, 403 for what this face may not do.
pub fn route(request: &Request) -> Result<Route, Refusal> {
    let route = match request.path.as_str() {
        "/healthz" => Route::Healthz,
        "/metrics" => Route::Metrics,
        "/api/status" => Route::Status { program: parameter(&request.query, "program").map(str::to_owned) },
        "/api/events" => Route::Events,
        "/api/commands" => return commands(request),
        path => match (assets::find(path), path.strip_prefix("/api/programs/")) {
            (Some(asset), _) => Route::Asset(asset),
            (None, Some(rest)) => of_program(rest, &request.query)?,
            (None, None) => return Err(refusal(404, "there is nothing here")),
        },
    };
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(route),
        _ => Err(refusal(405, "only GET and HEAD are answered here")),
    }
}

fn commands(request: &Request) -> Result<Route, Refusal> {
    match (request.face, request.method.as_str()) {
        (Face::Tcp, _) => Err(refusal(403, "commands are taken at the control socket only")),
        (Face::Unix, "POST") if request.is_json => Ok(Route::Commands),
        (Face::Unix, "POST") => Err(refusal(415, "a command is sent as application/json")),
        (Face::Unix, _) => Err(POST_ONLY),
    }
}

/// `NAME/logs/N/stdout`, `NAME/why/N`. Names are taken as they are: they need no escapes.
fn of_program(rest: &str, query: &str) -> Result<Route, Refusal> {
    let parts: Vec<&str> = rest.split('/').collect();
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| refusal(404, "there is no such instance")),
        false => Err(refusal(404, "there is no such instance")),
    };
    match parts.as_slice() {
        [program, "logs", instance, stream @ ("stdout" | "stderr")] => {
            let lines = match parameter(query, "lines").map(str::parse::<usize>) {
                None => LINES_DEFAULT,
                Some(Ok(lines)) => lines.min(LINES_MAX),
                Some(Err(_)) => return Err(refusal(400, "lines is not a number")),
            };
            Ok(Route::Log(Log {
                program: (*program).to_owned(),
                number: number(instance)?,
                is_stderr: *stream == "stderr",
                lines,
                follow: parameter(query, "follow") == Some("1"),
            }))
        }
        [program, "why", instance] => {
            Ok(Route::Why { program: (*program).to_owned(), number: number(instance)? })
        }
        _ => Err(refusal(404, "there is nothing here")),
    }
}

/// A parameter of the query. Names of programs need no escapes, so there is no decoding.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask_at(face: Face, method: &str, path: &str, query: &str) -> Result<Route, u16> {
        let request = Request {
            face,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: "localhost".to_owned(),
            keep_alive: true,
            known: String::new(),
            last_event: String::new(),
            is_json: true,
            body: Vec::new(),
        };
        route(&request).map_err(|refusal| refusal.status)
    }

    fn ask(method: &str, path: &str, query: &str) -> Result<Route, u16> {
        ask_at(Face::Tcp, method, path, query)
    }

    #[test]
    fn only_what_is_in_the_table_exists() {
        assert_eq!(ask("GET", "/healthz", ""), Ok(Route::Healthz));
        assert_eq!(ask("GET", "/metrics", ""), Ok(Route::Metrics));
        assert_eq!(ask("GET", "/api/events", ""), Ok(Route::Events));
        assert_eq!(ask("HEAD", "/api/status", ""), Ok(Route::Status { program: None }));
        let one = Route::Status { program: Some("worker".to_owned()) };
        assert_eq!(ask("GET", "/api/status", "x=1&program=worker"), Ok(one));
        for path in ["/", "/app.js", "/style.css"] {
            assert!(matches!(ask("GET", path, ""), Ok(Route::Asset(_))), "{path}");
        }
        for path in ["/../etc/passwd", "//", "/index.html/", "/api", "/api/programs/", "/app.js%00"] {
            assert_eq!(ask("GET", path, ""), Err(404), "{path}");
        }
        assert_eq!(ask("POST", "/api/status", ""), Err(405));
        assert_eq!(ask("get", "/", ""), Err(405));
    }

    #[test]
    fn logs_are_named_by_program_number_and_stream() {
        let log = |path: &str, query: &str| match ask("GET", &format!("/api/programs/{path}"), query) {
            Ok(Route::Log(log)) => Ok((log.program, log.number, log.is_stderr, log.lines, log.follow)),
            Ok(other) => panic!("{other:?}"),
            Err(status) => Err(status),
        };
        let worker = || "worker".to_owned();
        assert_eq!(log("worker/logs/12/stdout", ""), Ok((worker(), 12, false, LINES_DEFAULT, false)));
        assert_eq!(log("worker/logs/0/stderr", "lines=3&follow=1"), Ok((worker(), 0, true, 3, true)));
        assert_eq!(log("worker/logs/0/stderr", "lines=99999999"), Ok((worker(), 0, true, LINES_MAX, false)));
        assert_eq!(log("worker/logs/0/stderr", "lines=x"), Err(400));
        for path in
            ["worker/logs/0/stdlog", "worker/logs/x/stdout", "worker/logs//stdout", "a/b/logs/0/stdout"]
        {
            assert_eq!(log(path, ""), Err(404), "{path}");
        }
        assert_eq!(log("worker/logs/+1/stdout", ""), Err(404));
        let why = Route::Why { program: worker(), number: 1 };
        assert_eq!(ask("GET", "/api/programs/worker/why/1", ""), Ok(why));
    }

    #[test]
    fn commands_are_taken_at_the_control_socket_only() {
        assert_eq!(ask_at(Face::Unix, "POST", "/api/commands", ""), Ok(Route::Commands));
        assert_eq!(ask_at(Face::Unix, "GET", "/api/commands", ""), Err(405));
        for method in ["GET", "POST", "PUT"] {
            assert_eq!(ask_at(Face::Tcp, method, "/api/commands", ""), Err(403));
        }
    }
}
