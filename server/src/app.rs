//! What the parts of a running gateway share.

use std::sync::Arc;

use chat_backends::objects::Objects;
use chat_backends::postgres::rooms::RoomHead;
use chat_core::ids::{RoomId, UserId};
use chat_processor::context::Context;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Authenticator;
use crate::auth::password::Passwords;
use crate::batched::Batched;
use crate::config::Config;
use crate::delivery::heads::Heads;
use crate::delivery::late::Late;
use crate::delivery::receipts::Receipts;
use crate::delivery::subscriptions::Subscriptions;
use crate::dialects::facts::Facts;
use crate::dispatch::Dispatcher;
use crate::drain::Drain;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::monitoring::Monitoring;
use crate::shedding::Shedding;
use crate::sockets::hub::Hub;
use crate::web::Web;

/// Most clients of one gateway; the next ones are sent to another.
const MOST_CLIENTS: usize = 50_000;

/// A running gateway.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) context: Context,
    pub(crate) passwords: Passwords,
    pub(crate) authenticator: Authenticator,
    /// The rooms of a user.
    pub(crate) rooms_of: Batched<UserId, Vec<RoomId>>,
    /// Where the rooms of a user stand.
    pub(crate) room_heads: Batched<UserId, Vec<RoomHead>>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) shedding: Arc<Shedding>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) receipts: Receipts,
    pub(crate) facts: Facts,
    pub(crate) late: Late,
    pub(crate) heads: Arc<Heads>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) monitoring: Monitoring,
    pub(crate) health: Health,
    pub(crate) drain: Drain,
    pub(crate) web: Web,
    /// Uploaded files and exports.
    pub(crate) objects: Objects,
    /// Everything that was started and must end.
    pub(crate) tasks: TaskTracker,
    /// Ends what runs beside the requests.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Whether there is no place for another socket.
    pub(crate) fn is_full(&self) -> bool {
        self.hub.len() >= MOST_CLIENTS
    }
}
