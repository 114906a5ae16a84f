//! What a Job's container leaves in its termination message.

use serde::Deserialize;

/// What the init Job reports when it succeeded. A container that failed leaves the end of its log instead, whose last
/// line names the step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitOutcome {
    /// What was done.
    pub outcome: InitResult,
    /// Version of Odoo in the image, such as `19.0`.
    pub odoo_version: String,
}

/// What the init Job did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InitResult {
    /// The modules were installed.
    Initialized,
    /// All modules were there already; nothing was changed.
    Skipped,
}

impl InitOutcome {
    /// Reads a termination message; `None` when it is not one of a Job that succeeded.
    pub fn from_termination_message(message: &str) -> Option<Self> {
        serde_json::from_str(message.trim()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_is_read() {
        let read = InitOutcome::from_termination_message("{\"outcome\":\"skipped\",\"odooVersion\":\"19.0\"}\n");
        let want = InitOutcome { outcome: InitResult::Skipped, odoo_version: "19.0".to_owned() };
        assert_eq!(read, Some(want));
    }

    #[test]
    fn a_log_tail_is_not_a_success() {
        let tail = "psycopg2.OperationalError: …\ninit.sh: failed to install the modules (exit status 255)\n";
        assert_eq!(InitOutcome::from_termination_message(tail), None);
    }
}
