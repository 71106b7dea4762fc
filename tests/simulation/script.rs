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
use crate::world::{Kept, World};

/// Plays a scene. Lines that begin with `#` are for people.
pub fn play_scene(text: &str, trace: &mut Trace) -> Kept {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let first = lines.next().and_then(|line| line.strip_prefix("config "));
    let config = read_config(first.ok_or("a scene begins with its config")?)?;
    let mut player = Player { world: World::new(&config, trace), end: Time::ZERO };
    for line in lines {
        player.play(line).map_err(|broken| format!("{line}: {broken}"))?;
    }
    Ok(())
}

struct Player<'t> {
    world: World<'t>,
    /// When a shutdown must be over.
    end: Time,
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
                let keys = self.keys(target);
                self.world.roll(number(batch)?, target, &keys)
            }
            "reload" => world.reload(read_config(rest)?),
            "scale" => {
                let (name, count) = pair(rest)?;
                world.scale(name, number(count)?)
            }
            "signal" => world.shutdown_signal(),
            "survey" => world.survey_unasked(),
            "take" => world.take_spawn().map(drop),
            "settled" => world.is_settled(),
            "answered" => world.is_answered(),
            "way-out" => {
                self.end = world.way_out.end(world.now, &world.expected);
                Ok(())
            }
            "over" => world.is_over(self.end),
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

fn nanoseconds(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_nanos)
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
        _ => return Err(format!("`{kind}` is no report")),
    })
}

/// `life=NANOSECONDS:code1 obeys=0 frozen unkillable=5 companion=LIFE:OBEYS stray=-:-`; what is not there is
/// as with a process that lives for ever and obeys nobody.
pub fn nature(nature: &Nature) -> String {
    let Nature { life, obeys_after, is_frozen, unkillable_for, companion, stray } = nature;
    let mut words = Vec::new();
    if let Some((life, status)) = life {
        words.push(match status {
            ExitStatus::Code(code) => format!("life={}:code{code}", life.as_nanos()),
            ExitStatus::Signal { signal, .. } => {
                format!("life={}:signal{}", life.as_nanos(), signal.number())
            }
        });
    }
    words.extend(obeys_after.map(|after| format!("obeys={}", after.as_nanos())));
    words.extend(is_frozen.then(|| "frozen".to_owned()));
    words.push(format!("unkillable={}", unkillable_for.as_nanos()));
    let optional = |time: Option<Duration>| time.map_or("-".to_owned(), |time| time.as_nanos().to_string());
    for (name, other) in [("companion", companion), ("stray", stray)] {
        words.extend(other.map(|it| format!("{name}={}:{}", optional(it.life), optional(it.obeys_after))));
    }
    words.join(" ")
}

fn read_nature(text: &str) -> Result<Nature, String> {
    let words: BTreeMap<&str, &str> =
        text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let optional = |text: &str| if text == "-" { Ok(None) } else { nanoseconds(text).map(Some) };
    let other = |name: &str| -> Result<Option<Companion>, String> {
        let Some(text) = words.get(name) else { return Ok(None) };
        let (life, obeys) = text.split_once(':').ok_or("no two times")?;
        Ok(Some(Companion { life: optional(life)?, obeys_after: optional(obeys)? }))
    };
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
