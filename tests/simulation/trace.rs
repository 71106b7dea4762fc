//! What happened, step by step; written down only when a failure is replayed.

use taskmaster::time::Time;

#[derive(Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
    /// The same for machines, see `script.rs`.
    scene: Vec<String>,
}

impl Trace {
    pub fn kept() -> Trace {
        Trace { lines: Some(Vec::new()), scene: Vec::new() }
    }

    pub fn note(&mut self, now: Time, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>14.9}  {}", (now - Time::ZERO).as_secs_f64(), line()));
        }
    }

    /// A line of the scene that this is.
    pub fn play(&mut self, line: impl FnOnce() -> String) {
        if self.lines.is_some() {
            self.scene.push(line());
        }
    }

    /// What can be played again.
    pub fn scene(&self) -> String {
        self.scene.join("\n")
    }

    pub fn text(&self) -> String {
        self.lines.as_deref().unwrap_or_default().join("\n")
    }
}
