//! Two configurations to the steps that lead from one to the other. `plan` prints them, `reload`
//! applies the very same value.

use std::collections::HashMap;
use std::sync::Arc;

use super::schema::{Applies, PROGRAM_KEYS, SUPERVISOR_KEYS};
use super::spec::{Config, ProgramSpec};

/// What a reload does.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What will be in force.
    pub config: Config,
    /// Programs that are new.
    pub add: Vec<Arc<ProgramSpec>>,
    /// Programs that are not there any more, as they were.
    pub remove: Vec<Arc<ProgramSpec>>,
    /// Programs whose processes must be new ones.
    pub restart: Vec<Change>,
    /// Programs whose processes stay what they are.
    pub adjust: Vec<Change>,
    /// Changes of the `taskmaster:` section; all of them apply in place.
    pub section: Vec<ChangedKey>,
    /// How many programs are as they were.
    pub untouched: usize,
}

/// What is different about one program.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As it was.
    pub old: Arc<ProgramSpec>,
    /// As it will be.
    pub new: Arc<ProgramSpec>,
    /// The keys whose values differ, in the order of the documentation.
    pub keys: Vec<ChangedKey>,
}

/// A key whose value is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedKey {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub applies: Applies,
}

/// What leads from `old` to `new`. Programs are the same if their names are.
pub fn diff(old: &Config, new: Config) -> Plan {
    let section = SUPERVISOR_KEYS.iter().filter(|key| (key.differs)(&old.supervisor, &new.supervisor));
    let section = section.map(|key| ChangedKey { name: key.name, applies: key.applies }).collect();
    let mut plan = Plan {
        add: Vec::new(),
        remove: Vec::new(),
        restart: Vec::new(),
        adjust: Vec::new(),
        section,
        untouched: 0,
        config: new,
    };
    let mut before: HashMap<&str, &Arc<ProgramSpec>> =
        old.programs.iter().map(|spec| (spec.name.as_str(), spec)).collect();
    for spec in &plan.config.programs {
        match before.remove(spec.name.as_str()) {
            None => plan.add.push(Arc::clone(spec)),
            Some(earlier) if earlier == spec => plan.untouched += 1,
            Some(earlier) => {
                let change = Change::between(earlier, spec);
                let list = if change.restarts() { &mut plan.restart } else { &mut plan.adjust };
                list.push(change);
            }
        }
    }
    let is_left = |spec: &&Arc<ProgramSpec>| before.contains_key(spec.name.as_str());
    plan.remove = old.programs.iter().filter(is_left).cloned().collect();
    plan
}

impl Change {
    fn between(old: &Arc<ProgramSpec>, new: &Arc<ProgramSpec>) -> Change {
        let keys = PROGRAM_KEYS.iter().filter(|key| (key.differs)(old, new));
        let keys = keys.map(|key| ChangedKey { name: key.name, applies: key.applies });
        Change { old: Arc::clone(old), new: Arc::clone(new), keys: keys.collect() }
    }

    /// Whether it takes new processes. What no key accounts for is taken seriously, too.
    pub fn restarts(&self) -> bool {
        self.keys.iter().map(|key| key.applies).max().unwrap_or(Applies::Restart) == Applies::Restart
    }

    /// `worker: numprocs 3 -> 5, autostart (in place; autostart counts from the next start)`.
    fn line(&self) -> String {
        let Change { old, new, keys } = self;
        let shown = |key: &ChangedKey| match key.name {
            "numprocs" => format!("numprocs {} -> {}", old.numprocs, new.numprocs),
            name => name.to_owned(),
        };
        let shown: Vec<String> = keys.iter().map(shown).collect();
        let consequence = if self.restarts() { "restart".to_owned() } else { in_place(keys) };
        format!("{}: {} ({consequence})", new.name, shown.join(", "))
    }
}

/// `in place`, and which of it only the next start will see.
fn in_place(keys: &[ChangedKey]) -> String {
    let later = keys.iter().filter(|key| key.applies == Applies::NextStart);
    match later.map(|key| key.name).collect::<Vec<_>>().as_slice() {
        [] => "in place".to_owned(),
        [one] => format!("in place; {one} counts from the next start"),
        several => format!("in place; {} count from the next start", several.join(", ")),
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let Plan { config: _, add, remove, restart, adjust, section, untouched: _ } = self;
        add.is_empty() && remove.is_empty() && restart.is_empty() && adjust.is_empty() && section.is_empty()
    }

    /// It reads like a diff: `+` added, `-` removed, `~` changed, `=` how many are as they were.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.add.iter().map(|spec| format!("+ {} ({})", spec.name, instances(spec.numprocs))));
        lines
            .extend(self.remove.iter().map(|spec| format!("- {} ({})", spec.name, instances(spec.numprocs))));
        lines.extend(self.restart.iter().chain(&self.adjust).map(|change| format!("~ {}", change.line())));
        if !self.section.is_empty() {
            let names: Vec<&str> = self.section.iter().map(|key| key.name).collect();
            lines.push(format!("~ taskmaster: {} ({})", names.join(", "), in_place(&self.section)));
        }
        lines.push(match (self.untouched, self.is_empty()) {
            (1, false) => "= 1 program untouched".to_owned(),
            (count, false) => format!("= {count} programs untouched"),
            (1, true) => "= 1 program untouched; nothing to do".to_owned(),
            (count, true) => format!("= {count} programs untouched; nothing to do"),
        });
        lines
    }
}

fn instances(count: u32) -> String {
    format!("{count} instance{}", if count == 1 { "" } else { "s" })
}
