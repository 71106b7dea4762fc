//! Texts that somebody has broken.

/// What YAML or we might stumble over.
const TOKENS: [&str; 32] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*base",
    "*a",
    "<<: ",
    "!x ",
    "!!int ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML",
    "\"",
    "'",
    "#",
    "\t",
    "\r",
    "\u{1b}[31m",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{0}",
    "${",
    "99999999999999999999",
    "~",
];

/// xorshift64*: enough to choose places with.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// The text with one to three things done to it.
pub fn mutate(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(3) {
        let (a, b) = (random.place(&text), random.place(&text));
        let (start, end) = (a.min(b), a.max(b));
        match random.below(5) {
            0 => text.insert_str(start, TOKENS[random.below(TOKENS.len())]),
            1 => text.replace_range(start..end, ""),
            2 => text = text[..start].to_owned() + &text[start..end] + &text[start..],
            3 => text.truncate(start),
            _ => {
                let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                text.replace_range(start..end, TOKENS[random.below(TOKENS.len())]);
            }
        }
    }
    text
}
