//! What happened, step by step; written down only when a failure is replayed.

use taskmaster::time::Time;

#[derive(Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn kept() -> Trace {
        Trace { lines: Some(Vec::new()) }
    }

    pub fn note(&mut self, now: Time, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>14.9}  {}", (now - Time::ZERO).as_secs_f64(), line()));
        }
    }

    pub fn text(&self) -> String {
        self.lines.as_deref().unwrap_or_default().join("\n")
    }
}
