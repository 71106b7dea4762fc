//! Who watches: the readers of `/api/events`. A change is rendered once for all of them, and changes
//! within a moment together. While nobody watches, nothing is rendered and no timer runs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use super::{BATCH_TIME, EventLoop};
use crate::http::{Request, Response, sse};
use crate::slots::Key;
use crate::time::Time;
use crate::view;

/// Changes are told this long after each other at least.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How often CPU and memory are read anew while somebody watches.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// Past events that a reader who comes back can still get, in number and in bytes.
const HISTORY_EVENTS_MAX: usize = 256;
const HISTORY_BYTES_MAX: usize = 1024 * 1024;

/// The readers, and what they have not been told yet.
pub(super) struct Watchers {
    readers: Vec<Key>,
    /// Instances with news.
    dirty: BTreeSet<Key>,
    /// Programs have come or gone: everybody needs the whole document.
    is_new_world: bool,
    /// Which list of programs and instances was seen last.
    list: u64,
    /// When the news may be told.
    publish_at: Option<Time>,
    published_at: Time,
    /// An event, and those who are still to get it. The next is not made before all have it.
    delivery: Option<(Arc<[u8]>, vec::IntoIter<Key>)>,
    sample_at: Option<Time>,
    /// The instance behind which the next sample begins.
    sampled: Option<Key>,
    /// The id of the latest event; `stamp` tells those of one supervisor from another's.
    last_id: u64,
    stamp: u64,
    /// Events after `history_begin`, each with its bytes.
    history: VecDeque<Arc<[u8]>>,
    history_bytes: usize,
    /// The whole document as of the event `0`, for readers who come at the same time.
    document: Option<(u64, Time, Arc<[u8]>)>,
}

impl Watchers {
    /// `stamp` is different for every supervisor.
    pub(super) fn new(stamp: u64) -> Watchers {
        Watchers {
            readers: Vec::new(),
            dirty: BTreeSet::new(),
            is_new_world: false,
            list: 0,
            publish_at: None,
            published_at: Time::ZERO,
            delivery: None,
            sample_at: None,
            sampled: None,
            last_id: 0,
            stamp,
            history: VecDeque::new(),
            history_bytes: 0,
            document: None,
        }
    }

    /// An instance has news.
    pub(super) fn note(&mut self, now: Time, instance: Key) {
        if self.readers.is_empty() {
            // Whoever comes back later has missed something and gets the whole document.
            self.forget_history();
            return;
        }
        self.dirty.insert(instance);
        self.publish_at.get_or_insert((self.published_at + PUBLISH_EVERY).max(now));
    }

    /// If the list has been changed since it was looked at last, programs or instances have come or
    /// gone; whether that is so.
    pub(super) fn note_list(&mut self, now: Time, revision: u64) -> bool {
        if std::mem::replace(&mut self.list, revision) == revision {
            return false;
        }
        self.forget_history();
        if !self.readers.is_empty() {
            self.is_new_world = true;
            // Many may go one by one, and each time it is the whole document.
            self.publish_at.get_or_insert((self.published_at + PUBLISH_EVERY).max(now));
        }
        true
    }

    /// The instance behind which the next sample begins.
    pub(super) fn sampled(&self) -> Option<Key> {
        self.sampled
    }

    /// Those up to this one are being read now.
    pub(super) fn note_sample(&mut self, now: Time, last: Option<Key>) {
        self.sample_at = Some(now + SAMPLE_EVERY);
        self.sampled = last;
    }

    /// A reader has left.
    pub(super) fn remove(&mut self, reader: Key) {
        self.readers.retain(|other| *other != reader);
        if self.readers.is_empty() {
            self.sample_at = None;
            self.publish_at = None;
            self.delivery = None;
            self.document = None;
            if !self.dirty.is_empty() {
                self.dirty.clear();
                self.forget_history();
            }
        }
    }

    /// When [`EventLoop::serve_watchers`] is needed; never while nobody watches.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        [self.publish_at, self.sample_at].into_iter().flatten().min()
    }

    /// Whether an event has not been sent to everybody yet.
    pub(super) fn has_more(&self) -> bool {
        self.delivery.is_some()
    }

    fn forget_history(&mut self) {
        if !self.history.is_empty() {
            self.history.clear();
            self.history_bytes = 0;
        }
        // No earlier id can be resumed from any more.
        self.last_id += 1;
    }

    fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.stamp)
    }

    /// The events after the one that a returning reader has seen, unless they are gone.
    fn missed(&self, last_event: &str) -> Option<Vec<u8>> {
        let (stamp, number) = last_event.split_once('-')?;
        if u64::from_str_radix(stamp, 16) != Ok(self.stamp) {
            return None;
        }
        let missed = self.last_id.checked_sub(number.parse().ok()?)?;
        let first = (self.history.len() as u64).checked_sub(missed)?;
        Some(self.history.iter().skip(first as usize).flat_map(|event| event.iter().copied()).collect())
    }

    /// Gives an event the next id and keeps it.
    fn keep(&mut self, data: &[u8]) -> Arc<[u8]> {
        self.last_id += 1;
        let event: Arc<[u8]> = sse::event("change", Some(&self.id(self.last_id)), data).into();
        self.history_bytes += event.len();
        self.history.push_back(Arc::clone(&event));
        while self.history.len() > HISTORY_EVENTS_MAX || self.history_bytes > HISTORY_BYTES_MAX {
            self.history_bytes -= self.history.pop_front().map_or(0, |event| event.len());
        }
        event
    }
}

impl EventLoop {
    /// A new reader: the whole document first, or what it has missed.
    pub(super) fn begin_events(&mut self, connection: Key, request: &Request) {
        let response = Response::events();
        self.with_http(|http, registry, now| http.respond(registry, now, connection, request, &response));
        let first: Arc<[u8]> = match self.watchers.missed(&request.last_event) {
            Some(missed) => missed.into(),
            None => self.whole_document(),
        };
        self.watchers.readers.push(connection);
        self.watchers.sample_at.get_or_insert(self.now + SAMPLE_EVERY);
        self.with_http(|http, registry, now| {
            http.push(registry, now, connection, sse::RETRY.into());
            http.push(registry, now, connection, first);
        });
    }

    /// The whole document as an event. It is as of the latest change that was told: what is dirty now
    /// is told again.
    fn whole_document(&mut self) -> Arc<[u8]> {
        // A reading that is taken now may take the next id, where nobody watches yet.
        let state = self.status_document();
        let id = self.watchers.last_id;
        if let Some((of, at, document)) = &self.watchers.document
            && *of == id
            && self.now - *at < PUBLISH_EVERY
        {
            return Arc::clone(document);
        }
        let event: Arc<[u8]> = sse::event("status", Some(&self.watchers.id(id)), &state).into();
        self.watchers.document = Some((id, self.now, Arc::clone(&event)));
        event
    }

    /// Tells the readers what is due, in several turns if they are many: each of them wakes up and takes the
    /// processor.
    pub(super) fn serve_watchers(&mut self) {
        let until = self.clock.now() + BATCH_TIME;
        if self.watchers.sample_at.is_some_and(|at| at <= self.now) {
            self.sample_usages();
        }
        let is_due = self.watchers.publish_at.is_some_and(|at| at <= self.now);
        if is_due && !self.watchers.has_more() {
            self.publish();
        }
        self.deliver(until);
    }

    /// Makes an event of what is new.
    fn publish(&mut self) {
        self.watchers.publish_at = None;
        self.watchers.published_at = self.now;
        let dirty = std::mem::take(&mut self.watchers.dirty);
        let event = if std::mem::take(&mut self.watchers.is_new_world) {
            self.watchers.document = None;
            self.whole_document()
        } else {
            let rows = view::rows(&self.supervisor, self.now, dirty.into_iter(), |pid| self.observe(pid));
            let data = view::json::change(&view::counts(&self.supervisor), &rows);
            self.watchers.keep(&data)
        };
        self.watchers.delivery = Some((event, self.watchers.readers.clone().into_iter()));
    }

    /// Sends the event to those who have not got it yet, until then; to one of them at least.
    fn deliver(&mut self, until: Time) {
        let Some((event, mut readers)) = self.watchers.delivery.take() else { return };
        for reader in readers.by_ref() {
            let event = Arc::clone(&event);
            self.with_http(|http, registry, now| http.push(registry, now, reader, event));
            if self.clock.now() >= until {
                break;
            }
        }
        if readers.len() > 0 {
            self.watchers.delivery = Some((event, readers));
        }
        self.forget_departed();
    }
}
