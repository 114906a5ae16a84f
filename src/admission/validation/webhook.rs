//! Rule 13: where notifications go.

use super::Case;
use crate::admission::violation::{Findings, quoted};
use crate::notify::event;
use crate::notify::policy::check_url;

/// The URL is one that may be called; events are those that exist.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    for (path, webhook) in case.spec.webhooks() {
        // The URL may hold a token: it is not repeated.
        if let Err(problem) = check_url(&webhook.url, &case.ctx.settings.webhook_policy) {
            findings.invalid(format!("{path}.url"), problem.to_string());
        }
        for (index, name) in webhook.events.iter().flatten().enumerate() {
            if !event::TYPES.contains(&name.as_str()) {
                let message = format!("{} is none of {}", quoted(name), event::TYPES.join(", "));
                findings.not_supported(format!("{path}.events[{index}]"), message);
            }
        }
    }
}
