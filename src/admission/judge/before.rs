//! The spec of an instance before a change, put together from the one after it.

use super::differing::Member;
use crate::api::v1::OdooInstanceSpec;

macro_rules! compared {
    ($($member:ident)*) => {
        /// The members of an instance's spec whose old value matters: to a rule about changes, or to a default.
        const COMPARED: &[&str] = &[$(stringify!($member)),*];

        /// The spec before those members were changed, as far as it matters. `None` if one of them cannot be read.
        pub(super) fn before(changed: &[Member<'_>], after: &OdooInstanceSpec) -> Option<OdooInstanceSpec> {
            let mut spec = OdooInstanceSpec { $($member: after.$member.clone(),)* ..OdooInstanceSpec::default() };
            for Member { name, before, .. } in changed {
                match &**name {
                    $(stringify!($member) => spec.$member = serde_json::from_str(before).ok()?,)*
                    _ => {}
                }
            }
            Some(spec)
        }
    };
}

compared! {
    affinity cron database environment filestore image ingress initialization resources tolerations upgrade
}

/// Those whose old value matters only where there is no new one: it stays then.
const KEPT: [&str; 4] = ["affinity", "image", "resources", "tolerations"];

/// Whether the change of that member is judged, or fills anything in, by what it was before.
pub(super) fn matters(changed: &Member<'_>) -> bool {
    COMPARED.contains(&&*changed.name) && (changed.after == "null" || !KEPT.contains(&&*changed.name))
}
