//! One trace from a client's act to the sockets that hear of it, at a collector that speaks OTLP.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use chat_processor::trace::{Exporting, TRACEPARENT};
use chat_test_support::until;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{Backends, Chat, answer};

/// Nothing listens here.
const NOWHERE: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

/// Spans that arrived.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v1/traces", post(Self::take))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, endpoint)
    }

    async fn take(State(collector): State<Self>, body: Bytes) {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        collector.spans.lock().unwrap().extend(spans);
    }

    /// The span of this name in the trace `id`, once it is there.
    async fn span(&self, id: &str, name: &str) -> Span {
        until(&format!("the span {name}"), async || {
            let spans = self.spans.lock().unwrap();
            let found = spans
                .iter()
                .find(|span| hex::encode(&span.trace_id) == id && span.name == name);
            found.cloned()
        })
        .await
    }

    /// That each of `names` is a part of the one before it; returns the last.
    async fn chain(&self, id: &str, parent: &str, names: &[&str]) -> Span {
        let mut parent = hex::decode(parent).unwrap();
        let mut last = Span::default();
        for name in names {
            last = self.span(id, name).await;
            assert_eq!(
                hex::encode(&last.parent_span_id),
                hex::encode(&parent),
                "{name}"
            );
            assert!(last.end_time_unix_nano >= last.start_time_unix_nano);
            parent.clone_from(&last.span_id);
        }
        last
    }
}

// One test, because a process exports to one collector. The other tests of this process go there too.
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_an_act_goes_from_the_client_to_the_sockets_by_every_way() {
    let (collector, endpoint) = Collector::start().await;
    let exporting = Exporting::start("chat-test", "test-0", &endpoint).unwrap();
    let chat = Chat::start().await;
    let (ada, bob) = (chat.register().await, chat.register().await);
    let room = chat.dm(&ada, &bob).await;
    let (mut sender, mut receiver) = (chat.connect(&ada).await, chat.connect(&bob).await);

    // By a socket, the broker and the processor.
    let (id, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let sent =
        json!({"roomId": room, "content": "traced", TRACEPARENT: format!("00-{id}-{span}-01")});
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    let heard = receiver.event("message.delivered").await;
    assert_eq!(heard["content"], "traced");
    assert!(heard.get(TRACEPARENT).is_none(), "{heard}");
    let read = json!({"roomId": room, "messageId": heard["id"], TRACEPARENT: format!("00-{id}-{span}-01")});
    assert_eq!(receiver.emit("message.read", &read).await["status"], "OK");

    // By REST.
    let (rest_id, rest_span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let request = chat
        .client
        .post(chat.url(&format!("/api/v1/rooms/{room}/messages")))
        .bearer_auth(&ada.token)
        .header(TRACEPARENT, format!("00-{rest_id}-{rest_span}-01"))
        .json(&json!({"content": "by REST"}));
    let (status, body) = answer(request).await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(
        receiver.event("message.delivered").await["content"],
        "by REST"
    );

    // By a gateway whose broker is away.
    let mut backends = Backends::prepare().await;
    NOWHERE.clone_into(&mut backends.rabbitmq_url);
    let alone = Chat::gateway_only(backends, &[]).await;
    let (cleo, dan) = (alone.register().await, alone.register().await);
    let alone_room = alone.dm(&cleo, &dan).await;
    let mut socket = alone.connect(&cleo).await;
    let (direct_id, direct_span) = ("11111111111111111111111111111111", "2222222222222222");
    let sent = json!({"roomId": alone_room, "content": "direct", TRACEPARENT: format!("00-{direct_id}-{direct_span}-01")});
    assert_eq!(socket.emit("message.send", &sent).await["status"], "QUEUED");
    socket.event("message.delivered").await;

    // A client that does not want to be recorded is not, although everything else is.
    let (quiet_id, quiet_span) = ("33333333333333333333333333333333", "4444444444444444");
    let sent = json!({"roomId": room, "content": "quiet", TRACEPARENT: format!("00-{quiet_id}-{quiet_span}-00")});
    assert_eq!(sender.emit("message.send", &sent).await["status"], "QUEUED");
    receiver.event("message.delivered").await;

    // Readers of the event log find the trace of what they read, and of what nobody records its id.
    let traces = until("the acts are in the log", async || {
        let logged = chat.logged().await;
        let trace = |event_type: &str, content: Option<&str>| {
            let mut entries = logged.iter();
            let found = entries.find(|it| {
                it.event["eventType"] == event_type
                    && it.event["data"]["content"].as_str() == content
            });
            found.and_then(|found| found.traceparent.clone())
        };
        Some([
            trace("message.created", Some("traced"))?,
            trace("message.read", None)?,
            trace("message.created", Some("by REST"))?,
            trace("message.created", Some("quiet"))?,
        ])
    })
    .await;
    for (trace, id, flag) in [
        (&traces[0], id, "01"),
        (&traces[1], id, "01"),
        (&traces[2], rest_id, "01"),
        (&traces[3], quiet_id, "00"),
    ] {
        assert!(
            trace.starts_with(&format!("00-{id}-")) && trace.ends_with(flag),
            "{trace}"
        );
    }

    chat.stop().await;
    alone.stop().await;
    tokio::task::spawn_blocking(move || drop(exporting))
        .await
        .unwrap();

    let way = [
        "message.send",
        "publish message.send",
        "process message.send",
    ];
    let published = collector.chain(id, span, &way[..2]).await;
    let process = collector.chain(id, span, &way).await;
    assert_eq!(&traces[0][36..52], hex::encode(&process.span_id));
    assert!(published.start_time_unix_nano <= process.start_time_unix_nano);
    for part in ["commit", "fan out", "append to the event log", "emit"] {
        let part = collector.span(id, part).await;
        assert_eq!(part.parent_span_id, process.span_id, "{}", part.name);
    }
    let commit = collector.span(id, "commit").await;
    let emit = collector.span(id, "emit").await;
    assert!(commit.end_time_unix_nano <= emit.start_time_unix_nano);

    let route = "POST /api/v1/rooms/{id}/messages";
    let by_rest = [route, way[1], way[2], "emit"];
    collector.chain(rest_id, rest_span, &by_rest).await;

    let direct = [way[0], way[1], way[2], "emit"];
    collector.chain(direct_id, direct_span, &direct).await;

    let spans = collector.spans.lock().unwrap();
    assert!(
        !spans
            .iter()
            .any(|span| hex::encode(&span.trace_id) == quiet_id)
    );
}
