//! What is wrong with the world, rather than with the text of a configuration: told by `check`, and
//! logged by `run`, which goes on all the same. One program that cannot start harms no other.

mod limits;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Uid, access};

use super::program_path::find_program;
use crate::config::{Config, HookAction, Output, ProgramSpec, Rotation};

/// Whoever has no name in a user namespace (/proc/sys/kernel/overflowuid).
const OVERFLOW_UID: u32 = 65534;

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
    for hook in &config.supervisor.on_event {
        // Otherwise that would be found out when it is needed.
        if let HookAction::Exec(program) = &hook.action {
            warnings.extend(inspect_program(program));
        }
    }
    warnings.extend(log_trouble("taskmaster", &config.supervisor.logfile));
    warnings.extend(log_directories_of_others(config));
    warnings.extend(rotation_trouble(config));
    warnings.extend(limits::trouble(config));
    // Names in them come from the file, and terminals obey what `"\e"` makes there.
    warnings.into_iter().map(|warning| warning.replace(char::is_control, "\u{fffd}")).collect()
}

fn inspect_program(program: &ProgramSpec) -> Vec<String> {
    let name = &program.name;
    let expand = |template: &crate::config::Template| template.expand(name, 0);
    let mut warnings = Vec::new();
    let workingdir = PathBuf::from(expand(&program.workingdir));
    let trouble = workingdir_trouble(&workingdir).or_else(|| program_trouble(program, &workingdir));
    let trouble = trouble.into_iter().chain(shell_trouble(program));
    warnings.extend(trouble.map(|trouble| format!("{name}: {trouble}")));
    for output in [&program.stdout, &program.stderr] {
        if let Output::File(path) = output {
            warnings.extend(log_trouble(name, Path::new(&expand(path))));
        }
    }
    warnings
}

fn workingdir_trouble(workingdir: &Path) -> Option<String> {
    let shown = workingdir.display();
    match fs::metadata(workingdir) {
        Err(_) => Some(format!("the working directory {shown} does not exist")),
        Ok(found) if !found.is_dir() => Some(format!("the working directory {shown} is not a directory")),
        Ok(_) if access(workingdir, AccessFlags::X_OK).is_err() => {
            Some(format!("the working directory {shown} cannot be entered"))
        }
        Ok(_) => None,
    }
}

fn program_trouble(program: &ProgramSpec, workingdir: &Path) -> Option<String> {
    let word = program.cmd[0].expand(&program.name, 0);
    let own_path = program.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = own_path.map(|(_, path)| OsString::from(path.expand(&program.name, 0)));
    let whose = if path.is_some() { "the PATH of its env" } else { "PATH" };
    let path = path.or_else(|| std::env::var_os("PATH"));
    let Some(file) = find_program(&word, path.as_deref(), workingdir) else {
        return Some(format!("cannot find the program {word} in {whose}"));
    };
    let plain: PathBuf = file.components().collect();
    let shown = plain.display();
    match fs::metadata(&file) {
        Err(_) => Some(format!("there is no program {shown}")),
        Ok(found) if found.is_dir() => Some(format!("{shown} is a directory, not a program")),
        Ok(_) if access(&file, AccessFlags::X_OK).is_err() => Some(format!("{shown} is not executable")),
        Ok(_) => None,
    }
}

/// A program is handed these as arguments, while whoever wrote them most likely thought of a shell.
fn shell_trouble(program: &ProgramSpec) -> Option<String> {
    const OPERATORS: [&str; 8] = ["|", "||", "&", "&&", ">", ">>", "<", "2>&1"];
    let mut words = program.cmd.iter().skip(1).map(ToString::to_string);
    let operator = words.find(|word| OPERATORS.contains(&word.as_str()))?;
    Some(format!(
        "no shell runs, so `{operator}` is an argument like any other; for a shell: [sh, -c, '...']"
    ))
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

/// A file has one rotation, whoever writes to it: the last one that opens it sets the rules for all.
fn rotation_trouble(config: &Config) -> Vec<String> {
    let mut first: HashMap<LogIdentity, (String, Rotation)> = HashMap::new();
    let mut warnings = Vec::new();
    for program in config.programs.iter().filter(|program| program.numprocs > 0) {
        let outputs = [
            ("stdout", &program.stdout, program.stdout_rotation),
            ("stderr", &program.stderr, program.stderr_rotation),
        ];
        for (stream, output, rotation) in outputs {
            let Output::File(path) = output else { continue };
            let path = PathBuf::from(path.expand(&program.name, 0));
            let name = format!("{stream} of {}", program.name);
            let (other, others) =
                first.entry(LogIdentity::of(&path)).or_insert_with(|| (name.clone(), rotation));
            if *others != rotation {
                warnings.push(format!(
                    "{}: {stream} and the {other} lead to the same file {}, but their *_maxbytes or *_backups \
                     differ; the last one that opens it sets them for both",
                    program.name,
                    path.display()
                ));
            }
        }
    }
    warnings
}

/// What two names of one log file have in common.
#[derive(PartialEq, Eq, Hash)]
enum LogIdentity {
    /// It is there: device and inode.
    File(u64, u64),
    /// It will be: a name in a directory that may have several names itself.
    Name(PathBuf),
}

impl LogIdentity {
    fn of(path: &Path) -> LogIdentity {
        if let Ok(found) = fs::metadata(path) {
            return LogIdentity::File(found.dev(), found.ino());
        }
        let directory = path.parent().and_then(|parent| fs::canonicalize(parent).ok());
        LogIdentity::Name(match (directory, path.file_name()) {
            (Some(directory), Some(name)) => directory.join(name),
            _ => path.components().collect(),
        })
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

/// Directories in which others could put links in the way of logs that are written as root: those of the
/// logs, and those above. Each once, whoever logs there.
fn log_directories_of_others(config: &Config) -> Vec<String> {
    if !Uid::effective().is_root() {
        return Vec::new();
    }
    let outputs = config.programs.iter().flat_map(|it| [(it, &it.stdout), (it, &it.stderr)]);
    let paths = outputs.filter_map(|(program, output)| match output {
        Output::File(path) => Some(PathBuf::from(path.expand(&program.name, 0))),
        Output::Inherit | Output::Discard | Output::Stdout => None,
    });
    let mut seen = HashSet::new();
    let mut warnings = Vec::new();
    for path in paths.chain([config.supervisor.logfile.clone()]) {
        // What does not exist is made, and made for us alone.
        let directory = path.ancestors().skip(1).find(|it| it.is_dir());
        let Some(directory) = directory.and_then(|it| fs::canonicalize(it).ok()) else { continue };
        let Some((loose, who)) = directory.ancestors().find_map(|it| Some((it, who_else(it, &directory)?)))
        else {
            continue;
        };
        if seen.insert(loose.to_path_buf()) {
            let what = if loose == directory { "the log directory" } else { "above a log directory," };
            let shown = loose.display();
            warnings.push(format!("{what} {shown} can be changed by {who}, and logs are written as root"));
        }
    }
    warnings
}

/// Who but root could put links into a directory, or in the place of one that is in it, on the way to
/// `target`.
fn who_else(directory: &Path, target: &Path) -> Option<&'static str> {
    const STICKY: u32 = 0o1000;
    let found = fs::metadata(directory).ok()?;
    let (mut uid, mut mode) = (found.uid(), found.mode());
    if directory != target {
        // There one can add to what is there, but not replace what is somebody else's.
        mode = if mode & STICKY == 0 { mode } else { 0 };
        // In a container that is who owns what is of the machine around it.
        uid = if uid == OVERFLOW_UID { 0 } else { uid };
    }
    match (uid, mode) {
        (_, mode) if mode & 0o002 != 0 => Some("everybody"),
        (_, mode) if mode & 0o020 != 0 => Some("its group"),
        (uid, _) if uid != 0 => Some("its owner, who is not root"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Source};

    /// The configuration of these lines below `programs:`, in `directory`.
    fn config(directory: &Path, programs: &str) -> Config {
        let text = format!("programs:\n{programs}taskmaster: {{logfile: log}}\n");
        let source = Source { name: "config.yaml".to_owned(), text, directory: directory.to_owned() };
        config::parse(&source, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn what_can_be_started_is_not_complained_about() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("bin")).unwrap();
        for number in 0..2 {
            let program = directory.path().join(format!("bin/run-{number}"));
            fs::write(&program, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let programs = "
  run: {cmd: 'bin/{program_name}-{process_num}', numprocs: 2}
  in-path: {cmd: sh, stderr: /dev/null}
  in-own-path: {cmd: run-0, env: {PATH: 'bin'}, stdout: 'new/{process_num}/log'}
  in-workingdir: {cmd: ./run-1, workingdir: bin}
  in-shell: {cmd: [sh, -c, 'a | b && c > d']}
";
        let config = config(directory.path(), programs);
        assert_eq!(inspect(&config, Path::new("config.yaml")), [""; 0]);
        assert!(!directory.path().join("new").exists(), "to look creates nothing");
    }

    #[test]
    fn two_outputs_into_one_file_should_agree_about_its_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let told = |programs: &str| rotation_trouble(&config(directory.path(), programs));
        let agreeing = "  a: {cmd: sh, stdout: l, stderr: ./l, numprocs: 2}\n  b: {cmd: sh, stdout: m, stdout_maxbytes: 1KB}\n";
        assert_eq!(told(agreeing), [""; 0]);
        let own = "  a: {cmd: sh, stdout: l, stdout_maxbytes: 1KB, stderr: l}\n";
        assert_eq!(
            told(own),
            [format!(
                "a: stderr and the stdout of a lead to the same file {}, but their *_maxbytes or *_backups differ; the \
                 last one that opens it sets them for both",
                directory.path().join("l").display()
            )]
        );
        fs::write(directory.path().join("x"), "").unwrap();
        fs::hard_link(directory.path().join("x"), directory.path().join("y")).unwrap();
        let linked = "  a: {cmd: sh, stdout: x}\n  b: {cmd: sh, stdout: y, stdout_backups: 3}\n  c: {cmd: sh, stdout: y}\n";
        assert_eq!(told(linked).len(), 1);
        let absent = "  a: {cmd: sh, numprocs: 0, stdout: x}\n  b: {cmd: sh, stdout: y, stdout_backups: 3}\n";
        assert_eq!(told(absent), [""; 0]);
    }
}
