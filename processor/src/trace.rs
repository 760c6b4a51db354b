//! Traces: W3C trace context from a client's act to the sockets that hear of it, exported over OTLP where that is configured.
//!
//! A gateway begins a [`Step`] for each event and request, or continues the trace that the client names. The context
//! travels with the job (AMQP header `traceparent`) and with what is told of it (the fan-out's `traceparent`). Acts that
//! nobody records cost an id at the gateway and nothing further down.

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::Duration;

use chat_backends::tls;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{
    FutureExt, SpanKind, Status, TraceContextExt, Tracer, TracerProvider, WithContext,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

pub use opentelemetry::trace::SpanKind as Kind;

/// The name of both the W3C header and the member of an event's payload.
pub const TRACEPARENT: &str = chat_core::names::HEADER_TRACEPARENT;

/// How long the last spans may take to be exported when a process ends.
const FLUSH: Duration = Duration::from_secs(2);

/// How long one export may take.
const EXPORT: Duration = Duration::from_secs(10);

/// The instrumentation scope of every span.
const SCOPE: &str = "chatcluster";

/// Of the export that was started last.
static TRACER: RwLock<Option<SdkTracer>> = RwLock::new(None);

/// Of a process that exports nothing: ids are given all the same, so that a client's own trace goes through.
static UNRECORDED: LazyLock<SdkTracer> = LazyLock::new(|| {
    SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
        .build()
        .tracer(SCOPE)
});

/// Keeps the export going; dropped, it sends what it has.
#[derive(Debug)]
pub struct Exporting {
    provider: SdkTracerProvider,
}

/// Why traces can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The endpoint is no URL.
    #[error("can't be used: {0}")]
    Endpoint(#[from] opentelemetry_otlp::ExporterBuildError),
    /// No HTTP client.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

impl Exporting {
    /// Exports the spans of this process, `service`, to `endpoint` (a base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` says) from
    /// now on. Which traces are recorded is said by the SDK's own variables `OTEL_TRACES_SAMPLER` and
    /// `OTEL_TRACES_SAMPLER_ARG`; all are by default.
    ///
    /// # Errors
    /// If there can be no exporter. A collector that is away is no error: spans are dropped, with a warning.
    pub fn start(
        service: &'static str,
        instance: &str,
        endpoint: &str,
    ) -> Result<Self, ExportError> {
        // The client's own runtime must not start inside another one.
        let client = std::thread::spawn(|| -> Result<_, ExportError> {
            Ok(tls::blocking_http_client()?.timeout(EXPORT).build()?)
        })
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        *TRACER.write().unwrap_or_else(PoisonError::into_inner) = Some(provider.tracer(SCOPE));
        Ok(Self { provider })
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans were lost");
        }
    }
}

/// A part of an act, from its making to its drop.
#[derive(Debug, Clone)]
pub struct Step {
    context: Context,
}

impl Step {
    /// The first step of this process, in the trace that `traceparent` names; what can't be read begins a new trace.
    pub fn begin(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        traceparent: Option<&str>,
    ) -> Self {
        let parent = traceparent.map_or_else(Context::new, extracted);
        Self::under(&parent, kind, name)
    }

    /// The same, only if that trace is recorded.
    pub fn follow(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        traceparent: Option<&str>,
    ) -> Option<Self> {
        let parent = extracted(traceparent?);
        is_recorded(&parent).then(|| Self::under(&parent, kind, name))
    }

    /// A part of the act that is being done here, only if its trace is recorded.
    pub fn part_of_current(kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Option<Self> {
        Context::map_current(|current| {
            is_recorded(current).then(|| Self::under(current, kind, name))
        })
    }

    /// A part of this one.
    pub fn part(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        Self::under(&self.context, kind, name)
    }

    fn under(parent: &Context, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        let exporting = TRACER.read().unwrap_or_else(PoisonError::into_inner);
        let tracer = exporting.as_ref().unwrap_or(&UNRECORDED);
        let span = tracer
            .span_builder(name)
            .with_kind(kind)
            .start_with_context(tracer, parent);
        Self {
            context: parent.with_span(span),
        }
    }

    /// Says more about the step.
    pub fn note(&self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        self.context.span().set_attribute(KeyValue::new(key, value));
    }

    /// The step failed, for this reason.
    pub fn fail(&self, reason: impl Into<Cow<'static, str>>) {
        self.context.span().set_status(Status::error(reason));
    }

    /// The trace context to hand on, as W3C's `traceparent`.
    pub fn traceparent(&self) -> Option<String> {
        injected(&self.context)
    }

    /// `work`, within this step.
    pub fn around<F: Future>(&self, work: F) -> WithContext<F> {
        work.with_context(self.context.clone())
    }
}

/// The trace context of what is being done here.
pub fn current() -> Option<String> {
    Context::map_current(injected)
}

fn is_recorded(context: &Context) -> bool {
    context.span().span_context().is_sampled()
}

struct Named<'a>(&'a str);

impl Extractor for Named<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

fn extracted(traceparent: &str) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Named(traceparent))
}

struct Taken(Option<String>);

impl Injector for Taken {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

fn injected(context: &Context) -> Option<String> {
    let mut taken = Taken(None);
    TraceContextPropagator::new().inject_context(context, &mut taken);
    taken.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_goes_on_under_its_id_and_each_step_has_its_own() {
        let step = Step::begin(Kind::Server, "message.send", Some(CLIENT));
        let handed_on = step.traceparent().unwrap();
        assert!(
            handed_on.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{handed_on}"
        );
        assert!(handed_on.ends_with("-01"), "{handed_on}");
        assert_ne!(handed_on, CLIENT);
        let part = step.part(Kind::Producer, "publish").traceparent().unwrap();
        assert_eq!(part[..35], handed_on[..35]);
        assert_ne!(part, handed_on);
    }

    #[test]
    fn what_is_no_trace_context_begins_a_trace_that_is_not_recorded() {
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-é",
        ] {
            let step = Step::begin(Kind::Server, "message.send", Some(bad));
            let handed_on = step.traceparent().unwrap();
            assert_eq!(handed_on.len(), CLIENT.len(), "{handed_on}");
            assert!(!handed_on.contains("0af7651916cd43dd"), "{bad}");
            assert!(Step::follow(Kind::Consumer, "process", Some(&handed_on)).is_none());
        }
        assert!(Step::follow(Kind::Consumer, "process", None).is_none());
    }

    #[tokio::test]
    async fn a_part_belongs_to_the_step_around_it() {
        let step = Step::begin(Kind::Server, "message.send", Some(CLIENT));
        let inside = step
            .around(async {
                tokio::task::yield_now().await;
                (current(), Step::part_of_current(Kind::Client, "query"))
            })
            .await;
        assert_eq!(inside.0, step.traceparent());
        assert!(inside.1.is_some());
        assert_eq!(current(), None);
        assert!(Step::part_of_current(Kind::Client, "query").is_none());
    }
}
