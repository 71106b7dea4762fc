//! What a connection has still to send, in pieces that many connections may share: two hundred
//! readers of one event cost the memory of one.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

/// Pieces that are given to the kernel in one call.
const PIECES_PER_WRITE: usize = 16;

/// Bytes that wait to be taken by the peer.
#[derive(Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Arc<[u8]>>,
    /// How much of the first piece is sent.
    sent: usize,
    waiting: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, piece: Arc<[u8]>) {
        if !piece.is_empty() {
            self.waiting += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The pieces of which something waits.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.pieces.iter()
    }

    /// Gives the peer as much as it takes; whether that was all.
    ///
    /// # Errors
    /// If the peer is gone.
    pub(super) fn send(&mut self, peer: &mut impl Write) -> io::Result<bool> {
        while self.waiting > 0 {
            let mut slices = [IoSlice::new(&[]); PIECES_PER_WRITE];
            let mut from = self.sent;
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(&piece[from..]);
                (from, count) = (0, count + 1);
            }
            match peer.write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.forget(taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // Who has nothing to send keeps no memory for it.
        self.pieces = VecDeque::new();
        Ok(true)
    }

    fn forget(&mut self, taken: usize) {
        self.waiting -= taken;
        self.sent += taken;
        while let Some(first) = self.pieces.front().map(|piece| piece.len())
            && self.sent >= first
        {
            self.sent -= first;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, then wants to be asked again.
    struct Stubborn {
        taken: Vec<u8>,
        left: usize,
    }

    impl Write for Stubborn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let before = self.taken.len();
            for byte in slices.iter().flat_map(|slice| slice.iter()).take(self.left.min(5)) {
                self.taken.push(*byte);
            }
            let count = self.taken.len() - before;
            self.left -= count;
            if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_byte_goes_once_and_in_order_however_few_are_taken_at_a_time() {
        let pieces: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; usize::from(n) % 7]).collect();
        let all: Vec<u8> = pieces.concat();
        for step in 1..30 {
            let mut outbox = Outbox::default();
            let mut peer = Stubborn { taken: Vec::new(), left: 0 };
            for piece in &pieces {
                outbox.push(piece.as_slice().into());
                peer.left = step % 6;
                outbox.send(&mut peer).unwrap();
                assert_eq!(outbox.waiting(), outbox.pieces().map(|p| p.len()).sum::<usize>() - outbox.sent);
            }
            peer.left = 1000;
            assert!(outbox.send(&mut peer).unwrap());
            assert_eq!((peer.taken, outbox.waiting()), (all.clone(), 0));
        }
    }
}
