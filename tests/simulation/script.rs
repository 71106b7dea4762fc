//! What happens in a sequence, written so that it can be played again, whatever numbers the simulation draws
//! by then: one line for each thing. `scenes/` keeps those that have shown a bug.

use std::collections::BTreeMap;
use std::time::Duration;

use taskmaster::command::{self, Command, Order, Target};
use taskmaster::config::{Config, Source, parse};
use taskmaster::signal::Signal;
use taskmaster::slots::Key;
use taskmaster::supervisor::{Event, ExitStatus, Probe, Run};
use taskmaster::time::Time;

use crate::kernel::{Companion, Nature};
use crate::trace::Trace;
use crate::trouble::Trouble;
use crate::world::{Kept, World};

/// Where a scene breaks a promise, and which.
pub struct Broken {
    pub line: String,
    pub promise: String,
}

/// Plays a scene. Lines that begin with `#` are for people.
pub fn play_scene(text: &str, trace: &mut Trace) -> Result<(), Broken> {
    let broken = |line: &str| {
        let line = line.to_owned();
        move |promise| Broken { line, promise }
    };
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let first = lines.next().and_then(|line| line.strip_prefix("config "));
    let first = first.ok_or("a scene begins with its config".to_owned());
    let config = first.and_then(read_config).map_err(broken("config"))?;
    let mut player = Player { world: World::new(&config, trace), end: None };
    for line in lines {
        player.play(line).map_err(broken(line))?;
    }
    Ok(())
}

struct Player<'t> {
    world: World<'t>,
    /// When a shutdown must be over.
    end: Option<Time>,
}

impl Player<'_> {
    fn play(&mut self, line: &str) -> Kept {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let world = &mut self.world;
        match word {
            "boot" => world.boot(),
            "pass" => {
                let to = world.now + nanoseconds(rest)?;
                world.advance(to);
                Ok(())
            }
            "tick" => world.tick(),
            "schedules" => world.keep_schedules(),
            "wall" => {
                let (ahead, behind) = pair(rest)?;
                world.times.set_wall(nanoseconds(ahead)?, nanoseconds(behind)?);
                Ok(())
            }
            "order" => self.order(rest),
            "roll" => {
                let (batch, target) = pair(rest)?;
                let (batch, keys) = (number(batch)?, self.keys(target));
                if batch == 0 {
                    return Err("nobody has his turn".to_owned());
                }
                self.world.roll(batch, target, &keys)
            }
            "reload" => world.reload(read_config(rest)?),
            "scale" => {
                let (name, count) = pair(rest)?;
                world.scale(name, number(count)?)
            }
            "signal" => world.shutdown_signal(),
            "survey" => world.survey_unasked(),
            "trouble" => {
                world.set_trouble(Trouble::read(rest)?);
                Ok(())
            }
            "post" => world.send_post().map(drop),
            "take" => world.take_spawn().map(drop),
            "settled" if !world.is_left_alone() => Err("it is not left alone".to_owned()),
            "settled" => world.is_settled(),
            "answered" => world.is_answered(),
            "way-out" => {
                self.end = Some(world.way_out.end(world.now, &world.expected));
                Ok(())
            }
            "over" => {
                let end = self.end.ok_or("nobody has asked for the end")?;
                let is_late = world.now > end;
                if world.quit.is_none() && !is_late && !world.is_left_alone() {
                    return Err("it is not over yet".to_owned());
                }
                world.is_over(end)
            }
            _ => self.report(word, rest),
        }
    }

    fn order(&mut self, line: &str) -> Kept {
        let Ok(Some(Command::Order(order))) = command::parse(line) else {
            return Err("it is no order".to_owned());
        };
        let targets: Vec<&str> = line.split(' ').skip(1).collect();
        let keys = match &order {
            Order::Shutdown => Vec::new(),
            _ => self.keys(targets.last().ok_or("it has no target")?),
        };
        self.world.order(order, &keys)
    }

    fn report(&mut self, word: &str, rest: &str) -> Kept {
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if word == "stale" {
            return self.world.report_stale(read_stale(name, rest)?);
        }
        let key = *self.keys(name).first().ok_or("it is not there")?;
        let world = &mut self.world;
        match word {
            "check" => {
                let (probe, outcome) = pair(rest)?;
                let probe = if probe == "readiness" { Probe::Readiness } else { Probe::Liveness };
                world.report_check(key, probe, outcome == "well")
            }
            "memory" => world.report_memory(key, number(rest)?),
            "spawned" | "spawn-failed" => {
                let at = world.handed_out.iter().position(|spawn| spawn.run.instance == key);
                let spawn = world.handed_out.swap_remove(at.ok_or("it was not taken")?);
                if word == "spawn-failed" {
                    return world.report_spawn_failed(spawn.run);
                }
                let pid = world.kernel.spawn(world.now, spawn.run, read_nature(rest)?)?;
                world.report_spawned(spawn.run, pid)
            }
            "exited" | "gone" | "strays" => {
                let mut reports = world.kernel.reports(world.now).into_iter();
                let event = reports.find(|event| kind_of(event) == Some((word, key)));
                world.report_end(event.ok_or("it has not happened")?)
            }
            _ => Err("nobody knows what that is".to_owned()),
        }
    }

    /// The instances that a target means.
    fn keys(&self, target: &str) -> Vec<Key> {
        let expected = &self.world.expected;
        let is_meant = |(_, it): &(&Key, &crate::reference::Expected)| {
            target == "all"
                || it.name == target
                || target.strip_prefix('@') == Some(it.state())
                || target.strip_suffix(":*").unwrap_or(target) == it.spec.name
        };
        expected.iter().filter(is_meant).map(|(key, _)| *key).collect()
    }
}

/// What a report of the kernel is about.
pub fn kind_of(event: &Event) -> Option<(&'static str, Key)> {
    match event {
        Event::Exited { run, .. } => Some(("exited", run.instance)),
        Event::GroupGone { run } => Some(("gone", run.instance)),
        Event::StraysFound { run, .. } => Some(("strays", run.instance)),
        _ => None,
    }
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once(' ').ok_or_else(|| format!("`{text}` is no two words"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// `3s`, `20ms`, `1ns`.
pub fn nanoseconds(text: &str) -> Result<Duration, String> {
    if let Some(text) = text.strip_suffix("ms") {
        return number(text).map(Duration::from_millis);
    }
    match text.strip_suffix("ns") {
        Some(text) => number(text).map(Duration::from_nanos),
        None => number(text.strip_suffix('s').ok_or("no time")?).map(Duration::from_secs),
    }
}

/// A time so that it can be read again.
pub fn time(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        nanos if nanos % 1_000_000 == 0 => format!("{}ms", time.as_millis()),
        _ => format!("{}ns", time.as_nanos()),
    }
}

/// A late report about an earlier process; its run, as numbers.
pub fn stale(event: &Event) -> String {
    let (kind, run) = match event {
        Event::Exited { run, .. } => ("exited", run),
        Event::GroupGone { run } => ("gone", run),
        Event::StraysFound { run, .. } => ("strays", run),
        Event::Spawned { run, .. } => ("spawned", run),
        Event::SpawnFailed { run, .. } => ("spawn-failed", run),
        Event::Probed { run, .. } => ("check", run),
        Event::Measured { run, .. } => ("memory", run),
        other => return format!("# {other:?}"),
    };
    let key = run.instance;
    format!("stale {kind} {} {} {}", key.index(), key.generation(), run.incarnation)
}

fn read_stale(kind: &str, rest: &str) -> Result<Event, String> {
    let numbers: Vec<&str> = rest.split(' ').collect();
    let [index, generation, incarnation] = numbers[..] else { return Err("no run".to_owned()) };
    let instance = Key::new(number(index)?, number(generation)?);
    let run = Run { instance, incarnation: number(incarnation)? };
    Ok(match kind {
        "exited" => Event::Exited { run, status: ExitStatus::Code(1) },
        "gone" => Event::GroupGone { run },
        "strays" => Event::StraysFound { run, count: 1 },
        "spawned" => Event::Spawned { run, pid: u32::MAX },
        "spawn-failed" => Event::SpawnFailed { run, reason: "late".to_owned() },
        "check" => Event::Probed { run, probe: Probe::Liveness, outcome: Err("late".to_owned()) },
        "memory" => Event::Measured { run, resident: u64::MAX },
        _ => return Err(format!("`{kind}` is no report")),
    })
}

/// `life=1s:code1 obeys=0s frozen unkillable=5s companion=LIFE:OBEYS stray=-:- brood=AFTER:LIFE:OBEYS`; what is
/// not there is as with a process that lives for ever and obeys nobody.
pub fn nature(nature: &Nature) -> String {
    let Nature { life, obeys_after, is_frozen, unkillable_for, companion, stray, brood } = nature;
    let mut words = Vec::new();
    if let Some((life, status)) = life {
        words.push(match status {
            ExitStatus::Code(code) => format!("life={}:code{code}", time(*life)),
            ExitStatus::Signal { signal, .. } => {
                format!("life={}:signal{}", time(*life), signal.number())
            }
        });
    }
    words.extend(obeys_after.map(|after| format!("obeys={}", time(after))));
    words.extend(is_frozen.then(|| "frozen".to_owned()));
    words.extend((!unkillable_for.is_zero()).then(|| format!("unkillable={}", time(*unkillable_for))));
    let optional = |at: Option<Duration>| at.map_or("-".to_owned(), time);
    let other = |it: &Companion| format!("{}:{}", optional(it.life), optional(it.obeys_after));
    words.extend(companion.as_ref().map(|it| format!("companion={}", other(it))));
    words.extend(stray.as_ref().map(|it| format!("stray={}", other(it))));
    words.extend(brood.as_ref().map(|(after, it)| format!("brood={}:{}", time(*after), other(it))));
    words.join(" ")
}

fn read_nature(text: &str) -> Result<Nature, String> {
    let words: BTreeMap<&str, &str> =
        text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let optional = |text: &str| if text == "-" { Ok(None) } else { nanoseconds(text).map(Some) };
    let read = |text: &str| -> Result<Companion, String> {
        let (life, obeys) = text.split_once(':').ok_or("no two times")?;
        Ok(Companion { life: optional(life)?, obeys_after: optional(obeys)? })
    };
    let other = |name: &str| words.get(name).map(|text| read(text)).transpose();
    let brood = words.get("brood").map(|text| {
        let (after, rest) = text.split_once(':').ok_or("no three times")?;
        Ok::<_, String>((nanoseconds(after)?, read(rest)?))
    });
    let life = match words.get("life") {
        None => None,
        Some(text) => {
            let (life, status) = text.split_once(':').ok_or("no end of a life")?;
            Some((nanoseconds(life)?, read_status(status)?))
        }
    };
    Ok(Nature {
        life,
        obeys_after: words.get("obeys").map(|text| nanoseconds(text)).transpose()?,
        is_frozen: words.contains_key("frozen"),
        unkillable_for: words.get("unkillable").map_or(Ok(Duration::ZERO), |text| nanoseconds(text))?,
        companion: other("companion")?,
        stray: other("stray")?,
        brood: brood.transpose()?,
    })
}

fn read_status(text: &str) -> Result<ExitStatus, String> {
    if let Some(code) = text.strip_prefix("code") {
        return Ok(ExitStatus::Code(number(code)?));
    }
    let signal = text.strip_prefix("signal").ok_or("neither a code nor a signal")?;
    let signal = Signal::from_number(number(signal)?).ok_or("no signal")?;
    Ok(ExitStatus::Signal { signal, core_dumped: true })
}

/// One line of YAML.
pub fn read_config(text: &str) -> Result<Config, String> {
    let text = text.to_owned();
    let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
    parse(&source, &|_| None).map_err(|problems| format!("{problems:?}"))
}

/// An order as users write it.
pub fn order(order: &Order) -> String {
    let all = |targets: &[Target]| targets.iter().map(Target::to_string).collect::<Vec<_>>().join(" ");
    match order {
        Order::Start(targets) => format!("order start {}", all(targets)),
        Order::Stop(targets) => format!("order stop {}", all(targets)),
        Order::Restart(targets) => format!("order restart {}", all(targets)),
        Order::Signal(signal, targets) => format!("order signal {signal} {}", all(targets)),
        Order::Shutdown => "order shutdown".to_owned(),
        Order::Scale(..) | Order::RestartRolling { .. } => format!("# {order:?}"),
    }
}
