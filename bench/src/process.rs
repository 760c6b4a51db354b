//! Child processes that die when they are told to, and at the latest with us.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Longest time that a process may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(40);

/// How a process is started, as often as it is needed.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// What it is called in messages; its log is `<name>.log`.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where its log goes; later starts append.
    pub logs: PathBuf,
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Recipe {
    /// Starts it.
    ///
    /// # Errors
    /// If the program or its log can't be opened.
    pub fn start(&self) -> anyhow::Result<Process> {
        let path = self.logs.join(format!("{}.log", self.name));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("{} can't be written", path.display()))?;
        // The kernel ends it if we end without having done so.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(&self.command)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} can't be started", self.command.join(" ")))?;
        Ok(Process {
            name: self.name.clone(),
            child,
        })
    }
}

impl Process {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it where it stands.
    ///
    /// # Errors
    /// If it can't be ended.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.end()
            .with_context(|| format!("{} can't be killed", self.name))
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not end, or ends with an error.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()?;
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            anyhow::ensure!(asked.elapsed() < FAREWELL, "{} does not end", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.end());
    }
}
