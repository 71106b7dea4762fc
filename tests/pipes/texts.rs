//! What a writer says: every byte of it tells whose it is, but for line ends and carriage returns.

use super::random::Random;

/// Writers of one history at most, so that each has bytes of its own.
pub const CLASSES: usize = 8;
/// Beyond what is kept together of a line.
const LONG_BYTES: (usize, usize) = (60_000, 160_000);

/// What pieces of text may be.
#[derive(Clone, Copy)]
pub struct Taste {
    /// Empty lines, of which nobody can tell whose they are.
    pub has_empty: bool,
    /// Lines beyond every bound.
    pub has_long: bool,
}

/// A line that is waited for.
pub fn token(class: usize) -> String {
    String::from_utf8(vec![letter(class, 0), letter(class, 1), letter(class, 0), letter(class, 0)]).unwrap()
}

fn letter(class: usize, which: usize) -> u8 {
    b'a' + (class % CLASSES + which % 2 * CLASSES) as u8
}

/// Whose a byte is; line ends and carriage returns are anybody's.
pub fn owns(class: usize, byte: u8) -> bool {
    usize::from(byte.wrapping_sub(b'a')) % CLASSES == class % CLASSES
}

/// A piece of text as it may come out of one write.
pub fn piece(random: &mut Random, class: usize, taste: Taste) -> Vec<u8> {
    match random.below(16) {
        0..=2 => words(random, class, 9),
        3..=5 => [words(random, class, 30), b"\n".to_vec()].concat(),
        6 => [words(random, class, 5), b"\r\n".to_vec()].concat(),
        7 | 8 => {
            let mut text = Vec::new();
            for _ in 0..random.below(5) {
                text.extend(words(random, class, 12));
                text.push(b'\n');
            }
            text.extend(words(random, class, 6));
            text
        }
        9 | 10 => [words(random, class, 3), b"\n".to_vec()].concat(),
        11 => binary(random, class),
        12 => [token(class).into_bytes(), b"\n".to_vec()].concat(),
        13 => token(class).into_bytes(),
        14 if taste.has_empty => b"\n".to_vec(),
        15 if taste.has_long && random.percent(30) => {
            let (least, most) = LONG_BYTES;
            let bytes = least + random.below(most - least);
            let mut text = filled(random, bytes, |number| letter(class, number));
            if random.percent(60) {
                text.push(b'\n');
            }
            text
        }
        _ => [words(random, class, 60), b"\n".to_vec()].concat(),
    }
}

/// A short line.
pub fn line(random: &mut Random, class: usize) -> Vec<u8> {
    [words(random, class, 8), b"\n".to_vec()].concat()
}

/// As much as fills a pipe, in lines.
pub fn flood(random: &mut Random, class: usize) -> Vec<u8> {
    let bytes = 30_000 + random.below(70_000);
    let mut text = filled(random, bytes, |number| letter(class, number));
    text.iter_mut().skip(1499).step_by(1500).for_each(|byte| *byte = b'\n');
    text
}

/// Letters, at least one.
fn words(random: &mut Random, class: usize, most: usize) -> Vec<u8> {
    let bytes = 1 + random.below(most);
    filled(random, bytes, |number| letter(class, number))
}

/// Every byte that is this class's, control characters and halves of UTF-8 among them, and line ends between.
fn binary(random: &mut Random, class: usize) -> Vec<u8> {
    let own: Vec<u8> = (0..=255_u8).filter(|byte| owns(class, *byte) && !b"\r\n".contains(byte)).collect();
    let bytes = 1 + random.below(80);
    let text = filled(random, bytes, |number| own[number % own.len()]);
    text.chunks(17).collect::<Vec<&[u8]>>().join(&b'\n')
}

/// Bytes made of numbers that come from a single drawn one.
fn filled(random: &mut Random, bytes: usize, of: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut state = random.below(1 << 30) as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..bytes).map(|_| of(next())).collect()
}
