//! Reading: every broker node's queues, every gateway's connections. One that does not answer fails the whole read, because
//! a sum without it would be too small.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::exposition::samples;
use super::{Connections, Depth, Depths, LogicalQueue};

/// How long one endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest page that is read.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The families that hold depths and acknowledgements; the default page has no queue labels.
const QUEUES_PATH: &str = "/metrics/detailed?family=queue_coarse_metrics&family=queue_delivery_metrics&family=queue_consumer_count";

/// A client that keeps connections to the endpoints.
pub(super) type HttpClient = Client<HttpConnector, Empty<Bytes>>;

pub(super) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(1)));
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(1)
        .build(connector)
}

/// The queues of a broker, from all its nodes.
pub(super) async fn queues(
    client: &HttpClient,
    nodes: &[String],
    vhost: &str,
) -> Result<Depths, String> {
    if nodes.is_empty() {
        return Err("no broker node is ready".to_owned());
    }
    let pages = try_join_all(
        nodes
            .iter()
            .map(|node| page(client, format!("{node}{QUEUES_PATH}"))),
    )
    .await?;
    let depths = sum(&pages, vhost);
    if depths.contains_key(&LogicalQueue::High) {
        Ok(depths)
    } else {
        Err("the broker has no queues yet".to_owned())
    }
}

/// One of the broker's queues.
#[derive(Default)]
struct Partition {
    ready: i64,
    unacked: i64,
    acked: i64,
    consumers: i64,
}

/// Adds partitions up. A queue lives on one node, which tells of it; where another still tells of it from before a move,
/// the larger value counts.
fn sum(pages: &[String], vhost: &str) -> Depths {
    let mut queues: BTreeMap<String, Partition> = BTreeMap::new();
    for sample in pages.iter().flat_map(|page| samples(page)) {
        if !sample.name.starts_with("rabbitmq_detailed_queue_") {
            continue;
        }
        let mut labels = sample.labels();
        if labels.get("vhost").is_none_or(|found| found != vhost) {
            continue;
        }
        let Some(queue) = labels.remove("queue") else {
            continue;
        };
        let depth = queues.entry(queue).or_default();
        let value = match sample.name {
            "rabbitmq_detailed_queue_messages_ready" => &mut depth.ready,
            "rabbitmq_detailed_queue_messages_unacked" => &mut depth.unacked,
            "rabbitmq_detailed_queue_messages_acked_total" => &mut depth.acked,
            "rabbitmq_detailed_queue_consumers" => &mut depth.consumers,
            _ => continue,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "counts of jobs are far below 2^53"
        )]
        let read = sample.value as i64;
        *value = (*value).max(read);
    }
    let mut depths = Depths::new();
    for (queue, depth) in queues {
        if let Some(logical) = LogicalQueue::of(&queue) {
            let total: &mut Depth = depths.entry(logical).or_default();
            total.ready += depth.ready;
            total.unacked += depth.unacked;
            total.acked += depth.acked;
            total.without_consumer += i64::from(depth.consumers == 0);
        }
    }
    depths
}

/// The connections of all gateways.
pub(super) async fn connections(
    client: &HttpClient,
    gateways: &[String],
) -> Result<Connections, String> {
    if gateways.is_empty() {
        return Err("no gateway is ready".to_owned());
    }
    let pages = try_join_all(
        gateways
            .iter()
            .map(|gateway| page(client, format!("{gateway}/metrics"))),
    )
    .await?;
    let mut total = Connections::default();
    for page in &pages {
        let mut told = false;
        for sample in samples(page) {
            match sample.name {
                "chat_connections" => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "sockets are far fewer than 2^53"
                    )]
                    let sockets = sample.value as i64;
                    total.sockets += sockets;
                    told = true;
                }
                "chat_shedding" => total.shedding |= sample.value > 0.0,
                _ => {}
            }
        }
        if !told {
            return Err("a gateway does not tell its connections".to_owned());
        }
    }
    Ok(total)
}

async fn page(client: &HttpClient, url: String) -> Result<String, String> {
    tokio::time::timeout(TIMEOUT, fetch(client, &url))
        .await
        .unwrap_or_else(|_| {
            Err(format!(
                "{url} did not answer within {} s",
                TIMEOUT.as_secs()
            ))
        })
}

async fn fetch(client: &HttpClient, url: &str) -> Result<String, String> {
    let uri = url
        .parse()
        .map_err(|error| format!("{url} is no address: {error}"))?;
    let response = client
        .get(uri)
        .await
        .map_err(|error| format!("{url}: {error}"))?;
    if !response.status().is_success() {
        return Err(format!("{url} answered {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_PAGE_BYTES)
        .collect()
        .await
        .map_err(|error| format!("{url}: {error}"))?
        .to_bytes();
    String::from_utf8(body.to_vec()).map_err(|_| format!("{url} answered what is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(ready: &[(&str, &str, i64)]) -> String {
        ready
            .iter()
            .map(|(vhost, queue, value)| {
                format!("rabbitmq_detailed_queue_messages_ready{{vhost=\"{vhost}\",queue=\"{queue}\"}} {value}\n")
            })
            .collect()
    }

    #[test]
    fn partitions_of_all_nodes_add_up_and_other_vhosts_do_not_count() {
        let first = page_of(&[
            ("/", "chat.events.high.0", 3),
            ("other", "chat.events.high.0", 100),
        ]);
        let second = page_of(&[("/", "chat.events.high.1", 4), ("/", "chat.events.dlq", 1)]);
        let depths = sum(&[first, second], "/");
        assert_eq!(depths[&LogicalQueue::High].ready, 7);
        assert_eq!(depths[&LogicalQueue::DeadLetter].ready, 1);
    }

    #[test]
    fn a_queue_that_two_nodes_tell_of_counts_once() {
        let old = page_of(&[("/", "chat.events.high.0", 3)]);
        let new = page_of(&[("/", "chat.events.high.0", 9)]);
        assert_eq!(sum(&[old, new], "/")[&LogicalQueue::High].ready, 9);
    }

    #[tokio::test]
    async fn a_broker_without_a_node_is_a_failure_and_not_zero() {
        assert!(queues(&client(), &[], "/").await.is_err());
        // Nobody listens on port 1.
        assert!(
            queues(&client(), &["http://127.0.0.1:1".to_owned()], "/")
                .await
                .is_err()
        );
    }
}
