//! A chat on loopback: gateways and processors as child processes, on backends of their own.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use chat_backends::tls::http_client;
use chat_core::env;

use crate::backends::{self, Backends, Kind, free_port};
use crate::link::Link;
use crate::process::{Process, Recipe};

/// The secret of the tokens.
pub const SECRET: &str = "a-secret-that-only-loopback-uses";

/// How long a program may take to get ready.
const START: Duration = Duration::from_secs(60);

/// How a deployment is to be.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where bench/roots unpacked the backends [default: backend-roots in the cache]
    #[arg(long, env = "CHAT_BACKEND_ROOTS")]
    pub roots: Option<PathBuf>,
    /// Where chat-server and chat-processor are [default: beside this program]
    #[arg(long)]
    pub programs: Option<PathBuf>,
    /// Where the logs of everything go [default: a folder in the temporary one]
    #[arg(long)]
    pub logs: Option<PathBuf>,
    /// Partitions of the queues
    #[arg(long, default_value_t = 8)]
    pub partitions: u16,
}

impl Options {
    fn roots(&self) -> PathBuf {
        self.roots.clone().unwrap_or_else(|| {
            let cache = std::env::var_os("CHATCLUSTER_CACHE").map_or_else(
                || {
                    PathBuf::from(std::env::var_os("HOME").unwrap_or_default())
                        .join(".cache/chatcluster")
                },
                PathBuf::from,
            );
            cache.join("backend-roots")
        })
    }

    fn programs(&self) -> anyhow::Result<PathBuf> {
        match &self.programs {
            Some(folder) => Ok(folder.clone()),
            None => Ok(std::env::current_exe()?
                .parent()
                .context("a program lies in a folder")?
                .to_owned()),
        }
    }

    fn logs(&self) -> anyhow::Result<PathBuf> {
        let folder = self.logs.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("chat-loopback-{}", std::process::id()))
        });
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// A gateway or a processor.
#[derive(Debug)]
pub struct Program {
    /// Where it listens.
    pub address: SocketAddr,
    recipe: Recipe,
    process: Option<Process>,
    links: HashMap<Kind, Link>,
}

/// Everything of one chat.
#[derive(Debug)]
pub struct Deployment {
    /// The servers behind it.
    pub backends: Backends,
    /// The gateways.
    pub gateways: Vec<Program>,
    /// The processors; those that are scaled in are there too, but do not run.
    pub processors: Vec<Program>,
    /// Where the logs are.
    pub logs: PathBuf,
    programs: PathBuf,
    partitions: u16,
    has_links: bool,
}

impl Deployment {
    /// The backends, and nothing on them yet.
    ///
    /// # Errors
    /// If one does not come up.
    pub async fn prepare(options: &Options, has_links: bool) -> anyhow::Result<Self> {
        let logs = options.logs()?;
        Ok(Self {
            backends: Backends::start(&options.roots(), &logs).await?,
            gateways: Vec::new(),
            processors: Vec::new(),
            logs,
            programs: options.programs()?,
            partitions: options.partitions,
            has_links,
        })
    }

    /// A whole chat that is ready.
    ///
    /// # Errors
    /// If something does not come up.
    pub async fn start(
        options: &Options,
        gateways: usize,
        processors: usize,
        settings: &[(&str, &str)],
        has_links: bool,
    ) -> anyhow::Result<Self> {
        let mut deployment = Self::prepare(options, has_links).await?;
        for _ in 0..processors {
            deployment.add_processor(settings).await?;
        }
        for _ in 0..gateways {
            deployment.add_gateway(settings).await?;
        }
        deployment.ready().await?;
        Ok(deployment)
    }

    /// The plain Node stack of `bench/node-peer` instead, on the same backends.
    /// To be called in the top folder of the repository.
    ///
    /// # Errors
    /// If something does not come up.
    pub async fn start_peer(options: &Options, gateways: usize) -> anyhow::Result<Self> {
        let mut deployment = Self::prepare(options, false).await?;
        // Where it runs, not where it was compiled: checkouts may share the compiler's cache.
        let folder = std::path::absolute("bench/node-peer")?;
        anyhow::ensure!(
            folder.join("node_modules").is_dir(),
            "run npm ci in {}",
            folder.display()
        );
        for (script, count) in [("processor.mjs", 1), ("gateway.mjs", gateways)] {
            for number in 0..count {
                let mut program = deployment
                    .program(&format!("{script}-{number}"), &[], &[])
                    .await?;
                program.recipe.command = ["node", &folder.join(script).display().to_string()]
                    .map(str::to_owned)
                    .into();
                program
                    .recipe
                    .environment
                    .push(("PATH".to_owned(), std::env::var("PATH")?));
                program.start()?;
                let list = if script == "gateway.mjs" {
                    &mut deployment.gateways
                } else {
                    &mut deployment.processors
                };
                list.push(program);
            }
        }
        deployment.ready().await?;
        Ok(deployment)
    }

    /// One more processor, started.
    ///
    /// # Errors
    /// If it can't be started.
    pub async fn add_processor(&mut self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let name = format!("processor-{}", self.processors.len());
        let mut program = self
            .program(&name, &["chat-processor", "run"], settings)
            .await?;
        program.start()?;
        self.processors.push(program);
        Ok(())
    }

    /// One more gateway, started.
    ///
    /// # Errors
    /// If it can't be started.
    pub async fn add_gateway(&mut self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let name = format!("gateway-{}", self.gateways.len());
        let mut program = self.program(&name, &["chat-server"], settings).await?;
        program.start()?;
        self.gateways.push(program);
        Ok(())
    }

    async fn program(
        &self,
        name: &str,
        command: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Program> {
        let mut links = HashMap::new();
        let mut addresses = HashMap::new();
        for kind in Kind::ALL {
            let mut address = self.backends.get(kind).address;
            if self.has_links {
                let link = Link::open(address).await?;
                address = link.address;
                links.insert(kind, link);
            }
            addresses.insert(kind, address);
        }
        let port = free_port()?;
        let own = [
            (env::PORT, port.to_string()),
            (env::POD_NAME, name.to_owned()),
            (
                env::DATABASE_URL,
                backends::database_url(addresses[&Kind::Postgres]),
            ),
            (
                env::REDIS_URL,
                format!("redis://{}/", addresses[&Kind::Redis]),
            ),
            (
                env::RABBITMQ_URL,
                backends::rabbitmq_url(addresses[&Kind::RabbitMq]),
            ),
            (
                env::RABBITMQ_CHAT_PARTITION_COUNT,
                self.partitions.to_string(),
            ),
            (env::JWT_ACCESS_TOKEN, SECRET.to_owned()),
            (env::CHAT_JOB_HMAC_KEYS, format!("k1:{SECRET}")),
            // The limits are a matter of their own tests.
            (env::RATE_LIMIT_MESSAGE_BURST, "1000000".to_owned()),
            (env::RATE_LIMIT_MESSAGE_RATE, "1000000".to_owned()),
            (env::CHAT_DRAIN_WINDOW, "3s".to_owned()),
            (env::RUST_LOG, "info".to_owned()),
            (env::LOG_FORMAT, "text".to_owned()),
        ];
        let own = own
            .into_iter()
            .map(|(variable, value)| (variable.to_owned(), value));
        let given = settings
            .iter()
            .map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned()));
        let mut words = command.iter().map(|word| (*word).to_owned());
        let binary = self
            .programs
            .join(words.next().unwrap_or_else(|| "chat-server".to_owned()));
        anyhow::ensure!(
            binary.is_file(),
            "{} is missing; run cargo build",
            binary.display()
        );
        Ok(Program {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            recipe: Recipe {
                name: name.to_owned(),
                command: std::iter::once(binary.display().to_string())
                    .chain(words)
                    .collect(),
                environment: own.chain(given).collect(),
                logs: self.logs.clone(),
            },
            process: None,
            links,
        })
    }

    /// Waits until every gateway that runs sees all backends, and every processor is ready.
    ///
    /// # Errors
    /// If that takes more than a minute.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let all = self.gateways.iter().map(|program| (program, "/health"));
        let all = all.chain(self.processors.iter().map(|program| (program, "/health")));
        for (program, path) in all.filter(|(program, _)| program.is_running()) {
            program.answers(path).await?;
        }
        Ok(())
    }

    /// Ends everything; the first error counts.
    ///
    /// # Errors
    /// If a program does not end well by itself.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        for program in self.gateways.iter_mut().chain(&mut self.processors) {
            result = result.and(program.finish().await);
        }
        result
    }
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.process = Some(self.recipe.start()?);
        Ok(())
    }

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn revive(&mut self) -> anyhow::Result<()> {
        if self.is_running() {
            Ok(())
        } else {
            self.start()
        }
    }

    /// Whether it was started, and not ended by us.
    pub const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its process number.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Its network to one backend, if the deployment has links.
    pub fn link(&self, kind: Kind) -> Option<&Link> {
        self.links.get(&kind)
    }

    /// Ends it where it stands.
    ///
    /// # Errors
    /// If it can't be ended.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(process) => process.finish().await,
            None => Ok(()),
        }
    }

    /// Waits until a GET of `path` succeeds.
    ///
    /// # Errors
    /// If it does not within a minute.
    pub async fn answers(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", self.address);
        let client = http_client()?.build()?;
        let began = Instant::now();
        loop {
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            anyhow::ensure!(
                began.elapsed() < START,
                "{} does not get ready: see its log",
                self.recipe.name
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// If there is no such process.
pub fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
