//! What is wrong with an object, and what is only questionable.

use std::borrow::Cow;
use std::fmt;

/// Most of what is wrong, and most warnings, that are told at once: nobody reads more, and a body of a million mistakes
/// must not become an answer of a hundred million bytes.
const MOST: usize = 100;

/// What kind of wrong it is: the reasons that Kubernetes has for the causes of an invalid object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The value is not legal.
    Invalid,
    /// The value is missing.
    Required,
    /// The value is somebody's already, or there twice.
    Duplicate,
    /// The field may not be set, or not changed, here.
    Forbidden,
    /// The value has the wrong JSON type.
    TypeInvalid,
    /// The value is none of those that are possible.
    NotSupported,
}

impl Reason {
    /// The word that goes over the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
        }
    }
}

/// One thing that is wrong, at one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Violation {
    /// Path of the field in v1, such as `spec.ingress.hosts[0]`.
    pub path: String,
    /// What kind of wrong it is.
    pub reason: Reason,
    /// What is wrong and what would be right. Never holds a secret value.
    pub message: String,
}

impl Violation {
    /// Adds it to what was found, unless that is more than anybody reads already.
    pub fn tell(self, found: &mut Vec<Self>) {
        match found.len() {
            0..MOST => found.push(self),
            MOST => found.push(Self {
                path: "spec".to_owned(),
                reason: Reason::Invalid,
                message: format!("more is wrong than these {MOST}; correct them first"),
            }),
            _ => {}
        }
    }

    /// Whether there is no use in looking for more.
    pub fn is_enough(found: &[Self]) -> bool {
        found.len() > MOST
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// One thing that is allowed and may still surprise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Warning {
    /// Path of the field in v1.
    pub path: String,
    /// What may surprise. Never holds a secret value.
    pub message: String,
}

/// What the rules found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What may surprise.
    pub warnings: Vec<Warning>,
}

impl Findings {
    /// A value that is not legal.
    pub fn invalid(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Reason::Invalid, path, message);
    }

    /// A value that is missing.
    pub fn required(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Reason::Required, path, message);
    }

    /// A value that is there twice, or somebody else's.
    pub fn duplicate(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Reason::Duplicate, path, message);
    }

    /// A field that may not be set, or not be changed.
    pub fn forbidden(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Reason::Forbidden, path, message);
    }

    /// A value that is none of those that are possible.
    pub fn not_supported(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(Reason::NotSupported, path, message);
    }

    /// Something that is allowed and may surprise.
    pub fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.warnings.len() < MOST {
            self.warnings.push(Warning { path: path.into(), message: message.into() });
        }
    }

    fn add(&mut self, reason: Reason, path: impl Into<String>, message: impl Into<String>) {
        Violation { path: path.into(), reason, message: message.into() }.tell(&mut self.violations);
    }
}

/// A value in a message, cut to what a person reads, without control characters and passwords.
pub fn quoted(value: &str) -> String {
    const LIMIT: usize = 60;
    let value = without_password(value);
    let mut shown: String = value.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if value.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// The name of a variable in a message. What stands behind a `=` in it is a value, and may be a password.
pub fn quoted_name(name: &str) -> String {
    match name.split_once('=') {
        Some((name, _)) => quoted(&format!("{name}=…")),
        None => quoted(name),
    }
}

/// Without `user:password` in front of an `@`. (Behind that of an image stands a digest, which is no secret.)
fn without_password(value: &str) -> Cow<'_, str> {
    match value.rsplit_once('@') {
        Some((before, behind)) if before.contains(':') && !behind.starts_with("sha") => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| &before[..scheme.len() + 3]);
            Cow::Owned(format!("{scheme}…@{behind}"))
        }
        _ => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_repeated() {
        for (value, shown) in [
            ("https://joe:hunter2@a.b/", r#""https://…@a.b/""#),
            ("joe:hunter2@reg.example.com/odoo:18", r#""…@reg.example.com/odoo:18""#),
            ("joe:p@ss@a.b", r#""…@a.b""#),
            ("odoo:18@sha256:abc", r#""odoo:18@sha256:abc""#),
            ("joe@a.b", r#""joe@a.b""#),
        ] {
            assert_eq!(quoted(value), shown);
        }
    }

    #[test]
    fn more_than_anybody_reads_is_said_to_be_more() {
        let mut findings = Findings::default();
        for at in 0..1000 {
            findings.invalid(format!("spec.a[{at}]"), "is wrong");
            findings.warn(format!("spec.a[{at}]"), "may surprise");
        }
        assert_eq!((findings.violations.len(), findings.warnings.len()), (MOST + 1, MOST));
        assert_eq!(findings.violations[MOST].path, "spec");
    }
}
