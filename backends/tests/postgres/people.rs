//! Accounts.

use chat_backends::postgres::users::{self, InsertUserError, Login};
use chat_core::ids::{SessionId, UserId};
use chat_core::protocol::objects::UserRole;

use crate::database::{new_user, with_database};

#[tokio::test]
async fn emails_and_usernames_are_unique_in_whatever_case() {
    with_database(|pool| async move {
        let first = new_user(UserId::now_v7(), "Alice");
        let user = users::insert(&pool, &first).await.unwrap();
        assert_eq!(user.email.as_deref(), Some("Alice@example.org"));
        assert_eq!(users::by_id(&pool, first.id).await.unwrap(), Some(user));

        let mut same_email = new_user(UserId::now_v7(), "bob");
        same_email.email = "ALICE@EXAMPLE.ORG".to_owned();
        let error = users::insert(&pool, &same_email).await.unwrap_err();
        assert!(matches!(error, InsertUserError::EmailTaken), "{error:?}");
        let mut same_name = new_user(UserId::now_v7(), "aLICE");
        same_name.email = "other@example.org".to_owned();
        let error = users::insert(&pool, &same_name).await.unwrap_err();
        assert!(matches!(error, InsertUserError::UsernameTaken), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_login_finds_its_account_by_email_or_username_in_whatever_case() {
    with_database(|pool| async move {
        let id = UserId::now_v7();
        users::insert(&pool, &new_user(id, "Carol")).await.unwrap();
        for login in [
            Login::Email("carol@EXAMPLE.org"),
            Login::Username("CAROL"),
            Login::Either("carol"),
            Login::Either("Carol@example.org"),
        ] {
            let row = users::login_row(&pool, login).await.unwrap().unwrap();
            assert_eq!((row.user_id, row.ban), (id, None), "{login:?}");
        }
        assert!(
            users::login_row(&pool, Login::Email("carol"))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            users::login_row(&pool, Login::Username("carol@example.org"))
                .await
                .unwrap()
                .is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_of_an_unknown_session_is_revoked_and_one_without_session_is_not() {
    with_database(|pool| async move {
        let id = UserId::now_v7();
        users::insert(&pool, &new_user(id, "dora")).await.unwrap();
        let state = users::auth_state(&pool, id, None).await.unwrap().unwrap();
        assert_eq!(
            (state.role, state.deleted, state.session_revoked),
            (UserRole::User, false, false)
        );
        let state = users::auth_state(&pool, id, Some(SessionId::random()))
            .await
            .unwrap()
            .unwrap();
        assert!(state.session_revoked);
        assert_eq!(
            users::auth_state(&pool, UserId::now_v7(), None)
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn search_takes_the_text_literally_and_puts_usernames_first() {
    with_database(|pool| async move {
        for (username, name) in [
            ("zed", "Ann_a"),
            ("ann_b", "Bert"),
            ("annab", "Cid"),
            ("x%y", "Per cent"),
        ] {
            let mut user = new_user(UserId::now_v7(), username);
            user.name = name.to_owned();
            users::insert(&pool, &user).await.unwrap();
        }
        let names = async |text: &str| -> Vec<String> {
            users::search(&pool, text, 10)
                .await
                .unwrap()
                .into_iter()
                .map(|found| found.username)
                .collect()
        };
        assert_eq!(names("ANN_").await, ["ann_b", "zed"]);
        assert_eq!(names("x%").await, ["x%y"]);
        assert_eq!(names("%").await, Vec::<String>::new());
        assert_eq!(names("zed@example.org").await, ["zed"]);
    })
    .await;
}
