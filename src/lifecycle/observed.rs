//! What was seen of an instance's world. *Absent* and *unknown* are different things.

use std::collections::BTreeMap;

/// An object that belongs to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Child {
    /// Secret with the database role's password and the password hashes.
    Credentials,
    /// Secret with the generated admin password.
    AdminSecret,
    /// Secret to pull the image with, where it is mirrored from the operator's namespace.
    PullSecret,
    /// Secret with odoo.conf.
    OdooConf,
    /// ServiceAccount of the pods.
    ServiceAccount,
    /// Volume for attachments and sessions.
    Filestore,
    /// Service of the web pods.
    Service,
    /// Ingress.
    Ingress,
    /// HTTPRoute, instead of an Ingress.
    HttpRoute,
    /// PodDisruptionBudget of the web pods.
    DisruptionBudget,
    /// Deployment of the web pods.
    Web,
    /// Deployment of the cron pods.
    Cron,
    /// The OdooInitJob that the operator makes. Only ever seen when its name is taken.
    InitJob,
}

/// How an object stands to what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It is not there, and not wanted.
    NotWanted,
    /// It is not there.
    Missing,
    /// It is there and not as it should be.
    Differs,
    /// It is there as it should be.
    Matches,
    /// It is there and not wanted any more.
    Surplus,
    /// It is somebody else's; what it is, in words.
    Foreign(String),
    /// What it should be is not known yet: it depends on another object.
    Blocked,
}

/// The database as the inventory shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// PostgreSQL did not answer; why.
    Unknown(String),
    /// The operator's configuration has no such cluster; which one it has.
    NotConfigured(String),
    /// Neither the database nor anything in its place is there.
    Absent,
    /// It is ours, and role, owner or grants are not as they should be yet.
    Incomplete,
    /// It is ours and complete.
    Ready,
    /// It is somebody else's; whose, in words.
    Foreign(String),
    /// Making it failed; PostgreSQL's words.
    Failed(String),
}

/// Whether PostgreSQL lets the instance's role in with the password of its Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nobody tried yet.
    Unproven,
    /// It did.
    Proven,
    /// The Secret holds another password than before.
    Changed,
}

/// Whether Odoo's base module is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nobody looked yet.
    Unknown,
    /// The database has no Odoo in it.
    NotInstalled,
    /// It is, with this version of Odoo.
    Installed(Option<String>),
}

/// The initialisation that concerns an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitWork {
    /// No OdooInitJob of this instance is there.
    None,
    /// One is there that has not ended.
    Active {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// It succeeded, and found this version of Odoo. Without an operation under way: the newest one did.
    Succeeded(Option<String>),
    /// It failed, with this message. Without an operation under way: the newest one did.
    Failed(String),
    /// The one under way is gone without an outcome.
    Vanished,
}

/// A Deployment's pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Pods that are ready. 0 while the Deployment's status describes an older generation.
    pub ready: i32,
    /// Pods that the Deployment asks for.
    pub replicas: i32,
}

/// A batch Job and what its pod left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchJob {
    /// It is not there.
    Absent,
    /// It works.
    Active,
    /// It succeeded; its termination message.
    Succeeded(Option<String>),
    /// It failed.
    Failed,
    /// One of its containers cannot start, for longer than is patient; why.
    Stuck(String),
}

/// What was seen of an instance's world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whether deletion was asked for.
    pub deleting: bool,
    /// Why the object cannot be acted on, in words.
    pub rejected: Option<String>,
    /// The database.
    pub database: Database,
    /// Whether the role's password is the one in its Secret.
    pub login: Login,
    /// What is in the database.
    pub base: Base,
    /// Its objects.
    pub children: BTreeMap<Child, ChildState>,
    /// Its initialisation.
    pub init: InitWork,
    /// Its web pods.
    pub web: Workload,
    /// Its cron pods.
    pub cron: Workload,
    /// Pods of any kind that are still there.
    pub pods: usize,
}

impl Observed {
    /// How an object stands.
    pub fn child(&self, child: Child) -> &ChildState {
        self.children.get(&child).unwrap_or(&ChildState::NotWanted)
    }

    /// The first object that is somebody else's, in words.
    pub fn name_taken(&self) -> Option<&str> {
        self.children.values().find_map(|state| match state {
            ChildState::Foreign(what) => Some(what.as_str()),
            _ => None,
        })
    }
}
