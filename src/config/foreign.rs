//! Keys that people bring along: from supervisord and others, from later versions of ours, and from
//! fast fingers.

/// Keys of programs that the documentation names and this version does not have yet.
pub(super) const PROGRAM_LATER: &[&str] = &["initgroups", "uid", "gid"];

/// The same for the `taskmaster:` section.
pub(super) const SUPERVISOR_LATER: &[&str] = &[];

/// What others call it, and what to write here.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("supervisord's", "command", "`cmd`"),
    ("supervisord's", "directory", "`workingdir`"),
    ("supervisord's", "startsecs", "`starttime`"),
    ("supervisord's", "stopwaitsecs", "`stoptime`"),
    ("supervisord's", "stdout_logfile", "`stdout`"),
    ("supervisord's", "stderr_logfile", "`stderr`"),
    ("supervisord's", "redirect_stderr", "`stderr: stdout`"),
    ("supervisord's", "environment", "`env`"),
    ("supervisord's", "stdout_logfile_maxbytes", "`stdout_maxbytes`"),
    ("supervisord's", "stdout_logfile_backups", "`stdout_backups`"),
    ("supervisord's", "stderr_logfile_maxbytes", "`stderr_maxbytes`"),
    ("supervisord's", "stderr_logfile_backups", "`stderr_backups`"),
    ("supervisord's", "process_name", "fixed as NAME:N"),
    ("supervisord's", "numprocs_start", "always 0"),
    ("circus's", "copy_env", "always true"),
    ("other tools'", "args", "part of `cmd`"),
    ("other tools'", "exec", "`cmd`"),
    ("other tools'", "script", "`cmd`"),
    ("other tools'", "cwd", "`workingdir`"),
    ("other tools'", "working_dir", "`workingdir`"),
    ("other tools'", "working_directory", "`workingdir`"),
    ("other tools'", "instances", "`numprocs`"),
    ("other tools'", "restart", "`autorestart`"),
    ("other tools'", "kill_timeout", "`stoptime`"),
    ("other tools'", "stop_grace_period", "`stoptime`"),
    ("other tools'", "replicas", "`numprocs`"),
    ("other tools'", "processes", "`numprocs`"),
    ("systemd's", "ExecStart", "`cmd`"),
    ("systemd's", "RestartSec", "`restart_delay`"),
    ("systemd's", "KillSignal", "`stopsignal`"),
    ("systemd's", "TimeoutStopSec", "`stoptime`"),
];

/// ``supervisord's `command` is `cmd` here``, if the key is known from elsewhere.
pub(super) fn translate(key: &str) -> Option<String> {
    FOREIGN.iter().find(|(_, theirs, _)| *theirs == key).map(answer)
}

/// The same for a key that is much like one of theirs.
pub(super) fn translate_nearly(key: &str) -> Option<String> {
    find(key).map(answer)
}

fn answer((whose, theirs, ours): &(&str, &str, &str)) -> String {
    format!("{whose} `{theirs}` is {ours} here")
}

/// Whether what is meant is the command that starts the program.
pub(super) fn stands_for_cmd(key: &str) -> bool {
    find(key).is_some_and(|(_, _, ours)| *ours == "`cmd`")
}

fn find(key: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let theirs = nearest(key, FOREIGN.iter().map(|(_, theirs, _)| *theirs))?;
    FOREIGN.iter().find(|(_, name, _)| *name == theirs)
}

/// The name that is close to what was written, if there is one.
pub(super) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&written, &name.to_lowercase());
    let (distance, name) = names.map(|name| (distance(name), name)).min()?;
    let is_close = distance <= 1 + name.len() / 4 && distance * 2 < name.len();
    is_close.then_some(name)
}
