//! Which partitions a processor should work on, seen from the list of live processors.
//!
//! The result is a hint for balance only: the broker's single active consumer keeps a partition with one worker even
//! while two processors see different lists.

/// The partitions, of `0..partitions`, that belong to `me` among `live`.
///
/// Shares differ by at most one. A processor that is not in the list owns nothing.
pub fn owned(me: &str, live: &[String], partitions: u16) -> Vec<u16> {
    let mut sorted: Vec<&str> = live.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let Some(place) = sorted.iter().position(|name| *name == me) else {
        return Vec::new();
    };
    (0..partitions)
        .filter(|partition| usize::from(*partition) % sorted.len() == place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_partition_has_one_owner_and_shares_differ_by_one_at_most(
            names in proptest::collection::btree_set("[a-z]{1,6}", 1..12),
            partitions in 1_u16..65,
        ) {
            let live: Vec<String> = names.into_iter().collect();
            let shares: Vec<Vec<u16>> = live.iter().map(|name| owned(name, &live, partitions)).collect();
            let mut all: Vec<u16> = shares.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..partitions).collect::<Vec<_>>());
            let sizes: Vec<usize> = shares.iter().map(Vec::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_processor_that_is_not_listed_owns_nothing() {
        assert!(owned("c", &["a".into(), "b".into()], 8).is_empty());
    }
}
