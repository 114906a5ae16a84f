//! What a rule says of itself: the documentation and the reconciler go by it.

use super::Case;
use crate::admission::subject::Kind;
use crate::admission::violation::Findings;
use crate::api::v1::OdooInstanceSpec;

/// A rule. One number may have several: parts of which one stops a stored object and the other does not.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its number in the documentation.
    pub number: u8,
    /// What it asks for, in one line.
    pub title: &'static str,
    /// The kinds that it judges.
    pub kinds: &'static [Kind],
    /// What a webhook answers when it is broken.
    pub outcome: Outcome,
    /// Paths where v1's schema refuses the same by a rule of its own (CEL).
    pub in_schema: &'static [&'static str],
    /// What the operator does about a stored object that breaks it.
    pub stored: Stored,
    /// The rule itself.
    pub judge: fn(&Case<'_>, &mut Findings),
}

/// What a webhook answers when a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It refuses the object.
    Denies,
    /// It takes the object, with a warning.
    Warns,
    /// The one for some findings, the other for others.
    DeniesOrWarns,
}

/// What the operator does about a stored object that breaks a rule. It may have been stored before the rule was there,
/// and have been running ever since.
#[derive(Clone, Copy)]
pub enum Stored {
    /// Nothing: the rule looks at changes or at new objects only, or warns at most.
    NotAsked,
    /// It leaves the object alone (phase Error; a job fails) until it is put right.
    Stops,
    /// It goes on without what breaks the rule, and says so. The function takes out of the spec what the builders
    /// could not serve.
    GoesOn(fn(&mut OdooInstanceSpec)),
    /// It stops while the database is still to be filled. After that what breaks the rule has no effect any more: it
    /// goes on, and says so.
    StopsUntilInitialized,
}

impl Rule {
    /// Whether a stored object that breaks the rule is left alone.
    pub fn stops(&self, initialized: bool) -> bool {
        match self.stored {
            Stored::Stops => true,
            Stored::StopsUntilInitialized => !initialized,
            Stored::NotAsked | Stored::GoesOn(_) => false,
        }
    }
}
