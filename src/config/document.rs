//! YAML text to a tree of our own, and back from a path in it to a position in the text.
//!
//! serde_yaml takes a key given twice, does not merge `<<`, loses how a number was written, and has no
//! positions. So the text is walked more than once: by a visitor that keeps everything, then along
//! the tree for the text of each scalar, and, for each problem that is shown, along a path up to a
//! deliberate failure, whose error carries the position.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::diagnostic::Position;

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
    Map(Vec<(String, Node)>),
}

/// What YAML takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Bool,
}

/// One step from a node to one below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key; `occurrence` counts from 0 where the key was given twice.
    Value {
        key: String,
        occurrence: usize,
    },
    /// The key itself; always the last step.
    Key {
        key: String,
        occurrence: usize,
    },
    Item(usize),
}

/// A syntax error.
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) position: Option<Position>,
}

/// Reads the one document of `text`.
pub(super) fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else { return Ok(Node::Null) };
    let budget = Cell::new(NODES_MAX);
    let mut root = Reader(&budget).deserialize(first).map_err(syntax_error)?;
    if documents.next().is_some() {
        let message = "there is more than one document (`---`) in the file".to_owned();
        return Err(SyntaxError { message, position: None });
    }
    if let Some(again) = serde_yaml::Deserializer::from_str(text).next() {
        Texts(&mut root).deserialize(again).map_err(syntax_error)?;
    }
    Ok(root)
}

fn syntax_error(error: serde_yaml::Error) -> SyntaxError {
    let position = error.location().map(|at| Position { line: at.line(), column: at.column() });
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    SyntaxError { message, position }
}

/// Where `path` leads in `text`; what does not exist is found where it is missing.
pub(super) fn locate(text: &str, path: &[Step]) -> Option<Position> {
    let document = serde_yaml::Deserializer::from_str(text).next()?;
    let error = Finder(path).deserialize(document).err();
    match error.and_then(|error| error.location()) {
        Some(at) => Some(Position { line: at.line(), column: at.column() }),
        // It came by a merge or an alias: the nearest place above it that the text has.
        None => locate(text, path.split_last()?.1),
    }
}

impl Node {
    /// Puts what `<<` names behind the map's own keys, which win.
    pub(super) fn merge(&mut self) -> Result<(), &'static str> {
        let Node::Map(entries) = self else { return Ok(()) };
        while let Some(at) = entries.iter().position(|(key, _)| key == "<<") {
            let sources = match entries.remove(at).1 {
                Node::List(items) => items,
                node => vec![node],
            };
            for mut source in sources {
                source.merge()?;
                let Node::Map(more) = source else { return Err("`<<` takes a map, or a list of maps") };
                for (key, value) in more {
                    if entries.iter().all(|(own, _)| *own != key) {
                        entries.push((key, value));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Builds the tree.
struct Reader<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let left = self.0.get().checked_sub(1);
        let left = left.ok_or_else(|| de::Error::custom(format!("more than {NODES_MAX} values in all")))?;
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
        while let Some(key) = entries.next_key::<String>()? {
            map.push((key, entries.next_value_seed(Reader(self.0))?));
        }
        Ok(Node::Map(map))
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
            for (_, node) in map {
                entries.next_key::<IgnoredAny>()?;
                entries.next_value_seed(Texts(node))?;
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
        match self.0.first() {
            None => Here.deserialize(deserializer),
            Some(Step::Item(_)) => deserializer.deserialize_seq(self),
            Some(Step::Key { .. } | Step::Value { .. }) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was there before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.0.split_first() else { return Ok(()) };
        for _ in 0..*wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Finder(rest))?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else { return Ok(()) };
        let (Step::Value { key, occurrence } | Step::Key { key, occurrence }) = step else { return Ok(()) };
        let fails_at_key = matches!(step, Step::Key { .. });
        let mut seen = 0;
        while let Some(is_wanted) =
            entries.next_key_seed(KeyFinder { key, skip: *occurrence, seen: &mut seen, fails_at_key })?
        {
            match is_wanted {
                true => entries.next_value_seed(Finder(rest))?,
                false => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Compares a key with the one that is looked for.
struct KeyFinder<'a> {
    key: &'a str,
    skip: usize,
    seen: &'a mut usize,
    fails_at_key: bool,
}

impl<'de> DeserializeSeed<'de> for KeyFinder<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyFinder<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        if key != self.key {
            return Ok(false);
        }
        *self.seen += 1;
        let is_wanted = *self.seen == self.skip + 1;
        if is_wanted && self.fails_at_key {
            return Err(E::custom("here"));
        }
        Ok(is_wanted)
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
