//! The start of a program, prepared: what its instances have in common is looked up and written once for a
//! batch of starts.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use nix::libc;

use super::environment::{Environment, own_path};
use super::failure::explain;
use super::spawn::Whose;
use super::texts::{Texts, text};
use super::transition::Transition;
use crate::config::ProgramSpec;
use crate::io::program_path::find_program;

/// For one instance after the other; see [`turn_to`](Prepared::turn_to).
pub(super) struct Prepared {
    program: Arc<ProgramSpec>,
    pub(super) arguments: Texts,
    pub(super) environment: Texts,
    /// The only one of them.
    workingdir: Texts,
    pub(super) transition: Option<Transition>,
    /// What is executed, once it was found.
    file: Option<CString>,
    /// Whether it is the same file for all of them.
    has_one_file: bool,
}

impl Prepared {
    /// For the instances of `program`, or what else is started as it.
    ///
    /// # Errors
    /// What the system would not take, in words for the user.
    pub(super) fn new(
        program: &Arc<ProgramSpec>,
        environment: &Environment,
        whose: Whose,
    ) -> Result<Prepared, String> {
        let mut arguments = Texts::new();
        for word in &program.cmd {
            arguments.add_template("", word, &program.name)?;
        }
        let mut workingdir = Texts::new();
        workingdir.add_template("", &program.workingdir, &program.name)?;
        let has_one_file = arguments.is_first_shared()
            && workingdir.is_first_shared()
            && own_path(program, 0) == own_path(program, 1);
        Ok(Prepared {
            has_one_file,
            arguments,
            environment: environment.of(program, whose)?,
            workingdir,
            transition: Transition::of(&program.identity),
            file: None,
            program: Arc::clone(program),
        })
    }

    /// Whether it is for the instances of `program`: of this very specification, not of one that is like it.
    pub(super) fn is_of(&self, program: &Arc<ProgramSpec>) -> bool {
        Arc::ptr_eq(&self.program, program)
    }

    /// Makes everything that of instance `number`, and of the run that `run_id` names.
    ///
    /// # Errors
    /// If there is no such program, in words for the user.
    pub(super) fn turn_to(&mut self, number: u32, run_id: &str) -> Result<(), String> {
        let name = &self.program.name;
        self.arguments.turn_to(name, number)?;
        self.workingdir.turn_to(name, number)?;
        self.environment.turn_to(name, number)?;
        self.environment.set_last(text(format!("{}={run_id}", super::run_id::VARIABLE))?);
        if !self.has_one_file || self.file.is_none() {
            self.file = Some(self.find(number)?);
        }
        Ok(())
    }

    fn find(&self, number: u32) -> Result<CString, String> {
        let path = own_path(&self.program, number).map(OsString::from).or_else(|| std::env::var_os("PATH"));
        match find_program(self.word(), path.as_deref(), self.directory()) {
            Some(file) => text(file.into_os_string().into_vec()),
            None => {
                Err(explain(&io::Error::from_raw_os_error(libc::ENOENT), self.word(), None, self.directory()))
            }
        }
    }

    /// Why it was not executed, in words for the user.
    pub(super) fn explain(&self, error: &io::Error) -> String {
        let file = Path::new(OsStr::from_bytes(self.file().to_bytes()));
        explain(error, self.word(), Some(file), self.directory())
    }

    /// What is executed; empty before the first [`turn_to`](Prepared::turn_to).
    pub(super) fn file(&self) -> &CStr {
        self.file.as_deref().unwrap_or_default()
    }

    pub(super) fn workingdir(&self) -> &CStr {
        self.workingdir.first()
    }

    fn directory(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.workingdir().to_bytes()))
    }

    /// The program as it was written, which is UTF-8 as the configuration is.
    fn word(&self) -> &str {
        self.arguments.first().to_str().unwrap_or_default()
    }
}
