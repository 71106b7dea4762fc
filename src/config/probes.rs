//! `readiness` and `liveness`: how it is found out whether an instance does its work.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::document::Node;
use super::field::Field;
use super::pattern::Pattern;
use super::schema::Key;
use super::template::Template;
use super::{parse, values};

/// One kind of check of an instance, repeated while it is RUNNING.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSpec {
    /// What is done.
    pub check: Check,
    /// From the end of one check to the beginning of the next.
    pub interval: Duration,
    /// A check that takes longer has failed.
    pub timeout: Duration,
    /// So many failures in a row count; at least 1.
    pub retries: u32,
    /// From RUNNING to the first check.
    pub start_delay: Duration,
}

/// What is done to find out.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// A command that must end with exit code 0; it runs like the program itself, in its directory and
    /// with its environment.
    Exec(Vec<Template>),
    /// A connection to HOST:PORT that must be accepted.
    Tcp(Template),
    /// A GET of this URL that must be answered by a status of 200 to 399.
    Http(Template),
    /// A line of its output that this is found in. Nothing is done for it: a process is heard. What it says
    /// of its readiness it says once and for all, from its start on; that it lives, in each interval.
    Log(Pattern),
}

/// Where an http check goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whom to connect to.
    pub address: SocketAddr,
    /// As it was written, for the `Host` field.
    pub host: String,
    /// Path and query.
    pub path: String,
}

impl Url {
    /// `http://HOST[:PORT][/PATH]`, where HOST is an address or localhost.
    pub fn parse(text: &str) -> Option<Url> {
        let rest = text.strip_prefix("http://")?;
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { address(host)? } else { address(&format!("{host}:80"))? };
        (is_plain(path) && is_plain(host)).then(|| Url {
            address,
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }
}

/// `127.0.0.1:5432`, `localhost:80`, `[::1]:80`; there is no name service in here.
pub fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// A probe that is being read.
struct Draft {
    checks: Vec<(&'static str, Check)>,
    interval: Duration,
    timeout: Duration,
    retries: u32,
    start_delay: Duration,
}

const KEYS: &[Key<Draft>] = &[
    Key::nested("exec", "a command that must end with exit code 0", |field, draft| {
        let command = values::command(field);
        draft.add("exec", command.map(Check::Exec))
    }),
    Key::nested("tcp", "HOST:PORT that must accept a connection", |field, draft| {
        let wanted = "ADDRESS:PORT, such as 127.0.0.1:5432 or localhost:5432";
        let target = template(field, wanted, |text| address(text).is_some());
        draft.add("tcp", target.map(Check::Tcp))
    }),
    Key::nested("http", "a URL that must be answered by 200 to 399", |field, draft| {
        let wanted = "http://ADDRESS:PORT/PATH, with an address or localhost";
        let target = template(field, wanted, |text| Url::parse(text).is_some());
        draft.add("http", target.map(Check::Http))
    }),
    Key::nested("log", "a regular expression that a line of its output must match", |field, draft| {
        let pattern = pattern(field);
        draft.add("log", pattern.map(Check::Log))
    }),
    Key::nested("interval", "from one check to the next", |field, draft| {
        let interval = values::positive_time(field);
        draft.note(interval, |draft, value| draft.interval = value)
    }),
    Key::nested("timeout", "what a check may take", |field, draft| {
        let timeout = values::positive_time(field);
        draft.note(timeout, |draft, value| draft.timeout = value)
    }),
    Key::nested("retries", "failures in a row that count", |field, draft| {
        let retries = match values::whole_number(field, "a number from 1 on") {
            Some(0) => field.wrong("`retries` is 0", "1 is the first failure"),
            retries => retries,
        };
        draft.note(retries, |draft, value| draft.retries = value)
    }),
    Key::nested("start_delay", "from RUNNING to the first check", |field, draft| {
        let delay = values::time(field);
        draft.note(delay, |draft, value| draft.start_delay = value)
    }),
];

impl Draft {
    fn add(&mut self, name: &'static str, check: Option<Check>) -> Option<()> {
        self.note(check, |draft, check| draft.checks.push((name, check)))
    }

    fn note<T>(&mut self, value: Option<T>, set: impl FnOnce(&mut Draft, T)) -> Option<()> {
        value.map(|value| set(self, value))
    }
}

/// A text with places for the program's name and the instance's number; the number 0 is tried.
fn template(field: &Field, wanted: &str, is_right: impl Fn(&str) -> bool) -> Option<Template> {
    let text = field.text(wanted)?;
    let template = Template::new(text.clone());
    match is_right(&template.expand("x", 0)) {
        true => Some(template),
        false => field.wrong(
            format!("`{}: {text}` is nothing to connect to", field.key()),
            format!("it takes {wanted}"),
        ),
    }
}

fn pattern(field: &Field) -> Option<Pattern> {
    let wanted = "a regular expression, such as 'listening on .*:80$'";
    let text = field.text(wanted)?;
    if text.is_empty() {
        return field.wrong("`log` is empty, which every line matches", format!("it takes {wanted}"));
    }
    match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("`log: {text}` is not a regular expression: {error}");
            field.wrong(message, format!("it takes {wanted}"))
        }
    }
}

/// Reads a probe: exactly one check, and its times.
pub(super) fn probe(field: &Field) -> Option<ProbeSpec> {
    let example = "such as {tcp: localhost:5432, interval: 5}";
    let (Node::Map(_) | Node::Null) = field.node else {
        let message = format!("`{}` takes a map", field.key());
        return field.wrong(message, example);
    };
    let second = Duration::from_secs(1);
    let mut draft = Draft {
        checks: Vec::new(),
        interval: second,
        timeout: second,
        retries: 3,
        start_delay: Duration::ZERO,
    };
    let problems = || field.world.problems.borrow().len();
    let before = problems();
    parse::read_keys(field, KEYS, &[], &mut draft, example);
    if problems() > before {
        return None;
    }
    let Draft { mut checks, interval, timeout, retries, start_delay, .. } = draft;
    if checks.len() > 1 {
        let names: Vec<&str> = checks.iter().map(|(name, _)| *name).collect();
        let message = format!("`{}` has {} checks: {}", field.key(), names.len(), names.join(", "));
        return field.wrong(message, "leave all but one out");
    }
    match checks.pop() {
        Some((_, check)) => Some(ProbeSpec { check, interval, timeout, retries, start_delay }),
        None => field.wrong(format!("`{}` has nothing to check", field.key()), "add exec, tcp, http or log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_an_address_and_a_path() {
        let url = Url::parse("http://localhost:8080/health?x=1").unwrap();
        assert_eq!(
            (url.address.to_string(), url.path.as_str()),
            ("127.0.0.1:8080".to_owned(), "/health?x=1")
        );
        assert_eq!(Url::parse("http://[::1]:81").unwrap().path, "/");
        assert_eq!(Url::parse("http://127.0.0.1").unwrap().address.port(), 80);
        for text in [
            "https://localhost",
            "localhost:80",
            "http://example.org/",
            "http://localhost:99999/",
            "http://127.0.0.1/a b",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
