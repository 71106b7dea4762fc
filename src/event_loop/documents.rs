//! The state as a JSON document, rendered once for all who ask within a moment.

use std::sync::Arc;
use std::time::Duration;

use super::EventLoop;
use crate::supervisor::Event;
use crate::time::Time;
use crate::view;

/// A document is given again for this long, if nothing has happened since: only the uptimes in it, and
/// the seconds to the next retry, are then older than the answer.
const FRESH: Duration = Duration::from_millis(50);

/// A document larger than this is let go of when it is fresh no more, in bytes: for that the loop wakes up once
/// after it was asked for. Of smaller ones the last is kept.
const KEPT_BYTES_MAX: usize = 128 * 1024;

/// The latest document.
#[derive(Default)]
pub(super) struct Documents {
    status: Option<(Time, Arc<[u8]>)>,
}

impl Documents {
    /// This happened: what was rendered before is not true any more.
    pub(super) fn note(&mut self, event: &Event) {
        if !matches!(event, Event::Tick) {
            self.outdate();
        }
    }

    pub(super) fn outdate(&mut self) {
        self.status = None;
    }

    /// When a large document is to be let go of.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let (at, _) = self.status.as_ref().filter(|(_, document)| document.len() > KEPT_BYTES_MAX)?;
        Some(*at + FRESH)
    }

    /// Lets go of a large document that nobody is given any more.
    pub(super) fn let_go(&mut self, now: Time) {
        if self.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.outdate();
        }
    }
}

impl EventLoop {
    /// The document of `GET /api/status`.
    pub(super) fn status_document(&mut self) -> Arc<[u8]> {
        if let Some((at, document)) = &self.documents.status
            && self.now - *at < FRESH
        {
            return Arc::clone(document);
        }
        self.refresh_usages();
        let document: Arc<[u8]> = self.snapshot_as_json().into();
        self.documents.status = Some((self.now, Arc::clone(&document)));
        document
    }

    fn snapshot_as_json(&mut self) -> Vec<u8> {
        let snapshot = self.snapshot();
        view::json::status(&self.about(), &snapshot)
    }

    /// The document with only this program, if there is one of that name.
    pub(super) fn status_document_of(&mut self, program: &str) -> Vec<u8> {
        let found = self.supervisor.programs().find(|found| found.spec().name == program);
        let keys = found.map_or_else(Vec::new, |found| found.instances().to_vec());
        self.refresh_usages_of(&keys);
        let mut snapshot = self.snapshot_of(&keys);
        snapshot.programs.retain(|found| found.name == program);
        view::json::status(&self.about(), &snapshot)
    }
}
