//! What a line looks like in its log: as it is, with the time before it, as a JSON object, or with
//! the name of its process where several share a stream.

use std::time::SystemTime;

use crate::config::LogFormat;

/// How the lines of one stream are written.
#[derive(Debug)]
pub enum Style {
    /// The bytes as they are.
    Raw,
    /// RFC 3339 UTC with milliseconds, two spaces, the line.
    Timestamp,
    /// An object a line; holds what is the same in each.
    Json(Box<str>),
    /// `worker:0 | ` before each line.
    Prefix(Box<str>),
}

impl Style {
    /// The style of a log file.
    pub fn of_file(format: LogFormat, process: &str, stream: &str) -> Style {
        match format {
            LogFormat::Raw => Style::Raw,
            LogFormat::Timestamp => Style::Timestamp,
            // Names of programs are made of characters that need no escapes.
            LogFormat::Json => {
                Style::Json(format!("\"process\":\"{process}\",\"stream\":\"{stream}\"").into())
            }
        }
    }

    /// The style of a stream that is shared with others for people to read.
    pub fn of_shared_stream(process: &str) -> Style {
        Style::Prefix(format!("{process} | ").into())
    }

    /// Whether lines are written as they come.
    pub fn is_raw(&self) -> bool {
        matches!(self, Style::Raw)
    }

    /// Appends whole lines to `out`, dressed. `now` is the wall clock's time.
    pub fn dress(&self, lines: &[u8], now: SystemTime, out: &mut Vec<u8>) {
        let stamp = match self {
            Style::Raw | Style::Prefix(_) => String::new(),
            Style::Timestamp | Style::Json(_) => humantime::format_rfc3339_millis(now).to_string(),
        };
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            match self {
                Style::Raw => out.extend_from_slice(line),
                Style::Prefix(prefix) => {
                    out.extend_from_slice(prefix.as_bytes());
                    out.extend_from_slice(line);
                }
                Style::Timestamp => {
                    out.extend_from_slice(stamp.as_bytes());
                    out.extend_from_slice(b"  ");
                    out.extend_from_slice(line);
                }
                Style::Json(source) => {
                    out.extend_from_slice(b"{\"time\":\"");
                    out.extend_from_slice(stamp.as_bytes());
                    out.extend_from_slice(b"\",");
                    out.extend_from_slice(source.as_bytes());
                    push_message(line, out);
                    out.push(b'}');
                }
            }
            out.push(b'\n');
        }
    }
}

/// `,"message":"..."`. A line that is not UTF-8 has U+FFFD where it is not, and beside it all of its
/// bytes in hexadecimal, so that nothing is lost.
fn push_message(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"message\":\"");
    let mut is_text = true;
    for chunk in line.utf8_chunks() {
        push_escaped(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            is_text = false;
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
    if !is_text {
        out.extend_from_slice(b",\"message_hex\":\"");
        for byte in line {
            push_hex(*byte, out);
        }
        out.push(b'"');
    }
}

fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match *byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control @ (0..0x20 | 0x7f) => {
                out.extend_from_slice(b"\\u00");
                push_hex(control, out);
            }
            plain => out.push(plain),
        }
    }
}

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn dressed(style: &Style, lines: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        style.dress(lines, UNIX_EPOCH + Duration::from_millis(1_500), &mut out);
        out
    }

    #[test]
    fn every_format_has_one_line_for_a_line() {
        let file = |format| Style::of_file(format, "w:0", "stdout");
        assert_eq!(dressed(&file(LogFormat::Raw), b"a\n\nb\n"), b"a\n\nb\n");
        let stamped = dressed(&file(LogFormat::Timestamp), b"a\n\n");
        assert_eq!(stamped, b"1970-01-01T00:00:01.500Z  a\n1970-01-01T00:00:01.500Z  \n");
        assert_eq!(dressed(&Style::of_shared_stream("w:0"), b"a\nb\n"), b"w:0 | a\nw:0 | b\n");
    }

    #[test]
    fn every_byte_survives_json() {
        let style = Style::of_file(LogFormat::Json, "w:0", "stderr");
        let line: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
        for line in [b"plain \"text\" \\ \x1b[31m \xc3\xa4".to_vec(), line] {
            let text = dressed(&style, &[&line[..], b"\n"].concat());
            let object: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(object["time"], "1970-01-01T00:00:01.500Z");
            assert_eq!((&object["process"], &object["stream"]), (&"w:0".into(), &"stderr".into()));
            let message = object["message"].as_str().unwrap().as_bytes().to_vec();
            let hex = |text: &str| {
                let digits: Vec<u8> =
                    text.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>()
            };
            let kept = object["message_hex"].as_str().map_or(message, hex);
            assert_eq!(kept, line);
        }
    }
}
