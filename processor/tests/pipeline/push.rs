//! Web Push, up to a push service on this machine that reads what the browser would read.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_backends::postgres::members;
use chat_backends::postgres::push::{self, PushSubscription};
use chat_backends::redis::presence;
use chat_core::ids::{PushSubscriptionId, RoomId, UserId};
use chat_core::job::Act;
use chat_core::time::Timestamp;
use chat_processor::context::{Context, Policy};
use chat_processor::groups;
use chat_processor::push::client::Client;
use chat_processor::push::endpoint::Reach;
use chat_processor::push::sender::Sender;
use chat_processor::push::vapid::Vapid;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use chat_test_support::eventually;

use crate::stage::{Stage, on_stage, send};

const AUTH: [u8; 16] = [9; 16];

/// What came to the push service: the browser's name, the proof, the notification.
type Pushed = (String, String, Value);

#[derive(Clone, Default)]
struct PushService {
    pushed: Arc<Mutex<Vec<Pushed>>>,
}

fn browser_key() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

fn point(key: &PublicKey) -> Vec<u8> {
    key.to_encoded_point(false).as_bytes().to_vec()
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info];
    let expanded = extracted.expand(&info, Length(N)).unwrap();
    expanded.fill(&mut out).unwrap();
    out
}

/// The browser's side of RFC 8291.
fn read(body: &[u8]) -> Value {
    let (salt, rest) = body.split_at(16);
    assert_eq!(rest[4], 65, "the length of the key");
    let (theirs, record) = rest[5..].split_at(65);
    let ours = browser_key();
    let public = PublicKey::from_sec1_bytes(theirs).unwrap();
    let shared = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), public.as_affine());
    let info = [
        b"WebPush: info\0",
        point(&ours.public_key()).as_slice(),
        theirs,
    ]
    .concat();
    let secret: [u8; 32] = derive(&AUTH, shared.raw_secret_bytes(), &info);
    let key: [u8; 16] = derive(salt, &secret, b"Content-Encoding: aes128gcm\0");
    let nonce: [u8; 12] = derive(salt, &secret, b"Content-Encoding: nonce\0");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let mut record = record.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
    let (end, payload) = plain.split_last().unwrap();
    assert_eq!(*end, 2, "the last record");
    serde_json::from_slice(payload).unwrap()
}

impl PushService {
    async fn start(&self) -> String {
        let router = Router::new()
            .route("/{browser}", post(Self::take))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        base
    }

    async fn take(
        State(service): State<Self>,
        Path(browser): Path<String>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        assert_eq!(headers["content-encoding"], "aes128gcm");
        assert!(headers.contains_key("ttl"));
        let proof = headers["authorization"].to_str().unwrap().to_owned();
        let status = if browser.starts_with("gone") {
            StatusCode::GONE
        } else {
            StatusCode::CREATED
        };
        let notification = read(&body);
        service
            .pushed
            .lock()
            .unwrap()
            .push((browser, proof, notification));
        status
    }

    fn browsers(&self) -> Vec<String> {
        let pushed = self.pushed.lock().unwrap();
        let mut browsers: Vec<String> = pushed.iter().map(|pushed| pushed.0.clone()).collect();
        browsers.sort_unstable();
        browsers
    }
}

pub(crate) async fn subscribe(stage: &Stage, user: UserId, endpoint: String) {
    let subscription = PushSubscription {
        id: PushSubscriptionId::now_v7(),
        user_id: user,
        endpoint,
        p256dh: URL_SAFE_NO_PAD.encode(point(&browser_key().public_key())),
        auth: URL_SAFE_NO_PAD.encode(AUTH),
    };
    let mut connection = stage.pool.acquire().await.unwrap();
    push::subscribe(&mut connection, &subscription, 10, Timestamp::now())
        .await
        .unwrap();
}

pub(crate) async fn mute(stage: &Stage, room: RoomId, user: UserId) {
    let until = Timestamp::now() + std::time::Duration::from_secs(3600);
    assert!(
        members::mute(&stage.pool, room, user, Some(until))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn members_who_are_away_are_notified_once_and_nobody_else_is() {
    on_stage(1, async |stage| {
        let people = stage.users(6).await;
        let [author, away, online, muted, mentioned, gone] = people[..] else {
            panic!("six people");
        };
        let room = stage.room(&people).await;
        let service = PushService::default();
        let base = service.start().await;
        for (user, browser) in [
            (author, "author"),
            (away, "away-1"),
            (away, "away-2"),
            (online, "online"),
            (muted, "muted"),
            (mentioned, "mentioned"),
            (gone, "gone"),
        ] {
            subscribe(stage, user, format!("{base}/{browser}")).await;
        }
        mute(stage, room, muted).await;
        mute(stage, room, mentioned).await;
        presence::connect(&stage.redis, online, "gateway-test", "socket")
            .await
            .unwrap();

        let vapid = Vapid::new("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", None).unwrap();
        let sender = Sender {
            context: Context {
                pg: stage.pool.clone(),
                redis: stage.redis.clone(),
                policy: Arc::new(Policy::default()),
            },
            vapid: vapid.clone(),
            client: Client::new(Reach::Anything).unwrap(),
        };
        let stop = CancellationToken::new();
        let sending = tokio::spawn(sender.clone().run(stop.clone()));
        let sending_too = tokio::spawn(sender.run(stop.clone()));
        let rabbit = Arc::new(stage.rabbit.clone());
        let following = groups::run(stage.pool.clone(), rabbit, "w1".into(), stop.clone());
        let following = tokio::spawn(following);
        let worker = stage.work("w1", stage.wiring());

        let mut job = send(room, author, "hello @mentioned");
        if let Act::SendMessage(send) = &mut job.act {
            send.mentions = vec![mentioned];
        }
        let publisher = stage.publisher().await;
        publisher.publish(&job, None).await.unwrap();
        // As after a crash between commit and acknowledgement.
        publisher.publish(&job, None).await.unwrap();

        let waiting = async || {
            let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM push_deliveries");
            count.fetch_one(&stage.pool).await.unwrap()
        };
        eventually("all are notified", async || {
            service.browsers().len() >= 4 && waiting().await == 0
        })
        .await;
        worker.finish().await;
        stop.cancel();
        following.await.unwrap();
        sending.await.unwrap();
        sending_too.await.unwrap();

        assert_eq!(
            service.browsers(),
            ["away-1", "away-2", "gone", "mentioned"]
        );
        let left = push::of(&stage.pool, &[gone, away]).await.unwrap();
        assert_eq!(
            left.len(),
            2,
            "what the push service does not know is forgotten"
        );
        for (_, proof, notification) in service.pushed.lock().unwrap().iter() {
            assert!(proof.starts_with("vapid t="), "{proof}");
            assert!(proof.ends_with(vapid.public_key()), "{proof}");
            assert_eq!(notification["preview"], "hello @mentioned");
            assert_eq!(notification["roomId"], room.to_string());
            assert_eq!(notification["seq"], 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_push_service_on_a_private_address_is_never_asked() {
    on_stage(1, async |stage| {
        let people = stage.users(2).await;
        let room = stage.room(&people).await;
        let service = PushService::default();
        let base = service.start().await.replace("http://", "https://");
        subscribe(stage, people[1], format!("{base}/inside")).await;
        let vapid = Vapid::new("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", None).unwrap();
        let sender = Sender {
            context: Context {
                pg: stage.pool.clone(),
                redis: stage.redis.clone(),
                policy: Arc::new(Policy::default()),
            },
            vapid,
            client: Client::new(Reach::Public).unwrap(),
        };
        let notice = push::deliveries::Notice {
            room,
            author: people[0],
            mentioned: vec![],
            payload: "{}".to_owned(),
        };
        push::deliveries::plan(&stage.pool, &[notice], Timestamp::now())
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let sending = tokio::spawn(sender.run(stop.clone()));
        eventually("the subscription is dropped", async || {
            push::of(&stage.pool, &people).await.unwrap().is_empty()
        })
        .await;
        stop.cancel();
        sending.await.unwrap();
        assert!(service.browsers().is_empty());
    })
    .await;
}
