//! JSON that is opened only where it is looked into; everything else stays the bytes it came as.

use std::borrow::Cow;

use super::cursor::{Broken, Cursor, string};

/// Most members of an opened object. The API server takes objects of 3 MiB, which cannot have so many; a body of 256 MiB
/// could have enough to fill the memory.
const MOST_MEMBERS: usize = 1 << 20;

/// A JSON value: text that was not looked into, new text, or an opened object.
#[derive(Debug)]
pub enum Node<'a> {
    /// JSON text of the input.
    Raw(&'a str),
    /// JSON text that was made here.
    New(String),
    /// An object that was opened.
    Object(Object<'a>),
}

/// An opened object: its members in their order.
#[derive(Debug, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Node<'a> {
    /// A JSON string.
    pub fn string(text: &str) -> Self {
        Self::New(serde_json::Value::from(text).to_string())
    }

    /// The object in this node, opened if it was not; `None` for every other type.
    pub fn open(&mut self) -> Option<&mut Object<'a>> {
        match self {
            Self::Raw(text) => *self = Self::Object(Object::parse(text)?),
            Self::New(_) => return None,
            Self::Object(_) => {}
        }
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The string in this node; `None` for every other type.
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        let text = self.text()?;
        // Most leaves are no strings or have no escapes: look before parsing.
        if !text.starts_with('"') {
            return None;
        }
        string(text)
    }

    /// Whether this is `true` or `false`; `None` for every other type.
    pub fn as_bool(&self) -> Option<bool> {
        match self.text()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Whether this is `null`, which in both versions means the same as absence.
    pub fn is_null(&self) -> bool {
        self.text() == Some("null")
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Raw(text) => Some(text),
            Self::New(text) => Some(text),
            Self::Object(_) => None,
        }
    }

    /// Appends the JSON text.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Raw(text) => out.extend_from_slice(text.as_bytes()),
            Self::New(text) => out.extend_from_slice(text.as_bytes()),
            Self::Object(object) => object.write(out),
        }
    }
}

impl<'a> Object<'a> {
    /// Opens JSON text, one level deep; `None` if it is no object.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut json = Cursor::new(text);
        Self::read(&mut json).ok().flatten().filter(|_| json.is_at_end())
    }

    /// Opens the object that comes next. `None`, and the value is stepped over, if it is no object.
    pub(super) fn read(json: &mut Cursor<'a>) -> Result<Option<Self>, Broken> {
        let mut members = Vec::with_capacity(8);
        let is_object = json.object(|name, json| {
            if members.len() == MOST_MEMBERS {
                return Err(Broken::TooMany(MOST_MEMBERS));
            }
            members.push((name, Node::Raw(json.value()?)));
            Ok(())
        })?;
        Ok(is_object.then_some(Self { members }))
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member `key`.
    pub fn get(&mut self, key: &str) -> Option<&mut Node<'a>> {
        let at = self.position(key)?;
        Some(&mut self.members[at].1)
    }

    /// The node at `path`, through objects only.
    pub fn at(&mut self, path: &[&str]) -> Option<&mut Node<'a>> {
        let (last, parents) = path.split_last()?;
        let mut object = self;
        for key in parents {
            object = object.get(key)?.open()?;
        }
        object.get(last)
    }

    /// Takes the node at `path` out, and every parent that is empty without it, but for the outermost: `spec` and
    /// `status` stay.
    pub fn take(&mut self, path: &[&str]) -> Option<Node<'a>> {
        let (first, rest) = path.split_first()?;
        let at = self.position(first)?;
        if rest.is_empty() {
            return Some(self.members.remove(at).1);
        }
        self.members[at].1.open()?.take_pruning(rest)
    }

    fn take_pruning(&mut self, path: &[&str]) -> Option<Node<'a>> {
        let taken = self.take(path)?;
        if let Some((first, [_, ..])) = path.split_first()
            && self.get(first).and_then(Node::open).is_some_and(|child| child.is_empty())
        {
            self.take(&[first]);
        }
        Some(taken)
    }

    /// Whether [`Object::put`] at `path` would overwrite nothing: the place is free, and its parents are objects or
    /// free too.
    pub fn is_free(&mut self, path: &[&str]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        let Some(node) = self.get(first) else { return true };
        node.is_null() || (!rest.is_empty() && node.open().is_some_and(|child| child.is_free(rest)))
    }

    /// Puts `node` at `path`, making the parents that are missing. What is in its way is overwritten: ask
    /// [`Object::is_free`] first.
    pub fn put(&mut self, path: &[&str], node: Node<'a>) {
        let Some((first, rest)) = path.split_first() else { return };
        let at = self.position(first).unwrap_or_else(|| {
            self.members.push((Cow::Owned((*first).to_owned()), Node::Object(Object::default())));
            self.members.len() - 1
        });
        let member = &mut self.members[at].1;
        if rest.is_empty() {
            *member = node;
            return;
        }
        if member.open().is_none() {
            *member = Node::Object(Object::default());
        }
        if let Some(child) = member.open() {
            child.put(rest, node);
        }
    }

    /// Appends the JSON text.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (key, node)) in self.members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            serde_json::to_writer(&mut *out, key).expect("a string is written to memory");
            out.push(b':');
            node.write(out);
        }
        out.push(b'}');
    }

    /// Of members with the same name the last one counts, as everywhere in Kubernetes.
    fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().rposition(|(name, _)| name == key)
    }
}
