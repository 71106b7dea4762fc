//! Bytes of a terminal to keys.
//!
//! Sequences and characters may arrive in pieces, at any distance in time, so nothing here looks at a
//! clock: what is known so far waits in the decoder. ESC is told at once as [`Key::Escape`], for it may
//! be a key of its own; what follows it is told as the key that it makes.

use vte::{Params, Parser, Perform};

/// What was pressed, by its meaning for a line editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Never a control character.
    Char(char),
    Enter,
    Tab,
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    Home,
    End,
    Backspace,
    /// The character under the cursor goes.
    Delete,
    /// Ctrl-D: as Delete, but on an empty line it leaves.
    DeleteOrLeave,
    KillToEnd,
    KillToStart,
    KillWordLeft,
    /// Alt-Backspace: only to the beginning of a name, where KillWordLeft goes back to a blank.
    KillNameLeft,
    KillWordRight,
    Yank,
    Undo,
    Search,
    Abort,
    Clear,
    Interrupt,
    Suspend,
    /// ESC, alone or as the beginning of a sequence.
    Escape,
}

/// Turns bytes into keys.
pub(super) struct Decoder {
    parser: Parser,
    found: Found,
    /// The last byte was ESC.
    is_escaped: bool,
}

#[derive(Default)]
struct Found {
    keys: Vec<Key>,
    is_pasting: bool,
    /// ESC O came: the next character names a key.
    is_single_shift: bool,
    /// ESC [ [ came, as from a Linux console: the next character belongs to it.
    swallows_next: bool,
    /// A pasted CR came: an LF behind it is the same line end.
    was_return: bool,
}

const ESC: u8 = 0x1b;
const CTRL_C: u8 = 0x03;
const DELETE: u8 = 0x7f;

impl Decoder {
    pub(super) fn new() -> Decoder {
        Decoder { parser: Parser::new(), found: Found::default(), is_escaped: false }
    }

    /// The keys that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        for byte in bytes {
            self.take(*byte);
        }
        std::mem::take(&mut self.found.keys)
    }

    fn take(&mut self, byte: u8) {
        if byte == ESC {
            self.is_escaped = true;
            if !self.found.is_pasting {
                self.found.keys.push(Key::Escape);
            }
        } else if std::mem::take(&mut self.is_escaped) && byte != b'[' {
            // Terminals send strings (ESC ], ESC P) only when asked, and we do not ask. From a keyboard
            // it is Alt with a key, and must not make the parser wait for the end of a string.
            self.parser = Parser::new();
            self.found.alt(byte);
            return;
        }
        self.parser.advance(&mut self.found, &[byte]);
        if byte == CTRL_C {
            // Whatever has begun is abandoned with it, and takes nothing of what is typed next.
            self.parser = Parser::new();
            (self.found.swallows_next, self.found.is_single_shift) = (false, false);
        }
    }
}

impl Found {
    fn push(&mut self, key: Key) {
        self.keys.push(key);
    }

    fn alt(&mut self, byte: u8) {
        if self.is_pasting {
            // The ESC may have been the beginning of the end of the paste, the rest of which is lost.
            if byte < 0x20 {
                self.pasted_control(byte);
            }
            return;
        }
        match byte {
            b'O' => self.is_single_shift = true,
            b'b' | b'B' => self.push(Key::WordLeft),
            b'f' | b'F' => self.push(Key::WordRight),
            b'd' | b'D' => self.push(Key::KillWordRight),
            DELETE | 0x08 => self.push(Key::KillNameLeft),
            // Alt with a control key is that key: Ctrl-C must work whatever went before it.
            0x00..=0x1f => self.control(byte),
            _ => {}
        }
    }

    fn control(&mut self, byte: u8) {
        if self.is_pasting {
            self.pasted_control(byte);
            return;
        }
        let key = match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            CTRL_C => Key::Interrupt,
            0x04 => Key::DeleteOrLeave,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x07 => Key::Abort,
            0x08 => Key::Backspace,
            b'\t' => Key::Tab,
            b'\n' | b'\r' => Key::Enter,
            0x0b => Key::KillToEnd,
            0x0c => Key::Clear,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x12 => Key::Search,
            0x15 => Key::KillToStart,
            0x17 => Key::KillWordLeft,
            0x19 => Key::Yank,
            0x1a => Key::Suspend,
            0x1f => Key::Undo,
            _ => return,
        };
        self.push(key);
    }

    /// Pasted text is text: none of its bytes is a key, but for line ends, and for Ctrl-C, which must
    /// get a user out when the end of the paste is lost.
    fn pasted_control(&mut self, byte: u8) {
        let was_return = std::mem::take(&mut self.was_return);
        match byte {
            b'\t' => self.push(Key::Char(' ')),
            b'\n' if was_return => {}
            b'\n' | b'\r' => {
                self.was_return = byte == b'\r';
                self.push(Key::Enter);
            }
            CTRL_C => {
                self.is_pasting = false;
                self.push(Key::Interrupt);
            }
            _ => {}
        }
    }

    /// ESC [ PARAMETERS FINAL, or ESC O FINAL.
    fn sequence(&mut self, first: u16, modifier: u16, last: char) {
        if self.is_pasting {
            self.is_pasting = !(last == '~' && first == 201);
            return;
        }
        // 1 + (1 shift, 2 alt, 4 ctrl): with Alt or Ctrl, the arrows go by words.
        let by_words = modifier.saturating_sub(1) & 0b110 != 0;
        let key = match (last, first) {
            ('A', _) => Key::Up,
            ('B', _) => Key::Down,
            ('C', _) if by_words => Key::WordRight,
            ('D', _) if by_words => Key::WordLeft,
            ('C', _) => Key::Right,
            ('D', _) => Key::Left,
            ('H', _) | ('~', 1 | 7) => Key::Home,
            ('F', _) | ('~', 4 | 8) => Key::End,
            ('~', 3) if by_words => Key::KillWordRight,
            ('~', 3) => Key::Delete,
            ('M', _) => Key::Enter,
            ('~', 200) => {
                self.is_pasting = true;
                return;
            }
            ('[', _) => {
                self.swallows_next = true;
                return;
            }
            _ => return,
        };
        self.push(key);
    }
}

impl Perform for Found {
    fn print(&mut self, c: char) {
        self.was_return = false;
        if std::mem::take(&mut self.swallows_next) {
            return;
        }
        if std::mem::take(&mut self.is_single_shift) {
            return self.sequence(0, 0, c);
        }
        match c {
            // As text it is as invisible as a control character, and it is one.
            '\u{7f}' if self.is_pasting => {}
            '\u{7f}' => self.push(Key::Backspace),
            c if c.is_control() => {}
            c => self.push(Key::Char(c)),
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte < 0x20 {
            self.control(byte);
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let mut numbers = params.iter().map(|group| group.first().copied().unwrap_or(0));
        self.sequence(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Vec<Key> {
        Decoder::new().feed(bytes).into_iter().filter(|key| *key != Key::Escape).collect()
    }

    /// However the bytes are cut into reads, the keys are the same.
    fn assert_decodes(bytes: &[u8], keys: &[Key]) {
        assert_eq!(decoded(bytes), keys, "{bytes:?}");
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::new();
            let mut found = decoder.feed(&bytes[..cut]);
            found.extend(decoder.feed(&bytes[cut..]));
            found.retain(|key| *key != Key::Escape);
            assert_eq!(found, keys, "{bytes:?} cut at {cut}");
        }
    }

    #[test]
    fn ctrl_c_gets_out_of_a_paste_that_was_cut_off_anywhere() {
        let pasted = b"\x1b[200~a\x1b[201~";
        for end in 6..pasted.len() {
            let keys = decoded(&[&pasted[..end], b"\x03x"].concat());
            assert!(keys.ends_with(&[Key::Interrupt, Key::Char('x')]), "cut at {end}: {keys:?}");
        }
    }

    #[test]
    fn keys_of_every_common_terminal() {
        for (bytes, key) in [
            ("\x1b[A", Key::Up),
            ("\x1bOA", Key::Up),
            ("\x1b[1;5C", Key::WordRight),
            ("\x1b[1;3D", Key::WordLeft),
            ("\x1b[1;2D", Key::Left),
            ("\x1bf", Key::WordRight),
            ("\x1b\x7f", Key::KillNameLeft),
            ("\x1b[3~", Key::Delete),
            ("\x1b[3;5~", Key::KillWordRight),
            ("\x1bOH", Key::Home),
            ("\x1b[8~", Key::End),
            ("\x7f", Key::Backspace),
            ("\x08", Key::Backspace),
            ("\x1f", Key::Undo),
            ("\r", Key::Enter),
            ("\n", Key::Enter),
        ] {
            assert_decodes(bytes.as_bytes(), &[key]);
        }
        for nothing in ["\x1b[15~", "\x1b[?1;2c", "\x1b[[A", "\x1bp", "\u{85}", "\0"] {
            assert_decodes(nothing.as_bytes(), &[]);
        }
    }

    #[test]
    fn characters_survive_every_cut_and_noise_becomes_visible() {
        assert_decodes("né日🦀".as_bytes(), &['n', 'é', '日', '🦀'].map(Key::Char));
        assert_decodes(b"a\xffb", &['a', '\u{fffd}', 'b'].map(Key::Char));
        assert_decodes(b"\xe6\x03", &[Key::Char('\u{fffd}'), Key::Interrupt]);
    }

    /// Whatever came before it: in the middle of a sequence, behind ESC, or inside what looks like the
    /// beginning of a string.
    #[test]
    fn ctrl_c_always_comes_through() {
        for before in ["", "\x1b", "\x1b[", "\x1b[12;", "\x1b]", "\x1bP", "\x1b^", "\x1bX", "\x1b_"] {
            let keys = decoded(format!("{before}\x03").as_bytes());
            assert_eq!(keys, [Key::Interrupt], "{before:?}");
        }
        assert_eq!(decoded(b"\x1b[200~abc\x03d\x1b[A").last(), Some(&Key::Up));
    }

    #[test]
    fn an_escape_is_told_at_once_and_what_follows_is_still_understood() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.feed(b"\x1b"), [Key::Escape]);
        assert_eq!(decoder.feed(b"[A"), [Key::Up]);
    }

    #[test]
    fn pasted_text_is_text_in_lines() {
        let paste = b"\x1b[200~a\tb\r\nc\nd\r\x01\x1b[A\x04\x1b[201~\x01";
        let keys = [
            Key::Char('a'),
            Key::Char(' '),
            Key::Char('b'),
            Key::Enter,
            Key::Char('c'),
            Key::Enter,
            Key::Char('d'),
            Key::Enter,
            Key::Home,
        ];
        assert_decodes(paste, &keys);
    }
}
