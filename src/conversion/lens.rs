//! How one row of the table changes an object, in both directions.
//!
//! A lens moves what has an exact counterpart. Where the counterpart says less, it leaves the original beside its
//! projection, and on the way back keeps the original if its projection is still what is there: else the user's edit
//! wins and the original goes. A value that does not fit stays where it is.

use super::init_mode;
use super::tree::{Node, Object};

/// Names from the root of an object to one of its fields.
pub type Path = &'static [&'static str];

/// One way in which the versions differ.
#[derive(Clone, Copy, Debug)]
pub enum Lens {
    /// The same value at another path.
    Move {
        /// Where v1 has it.
        v1: Path,
        /// Where v1alpha1 has it.
        v1alpha1: Path,
    },
    /// A text that v1alpha1 requires and v1 leaves out when it is empty.
    EmptyText(Path),
    /// A time: `YYYY-MM-DD HH:MM:SS` in v1alpha1, RFC 3339 with whole seconds and `Z` in v1. Any other text is the
    /// same in both.
    Time(Path),
    /// A word of which v1alpha1 knows fewer.
    Word {
        /// Where the word is, in both versions.
        path: Path,
        /// Where v1alpha1 keeps the word that it does not know.
        original: Path,
        /// v1's words that v1alpha1 does not know, with what stands for them there.
        words: &'static [(&'static str, &'static str)],
    },
    /// How a database is filled the first time: [`init_mode`].
    InitMode,
}

impl Lens {
    /// From v1 to v1alpha1.
    pub fn to_v1alpha1(self, object: &mut Object<'_>) {
        match self {
            Self::Move { v1, v1alpha1 } => relocate(object, v1, v1alpha1),
            Self::EmptyText(path) => fill_empty(object, path),
            Self::Time(path) => rewrite(object, path, to_space_form),
            Self::Word { path, original, words } => project_word(object, path, original, words),
            Self::InitMode => init_mode::to_v1alpha1(object),
        }
    }

    /// From v1alpha1 to v1.
    pub fn to_v1(self, object: &mut Object<'_>) {
        match self {
            Self::Move { v1, v1alpha1 } => relocate(object, v1alpha1, v1),
            Self::EmptyText(path) => {
                if object.at(path).is_some_and(|node| node.as_str().is_some_and(|text| text.is_empty())) {
                    object.take(path);
                }
            }
            Self::Time(path) => rewrite(object, path, to_rfc3339),
            Self::Word { path, original, words } => restore_word(object, path, original, words),
            Self::InitMode => init_mode::to_v1(object),
        }
    }
}

fn relocate(object: &mut Object<'_>, from: Path, to: Path) {
    if object.at(from).is_some()
        && object.is_free(to)
        && let Some(node) = object.take(from)
    {
        object.put(to, node);
    }
}

fn fill_empty(object: &mut Object<'_>, path: Path) {
    let Some((_, parents)) = path.split_last() else { return };
    let parent_is_there = object.at(parents).is_some_and(|parent| parent.open().is_some());
    if parent_is_there && object.is_free(path) {
        object.put(path, Node::string(""));
    }
}

fn rewrite(object: &mut Object<'_>, path: Path, form: fn(&str) -> Option<String>) {
    if let Some(node) = object.at(path)
        && let Some(new) = node.as_str().and_then(|text| form(&text))
    {
        *node = Node::string(&new);
    }
}

fn project_word(object: &mut Object<'_>, path: Path, original: Path, words: &[(&str, &str)]) {
    let projection = object.at(path).and_then(|node| {
        let word = node.as_str()?;
        words.iter().find(|(v1, _)| *v1 == word).map(|(v1, v1alpha1)| (*v1, *v1alpha1))
    });
    if let Some((v1, v1alpha1)) = projection
        && object.is_free(original)
    {
        object.put(path, Node::string(v1alpha1));
        object.put(original, Node::string(v1));
    }
}

fn restore_word(object: &mut Object<'_>, path: Path, original: Path, words: &[(&str, &str)]) {
    let kept = object.at(original).and_then(|node| {
        let word = node.as_str()?;
        words.iter().find(|(v1, _)| *v1 == word).map(|(v1, v1alpha1)| (*v1, *v1alpha1))
    });
    let Some((v1, v1alpha1)) = kept else { return };
    object.take(original);
    if let Some(node) = object.at(path)
        && node.as_str().is_some_and(|word| word == v1alpha1)
    {
        *node = Node::string(v1);
    }
}

/// `2026-11-21T04:05:06Z` as `2026-11-21 04:05:06`; `None` for every other text.
fn to_space_form(text: &str) -> Option<String> {
    let text = text.strip_suffix('Z')?;
    is_time(text, b'T').then(|| text.replacen('T', " ", 1))
}

/// `2026-11-21 04:05:06` as `2026-11-21T04:05:06Z`; `None` for every other text.
fn to_rfc3339(text: &str) -> Option<String> {
    is_time(text, b' ').then(|| format!("{}Z", text.replacen(' ', "T", 1)))
}

fn is_time(text: &str, separator: u8) -> bool {
    const SHAPE: &[u8; 19] = b"0000-00-00 00:00:00";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b' ' => byte == separator,
            _ => byte == *shape,
        })
}
