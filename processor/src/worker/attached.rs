//! A consumer that is always detached in good order, however its owner ends.

use std::ops::{Deref, DerefMut};

use chat_backends::rabbitmq::consumer::Consumer;

/// A consumer that closes its channel even when it is dropped by an error, a panic or an abort.
///
/// The driver would cancel the consumer first: the broker then serves the next one while this one still holds
/// deliveries, which come back behind what the next one got (seen on RabbitMQ 4.0). Closing the channel keeps the order.
pub(super) struct Attached(Option<Consumer>);

/// Only taken on the way out.
const ATTACHED: &str = "a consumer stays until it is closed";

impl Attached {
    /// Detaches: everything unacknowledged goes back to the queue's head at once.
    pub(super) async fn close(mut self) {
        if let Some(consumer) = self.0.take() {
            consumer.close().await;
        }
    }
}

impl From<Consumer> for Attached {
    fn from(consumer: Consumer) -> Self {
        Self(Some(consumer))
    }
}

impl Deref for Attached {
    type Target = Consumer;

    fn deref(&self) -> &Consumer {
        self.0.as_ref().expect(ATTACHED)
    }
}

impl DerefMut for Attached {
    fn deref_mut(&mut self) -> &mut Consumer {
        self.0.as_mut().expect(ATTACHED)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(consumer) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Nobody is left to await it; it takes one answer of the broker, for which it waits five seconds at most.
            runtime.spawn(consumer.close());
        }
    }
}
