//! RabbitMQ: the job queues, the dead letters and the event log.
//!
//! Only this module touches the AMQP driver. The driver's own recovery is not used: it would replay consumers and
//! confirms behind the caller's back, while here a lost connection must surface, because what was unconfirmed or
//! unacknowledged has to be decided about.

pub mod consumer;
pub mod dead_letter;
pub mod delivery;
pub mod depth;
pub mod event_log;
mod headers;
pub mod log_reader;
pub mod publisher;
pub mod topology;

use std::sync::Arc;
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};

use crate::config::RabbitConfig;

/// How long connecting, with its handshake, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the broker may take for one answer on a channel.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long closing a connection may take: whoever closes one because it is broken wants the next one soon.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Heartbeat in seconds that is asked for: a peer that vanished without a word is noticed within twice this.
const HEARTBEAT_SECS: u16 = 5;

/// AMQP's delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// A target of the AMQP driver's log that must stay off: on a returned message it logs the whole body.
pub const SILENCED_LOG_TARGET: &str = "lapin::returned_messages";

/// What can go wrong between us and the broker.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    /// The broker can't be reached, or the connection or channel is gone.
    #[error("RabbitMQ is not available: {0}")]
    Unavailable(String),
    /// The broker did not answer in time.
    #[error("RabbitMQ did not answer within {} ms ({during})", .after.as_millis())]
    Timeout {
        /// What was being done.
        during: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The broker refused what was asked (a missing queue, other arguments, no permission).
    #[error("RabbitMQ refused: {0}")]
    Refused(String),
}

impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(problem) => Self::Refused(problem.get_message().to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// One connection to RabbitMQ; clones share it.
#[derive(Clone)]
pub struct Broker {
    connection: Arc<Connection>,
}

impl Broker {
    /// Connects; `name` is what the broker's management pages call this connection.
    ///
    /// # Errors
    /// [`BrokerError`] if the broker can't be reached or refuses the login.
    pub async fn connect(config: &RabbitConfig, name: &str) -> Result<Self, BrokerError> {
        let mut uri = config.uri().clone();
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECS);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        // The driver sets TCP_NODELAY itself; without it small publishes would wait for each other.
        let connection = bounded("connect", CONNECT_TIMEOUT, async {
            Connection::connect_uri(uri, properties).await
        })
        .await?;
        Ok(Self {
            connection: Arc::new(connection),
        })
    }

    /// Whether the connection stands and the broker takes what is published (no memory or disk alarm).
    pub fn is_open(&self) -> bool {
        self.connection.status().connected() && !self.connection.status().blocked()
    }

    /// Whether both are one connection.
    pub fn is_same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }

    /// Whether the connection stands, alarm or not.
    pub fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Closes the connection; what is unacknowledged goes back to its queues.
    pub async fn close(&self) {
        if self.connection.status().connected() {
            let closing = self.connection.close(200, "closing".into());
            // A broker that does not answer any more can't be told; its heartbeat will find out.
            drop(tokio::time::timeout(CLOSE_TIMEOUT, closing).await);
        }
    }

    /// Opens a channel with publisher confirms.
    pub(crate) async fn confirm_channel(&self) -> Result<Channel, BrokerError> {
        let channel = self.channel().await?;
        call(
            "switch to publisher confirms",
            channel.confirm_select(ConfirmSelectOptions::default()),
        )
        .await?;
        Ok(channel)
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, BrokerError> {
        call("open a channel", self.connection.create_channel()).await
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("connected", &self.is_connected())
            .finish()
    }
}

/// Awaits one answer of the broker, but not for ever.
pub(crate) async fn call<T>(
    during: &'static str,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    bounded(during, CALL_TIMEOUT, work).await
}

async fn bounded<T>(
    during: &'static str,
    after: Duration,
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(after, work).await {
        Ok(answer) => answer.map_err(BrokerError::from),
        Err(_) => Err(BrokerError::Timeout { during, after }),
    }
}
