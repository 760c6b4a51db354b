//! A Postgres, a RabbitMQ and a Valkey of one's own on loopback, from the lab's images: what is measured next to them is
//! alone with them, and what is tested may kill them.
//!
//! Each runs in a process namespace of its own, so that a SIGKILL ends all of its processes in one moment.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use chat_backends::config::PostgresConfig;
use chat_backends::postgres::{self, PgPool};
use tokio::net::TcpStream;

use crate::process::{Process, Recipe};

/// The user of the images.
const USER: u32 = 999;

/// How long a server may take to answer after its start.
const START: Duration = Duration::from_secs(120);

/// Below the range from which the kernel takes ports for outgoing connections: a server that is away keeps its port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Runs `$2 ..` in the root `$1`. The shell stays: it keeps the signal that ends it with its parent, which a process
/// that changes its user loses.
const IN_ROOT: &str = r#"mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" || exit 1
root=$1; shift; chroot --userspec=999:999 "$root" "$@"; exit $?"#;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Kind {
    Postgres,
    RabbitMq,
    Redis,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::RabbitMq, Self::Redis];

    /// As it is called in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Redis => "valkey",
            other => other.name(),
        }
    }
}

/// One server.
#[derive(Debug)]
pub struct Backend {
    /// Which.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    recipe: Recipe,
    process: Option<Process>,
    data: PathBuf,
}

/// All three.
#[derive(Debug)]
pub struct Backends {
    servers: [Backend; 3],
}

impl Backends {
    /// Starts them, empty, from the folder that `bench/roots` filled, and makes the schema.
    ///
    /// # Errors
    /// If one does not come up; its log is in `logs`.
    pub async fn start(roots: &Path, logs: &Path) -> anyhow::Result<Self> {
        let mut servers = [
            Backend::prepare(Kind::Postgres, roots, logs)?,
            Backend::prepare(Kind::RabbitMq, roots, logs)?,
            Backend::prepare(Kind::Redis, roots, logs)?,
        ];
        for server in &mut servers {
            server.start()?;
        }
        for server in &servers {
            server.answers().await?;
        }
        let backends = Self { servers };
        let pool = backends.pool()?;
        // It listens a moment before it takes logins.
        let migrated = async {
            while let Err(error) = postgres::migrate(&pool).await {
                tracing::debug!(%error, "the schema can't be made yet");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(START, migrated)
            .await
            .context("the schema can't be made")?;
        pool.close().await;
        Ok(backends)
    }

    /// One of them.
    pub fn get(&self, kind: Kind) -> &Backend {
        &self.servers[kind as usize]
    }

    /// One of them, to end or to start it.
    pub fn get_mut(&mut self, kind: Kind) -> &mut Backend {
        &mut self.servers[kind as usize]
    }

    /// The database, not by way of any link.
    ///
    /// # Errors
    /// If the settings are wrong.
    pub fn pool(&self) -> anyhow::Result<PgPool> {
        let url = database_url(self.get(Kind::Postgres).address);
        Ok(postgres::connect(&PostgresConfig::from_url(url)?)?)
    }
}

/// `DATABASE_URL` of a Postgres that is found there.
pub fn database_url(address: SocketAddr) -> String {
    format!("postgres://postgres:postgres@{address}/postgres")
}

/// `RABBITMQ_URL` of a broker that is found there.
pub fn rabbitmq_url(address: SocketAddr) -> String {
    format!("amqp://guest:guest@{address}/%2f")
}

/// A port that is free now.
///
/// # Errors
/// If there is none.
pub fn free_port() -> anyhow::Result<u16> {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two runs at once start at different places.
    let offset = u16::try_from(std::process::id() % 400).unwrap_or_default() * 30;
    (0..PORTS.len())
        .map(|_| PORTS.start + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port")
}

impl Backend {
    fn prepare(kind: Kind, roots: &Path, logs: &Path) -> anyhow::Result<Self> {
        let root = roots.join(kind.folder());
        anyhow::ensure!(
            root.join("etc").is_dir(),
            "{} is missing; run bench/roots",
            root.display()
        );
        let inside = format!("/var/lib/chat-{}-{}", std::process::id(), free_port()?);
        let data = root.join(inside.trim_start_matches('/'));
        std::fs::create_dir_all(&data)?;
        chown(&data, Some(USER), Some(USER))?;
        let port = free_port()?;
        let program = match kind {
            Kind::Postgres => postgres(&inside, port),
            Kind::RabbitMq => rabbitmq(&data, &inside, port)?,
            Kind::Redis => valkey(&inside, port),
        };
        let wrapper = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            IN_ROOT,
            "sh",
        ];
        let mut command: Vec<String> = wrapper.map(str::to_owned).into();
        command.push(root.display().to_string());
        command.extend(program);
        if kind == Kind::Postgres {
            let status = Command::new("chroot")
                .args(["--userspec=999:999", &root.display().to_string()])
                .args([
                    "/usr/lib/postgresql/17/bin/initdb",
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                    "--no-sync",
                ])
                .args([
                    "--locale=C.UTF-8",
                    "-E",
                    "UTF8",
                    "-D",
                    &format!("{inside}/data"),
                ])
                .env_clear()
                .env(
                    "PATH",
                    "/usr/lib/postgresql/17/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                )
                .env("LANG", "C.UTF-8")
                .stdout(Stdio::null())
                .status()?;
            anyhow::ensure!(status.success(), "initdb ended with {status}");
        }
        Ok(Self {
            kind,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            recipe: Recipe {
                name: kind.name().to_owned(),
                command,
                environment: vec![(
                    "PATH".to_owned(),
                    "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                )],
                logs: logs.to_owned(),
            },
            process: None,
            data,
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        // Whoever it names is dead, but another process may have its number.
        drop(std::fs::remove_file(self.data.join("data/postmaster.pid")));
        self.process = Some(self.recipe.start()?);
        Ok(())
    }

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn revive(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            Ok(())
        } else {
            self.start()
        }
    }

    /// Ends it where it stands.
    ///
    /// # Errors
    /// If it can't be ended.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// If it does not in two minutes.
    pub async fn answers(&self) -> anyhow::Result<()> {
        let answering = async {
            while TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(START, answering)
            .await
            .with_context(|| format!("{} does not come up", self.kind.name()))
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // First the process, then what it writes to.
        drop(self.process.take());
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.data).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn environment(path: &str, more: &[(&str, &str)]) -> Vec<String> {
    let mut command = vec![
        "env".to_owned(),
        format!("PATH={path}:/usr/bin:/bin:/usr/sbin:/sbin"),
        "LANG=C.UTF-8".to_owned(),
    ];
    command.extend(more.iter().map(|(name, value)| format!("{name}={value}")));
    command
}

fn postgres(inside: &str, port: u16) -> Vec<String> {
    let mut command = environment("/usr/lib/postgresql/17/bin", &[]);
    let arguments = [
        format!(
            "postgres -D {inside}/data -p {port} -c listen_addresses=127.0.0.1 -c max_connections=300"
        ),
        format!("-c unix_socket_directories={inside} -c shared_buffers=256MB -c max_wal_size=2GB"),
    ];
    command.extend(arguments.join(" ").split(' ').map(str::to_owned));
    command
}

fn rabbitmq(data: &Path, inside: &str, port: u16) -> anyhow::Result<Vec<String>> {
    let epmd = free_port()?.to_string();
    let distribution = free_port()?.to_string();
    let conf = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\nstream.listeners.tcp.1 = 127.0.0.1:{}\nlog.console = true\n\
         log.console.level = warning\nlog.file = false\nvm_memory_high_watermark.absolute = 1GB\n\
         disk_free_limit.absolute = 500MB\n",
        free_port()?
    );
    std::fs::write(data.join("rabbitmq.conf"), conf)?;
    std::fs::write(data.join("enabled_plugins"), "[rabbitmq_stream].\n")?;
    for file in ["rabbitmq.conf", "enabled_plugins"] {
        chown(data.join(file), Some(USER), Some(USER))?;
    }
    let mut command = environment(
        "/usr/lib/rabbitmq/bin",
        &[
            ("HOME", inside),
            ("RABBITMQ_NODENAME", "rabbit@localhost"),
            ("RABBITMQ_DIST_PORT", &distribution),
            ("RABBITMQ_MNESIA_BASE", &format!("{inside}/mnesia")),
            ("RABBITMQ_CONFIG_FILE", &format!("{inside}/rabbitmq")),
            (
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                &format!("{inside}/enabled_plugins"),
            ),
            ("RABBITMQ_LOGS", "-"),
            ("ERL_EPMD_PORT", &epmd),
            ("ERL_EPMD_ADDRESS", "127.0.0.1"),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
            ),
            ("RABBITMQ_CTL_ERL_ARGS", ""),
        ],
    );
    command.push("rabbitmq-server".to_owned());
    Ok(command)
}

fn valkey(inside: &str, port: u16) -> Vec<String> {
    let mut command = environment("/usr/bin", &[]);
    let arguments =
        format!("valkey-server --bind 127.0.0.1 --port {port} --appendonly no --dir {inside}");
    command.extend(arguments.split(' ').map(str::to_owned));
    // Nothing in it needs to survive: that is part of what is tested.
    command.extend(["--save".to_owned(), String::new()]);
    command
}
