//! A store fed by a watch, that also reads our own writes.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Resource;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use kube::runtime::watcher::Event;
use tokio::sync::watch;

/// A kind that a [`Cache`] can hold: its type is known when this is compiled.
pub trait Kind: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + Send + Sync + 'static {}

impl<K> Kind for K where K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + Send + Sync + 'static
{}

/// The name of a kind, such as `Service`.
pub fn kind_of<K: Kind>() -> String {
    <K as Resource>::kind(&()).into_owned()
}

/// Objects of one kind as last seen, by the watch or in the reply to a write of ours.
///
/// The watch lags behind our writes; a reconcile that read it alone would act on a world that it has changed already.
/// `resourceVersion`s of one kind are comparable numbers (guaranteed from Kubernetes 1.35 on, true before).
pub struct Cache<K: Kind> {
    store: Store<K>,
    feed: Mutex<Feed<K>>,
    /// Whether a list is in.
    ready: watch::Sender<bool>,
}

/// A change of what a [`Cache`] holds.
pub enum Change<'a, K> {
    /// An object is new, or not what it was.
    Put(&'a K),
    /// An object is gone.
    Gone(&'a K),
    /// These are all objects: a list is in.
    All(&'a [Arc<K>]),
}

type Follower<K> = Box<dyn Fn(&Change<'_, K>) + Send>;

struct Feed<K: Kind> {
    writer: Writer<K>,
    /// Replies to our writes that the watch has not confirmed yet.
    written: HashMap<ObjectRef<K>, K>,
    /// Versions of the list that is coming in.
    listed: HashMap<ObjectRef<K>, u64>,
    /// Hears of every change, in order.
    follower: Option<Follower<K>>,
}

impl<K: Kind> Feed<K> {
    fn tell(&self, change: &Change<'_, K>) {
        if let Some(follower) = &self.follower {
            follower(change);
        }
    }
}

/// The `resourceVersion` of an object as a number.
pub fn version<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl<K: Kind> Cache<K> {
    /// An empty cache.
    pub fn new() -> Arc<Self> {
        Self::with(None)
    }

    /// An empty cache that tells `follower` of every change, in order. An index is kept up so.
    pub fn followed(follower: impl Fn(&Change<'_, K>) + Send + 'static) -> Arc<Self> {
        Self::with(Some(Box::new(follower)))
    }

    fn with(follower: Option<Follower<K>>) -> Arc<Self> {
        let writer = Writer::new(());
        let store = writer.as_reader();
        let feed = Feed { writer, written: HashMap::new(), listed: HashMap::new(), follower };
        Arc::new(Self { store, feed: Mutex::new(feed), ready: watch::Sender::new(false) })
    }

    /// The store behind it, for kube's runtime.
    pub fn store(&self) -> Store<K> {
        self.store.clone()
    }

    /// The object of this namespace and name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// Every object.
    pub fn all(&self) -> Vec<Arc<K>> {
        self.store.state()
    }

    /// Takes the reply to a write of ours.
    pub fn wrote(&self, object: K) {
        // Its last finalizer went with that write: the watch says that it is gone, or has said so already.
        let meta = object.meta();
        if meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty) {
            return;
        }
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.newest(&object) >= version(&object) {
            return;
        }
        feed.writer.apply_watcher_event(&Event::Apply(object.clone()));
        feed.tell(&Change::Put(&object));
        feed.written.insert(object.to_object_ref(()), object);
    }

    /// Takes an event of the watch.
    pub fn event(&self, event: Event<K>) {
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::Apply(object) | Event::Delete(object) => {
                // An event from before our own last write.
                if self.newest(object) > version(object) {
                    return;
                }
                feed.written.remove(&object.to_object_ref(()));
            }
            Event::Init => feed.listed.clear(),
            Event::InitApply(object) => {
                let seen = version(object);
                feed.listed.insert(object.to_object_ref(()), seen);
            }
            Event::InitDone => {}
        }
        feed.writer.apply_watcher_event(&event);
        match &event {
            Event::Apply(object) => feed.tell(&Change::Put(object)),
            Event::Delete(object) => feed.tell(&Change::Gone(object)),
            Event::Init | Event::InitApply(_) | Event::InitDone => {}
        }
        if matches!(event, Event::InitDone) {
            // What we wrote after the list was taken is newer than the list.
            let listed = std::mem::take(&mut feed.listed);
            let newest = listed.values().copied().max().unwrap_or(0);
            for (key, object) in std::mem::take(&mut feed.written) {
                if version(&object) > listed.get(&key).copied().unwrap_or(newest) {
                    feed.writer.apply_watcher_event(&Event::Apply(object));
                }
            }
            if feed.follower.is_some() {
                feed.tell(&Change::All(&self.store.state()));
            }
            self.ready.send_replace(true);
        }
    }

    /// What is known comes from a watch that has ended: it stays readable, and is not ready before the next list is in.
    pub fn begin_again(&self) {
        self.ready.send_replace(false);
    }

    /// Waits until a list is in.
    pub async fn ready(&self) {
        // The sender lives as long as the cache, so the only error, a dropped sender, cannot happen.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    fn newest(&self, object: &K) -> u64 {
        self.store.get(&object.to_object_ref(())).map_or(0, |seen| version(seen.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn service(name: &str, version: u64) -> Service {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            namespace: Some("ns".into()),
            resource_version: Some(version.to_string()),
            ..ObjectMeta::default()
        };
        Service { metadata, ..Service::default() }
    }

    fn seen(cache: &Cache<Service>, name: &str) -> Option<u64> {
        cache.get("ns", name).map(|service| version(service.as_ref()))
    }

    #[test]
    fn our_own_write_is_read_before_the_watch_has_it() {
        let cache = Cache::new();
        cache.event(Event::Apply(service("a", 5)));
        cache.wrote(service("a", 9));
        cache.event(Event::Apply(service("a", 7)));
        assert_eq!(seen(&cache, "a"), Some(9));
        cache.event(Event::Apply(service("a", 11)));
        assert_eq!(seen(&cache, "a"), Some(11));
    }

    #[test]
    fn a_late_deletion_does_not_remove_what_was_made_again() {
        let cache = Cache::new();
        cache.event(Event::Apply(service("a", 5)));
        cache.wrote(service("a", 9));
        cache.event(Event::Delete(service("a", 6)));
        assert_eq!(seen(&cache, "a"), Some(9));
        cache.event(Event::Delete(service("a", 12)));
        assert_eq!(seen(&cache, "a"), None);
    }

    #[test]
    fn the_write_that_ends_an_object_does_not_bring_it_back() {
        let cache = Cache::new();
        let mut last = service("a", 9);
        last.metadata.deletion_timestamp = Some(serde_json::from_str("\"2026-01-01T00:00:00Z\"").unwrap());
        cache.event(Event::Apply(service("a", 5)));
        cache.event(Event::Delete(last.clone()));
        cache.wrote(last);
        assert_eq!(seen(&cache, "a"), None);
    }

    #[test]
    fn a_list_from_before_our_write_does_not_hide_it() {
        let cache = Cache::new();
        cache.event(Event::Init);
        cache.event(Event::InitApply(service("a", 5)));
        cache.wrote(service("a", 8));
        cache.wrote(service("b", 9));
        cache.event(Event::InitDone);
        assert_eq!((seen(&cache, "a"), seen(&cache, "b")), (Some(8), Some(9)));
        cache.event(Event::Init);
        cache.event(Event::InitApply(service("a", 20)));
        cache.event(Event::InitDone);
        assert_eq!((seen(&cache, "a"), seen(&cache, "b")), (Some(20), None), "gone by the next list");
    }
    #[test]
    fn what_is_known_from_an_earlier_watch_is_readable_and_not_ready() {
        use futures::FutureExt as _;
        let cache = Cache::new();
        let is_ready = || cache.ready().now_or_never().is_some();
        assert!(!is_ready());
        for round in 1..=2 {
            cache.event(Event::Init);
            cache.event(Event::InitApply(service("a", round)));
            cache.event(Event::InitDone);
            assert!(is_ready());
            cache.begin_again();
            assert!(!is_ready());
            assert_eq!(seen(&cache, "a"), Some(round));
        }
    }
}
