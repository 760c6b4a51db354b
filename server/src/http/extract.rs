//! Bodies, queries and path parameters, with refusals that name the member that is wrong.

use std::collections::HashMap;
use std::str::FromStr;

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Query, Request};
use bytes::Bytes;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::Id;
use chat_core::time::Timestamp;
use http::header;
use http::request::Parts;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::Problem;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(
                ErrorCode::UnsupportedMediaType,
                "The body must be JSON, with Content-Type: application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            Problem::new(ErrorCode::PayloadTooLarge, "The body is larger than 1 MiB.")
        })?;
        Ok(Self(parse_json(&bytes)?))
    }
}

impl<S, T> OptionalFromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    /// `None` for a request without a body.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let is_empty = request.body().is_end_stream();
        if is_empty && !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

fn is_json(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .is_some_and(|media| {
            media.eq_ignore_ascii_case("application/json")
                || (media.len() > 5 && media.to_ascii_lowercase().ends_with("+json"))
        })
}

/// Parses JSON; what is not JSON at all is told apart from JSON of the wrong shape.
///
/// # Errors
/// `malformed_json`, or `validation_failed` with the path of the member.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // Looked over as a whole first: a shape can be wrong long before the JSON is.
    serde_json::from_slice::<IgnoredAny>(bytes)
        .map_err(|_| Refusal::new(ErrorCode::MalformedJson, "The body is not valid JSON."))?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| wrong_shape("body", &error))
}

/// Reads JSON that was parsed already.
///
/// # Errors
/// `validation_failed` with the path of the member.
pub(crate) fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| wrong_shape("body", &error))
}

/// The refusal for JSON of the wrong shape; `whole` is what the outermost value is called.
pub(crate) fn wrong_shape(
    whole: &str,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> Refusal {
    let text = error.inner().to_string();
    let message = without_position(&text);
    let path = Some(error.path().to_string()).filter(|path| path != ".");
    // A member that is missing has no path of its own: the path is that of the object without it.
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (None, Some(name)) => Refusal::invalid(name, "missing", "is missing"),
        (Some(path), Some(name)) => {
            Refusal::invalid(format!("{path}.{name}"), "missing", "is missing")
        }
        (None, None) => Refusal::invalid(whole, "invalid", message),
        (Some(path), None) => Refusal::invalid(path, "invalid", message),
    }
}

/// serde_json ends its texts with ` at line 1 column 20`, which says nothing to a client.
pub(crate) fn without_position(text: &str) -> &str {
    text.rfind(" at line ").map_or(text, |end| &text[..end])
}

/// The query's parameters; of a repeated one the last counts.
pub(crate) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<HashMap<String, String>>::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|_| Refusal::invalid("query", "invalid", "is not a query string").into())
    }
}

impl Params {
    /// A parameter as it stands.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter of another type.
    ///
    /// # Errors
    /// `validation_failed` if it is there and can't be parsed.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Refusal::invalid(name, "invalid", "is not of the right type"))
            })
            .transpose()
    }

    /// A point in time (RFC 3339).
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        self.text(name)
            .map(|text| {
                serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
                    Refusal::invalid(
                        name,
                        "invalid",
                        "is not a time like 2026-02-14T12:00:00.000Z",
                    )
                })
            })
            .transpose()
    }

    /// `limit`: the default if absent, the most if above, refused below 1 or if not a number.
    pub(crate) fn limit(&self, default: u32, most: u32) -> Result<u32, Refusal> {
        match self.parsed::<i64>("limit")? {
            None => Ok(default),
            Some(limit) if limit < 1 => {
                Err(Refusal::invalid("limit", "too_small", "must be at least 1"))
            }
            Some(limit) => Ok(u32::try_from(limit).unwrap_or(u32::MAX).min(most)),
        }
    }
}

/// An id out of a path or a query.
///
/// # Errors
/// `validation_failed` naming `path`.
pub(crate) fn id<K>(path: &str, text: &str) -> Result<Id<K>, Refusal> {
    text.parse()
        .map_err(|_| Refusal::invalid(path, "invalid_id", "is not an id (UUID)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Example {
        #[expect(dead_code, reason = "only its parsing is tested")]
        items: Vec<u32>,
    }

    #[test]
    fn wrong_json_is_told_apart_from_json_of_the_wrong_shape() {
        let broken = parse_json::<Example>(b"{\"items\": [1,").unwrap_err();
        assert_eq!(broken.code, ErrorCode::MalformedJson);
        let trailing = parse_json::<Example>(b"{\"items\": []} x").unwrap_err();
        assert_eq!(trailing.code, ErrorCode::MalformedJson);
        let wrong = parse_json::<Example>(b"{\"items\": [1, \"two\"]}").unwrap_err();
        assert_eq!(wrong.code, ErrorCode::ValidationFailed);
        assert_eq!(wrong.fields[0].path, "items[1]");
        assert!(!wrong.message.contains("line"), "{}", wrong.message);
        let missing = parse_json::<Example>(b"{}").unwrap_err();
        assert_eq!(missing.fields[0].path, "items");
        let broken_later = parse_json::<Example>(b"{\"items\": 7} x").unwrap_err();
        assert_eq!(broken_later.code, ErrorCode::MalformedJson);
    }

    #[test]
    fn a_limit_is_capped_above_and_refused_below_one() {
        let limit = |text: &str| {
            Params(HashMap::from([("limit".to_owned(), text.to_owned())])).limit(50, 200)
        };
        assert_eq!(limit("7"), Ok(7));
        assert_eq!(limit("99999999999"), Ok(200));
        assert!(limit("0").is_err() && limit("-3").is_err() && limit("many").is_err());
    }
}
