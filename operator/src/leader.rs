//! Leader election over a Lease: of several operators one writes.
//!
//! A candidate takes the Lease when it is free, or when it has itself seen it unchanged for its whole duration: the
//! clocks of two nodes are never compared. Every write of the Lease names the version that it replaces, so two can't both
//! succeed. [`Leadership::is_current`] is asked before every write to the cluster: a leader that could not renew in time
//! knows by its own clock that it may have been replaced, and stops before the other begins.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Settings of the election.
#[derive(Debug, Clone)]
pub struct Election {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub lease_name: String,
    /// Name of this candidate.
    pub identity: String,
    /// How long a leader that has gone silent keeps the Lease.
    pub lease_duration: Duration,
}

impl Election {
    /// How often the leader renews, and a candidate looks.
    fn period(&self) -> Duration {
        self.lease_duration / 5
    }

    /// How long after its last renewal a leader still writes; the rest of the duration is the margin in which a request
    /// that is under way ends.
    fn trusted_for(&self) -> Duration {
        self.lease_duration * 2 / 3
    }
}

/// Whether this process leads; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// Whether this process may write now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Returns when this process leads.
    pub async fn acquired(&mut self) {
        // The sender lives as long as the election runs; when it has ended there is nothing to wait for.
        if self.0.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when this process no longer leads.
    pub async fn lost(&mut self) {
        loop {
            let until = *self.0.borrow_and_update();
            match until {
                Some(until) if Instant::now() < until => {
                    tokio::select! {
                        changed = self.0.changed() => if changed.is_err() { return },
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
                _ => return,
            }
        }
    }

    /// A leadership that never ends, for tests.
    #[cfg(test)]
    #[must_use]
    pub fn always() -> Self {
        let (sender, receiver) = watch::channel(Some(Instant::now() + Duration::from_secs(86_400)));
        std::mem::forget(sender);
        Self(receiver)
    }
}

/// What a look at the Lease led to.
enum Outcome {
    Held,
    Other,
}

/// Starts to run for leadership until `stop`, and gives the Lease back then.
pub fn run(
    client: Client,
    election: Election,
    stop: CancellationToken,
) -> (Leadership, impl Future<Output = ()>) {
    let (sender, receiver) = watch::channel(None);
    let candidate = Candidate {
        api: Api::namespaced(client, &election.namespace),
        election,
        seen: None,
    };
    (Leadership(receiver), candidate.run(sender, stop))
}

struct Candidate {
    api: Api<Lease>,
    election: Election,
    /// The Lease's version, and when this process first saw it.
    seen: Option<(String, Instant)>,
}

impl Candidate {
    async fn run(mut self, sender: watch::Sender<Option<Instant>>, stop: CancellationToken) {
        loop {
            let asked = Instant::now();
            match timeout(self.election.period() * 2, self.look()).await {
                Ok(Ok(Outcome::Held)) => {
                    // Counted from before the request: the API server may have stored it at once.
                    let until = asked + self.election.trusted_for();
                    if sender.send_replace(Some(until)).is_none() {
                        tracing::info!(identity = self.election.identity, "This operator leads.");
                    }
                }
                Ok(Ok(Outcome::Other)) => self.step_down(&sender),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "The leader election's Lease can't be read or written.");
                    self.step_down_when_expired(&sender);
                }
                Err(_) => {
                    tracing::warn!("The leader election's Lease was not answered for in time.");
                    self.step_down_when_expired(&sender);
                }
            }
            tokio::select! {
                () = sleep(self.election.period()) => {}
                () = stop.cancelled() => break,
            }
        }
        let led = sender.send_replace(None).is_some();
        if led && let Err(error) = self.release().await {
            tracing::warn!(%error, "The Lease could not be given back; it will expire.");
        }
    }

    fn step_down(&self, sender: &watch::Sender<Option<Instant>>) {
        if sender.send_replace(None).is_some() {
            tracing::warn!(
                identity = self.election.identity,
                "This operator no longer leads."
            );
        }
    }

    fn step_down_when_expired(&self, sender: &watch::Sender<Option<Instant>>) {
        if sender.borrow().is_some_and(|until| Instant::now() >= until) {
            self.step_down(sender);
        }
    }

    async fn look(&mut self) -> Result<Outcome, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.election.lease_name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.election.lease_name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.spec(None)),
            };
            return settle(self.api.create(&PostParams::default(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != version) {
            self.seen = Some((version, Instant::now()));
        }
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let is_ours = holder == self.election.identity;
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.election.lease_duration, Duration::from_secs);
        let expired = self
            .seen
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() >= duration);
        if !is_ours && !holder.is_empty() && !expired {
            return Ok(Outcome::Other);
        }
        let renewed = Lease {
            spec: Some(self.spec(Some(&spec))),
            ..lease
        };
        settle(
            self.api
                .replace(&self.election.lease_name, &PostParams::default(), &renewed)
                .await,
        )
    }

    fn spec(&self, present: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let kept =
            present.filter(|spec| spec.holder_identity.as_deref() == Some(&self.election.identity));
        LeaseSpec {
            holder_identity: Some(self.election.identity.clone()),
            lease_duration_seconds: i32::try_from(self.election.lease_duration.as_secs()).ok(),
            acquire_time: kept
                .and_then(|spec| spec.acquire_time.clone())
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(match kept {
                Some(spec) => spec.lease_transitions.unwrap_or(0),
                None => present.and_then(|spec| spec.lease_transitions).unwrap_or(0) + 1,
            }),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.election.lease_name).await? else {
            return Ok(());
        };
        let Some(spec) = lease.spec.as_mut() else {
            return Ok(());
        };
        if spec.holder_identity.as_deref() == Some(&self.election.identity) {
            spec.holder_identity = None;
            settle(
                self.api
                    .replace(&self.election.lease_name, &PostParams::default(), &lease)
                    .await,
            )?;
        }
        Ok(())
    }
}

/// A conflict means that another candidate was quicker, which is no failure.
fn settle(result: Result<Lease, kube::Error>) -> Result<Outcome, kube::Error> {
    match result {
        Ok(_) => Ok(Outcome::Held),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Outcome::Other),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_leader_that_could_not_renew_stops_by_its_own_clock() {
        let (sender, receiver) = watch::channel(Some(Instant::now() + Duration::from_millis(200)));
        let mut leadership = Leadership(receiver);
        assert!(leadership.is_current());
        leadership.lost().await;
        assert!(!leadership.is_current());
        drop(sender);
    }

    #[test]
    fn a_leader_stops_before_another_may_begin() {
        let election = Election {
            namespace: String::new(),
            lease_name: String::new(),
            identity: String::new(),
            lease_duration: Duration::from_secs(15),
        };
        assert!(election.trusted_for() < election.lease_duration);
        assert!(election.period() * 2 < election.trusted_for());
    }
}
