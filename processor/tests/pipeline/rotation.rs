//! Rotating the keys that sign jobs.

use chat_core::signing::KeyRing;

use crate::stage::{on_stage, send};

const OLD: &str = "2025:0123456789abcdef";
const BOTH: &str = "2026:fedcba9876543210,2025:0123456789abcdef";
const NEW: &str = "2026:fedcba9876543210";

#[tokio::test]
async fn keys_rotate_without_losing_a_job() {
    on_stage(1, async |stage| {
        let people = stage.users(1).await;
        let room = stage.room(&people).await;
        let ring = |text| KeyRing::parse(text).unwrap();
        for keys in [OLD, BOTH] {
            let publisher = stage.publisher_with(ring(keys)).await;
            publisher
                .publish(&send(room, people[0], keys), None)
                .await
                .unwrap();
        }
        let mut wiring = stage.wiring();
        wiring.keys = ring(BOTH);
        let worker = stage.work("w1", wiring.clone());
        stage.stored_all(room, 2).await;
        worker.finish().await;

        wiring.keys = ring(NEW);
        let worker = stage.work("w2", wiring);
        for keys in [OLD, NEW] {
            let publisher = stage.publisher_with(ring(keys)).await;
            publisher
                .publish(&send(room, people[0], keys), None)
                .await
                .unwrap();
        }
        let letters = stage.dead_letters_all(1).await;
        assert!(letters[0].reason.contains("2025"), "{}", letters[0].reason);
        let stored = stage.stored_all(room, 3).await;
        assert_eq!(stored[2].content, NEW);
        worker.finish().await;
    })
    .await;
}
