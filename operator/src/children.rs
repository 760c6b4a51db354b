//! What is known of all live objects: a small record of each, kept by the watches.

pub mod facts;
mod live;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use tokio::sync::{Semaphore, watch as signal};

pub use facts::Facts;
pub use live::LiveObject;
pub(crate) use watch::PAGE_SIZE;
pub use watch::{Scope, watch};

use crate::build::INSTANCE;
use crate::kinds::Kind;
use crate::managed_fields;

/// Kinds that are listed at the same time.
const CONCURRENT_LISTS: usize = 2;

/// Which ChatCluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Which object of a ChatCluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildKey {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Box<str>,
}

impl ChildKey {
    /// A key.
    #[must_use]
    pub fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

/// The record of one live object.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its identity.
    pub uid: Box<str>,
    /// Its version, by which late news is told from fresh.
    version: u64,
    /// Hash of our part of it; `None` where we never applied it.
    pub ours: Option<u64>,
    /// The last pair of what was wanted and how the API server stored it. They differ where the server writes a value
    /// in another way than we did.
    settled: Option<(u64, u64)>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What matters of it.
    pub facts: Facts,
}

impl Child {
    /// Whether it already is what is wanted.
    #[must_use]
    pub fn is(&self, wanted: u64) -> bool {
        self.ours == Some(wanted)
            || (self.ours.is_some() && self.settled == self.ours.map(|ours| (wanted, ours)))
    }

    /// Whether it once was what is wanted, so that somebody else must have changed it.
    #[must_use]
    pub fn has_been(&self, wanted: u64) -> bool {
        self.settled.is_some_and(|(settled, _)| settled == wanted)
    }
}

/// All objects of one ChatCluster.
pub type ClusterChildren = BTreeMap<ChildKey, Child>;

/// The records of all live objects that carry our label.
#[derive(Debug)]
pub struct Children {
    clusters: Mutex<HashMap<ClusterKey, ClusterChildren>>,
    pending: signal::Sender<usize>,
    /// What may list at the same time: full lists are what most memory is needed for.
    listing: Semaphore,
}

impl Children {
    /// An empty index that is complete once `watches` watches have listed everything.
    #[must_use]
    pub fn new(watches: usize) -> Self {
        Self {
            clusters: Mutex::default(),
            pending: signal::Sender::new(watches),
            listing: Semaphore::new(CONCURRENT_LISTS),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClusterKey, ClusterChildren>> {
        // A panic while the lock was held can't have left a record half written.
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when every watch has listed everything once: before that, "absent" means nothing.
    pub async fn complete(&self) {
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = self
            .pending
            .subscribe()
            .wait_for(|pending| *pending == 0)
            .await;
    }

    /// Whether every watch has listed everything once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self.pending.borrow() == 0
    }

    /// All objects of a ChatCluster, as of now.
    #[must_use]
    pub fn of(&self, cluster: &ClusterKey) -> ClusterChildren {
        self.lock().get(cluster).cloned().unwrap_or_default()
    }

    /// The pods of a ChatCluster, as of now.
    #[must_use]
    pub fn pods_of(&self, cluster: &ClusterKey) -> ClusterChildren {
        let clusters = self.lock();
        let children = clusters.get(cluster).into_iter().flatten();
        children
            .filter(|(key, _)| key.kind == Kind::Pod)
            .map(|(key, pod)| (key.clone(), pod.clone()))
            .collect()
    }

    /// The ChatClusters that have objects.
    #[must_use]
    pub fn clusters(&self) -> Vec<ClusterKey> {
        self.lock().keys().cloned().collect()
    }

    /// How many objects are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().values().map(BTreeMap::len).sum()
    }

    /// Whether an object is in the records as it is, or newer.
    #[must_use]
    pub fn knows(&self, kind: Kind, metadata: &ObjectMeta) -> bool {
        let (Some(namespace), Some(name), Some(cluster), Some(version)) = (
            &metadata.namespace,
            &metadata.name,
            metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(INSTANCE)),
            metadata
                .resource_version
                .as_ref()
                .and_then(|version| version.parse::<u64>().ok()),
        ) else {
            return false;
        };
        let cluster = ClusterKey {
            namespace: namespace.clone(),
            name: cluster.clone(),
        };
        self.lock()
            .get(&cluster)
            .and_then(|children| children.get(&ChildKey::new(kind, name)))
            .is_some_and(|known| {
                Some(&*known.uid) == metadata.uid.as_deref() && known.version >= version
            })
    }

    /// Takes note of a live object; returns its ChatCluster when something that matters has changed.
    pub fn observe(&self, kind: Kind, object: &Value) -> Option<ClusterKey> {
        let (cluster, key) = keys(kind, object)?;
        let fresh = record(kind, object);
        let mut clusters = self.lock();
        let children = clusters.entry(cluster.clone()).or_default();
        let changed = match children.get_mut(&key) {
            Some(known) if known.uid == fresh.uid && known.version >= fresh.version => false,
            Some(known) => {
                let settled = (known.uid == fresh.uid).then_some(known.settled).flatten();
                let fresh = Child { settled, ..fresh };
                let changed = Child {
                    version: fresh.version,
                    ..known.clone()
                } != fresh;
                *known = fresh;
                changed
            }
            None => {
                children.insert(key, fresh);
                true
            }
        };
        changed.then_some(cluster)
    }

    /// Takes note of our own write: `wanted` is what was applied, `object` what the API server made of it.
    pub fn settle(&self, kind: Kind, wanted: u64, object: &Value) {
        self.observe(kind, object);
        let Some((cluster, key)) = keys(kind, object) else {
            return;
        };
        if let Some(child) = self
            .lock()
            .get_mut(&cluster)
            .and_then(|children| children.get_mut(&key))
        {
            child.settled = child.ours.map(|ours| (wanted, ours));
        }
    }

    /// Takes note that an object is what is wanted without having been written.
    pub fn confirm(&self, cluster: &ClusterKey, key: &ChildKey, wanted: u64) {
        if let Some(child) = self
            .lock()
            .get_mut(cluster)
            .and_then(|children| children.get_mut(key))
            && child.settled.is_none()
        {
            child.settled = child.ours.map(|ours| (wanted, ours));
        }
    }

    /// Takes note that an object is gone; returns its ChatCluster.
    pub fn forget(&self, kind: Kind, object: &Value) -> Option<ClusterKey> {
        let (cluster, key) = keys(kind, object)?;
        let uid = object
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut clusters = self.lock();
        let children = clusters.get_mut(&cluster)?;
        // Another object of the same name may be there already.
        if children.get(&key).is_some_and(|child| &*child.uid != uid) {
            return None;
        }
        children.remove(&key);
        if children.is_empty() {
            clusters.remove(&cluster);
        }
        Some(cluster)
    }

    /// After a full list: forgets what was not in it. Returns the ChatClusters that lost something.
    fn retain_listed(
        &self,
        kind: Kind,
        scope: &Scope,
        listed: &HashSet<Box<str>>,
    ) -> Vec<ClusterKey> {
        let mut clusters = self.lock();
        let mut changed = Vec::new();
        for (cluster, children) in clusters
            .iter_mut()
            .filter(|(cluster, _)| scope.covers(&cluster.namespace))
        {
            let before = children.len();
            children.retain(|key, child| key.kind != kind || listed.contains(&child.uid));
            if children.len() != before {
                changed.push(cluster.clone());
            }
        }
        clusters.retain(|_, children| !children.is_empty());
        changed
    }

    /// Notes that one of the watches has listed everything once.
    pub fn listed_once(&self) {
        self.pending
            .send_modify(|pending| *pending = pending.saturating_sub(1));
    }
}

fn keys(kind: Kind, object: &Value) -> Option<(ClusterKey, ChildKey)> {
    let metadata = object.get("metadata")?;
    Some((
        ClusterKey {
            namespace: metadata.get("namespace")?.as_str()?.to_owned(),
            name: metadata.get("labels")?.get(INSTANCE)?.as_str()?.to_owned(),
        },
        ChildKey::new(kind, metadata.get("name")?.as_str()?),
    ))
}

fn record(kind: Kind, object: &Value) -> Child {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    Child {
        uid: text("/metadata/uid").into(),
        version: text("/metadata/resourceVersion").parse().unwrap_or(0),
        ours: managed_fields::hash_of_ours(object),
        settled: None,
        deleting: object.pointer("/metadata/deletionTimestamp").is_some(),
        facts: facts::of(kind, object),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(version: &str, port: i32) -> Value {
        json!({
            "metadata": {
                "namespace": "chat", "name": "demo-gateway", "uid": "u1", "resourceVersion": version,
                "labels": {INSTANCE: "demo"},
                "managedFields": [{"manager": managed_fields::FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:port": {}}}}],
            },
            "spec": {"port": port},
        })
    }

    fn key() -> (ClusterKey, ChildKey) {
        keys(Kind::Service, &service("1", 80)).unwrap()
    }

    #[test]
    fn late_news_does_not_overwrite_fresh() {
        let children = Children::new(0);
        assert!(
            children
                .observe(Kind::Service, &service("10", 80))
                .is_some()
        );
        assert!(children.observe(Kind::Service, &service("9", 81)).is_none());
        let (cluster, child) = key();
        let known = children.of(&cluster)[&child].clone();
        assert!(known.is(managed_fields::hash_of_wanted(
            &json!({"spec": {"port": 80}})
        )));
    }

    #[test]
    fn what_is_in_the_records_is_known_and_what_is_newer_or_another_is_not() {
        let children = Children::new(0);
        children.observe(Kind::Service, &service("10", 80));
        let known = |version: &str, uid: &str| {
            let mut object = service(version, 80);
            object["metadata"]["uid"] = json!(uid);
            let metadata = serde_json::from_value(object["metadata"].clone()).unwrap();
            children.knows(Kind::Service, &metadata)
        };
        assert!(known("10", "u1") && known("9", "u1"));
        assert!(!known("11", "u1") && !known("10", "u2"));
    }

    #[test]
    fn news_that_changes_nothing_that_matters_wakes_nobody() {
        let children = Children::new(0);
        children.observe(Kind::Service, &service("10", 80));
        assert!(
            children
                .observe(Kind::Service, &service("11", 80))
                .is_none()
        );
        assert!(
            children
                .observe(Kind::Service, &service("12", 81))
                .is_some()
        );
    }

    #[test]
    fn what_the_server_stored_differently_counts_as_settled_until_someone_changes_it() {
        let children = Children::new(0);
        let wanted = managed_fields::hash_of_wanted(&json!({"spec": {"port": "80"}}));
        children.settle(Kind::Service, wanted, &service("10", 80));
        let (cluster, child) = key();
        assert!(children.of(&cluster)[&child].is(wanted));
        children.observe(Kind::Service, &service("11", 81));
        let drifted = children.of(&cluster)[&child].clone();
        assert!(!drifted.is(wanted) && drifted.has_been(wanted));
    }

    #[test]
    fn an_object_missing_from_a_full_list_is_forgotten() {
        let children = Children::new(1);
        children.observe(Kind::Service, &service("10", 80));
        let changed = children.retain_listed(Kind::Service, &Scope::All, &HashSet::new());
        assert_eq!(changed, vec![key().0]);
        assert_eq!(children.count(), 0);
    }
}
