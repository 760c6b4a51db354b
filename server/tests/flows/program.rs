//! The program itself: wrong settings, shown settings, signals.

use chat_backends::tls::http_client;
use chat_test_support::until;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::harness::Backends;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.env_clear();
    command
}

fn complete() -> Command {
    let mut command = program();
    command
        .env("DATABASE_URL", "postgres://chat:s3cret@db/chat")
        .env("JWT_ACCESS_TOKEN", "s3cret-s3cret-s3cret")
        .env("CHAT_JOB_HMAC_KEYS", "k1:s3cret-s3cret-s3cret");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_or_wrong_variable_ends_the_start_with_one_line() {
    let cases = [
        (program(), "chat-server: DATABASE_URL is not set; set it to"),
        (
            {
                let mut command = complete();
                command.env_remove("JWT_ACCESS_TOKEN");
                command
            },
            "chat-server: JWT_ACCESS_TOKEN is not set; set it to",
        ),
        (
            {
                let mut command = complete();
                command.env("JWT_ACCESS_EXPIRED", "soon");
                command
            },
            "chat-server: JWT_ACCESS_EXPIRED \"soon\" is not a duration; write",
        ),
        (
            {
                let mut command = complete();
                command.env("REDIS_URL", "http://redis");
                command
            },
            "chat-server: REDIS_URL ",
        ),
    ];
    for (mut command, start) in cases {
        let output = command.output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(start), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn the_settings_are_shown_without_secrets() {
    let output = complete().arg("check-config").output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(shown.contains("drain_window"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_program_well() {
    let backends = Backends::prepare().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut child = program()
        .env("DATABASE_URL", &backends.database.url)
        .env("REDIS_URL", &backends.redis_url)
        .env("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:9/%2f")
        .env("JWT_ACCESS_TOKEN", "s3cret-s3cret-s3cret")
        .env("CHAT_JOB_HMAC_KEYS", "k1:s3cret-s3cret-s3cret")
        .env("PORT", port.to_string())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = format!("http://127.0.0.1:{port}/health/readiness");
    let client = http_client().unwrap().build().unwrap();
    until("the program is ready", async || {
        client
            .get(&ready)
            .send()
            .await
            .ok()?
            .status()
            .is_success()
            .then_some(())
    })
    .await;
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = until("the program ends", async || child.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(0));
    tokio::time::timeout(Duration::from_secs(5), backends.database.remove())
        .await
        .unwrap();
}
