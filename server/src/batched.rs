//! Look-ups that many clients make at one moment, put into one query: what a reconnect storm costs the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most look-ups of one query.
const MOST: usize = 500;

/// So many look-ups within [`GATHER`] are a crowd: the next query waits for more of it.
const CROWD: usize = 8;

/// How long a crowd is gathered. Nobody alone waits for it.
const GATHER: Duration = Duration::from_millis(50);

/// Look-ups that may wait.
const WAITING: usize = 20_000;

/// Why a look-up has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Arc<sqlx::Error>),
    /// More wait than can be served in time.
    #[error("too many look-ups are waiting")]
    Full,
    /// The gateway is ending.
    #[error("the gateway is ending")]
    Ending,
}

struct Asked<K, V> {
    key: K,
    answer: oneshot::Sender<Result<V, NoAnswer>>,
}

/// One kind of look-up.
pub(crate) struct Batched<K, V> {
    asking: mpsc::Sender<Asked<K, V>>,
}

impl<K: Send + 'static, V: Send + 'static> Batched<K, V> {
    /// `look_up` answers all keys that it is given, in their order. One query is under way at a time; what is asked
    /// meanwhile goes into the next.
    pub(crate) fn start<F, Q>(tasks: &TaskTracker, stop: CancellationToken, look_up: F) -> Self
    where
        F: Fn(Vec<K>) -> Q + Send + 'static,
        Q: Future<Output = Result<Vec<V>, sqlx::Error>> + Send,
    {
        let (asking, asked) = mpsc::channel(WAITING);
        tasks.spawn(async move {
            let _stopped = stop.run_until_cancelled(serve(asked, look_up)).await;
        });
        Self { asking }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(crate) async fn get(&self, key: K) -> Result<V, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        self.asking
            .try_send(Asked { key, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => NoAnswer::Full,
                mpsc::error::TrySendError::Closed(_) => NoAnswer::Ending,
            })?;
        answered.await.unwrap_or(Err(NoAnswer::Ending))
    }
}

async fn serve<K, V, F, Q>(mut asked: mpsc::Receiver<Asked<K, V>>, look_up: F)
where
    F: Fn(Vec<K>) -> Q,
    Q: Future<Output = Result<Vec<V>, sqlx::Error>>,
{
    let mut lately = (Instant::now(), 0);
    let mut batch = Vec::new();
    while asked.recv_many(&mut batch, MOST).await > 0 {
        if lately.0.elapsed() > GATHER {
            lately = (Instant::now(), 0);
        }
        if lately.1 >= CROWD {
            tokio::time::sleep(GATHER).await;
            lately = (Instant::now(), 0);
        }
        while batch.len() < MOST
            && let Ok(more) = asked.try_recv()
        {
            batch.push(more);
        }
        lately.1 += batch.len();
        let (keys, answers): (Vec<K>, Vec<_>) = batch
            .drain(..)
            .map(|asked: Asked<K, V>| (asked.key, asked.answer))
            .unzip();
        // Whoever asked may have gone meanwhile.
        match look_up(keys).await {
            Ok(values) => {
                for (answer, value) in answers.into_iter().zip(values) {
                    let _gone = answer.send(Ok(value));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for answer in answers {
                    let _gone = answer.send(Err(NoAnswer::Failed(Arc::clone(&error))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    fn doubling(queries: &Arc<AtomicUsize>) -> Batched<u32, u32> {
        let queries = Arc::clone(queries);
        Batched::start(
            &TaskTracker::new(),
            CancellationToken::new(),
            move |keys: Vec<u32>| {
                queries.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    Ok(keys.into_iter().map(|key| key * 2).collect())
                }
            },
        )
    }

    #[tokio::test]
    async fn a_crowd_costs_few_queries_and_everybody_gets_its_own_answer() {
        let queries = Arc::default();
        let doubled = doubling(&queries);
        let storm = (0..500_u32).map(async |key| {
            tokio::time::sleep(Duration::from_millis(u64::from(key))).await;
            assert_eq!(doubled.get(key).await.unwrap(), key * 2);
        });
        join_all(storm).await;
        let queries = queries.load(Ordering::Relaxed);
        assert!(queries <= 500 / 10, "{queries}");
    }

    #[tokio::test]
    async fn who_comes_alone_does_not_wait_for_others() {
        let doubled = doubling(&Arc::default());
        let began = std::time::Instant::now();
        for key in 0..10 {
            assert_eq!(doubled.get(key).await.unwrap(), key * 2);
        }
        assert!(began.elapsed() < GATHER * 10);
    }

    #[tokio::test]
    async fn a_failed_query_fails_each_of_its_look_ups_and_not_the_next() {
        let tries = AtomicUsize::new(0);
        let failing_once = Batched::start(
            &TaskTracker::new(),
            CancellationToken::new(),
            move |keys: Vec<u8>| {
                let first = tries.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    if first {
                        return Err(sqlx::Error::PoolTimedOut);
                    }
                    Ok(keys)
                }
            },
        );
        let both = tokio::join!(failing_once.get(1), failing_once.get(2));
        assert!(matches!(
            both,
            (Err(NoAnswer::Failed(_)), Err(NoAnswer::Failed(_)))
        ));
        assert_eq!(failing_once.get(3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn an_ending_gateway_answers_nobody_and_leaves_nobody_waiting() {
        let stop = CancellationToken::new();
        let never = Batched::start(&TaskTracker::new(), stop.clone(), |_: Vec<u8>| {
            std::future::pending::<Result<Vec<u8>, sqlx::Error>>()
        });
        let (answer, ()) = tokio::join!(never.get(1), async {
            tokio::task::yield_now().await;
            stop.cancel();
        });
        assert!(matches!(answer, Err(NoAnswer::Ending)));
        assert!(matches!(never.get(2).await, Err(NoAnswer::Ending)));
    }
}
