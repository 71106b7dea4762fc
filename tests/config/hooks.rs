//! `on_event`: who is told of what, and how.

use std::time::Duration;

use taskmaster::config::{HookAction, HookEvent, HookSpec, Output, Template};

use super::{accepted, complaint};

fn section(hooks: &str) -> String {
    format!("programs: {{}}\ntaskmaster:\n  on_event: {hooks}\n")
}

fn hooks(text: &str) -> Vec<HookSpec> {
    accepted(&section(text)).supervisor.on_event
}

#[test]
fn a_hook_is_a_command_or_a_url_with_defaults() {
    assert_eq!(hooks("[]"), []);
    let all = hooks(
        "[{exec: 'scripts/alarm.sh \"the pager\"'}, {events: [recovered, fatal, fatal], post: 'http://localhost:9/x', timeout: 2m, interval: 0}, {events: exited, exec: [run]}, {events: [storm_over, storm], exec: run}]",
    );
    let HookAction::Exec(program) = &all[0].action else { panic!("{all:?}") };
    assert_eq!(program.cmd, ["scripts/alarm.sh", "the pager"].map(Template::new));
    assert_eq!(program.workingdir, Template::new("/srv"));
    assert_eq!((&program.stdout, &program.stderr), (&Output::Inherit, &Output::Stdout));
    assert_eq!(all[0].events, [HookEvent::Fatal, HookEvent::Exited, HookEvent::Recovered]);
    assert_eq!((all[0].timeout, all[0].interval), (Duration::from_secs(10), Duration::from_secs(1)));
    assert_eq!(all[1].action, HookAction::Post("http://localhost:9/x".to_owned()));
    assert_eq!(all[1].events, [HookEvent::Fatal, HookEvent::Recovered]);
    assert_eq!((all[1].timeout, all[1].interval), (Duration::from_secs(120), Duration::ZERO));
    assert_eq!(all[2].events, [HookEvent::Exited]);
    assert_eq!(all[3].events, [HookEvent::Storm, HookEvent::StormOver]);
}

#[test]
fn what_is_no_hook_is_pointed_at() {
    for (text, said) in [
        ("{exec: x}", "error: `on_event` takes a list"),
        ("[x]", "error: an item of `on_event` is a map"),
        ("[{events: [fatal]}]", "error: a hook has nothing to do"),
        ("[{exec: x, post: 'http://localhost/'}]", "error: a hook has `exec` or `post`, not both"),
        ("[{exec: x, events: [fatl]}]", "error: `fatl` is not an event"),
        ("[{exec: x, events: []}]", "error: `events` is empty, so that nothing is ever told"),
        ("[{exec: []}]", "error: `cmd` is empty"),
        ("[{exec: x, timeout: 0}]", "error: `timeout` is nothing"),
        ("[{exec: x, timeout: soon}]", "error: `timeout: soon`"),
        ("[{post: 'https://example.org/'}]", "error: `post: https://example.org/` is nothing to send to"),
        ("[{exce: x}]", "error: unknown key `exce`"),
    ] {
        let told = complaint(&section(text));
        assert!(told.starts_with(said) && told.contains(" --> config.yaml:3:"), "{text}: {told}");
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
    }
}
