//! The environment of a child: ours as it was at the start, and what is its own.

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;

use super::run_id;
use super::spawn::Whose;
use super::texts::{Texts, text};
use crate::config::{ProgramSpec, Template};
use crate::io::service_manager::VARIABLES;

/// Where a child finds its program, its number, and both together.
const NAMES: [&str; 3] = ["TASKMASTER_PROGRAM_NAME", "TASKMASTER_PROCESS_NUM", "TASKMASTER_PROCESS_NAME"];

/// What every child inherits.
pub(super) struct Environment {
    inherited: Vec<CString>,
}

/// The value of a variable that is not inherited.
#[derive(Clone, Copy)]
enum Value<'a> {
    Plain(&'a str),
    Template(&'a Template),
}

impl Environment {
    /// Our own, as it is now.
    pub(super) fn inherit() -> Environment {
        let variable = |(name, value): (OsString, OsString)| {
            CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok()
        };
        let inherited = std::env::vars_os().filter(|(name, _)| !VARIABLES.iter().any(|ours| name == ours));
        Environment { inherited: inherited.filter_map(variable).collect() }
    }

    /// That of the instances of a program: what is inherited, unless that is cleared, and its own, of which
    /// the last of a name counts. The last text is the one that names the run, and has no value yet. What is
    /// of no instance finds the names of one empty: they might be inherited otherwise.
    ///
    /// # Errors
    /// A NUL in a value, which the configuration refuses.
    pub(super) fn of(&self, program: &ProgramSpec, whose: Whose) -> Result<Texts, String> {
        let number = Template::new("{process_num}");
        let process = Template::new("{program_name}:{process_num}");
        let mut own = own_of(program);
        own.extend(whose.told.iter().map(|(name, value)| (name.as_str(), Value::Plain(value))));
        let names = [Value::Plain(&program.name), Value::Template(&number), Value::Template(&process)];
        let names = if whose.instance.is_some() { names } else { [Value::Plain(""); 3] };
        own.extend(NAMES.into_iter().zip(names));
        own.push((run_id::VARIABLE, Value::Plain("")));
        let inherited = if program.identity.clear_env { &[] } else { &self.inherited[..] };
        block(inherited, &own, &program.name)
    }
}

/// `NAME=value`: those that are inherited and not replaced, then the last of each name of `own`.
fn block(inherited: &[CString], own: &[(&str, Value)], program: &str) -> Result<Texts, String> {
    let mut texts = Texts::new();
    for variable in inherited.iter().filter(|variable| !is_replaced(variable, own)) {
        texts.add(variable.clone());
    }
    for (at, (name, value)) in own.iter().enumerate() {
        let is_last = own[at + 1..].iter().all(|(later, _)| later != name);
        match value {
            Value::Plain(value) if is_last => texts.add(text(format!("{name}={value}"))?),
            Value::Template(value) if is_last => texts.add_template(&format!("{name}="), value, program)?,
            Value::Plain(_) | Value::Template(_) => {}
        }
    }
    Ok(texts)
}

/// What a program has by who it is, by its files, and by its `env`, in this order.
fn own_of(program: &ProgramSpec) -> Vec<(&str, Value<'_>)> {
    let identity = &program.identity;
    let user = identity.user.iter().flat_map(|user| {
        [("HOME", &user.home), ("USER", &user.name), ("LOGNAME", &user.name), ("SHELL", &user.shell)]
    });
    let files = identity.env_file.iter().map(|(name, value)| (name.as_str(), value));
    let plain = user.chain(files).map(|(name, value)| (name, Value::Plain(value)));
    let env = program.env.iter().map(|(name, value)| (name.as_str(), Value::Template(value)));
    plain.chain(env).collect()
}

/// The PATH that a program gives its instance, if it gives one.
pub(super) fn own_path(program: &ProgramSpec, number: u32) -> Option<String> {
    let (_, path) = own_of(program).into_iter().rfind(|(name, _)| *name == "PATH")?;
    Some(match path {
        Value::Plain(path) => path.to_owned(),
        Value::Template(path) => path.expand(&program.name, number),
    })
}

/// Whether `own` has the name of an inherited variable.
fn is_replaced(variable: &CStr, own: &[(&str, Value)]) -> bool {
    let rests = own.iter().filter_map(|(name, _)| variable.to_bytes().strip_prefix(name.as_bytes()));
    rests.into_iter().any(|rest| rest.first() == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [(&str, Value<'static>); 4] = [
        ("A", Value::Plain("{process_num}")),
        ("D", Value::Plain("")),
        ("D", Value::Plain("last")),
        ("R", Value::Plain("")),
    ];

    #[test]
    fn the_last_value_of_a_name_counts() {
        let inherited = [c"A=1".to_owned(), c"B=2".to_owned()];
        let mut texts = block(&inherited, &OWN, "web").unwrap();
        texts.turn_to("web", 3).unwrap();
        assert_eq!(texts.all(), [c"B=2", c"A={process_num}", c"D=last", c"R="].map(CString::from));
        assert!(block(&[], &[("N", Value::Plain("a\0b"))], "web").is_err());
    }

    #[test]
    fn only_the_same_name_replaces_an_inherited_variable() {
        assert!(is_replaced(c"A=1", &OWN));
        for kept in [c"AB=2", c"C=A=x", c"=A=", c"a=1"] {
            assert!(!is_replaced(kept, &OWN), "{kept:?}");
        }
    }
}
