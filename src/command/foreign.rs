//! Commands that people bring along, from supervisorctl, pm2, systemctl, docker compose and the shell.

/// What others call it, and what it is here.
const FOREIGN: &[(&str, &str)] = &[
    ("avail", "status"),
    ("daemon-reload", "reload"),
    ("describe", "why"),
    ("down", "stop"),
    ("fg", "tail -f"),
    ("info", "why"),
    ("kill", "signal"),
    ("list", "status"),
    ("log", "tail"),
    ("logs", "tail"),
    ("ls", "status"),
    ("monit", "status -w"),
    ("ps", "status"),
    ("reread", "plan"),
    ("show", "why"),
    ("top", "status -w"),
    ("up", "start"),
    ("update", "reload"),
];

/// Our words for a command of somebody else's.
pub(crate) fn translate(name: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table;

    #[test]
    fn they_are_none_of_ours_and_lead_to_ours() {
        for (theirs, ours) in FOREIGN {
            assert!(table::find(theirs).is_none(), "{theirs}");
            let name = ours.split(' ').next().unwrap();
            assert!(table::find(name).is_some(), "{ours}");
        }
    }
}
