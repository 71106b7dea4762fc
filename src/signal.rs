//! POSIX signals by name and number, as Linux numbers them (signal(7)).

use std::fmt;

/// A signal number that Linux knows: 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

/// The standard signals, indexed by number - 1 (x86, ARM and RISC-V; signal(7)).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// Other names of the same numbers, from signal(7).
const SYNONYMS: [(&str, u8); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];
const MAX: u8 = 64;
/// glibc keeps 32 and 33 for itself, so SIGRTMIN is 34.
const RTMIN: u8 = 34;

impl Signal {
    /// SIGHUP.
    pub const HUP: Signal = Signal(1);
    /// SIGINT.
    pub const INT: Signal = Signal(2);
    /// SIGQUIT.
    pub const QUIT: Signal = Signal(3);
    /// SIGKILL.
    pub const KILL: Signal = Signal(9);
    /// SIGUSR2.
    pub const USR2: Signal = Signal(12);
    /// SIGTERM.
    pub const TERM: Signal = Signal(15);
    /// SIGCHLD.
    pub const CHLD: Signal = Signal(17);
    /// SIGCONT.
    pub const CONT: Signal = Signal(18);
    /// SIGSTOP.
    pub const STOP: Signal = Signal(19);
    /// SIGWINCH.
    pub const WINCH: Signal = Signal(28);

    /// The signal of this number, if Linux has it.
    pub fn from_number(number: i32) -> Option<Signal> {
        let number = u8::try_from(number).ok()?;
        (1..=MAX).contains(&number).then_some(Signal(number))
    }

    /// Parses `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`.
    pub fn parse(text: &str) -> Option<Signal> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Signal::from_number(text.parse().ok()?);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(offset) = name.strip_prefix("RTMIN") {
            let offset: i32 = if offset.is_empty() { 0 } else { offset.strip_prefix('+')?.parse().ok()? };
            return Signal::from_number(offset.checked_add(i32::from(RTMIN))?);
        }
        let standard = NAMES.iter().position(|known| *known == name).map(|at| at as u8 + 1);
        let number = standard.or_else(|| SYNONYMS.iter().find(|(known, _)| *known == name).map(|(_, n)| *n));
        number.map(Signal)
    }

    /// Its number, as kill(2) takes it.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Names a user can write, without the SIG prefix, for messages and completion.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter()
    }
}

/// The name without the SIG prefix: `TERM`, `RTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0) - 1) {
            Some(name) => f.write_str(name),
            None if self.0 == RTMIN => f.write_str("RTMIN"),
            None if self.0 > RTMIN => write!(f, "RTMIN+{}", self.0 - RTMIN),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_parsed_back_from_its_own_name_and_number() {
        for number in 1..=64 {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(Signal::parse(&signal.to_string()), Some(signal));
            assert_eq!(Signal::parse(&number.to_string()), Some(signal));
            assert_eq!(Signal::parse(&format!("sig{signal}")).is_some(), !(32..34).contains(&number));
        }
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in ["", "0", "65", "-15", "NO", "SIG", "TERMINATE", "RTMIN+31", "RTMIN3", "99999999999"] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }
}
