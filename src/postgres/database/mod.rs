//! An instance's database: made, adopted or repaired so that any interruption is taken up by the next call.

mod plan;
mod state;
mod steps;

use secrecy::SecretString;

pub use plan::Step;
pub use state::{DatabaseState, Drift};
pub(super) use steps::as_member;

use super::cluster::{Cluster, Session};
use super::error::Error;
use super::{inventory, marker::Marker};
use crate::resources::names;

/// What an instance's database should be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The database's name.
    pub database: &'a str,
    /// The instance's namespace.
    pub namespace: &'a str,
    /// The instance's name.
    pub name: &'a str,
    /// The instance's uid.
    pub uid: &'a str,
    /// The tenant role; [`Cluster::ensure_role`] was called for it.
    pub role: &'a str,
    /// The instance is older than this operator: a database without our COMMENT that its role owns is its own.
    pub legacy: bool,
    /// Revoke PUBLIC's CONNECT on a database that was there already. One that is created here never has it.
    pub isolate: bool,
}

impl Wanted<'_> {
    /// The COMMENT that the database shall carry.
    pub fn marker(&self) -> Marker {
        Marker::new(self.namespace, self.name, self.uid)
    }

    /// The name that a new database has until it is complete: provably this instance's, whatever its final name.
    fn stage(&self) -> String {
        names::database(self.uid)
    }
}

/// What [`Cluster::ensure_database`] found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ensured {
    /// It was not there.
    pub created: bool,
    /// It was there under another uid, or as an older operator's, and is this instance's now.
    pub adopted: bool,
    /// Extensions that Odoo would use and that could not be made, with the reason.
    pub missing_extensions: Vec<String>,
    /// Statements or steps were needed.
    pub changed: bool,
}

impl Cluster {
    /// Creates, adopts or repairs the database of an instance. [`Error::NameTaken`] when it is somebody else's:
    /// nothing was touched then. `password` is the tenant role's: an older operator's database is taken over in its
    /// name.
    pub async fn ensure_database(&self, wanted: &Wanted<'_>, password: &SecretString) -> Result<Ensured, Error> {
        self.bounded(async {
            let session = self.session().await?;
            session.lock(wanted.uid).await?;
            let mut ensured = Ensured::default();
            for step in plan(&session, wanted).await? {
                ensured.note(&step, wanted);
                ensured.missing_extensions.extend(steps::run(&session, wanted, password, &step).await?);
            }
            session.unlock(wanted.uid).await?;
            session.give_back();
            Ok(ensured)
        })
        .await
    }

    /// The steps that [`Self::ensure_database`] would take now, in order. An operator that dies may have done any
    /// number of them.
    pub async fn plan_database(&self, wanted: &Wanted<'_>) -> Result<Vec<Step>, Error> {
        let session = self.session().await?;
        let plan = plan(&session, wanted).await?;
        session.give_back();
        Ok(plan)
    }

    /// Takes one step of [`Self::plan_database`]; answers with the extensions that could not be made.
    pub async fn run_database_step(
        &self,
        wanted: &Wanted<'_>,
        password: &SecretString,
        step: &Step,
    ) -> Result<Vec<String>, Error> {
        let session = self.session().await?;
        let missing = steps::run(&session, wanted, password, step).await?;
        session.give_back();
        Ok(missing)
    }
}

impl Ensured {
    fn note(&mut self, step: &Step, wanted: &Wanted<'_>) {
        self.changed = true;
        match step {
            Step::Create { .. } => self.created = true,
            Step::Mark { adopts: true, .. } => self.adopted = true,
            _ => {}
        }
        tracing::debug!(database = wanted.database, ?step, "preparing a database");
    }
}

async fn plan(session: &Session, wanted: &Wanted<'_>) -> Result<Vec<Step>, Error> {
    let stage = wanted.stage();
    let found = inventory::read(session, Some(&[wanted.database, &stage]), false).await?;
    plan::plan(&found, wanted)
}
