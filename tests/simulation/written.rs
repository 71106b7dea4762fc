//! A drawn configuration as a line of YAML that means the same.

use std::time::Duration;

use taskmaster::config::{
    Autorestart, Condition, Config, Governance, KillStrays, Kind, ProbeSpec, ProgramSpec, RestartDelay,
};

use crate::programs::plain_config;

/// All that the simulation varies, as far as it is not as by default.
pub fn config(config: &Config) -> String {
    let plain = plain_config();
    let by_default = keys(&plain.programs[0]);
    let programs: Vec<String> = config.programs.iter().map(|spec| program(spec, &by_default)).collect();
    let storm = config.supervisor.restart_storm;
    let storm = storm.map_or("off".to_owned(), |it| format!("{{rate: {}, burst: {}}}", it.rate, it.burst));
    format!("{{programs: {{{}}}, taskmaster: {{restart_storm: {storm}}}}}", programs.join(", "))
}

fn program(spec: &ProgramSpec, by_default: &[String]) -> String {
    let mut keys = keys(spec);
    // A program needs its cmd; and one with a schedule does not start with the others unless it says so.
    let has_times = spec.governance.schedule.is_some();
    keys.retain(|key| {
        let is_needed = key.starts_with("cmd: ") || (has_times && key.starts_with("autostart: "));
        is_needed || !by_default.contains(key)
    });
    format!("{}: {{{}}}", spec.name, keys.join(", "))
}

fn keys(spec: &ProgramSpec) -> Vec<String> {
    let cmd: Vec<String> = spec.cmd.iter().map(|word| word.expand("", 0)).collect();
    let codes: Vec<String> = spec.exitcodes.iter().map(ToString::to_string).collect();
    let autorestart = match spec.autorestart {
        Autorestart::Always => "always",
        Autorestart::Unexpected => "unexpected",
        Autorestart::Never => "never",
    };
    let kill_strays = match spec.kill_strays {
        KillStrays::Stop => "stop",
        KillStrays::Always => "always",
        KillStrays::Never => "never",
    };
    let mut keys = vec![
        format!("cmd: [{}]", cmd.join(", ")),
        format!("numprocs: {}", spec.numprocs),
        format!("autostart: {}", spec.autostart),
        format!("autorestart: {autorestart}"),
        format!("exitcodes: [{}]", codes.join(", ")),
        format!("startretries: {}", spec.startretries),
        format!("starttime: {}", seconds(spec.starttime)),
        format!("stopsignal: {}", spec.stopsignal),
        format!("stoptime: {}", seconds(spec.stoptime)),
        format!("stopasgroup: {}", spec.stopasgroup),
        format!("killasgroup: {}", spec.killasgroup),
        format!("kill_strays: {kill_strays}"),
        format!("priority: {}", spec.priority),
    ];
    keys.extend(spec.restart_delay.map(|delay| format!("restart_delay: {}", restart_delay(delay))));
    keys.extend(governance(&spec.governance));
    keys
}

fn restart_delay(delay: RestartDelay) -> String {
    let RestartDelay { initial, max, factor, jitter } = delay;
    let (initial, max) = (seconds(initial), seconds(max));
    format!("{{initial: {initial}, max: {max}, factor: {factor}, jitter: {jitter}}}")
}

fn governance(it: &Governance) -> Vec<String> {
    let mut keys = vec![
        format!("max_restarts: {}", it.max_restarts),
        format!("window: {}", seconds(it.window)),
        format!("type: {}", if it.kind == Kind::Oneshot { "oneshot" } else { "service" }),
        format!("exit_on_failure: {}", it.exit_on_failure),
        format!("start_interval: {}", seconds(it.start_interval)),
        format!("max_age: {}", seconds(it.recycle.max_age)),
        format!("max_memory: {}", it.recycle.max_memory),
    ];
    let needs = it.depends_on.iter().map(|need| {
        let condition = match need.condition {
            Condition::Running => "running",
            Condition::Healthy => "healthy",
            Condition::ExitedOk => "exited_ok",
        };
        format!("{}: {{condition: {condition}}}", need.program)
    });
    let needs: Vec<String> = needs.collect();
    keys.extend((!needs.is_empty()).then(|| format!("depends_on: {{{}}}", needs.join(", "))));
    keys.extend(it.readiness.as_ref().map(|probe| format!("readiness: {}", check(probe))));
    keys.extend(it.liveness.as_ref().map(|probe| format!("liveness: {}", check(probe))));
    keys.extend(
        it.schedule.as_ref().map(|schedule| {
            format!("schedule: {{cron: '{}', overlap: {}}}", schedule.text(), schedule.overlap)
        }),
    );
    keys
}

fn check(probe: &ProbeSpec) -> String {
    let [interval, timeout, delay] = [probe.interval, probe.timeout, probe.start_delay].map(seconds);
    let retries = probe.retries;
    format!(
        "{{tcp: 'localhost:1', interval: {interval}, timeout: {timeout}, retries: {retries}, start_delay: {delay}}}"
    )
}

/// To the nanosecond.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
