//! The bodies of `POST /api/commands`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Refusal;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    command: String,
}

#[derive(Deserialize, Serialize)]
struct Answer<'a> {
    ok: bool,
    lines: Cow<'a, [String]>,
}

/// The command line in a body.
///
/// # Errors
/// 400 for everything but `{"command": "..."}`.
pub fn command(body: &[u8]) -> Result<String, Refusal> {
    let asked: Result<Asked, _> = serde_json::from_slice(body);
    let refusal = Refusal { status: 400, reason: r#"the body is not {"command": "..."}"# };
    asked.map(|asked| asked.command).map_err(|_| refusal)
}

/// The body that asks for a command.
pub fn question(line: &str) -> Vec<u8> {
    serde_json::to_vec(&Asked { command: line.to_owned() }).expect("strings always serialise")
}

/// Whether a command did what it was to do, and its lines, as [`answer`] wrote them.
pub fn parse_answer(body: &[u8]) -> Option<(bool, Vec<String>)> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some((answer.ok, answer.lines.into_owned()))
}

/// The answer to a command that is finished.
pub fn answer(ok: bool, lines: &[String]) -> Vec<u8> {
    serde_json::to_vec(&Answer { ok, lines: lines.into() }).expect("strings always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_is_understood() {
        assert_eq!(command(br#"{"command": "restart worker:1"}"#), Ok("restart worker:1".to_owned()));
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "\"status\"",
            r#"{"command": 1}"#,
            r#"{"command": "a", "x": 1}"#,
            r#"{"command": "a", "command": "b"}"#,
            r#"{"command": "a"} x"#,
        ] {
            assert_eq!(command(body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        assert_eq!(answer(true, &["w:0: started".to_owned()]), br#"{"ok":true,"lines":["w:0: started"]}"#);
        assert_eq!(command(&question("stop \"w\"")), Ok("stop \"w\"".to_owned()));
        assert_eq!(parse_answer(&answer(false, &["x".to_owned()])), Some((false, vec!["x".to_owned()])));
    }
}
