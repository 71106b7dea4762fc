//! Requests over HTTP: answered from what is known, or turned into orders and streams.

use mio::Registry;

use super::EventLoop;
use super::follows::Reader;
use crate::command::{self, Command, Query, Tail};
use crate::config::HttpLogs;
use crate::http::{self, Face, Here, Log, Refusal, Request, Response, Route, commands};
use crate::io::faces::Asked;
use crate::io::http::{Refused, Server};
use crate::io::output::tail::{self, Follower};
use crate::io::process::own_uid;
use crate::io::reason::reason;
use crate::slots::Key;
use crate::supervisor::Event;
use crate::time::Time;

/// Requests that are answered in one turn: an answer may take milliseconds.
const REQUESTS_PER_TURN: usize = 16;

const NO_INSTANCE: &str = "there is no such instance";
const UNREADABLE: &str = "the log file cannot be read";
const TOO_MANY_STREAMS: &str = "there are too many readers already; try again later";

impl EventLoop {
    /// Answers some requests; however many there are, programs are looked after in between.
    pub(super) fn answer_http(&mut self) {
        for _ in 0..REQUESTS_PER_TURN {
            let Some((connection, request)) = self.http.poll_request() else { break };
            match self.respond(connection, request) {
                Some((request, response)) => self.with_http(|http, registry, now| {
                    http.respond(registry, now, connection, &request, &response);
                }),
                None => self.with_http(|http, registry, now| http.let_go(registry, now, connection)),
            }
        }
        self.forget_departed();
    }

    /// Nothing is made for those who have left.
    pub(super) fn forget_departed(&mut self) {
        for connection in self.http.take_departed() {
            self.watchers.remove(connection);
            self.stop_following(connection);
        }
    }

    /// The answer, unless it has been given or comes later.
    fn respond(&mut self, connection: Key, request: Box<Request>) -> Option<(Box<Request>, Response)> {
        if request.face == Face::Tcp && !self.is_allowed_host(connection, &request.host) {
            return refuse(request, 403, "this host name is not answered to (allowed_hosts in config.yaml)");
        }
        let response = match http::route(&request) {
            Err(refusal) => Response::refuse(refusal),
            Ok(Route::Healthz) => Response::text("ok"),
            Ok(Route::Asset(asset)) => Response::asset(asset, &request),
            Ok(Route::Status { program: None }) => Response::json(self.status_document()),
            Ok(Route::Status { program: Some(name) }) => Response::json(self.status_document_of(&name)),
            Ok(Route::Metrics) => Response::metrics(self.metrics()),
            Ok(Route::Events) if request.method == "HEAD" => Response::events(),
            Ok(Route::Events) => {
                if !self.has_room_for_stream(connection) {
                    return refuse(request, 503, TOO_MANY_STREAMS);
                }
                self.begin_events(connection, &request);
                return None;
            }
            Ok(Route::Log(log)) => match self.refuse_log(connection, &request) {
                Some(refusal) => Response::refuse(refusal),
                None => return self.respond_log(connection, request, &log),
            },
            // Among the evidence is what the program printed.
            Ok(Route::Why { program, number }) => {
                let unknown = || Response::refuse(Refusal { status: 404, reason: NO_INSTANCE });
                match self.refuse_log(connection, &request) {
                    Some(refusal) => Response::refuse(refusal),
                    None => self.why_document(&program, number).map_or_else(unknown, Response::json),
                }
            }
            Ok(Route::Commands) => return self.respond_command(connection, request),
        };
        Some((request, response))
    }

    fn respond_command(
        &mut self,
        connection: Key,
        request: Box<Request>,
    ) -> Option<(Box<Request>, Response)> {
        let line = match commands::command(&request.body) {
            Ok(line) => line,
            Err(refusal) => return Some((request, Response::refuse(refusal))),
        };
        let (lines, ok) = match command::parse(&line) {
            Ok(None) => (Vec::new(), true),
            Err(error) => (vec![format!("ERROR {error}")], false),
            Ok(Some(Command::Query(Query::Tail(tail)))) if tail.follow => {
                self.with_http(|http, registry, now| {
                    http.respond(registry, now, connection, &request, &Response::text_stream());
                });
                self.follow(&tail, Reader::Text(connection));
                return None;
            }
            // What a program has logged is no error of ours, whatever it begins with.
            Ok(Some(Command::Query(Query::Tail(tail)))) => self.tail(&tail),
            Ok(Some(Command::Query(query))) => {
                let lines = self.look_up(&query);
                let ok = !lines.iter().any(|line| line.starts_with("ERROR "));
                (lines, ok)
            }
            Ok(Some(Command::Reload)) => {
                let name = self.faces.next_request();
                self.faces.expect(name, connection, request);
                self.reload(name);
                return None;
            }
            Ok(Some(Command::Order(order))) => {
                let name = self.faces.next_request();
                self.faces.expect(name, connection, request);
                self.handle(Event::Order { request: name, order });
                return None;
            }
        };
        Some((request, Response::json(commands::answer(ok, &lines))))
    }

    /// An order that came over HTTP is done.
    pub(super) fn answer_order(&mut self, asked: &Asked, ok: bool) {
        let response = Response::json(commands::answer(ok, &asked.lines));
        self.with_http(|http, registry, now| {
            http.respond(registry, now, asked.connection, &asked.request, &response);
        });
    }

    /// What programs print may be secret; who may read it over TCP is `http_logs`.
    fn refuse_log(&self, connection: Key, request: &Request) -> Option<Refusal> {
        let refusal = |reason| Some(Refusal { status: 403, reason });
        if request.face == Face::Unix {
            return None;
        }
        match self.spec.http_logs {
            HttpLogs::All => None,
            HttpLogs::None => refusal("logs are not shown over TCP (http_logs: none)"),
            HttpLogs::SameUser => match self.http.peer_uid(connection) {
                Some(uid) if uid == 0 || uid == own_uid() => None,
                Some(_) => refusal("logs are shown to the supervisor's own user only (http_logs: same_user)"),
                None => refusal("logs are shown to local connections only (http_logs: same_user)"),
            },
        }
    }

    fn respond_log(
        &mut self,
        connection: Key,
        request: Box<Request>,
        log: &Log,
    ) -> Option<(Box<Request>, Response)> {
        let Some(path) = self.log_of(&log.program, log.number, log.is_stderr) else {
            return refuse(request, 404, NO_INSTANCE);
        };
        let Ok(path) = path else { return refuse(request, 404, "this stream has no log file") };
        if !log.follow {
            return match tail::last_lines(&path, log.lines) {
                Ok(bytes) => Some((request, Response::text(bytes))),
                Err(_) => refuse(request, 404, UNREADABLE),
            };
        }
        let Ok(follower) = Follower::open(&path, log.lines) else { return refuse(request, 404, UNREADABLE) };
        if request.method == "HEAD" {
            return Some((request, Response::events()));
        }
        if !self.has_room_for_stream(connection) {
            return refuse(request, 503, TOO_MANY_STREAMS);
        }
        self.with_http(|http, registry, now| {
            http.respond(registry, now, connection, &request, &Response::events());
        });
        self.follow_file(follower, Reader::Events(connection));
        None
    }

    fn is_allowed_host(&self, connection: Key, host: &str) -> bool {
        let address = self.http.address();
        let Some(own) = self.http.own_address(connection).or(address) else { return false };
        let is_wildcard = address.is_some_and(|address| address.ip().is_unspecified());
        http::is_allowed_host(host, &Here { own, is_wildcard, allowed_hosts: &self.spec.allowed_hosts })
    }

    fn has_room_for_stream(&mut self, connection: Key) -> bool {
        self.http.has_room_for_stream(self.poll.registry(), connection)
    }

    /// What `tail` without `-f` answers, and whether all of it could be read.
    pub(super) fn tail(&self, tail: &Tail) -> (Vec<String>, bool) {
        let (logs, mut lines) = self.logs_of(tail);
        let mut ok = lines.is_empty();
        lines.extend(self.supervisor.without_instances(&tail.targets));
        let is_prefixed = logs.len() > 1;
        for (name, path) in logs {
            match tail::last_lines(&path, tail.lines) {
                Ok(bytes) => lines.extend(
                    String::from_utf8_lossy(&bytes)
                        .lines()
                        .map(|line| if is_prefixed { format!("{name} | {line}") } else { line.to_owned() }),
                ),
                Err(error) => {
                    lines.push(format!("ERROR {name}: {}: {}", path.display(), reason(&error)));
                    ok = false;
                }
            }
        }
        (lines, ok)
    }

    pub(super) fn accept(&mut self, face: Face) {
        self.with_http(|http, registry, now| http.accept(registry, now, face));
    }

    pub(super) fn with_http(&mut self, act: impl FnOnce(&mut Server, &Registry, Time)) {
        act(&mut self.http, self.poll.registry(), self.now);
    }

    /// Listens at the control socket.
    ///
    /// # Errors
    /// If another supervisor answers there. All other trouble is only told: supervision goes on.
    pub(super) fn bind_control(&mut self) -> std::io::Result<()> {
        let path = self.spec.socket.clone();
        match self.http.bind_control(self.poll.registry(), &path) {
            Ok(()) => Ok(()),
            Err(Refused::InUse { pid }) => Err(std::io::Error::other(format!(
                "another supervisor{} runs with this configuration: it answers at {}",
                pid.map_or_else(String::new, |pid| format!(", pid {pid},")),
                path.display()
            ))),
            Err(Refused::Trouble(why)) => {
                let text = format!("WARNING: no control socket: {why}; supervision goes on");
                log::error!("{text}");
                self.console.warn(&text);
                Ok(())
            }
        }
    }

    pub(super) fn bind_http(&mut self) {
        let Some(address) = self.http.address() else { return };
        match self.http.bind(self.poll.registry(), self.now) {
            Ok(()) => log::info!("the dashboard is at http://{address}"),
            Err(error) => {
                let text = format!(
                    "WARNING: no dashboard at http://{address}: {}; supervision goes on, and the \
                     address is tried again",
                    reason(&error)
                );
                log::error!("{text}");
                self.console.warn(&text);
            }
        }
    }

    pub(super) fn fire_http(&mut self) {
        if self.http.fire(self.poll.registry(), self.now)
            && let Some(address) = self.http.address()
        {
            let text = format!("the dashboard is at http://{address} now");
            log::info!("{text}");
            self.console.warn(&text);
        }
    }
}

/// A refusal as an answer.
fn refuse(request: Box<Request>, status: u16, reason: &'static str) -> Option<(Box<Request>, Response)> {
    Some((request, Response::refuse(Refusal { status, reason })))
}
