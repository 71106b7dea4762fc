//! From a field to a value. Each notes what is wrong and returns `None` then.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::document::{Form, Node};
use super::field::Field;
use super::spec::{Autorestart, HttpLogs, KillStrays, LogFormat, LogFull, Output};
use super::template::Template;
use crate::signal::Signal;

/// More instances than this, of one program or of all, are a typing error.
pub const NUMPROCS_MAX: u32 = 100_000;
/// A hundred years; beyond it a time is a typing error.
const TIME_MAX: Duration = Duration::from_secs(100 * 365 * 86400);

pub(super) fn command(field: &Field) -> Option<Vec<Template>> {
    let wanted = "a command line, or a list [program, argument, ...]";
    let words: Vec<String> = match field.node {
        Node::List(items) => {
            let words: Vec<_> = field.items(items).map(|item| item.text("a word")).collect();
            words.into_iter().collect::<Option<_>>()?
        }
        Node::Null | Node::Scalar { .. } | Node::Map(_) => {
            let (line, _) = field.scalar(wanted)?;
            // Split first, so that a variable with blanks in it stays one word.
            let Ok(words) = shell_words::split(line) else {
                return field.wrong(
                    "`cmd` has a quote that is not closed",
                    "quotes follow the rules of a POSIX shell",
                );
            };
            let words: Vec<_> = words.iter().map(|word| field.expanded(word)).collect();
            words.into_iter().collect::<Option<_>>()?
        }
    };
    match words.first() {
        Some(program) if !program.is_empty() => Some(words.into_iter().map(Template::new).collect()),
        Some(_) | None => field.wrong("`cmd` is empty", format!("it takes {wanted}")),
    }
}

pub(super) fn numprocs(field: &Field) -> Option<u32> {
    let number = whole_number(field, "the number of instances")?;
    if number > NUMPROCS_MAX {
        return field.wrong(format!("`numprocs` is more than {NUMPROCS_MAX}"), "");
    }
    Some(number)
}

/// A number from 0 to 4294967295.
pub(super) fn whole_number(field: &Field, wanted: &str) -> Option<u32> {
    let (text, form) = field.scalar(wanted)?;
    match text.parse() {
        Ok(number) if form != Form::Bool => Some(number),
        Ok(_) | Err(_) => field.wrong(
            format!("`{}: {text}` is not a whole number of 0 or more", field.key()),
            format!("it takes {wanted}"),
        ),
    }
}

pub(super) fn priority(field: &Field) -> Option<i32> {
    let (text, _) = field.scalar("a whole number; lower starts first and stops last")?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => field.wrong(format!("`priority: {text}` is not a whole number"), ""),
    }
}

pub(super) fn boolean(field: &Field) -> Option<bool> {
    let (text, form) = field.scalar("true or false")?;
    match (form, text.to_ascii_lowercase().as_str()) {
        (Form::Bool, "true") => Some(true),
        (Form::Bool, "false") => Some(false),
        (_, "true" | "yes" | "on" | "y") => wrong_boolean(field, text, "true"),
        (_, "false" | "no" | "off" | "n") => wrong_boolean(field, text, "false"),
        _ => field.wrong(format!("`{}: {text}` is neither true nor false", field.key()), ""),
    }
}

fn wrong_boolean(field: &Field, text: &str, meant: &str) -> Option<bool> {
    field.wrong(
        format!("`{}: {text}` is a text, not a truth value", field.key()),
        format!("write {meant}, without quotes"),
    )
}

pub(super) fn autorestart(field: &Field) -> Option<Autorestart> {
    let (text, _) = field.scalar("always, unexpected or never")?;
    match text.to_ascii_lowercase().as_str() {
        "always" | "true" => Some(Autorestart::Always),
        "unexpected" => Some(Autorestart::Unexpected),
        "never" | "false" => Some(Autorestart::Never),
        _ => field.wrong(
            format!("`autorestart: {text}` is not a restart policy"),
            "it takes always (or true), unexpected, or never (or false)",
        ),
    }
}

pub(super) fn kill_strays(field: &Field) -> Option<KillStrays> {
    let wanted = "stop, always or never";
    let (text, _) = field.scalar(wanted)?;
    match text {
        "stop" => Some(KillStrays::Stop),
        "always" => Some(KillStrays::Always),
        "never" => Some(KillStrays::Never),
        _ => field.wrong(format!("`kill_strays: {text}` is no choice"), format!("it takes {wanted}")),
    }
}

pub(super) fn exit_codes(field: &Field) -> Option<Vec<i32>> {
    let code = |field: Field| {
        let (text, _) = field.scalar("exit codes from 0 to 255")?;
        match text.parse::<u8>() {
            Ok(code) => Some(i32::from(code)),
            Err(_) if text.contains(',') => {
                field.wrong(format!("{text} is not an exit code"), format!("write a list: [{text}]"))
            }
            Err(_) => {
                field.wrong(format!("{text} is not an exit code"), "exit codes are numbers from 0 to 255")
            }
        }
    };
    match field.node {
        Node::List(items) => {
            let codes: Vec<_> = field.items(items).map(code).collect();
            codes.into_iter().collect()
        }
        Node::Null | Node::Scalar { .. } | Node::Map(_) => Some(vec![code(field.clone())?]),
    }
}

/// A time that is more than nothing.
pub(super) fn positive_time(field: &Field) -> Option<Duration> {
    match time(field)? {
        time if time.is_zero() => field.wrong(format!("`{}` is nothing", field.key()), "it takes a time"),
        time => Some(time),
    }
}

/// Seconds as a number, or a text with units.
pub(super) fn time(field: &Field) -> Option<Duration> {
    let wanted = "seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)";
    let (text, _) = field.scalar(wanted)?;
    let bad =
        |why: &str| field.wrong(format!("`{}: {text}` {why}", field.key()), format!("it takes {wanted}"));
    let time = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() => return bad("is not a time"),
        Ok(seconds) if seconds.is_sign_negative() && seconds != 0.0 => return bad("is negative"),
        Ok(seconds) => Duration::try_from_secs_f64(seconds.abs()).ok(),
        Err(_) => match humantime::parse_duration(text) {
            Ok(time) => Some(time),
            Err(_) => return bad("is not a time"),
        },
    };
    match time {
        Some(time) if time <= TIME_MAX => Some(time),
        Some(_) | None => bad("is more than a hundred years"),
    }
}

/// Octal, however it is written. Unquoted `022` reaches us as the text `022`, but `18` as a number,
/// and nobody can tell whether that was meant to be octal.
pub(super) fn umask(field: &Field) -> Option<u32> {
    let wanted = "an octal number such as \"022\"";
    let (text, form) = field.scalar(wanted)?;
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_plain_decimal = form == Form::Number && digits == text && text.len() > 1 && !text.starts_with('0');
    let as_decimal = if is_plain_decimal { meant_in_decimal(text) } else { None };
    let is_octal = !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(digits, 8) {
        _ if !is_octal => field.wrong(
            format!("`umask: {text}` is not an octal number"),
            as_decimal.map_or(format!("it takes {wanted}"), |meant| format!("write {meant}")),
        ),
        Ok(mask) if is_plain_decimal && mask <= 0o777 => field.wrong(
            format!("`umask: {text}` could be meant as decimal or as octal"),
            match as_decimal {
                Some(meant) => format!("write \"0{text}\" if it is octal, {meant}"),
                None => format!("write \"0{text}\" if it is octal"),
            },
        ),
        Ok(mask) if mask <= 0o777 => Some(mask),
        Ok(_) | Err(_) => field.wrong(format!("`umask: {text}` is more than 0777"), ""),
    }
}

/// Tools that write YAML make 18 of 022. Masks that take the owner's own rights are not guessed at.
fn meant_in_decimal(text: &str) -> Option<String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let mask: u32 = text.parse().ok().filter(|mask| is_number && *mask <= 0o077)?;
    Some(format!("\"{mask:03o}\" if it is decimal"))
}

pub(super) fn stop_signal(field: &Field) -> Option<Signal> {
    let wanted = "a signal by name or number: TERM, SIGTERM, 15";
    let (text, _) = field.scalar(wanted)?;
    match Signal::parse(text) {
        Some(Signal::STOP) => {
            field.wrong("SIGSTOP does not end a process, it freezes it", "TERM, INT and QUIT are usual")
        }
        Some(Signal::CONT) => {
            field.wrong("SIGCONT does not end a process, it wakes one", "TERM, INT and QUIT are usual")
        }
        Some(signal) => Some(signal),
        None => {
            let hint = super::parse::suggest(text, Signal::names());
            field.wrong(
                format!("`stopsignal: {text}` is not a signal"),
                hint.unwrap_or_else(|| format!("it takes {wanted}")),
            )
        }
    }
}

/// `none`, `inherit` or a path.
pub(super) fn stdout(field: &Field) -> Option<Output> {
    match stderr(field)? {
        Output::Stdout => {
            field.wrong("`stdout: stdout` leads to itself", "to write a file of that name: ./stdout")
        }
        output @ (Output::File(_) | Output::Discard | Output::Inherit) => Some(output),
    }
}

/// `none`, `inherit`, `stdout` or a path.
pub(super) fn stderr(field: &Field) -> Option<Output> {
    let text = field.text("a path, none or inherit")?;
    Some(match text.as_str() {
        "none" => Output::Discard,
        "inherit" => Output::Inherit,
        "stdout" => Output::Stdout,
        word if is_accident(word) => {
            let help = format!("the words are none, inherit and, for stderr, stdout; for a file: ./{word}");
            return would_be_a_file(field, word, help);
        }
        _ => Output::File(absolute(field, &text)?),
    })
}

/// Words that other tools know in the place of a path, and ours in capitals: hardly names of files.
fn is_accident(word: &str) -> bool {
    const WORDS: [&str; 12] = [
        "none", "inherit", "stdout", "stderr", "auto", "syslog", "null", "true", "false", "yes", "no", "off",
    ];
    WORDS.contains(&word.to_ascii_lowercase().as_str())
}

fn would_be_a_file<T>(field: &Field, word: &str, help: String) -> Option<T> {
    field.wrong(format!("`{}: {word}` would be a file of that name", field.key()), help)
}

pub(super) fn directory(field: &Field) -> Option<Template> {
    let text = field.text("a directory")?;
    absolute(field, &text)
}

pub(super) fn path(field: &Field) -> Option<PathBuf> {
    let text = field.text("a path")?;
    if is_accident(&text) {
        return would_be_a_file(field, &text, format!("/dev/null discards; for a file: ./{text}"));
    }
    absolute(field, &text).map(|path| PathBuf::from(path.to_string()))
}

/// Relative paths start from the directory of the configuration.
fn absolute(field: &Field, text: &str) -> Option<Template> {
    if text.is_empty() {
        return field.wrong(format!("`{}` is empty", field.key()), "it takes a path");
    }
    if text == "~" || text.starts_with("~/") {
        let help = format!("write ${{HOME}}{}", &text[1..]);
        return field.wrong(format!("`{}`: no shell runs, so ~ is not replaced", field.key()), help);
    }
    let joined = field.world.directory.join(text);
    let plain: PathBuf = joined.components().collect();
    Some(Template::new(plain.to_string_lossy()))
}

/// Values are what was written: 1.10 stays 1.10, yes stays yes.
pub(super) fn env(field: &Field) -> Option<Vec<(String, Template)>> {
    let pair = |value: Field| {
        let name = value.key();
        if name.is_empty() || name.contains(['=', '\0']) {
            return value.wrong_key(format!("`{name}` cannot be the name of an environment variable"), "");
        }
        if matches!(value.node, Node::Null) {
            return value.wrong(format!("`{name}` has no value"), "write \"\" for an empty one");
        }
        Some((name.to_owned(), Template::new(value.text("a text")?)))
    };
    if matches!(field.node, Node::Null) {
        return Some(Vec::new());
    }
    let pairs: Vec<_> = field.entries("write NAME: value, one a line")?.into_iter().map(pair).collect();
    pairs.into_iter().collect()
}

/// Where the dashboard listens. There is no name service in here, so hosts are addresses.
pub(super) fn http(field: &Field) -> Option<Option<SocketAddr>> {
    let text = field.text("ADDRESS:PORT, or off")?;
    match parse_http(&text) {
        Some(address) => Some(address),
        None => field.wrong(
            format!("`http: {text}` is not an address"),
            "it takes ADDRESS:PORT such as 127.0.0.1:8080, or off",
        ),
    }
}

/// `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`; `off` is `Some(None)`.
pub(crate) fn parse_http(text: &str) -> Option<Option<SocketAddr>> {
    if text == "off" || text == "false" {
        return Some(None);
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        return Some(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))));
    }
    text.parse().ok().map(Some)
}

pub(super) fn hosts(field: &Field) -> Option<Vec<String>> {
    let Node::List(items) = field.node else {
        return field.wrong("`allowed_hosts` must be a list", "write [name, ...]");
    };
    let host = |item: Field| {
        let name = item.text("a host name")?;
        let is_name = !name.is_empty() && !name.contains([':', '/', '*', ' ']);
        if is_name {
            Some(name)
        } else {
            item.wrong(format!("`{name}` is not a host name"), "write the name only, without scheme and port")
        }
    };
    let hosts: Vec<_> = field.items(items).map(host).collect();
    hosts.into_iter().collect()
}

/// Bytes; KB, MB and GB are powers of 1024, as in supervisord.
pub(super) fn size(field: &Field) -> Option<u64> {
    let wanted = "bytes (1048576) or a size (512KB, 50MB, 1GB); 0 = never";
    let (text, _) = field.scalar(wanted)?;
    let upper = text.to_ascii_uppercase();
    let split = upper.find(|c: char| !c.is_ascii_digit()).unwrap_or(upper.len());
    let (digits, unit) = upper.split_at(split);
    let factor: Option<u64> = match unit.trim() {
        "" | "B" => Some(1),
        "K" | "KB" => Some(1 << 10),
        "M" | "MB" => Some(1 << 20),
        "G" | "GB" => Some(1 << 30),
        _ => None,
    };
    match (digits.parse::<u64>().ok(), factor) {
        (Some(number), Some(factor)) if number.checked_mul(factor).is_some() => Some(number * factor),
        _ => field.wrong(format!("`{}: {text}` is not a size", field.key()), format!("it takes {wanted}")),
    }
}

pub(super) fn log_format(field: &Field) -> Option<LogFormat> {
    let (text, _) = field.scalar("raw, timestamp or json")?;
    match text.to_ascii_lowercase().as_str() {
        "raw" => Some(LogFormat::Raw),
        "timestamp" => Some(LogFormat::Timestamp),
        "json" => Some(LogFormat::Json),
        _ => field.wrong(format!("`log_format: {text}` is not a format"), "it takes raw, timestamp or json"),
    }
}

pub(super) fn http_logs(field: &Field) -> Option<HttpLogs> {
    let (text, _) = field.scalar("same_user, all or none")?;
    match text.to_ascii_lowercase().as_str() {
        "same_user" => Some(HttpLogs::SameUser),
        "all" => Some(HttpLogs::All),
        "none" => Some(HttpLogs::None),
        _ => field.wrong(format!("`http_logs: {text}` is nobody"), "it takes same_user, all or none"),
    }
}

pub(super) fn log_full(field: &Field) -> Option<LogFull> {
    let (text, _) = field.scalar("drop or block")?;
    match text.to_ascii_lowercase().as_str() {
        "drop" => Some(LogFull::Drop),
        "block" => Some(LogFull::Block),
        _ => field.wrong(format!("`log_full: {text}` is not a choice"), "it takes drop or block"),
    }
}

pub(super) fn log_level(field: &Field) -> Option<log::LevelFilter> {
    let wanted = "off, error, warn, info, debug or trace";
    let (text, form) = field.scalar(wanted)?;
    // YAML 1.1 tools taught people that off is false.
    let text = if form == Form::Bool && text == "false" { "off" } else { text };
    match log::LevelFilter::from_str(text) {
        Ok(level) => Some(level),
        Err(_) => field.wrong(format!("`loglevel: {text}` is not a level"), format!("it takes {wanted}")),
    }
}
