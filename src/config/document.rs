//! YAML text to a tree of our own, and back from a path in it to a position in the text.
//!
//! serde_yaml takes a key given twice, does not merge `<<`, loses how a number was written, and has no
//! positions. So the text is walked more than once: by a visitor that keeps everything, then along
//! the tree for the text of each scalar, and, for each problem that is shown, along a path up to a
//! deliberate failure, whose error carries the position.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::diagnostic::{Diagnostic, Position};
use super::syntax;

/// The largest configuration, in bytes. Thousands of programs fit.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Values that a document may have once its aliases are followed.
const NODES_MAX: u32 = 200_000;

/// A value of the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Scalar {
        text: String,
        form: Form,
    },
    List(Vec<Node>),
    /// Keys may come twice; `<<` is a key like any other until [`Node::merge`].
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Node,
    /// From the map to the value, as the text has it: one step, or more for what `<<` brought in.
    pub(super) way: Vec<Step>,
}

/// What YAML takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Bool,
}

/// One step from a node to one below it. Paths compare in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Step {
    /// Counts the entries of a map or the items of a list.
    pub(super) at: usize,
    pub(super) to: To,
}

/// Which part of an entry; items are values. A key ends its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum To {
    Key,
    Value,
}

/// Reads the one document of `text`.
pub(super) fn read(text: &str) -> Result<Node, Diagnostic> {
    syntax::refuse(text)?;
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else { return Ok(Node::Null) };
    let budget = Cell::new(NODES_MAX);
    let mut root = Reader(&budget).deserialize(first).map_err(|error| refused(text, &error))?;
    if let Some(second) = documents.next() {
        let error = Here.deserialize(second).err();
        return Err(Diagnostic {
            position: error.and_then(|error| error.location()).map(|at| Position::of(text, at.index())),
            message: "a second document starts here".to_owned(),
            help: Some("`---` may only stand in the first line; there is one document in a file".to_owned()),
        });
    }
    if let Some(again) = serde_yaml::Deserializer::from_str(text).next() {
        Texts(&mut root).deserialize(again).map_err(|error| refused(text, &error))?;
    }
    Ok(root)
}

fn refused(text: &str, error: &serde_yaml::Error) -> Diagnostic {
    syntax::explain(text, error.to_string(), error.location().map(|at| at.index()))
}

/// Where `path` leads in `text`.
pub(super) fn locate(text: &str, path: &[Step]) -> Option<Position> {
    let document = serde_yaml::Deserializer::from_str(text).next()?;
    let error = Finder(path).deserialize(document).err()?;
    error.location().map(|at| Position::of(text, at.index()))
}

impl Node {
    /// Puts what `<<` names behind the map's own keys, which win; of a list, earlier maps win.
    ///
    /// # Errors
    /// The ways to what is no map.
    pub(super) fn merge(&mut self) -> Result<(), Vec<Vec<Step>>> {
        let Node::Map(entries) = self else { return Ok(()) };
        let (sources, own): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(entries).into_iter().partition(|entry| entry.key == "<<");
        let mut known: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
        let mut wrong = Vec::new();
        *entries = own;
        for (mut source, way) in sources.into_iter().flat_map(Entry::into_sources) {
            wrong.extend(source.merge().err().into_iter().flatten().map(|inner| joined(&way, &inner)));
            let Node::Map(more) = source else {
                wrong.push(way);
                continue;
            };
            let fresh = more.into_iter().filter(|entry| known.insert(entry.key.clone()));
            entries.extend(fresh.map(|entry| Entry { way: joined(&way, &entry.way), ..entry }));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl Entry {
    /// What a `<<` merges, each with the way to it.
    fn into_sources(self) -> Vec<(Node, Vec<Step>)> {
        match self.value {
            Node::List(items) => {
                let way = |at| joined(&self.way, &[Step { at, to: To::Value }]);
                items.into_iter().enumerate().map(|(at, item)| (item, way(at))).collect()
            }
            node => vec![(node, self.way)],
        }
    }
}

fn joined(way: &[Step], rest: &[Step]) -> Vec<Step> {
    [way, rest].concat()
}

/// Builds the tree.
struct Reader<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let left = self.0.get().checked_sub(1);
        let left = left.ok_or_else(|| {
            de::Error::custom(format!("more than {NODES_MAX} values, with all aliases followed"))
        })?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    /// A file without any value.
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    /// serde_yaml's way to present a tag.
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(de::Error::custom("tags (`!name`) have no meaning here"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(unread(Form::Bool))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(unread(Form::Number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(unread(Form::Number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(unread(Form::Number))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(unread(Form::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(unread(Form::Number))
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(unread(Form::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Reader(self.0))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(KeyReader)? {
            let way = vec![Step { at: map.len(), to: To::Value }];
            map.push(Entry { key, value: entries.next_value_seed(Reader(self.0))?, way });
        }
        Ok(Node::Map(map))
    }
}

struct KeyReader;

impl<'de> DeserializeSeed<'de> for KeyReader {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyReader {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text for a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<String, E> {
        Ok(key.to_owned())
    }
}

/// A scalar whose text comes with the second walk.
fn unread(form: Form) -> Node {
    Node::Scalar { text: String::new(), form }
}

/// Walks along the tree and fills in the texts of its scalars, as they were written.
struct Texts<'a>(&'a mut Node);

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Node::Null => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            Node::Scalar { .. } => deserializer.deserialize_str(self),
            Node::List(_) => deserializer.deserialize_seq(self),
            Node::Map(_) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was there before")
    }

    fn visit_str<E>(self, written: &str) -> Result<(), E> {
        if let Node::Scalar { text, .. } = self.0 {
            written.clone_into(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Node::List(list) = self.0 {
            for node in list {
                items.next_element_seed(Texts(node))?;
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let Node::Map(map) = self.0 {
            for entry in map {
                entries.next_key::<IgnoredAny>()?;
                entries.next_value_seed(Texts(&mut entry.value))?;
            }
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Follows a path and fails at its end, on purpose.
struct Finder<'a>(&'a [Step]);

/// Fails on whatever it is given.
struct Here;

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.is_empty() {
            true => Here.deserialize(deserializer),
            false => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was there before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Ok(()) };
        for _ in 0..step.at {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Finder(rest)).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Ok(()) };
        for _ in 0..step.at {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        match step.to {
            To::Key => entries.next_key_seed(Here).map(|_| ()),
            To::Value => {
                entries.next_key::<IgnoredAny>()?;
                entries.next_value_seed(Finder(rest))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Here {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Here {
    type Value = ();

    // Every visit_ method that is left out fails with an error, which is all that is wanted; maps
    // and lists fail by it too.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a failure")
    }
}
