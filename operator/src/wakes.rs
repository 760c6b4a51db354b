//! Which ChatClusters are to be looked at: a set, so that a thousand news about one are one look, and so that it can't
//! grow beyond the number of ChatClusters.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, stream};
use tokio::sync::Notify;

use crate::children::ClusterKey;

/// A set that can be waited on.
#[derive(Debug, Clone, Default)]
pub struct Wakes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<BTreeSet<ClusterKey>>,
    arrived: Notify,
}

impl Wakes {
    /// Adds one.
    pub fn add(&self, cluster: ClusterKey) {
        self.waiting().insert(cluster);
        self.0.arrived.notify_one();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeSet<ClusterKey>> {
        // The set is whole between any two of its operations.
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes them out one by one, as they come.
    pub fn stream(self) -> impl Stream<Item = ClusterKey> {
        stream::unfold(self, |wakes| async move {
            loop {
                let next = wakes.waiting().pop_first();
                if let Some(cluster) = next {
                    return Some((cluster, wakes));
                }
                // An arrival between the look and this wait is kept by the Notify.
                wakes.0.arrived.notified().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn many_news_about_one_cluster_are_one_look() {
        let key = |name: &str| ClusterKey {
            namespace: "chat".to_owned(),
            name: name.to_owned(),
        };
        let wakes = Wakes::default();
        for name in ["a", "b", "a", "a"] {
            wakes.add(key(name));
        }
        let taken: Vec<_> = wakes.stream().take(2).collect().await;
        assert_eq!(taken, [key("a"), key("b")]);
    }
}
