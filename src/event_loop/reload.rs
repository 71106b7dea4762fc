//! `plan`, `reload` and SIGHUP: the file is read again, and what has changed is applied while
//! everything runs. What is wrong with it changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::EventLoop;
use crate::command::RequestId;
use crate::config::{self, ChangedKey, Config, Output, Plan, Rotation, SupervisorSpec};
use crate::io::configuration::{self, Invalid};
use crate::io::preflight;
use crate::io::slack::Slack;
use crate::supervisor::Event;

/// What the command line says instead of the file; it counts at every reload, too.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overrides {
    /// The dashboard's address, or off.
    pub(crate) http: Option<Option<std::net::SocketAddr>>,
    /// Least severe level that is logged.
    pub(crate) loglevel: Option<log::LevelFilter>,
}

impl Overrides {
    /// Puts them into the section that was read.
    pub(crate) fn apply(self, spec: &mut SupervisorSpec) {
        if let Some(http) = self.http {
            spec.http = http;
        }
        if let Some(level) = self.loglevel {
            spec.loglevel = level;
        }
    }
}

impl EventLoop {
    /// What a reload would do now, like a diff; or what is wrong with the file.
    pub(super) fn plan(&mut self) -> Vec<String> {
        match self.make_plan() {
            Ok(plan) => plan.lines(),
            Err(invalid) => complaint(&invalid),
        }
    }

    /// Applies what the file says by now; `request` is answered when everybody has settled.
    pub(super) fn reload(&mut self, request: RequestId) {
        if self.supervisor.is_supervising() {
            self.service_manager.reloading();
        }
        self.slack = Slack::new();
        match self.make_plan() {
            Ok(plan) => {
                for line in plan.lines() {
                    log::info!("reload: {line}");
                }
                for warning in preflight::inspect(&plan.config, &self.config_name) {
                    log::warn!("{warning}");
                }
                if self.supervisor.is_supervising() {
                    self.adopt(&plan);
                }
                self.handle(Event::Reload { request, plan: Box::new(plan) });
                self.plan_schedules();
            }
            Err(invalid) => {
                let lines = complaint(&invalid);
                for line in &lines {
                    log::error!("reload: {line}");
                }
                for line in lines {
                    self.reply(request, line);
                }
                self.done(request, false);
            }
        }
        if self.supervisor.is_supervising() {
            self.service_manager.ready();
        }
    }

    /// SIGHUP: nobody waits for the answer, but whoever looks is to see what was wrong.
    pub(super) fn reload_unasked(&mut self) {
        log::info!("SIGHUP: reading the configuration again");
        let request = self.faces.next_request();
        self.reload(request);
    }

    fn make_plan(&self) -> Result<Plan, Invalid> {
        let mut new = configuration::load(&self.config_name)?;
        self.overrides.apply(&mut new.supervisor);
        let old = Config { programs: self.supervisor.specs(), supervisor: self.spec.clone() };
        Ok(config::diff(&old, new))
    }

    /// What is not the core's: the `taskmaster:` section and the limits of log files.
    fn adopt(&mut self, plan: &Plan) {
        let has = |name: &str| plan.section.iter().any(|ChangedKey { name: changed, .. }| *changed == name);
        let old = std::mem::replace(&mut self.spec, plan.config.supervisor.clone());
        if old.http != self.spec.http {
            self.move_http();
        }
        if old.socket != self.spec.socket
            && let Err(error) = self.bind_control()
        {
            log::error!("{error}");
            self.spec.socket = old.socket;
        }
        if has("loglevel") || has("logfile") || has("logfile_maxbytes") || has("logfile_backups") {
            let SupervisorSpec { logfile, logfile_maxbytes, logfile_backups, loglevel, .. } = &self.spec;
            let rotation = Rotation { max_bytes: *logfile_maxbytes, backups: *logfile_backups };
            if let Err(error) = self.journal.adopt(logfile, rotation, *loglevel) {
                log::error!("the log stays where it is: {error}");
                self.spec.logfile = old.logfile;
            }
        }
        if has("on_event") {
            self.hooks.adopt(&self.spec.on_event);
        }
        for (path, rotation) in rotations(plan) {
            self.pipes.set_rotation(&path, rotation);
        }
    }

    /// The dashboard goes to another address, or is turned off.
    fn move_http(&mut self) {
        self.http.move_to(self.poll.registry(), self.spec.http);
        if self.spec.http.is_none() {
            log::info!("the dashboard is off");
        }
        self.bind_http();
    }
}

/// The limits of log files that change without a restart.
fn rotations(plan: &Plan) -> BTreeMap<PathBuf, Rotation> {
    let mut rotations = BTreeMap::new();
    for change in &plan.adjust {
        let (old, new) = (&change.old, &change.new);
        let streams = [
            (&new.stdout, old.stdout_rotation, new.stdout_rotation),
            (&new.stderr, old.stderr_rotation, new.stderr_rotation),
        ];
        for (output, before, after) in streams {
            let Output::File(path) = output else { continue };
            if before != after {
                let paths = (0..old.numprocs).map(|number| path.expand(&new.name, number));
                rotations.extend(paths.map(|path| (PathBuf::from(path), after)));
            }
        }
    }
    rotations
}

/// What is wrong, line by line, the first of which says what that means.
fn complaint(invalid: &Invalid) -> Vec<String> {
    let text = invalid.explain("; nothing was changed", false);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    if let Some(last) = lines.pop() {
        lines.insert(0, format!("ERROR {}", last.trim_start_matches("error: ")));
    }
    lines
}
