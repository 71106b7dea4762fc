//! What is wrong with the world, rather than with the text of a configuration: told by `check`, and
//! logged by `run`, which goes on all the same. One program that cannot start harms no other.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, Uid, access};

use super::program_path::find_program;
use crate::config::{Config, Output, ProgramSpec};

/// Descriptors beyond pipes and child logs: standard streams, poll, signals, our log, the dashboard
/// and its connections, and room for spawning.
const RESERVED_DESCRIPTORS: u64 = 160;

/// Everything worth a warning, one line each.
pub(crate) fn inspect(config: &Config, file: &Path) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    warnings.extend(writable_by_others(file));
    for program in &config.programs {
        // One instance stands for all: they differ in a number.
        if program.numprocs > 0 {
            warnings.extend(inspect_program(program));
        }
    }
    warnings.extend(log_trouble("taskmaster", &config.supervisor.logfile));
    warnings.extend(descriptor_trouble(config));
    // Names in them come from the file, and terminals obey what `"\e"` makes there.
    warnings.into_iter().map(|warning| warning.replace(char::is_control, "\u{fffd}")).collect()
}

fn inspect_program(program: &ProgramSpec) -> Vec<String> {
    let name = &program.name;
    let expand = |template: &crate::config::Template| template.expand(name, 0);
    let mut warnings = Vec::new();
    let workingdir = PathBuf::from(expand(&program.workingdir));
    if !workingdir.is_dir() {
        let trouble = if workingdir.exists() { "is not a directory" } else { "does not exist" };
        warnings.push(format!("{name}: the working directory {} {trouble}", workingdir.display()));
    } else if let Some(trouble) = program_trouble(program, &workingdir) {
        warnings.push(format!("{name}: {trouble}"));
    }
    for output in [&program.stdout, &program.stderr] {
        if let Output::File(path) = output {
            warnings.extend(log_trouble(name, Path::new(&expand(path))));
        }
    }
    warnings
}

fn program_trouble(program: &ProgramSpec, workingdir: &Path) -> Option<String> {
    let word = program.cmd[0].expand(&program.name, 0);
    let own_path = program.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = own_path.map(|(_, path)| OsString::from(path.expand(&program.name, 0)));
    let path = path.or_else(|| std::env::var_os("PATH"));
    let Some(file) = find_program(&word, path.as_deref(), workingdir) else {
        return Some(format!("cannot find the program {word} in PATH"));
    };
    match fs::metadata(&file) {
        Err(_) => Some(format!("there is no program {word}")),
        Ok(found) if found.is_dir() => Some(format!("{word} is a directory, not a program")),
        Ok(_) if access(&file, AccessFlags::X_OK).is_err() => Some(format!("{word} is not executable")),
        Ok(_) => None,
    }
}

/// A log can be written if it, or the nearest directory above it that exists, can be.
fn log_trouble(name: &str, path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("{name}: its log file {} is a directory", path.display()));
    }
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let is_obstacle = existing != path && !existing.is_dir();
    let flags = if existing.is_dir() { AccessFlags::W_OK | AccessFlags::X_OK } else { AccessFlags::W_OK };
    let refused = access(existing, flags).err().map(|errno| errno.desc());
    match (is_obstacle, refused) {
        (true, _) => Some(format!("{name}: {} is not a directory for its log", existing.display())),
        (false, Some(reason)) => {
            Some(format!("{name}: its log {} cannot be written: {reason}", path.display()))
        }
        (false, None) => None,
    }
}

/// Whoever can write the configuration can run anything as us.
fn writable_by_others(file: &Path) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    let is_risky = Uid::effective().is_root() && mode & 0o022 != 0;
    is_risky.then(|| {
        let who = if mode & 0o002 != 0 { "everybody" } else { "its group" };
        format!("{} can be changed by {who}, and its programs run as root", file.display())
    })
}

fn descriptor_trouble(config: &Config) -> Option<String> {
    let mut pipes = 0;
    let mut files = HashSet::new();
    for program in &config.programs {
        for template in [&program.stdout, &program.stderr].into_iter().filter_map(|output| match output {
            Output::File(template) => Some(template),
            Output::Discard | Output::Inherit | Output::Stdout => None,
        }) {
            pipes += u64::from(program.numprocs);
            files.extend((0..program.numprocs).map(|number| template.expand(&program.name, number)));
        }
    }
    let needed = pipes + files.len() as u64 + RESERVED_DESCRIPTORS;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (needed > hard).then(|| {
        format!(
            "{needed} file descriptors are needed ({pipes} pipes, {} log files, {RESERVED_DESCRIPTORS} others) but the \
             hard limit is {hard}; `stderr: stdout` or `none` saves one for each instance",
            files.len()
        )
    })
}
