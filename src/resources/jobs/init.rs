//! The Job that fills an empty database.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Container;

use super::super::{Inputs, env, pod};
use super::once;
use crate::api::v1::OdooInitJob;

const SCRIPT: &str = include_str!("../../../scripts/jobs/init.sh");
const COMPONENT: &str = "init";
/// An hour, as the existing operator has it.
const DEADLINE_SECONDS: i64 = 3600;

/// Name of the container whose termination message is an [`InitOutcome`](super::InitOutcome).
pub const CONTAINER: &str = "init";

/// The batch Job of `init`.
pub fn job(inputs: &Inputs<'_>, init: &OdooInitJob) -> Job {
    let mut modules = vec!["base"];
    modules.extend(init.spec.modules.iter().flatten().map(String::as_str).filter(|module| *module != "base"));
    let languages = init.spec.languages.as_deref().unwrap_or_default();
    let own = vec![
        env::plain("INIT_MODULES", modules.join(",")),
        env::plain("INIT_LANGUAGES", languages.join(",")),
        env::plain("INIT_DEMO", init.spec.demo.unwrap_or(false).to_string()),
    ];
    let container = Container {
        command: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "init.sh".to_owned()]),
        ..pod::odoo_container(inputs, CONTAINER.to_owned(), inputs.spec().resources.as_ref(), 0, own)
    };
    once(inputs, init, COMPONENT, DEADLINE_SECONDS, pod::spec(inputs, vec![container]))
}
