//! What users may ask for: their data as an archive, and its end.

use std::collections::BTreeSet;
use std::io::Read;

use chat_backends::config::ObjectConfig;
use chat_backends::objects::{ObjectName, Objects};
use chat_backends::postgres::exports::ExportState;
use chat_backends::postgres::{attachments, audit, drafts, push, reports};
use chat_core::ids::{AttachmentId, PushSubscriptionId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use chat_processor::commands::{draft, export, friend, profile, react, report, story};
use chat_processor::{exports, housekeeping};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use crate::scene::{Scene, actor, on_scene, refused};

struct Store {
    objects: Objects,
    root: std::path::PathBuf,
}

impl Store {
    fn open() -> Self {
        let root = std::env::temp_dir().join(format!("chat-store-{}", uuid::Uuid::new_v4()));
        let config = ObjectConfig {
            directory: root.clone(),
            s3: None,
        };
        Self {
            objects: Objects::open(&config).unwrap(),
            root,
        }
    }

    async fn upload(&self, scene: &Scene, user: UserId, content: &[u8]) -> AttachmentId {
        let id = AttachmentId::random();
        let file = Attachment {
            id,
            file_name: "notes.txt".to_owned(),
            mime_type: "text/plain".to_owned(),
            size: content.len() as i64,
            sha256: "00".to_owned(),
            url: format!("/api/v1/attachments/{id}"),
            thumb_url: None,
            width: None,
            height: None,
            duration_ms: None,
            created_at: Timestamp::now(),
        };
        attachments::insert(&scene.context.pg, user, &file)
            .await
            .unwrap();
        let mut scratch = self.objects.scratch().await.unwrap();
        scratch.write(content).await.unwrap();
        self.objects
            .put(&ObjectName::attachment(id), scratch)
            .await
            .unwrap();
        id
    }

    async fn has(&self, name: &ObjectName) -> bool {
        self.objects.get(name, None).await.unwrap().is_some()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

async fn send_file(scene: &Scene, room: RoomId, user: UserId, file: AttachmentId) {
    let mut send = crate::scene::message(room, "with a file");
    send.attachments = vec![file];
    let sender = actor(user);
    let checked =
        chat_processor::commands::send_message::check(&scene.context, &sender, send).await;
    scene.perform(&checked.unwrap().job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_what_the_user_wrote_and_uploaded_and_nothing_of_others() {
    on_scene(async |scene| {
        let store = Store::open();
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        scene.say(room, alice, "from alice").await;
        scene.say(room, bob, "from bob").await;
        let file = store.upload(scene, alice, b"file of alice").await;
        let context = &scene.context;
        let id = export::ask(context, &actor(alice)).await.unwrap();
        assert_eq!(
            export::ask(context, &actor(alice)).await.unwrap(),
            id,
            "one at a time"
        );
        assert!(exports::make_next(context, &store.objects).await.unwrap());
        assert!(!exports::make_next(context, &store.objects).await.unwrap());
        let state = export::state(context, &actor(alice), id).await.unwrap();
        assert!(matches!(state, ExportState::Ready { .. }), "{state:?}");
        refused(export::state(context, &actor(bob), id).await);

        let content = store
            .objects
            .get(&ObjectName::export(id), None)
            .await
            .unwrap();
        let bytes: Vec<u8> = content
            .unwrap()
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .concat();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut text_of = |name: String| {
            let mut text = String::new();
            zip.by_name(&name)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        };
        assert!(text_of("profile.json".into()).contains("@example.org"));
        let messages = text_of(format!("messages/{room}.jsonl"));
        assert!(
            messages.contains("from alice") && !messages.contains("from bob"),
            "{messages}"
        );
        assert!(!text_of("rooms.jsonl".into()).contains("from bob"));
        assert_eq!(text_of(format!("files/{file}-notes.txt")), "file of alice");

        let later = Timestamp::now() + limits::EXPORT_LASTS;
        housekeeping::remove_files(context, &store.objects, later)
            .await
            .unwrap();
        assert!(!store.has(&ObjectName::export(id)).await, "it lasts a week");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_when_nothing_holds_them_and_stay_while_something_does() {
    on_scene(async |scene| {
        let store = Store::open();
        let [alice, bob] = scene.users().await;
        let room = scene.group(&[alice, bob]).await;
        let held = store.upload(scene, alice, b"held").await;
        let loose = store.upload(scene, alice, b"loose").await;
        send_file(scene, room, alice, held).await;
        let context = &scene.context;
        let is_there = async |id| store.has(&ObjectName::attachment(id)).await;
        housekeeping::remove_files(context, &store.objects, Timestamp::now())
            .await
            .unwrap();
        assert!(
            is_there(held).await && is_there(loose).await,
            "a day is given"
        );
        let tomorrow = Timestamp::now() + limits::LOOSE_FILE_LASTS;
        housekeeping::remove_files(context, &store.objects, tomorrow)
            .await
            .unwrap();
        assert!(is_there(held).await && !is_there(loose).await);

        let orphan = store.upload(scene, alice, b"orphan").await;
        profile::delete(context, &actor(alice)).await.unwrap();
        housekeeping::remove_files(context, &store.objects, Timestamp::now())
            .await
            .unwrap();
        assert!(is_there(held).await, "its message is kept");
        assert!(!is_there(orphan).await, "its owner is gone");
    })
    .await;
}

/// Columns where the id of a deleted user may still stand: what they did in rooms, under nobody's name, and what others
/// or the moderators must be able to go by. A table that is not here and holds the id fails the test below.
const TOMBSTONE: [&str; 24] = [
    "users.user_id",
    "users.username",
    "rooms.created_by",
    "members.user_id",
    "dm_pairs.user_low",
    "dm_pairs.user_high",
    "messages.sender_id",
    "messages.deleted_by",
    "messages.pinned_by",
    "messages.mentions",
    "messages.reactions",
    "messages.forwarded_from",
    "reactions.user_id",
    "attachments.uploader_id",
    "message_words.words",
    "room_bans.user_id",
    "reports.reporter_id",
    "reports.target_id",
    "audit_log.actor_id",
    "audit_log.target",
    // For a day: a job that comes twice is done once, the deleted user's as well.
    "jobs.room_id",
    // Until the event log has it, which is seconds.
    "event_outbox.entry",
    // Until the window is over, which is seconds.
    "activity_windows.id",
    // For a day, and only of sends while Redis was away.
    "acknowledged_sends.user_id",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_of_a_deleted_user_is_left_in_any_column_of_any_table() {
    on_scene(async |scene| {
        let store = Store::open();
        let [alice, bob, eve] = scene.users().await;
        let context = &scene.context;
        let private = "zzprivate";
        let username = format!("u{}", alice.uuid().simple());
        sqlx::query("UPDATE users SET bio = $2, phone = $2, name = $2, first_name = $2 WHERE user_id = $1")
            .bind(alice.uuid())
            .bind(private)
            .execute(&context.pg)
            .await
            .unwrap();
        let room = scene.group(&[alice, bob]).await;
        let dm = scene.dm(alice, bob).await;
        scene.say(dm, alice, "kept").await;
        let said = scene.say(room, bob, "hello").await;
        let reaction = client::MessageReact {
            message_id: said.id,
            emoji: "+".to_owned(),
            remove: false,
        };
        react::run(context, &actor(alice), reaction).await.unwrap();
        draft::set(context, &actor(alice), room, private).await.unwrap();
        let request = serde_json::from_value(serde_json::json!({"userId": eve})).unwrap();
        friend::run(context, &actor(alice), request).await.unwrap();
        let published = serde_json::from_value(serde_json::json!({"content": private})).unwrap();
        story::create(context, &actor(alice), published, None).await.unwrap();
        let told = serde_json::json!({"targetType": "user", "targetId": bob, "reason": private, "notes": private});
        report::run(context, &actor(alice), serde_json::from_value(told).unwrap()).await.unwrap();
        let now = Timestamp::now();
        sqlx::query(
            "INSERT INTO sessions (session_id, user_id, user_agent, ip, created_at, last_seen_at) \
             VALUES (gen_random_uuid(), $1, $2, $2, now(), now())",
        )
        .bind(alice.uuid())
        .bind(private)
        .execute(&context.pg)
        .await
        .unwrap();
        let browser = push::PushSubscription {
            id: PushSubscriptionId::now_v7(),
            user_id: alice,
            endpoint: private.to_owned(),
            p256dh: private.to_owned(),
            auth: private.to_owned(),
        };
        let mut connection = context.pg.acquire().await.unwrap();
        push::subscribe(&mut connection, &browser, 9, now).await.unwrap();
        drop(connection);
        let entry = audit::NewEntry {
            at: now,
            actor: Some(alice),
            action: "auth.password_wrong",
            target: Some(&alice.to_string()),
            key: Some(alice.uuid()),
            ip: Some(private),
            details: serde_json::json!({}),
        };
        audit::write(&context.pg, &entry).await.unwrap();
        export::ask(context, &actor(alice)).await.unwrap();
        exports::make_next(context, &store.objects).await.unwrap();
        assert_eq!(drafts::list(&context.pg, alice).await.unwrap().len(), 1);
        assert_eq!(reports::list(&context.pg, reports::Filter::default(), 9).await.unwrap().len(), 1);

        profile::delete(context, &actor(alice)).await.unwrap();
        housekeeping::remove_files(context, &store.objects, now).await.unwrap();

        let id = alice.to_string();
        for (needles, allowed) in [
            (vec![private, username.as_str()], BTreeSet::new()),
            (vec![id.as_str()], TOMBSTONE.into_iter().collect::<BTreeSet<_>>()),
        ] {
            let mut found = columns_with(scene, &needles).await;
            found.retain(|column| !allowed.contains(column.as_str()));
            assert!(found.is_empty(), "{needles:?} is still in {found:?}");
        }
    })
    .await;
}

/// The columns, of whatever type, in whose text one of `needles` stands.
async fn columns_with(scene: &Scene, needles: &[&str]) -> Vec<String> {
    let columns = sqlx::query(
        "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c \
         JOIN information_schema.tables t USING (table_schema, table_name) \
         WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' \
           AND c.table_name NOT LIKE 'messages\\_p%' AND c.table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&scene.context.pg)
    .await
    .unwrap();
    assert!(columns.len() > 100, "the scan sees the tables");
    let mut found = Vec::new();
    for column in columns {
        let (table, name): (String, String) = (column.get(0), column.get(1));
        for needle in needles {
            let query =
                format!("SELECT EXISTS (SELECT FROM {table} WHERE strpos({name}::text, $1) > 0)");
            let holds: bool = sqlx::query_scalar(AssertSqlSafe(query))
                .bind(*needle)
                .fetch_one(&scene.context.pg)
                .await
                .unwrap();
            if holds {
                found.push(format!("{table}.{name}"));
            }
        }
    }
    found
}
