//! Requests over HTTP: answered from what is known, or turned into orders and streams.

use std::path::Path;

use mio::Registry;

use super::EventLoop;
use super::follows::Reader;
use crate::command::{self, Command, Query, Tail};
use crate::config::HttpLogs;
use crate::http::{self, Face, Log, Refusal, Request, Response, Route, commands};
use crate::io::faces::Asked;
use crate::io::http::{Refused, Server};
use crate::io::output::tail;
use crate::io::process::own_uid;
use crate::io::reason::reason;
use crate::slots::Key;
use crate::supervisor::Event;
use crate::time::Time;
use crate::view;

impl EventLoop {
    /// Answers the requests that were there when the turn began; a peer that pipelines thousands
    /// waits its turn.
    pub(super) fn answer_http(&mut self) {
        for _ in 0..self.http.requests_len() {
            let Some((connection, request)) = self.http.poll_request() else { break };
            if let Some((request, response)) = self.respond(connection, request) {
                self.with_http(|http, registry, now| {
                    http.respond(registry, now, connection, &request, &response);
                });
            }
        }
        for connection in self.http.take_departed() {
            self.watchers.remove(connection);
            self.stop_following(connection);
        }
    }

    /// The answer, unless it has been given or comes later.
    fn respond(&mut self, connection: Key, request: Box<Request>) -> Option<(Box<Request>, Response)> {
        if request.face == Face::Tcp && !http::is_allowed_host(&request.host, &self.spec.allowed_hosts) {
            let reason = "this host name is not answered to (allowed_hosts in config.yaml)";
            return Some((request, Response::refuse(Refusal { status: 403, reason })));
        }
        let response = match http::route(&request) {
            Err(refusal) => Response::refuse(refusal),
            Ok(Route::Healthz) => Response::text("ok"),
            Ok(Route::Asset(asset)) => Response::asset(asset, &request),
            Ok(Route::Status { program }) => {
                self.refresh_usages();
                let mut snapshot = self.snapshot(|_| true);
                if let Some(name) = program {
                    snapshot.programs.retain(|program| program.name == name);
                }
                Response::json(view::json::status(&self.about(), &snapshot))
            }
            Ok(Route::Metrics) => Response::metrics(self.metrics()),
            Ok(Route::Events) if request.method == "HEAD" => Response::events(),
            Ok(Route::Events) => {
                self.begin_events(connection, &request);
                return None;
            }
            Ok(Route::Log(log)) => match self.refuse_log(connection, &request) {
                Some(refusal) => Response::refuse(refusal),
                None => return self.respond_log(connection, request, &log),
            },
            // Among the evidence is what the program printed.
            Ok(Route::Why { program, number }) => {
                let refusal = self.refuse_log(connection, &request);
                refusal.map_or_else(|| self.respond_why(&program, number), Response::refuse)
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
        let lines = match command::parse(&line) {
            Ok(None) => Vec::new(),
            Err(error) => vec![format!("ERROR {error}")],
            Ok(Some(Command::Query(Query::Tail(tail)))) if tail.follow => {
                self.with_http(|http, registry, now| {
                    http.respond(registry, now, connection, &request, &Response::text_stream());
                });
                self.follow(&tail, Reader::Text(connection));
                return None;
            }
            Ok(Some(Command::Query(query))) => self.look_up(&query),
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
        let ok = !lines.iter().any(|line| line.starts_with("ERROR "));
        Some((request, Response::json(commands::answer(ok, &lines))))
    }

    fn respond_why(&self, program: &str, number: u32) -> Response {
        let programs = self.supervisor.programs().iter();
        let mut named = programs.filter(|it| it.spec().name == program);
        let key = named.next().and_then(|it| it.instances().get(number as usize).copied());
        match key {
            Some(key) => Response::text(self.why_of(key).join("\n") + "\n"),
            None => Response::refuse(Refusal { status: 404, reason: "there is no such instance" }),
        }
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
        let refuse = |request, reason| Some((request, Response::refuse(Refusal { status: 404, reason })));
        let Some(path) = self.log_of(&log.program, log.number, log.is_stderr) else {
            return refuse(request, "there is no such instance");
        };
        let Ok(path) = path else { return refuse(request, "this stream has no log file") };
        if log.follow && request.method != "HEAD" {
            self.with_http(|http, registry, now| {
                http.respond(registry, now, connection, &request, &Response::events());
            });
            self.follow_file(&path, log.lines, Reader::Events(connection));
            return None;
        }
        match tail::last_lines(Path::new(&path), log.lines) {
            Ok(bytes) => Some((request, Response::text(bytes))),
            Err(_) => refuse(request, "the log file cannot be read"),
        }
    }

    /// What `tail` without `-f` answers.
    pub(super) fn tail(&self, tail: &Tail) -> Vec<String> {
        let (logs, mut lines) = self.logs_of(tail);
        let is_prefixed = logs.len() > 1;
        for (name, path) in logs {
            match tail::last_lines(&path, tail.lines) {
                Ok(bytes) => lines.extend(
                    String::from_utf8_lossy(&bytes)
                        .lines()
                        .map(|line| if is_prefixed { format!("{name} | {line}") } else { line.to_owned() }),
                ),
                Err(error) => lines.push(format!("ERROR {name}: {}: {}", path.display(), reason(&error))),
            }
        }
        lines
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
                "another supervisor, pid {pid}, runs with this configuration: it answers at {}",
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
