//! The way of a checked job: to the broker, or done here while the broker is away. Only then it is acknowledged.

mod lanes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_backends::rabbitmq::Broker;
use chat_backends::rabbitmq::publisher::{PublishError, Publisher};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::job::Job;
use chat_processor::commands::admission;
use chat_processor::context::Context;
use chat_processor::direct;
use chat_processor::failure::{Failure, unavailable};
use chat_processor::order::Confirmed;
use chat_processor::trace::{self, Kind, Step};
use futures::FutureExt;
use futures::future::BoxFuture;

use self::lanes::{Lanes, Place};
use crate::config::OnBrokerOutage;
use crate::metrics::{Metrics, Stage};

/// How long a job may take that is done here; with the publisher's own bound the client has its answer within a second.
const DIRECT_TIMEOUT: Duration = Duration::from_millis(900);

/// When a client whose job was refused should send it again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A job that is on its way.
pub(crate) struct Started {
    publishing: Publishing,
    /// The part of the trace that lasts until the confirm, if it is recorded.
    step: Option<Step>,
    /// Held until the job is settled.
    _place: Place<Broker>,
}

enum Publishing {
    /// The broker is still to confirm it.
    Waiting(BoxFuture<'static, (Job, Result<(), PublishError>)>),
    /// Nothing is to be waited for.
    Answered(Box<(Job, Result<(), PublishError>)>),
    /// It is to be published once its forerunners are settled, which is when it is asked for; with its trace context.
    Held(Box<(Job, Option<String>)>),
}

/// Makes jobs safe.
pub(crate) struct Dispatcher {
    publisher: Publisher,
    context: Context,
    on_broker_outage: OnBrokerOutage,
    metrics: Arc<Metrics>,
    lanes: Arc<Lanes<Broker>>,
    confirmed: Confirmed,
}

impl Dispatcher {
    pub(crate) fn new(
        publisher: Publisher,
        context: Context,
        on_broker_outage: OnBrokerOutage,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            publisher,
            context,
            on_broker_outage,
            metrics,
            lanes: Arc::default(),
            confirmed: Confirmed::default(),
        }
    }

    /// The publisher, for health and depth probes.
    pub(crate) const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Redis is away: what it held of the confirmed sends is kept elsewhere.
    pub(crate) async fn redis_is_away(&self) {
        self.confirmed.redis_is_away(&self.context).await;
    }

    /// Redis answers.
    pub(crate) fn redis_is_there(&self) {
        self.confirmed.redis_is_there();
    }

    /// Redis was away: what it lost of the confirmed sends is noted again.
    pub(crate) async fn note_again(&self) {
        if let Err(error) = self.confirmed.note_again(&self.context).await {
            tracing::warn!(%error, "confirmed sends are known to this gateway only");
        }
    }

    /// Returns once the job is safe.
    ///
    /// # Errors
    /// `busy` if the broker is full, `unavailable` if nobody can take the job: it may be sent again under the same id.
    pub(crate) async fn dispatch(&self, job: Job) -> Result<(), Refusal> {
        self.finish(self.start(job)).await
    }

    /// Hands the job to the publisher: jobs reach the broker in the order of these calls. A job whose forerunners (of its
    /// sender, in its room) took another way is handed over by [`Self::finish`], so finish them in order.
    pub(crate) fn start(&self, job: Job) -> Started {
        let way = self.publisher.broker().filter(Broker::is_open);
        let (place, may_go) =
            self.lanes
                .enter((job.lane(), job.user_id), way, Broker::is_same_connection);
        let step = Step::part_of_current(Kind::Producer, format!("publish {}", job.act.name()));
        let traceparent = step.as_ref().map_or_else(trace::current, Step::traceparent);
        let publishing = if may_go {
            let publisher = self.publisher.clone();
            let began = Instant::now();
            let metrics = Arc::clone(&self.metrics);
            let mut publishing = Box::pin(async move {
                let result = publisher.publish(&job, traceparent.as_deref()).await;
                metrics.stage(Stage::Publish, began.elapsed());
                (job, result)
            });
            // The first poll is what puts the job into the publisher's order.
            match publishing.as_mut().now_or_never() {
                Some(published) => Publishing::Answered(Box::new(published)),
                None => Publishing::Waiting(publishing),
            }
        } else {
            Publishing::Held(Box::new((job, traceparent)))
        };
        Started {
            publishing,
            step,
            _place: place,
        }
    }

    /// Waits for the broker's confirm, or does the job here if the broker is away.
    ///
    /// # Errors
    /// As [`Self::dispatch`].
    pub(crate) async fn finish(&self, started: Started) -> Result<(), Refusal> {
        let Started {
            publishing,
            step,
            _place: place,
        } = started;
        let (job, result) = match publishing {
            Publishing::Answered(published) => *published,
            Publishing::Waiting(publishing) => publishing.await,
            Publishing::Held(held) => {
                let (job, traceparent) = *held;
                let began = Instant::now();
                let result = self.publisher.publish(&job, traceparent.as_deref()).await;
                self.metrics.stage(Stage::Publish, began.elapsed());
                (job, result)
            }
        };
        let settled = match &step {
            Some(step) => step.around(self.settle(job, result)).await,
            None => self.settle(job, result).await,
        };
        if let (Some(step), Err(refusal)) = (&step, &settled) {
            step.fail(refusal.code.as_str());
        }
        drop(place);
        settled
    }

    async fn settle(&self, job: Job, result: Result<(), PublishError>) -> Result<(), Refusal> {
        let done = match result {
            Ok(()) => {
                self.metrics.job_published(job.act.queue(), job.act.name());
                self.confirmed.note(&self.context, &job).await;
                Ok(())
            }
            Err(PublishError::Unavailable) if self.on_broker_outage == OnBrokerOutage::Direct => {
                self.do_here(&job).await
            }
            Err(error) => Err(self.refuse(&job, &error)),
        };
        if done.is_err() {
            admission::give_back(&self.context, &job).await;
        }
        done
    }

    async fn do_here(&self, job: &Job) -> Result<(), Refusal> {
        let start = Instant::now();
        let work = async {
            self.confirmed.require_done(&self.context, job).await?;
            direct::process(&self.context, job).await
        };
        let step = Step::part_of_current(Kind::Internal, format!("process {}", job.act.name()));
        let work = async {
            match &step {
                Some(step) => step.around(work).await,
                None => work.await,
            }
        };
        let done = tokio::time::timeout(DIRECT_TIMEOUT, work).await;
        let is_done = matches!(done, Ok(Ok(())));
        self.metrics.stage(Stage::Direct, start.elapsed());
        self.metrics
            .job_processed(job.act.queue(), job.act.name(), is_done, start.elapsed());
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Unavailable(error))) => Err(unavailable(error.as_ref())),
            Ok(Err(error)) => {
                tracing::error!(%error, job = %job.job_id, "a job could not be done directly");
                Err(Refusal::new(
                    ErrorCode::DeliveryFailed,
                    "This could not be done. Please try again.",
                ))
            }
            Err(elapsed) => Err(unavailable(&elapsed)),
        }
    }

    fn refuse(&self, job: &Job, error: &PublishError) -> Refusal {
        match error {
            PublishError::Refused(reason) => {
                tracing::warn!(%reason, queue = job.act.queue().name(), "the broker refused a job");
                Refusal::new(
                    ErrorCode::Busy,
                    "The service is very busy. Please send it again in a moment.",
                )
            }
            PublishError::Unavailable | PublishError::Timeout => {
                tracing::warn!(%error, queue = job.act.queue().name(), "a job was not confirmed");
                Refusal::new(
                    ErrorCode::Busy,
                    "The service could not confirm this. Please send it again in a moment.",
                )
            }
            PublishError::Encode(error) => {
                tracing::error!(%error, job = %job.job_id, "a job could not be encoded");
                return Refusal::new(ErrorCode::Internal, "Something went wrong.");
            }
        }
        .retry_after(RETRY_AFTER)
    }
}
