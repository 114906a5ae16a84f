//! JSON gone through from the front, where most of it is stepped over: half of an object are managedFields, which nobody
//! here reads.
//!
//! What is stepped over is not checked: the API server wrote it, and whoever else sends reviews learns nothing from the
//! answer. What is read is checked by who parses it.

#![expect(
    clippy::inline_always,
    reason = "the processor's features reach what is inlined into `dispatch!`, no further"
)]

use std::borrow::Cow;

use fearless_simd::{Level, Simd, SimdBase as _, SimdMask as _, dispatch, u8x32, u8x64};
use serde::Deserialize;

/// Bytes looked at together.
const BLOCK: usize = 64;

/// A place in JSON text.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// The text is not what was looked for, as far as it was looked at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// No JSON.
    #[error("the JSON is broken at byte {0}")]
    Syntax(usize),
    /// A member has another type.
    #[error("{0} is not {1}")]
    Type(String, &'static str),
    /// A member that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An object has more than so many members.
    #[error("an object has more than {0} members")]
    TooMany(usize),
    /// A member is there twice.
    #[error("{0} is there twice")]
    Twice(&'static str),
}

impl<'a> Cursor<'a> {
    /// Before the first value.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Before the value that begins at this byte, which some cursor stood at in the same text.
    pub fn resume(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// How many bytes it has gone.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes through the members of the object that comes next. `member` is told each name and leaves the cursor behind
    /// the value. False, and the value is stepped over, if it is no object.
    pub fn object(
        &mut self,
        mut member: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), Broken>,
    ) -> Result<bool, Broken> {
        self.each(b'{', b'}', |json| {
            let name = json.name()?;
            if json.next()? != b':' {
                return Err(json.broken());
            }
            json.at += 1;
            member(name, json)
        })
    }

    /// The same, where only null may stand for no object; `called` is what an error calls it.
    pub fn object_or_null(
        &mut self,
        called: &str,
        member: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), Broken>,
    ) -> Result<bool, Broken> {
        let before = self.clone();
        let is_object = self.object(member)?;
        before.found_or_null(self, is_object, called, "an object")
    }

    /// Goes through the list that comes next. `element` leaves the cursor behind the value. False, and the value is
    /// stepped over, if it is no list.
    pub fn list(&mut self, element: impl FnMut(&mut Self) -> Result<(), Broken>) -> Result<bool, Broken> {
        self.each(b'[', b']', element)
    }

    /// The same, where only null may stand for no list; `called` is what an error calls it.
    pub fn list_or_null(
        &mut self,
        called: &str,
        element: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<bool, Broken> {
        let before = self.clone();
        let is_list = self.list(element)?;
        before.found_or_null(self, is_list, called, "a list")
    }

    fn name(&mut self) -> Result<Cow<'a, str>, Broken> {
        if self.next()? != b'"' {
            return Err(self.broken());
        }
        let Quoted { length, plain } =
            quoted(Level::new(), &self.text.as_bytes()[self.at..]).ok_or_else(|| self.broken())?;
        let text = self.text.get(self.at..self.at + length).ok_or_else(|| self.broken())?;
        let name = if plain { text.get(1..length - 1).map(Cow::Borrowed) } else { string(text) };
        self.at += length;
        name.ok_or_else(|| self.broken())
    }

    fn found_or_null(self, end: &Self, found: bool, called: &str, wanted: &'static str) -> Result<bool, Broken> {
        if found || self.until(end) == "null" { Ok(found) } else { Err(Broken::Type(called.to_owned(), wanted)) }
    }

    fn each(
        &mut self,
        open: u8,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<bool, Broken> {
        if self.next()? != open {
            self.value()?;
            return Ok(false);
        }
        self.at += 1;
        if self.next()? == close {
            self.at += 1;
            return Ok(true);
        }
        loop {
            one(self)?;
            match self.next()? {
                b',' => self.at += 1,
                end if end == close => {
                    self.at += 1;
                    return Ok(true);
                }
                _ => return Err(self.broken()),
            }
        }
    }

    /// The string that comes next; `None` for null. `name` is what an error calls it.
    pub fn string(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Broken> {
        let text = self.value()?;
        if text == "null" {
            return Ok(None);
        }
        string(text).map(Some).ok_or_else(|| Broken::Type(name.to_owned(), "a string"))
    }

    /// Steps over the next value.
    pub fn skip(&mut self) -> Result<(), Broken> {
        self.value().map(drop)
    }

    /// Steps over the next value: its text.
    pub fn value(&mut self) -> Result<&'a str, Broken> {
        let first = self.next()?;
        let rest = &self.text.as_bytes()[self.at..];
        let length = match first {
            b'"' => quoted(Level::new(), rest).map(|string| string.length),
            b'{' | b'[' => container(Level::new(), rest),
            _ => rest
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
                .or(Some(rest.len())),
        };
        let from = self.at;
        self.at += length.filter(|length| *length > 0).ok_or_else(|| self.broken())?;
        self.text.get(from..self.at).ok_or_else(|| self.broken())
    }

    /// Steps over the next value, which may be one of those that are known: its text. Comparing costs less than looking
    /// for the end, and a value in brackets or quotes ends where its like does.
    pub fn value_like<'k>(&mut self, known: impl IntoIterator<Item = &'k str>) -> Result<&'a str, Broken> {
        if !matches!(self.next()?, b'{' | b'[' | b'"') {
            return self.value();
        }
        let rest = &self.text[self.at..];
        let Some(like) = known.into_iter().find(|known| !known.is_empty() && rest.starts_with(known)) else {
            return self.value();
        };
        self.at += like.len();
        Ok(&rest[..like.len()])
    }

    /// The text from here to a later place.
    pub fn until(mut self, end: &Self) -> &'a str {
        // White space in front of a value is not part of it.
        let _ = self.next();
        self.text.get(self.at..end.at).unwrap_or_default()
    }

    /// Whether nothing but white space follows.
    pub fn is_at_end(&mut self) -> bool {
        self.next().is_err()
    }

    fn broken(&self) -> Broken {
        Broken::Syntax(self.at)
    }

    fn next(&mut self) -> Result<u8, Broken> {
        loop {
            match *self.text.as_bytes().get(self.at).ok_or_else(|| self.broken())? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }
}

/// The string that `json` is.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if text.bytes().all(plain) => Some(Cow::Borrowed(text)),
        _ => serde_json::from_str(json).ok().map(|Text(text)| text),
    }
}

/// Where a member goes, which may be there once only.
pub(crate) struct Place<T> {
    name: &'static str,
    /// What was there, if anything but null.
    pub value: Option<T>,
}

impl<T> Place<T> {
    /// For a member of this name.
    pub fn of(name: &'static str) -> Self {
        Self { name, value: None }
    }

    /// Puts it there.
    pub fn put(&mut self, value: Option<T>) -> Result<(), Broken> {
        if self.value.is_some() {
            return Err(Broken::Twice(self.name));
        }
        self.value = value;
        Ok(())
    }

    /// What was there.
    pub fn needed(self) -> Result<T, Broken> {
        self.value.ok_or(Broken::Missing(self.name))
    }
}

/// A string in JSON text.
#[derive(Debug, PartialEq)]
struct Quoted {
    /// With its quotes, bytes.
    length: usize,
    /// Whether there is no backslash in it.
    plain: bool,
}

/// The string that `json` begins with.
fn quoted(level: Level, json: &[u8]) -> Option<Quoted> {
    // Most strings are names, which are short.
    if let Some(first) = json.get(1..).and_then(|behind| behind.first_chunk())
        && let Some(length) = dispatch!(level, simd => plain(simd, first))
    {
        return Some(Quoted { length: length + 2, plain: true });
    }
    let (mut at, mut plain) = (1, true);
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(Quoted { length: at + 1, plain });
        }
        plain = false;
        at += 2;
    }
}

/// How many bytes come before a quote, if there is one and no backslash before it.
#[inline(always)]
fn plain<S: Simd>(simd: S, text: &[u8; 32]) -> Option<usize> {
    let text = u8x32::from_slice(simd, text);
    let place = |byte| text.simd_eq(byte).to_bitmask().trailing_zeros();
    let end = place(b'"');
    (end < place(b'\\')).then_some(end as usize)
}

/// Length of the object or list that `json` begins with.
fn container(level: Level, json: &[u8]) -> Option<usize> {
    dispatch!(level, simd => end_of(simd, json))
}

#[inline(always)]
fn end_of<S: Simd>(simd: S, json: &[u8]) -> Option<usize> {
    let (blocks, rest) = json.as_chunks();
    let mut depth = Depth::default();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(end) = depth.end_in(simd, block) {
            return Some(number * BLOCK + end);
        }
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    depth.end_in(simd, &last).map(|end| blocks.len() * BLOCK + end)
}

/// How deep in brackets the next block begins.
#[derive(Default)]
struct Depth {
    brackets: u32,
    /// All bits, in a string; no bit, outside.
    in_string: u64,
    /// Behind a backslash.
    escaped: bool,
}

impl Depth {
    /// The place behind the bracket that closes the outermost one, if it is in this block.
    #[inline(always)]
    fn end_in<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK]) -> Option<usize> {
        let Bits { mut quotes, backslashes, opening, closing } = Bits::of(simd, block);
        if self.escaped || backslashes != 0 {
            quotes &= !self.behind_backslashes(backslashes);
        }
        // Every bit becomes the parity of those up to it: set from a quote that opens to the one that closes.
        let mut inside = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        inside ^= self.in_string;
        self.in_string = if inside >> (BLOCK - 1) == 1 { u64::MAX } else { 0 };
        let (opening, closing) = (opening & !inside, closing & !inside);
        // managedFields are full of `{}`, which changes nothing, unless it is all there is.
        let empty = opening & closing >> 1 & !u64::from(self.brackets == 0);
        let (opening, closing) = (opening & !empty, closing & !(empty << 1));
        if closing.count_ones() < self.brackets {
            self.brackets = self.brackets + opening.count_ones() - closing.count_ones();
            return None;
        }
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if opening >> at & 1 == 1 {
                self.brackets += 1;
            } else {
                self.brackets -= 1;
            }
            if self.brackets == 0 {
                return Some(at as usize + 1);
            }
        }
        None
    }

    /// The bytes that a backslash takes the meaning of.
    fn behind_backslashes(&mut self, mut backslashes: u64) -> u64 {
        let mut behind = u64::from(self.escaped);
        backslashes &= !behind;
        self.escaped = false;
        while backslashes != 0 {
            let backslash = backslashes & backslashes.wrapping_neg();
            self.escaped = backslash >> (BLOCK - 1) == 1;
            behind |= backslash << 1;
            backslashes &= !(backslash | backslash << 1);
        }
        behind
    }
}

/// What of a block is what; the first byte is the lowest bit.
struct Bits {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Bits {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Self {
        let block = u8x64::from_slice(simd, block);
        // The two kinds of brackets differ in this bit alone.
        let folded = block | (b'{' ^ b'[');
        Self {
            quotes: block.simd_eq(b'"').to_bitmask(),
            backslashes: block.simd_eq(b'\\').to_bitmask(),
            opening: folded.simd_eq(b'{').to_bitmask(),
            closing: folded.simd_eq(b'}').to_bitmask(),
        }
    }
}

#[cfg(test)]
mod tests;
