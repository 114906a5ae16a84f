//! Rule 22: the block that is named is there, and no other.

use super::Case;
use crate::admission::subject::Spec;
use crate::admission::violation::Findings;
use crate::api::v1::{InitializationMode, OdooInstanceSpec, RestoreSource, RestoreSourceType};

/// Exactly the source block that `type`, or `mode`, names.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    match case.spec {
        Spec::RestoreJob(spec) => source(&spec.source, findings),
        Spec::Instance(spec) => initialization(spec, findings),
        _ => {}
    }
}

fn source(source: &RestoreSource, findings: &mut Findings) {
    let (name, there, other, surplus) = match source.type_ {
        RestoreSourceType::S3 => ("s3", source.s3.is_some(), "odoo", source.odoo.is_some()),
        RestoreSourceType::Odoo => ("odoo", source.odoo.is_some(), "s3", source.s3.is_some()),
    };
    if !there {
        findings.required(format!("spec.source.{name}"), format!("is required with type {name}"));
    }
    if surplus {
        findings.forbidden(format!("spec.source.{other}"), format!("does not go with type {name}; remove it"));
    }
}

fn initialization(spec: &OdooInstanceSpec, findings: &mut Findings) {
    let Some(init) = &spec.initialization else { return };
    let path = "spec.initialization";
    match init.mode {
        Some(InitializationMode::Restore) if init.restore.is_none() => {
            findings.required(format!("{path}.restore"), "is required with mode restore");
        }
        Some(InitializationMode::Clone) if init.clone.is_none() => {
            findings.required(format!("{path}.clone"), "is required with mode clone");
        }
        _ => {}
    }
    if let Some(restore) = &init.restore {
        match (&restore.url, &restore.s3) {
            (Some(_), Some(_)) => {
                findings.forbidden(format!("{path}.restore.s3"), "excludes url; remove one of both");
            }
            (None, None) => {
                findings.required(format!("{path}.restore"), "needs url (a live Odoo) or s3 (a backup)");
            }
            _ => {}
        }
    }
}
