//! Texts as execve(2) takes them. Most are the same for all instances of a program and are written once;
//! the others are written anew for each.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use crate::config::Template;

/// The arguments, or the environment, of the instances of one program.
pub(super) struct Texts {
    texts: Vec<CString>,
    /// Where `texts` are; a null pointer ends it.
    pointers: Vec<*const c_char>,
    own: Vec<Own>,
}

/// A text that names the instance.
struct Own {
    at: usize,
    prefix: String,
    template: Template,
}

impl Texts {
    pub(super) fn new() -> Texts {
        Texts { texts: Vec::new(), pointers: vec![ptr::null()], own: Vec::new() }
    }

    /// Adds a text that is the same for all.
    pub(super) fn add(&mut self, text: CString) {
        let end = self.pointers.len() - 1;
        self.pointers.insert(end, text.as_ptr());
        self.texts.push(text);
    }

    /// Adds `prefix` and what the template says for the instances of `program`.
    ///
    /// # Errors
    /// A NUL in it, which the configuration refuses.
    pub(super) fn add_template(
        &mut self,
        prefix: &str,
        template: &Template,
        program: &str,
    ) -> Result<(), String> {
        let expanded = |number| text(format!("{prefix}{}", template.expand(program, number)));
        let first = expanded(0)?;
        if first != expanded(1)? {
            let (prefix, template) = (prefix.to_owned(), template.clone());
            self.own.push(Own { at: self.texts.len(), prefix, template });
        }
        self.add(first);
        Ok(())
    }

    /// Makes them those of instance `number`.
    ///
    /// # Errors
    /// As above.
    pub(super) fn turn_to(&mut self, program: &str, number: u32) -> Result<(), String> {
        for Own { at, prefix, template } in &self.own {
            let own = text(format!("{prefix}{}", template.expand(program, number)))?;
            self.pointers[*at] = own.as_ptr();
            self.texts[*at] = own;
        }
        Ok(())
    }

    /// Replaces the last one.
    pub(super) fn set_last(&mut self, text: CString) {
        if let Some(last) = self.texts.len().checked_sub(1) {
            self.pointers[last] = text.as_ptr();
            self.texts[last] = text;
        }
    }

    /// Whether the first one is the same for all instances.
    pub(super) fn is_first_shared(&self) -> bool {
        self.own.iter().all(|own| own.at > 0)
    }

    pub(super) fn first(&self) -> &CStr {
        self.texts.first().map_or(c"", |text| text)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[CString] {
        &self.texts
    }

    /// It ends with a null pointer, and holds for as long as the texts stay as they are.
    pub(super) fn pointers(&self) -> &[*const c_char] {
        &self.pointers
    }
}

/// As the system takes it.
///
/// # Errors
/// A NUL in it. The configuration refuses one, the environment cannot have one.
pub(super) fn text(bytes: impl Into<Vec<u8>>) -> Result<CString, String> {
    CString::new(bytes).map_err(|error| format!("cannot be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What execve(2) would read.
    fn read(texts: &Texts) -> Vec<String> {
        let (end, whole) = texts.pointers().split_last().unwrap();
        assert!(end.is_null());
        // SAFETY: the texts live, and end with a NUL.
        whole.iter().map(|at| unsafe { CStr::from_ptr(*at) }.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_names_the_instance_is_written_for_each() {
        let mut texts = Texts::new();
        assert_eq!(read(&texts), [""; 0]);
        texts.add_template("", &Template::new("/bin/{program_name}"), "web").unwrap();
        texts.add_template("PORT=", &Template::new("80{process_num:02}"), "web").unwrap();
        texts.add(c"RUN=".to_owned());
        assert!(texts.is_first_shared());
        for number in [1, 0, 11] {
            texts.turn_to("web", number).unwrap();
            texts.set_last(text(format!("RUN={number}")).unwrap());
            let expected = ["/bin/web".to_owned(), format!("PORT=80{number:02}"), format!("RUN={number}")];
            assert_eq!(read(&texts), expected);
        }
        assert_eq!(texts.first(), c"/bin/web");
    }

    #[test]
    fn the_first_may_name_the_instance() {
        let mut texts = Texts::new();
        texts.add_template("", &Template::new("./{process_num}"), "web").unwrap();
        texts.turn_to("web", 7).unwrap();
        assert_eq!((texts.is_first_shared(), texts.first()), (false, c"./7"));
    }

    #[test]
    fn a_nul_is_an_error() {
        let added = Texts::new().add_template("A=", &Template::new("a\0b"), "web");
        assert!(added.unwrap_err().starts_with("cannot be started: "));
    }
}
