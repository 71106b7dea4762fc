//! A place in the document together with what reading it needs: the way back to the text, the
//! environment, and somewhere to put problems.

use std::cell::RefCell;
use std::path::Path;

use super::document::{Form, Node, Step};
use super::environment::{self, Lookup};

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What all fields of a document share.
pub(super) struct World<'a> {
    pub(super) directory: &'a Path,
    pub(super) environment: Lookup<'a>,
    pub(super) problems: RefCell<Vec<Problem>>,
}

/// A node and the way to it.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) node: &'a Node,
    pub(super) world: &'a World<'a>,
    path: Vec<Step>,
}

impl<'a> Field<'a> {
    pub(super) fn root(node: &'a Node, world: &'a World<'a>) -> Field<'a> {
        Field { node, world, path: Vec::new() }
    }

    /// Notes a problem with the value. Always `None`, so that a reader can return it.
    pub(super) fn wrong<T>(&self, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.note(self.path.clone(), message.into(), help.into())
    }

    /// Notes a problem with a key of this map.
    pub(super) fn wrong_key(&self, key: &str, occurrence: usize, message: String, help: String) {
        let mut path = self.path.clone();
        path.push(Step::Key { key: key.to_owned(), occurrence });
        self.note::<()>(path, message, help);
    }

    fn note<T>(&self, path: Vec<Step>, message: String, help: String) -> Option<T> {
        let help = (!help.is_empty()).then_some(help);
        self.world.problems.borrow_mut().push(Problem { path, message, help });
        None
    }

    /// The key that leads here.
    pub(super) fn key(&self) -> &str {
        match self.path.last() {
            Some(Step::Value { key, .. } | Step::Key { key, .. }) => key,
            Some(Step::Item(_)) => self
                .path
                .iter()
                .rev()
                .find_map(|step| match step {
                    Step::Value { key, .. } => Some(key.as_str()),
                    Step::Key { .. } | Step::Item(_) => None,
                })
                .unwrap_or(""),
            None => "",
        }
    }

    fn below(&self, node: &'a Node, step: Step) -> Field<'a> {
        let mut path = self.path.clone();
        path.push(step);
        Field { node, world: self.world, path }
    }

    /// The items of a list.
    pub(super) fn items(&self, list: &'a [Node]) -> impl Iterator<Item = Field<'a>> {
        list.iter().enumerate().map(|(at, node)| self.below(node, Step::Item(at)))
    }

    /// The entries of a map; a key that is there twice is a problem.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Field<'a>)>> {
        let Node::Map(entries) = self.node else {
            return match self.node {
                Node::Null => {
                    self.wrong(format!("{} is empty", self.shown_key()), "write {} if that is meant")
                }
                Node::Scalar { .. } | Node::List(_) | Node::Map(_) => {
                    self.wrong(format!("{} must be a map (`key: value`)", self.shown_key()), "")
                }
            };
        };
        let mut fields: Vec<(&str, Field)> = Vec::new();
        for (at, (key, node)) in entries.iter().enumerate() {
            let occurrence = entries[..at].iter().filter(|(earlier, _)| earlier == key).count();
            if occurrence > 0 {
                self.wrong_key(key, occurrence, format!("`{key}` is given twice"), String::new());
            } else {
                fields.push((key, self.below(node, Step::Value { key: key.clone(), occurrence })));
            }
        }
        Some(fields)
    }

    fn shown_key(&self) -> String {
        match self.key() {
            "" => "the configuration".to_owned(),
            key => format!("`{key}`"),
        }
    }

    /// A scalar, as it was written.
    pub(super) fn scalar(&self, wanted: &str) -> Option<(&'a str, Form)> {
        match self.node {
            Node::Scalar { text, form } => Some((text, *form)),
            Node::Null => self.wrong(format!("`{}` has no value", self.key()), format!("it takes {wanted}")),
            Node::List(_) => {
                self.wrong(format!("`{}` cannot be a list", self.key()), format!("it takes {wanted}"))
            }
            Node::Map(_) => {
                self.wrong(format!("`{}` cannot be a map", self.key()), format!("it takes {wanted}"))
            }
        }
    }

    /// A scalar in which `${NAME}` is replaced.
    pub(super) fn text(&self, wanted: &str) -> Option<String> {
        let (text, _) = self.scalar(wanted)?;
        self.expanded(text)
    }

    /// `text` with `${NAME}` replaced.
    pub(super) fn expanded(&self, text: &str) -> Option<String> {
        match environment::expand(text, self.world.environment) {
            Ok(text) if text.contains('\0') => self
                .wrong(format!("`{}` contains a NUL character", self.key()), "no program can be given one"),
            Ok(text) => Some(text),
            Err((message, help)) => self.wrong(message, help),
        }
    }
}
