//! Those who keep order, and a user's rights over what is kept about them.

use std::time::Duration;

use chat_backends::postgres::audit::{self, Filter, NewEntry};
use chat_backends::postgres::reports::{self, Report, ReportStatus, ReportTarget};
use chat_backends::postgres::users::{self, InsertUserError, Login, UserPatch};
use chat_backends::postgres::{PgPool, drafts, friends, messages};
use chat_core::ids::{FriendRequestId, ReportId, UserId};
use chat_core::protocol::objects::UserRole;
use chat_core::time::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};

use crate::database::{append, group, new_user, text, user, with_database};

#[tokio::test]
async fn a_ban_is_seen_by_the_next_check_and_ends_by_itself_or_by_hand() {
    with_database(|pool| async move {
        let user = user(&pool).await;
        let (now, end) = (Timestamp::now(), Timestamp::now() + Duration::from_secs(60));
        users::ban(&pool, user, "noise", Some(end), now)
            .await
            .unwrap();
        let ban = users::auth_state(&pool, user, None)
            .await
            .unwrap()
            .unwrap()
            .ban
            .unwrap();
        assert!(!ban.is_over(now) && ban.is_over(end));
        assert!(!users::by_id(&pool, user).await.unwrap().unwrap().is_active);
        users::ban(&pool, user, "noise", None, now).await.unwrap();
        let ban = users::auth_state(&pool, user, None)
            .await
            .unwrap()
            .unwrap()
            .ban
            .unwrap();
        assert!(!ban.is_over(end));
        assert_eq!(users::count(&pool, now).await.unwrap(), (1, 1));
        assert!(users::unban(&pool, user, now).await.unwrap());
        assert!(!users::unban(&pool, user, now).await.unwrap());
        assert_eq!(
            users::auth_state(&pool, user, None)
                .await
                .unwrap()
                .unwrap()
                .ban,
            None
        );
        users::set_role(&pool, user, UserRole::Admin, now)
            .await
            .unwrap();
        assert_eq!(
            users::page(&pool, users::Start::default(), 10)
                .await
                .unwrap()[0]
                .role,
            UserRole::Admin
        );
        assert_eq!(
            users::page(
                &pool,
                users::Start {
                    before: Some(user),
                    skip: 0
                },
                10
            )
            .await
            .unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn a_profile_changes_only_in_what_the_patch_names_and_takes_no_taken_name() {
    with_database(|pool| async move {
        let (one, other) = (UserId::now_v7(), UserId::now_v7());
        users::insert(&pool, &new_user(one, "one")).await.unwrap();
        users::insert(&pool, &new_user(other, "other"))
            .await
            .unwrap();
        let patch = UserPatch {
            bio: Some("hi".to_owned()),
            avatar_url: Some("/a".to_owned()),
            ..UserPatch::default()
        };
        let user = users::update(&pool, one, &patch, Timestamp::now())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                user.bio.as_str(),
                user.username.as_str(),
                user.avatar_url.as_deref()
            ),
            ("hi", "one", Some("/a"))
        );
        let patch = UserPatch {
            username: Some("OTHER".to_owned()),
            ..UserPatch::default()
        };
        let error = users::update(&pool, one, &patch, Timestamp::now())
            .await
            .unwrap_err();
        assert!(matches!(error, InsertUserError::UsernameTaken), "{error:?}");
        assert!(
            users::set_password(&pool, one, "new hash", Timestamp::now())
                .await
                .unwrap()
        );
        assert_eq!(
            users::password_hash(&pool, one).await.unwrap().as_deref(),
            Some("new hash")
        );
    })
    .await;
}

#[tokio::test]
async fn reports_are_listed_by_status_and_decided() {
    with_database(|pool| async move {
        let (reporter, admin) = (user(&pool).await, user(&pool).await);
        let report = Report {
            id: ReportId::now_v7(),
            reporter_id: reporter,
            target: ReportTarget::Message,
            target_id: uuid::Uuid::now_v7(),
            reason: "spam".to_owned(),
            notes: None,
            status: ReportStatus::Pending,
            decided_by: None,
            decided_at: None,
            decision: None,
            created_at: Timestamp::now(),
        };
        reports::insert(&pool, &report).await.unwrap();
        let pending = reports::Filter {
            status: Some(ReportStatus::Pending),
            ..reports::Filter::default()
        };
        assert_eq!(
            reports::list(&pool, pending, 10).await.unwrap(),
            std::slice::from_ref(&report)
        );
        let now = Timestamp::now();
        assert!(
            reports::decide(
                &pool,
                report.id,
                ReportStatus::Resolved,
                admin,
                Some("done"),
                now
            )
            .await
            .unwrap()
        );
        assert_eq!(reports::list(&pool, pending, 10).await.unwrap(), []);
        let all = reports::list(&pool, reports::Filter::default(), 10)
            .await
            .unwrap();
        let before = reports::Filter {
            before: Some(report.id),
            ..reports::Filter::default()
        };
        let after = reports::Filter {
            skip: 1,
            ..reports::Filter::default()
        };
        assert_eq!(
            (all[0].status, all[0].decided_by),
            (ReportStatus::Resolved, Some(admin))
        );
        assert_eq!(reports::list(&pool, before, 10).await.unwrap(), []);
        assert_eq!(reports::list(&pool, after, 10).await.unwrap(), []);
        assert_eq!(reports::count(&pool, None).await.unwrap(), 1);
        assert_eq!(reports::count(&pool, pending.status).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_answers_who_did_what_when() {
    with_database(|pool| async move {
        let admin = user(&pool).await;
        let start = Timestamp::now();
        for (secs, actor, action) in [
            (0, None, "login.failed"),
            (1, Some(admin), "user.ban"),
            (2, Some(admin), "room.delete"),
        ] {
            let entry = NewEntry {
                at: start + Duration::from_secs(secs),
                actor,
                action,
                target: Some("x"),
                key: None,
                ip: None,
                details: serde_json::json!({"n": secs}),
            };
            audit::write(&pool, &entry).await.unwrap();
        }
        let actions = async |filter: Filter<'_>| -> Vec<String> {
            let entries = audit::list(&pool, filter, 10).await.unwrap();
            entries.into_iter().map(|entry| entry.action).collect()
        };
        let all = Filter::default();
        assert_eq!(
            actions(all).await,
            ["room.delete", "user.ban", "login.failed"]
        );
        assert_eq!(
            actions(Filter {
                actor: Some(admin),
                ..all
            })
            .await,
            ["room.delete", "user.ban"]
        );
        assert_eq!(
            actions(Filter {
                action: Some("user.ban"),
                ..all
            })
            .await,
            ["user.ban"]
        );
        let second = start + Duration::from_secs(1);
        assert_eq!(
            actions(Filter {
                from: Some(second),
                ..all
            })
            .await,
            ["room.delete", "user.ban"]
        );
        assert_eq!(
            actions(Filter {
                to: Some(second),
                ..all
            })
            .await,
            ["login.failed"]
        );
        let newest = audit::list(&pool, all, 1).await.unwrap()[0].id;
        assert_eq!(
            actions(Filter {
                before: Some(newest),
                ..all
            })
            .await,
            ["user.ban", "login.failed"]
        );
        assert_eq!(audit::prune(&pool, second).await.unwrap(), 1);
    })
    .await;
}

/// Every text of every table that still holds `needle`.
async fn scan(pool: &PgPool, needle: &str) -> Vec<String> {
    let tables = sqlx::query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(pool)
        .await
        .unwrap();
    let mut holding = Vec::new();
    for table in tables {
        let table: String = table.get(0);
        let sql =
            format!("SELECT EXISTS (SELECT FROM {table} t WHERE t::text ILIKE '%' || $1 || '%')");
        let holds: bool = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(needle)
            .fetch_one(pool)
            .await
            .unwrap();
        if holds {
            holding.push(table);
        }
    }
    holding
}

#[tokio::test]
async fn nothing_of_an_erased_account_is_left_but_what_it_wrote_in_rooms() {
    with_database(|pool| async move {
        let (gone, friend) = (UserId::now_v7(), user(&pool).await);
        let mut account = new_user(gone, "ZaphodB");
        account.phone = Some("ZaphodB-phone".to_owned());
        users::insert(&pool, &account).await.unwrap();
        let room = group(&pool, &[friend, gone]).await;
        append(&pool, &[text(room, gone, "I was here")]).await;
        let draft = drafts::Draft {
            room_id: room,
            content: "ZaphodB writes".to_owned(),
            updated_at: Timestamp::now(),
        };
        drafts::set(&pool, gone, &draft).await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        let request = FriendRequestId::now_v7();
        friends::ask(&mut conn, request, gone, friend, Timestamp::now())
            .await
            .unwrap();
        friends::answer(&pool, request, true, Timestamp::now())
            .await
            .unwrap();
        assert!(!scan(&pool, "ZaphodB").await.is_empty());

        let now = Timestamp::now();
        assert!(users::erase(&pool, gone, now).await.unwrap());
        assert!(!users::erase(&pool, gone, now).await.unwrap());
        assert_eq!(scan(&pool, "ZaphodB").await, Vec::<String>::new());
        assert!(
            users::auth_state(&pool, gone, None)
                .await
                .unwrap()
                .unwrap()
                .deleted
        );
        assert_eq!(users::by_id(&pool, gone).await.unwrap(), None);
        assert!(
            users::login_row(&pool, Login::Either("ZaphodB"))
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(friends::ids(&pool, friend).await.unwrap(), []);
        let kept = messages::load(&mut conn, None, &[(room, 1)], true)
            .await
            .unwrap();
        assert_eq!(kept[0].content.as_deref(), Some("I was here"));
        users::insert(&pool, &new_user(UserId::now_v7(), "ZaphodB"))
            .await
            .unwrap();
    })
    .await;
}
