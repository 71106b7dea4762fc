//! What connections may make us keep, all together.

use std::collections::HashSet;
use std::sync::Arc;

use super::outbox::Outbox;

/// Bytes of answers that may wait for all TCP peers together. Every connection has a bound of its own,
/// but some hundred peers that ask and do not read would come to gigabytes.
pub(super) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The memory behind these outboxes: a piece that many of them share is there once.
pub(super) fn distinct_bytes<'a>(outboxes: impl Iterator<Item = &'a Outbox>) -> usize {
    let mut seen = HashSet::new();
    let pieces = outboxes.flat_map(Outbox::pieces).filter(|piece| seen.insert(Arc::as_ptr(piece).addr()));
    pieces.map(|piece| piece.len()).sum()
}

/// Connections that are let in while there is any descriptor at all.
pub(super) const CONNECTIONS_ALWAYS: usize = 4;

/// Descriptors below the limit that connections leave alone, for spawns to come; those at the control
/// socket may go further than those over TCP. With a small limit it is a part of that.
pub(super) fn reserve(limit: u64, is_tcp: bool) -> u64 {
    if is_tcp { (limit / 4).min(64) } else { (limit / 8).min(32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_counts_once() {
        let shared: Arc<[u8]> = [7; 1000].into();
        let outboxes: Vec<Outbox> = (0..10)
            .map(|n| {
                let mut outbox = Outbox::default();
                outbox.push(Arc::clone(&shared));
                outbox.push(vec![n; 5].into());
                outbox
            })
            .collect();
        assert_eq!(distinct_bytes(outboxes.iter()), 1050);
    }
}
