//! The keys: one row each, which feeds the parser, 'did you mean' and the tables of the README.

use super::field::Field;
use super::identity;
use super::spec::{ProgramSpec, SupervisorSpec};
use super::{dependencies, governance, hooks, probes, schedule, storm, values};

/// One key of a section whose values are kept in a `T`.
pub struct Key<T> {
    /// Its name.
    pub name: &'static str,
    /// What it is when it is not written.
    pub default: &'static str,
    /// What it means.
    pub summary: &'static str,
    /// What a reload does when it has changed.
    pub applies: Applies,
    /// Whether its value is another one.
    pub(super) differs: fn(&T, &T) -> bool,
    pub(super) set: fn(&Field, &mut T) -> Option<()>,
}

impl<T> Key<T> {
    /// A key of a map within another key's value, which is compared as a whole.
    pub(super) const fn nested(
        name: &'static str,
        summary: &'static str,
        set: fn(&Field, &mut T) -> Option<()>,
    ) -> Key<T> {
        Key { name, default: "", summary, applies: Applies::InPlace, differs: |_, _| false, set }
    }
}

/// What becomes of a changed value at a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applies {
    /// In place, from its next use on: running processes have nothing to do with it.
    InPlace,
    /// In place, but what runs already keeps what it was started with.
    NextStart,
    /// To a new process only, so the program is restarted.
    Restart,
}

/// Keys of a program.
pub const PROGRAM_KEYS: &[Key<ProgramSpec>] = &[
    Key {
        name: "cmd",
        default: "required",
        summary: "the command, split like a POSIX shell would (no shell runs), or a list",
        applies: Applies::Restart,
        differs: |old, new| old.cmd != new.cmd,
        set: |field, spec| values::command(field).map(|value| spec.cmd = value),
    },
    Key {
        name: "numprocs",
        default: "1",
        summary: "how many instances: NAME:0 to NAME:N-1; 0 is allowed",
        applies: Applies::InPlace,
        differs: |old, new| old.numprocs != new.numprocs,
        set: |field, spec| values::numprocs(field).map(|value| spec.numprocs = value),
    },
    Key {
        name: "workingdir",
        default: "the directory of the file",
        summary: "the working directory",
        applies: Applies::Restart,
        differs: |old, new| old.workingdir != new.workingdir,
        set: |field, spec| values::directory(field).map(|value| spec.workingdir = value),
    },
    Key {
        name: "umask",
        default: "inherited",
        summary: "octal: 022, 0o22 and \"022\" are the same",
        applies: Applies::Restart,
        differs: |old, new| old.umask != new.umask,
        set: |field, spec| values::umask(field).map(|value| spec.umask = Some(value)),
    },
    Key {
        name: "autostart",
        default: "true",
        summary: "start with the supervisor",
        applies: Applies::NextStart,
        differs: |old, new| old.autostart != new.autostart,
        set: |field, spec| values::boolean(field).map(|value| spec.autostart = value),
    },
    Key {
        name: "autorestart",
        default: "unexpected",
        summary: "after an exit while RUNNING: always, unexpected or never (true, false)",
        applies: Applies::InPlace,
        differs: |old, new| old.autorestart != new.autorestart,
        set: |field, spec| values::autorestart(field).map(|value| spec.autorestart = value),
    },
    Key {
        name: "exitcodes",
        default: "[0]",
        summary: "the exit codes that are expected; death by a signal never is",
        applies: Applies::InPlace,
        differs: |old, new| old.exitcodes != new.exitcodes,
        set: |field, spec| values::exit_codes(field).map(|value| spec.exitcodes = value),
    },
    Key {
        name: "startretries",
        default: "3",
        summary: "retries of a failed start before FATAL",
        applies: Applies::InPlace,
        differs: |old, new| old.startretries != new.startretries,
        set: |field, spec| {
            values::whole_number(field, "the number of retries").map(|value| spec.startretries = value)
        },
    },
    Key {
        name: "starttime",
        default: "1",
        summary: "how long it must live to be RUNNING; 0 = at once",
        applies: Applies::Restart,
        differs: |old, new| old.starttime != new.starttime,
        set: |field, spec| values::time(field).map(|value| spec.starttime = value),
    },
    Key {
        name: "stopsignal",
        default: "TERM",
        summary: "what asks it to stop: TERM, SIGTERM, 15",
        applies: Applies::InPlace,
        differs: |old, new| old.stopsignal != new.stopsignal,
        set: |field, spec| values::stop_signal(field).map(|value| spec.stopsignal = value),
    },
    Key {
        name: "stoptime",
        default: "10",
        summary: "how long it has until SIGKILL",
        applies: Applies::InPlace,
        differs: |old, new| old.stoptime != new.stoptime,
        set: |field, spec| values::time(field).map(|value| spec.stoptime = value),
    },
    Key {
        name: "stdout",
        default: "logs/{program_name}.stdout",
        summary: "a file, none, or inherit",
        applies: Applies::Restart,
        differs: |old, new| old.stdout != new.stdout,
        set: |field, spec| values::stdout(field).map(|value| spec.stdout = value),
    },
    Key {
        name: "stderr",
        default: "logs/{program_name}.stderr",
        summary: "a file, none, inherit, or stdout to merge it there in order",
        applies: Applies::Restart,
        differs: |old, new| old.stderr != new.stderr,
        set: |field, spec| values::stderr(field).map(|value| spec.stderr = value),
    },
    Key {
        name: "stdout_maxbytes",
        default: "50MB",
        summary: "the size at which stdout's file is rotated; 0 = never",
        applies: Applies::InPlace,
        differs: |old, new| old.stdout_rotation.max_bytes != new.stdout_rotation.max_bytes,
        set: |field, spec| values::size(field).map(|value| spec.stdout_rotation.max_bytes = value),
    },
    Key {
        name: "stdout_backups",
        default: "10",
        summary: "rotated files that are kept; 0 = the file is emptied instead",
        applies: Applies::InPlace,
        differs: |old, new| old.stdout_rotation.backups != new.stdout_rotation.backups,
        set: |field, spec| backups(field).map(|value| spec.stdout_rotation.backups = value),
    },
    Key {
        name: "stderr_maxbytes",
        default: "50MB",
        summary: "the same for stderr's file",
        applies: Applies::InPlace,
        differs: |old, new| old.stderr_rotation.max_bytes != new.stderr_rotation.max_bytes,
        set: |field, spec| values::size(field).map(|value| spec.stderr_rotation.max_bytes = value),
    },
    Key {
        name: "stderr_backups",
        default: "10",
        summary: "the same for stderr's file",
        applies: Applies::InPlace,
        differs: |old, new| old.stderr_rotation.backups != new.stderr_rotation.backups,
        set: |field, spec| backups(field).map(|value| spec.stderr_rotation.backups = value),
    },
    Key {
        name: "log_format",
        default: "raw",
        summary: "raw (the bytes as they are), timestamp, or json (one object a line)",
        applies: Applies::Restart,
        differs: |old, new| old.log_format != new.log_format,
        set: |field, spec| values::log_format(field).map(|value| spec.log_format = value),
    },
    Key {
        name: "log_full",
        default: "drop",
        summary: "when the disk refuses: drop (and count), or block (the program waits)",
        applies: Applies::Restart,
        differs: |old, new| old.log_full != new.log_full,
        set: |field, spec| values::log_full(field).map(|value| spec.log_full = value),
    },
    Key {
        name: "env",
        default: "{}",
        summary: "added to the inherited environment; values are taken as they are written",
        applies: Applies::Restart,
        differs: |old, new| old.env != new.env,
        set: |field, spec| values::env(field).map(|value| spec.env = value),
    },
    Key {
        name: "stopasgroup",
        default: "true",
        summary: "stopsignal goes to the whole process group",
        applies: Applies::InPlace,
        differs: |old, new| old.stopasgroup != new.stopasgroup,
        set: |field, spec| values::boolean(field).map(|value| spec.stopasgroup = value),
    },
    Key {
        name: "killasgroup",
        default: "true",
        summary: "SIGKILL goes to the whole group, and STOPPED waits for all of it",
        applies: Applies::InPlace,
        differs: |old, new| old.killasgroup != new.killasgroup,
        set: |field, spec| values::boolean(field).map(|value| spec.killasgroup = value),
    },
    Key {
        name: "kill_strays",
        default: "stop",
        summary: "end what left its group (daemons, setsid): stop, always (after exits, too) or never",
        applies: Applies::InPlace,
        differs: |old, new| old.kill_strays != new.kill_strays,
        set: |field, spec| values::kill_strays(field).map(|value| spec.kill_strays = value),
    },
    Key {
        name: "user",
        default: "none",
        summary: "the user that it runs as, by name or number (root only)",
        applies: Applies::Restart,
        differs: |old, new| old.identity.user != new.identity.user,
        set: |field, spec| identity::user(field).map(|value| spec.identity.user = Some(value)),
    },
    Key {
        name: "group",
        default: "none",
        summary: "its group, instead of that of its user (root only)",
        applies: Applies::Restart,
        differs: |old, new| old.identity.group != new.identity.group,
        set: |field, spec| identity::group(field).map(|value| spec.identity.group = Some(value)),
    },
    Key {
        name: "env_file",
        default: "[]",
        summary: "files of NAME=VALUE lines, read when the configuration is; env counts more",
        applies: Applies::Restart,
        differs: |old, new| old.identity.env_file != new.identity.env_file,
        set: |field, spec| identity::env_file(field).map(|value| spec.identity.env_file = value),
    },
    Key {
        name: "clear_env",
        default: "false",
        summary: "do not inherit our environment",
        applies: Applies::Restart,
        differs: |old, new| old.identity.clear_env != new.identity.clear_env,
        set: |field, spec| values::boolean(field).map(|value| spec.identity.clear_env = value),
    },
    Key {
        name: "rlimits",
        default: "{}",
        summary: "limits of setrlimit(2): {nofile: 4096, core: unlimited}",
        applies: Applies::Restart,
        differs: |old, new| old.identity.rlimits != new.identity.rlimits,
        set: |field, spec| identity::rlimits(field).map(|value| spec.identity.rlimits = value),
    },
    Key {
        name: "nice",
        default: "none",
        summary: "its priority for the CPU, -20 to 19",
        applies: Applies::Restart,
        differs: |old, new| old.identity.nice != new.identity.nice,
        set: |field, spec| identity::bounded(field, -20, 19).map(|value| spec.identity.nice = Some(value)),
    },
    Key {
        name: "oom_score_adj",
        default: "none",
        summary: "how soon it is ended when memory runs out, -1000 to 1000",
        applies: Applies::Restart,
        differs: |old, new| old.identity.oom_score_adj != new.identity.oom_score_adj,
        set: |field, spec| {
            identity::bounded(field, -1000, 1000).map(|value| spec.identity.oom_score_adj = Some(value))
        },
    },
    Key {
        name: "on_crash",
        default: "keep",
        summary: "when the supervisor itself is killed: keep, or kill it, too",
        applies: Applies::NextStart,
        differs: |old, new| old.identity.on_crash != new.identity.on_crash,
        set: |field, spec| identity::on_crash(field).map(|value| spec.identity.on_crash = value),
    },
    Key {
        name: "priority",
        default: "999",
        summary: "lower starts first and stops last",
        applies: Applies::InPlace,
        differs: |old, new| old.priority != new.priority,
        set: |field, spec| values::priority(field).map(|value| spec.priority = value),
    },
    Key {
        name: "depends_on",
        default: "[]",
        summary: "programs that must be running, healthy or exited_ok before it starts",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.depends_on != new.governance.depends_on,
        set: |field, spec| dependencies::depends_on(field).map(|value| spec.governance.depends_on = value),
    },
    Key {
        name: "readiness",
        default: "none",
        summary: "a check of whether it can do its work: {exec, tcp, http or log, interval, timeout, retries, start_delay}",
        applies: Applies::NextStart,
        differs: |old, new| old.governance.readiness != new.governance.readiness,
        set: |field, spec| probes::probe(field).map(|value| spec.governance.readiness = Some(value)),
    },
    Key {
        name: "liveness",
        default: "none",
        summary: "the same; failures beyond its retries restart the instance, as its policy says; with log, a line must match in each interval",
        applies: Applies::NextStart,
        differs: |old, new| old.governance.liveness != new.governance.liveness,
        set: |field, spec| probes::probe(field).map(|value| spec.governance.liveness = Some(value)),
    },
    Key {
        name: "start_interval",
        default: "0",
        summary: "the time between the starts of two instances",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.start_interval != new.governance.start_interval,
        set: |field, spec| values::time(field).map(|value| spec.governance.start_interval = value),
    },
    Key {
        name: "restart_delay",
        default: "none",
        summary: "the wait before each restart and retry: a time, or {initial, max, factor, jitter}",
        applies: Applies::InPlace,
        differs: |old, new| old.restart_delay != new.restart_delay,
        set: |field, spec| governance::restart_delay(field).map(|value| spec.restart_delay = Some(value)),
    },
    Key {
        name: "max_restarts",
        default: "0",
        summary: "restarts allowed within window, one more is FATAL; 0 = any number",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.max_restarts != new.governance.max_restarts,
        set: |field, spec| governance::max_restarts(field).map(|value| spec.governance.max_restarts = value),
    },
    Key {
        name: "window",
        default: "60",
        summary: "the time within which max_restarts counts",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.window != new.governance.window,
        set: |field, spec| governance::window(field).map(|value| spec.governance.window = value),
    },
    Key {
        name: "type",
        default: "service",
        summary: "service, or oneshot for what is meant to end: an expected exit is its success",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.kind != new.governance.kind,
        set: |field, spec| governance::kind(field).map(|value| spec.governance.kind = value),
    },
    Key {
        name: "schedule",
        default: "none",
        summary: "a cron expression, or {cron, overlap}: when it starts; it is a oneshot then",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.schedule != new.governance.schedule,
        set: |field, spec| schedule::schedule(field).map(|value| spec.governance.schedule = Some(value)),
    },
    Key {
        name: "max_age",
        default: "0",
        summary: "how long it may be RUNNING before it is recycled; 0 = for ever",
        applies: Applies::NextStart,
        differs: |old, new| old.governance.recycle.max_age != new.governance.recycle.max_age,
        set: |field, spec| values::time(field).map(|value| spec.governance.recycle.max_age = value),
    },
    Key {
        name: "max_age_jitter",
        default: "0",
        summary: "up to so much longer, at random",
        applies: Applies::NextStart,
        differs: |old, new| old.governance.recycle.max_age_jitter != new.governance.recycle.max_age_jitter,
        set: |field, spec| values::time(field).map(|value| spec.governance.recycle.max_age_jitter = value),
    },
    Key {
        name: "max_memory",
        default: "0",
        summary: "the resident bytes of its process beyond which it is recycled; 0 = any number",
        applies: Applies::NextStart,
        differs: |old, new| old.governance.recycle.max_memory != new.governance.recycle.max_memory,
        set: |field, spec| values::size(field).map(|value| spec.governance.recycle.max_memory = value),
    },
    Key {
        name: "exit_on_failure",
        default: "false",
        summary: "when it is FATAL, stop everything and leave with exit code 1",
        applies: Applies::InPlace,
        differs: |old, new| old.governance.exit_on_failure != new.governance.exit_on_failure,
        set: |field, spec| values::boolean(field).map(|value| spec.governance.exit_on_failure = value),
    },
];

/// Keys of the `taskmaster:` section.
pub const SUPERVISOR_KEYS: &[Key<SupervisorSpec>] = &[
    Key {
        name: "http",
        default: "127.0.0.1:8080",
        summary: "where the dashboard listens, or off",
        applies: Applies::InPlace,
        differs: |old, new| old.http != new.http,
        set: |field, spec| values::http(field).map(|value| spec.http = value),
    },
    Key {
        name: "socket",
        default: "taskmaster.sock",
        summary: "the control socket, for the client commands",
        applies: Applies::InPlace,
        differs: |old, new| old.socket != new.socket,
        set: |field, spec| values::path(field).map(|value| spec.socket = value),
    },
    Key {
        name: "http_logs",
        default: "same_user",
        summary: "who may read logs over TCP: same_user, all or none",
        applies: Applies::InPlace,
        differs: |old, new| old.http_logs != new.http_logs,
        set: |field, spec| values::http_logs(field).map(|value| spec.http_logs = value),
    },
    Key {
        name: "allowed_hosts",
        default: "[]",
        summary: "host names that the dashboard answers to, beyond localhost and addresses",
        applies: Applies::InPlace,
        differs: |old, new| old.allowed_hosts != new.allowed_hosts,
        set: |field, spec| values::hosts(field).map(|value| spec.allowed_hosts = value),
    },
    Key {
        name: "logfile",
        default: "logs/taskmaster.log",
        summary: "the supervisor's own log",
        applies: Applies::InPlace,
        differs: |old, new| old.logfile != new.logfile,
        set: |field, spec| values::path(field).map(|value| spec.logfile = value),
    },
    Key {
        name: "logfile_maxbytes",
        default: "10MB",
        summary: "the size at which it is rotated; 0 = never",
        applies: Applies::InPlace,
        differs: |old, new| old.logfile_maxbytes != new.logfile_maxbytes,
        set: |field, spec| values::size(field).map(|value| spec.logfile_maxbytes = value),
    },
    Key {
        name: "logfile_backups",
        default: "5",
        summary: "rotated files that are kept",
        applies: Applies::InPlace,
        differs: |old, new| old.logfile_backups != new.logfile_backups,
        set: |field, spec| backups(field).map(|value| spec.logfile_backups = value),
    },
    Key {
        name: "loglevel",
        default: "info",
        summary: "off, error, warn, info, debug or trace",
        applies: Applies::InPlace,
        differs: |old, new| old.loglevel != new.loglevel,
        set: |field, spec| values::log_level(field).map(|value| spec.loglevel = value),
    },
    Key {
        name: "restart_storm",
        default: "{rate: 50, burst: 200}",
        summary: "the pace of restarts when very many instances end together, or off",
        applies: Applies::InPlace,
        differs: |old, new| old.restart_storm != new.restart_storm,
        set: |field, spec| storm::restart_storm(field).map(|value| spec.restart_storm = value),
    },
    Key {
        name: "on_event",
        default: "[]",
        summary: "hooks: {events: [fatal, exited, recovered], exec: [...] or post: URL}",
        applies: Applies::InPlace,
        differs: |old, new| old.on_event != new.on_event,
        set: |field, spec| hooks::on_event(field).map(|value| spec.on_event = value),
    },
];

fn backups(field: &Field) -> Option<u32> {
    values::whole_number(field, "the number of files")
}
