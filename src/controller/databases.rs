//! PostgreSQL as the reconciles see it: what the inventory shows, and the few things that are done there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::Result;
use super::apply::Owner;
use super::cache::Cache;
use super::instance::now;
use super::watches::Queues;
use crate::api::labels::ISOLATE;
use crate::api::v1::{OdooInstance, OdooInstanceStatus};
use crate::lifecycle::{Base, Database, Login as Proof};
use crate::postgres::database::{DatabaseState, Ensured, Wanted};
use crate::postgres::inventory::Inventory;
use crate::postgres::{self, Cluster, Clusters, Health, Login, Marker};
use crate::resources::{DatabaseAccess, InstanceSecrets, OdooVersion, hex_sha256, names};

/// How old the inventory of a cluster may become.
const INVENTORY_INTERVAL: Duration = Duration::from_mins(10);

/// PostgreSQL's clusters, and what was last seen there.
pub struct Databases {
    clusters: Clusters,
    /// Whether PUBLIC loses CONNECT on adopted databases without asking.
    isolate: bool,
    seen: Mutex<HashMap<String, Seen>>,
    bases: Mutex<HashMap<String, Base>>,
    /// By uid: digest of the role's password, and whether PostgreSQL has it.
    logins: Mutex<HashMap<String, (String, bool)>>,
    /// What an instance's database does without, by uid.
    shortcomings: Mutex<HashMap<String, String>>,
}

/// What is known of a cluster.
#[derive(Default)]
struct Seen {
    inventory: Option<Arc<Inventory>>,
    /// Why it cannot be reached.
    down: Option<String>,
    /// Databases that were completed since the inventory was taken.
    completed: HashSet<String>,
}

/// Where an instance's database is.
#[derive(Clone)]
pub struct Target {
    cluster: Cluster,
    /// Name of the cluster in the configuration.
    pub cluster_name: String,
    /// Name of the database.
    pub database: String,
    /// The instance's role.
    pub role: String,
    /// PUBLIC loses CONNECT also where the database was there before.
    isolate: bool,
}

impl Target {
    /// How the instance reaches it.
    pub fn access(&self) -> DatabaseAccess {
        let config = self.cluster.config();
        DatabaseAccess {
            host: config.host.clone(),
            port: config.port,
            name: self.database.clone(),
            user: self.role.clone(),
            sslmode: config.sslmode.as_str().to_owned(),
            ca: config.ca_cert.clone(),
        }
    }
}

impl Databases {
    /// Nothing is known yet.
    pub fn new(clusters: Clusters, isolate: bool) -> Self {
        Self {
            clusters,
            isolate,
            seen: Mutex::default(),
            bases: Mutex::default(),
            logins: Mutex::default(),
            shortcomings: Mutex::default(),
        }
    }

    /// The configured clusters.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Where an instance's database is, or in words why that cannot be told.
    ///
    /// Once there is one, status says which; before, the spec's name, a database that an instance of this name left,
    /// or a new one named after the uid.
    pub fn target(&self, instance: &OdooInstance, status: &OdooInstanceStatus) -> Result<Target, String> {
        let spec = instance.spec.database.clone().unwrap_or_default();
        if spec.credentials_secret_ref.is_some() {
            return Err("spec.database.credentialsSecretRef is not available in this version of the operator; use \
                        spec.database.cluster"
                .to_owned());
        }
        let wanted = status.active_cluster.as_deref().or(spec.cluster.as_deref());
        let cluster = self.clusters.get(wanted).map_err(|unknown| format!("spec.database.cluster: {unknown}"))?;
        let (namespace, name) = (instance.namespace().unwrap_or_default(), instance.name_any());
        let cluster_name = cluster.config().name.clone();
        let database = status.database_name.clone().or(spec.name).unwrap_or_else(|| {
            let left = self.inventory(&cluster_name).and_then(|seen| seen.retained(&namespace, &name).cloned());
            left.map_or_else(|| names::database(&instance.uid().unwrap_or_default()), |left| left.name)
        });
        let isolate = self.isolate || instance.annotations().get(ISOLATE).is_some_and(|value| value == "true");
        Ok(Target { cluster, cluster_name, database, role: names::role(&namespace, &name), isolate })
    }

    fn inventory(&self, cluster: &str) -> Option<Arc<Inventory>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(cluster).and_then(|seen| seen.inventory.clone())
    }

    /// The database as the inventory shows it.
    pub fn look(&self, owner: &Owner, target: &Target, legacy: bool) -> Database {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.get(&target.cluster_name) else {
            return Database::Unknown(format!("PostgreSQL cluster {} was not looked at yet", target.cluster_name));
        };
        if let Some(why) = &seen.down {
            return Database::Unknown(why.clone());
        }
        if seen.completed.contains(&target.database) {
            return Database::Ready;
        }
        let Some(inventory) = &seen.inventory else {
            return Database::Unknown(format!("PostgreSQL cluster {} was not looked at yet", target.cluster_name));
        };
        match inventory.database_state(&wanted(owner, target, legacy)) {
            DatabaseState::Absent => Database::Absent,
            DatabaseState::Incomplete => Database::Incomplete,
            DatabaseState::Ready => Database::Ready,
            DatabaseState::Foreign(whose) => Database::Foreign(format!(
                "database {} on cluster {} is not this instance's: {whose}; nothing was changed. Choose another \
                 spec.database.name",
                target.database, target.cluster_name
            )),
        }
    }

    /// Role and database are there, complete and marked as this instance's.
    pub async fn ensure(&self, owner: &Owner, target: &Target, legacy: bool, password: &SecretString) -> Result<()> {
        let wanted = wanted(owner, target, legacy);
        let ensured = match self.ensure_both(target, &wanted, password).await {
            Ok(ensured) => ensured,
            // The inventory was older than what is there: the next look says whose it is.
            Err(postgres::Error::NameTaken { .. }) => {
                self.refresh(&target.cluster).await;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.proved(&owner.uid, password);
        if !ensured.missing_extensions.is_empty() {
            let what = format!("the database has no {}", ensured.missing_extensions.join("; no "));
            self.shortcomings.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.uid.clone(), what);
        }
        if ensured.created {
            info!(namespace = owner.namespace, name = owner.name, database = target.database, "database created");
            // A database that is a moment old has no Odoo in it: nobody has to look.
            self.bases.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.uid.clone(), Base::NotInstalled);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(target.cluster_name.clone()).or_default().completed.insert(target.database.clone());
        Ok(())
    }

    async fn ensure_both(
        &self,
        target: &Target,
        wanted: &Wanted<'_>,
        password: &SecretString,
    ) -> Result<Ensured, postgres::Error> {
        target.cluster.ensure_role(&target.role, password).await?;
        target.cluster.ensure_database(wanted, password).await
    }

    /// Whether the role's password is known to be the one in its Secret. The first one that is seen counts as unproven.
    pub fn login(&self, uid: &str, secrets: &InstanceSecrets) -> Proof {
        let digest = digest(&secrets.db_password);
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, proven) = logins.entry(uid.to_owned()).or_insert_with(|| (digest.clone(), false));
        match (*known == digest, *proven) {
            (true, true) => Proof::Proven,
            (true, false) => Proof::Unproven,
            (false, _) => Proof::Changed,
        }
    }

    fn proved(&self, uid: &str, password: &SecretString) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.insert(uid.to_owned(), (digest(password), true));
    }

    /// The role is let in with the password of its Secret.
    pub async fn ensure_login(&self, owner: &Owner, target: &Target, secrets: &InstanceSecrets) -> Result<()> {
        let change = target.cluster.ensure_role(&target.role, &secrets.db_password).await?;
        if change.password {
            info!(namespace = owner.namespace, name = owner.name, role = target.role, "password of the role set");
        }
        self.proved(&owner.uid, &secrets.db_password);
        Ok(())
    }

    /// The database is gone: what was known of it holds no more.
    pub fn lost(&self, uid: &str) {
        self.bases.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// What is known of Odoo's base module in an instance's database.
    pub fn base(&self, uid: &str) -> Base {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.get(uid).cloned().unwrap_or(Base::Unknown)
    }

    /// What an instance's database does without, in words.
    pub fn shortcoming(&self, uid: &str) -> Option<String> {
        self.shortcomings.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Looks for Odoo's base module, as the instance's own role.
    pub async fn inspect(&self, uid: &str, target: &Target, secrets: &InstanceSecrets) -> Result<()> {
        let session = target.cluster.tenant_session(login(target, &secrets.db_password)).await?;
        let state = session.base_state().await?;
        self.learnt(uid, &state);
        Ok(())
    }

    /// After Odoo filled the database: the admin login gets its password, reports their address.
    pub async fn finish_init(&self, uid: &str, target: &Target, secrets: &InstanceSecrets, url: &str) -> Result<Base> {
        let session = target.cluster.tenant_session(login(target, &secrets.db_password)).await?;
        let state = session.base_state().await?;
        if state.installed {
            session.set_admin_login(&secrets.admin_hash).await?;
            session.set_report_url(url).await?;
        }
        Ok(self.learnt(uid, &state))
    }

    fn learnt(&self, uid: &str, state: &crate::postgres::BaseState) -> Base {
        let version = state.latest_version.as_deref().and_then(OdooVersion::parse).map(|version| version.to_string());
        let base = if state.installed { Base::Installed(version) } else { Base::NotInstalled };
        self.bases.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), base.clone());
        base
    }

    /// Marks the database with whose it was and leaves it, and its role.
    pub async fn retain(&self, target: &Target, owner: &Owner) -> Result<()> {
        let mut marker = Marker::new(&owner.namespace, &owner.name, &owner.uid);
        marker.retained_at = Some(now());
        match target.cluster.retain(&target.database, &marker).await {
            // Somebody else's database of that name was never this instance's.
            Ok(_) | Err(postgres::Error::NameTaken { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.refresh(&target.cluster).await;
        Ok(())
    }

    /// Removes every database that carries the instance's uid, and its role.
    pub async fn drop_all(&self, target: &Target, owner: &Owner) -> Result<()> {
        for database in target.cluster.drop_databases_of(&owner.uid).await? {
            info!(namespace = owner.namespace, name = owner.name, database, "database dropped");
        }
        // An earlier instance of this name may have left a database under another name: its tables are the role's.
        let inventory = target.cluster.inventory(false).await?;
        match inventory.retained(&owner.namespace, &owner.name) {
            Some(left) => info!(role = target.role, database = left.name, "role kept: a retained database is its own"),
            None => drop(target.cluster.drop_role(&target.role).await?),
        }
        // Whoever asks for the name next finds it free.
        self.refresh(&target.cluster).await;
        Ok(())
    }

    /// The instance is gone.
    pub fn forget(&self, uid: &str) {
        self.lost(uid);
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.shortcomings.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Takes the inventory of every cluster once; one that does not answer is known to be down.
    pub async fn first_look(&self) {
        for cluster in self.clusters.all() {
            self.refresh(&cluster).await;
        }
    }

    /// Takes from PUBLIC, once, what one tenant could use against another in the database that all may connect to.
    async fn harden(&self, cluster: &Cluster) {
        match cluster.harden().await {
            Ok(left) => {
                for what in left {
                    warn!(cluster = cluster.config().name, what, "not done");
                }
            }
            Err(error) => warn!(cluster = cluster.config().name, %error, "not hardened"),
        }
    }

    async fn refresh(&self, cluster: &Cluster) {
        let name = cluster.config().name.clone();
        let result = cluster.inventory(false).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(name.clone()).or_default();
        match result {
            Ok(inventory) => {
                *entry = Seen { inventory: Some(Arc::new(inventory)), ..Seen::default() };
            }
            Err(error) => {
                warn!(cluster = name, %error, "no inventory");
                entry.down = Some(error.to_string());
            }
        }
    }

    /// Follows the health of every cluster, takes inventories, and wakes the instances that it concerns. Never returns.
    pub async fn follow(self: Arc<Self>, instances: Arc<Cache<OdooInstance>>, queues: Queues) {
        let mut changes = self.clusters.changes();
        loop {
            changes.borrow_and_update();
            let mut tasks = JoinSet::new();
            let clusters = self.clusters.clone();
            tasks.spawn(async move { clusters.supervise().await });
            for cluster in self.clusters.all() {
                let (databases, instances, queues) = (self.clone(), instances.clone(), queues.clone());
                tasks.spawn(async move { databases.follow_one(cluster, &instances, &queues).await });
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn follow_one(&self, cluster: Cluster, instances: &Cache<OdooInstance>, queues: &Queues) {
        self.harden(&cluster).await;
        let name = cluster.config().name.clone();
        let mut health = cluster.health();
        let mut interval = tokio::time::interval(INVENTORY_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick comes at once, and the first inventory was taken before the controllers started.
        interval.tick().await;
        loop {
            let changed = tokio::select! {
                changed = health.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = health.borrow_and_update().clone();
                    match now {
                        Health::Unknown => false,
                        Health::Down { reason } => self.went_down(&name, reason),
                        Health::Up => self.is_down(&name) && { self.refresh(&cluster).await; true },
                    }
                }
                _ = interval.tick() => {
                    let before = self.inventory(&name);
                    self.refresh(&cluster).await;
                    before != self.inventory(&name)
                }
            };
            if changed {
                for instance in instances.all() {
                    let status = instance.status.as_ref();
                    let used = status.and_then(|status| status.active_cluster.as_deref());
                    if used.is_none_or(|used| used == name) {
                        queues.instance(&instance.namespace().unwrap_or_default(), &instance.name_any());
                    }
                }
            }
        }
    }

    fn is_down(&self, cluster: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(cluster).is_none_or(|seen| seen.down.is_some() || seen.inventory.is_none())
    }

    fn went_down(&self, cluster: &str, reason: String) -> bool {
        warn!(cluster, reason, "PostgreSQL is away");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(cluster.to_owned()).or_default();
        entry.down.replace(reason.clone()) != Some(reason)
    }
}

/// An instance's database as it should be. `legacy`: the instance had one before this operator, and what its role
/// owns is its own.
fn wanted<'a>(owner: &'a Owner, target: &'a Target, legacy: bool) -> Wanted<'a> {
    Wanted {
        database: &target.database,
        namespace: &owner.namespace,
        name: &owner.name,
        uid: &owner.uid,
        role: &target.role,
        legacy,
        isolate: target.isolate,
    }
}

fn digest(password: &SecretString) -> String {
    hex_sha256(password.expose_secret().as_bytes())
}

fn login<'a>(target: &'a Target, password: &'a SecretString) -> Login<'a> {
    Login { role: &target.role, password, database: &target.database }
}
