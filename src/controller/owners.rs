//! Which instance has a host or the name of a database: an index of the instances, kept up as their store changes.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::cache::Change;
use crate::admission::ObjectKey;
use crate::api::v1::{OdooInstance, Phase};
use crate::resources::names;

/// What two instances cannot both have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Thing {
    /// A host name, in lower case.
    Host(String),
    /// A database of that name. On which cluster is said by the claim.
    Database(String),
}

/// An instance asks for something, or has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    key: ObjectKey,
    created: Option<Timestamp>,
    uid: String,
    /// Cluster of a database; `None` is the default one.
    cluster: Option<String>,
    /// Whether it is acted on: what an instance has, an older one does not take from it.
    held: bool,
}

impl Claim {
    fn is_on(&self, cluster: &str, default: Option<&str>) -> bool {
        self.cluster.as_deref().or(default) == Some(cluster)
    }
}

/// Who comes first: what is held, then what was created first; objects of the same second go by uid.
fn first<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Option<&'a Claim> {
    claims.into_iter().min_by_key(|claim| (!claim.held, claim.created, &claim.uid))
}

/// The index.
#[derive(Default)]
pub struct Owners {
    claims: RwLock<Claims>,
}

#[derive(Default)]
struct Claims {
    by_thing: HashMap<Thing, Vec<Claim>>,
    by_instance: HashMap<ObjectKey, HashSet<Thing>>,
    /// Instances that asked for something that somebody gave up.
    freed: HashSet<ObjectKey>,
}

impl Owners {
    /// Follows the store of the instances.
    pub fn follow(&self, change: &Change<'_, OdooInstance>) {
        let mut claims = self.write();
        match change {
            Change::Put(instance) => claims.put(instance),
            Change::Gone(instance) => claims.give_up(&key_of(instance), &HashSet::new()),
            Change::All(instances) => {
                let there: HashSet<ObjectKey> = instances.iter().map(|instance| key_of(instance)).collect();
                let gone: Vec<_> = claims.by_instance.keys().filter(|key| !there.contains(*key)).cloned().collect();
                for key in gone {
                    claims.give_up(&key, &HashSet::new());
                }
                for instance in *instances {
                    claims.put(instance);
                }
            }
        }
    }

    /// The instance that has a host (in lower case), or comes first of those that ask for it.
    pub fn host(&self, host: &str) -> Option<ObjectKey> {
        let claims = self.read();
        first(claims.by_thing.get(&Thing::Host(host.to_owned()))?).map(|claim| claim.key.clone())
    }

    /// The instance that has a database, or comes first of those that ask for it.
    pub fn database(&self, cluster: &str, name: &str, default: Option<&str>) -> Option<ObjectKey> {
        let claims = self.read();
        let there = claims.by_thing.get(&Thing::Database(name.to_owned()))?;
        first(there.iter().filter(|claim| claim.is_on(cluster, default))).map(|claim| claim.key.clone())
    }

    /// The instance is about to be acted on: all that it asks for becomes its own, unless somebody else has any of it
    /// or comes first. Of two reconciles at the same moment one is told no.
    pub fn hold(&self, key: &ObjectKey, uid: &str, default: Option<&str>) -> bool {
        let mut claims = self.write();
        let things = claims.by_instance.get(key).cloned().unwrap_or_default();
        let all_free = things.iter().all(|thing| {
            let there = claims.by_thing.get(thing).map_or(&[][..], Vec::as_slice);
            let Some(mine) = there.iter().find(|claim| claim.key == *key && claim.uid == uid) else { return false };
            let cluster = mine.cluster.as_deref().or(default);
            let rivals = there.iter().filter(|claim| claim.cluster.as_deref().or(default) == cluster);
            first(rivals) == Some(mine)
        });
        if all_free {
            for thing in &things {
                let there = claims.by_thing.get_mut(thing).into_iter().flatten();
                there.filter(|claim| claim.key == *key).for_each(|claim| claim.held = true);
            }
        }
        all_free
    }

    /// Instances that may get now what they could not get before. Each is told once.
    pub fn freed(&self) -> Vec<ObjectKey> {
        if self.read().freed.is_empty() {
            return Vec::new();
        }
        self.write().freed.drain().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Claims> {
        self.claims.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Claims> {
        self.claims.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claims {
    fn put(&mut self, instance: &OdooInstance) {
        let key = key_of(instance);
        let wanted = things_of(instance);
        self.give_up(&key, &wanted);
        let uid = instance.uid().unwrap_or_default();
        let status = instance.status.as_ref();
        // Whatever passed the rules as it is now is acted on. Of what is being deleted nothing new is.
        let passed = status
            .and_then(|status| status.phase)
            .is_some_and(|phase| !matches!(phase, Phase::Error | Phase::Deleting))
            && status.and_then(|status| status.observed_generation) == instance.metadata.generation;
        for thing in &wanted {
            let cluster = match thing {
                Thing::Host(_) => None,
                Thing::Database(_) => cluster_of(instance),
            };
            let there = self.by_thing.entry(thing.clone()).or_default();
            let before = there.iter().position(|claim| claim.key == key).map(|at| there.swap_remove(at));
            // A status that names another database is no proof: its COMMENT says whose it is.
            let proven = match thing {
                Thing::Host(_) => true,
                Thing::Database(name) => Some(name) == asked_name(instance) || *name == names::database(&uid),
            };
            let had = before.is_some_and(|before| before.held && before.uid == uid && before.cluster == cluster);
            let created = instance.metadata.creation_timestamp.as_ref().map(|Time(time)| *time);
            there.push(Claim { key: key.clone(), created, uid: uid.clone(), cluster, held: had || (passed && proven) });
        }
        self.by_instance.insert(key, wanted);
    }

    /// Removes what an instance asks for no more.
    fn give_up(&mut self, key: &ObjectKey, but: &HashSet<Thing>) {
        let Some(before) = self.by_instance.remove(key) else { return };
        for thing in before.difference(but) {
            let Some(there) = self.by_thing.get_mut(thing) else { continue };
            there.retain(|claim| claim.key != *key);
            self.freed.extend(there.iter().map(|claim| claim.key.clone()));
            if there.is_empty() {
                self.by_thing.remove(thing);
            }
        }
    }
}

fn key_of(instance: &OdooInstance) -> ObjectKey {
    ObjectKey::new(instance.namespace().unwrap_or_default(), instance.name_any())
}

/// Its hosts, and its database: the one in use, else the one that is asked for, else the one named after its uid.
fn things_of(instance: &OdooInstance) -> HashSet<Thing> {
    let hosts = instance.spec.ingress.hosts.iter().map(|host| Thing::Host(host.to_ascii_lowercase()));
    let in_use = instance.status.as_ref().and_then(|status| status.database_name.clone());
    let name = in_use
        .or_else(|| asked_name(instance).cloned())
        .unwrap_or_else(|| names::database(&instance.uid().unwrap_or_default()));
    hosts.chain([Thing::Database(name)]).collect()
}

fn asked_name(instance: &OdooInstance) -> Option<&String> {
    instance.spec.database.as_ref()?.name.as_ref()
}

fn cluster_of(instance: &OdooInstance) -> Option<String> {
    let in_use = instance.status.as_ref().and_then(|status| status.active_cluster.clone());
    in_use.or_else(|| instance.spec.cluster().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::cache::Cache;

    fn instance(name: &str, version: u64, second: u8, spec: &Value, status: &Value) -> OdooInstance {
        let metadata = json!({
            "name": name, "namespace": "eu", "uid": format!("uid-{name}"), "generation": 1,
            "resourceVersion": version.to_string(), "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
        });
        let kinds = json!({"apiVersion": "bemade.org/v1", "kind": "OdooInstance"});
        let mut object = json!({"metadata": metadata, "spec": spec, "status": status});
        object.as_object_mut().unwrap().extend(kinds.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    fn asks(name: &str, version: u64, second: u8, host: &str, database: &str) -> OdooInstance {
        let spec = json!({"ingress": {"hosts": [host]}, "database": {"name": database}});
        instance(name, version, second, &spec, &json!({}))
    }

    struct Followed {
        owners: Arc<Owners>,
        cache: Arc<Cache<OdooInstance>>,
    }

    impl Followed {
        fn new() -> Self {
            let owners = Arc::new(Owners::default());
            let index = owners.clone();
            Self { owners, cache: Cache::followed(move |change| index.follow(change)) }
        }

        fn host(&self, host: &str) -> Option<String> {
            self.owners.host(host).map(|key| key.name)
        }

        fn database(&self, cluster: &str, name: &str) -> Option<String> {
            self.owners.database(cluster, name, Some("main")).map(|key| key.name)
        }

        fn hold(&self, name: &str) -> bool {
            self.owners.hold(&ObjectKey::new("eu", name), &format!("uid-{name}"), Some("main"))
        }

        fn freed(&self) -> Vec<String> {
            let mut names: Vec<_> = self.owners.freed().into_iter().map(|key| key.name).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn it_follows_what_comes_changes_and_goes() {
        let it = Followed::new();
        it.cache.event(Event::Apply(asks("a", 1, 1, "A.example.com", "one")));
        assert_eq!(
            (it.host("a.example.com").as_deref(), it.database("main", "one").as_deref()),
            (Some("a"), Some("a"))
        );
        assert_eq!(it.database("spare", "one"), None);
        it.cache.event(Event::Apply(asks("a", 2, 1, "b.example.com", "two")));
        assert_eq!((it.host("a.example.com"), it.database("main", "one")), (None, None));
        assert_eq!(
            (it.host("b.example.com").as_deref(), it.database("main", "two").as_deref()),
            (Some("a"), Some("a"))
        );
        // Our own write counts before the watch has it, and the name in use before the one that is asked for.
        let spec = json!({"ingress": {"hosts": ["b.example.com"]}, "database": {"name": "two"}});
        it.cache.wrote(instance("a", 3, 1, &spec, &json!({"databaseName": "three", "activeCluster": "spare"})));
        assert_eq!((it.database("spare", "three").as_deref(), it.database("main", "two")), (Some("a"), None));
        it.cache.event(Event::Delete(asks("a", 4, 1, "b.example.com", "two")));
        assert_eq!((it.host("b.example.com"), it.database("spare", "three")), (None, None));
        assert_eq!(it.freed(), [""; 0]);
    }

    #[test]
    fn a_list_replaces_what_was_known() {
        let it = Followed::new();
        it.cache.event(Event::Apply(asks("gone", 1, 1, "a.example.com", "one")));
        it.cache.event(Event::Apply(asks("stays", 2, 2, "a.example.com", "two")));
        assert_eq!(it.host("a.example.com").as_deref(), Some("gone"));
        it.cache.event(Event::Init);
        it.cache.event(Event::InitApply(asks("stays", 2, 2, "a.example.com", "two")));
        it.cache.event(Event::InitApply(asks("new", 3, 3, "b.example.com", "one")));
        assert_eq!(it.host("a.example.com").as_deref(), Some("gone"), "half a list says nothing yet");
        it.cache.event(Event::InitDone);
        assert_eq!(it.host("a.example.com").as_deref(), Some("stays"));
        assert_eq!(
            (it.host("b.example.com").as_deref(), it.database("main", "one").as_deref()),
            (Some("new"), Some("new"))
        );
        assert_eq!(it.freed(), ["stays"]);
        assert_eq!(it.freed(), [""; 0], "each is told once");
    }

    #[test]
    fn the_first_one_comes_first_and_ties_go_by_uid() {
        let it = Followed::new();
        it.cache.event(Event::Apply(asks("c", 1, 2, "x.example.com", "one")));
        it.cache.event(Event::Apply(asks("b", 2, 1, "x.example.com", "two")));
        it.cache.event(Event::Apply(asks("a", 3, 1, "x.example.com", "three")));
        assert_eq!(it.host("x.example.com").as_deref(), Some("a"));
        assert!(!it.hold("b") && !it.hold("c") && it.hold("a"));
        it.cache.event(Event::Delete(asks("a", 4, 1, "x.example.com", "three")));
        assert_eq!(it.freed(), ["b", "c"]);
        assert!(!it.hold("c") && it.hold("b"));
    }

    #[test]
    fn what_is_held_an_older_one_does_not_take() {
        let it = Followed::new();
        it.cache.event(Event::Apply(asks("younger", 1, 9, "x.example.com", "one")));
        assert!(it.hold("younger"));
        it.cache.event(Event::Apply(asks("older", 2, 1, "x.example.com", "two")));
        assert!(!it.hold("older"));
        assert_eq!(it.host("x.example.com").as_deref(), Some("younger"));
        // Also after a restart of the operator: the status says that it was acted on.
        let again = Followed::new();
        let spec = json!({"ingress": {"hosts": ["x.example.com"]}});
        again.cache.event(Event::Apply(asks("older", 2, 1, "x.example.com", "two")));
        let running = json!({"phase": "Running", "observedGeneration": 1});
        again.cache.event(Event::Apply(instance("younger", 3, 9, &spec, &running)));
        assert_eq!(again.host("x.example.com").as_deref(), Some("younger"));
        // What was rejected, or changed since, has nothing yet.
        for status in
            [json!({"phase": "Error", "observedGeneration": 1}), json!({"phase": "Running", "observedGeneration": 0})]
        {
            let again = Followed::new();
            again.cache.event(Event::Apply(asks("older", 2, 1, "x.example.com", "two")));
            again.cache.event(Event::Apply(instance("younger", 3, 9, &spec, &status)));
            assert_eq!(again.host("x.example.com").as_deref(), Some("older"), "{status}");
        }
    }

    #[test]
    fn a_status_that_names_the_database_of_another_one_takes_nothing_from_it() {
        let it = Followed::new();
        let status = |database: &str| json!({"phase": "Running", "observedGeneration": 1, "databaseName": database});
        let hosts = json!({"ingress": {"hosts": []}});
        it.cache.event(Event::Apply(instance("older", 1, 1, &hosts, &status("theirs"))));
        let named = json!({"ingress": {"hosts": []}, "database": {"name": "theirs"}});
        it.cache.event(Event::Apply(instance("owner", 2, 2, &named, &status("theirs"))));
        assert_eq!(it.database("main", "theirs").as_deref(), Some("owner"));
    }

    #[test]
    fn all_is_held_or_nothing() {
        let it = Followed::new();
        it.cache.event(Event::Apply(asks("a", 1, 1, "x.example.com", "one")));
        it.cache.event(Event::Apply(asks("b", 2, 2, "y.example.com", "one")));
        it.cache.event(Event::Apply(asks("c", 3, 3, "y.example.com", "three")));
        assert!(it.hold("a") && !it.hold("b"));
        assert_eq!(it.host("y.example.com").as_deref(), Some("b"), "it asked first");
        it.cache.event(Event::Delete(asks("b", 4, 2, "y.example.com", "one")));
        assert!(it.hold("c"));
    }

    #[test]
    fn a_name_after_the_uid_is_taken_before_the_database_is_there() {
        let it = Followed::new();
        it.cache.event(Event::Apply(instance("a", 1, 1, &json!({"ingress": {"hosts": []}}), &json!({}))));
        assert_eq!(it.database("main", "odoo_uid_a").as_deref(), Some("a"));
        assert_eq!(it.database("spare", "odoo_uid_a"), None);
    }
}
