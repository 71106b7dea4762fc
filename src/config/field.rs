//! A place in the document together with what reading it needs: the way back to the text, the
//! environment, and somewhere to put problems.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

use super::document::{Entry, Form, Node, Step, To};
use super::environment;
use super::identity::Surroundings;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The other place that it is about: where what is there twice is for the first time.
    pub(super) first: Option<Vec<Step>>,
}

/// What all fields of a document share.
pub(super) struct World<'a> {
    pub(super) directory: &'a Path,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) problems: RefCell<Vec<Problem>>,
}

/// A node and the way to it.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) node: &'a Node,
    pub(super) world: &'a World<'a>,
    /// The key that leads here; the root has none.
    key: &'a str,
    is_item: bool,
    path: Vec<Step>,
}

impl<'a> Field<'a> {
    pub(super) fn root(node: &'a Node, world: &'a World<'a>) -> Field<'a> {
        Field { node, world, key: "", is_item: false, path: Vec::new() }
    }

    /// Notes a problem with the value. Always `None`, so that a reader can return it.
    pub(super) fn wrong<T>(&self, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.note(self.path.clone(), message.into(), help.into())
    }

    /// Notes a problem with the key that leads here.
    pub(super) fn wrong_key<T>(&self, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.note(key_path(&self.path), message.into(), help.into())
    }

    fn note<T>(&self, path: Vec<Step>, message: String, help: String) -> Option<T> {
        let help = (!help.is_empty()).then_some(help);
        self.world.problems.borrow_mut().push(Problem { path, message, help, first: None });
        None
    }

    /// The key that leads here, or to the list that this is in.
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    /// The items of a list.
    pub(super) fn items(&self, list: &'a [Node]) -> impl Iterator<Item = Field<'a>> {
        list.iter().enumerate().map(|(at, node)| {
            let mut path = self.path.clone();
            path.push(Step { at, to: To::Value });
            Field { node, is_item: true, path, ..*self }
        })
    }

    /// The entries of a map, each key once: [`super::parse`] has complained about the others. `help`
    /// is for those who wrote something else.
    pub(super) fn entries(&self, help: &str) -> Option<Vec<Field<'a>>> {
        let what = match self.node {
            Node::Map(entries) => {
                let mut known = HashSet::new();
                let first = entries.iter().filter(|entry| known.insert(entry.key.as_str()));
                return Some(first.map(|entry| self.below(entry)).collect());
            }
            Node::Null => "be empty; write {} if that is meant",
            Node::Scalar { .. } => "be a single value; it takes a map (`key: value`)",
            Node::List(_) => "be a list; it takes a map (`key: value`)",
        };
        match self.key {
            "" => self.wrong(format!("the configuration cannot {what}"), help),
            key => self.wrong(format!("`{key}` cannot {what}"), help),
        }
    }

    fn below(&self, entry: &'a Entry) -> Field<'a> {
        let path = [self.path.as_slice(), &entry.way].concat();
        Field { node: &entry.value, key: &entry.key, is_item: false, path, ..*self }
    }

    /// A scalar, as it was written.
    pub(super) fn scalar(&self, wanted: &str) -> Option<(&'a str, Form)> {
        match self.node {
            Node::Scalar { text, form } => Some((text, *form)),
            Node::Null => self.wrong(format!("{} has no value", self.shown()), format!("it takes {wanted}")),
            Node::List(_) => {
                self.wrong(format!("{} cannot be a list", self.shown()), format!("it takes {wanted}"))
            }
            Node::Map(_) => {
                self.wrong(format!("{} cannot be a map", self.shown()), format!("it takes {wanted}"))
            }
        }
    }

    fn shown(&self) -> String {
        match self.is_item {
            true => format!("an item of `{}`", self.key),
            false => format!("`{}`", self.key),
        }
    }

    /// A scalar in which `${NAME}` is replaced.
    pub(super) fn text(&self, wanted: &str) -> Option<String> {
        let (text, _) = self.scalar(wanted)?;
        self.expanded(text)
    }

    /// `text` with `${NAME}` replaced.
    pub(super) fn expanded(&self, text: &str) -> Option<String> {
        match environment::expand(text, self.world.surroundings.environment) {
            Ok(text) if text.contains('\0') => self
                .wrong(format!("`{}` contains a NUL character", self.key()), "no program can be given one"),
            Ok(text) => Some(text),
            Err((message, help)) => self.wrong(message, help),
        }
    }
}

/// The path to the key of the value at `path`.
pub(super) fn key_path(path: &[Step]) -> Vec<Step> {
    let mut path = path.to_owned();
    if let Some(last) = path.last_mut() {
        last.to = To::Key;
    }
    path
}
