//! Errors over REST: RFC 9457 problems with the members that older clients read (the wire contract, §1.3).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chat_core::error::{ErrorCode, FieldError, Refusal};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// An answer that refuses; [`render`] writes its body, because only there the request's path is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem(pub(crate) Refusal);

impl Problem {
    /// A problem with this code and sentence.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Refusal::new(code, message))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of a problem.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: ErrorCode,
    message: &'a str,
    status_code: u16,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// Middleware: gives every refusal its body, also those that the router or a layer made without one.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None => match of_bare_status(&response) {
            Some(problem) => problem,
            None => return response,
        },
    };
    body(&problem.0, &path, response)
}

/// What the router and the layers answer without a problem of ours.
fn of_bare_status(response: &Response) -> Option<Problem> {
    if response.headers().contains_key(header::CONTENT_TYPE)
        && response.status() != StatusCode::PAYLOAD_TOO_LARGE
    {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::new(
            ErrorCode::NotFound,
            "There is nothing at this path.",
        )),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(
            ErrorCode::MethodNotAllowed,
            "This path does not take this method.",
        )),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::new(
            ErrorCode::PayloadTooLarge,
            "The body is larger than 1 MiB.",
        )),
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Some(Problem(
            Refusal::new(
                ErrorCode::Unavailable,
                "The answer took too long. Please try again.",
            )
            .retry_after(std::time::Duration::from_secs(1)),
        )),
        _ => None,
    }
}

/// The response of `refusal`, keeping the headers that the first one had (CORS, `Allow`).
fn body(refusal: &Refusal, path: &str, first: Response) -> Response {
    let status = status(refusal);
    let retry_after = refusal.retry_after.map(whole_seconds);
    let body = Body {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: &refusal.message,
        instance: path,
        code: refusal.code,
        message: &refusal.message,
        status_code: status.as_u16(),
        errors: &refusal.fields,
        retry_after,
    };
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let (mut parts, _) = first.into_parts();
    parts.status = status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(seconds) = retry_after {
        parts
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        parts
            .headers
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Response::from_parts(parts, bytes.into())
}

/// `Retry-After` knows whole seconds only, and 0 would say "at once".
fn whole_seconds(span: std::time::Duration) -> u64 {
    span.as_millis()
        .div_ceil(1000)
        .max(1)
        .try_into()
        .unwrap_or(u64::MAX)
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rendered(problem: Problem) -> (Response, serde_json::Value) {
        let (parts, bytes) =
            body(&problem.0, "/api/v1/me", problem.clone().into_response()).into_parts();
        let bytes = axum::body::to_bytes(bytes, usize::MAX).await.unwrap();
        let json = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, axum::body::Body::empty()), json)
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_old_and_new_clients() {
        let refusal = Refusal::new(ErrorCode::RateLimited, "Slow down.")
            .retry_after(std::time::Duration::from_millis(1200));
        let (response, json) = rendered(Problem(refusal)).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "Slow down.",
                "instance": "/api/v1/me", "code": "rate_limited", "message": "Slow down.", "statusCode": 429,
                "retryAfter": 2
            })
        );
    }

    #[tokio::test]
    async fn an_unauthorized_answer_says_how_to_authenticate() {
        let (response, json) = rendered(Problem::new(ErrorCode::InvalidToken, "x")).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(json.get("errors").is_none() && json.get("retryAfter").is_none());
    }
}
