//! What a poll event is about, packed into mio's token: kind | generation | slab index.

use mio::Token;

use crate::slots::{GENERATION_BITS, Key};

/// The source of a poll event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The self-pipe of the signal handlers.
    Signals,
    /// Standard input.
    ConsoleInput,
    /// Standard output, while it takes no more.
    ConsoleOutput,
    /// The dashboard's listening socket.
    HttpListener,
    /// The control socket.
    ControlListener,
    /// One connection of either.
    HttpConnection(Key),
    /// The reading end of a child's stdout or stderr.
    Pipe(Key),
    /// A connection that checks an instance.
    Probe(Key),
    /// A connection that tells somebody of an event.
    Hook(Key),
    /// Our own stdout, while it takes no more of what programs say.
    VoiceOut,
    /// The same for stderr.
    VoiceErr,
    /// The alarm of the wall clock.
    WallClock,
}

const INDEX_BITS: u32 = 32;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

impl Source {
    pub(crate) fn token(self) -> Token {
        match self {
            Source::Signals => pack(0, None),
            Source::ConsoleInput => pack(1, None),
            Source::ConsoleOutput => pack(2, None),
            Source::HttpListener => pack(3, None),
            Source::HttpConnection(key) => pack(4, Some(key)),
            Source::Pipe(key) => pack(5, Some(key)),
            Source::VoiceOut => pack(6, None),
            Source::VoiceErr => pack(7, None),
            Source::ControlListener => pack(8, None),
            Source::Probe(key) => pack(9, Some(key)),
            Source::WallClock => pack(10, None),
            Source::Hook(key) => pack(11, Some(key)),
        }
    }

    pub(crate) fn from_token(token: Token) -> Option<Source> {
        let index = token.0 as u32;
        let generation = (token.0 >> INDEX_BITS) as u32 & GENERATION_MASK;
        let key = Key::new(index, generation);
        match token.0 >> (INDEX_BITS + GENERATION_BITS) {
            0 => Some(Source::Signals),
            1 => Some(Source::ConsoleInput),
            2 => Some(Source::ConsoleOutput),
            3 => Some(Source::HttpListener),
            4 => Some(Source::HttpConnection(key)),
            5 => Some(Source::Pipe(key)),
            6 => Some(Source::VoiceOut),
            7 => Some(Source::VoiceErr),
            8 => Some(Source::ControlListener),
            9 => Some(Source::Probe(key)),
            10 => Some(Source::WallClock),
            11 => Some(Source::Hook(key)),
            _ => None,
        }
    }
}

fn pack(kind: usize, key: Option<Key>) -> Token {
    let generation = key.map_or(0, |key| (key.generation() & GENERATION_MASK) as usize);
    let index = key.map_or(0, Key::index);
    Token(kind << (INDEX_BITS + GENERATION_BITS) | generation << INDEX_BITS | index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_survives_its_token() {
        let key = Key::new(u32::MAX, GENERATION_MASK);
        for source in [
            Source::Signals,
            Source::ConsoleInput,
            Source::ConsoleOutput,
            Source::HttpListener,
            Source::HttpConnection(key),
            Source::Pipe(key),
            Source::VoiceOut,
            Source::VoiceErr,
            Source::ControlListener,
            Source::Probe(key),
            Source::WallClock,
            Source::Hook(key),
        ] {
            assert_eq!(Source::from_token(source.token()), Some(source));
        }
        assert_eq!(Source::from_token(Token(usize::MAX)), None);
    }
}
