//! The environment of a child: ours as it was at the start, and what is its own.

use std::ffi::{CStr, CString, OsString, c_char};
use std::os::unix::ffi::OsStringExt;
use std::ptr;

use crate::io::service_manager::VARIABLES;

/// What every child inherits.
pub(super) struct Environment {
    inherited: Vec<CString>,
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

    /// Hands to `spawn` what is inherited, unless that `is_cleared`, and `own`: names and values, of which
    /// the last of a name counts. It ends with a null pointer, as execve(2) wants it.
    pub(super) fn with<T>(
        &self,
        own: &[(&str, String)],
        is_cleared: bool,
        spawn: impl FnOnce(&[*const c_char]) -> T,
    ) -> T {
        let own_variables = variables(own);
        let inherited = self.inherited.iter().filter(|variable| !is_cleared && !is_replaced(variable, own));
        let block: Vec<*const c_char> =
            inherited.chain(&own_variables).map(|variable| variable.as_ptr()).chain([ptr::null()]).collect();
        spawn(&block)
    }
}

/// `NAME=value`, the last of each name. A value with a NUL in it, which the configuration refuses, is
/// left out.
fn variables(own: &[(&str, String)]) -> Vec<CString> {
    let is_last = |at: &usize| own[at + 1..].iter().all(|(later, _)| *later != own[*at].0);
    let variable = |at: usize| CString::new(format!("{}={}", own[at].0, own[at].1)).ok();
    (0..own.len()).filter(is_last).filter_map(variable).collect()
}

/// Whether `own` has the name of an inherited variable.
fn is_replaced(variable: &CStr, own: &[(&str, String)]) -> bool {
    let rests = own.iter().filter_map(|(name, _)| variable.to_bytes().strip_prefix(name.as_bytes()));
    rests.into_iter().any(|rest| rest.first() == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> [(&'static str, String); 3] {
        [("A", "own".to_owned()), ("D", String::new()), ("D", "last".to_owned())]
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        assert_eq!(variables(&own()), [c"A=own", c"D=last"].map(CString::from));
        assert!(variables(&[("N", "a\0b".to_owned())]).is_empty());
    }

    #[test]
    fn only_the_same_name_replaces_an_inherited_variable() {
        assert!(is_replaced(c"A=1", &own()));
        for kept in [c"AB=2", c"C=A=x", c"=A=", c"a=1"] {
            assert!(!is_replaced(kept, &own()), "{kept:?}");
        }
    }
}
