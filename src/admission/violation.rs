//! What is wrong with an object, and what is only questionable.

use std::fmt;

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
        self.warnings.push(Warning { path: path.into(), message: message.into() });
    }

    fn add(&mut self, reason: Reason, path: impl Into<String>, message: impl Into<String>) {
        self.violations.push(Violation { path: path.into(), reason, message: message.into() });
    }
}

/// A value in a message, cut to what a person reads, without control characters.
pub fn quoted(value: &str) -> String {
    const LIMIT: usize = 60;
    let mut shown: String = value.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if value.chars().count() > LIMIT {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
