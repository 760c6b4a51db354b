//! The program's other commands: `check-config`, `migrate`, `run`.

use chat_test_support::{PATIENCE, variable};
use std::process::{Command, Stdio};

use crate::stage::on_stage;

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) async fn chat_processor(arguments: &[&str], environment: &[(&str, String)]) -> Run {
    let mut program = program(arguments, environment);
    let running = tokio::task::spawn_blocking(move || program.output().unwrap());
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .expect("the program ends")
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn program(arguments: &[&str], environment: &[(&str, String)]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chat-processor"));
    program
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null());
    program
}

fn complete() -> Vec<(&'static str, String)> {
    vec![
        (
            "DATABASE_URL",
            "postgres://chat:pg-secret@db/chat".to_owned(),
        ),
        ("REDIS_URL", "redis://:redis-secret@cache:6379/0".to_owned()),
        (
            "RABBITMQ_URL",
            "amqp://chat:mq-secret@broker/chat".to_owned(),
        ),
        (
            "CHAT_JOB_HMAC_KEYS",
            "k1:0123456789abcdef-secret".to_owned(),
        ),
    ]
}

#[tokio::test]
async fn a_complete_configuration_is_shown_without_its_secrets() {
    let run = chat_processor(&["check-config"], &complete()).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.out.contains("secret"), "{}", run.out);
    assert!(run.out.contains("k1"), "{}", run.out);
}

#[tokio::test]
async fn each_missing_or_wrong_variable_stops_the_start_with_one_line_that_names_it() {
    let without = |name: &str| -> Vec<(&'static str, String)> {
        let all = complete().into_iter();
        all.filter(|(given, _)| *given != name).collect()
    };
    let with = |name: &'static str, value: &str| {
        let mut all = without(name);
        all.push((name, value.to_owned()));
        all
    };
    let cases = [
        ("DATABASE_URL", without("DATABASE_URL")),
        ("CHAT_JOB_HMAC_KEYS", without("CHAT_JOB_HMAC_KEYS")),
        ("DATABASE_URL", with("DATABASE_URL", "mysql://db/chat")),
        ("REDIS_URL", with("REDIS_URL", "http://cache")),
        ("RABBITMQ_URL", with("RABBITMQ_URL", "broker:5672")),
        ("CHAT_JOB_HMAC_KEYS", with("CHAT_JOB_HMAC_KEYS", "k1:short")),
        ("PORT", with("PORT", "http")),
        ("CHAT_DRAIN_WINDOW", with("CHAT_DRAIN_WINDOW", "soon")),
        (
            "RABBITMQ_CHAT_PARTITION_COUNT",
            with("RABBITMQ_CHAT_PARTITION_COUNT", "0"),
        ),
        (
            "RABBITMQ_CHAT_MAX_RETRIES",
            with("RABBITMQ_CHAT_MAX_RETRIES", "many"),
        ),
        (
            "RABBITMQ_CHAT_CONSUMER_PREFETCH",
            with("RABBITMQ_CHAT_CONSUMER_PREFETCH", "-1"),
        ),
        ("RUST_LOG", with("RUST_LOG", "loud=very=")),
    ];
    for (variable, environment) in cases {
        for command in ["check-config", "run"] {
            let run = chat_processor(&[command], &environment).await;
            assert_eq!(run.code, 2, "{variable}, {command}: {run:?}");
            assert_eq!(run.err.lines().count(), 1, "{variable}, {command}: {run:?}");
            assert!(run.err.contains(variable), "{variable}, {command}: {run:?}");
            assert!(
                !run.err.contains("-secret"),
                "{variable}, {command}: {run:?}"
            );
        }
    }
}

#[tokio::test]
async fn migrating_twice_is_as_good_as_once() {
    on_stage(1, async |stage| {
        let options = stage.pg.connect_options();
        let base = variable("TEST_DATABASE_URL");
        let (server, _) = base.rsplit_once('/').unwrap();
        let environment = [(
            "DATABASE_URL",
            format!("{server}/{}", options.get_database().unwrap()),
        )];
        for _ in 0..2 {
            let run = chat_processor(&["migrate"], &environment).await;
            assert_eq!(run.code, 0, "{run:?}");
        }
        let current = chat_backends::postgres::schema_is_current(&stage.pool).await;
        assert!(current.unwrap());
    })
    .await;
}

#[tokio::test]
async fn help_names_every_command() {
    let run = chat_processor(&["--help"], &[]).await;
    assert_eq!(run.code, 0);
    for command in [
        "run",
        "migrate",
        "dlq",
        "replay",
        "check-config",
        "completion",
    ] {
        assert!(run.out.contains(command), "{command}: {}", run.out);
    }
}

/// A program without its broker, so that the test leaves no queue behind.
#[tokio::test]
async fn the_program_says_what_is_away_and_ends_in_order_on_sigterm() {
    let free_port = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (port, nobody) = (free_port(), free_port());
    let mut environment = complete();
    environment.extend([
        ("PORT", port.to_string()),
        ("DATABASE_URL", variable("TEST_DATABASE_URL")),
        ("REDIS_URL", format!("redis://127.0.0.1:{nobody}/")),
        (
            "RABBITMQ_URL",
            format!("amqp://guest:guest@127.0.0.1:{nobody}/"),
        ),
        ("RUST_LOG", "off".to_owned()),
    ]);
    let mut program = program(&["run"], &environment).spawn().unwrap();
    chat_test_support::eventually("Postgres is there", async || {
        let answer = get(port, "/health/readiness").await;
        answer.starts_with("HTTP/1.1 503")
            && answer.contains(r#""info":{"database":{"status":"up"}}"#)
    })
    .await;
    assert!(
        get(port, "/health/liveness")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(get(port, "/metrics").await.contains("chat_jobs_held"));
    let kill = Command::new("kill").arg(program.id().to_string()).status();
    assert!(kill.unwrap().success());
    let mut code = None;
    chat_test_support::eventually("it ends", async || {
        code = program.try_wait().unwrap().map(|status| status.code());
        code.is_some()
    })
    .await;
    assert_eq!(code, Some(Some(0)));
}

async fn get(port: u16, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else {
        return String::new();
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).await.is_ok() {
        drop(stream.read_to_string(&mut answer).await);
    }
    answer
}
