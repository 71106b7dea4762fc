//! What can be wrong with the system for a while, or for good: each is an effect that fails, or comes late.

use crate::random::Random;
use crate::world::World;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Nobody can look at /proc: surveys fail, and what is waited for is not seen to be gone.
    pub is_blind: bool,
    /// No signal reaches anybody.
    pub refuses_signals: bool,
    /// Signals wait until they are posted, as those of a large order do.
    pub is_slow: bool,
}

impl Trouble {
    /// One kind of it begins or ends.
    pub fn change(self, random: &mut Random) -> Trouble {
        match random.below(4) {
            0 | 1 => Trouble { is_blind: !self.is_blind, ..self },
            2 => Trouble { refuses_signals: !self.refuses_signals, ..self },
            _ => Trouble { is_slow: !self.is_slow, ..self },
        }
    }

    /// `blind refusing slow`, or `none`.
    pub fn words(self) -> String {
        let Trouble { is_blind, refuses_signals, is_slow } = self;
        let words = [(is_blind, "blind"), (refuses_signals, "refusing"), (is_slow, "slow")];
        let words: Vec<&str> = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(" ") }
    }

    pub fn read(text: &str) -> Result<Trouble, String> {
        let mut trouble = Trouble::default();
        for word in text.split(' ') {
            match word {
                "none" => {}
                "blind" => trouble.is_blind = true,
                "refusing" => trouble.refuses_signals = true,
                "slow" => trouble.is_slow = true,
                _ => return Err(format!("`{word}` is no trouble")),
            }
        }
        Ok(trouble)
    }
}

impl World<'_> {
    /// From now on it is like this.
    pub fn set_trouble(&mut self, trouble: Trouble) {
        if trouble != self.kernel.trouble {
            self.play(|| format!("trouble {}", trouble.words()));
            self.kernel.trouble = trouble;
        }
    }

    /// Signals that have waited are sent; whether there were any.
    pub fn send_post(&mut self) -> Result<bool, String> {
        if !self.kernel.has_post() {
            return Ok(false);
        }
        self.play(|| "post".to_owned());
        self.kernel.send_post(self.now)
    }
}
