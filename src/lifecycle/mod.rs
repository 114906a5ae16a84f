//! What an instance is to become next: phases, transitions, effects, conditions.
//!
//! Owns: the transition table as data, the decision over what was observed, and the words that report it. Must not: do
//! IO, read the clock, or look at anything but its arguments.

mod decide;
mod diagram;
mod job;
mod observed;
mod phase;
mod plan;
mod report;
mod table;

pub use decide::{Facts, decide};
pub use diagram::mermaid;
pub use job::{JobContext, JobPlan, JobTarget, decide_init};
pub use observed::{Base, BatchJob, Child, ChildState, Database, InitWork, Login, Observed, Workload};
pub use phase::{Scale, in_progress, is_unsupported, scale, wanted as wanted_pods};
pub use plan::{Effect, Plan};
pub use report::{Report, report};
pub use table::{TRANSITIONS, Transition};

#[cfg(test)]
mod tests;
