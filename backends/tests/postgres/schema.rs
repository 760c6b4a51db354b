//! The schema itself.

use chat_backends::config::PostgresConfig;
use chat_backends::postgres;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::database::{with_database, with_empty_database};

#[tokio::test]
async fn a_database_is_current_once_it_is_migrated_and_migrating_again_changes_nothing() {
    with_empty_database(async |pool| {
        tokio::spawn(async move {
            assert!(!postgres::schema_is_current(&pool).await.unwrap());
            let (one, other) = tokio::join!(postgres::migrate(&pool), postgres::migrate(&pool));
            one.unwrap();
            other.unwrap();
            assert!(postgres::schema_is_current(&pool).await.unwrap());
            postgres::migrate(&pool).await.unwrap();
            postgres::ping(&pool).await.unwrap();
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn every_key_of_a_rooms_table_begins_with_the_room() {
    with_database(|pool| async move {
        let keys: Vec<(String, String)> = sqlx::query_as(
            "SELECT i.indexrelid::regclass::text, a.attname::text
             FROM pg_index i
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
             WHERE i.indisunique AND EXISTS (
                 SELECT FROM pg_attribute room
                 JOIN pg_class c ON c.oid = room.attrelid AND c.relnamespace = 'public'::regnamespace
                 WHERE room.attrelid = i.indrelid AND room.attname = 'room_id')
               AND i.indrelid <> 'dm_pairs'::regclass",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        assert!(keys.len() > 50, "all partitions are looked at: {}", keys.len());
        for (index, first_column) in keys {
            assert_eq!(first_column, "room_id", "of {index}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_worth_another_try_and_a_mistake_is_not() {
    let away = PostgresConfig::from_url("postgres://nobody@127.0.0.1:1/none").unwrap();
    let pool = postgres::connect(&away).unwrap();
    let error = postgres::ping(&pool).await.unwrap_err();
    assert!(postgres::is_transient(&error), "{error:?}");
    with_database(|pool| async move {
        let error = sqlx::query("SELECT 1 FROM no_such_table")
            .execute(&pool)
            .await
            .unwrap_err();
        assert!(!postgres::is_transient(&error), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_its_own_fault() {
    with_database(|pool| async move {
        let mut conn = pool.acquire().await.unwrap();
        sqlx::query("SET statement_timeout = 20")
            .execute(&mut *conn)
            .await
            .unwrap();
        let error = sqlx::query("SELECT pg_sleep(5)")
            .execute(&mut *conn)
            .await
            .unwrap_err();
        assert!(!postgres::is_transient(&error), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_committed_descriptions_of_the_queries_match_the_schema() {
    with_database(|pool| async move {
        let directory = std::path::Path::new("../.sqlx");
        let mut conn = pool.acquire().await.unwrap();
        // The planner's guesses at what may be NULL are part of a description, and they follow these settings.
        sqlx::query("RESET ALL").execute(&mut *conn).await.unwrap();
        let mut described = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let committed: serde_json::Value = serde_json::from_str(&text).unwrap();
            let query = committed["query"].as_str().unwrap().to_owned();
            let description = (&mut *conn)
                .describe(AssertSqlSafe(query.clone()).into_sql_str())
                .await
                .unwrap_or_else(|error| panic!("{error}:{query}"));
            let now = serde_json::to_value(&description).unwrap();
            assert_eq!(now, committed["describe"], "{query}");
            described += 1;
        }
        assert!(described > 100, "only {described} queries were found");
    })
    .await;
}
