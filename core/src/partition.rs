//! Which partition a room's jobs go to.

use uuid::Uuid;

/// The partition, `0..partitions`, of the jobs under `key` (a room's id; for acts without a room, a user's).
///
/// FNV-1a over the id's bytes with a final mix: stable across builds and machines, because a room that changed its
/// partition between two gateways would lose its order. `partitions` of zero counts as one.
pub fn of(key: Uuid, partitions: u16) -> u16 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.as_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    let partitions = u64::from(partitions.max(1));
    u16::try_from(hash % partitions).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes_between_builds() {
        let key = Uuid::from_u128(0x0190_a5b4_0000_7000_8000_0000_0000_abcd);
        assert_eq!(
            of(key, 8),
            7,
            "a change here breaks the order of rooms during an upgrade"
        );
    }

    #[test]
    fn rooms_made_in_a_row_spread_over_all_partitions() {
        let mut counts = [0_u32; 8];
        for _ in 0..8000 {
            counts[usize::from(of(Uuid::now_v7(), 8))] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1200).contains(count)),
            "{counts:?}"
        );
    }
}
