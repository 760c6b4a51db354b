//! The ChatClusters that this operator watches, by name.

use std::sync::Arc;

use kube::runtime::reflector::Store;

use crate::children::ClusterKey;
use crate::controller::Guarded;

/// All stores, one a watched scope.
#[derive(Clone, Default)]
pub struct Clusters(Vec<Store<Guarded>>);

impl std::fmt::Debug for Clusters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Clusters")
            .field(&self.0.len())
            .finish()
    }
}

impl Clusters {
    /// Of some stores.
    #[must_use]
    pub fn new(stores: Vec<Store<Guarded>>) -> Self {
        Self(stores)
    }

    /// All that can be read.
    #[must_use]
    pub fn all(&self) -> Vec<(ClusterKey, Arc<Guarded>)> {
        self.0
            .iter()
            .flat_map(Store::state)
            .filter_map(|guarded| {
                let metadata = &guarded.0.as_ref().ok()?.metadata;
                let key = ClusterKey {
                    namespace: metadata.namespace.clone()?,
                    name: metadata.name.clone()?,
                };
                Some((key, guarded))
            })
            .collect()
    }

    /// All of one namespace that can be read.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Vec<(ClusterKey, Arc<Guarded>)> {
        self.all()
            .into_iter()
            .filter(|(key, _)| key.namespace == namespace)
            .collect()
    }
}
