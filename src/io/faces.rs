//! Who asked: which of the open orders came over HTTP, and what they have been told so far. The
//! console knows its own.

use std::collections::HashMap;

use crate::command::RequestId;
use crate::http::Request;
use crate::slots::Key;

/// An order that came over HTTP, and its answer up to now.
pub(crate) struct Asked {
    /// The connection.
    pub(crate) connection: Key,
    pub(crate) request: Box<Request>,
    pub(crate) lines: Vec<String>,
}

/// The open orders.
#[derive(Default)]
pub(crate) struct Faces {
    last: u64,
    over_http: HashMap<RequestId, Asked>,
}

impl Faces {
    /// A name for the next order.
    pub(crate) fn next_request(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }

    /// Whether a connection waits for the answer to this order.
    pub(crate) fn is_over_http(&self, order: RequestId) -> bool {
        self.over_http.contains_key(&order)
    }

    /// The answer to this order goes to a connection.
    pub(crate) fn expect(&mut self, order: RequestId, connection: Key, request: Box<Request>) {
        self.over_http.insert(order, Asked { connection, request, lines: Vec::new() });
    }

    /// Keeps a line for a connection; gives it back if a connection did not ask.
    pub(crate) fn reply(&mut self, order: RequestId, line: String) -> Option<String> {
        match self.over_http.get_mut(&order) {
            Some(asked) => {
                asked.lines.push(line);
                None
            }
            None => Some(line),
        }
    }

    /// The order is done: what is to be sent to whom, if a connection asked.
    pub(crate) fn done(&mut self, order: RequestId) -> Option<Asked> {
        self.over_http.remove(&order)
    }
}
