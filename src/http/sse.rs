//! Server-sent events (the HTML standard, section 9.2), as bytes.

/// The first words of a stream: a reader that has lost it is to come back after a second, where browsers
/// would wait for three to five. Belongs to no event, and ends none.
pub const RETRY: &[u8] = b"retry: 1000\n";

/// One event. Line ends in `data` become several data lines, as the format wants it.
pub fn event(name: &str, id: Option<&str>, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len() + 64);
    if let Some(id) = id {
        bytes.extend_from_slice(b"id: ");
        bytes.extend_from_slice(id.as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    for line in data.split(|byte| *byte == b'\n') {
        bytes.extend_from_slice(b"data: ");
        // A carriage return would end the line for the reader.
        bytes.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_data_cannot_forge_an_event() {
        let bytes = event("line", Some("7"), b"a\n\nevent: x\rdata: y");
        assert_eq!(bytes, b"id: 7\nevent: line\ndata: a\ndata: \ndata: event: x data: y\n\n");
        assert_eq!(event("change", None, b"{}"), b"event: change\ndata: {}\n\n");
    }
}
