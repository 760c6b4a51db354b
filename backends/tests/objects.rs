//! The store of files: a directory and a bucket behave alike.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chat_backends::config::{ObjectConfig, S3Config};
use chat_backends::objects::{ObjectError, ObjectName, Objects};
use chat_core::ids::AttachmentId;
use futures::TryStreamExt;

type Bucket = Arc<Mutex<HashMap<String, Bytes>>>;

/// As much of S3 as is used: signed requests on `/bucket/key`, ranges.
async fn s3() -> String {
    let router = Router::new()
        .route("/{bucket}/{*key}", get(read).put(write).delete(remove))
        .with_state(Bucket::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn is_signed(query: &HashMap<String, String>) -> bool {
    query
        .get("X-Amz-Signature")
        .is_some_and(|signature| signature.len() == 64)
        && query
            .get("X-Amz-Credential")
            .is_some_and(|by| by.starts_with("key-id/"))
}

type At = (
    State<Bucket>,
    Path<(String, String)>,
    Query<HashMap<String, String>>,
);

async fn read((State(bucket), Path((_, key)), Query(query)): At, headers: HeaderMap) -> Response {
    if !is_signed(&query) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(bytes) = bucket.lock().unwrap().get(&key).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(range) = headers.get("range") else {
        return bytes.into_response();
    };
    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    (StatusCode::PARTIAL_CONTENT, bytes.slice(first..=last)).into_response()
}

async fn write((State(bucket), Path((_, key)), Query(query)): At, body: Bytes) -> StatusCode {
    if !is_signed(&query) {
        return StatusCode::FORBIDDEN;
    }
    bucket.lock().unwrap().insert(key, body);
    StatusCode::OK
}

async fn remove((State(bucket), Path((_, key)), Query(query)): At) -> StatusCode {
    if !is_signed(&query) {
        return StatusCode::FORBIDDEN;
    }
    bucket.lock().unwrap().remove(&key);
    StatusCode::NO_CONTENT
}

struct Stores {
    root: PathBuf,
    stores: Vec<Objects>,
}

impl Stores {
    async fn open() -> Self {
        let root = std::env::temp_dir().join(format!("chat-objects-{}", uuid::Uuid::new_v4()));
        let s3 = S3Config {
            endpoint: s3().await.parse().unwrap(),
            bucket: "files".to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "key-id".to_owned(),
            secret_access_key: "key-secret".to_owned().into(),
        };
        let config = |s3| ObjectConfig {
            directory: root.clone(),
            s3,
        };
        Self {
            stores: vec![
                Objects::open(&config(None)).unwrap(),
                Objects::open(&config(Some(s3))).unwrap(),
            ],
            root,
        }
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

async fn read_all(
    store: &Objects,
    name: &ObjectName,
    range: Option<std::ops::Range<u64>>,
) -> Option<Vec<u8>> {
    let content = store.get(name, range).await.unwrap()?;
    Some(content.try_collect::<Vec<_>>().await.unwrap().concat())
}

#[tokio::test]
async fn what_is_stored_is_read_whole_or_in_part_and_gone_after_its_deletion() {
    let stores = Stores::open().await;
    for store in &stores.stores {
        let name = ObjectName::attachment(AttachmentId::random());
        assert_eq!(read_all(store, &name, None).await, None);
        let mut file = store.scratch().await.unwrap();
        file.write(b"hello ").await.unwrap();
        file.write(b"world").await.unwrap();
        assert_eq!(file.size(), 11);
        store.put(&name, file).await.unwrap();
        assert_eq!(read_all(store, &name, None).await.unwrap(), b"hello world");
        assert_eq!(read_all(store, &name, Some(6..9)).await.unwrap(), b"wor");
        store.delete(&name).await.unwrap();
        store.delete(&name).await.unwrap();
        assert_eq!(read_all(store, &name, None).await, None);
    }
}

#[tokio::test]
async fn what_is_not_stored_leaves_nothing_behind() {
    let stores = Stores::open().await;
    let incoming = stores.root.join("incoming");
    let count = || std::fs::read_dir(&incoming).unwrap().count();
    let mut dropped = stores.stores[0].scratch().await.unwrap();
    dropped.write(b"half").await.unwrap();
    assert_eq!(count(), 1);
    drop(dropped);
    assert_eq!(count(), 0);
    std::fs::write(incoming.join("left-by-a-crash"), b"x").unwrap();
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    assert_eq!(stores.stores[0].sweep(now - hour).await.unwrap(), 0);
    assert_eq!(stores.stores[0].sweep(now + hour).await.unwrap(), 1);
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn a_store_that_refuses_is_an_error_without_its_url() {
    let root = std::env::temp_dir().join(format!("chat-objects-{}", uuid::Uuid::new_v4()));
    let s3 = |endpoint: &str, key: &str| S3Config {
        endpoint: endpoint.parse().unwrap(),
        bucket: "files".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: key.to_owned(),
        secret_access_key: "key-secret".to_owned().into(),
    };
    let name = ObjectName::attachment(AttachmentId::random());
    for (s3, is_away) in [
        (s3("http://127.0.0.1:9", "key-id"), true),
        (s3(&self::s3().await, "another"), false),
    ] {
        let config = ObjectConfig {
            directory: root.clone(),
            s3: Some(s3),
        };
        let Err(error) = Objects::open(&config).unwrap().get(&name, None).await else {
            panic!("it must be refused");
        };
        assert_eq!(matches!(error, ObjectError::Unreachable(_)), is_away);
        assert!(!error.to_string().contains("Signature"), "{error}");
    }
}
