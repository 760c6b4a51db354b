//! Answers that are files: types and names that browsers can't be fooled by, parts, and "you have it already".

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chat_backends::objects::{ObjectName, Objects};
use chat_core::error::{ErrorCode, Refusal};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::byte_range::{self, Wanted};
use super::problem::Problem;
use crate::uploads::unstored;

/// A file to answer with.
pub(crate) struct Download<'a> {
    pub(crate) object: ObjectName,
    pub(crate) size: Option<u64>,
    pub(crate) mime_type: &'a str,
    pub(crate) file_name: &'a str,
    /// Names these bytes and no others.
    pub(crate) etag: Option<&'a str>,
}

impl Download<'_> {
    /// The answer to a request with these headers.
    pub(crate) async fn answer(
        &self,
        objects: &Objects,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        let etag = self.etag.map(|hash| format!("\"{hash}\""));
        let asked = |name| request.get(name).and_then(|value| value.to_str().ok());
        if etag.is_some() && asked(header::IF_NONE_MATCH) == etag.as_deref() {
            return Ok(self.with_headers(StatusCode::NOT_MODIFIED.into_response(), etag.as_deref()));
        }
        let wanted = match self.size {
            // A part of something newer would not fit what the client has.
            Some(size)
                if asked(header::IF_RANGE).is_none_or(|given| etag.as_deref() == Some(given)) =>
            {
                byte_range::wanted(asked(header::RANGE), size)
            }
            _ => Wanted::Whole,
        };
        let (status, range) = match wanted {
            Wanted::Whole => (StatusCode::OK, None),
            Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
            Wanted::Nothing => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                let size = format!("bytes */{}", self.size.unwrap_or_default());
                set(&mut response, header::CONTENT_RANGE, &size);
                return Ok(response);
            }
        };
        let content = objects
            .get(&self.object, range.clone())
            .await
            .map_err(|error| unstored(&error))?
            .ok_or_else(|| Refusal::new(ErrorCode::NotFound, "There is no such file."))?;
        let mut response = (status, Body::from_stream(content)).into_response();
        let length = match (&range, self.size) {
            (Some(range), Some(size)) => {
                let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                set(&mut response, header::CONTENT_RANGE, &part);
                Some(range.end - range.start)
            }
            (_, size) => size,
        };
        if let Some(length) = length {
            set(&mut response, header::CONTENT_LENGTH, &length.to_string());
            set(&mut response, header::ACCEPT_RANGES, "bytes");
        }
        Ok(self.with_headers(response, etag.as_deref()))
    }

    fn with_headers(&self, mut response: Response, etag: Option<&str>) -> Response {
        let place = if is_shown_inline(self.mime_type) {
            "inline"
        } else {
            "attachment"
        };
        let name = format!(
            "{place}; filename=\"{}\"; filename*=UTF-8''{}",
            plain(self.file_name),
            encoded(self.file_name)
        );
        set(&mut response, header::CONTENT_TYPE, self.mime_type);
        set(&mut response, header::CONTENT_DISPOSITION, &name);
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        // Even a type that a browser would run has nothing to run with here.
        set(
            &mut response,
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        );
        // Who may read it can change: a copy is used only after asking again.
        set(&mut response, header::CACHE_CONTROL, "private, no-cache");
        if let Some(etag) = etag {
            set(&mut response, header::ETAG, etag);
        }
        response
    }
}

/// Images, video and audio are shown; an SVG is a document that can run scripts.
fn is_shown_inline(mime_type: &str) -> bool {
    mime_type != "image/svg+xml"
        && ["image/", "video/", "audio/"]
            .iter()
            .any(|kind| mime_type.starts_with(kind))
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// For clients that don't know the encoded form.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            '"' | '\\' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        })
        .collect()
}

/// RFC 8187.
fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_break_out_of_its_header() {
        assert_eq!(plain("a\"b\\c\u{fc}.png"), "a_b_c_.png");
        assert_eq!(encoded("a b\u{fc}\".png"), "a%20b%C3%BC%22.png");
    }

    #[test]
    fn only_what_can_not_run_is_shown_inline() {
        assert!(is_shown_inline("image/png") && is_shown_inline("audio/ogg"));
        assert!(!is_shown_inline("image/svg+xml") && !is_shown_inline("application/pdf"));
    }
}
