//! `${NAME}` and `${NAME:-default}`: the supervisor's environment in a configuration.
//!
//! Only the braced form, because values are full of dollars that belong to somebody else: `$$`, `$1`,
//! `$NAME` and `$(...)` are left alone, and `$${` is a literal `${`. The crates that do this kind of
//! thing expand `$NAME` too, or take a backslash for an escape.

/// Looks up a variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `text` with its variables replaced.
///
/// # Errors
/// What is wrong, and what to do about it.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some((inner, after)) = from[2..].split_once('}') else {
            let help = "write $${ if a literal ${ is meant; in a command, blanks inside the braces need quotes around";
            return Err(("`${` without its `}`".to_owned(), help.to_owned()));
        };
        out.push_str(&value(inner, lookup)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(inner: &str, lookup: Lookup<'_>) -> Result<String, (String, String)> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !is_name {
        let help = format!("write $${{{inner}}} if it is meant for a shell");
        return Err((format!("`${{{inner}}}` does not name a variable"), help));
    }
    // As in a shell, `:-` also stands in for a variable that is set to nothing.
    let found = lookup(name).filter(|value| !(value.is_empty() && default.is_some()));
    found.or(default.map(str::to_owned)).ok_or_else(|| {
        let help = format!(
            "set {name}, give it a default (${{{name}:-...}}), or write $${{{name}}} if it is meant for a shell"
        );
        (format!("the environment variable {name} is not set"), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "HOME" => Some("/root".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(text, &lookup).map_err(|(message, _)| message)
    }

    #[test]
    fn only_the_braced_form_is_replaced() {
        let same = |text: &str| assert_eq!(expanded(text), Ok(text.to_owned()));
        for text in ["", "$", "$$", "$1", "$HOME", "$(date)", "a$", "{x}", "$$HOME"] {
            same(text);
        }
        assert_eq!(expanded("${HOME}/x${HOME}"), Ok("/root/x/root".to_owned()));
        assert_eq!(expanded("${NO:-a b}${NO:-}${EMPTY:-c}${EMPTY}"), Ok("a bc".to_owned()));
        assert_eq!(expanded("$${HOME} $$${HOME}"), Ok("${HOME} $${HOME}".to_owned()));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(expanded("${NO}"), Err("the environment variable NO is not set".to_owned()));
        assert_eq!(expanded("${HOME"), Err("`${` without its `}`".to_owned()));
        assert_eq!(expanded("${a b}"), Err("`${a b}` does not name a variable".to_owned()));
        assert_eq!(expanded("${}"), Err("`${}` does not name a variable".to_owned()));
    }
}
