//! The chat page's files, read once at the start: what is served can't be changed or escaped from afterwards.

use std::collections::HashMap;
use std::path::Path;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};

/// Most files and bytes that are taken; a wrong directory must not fill the memory.
const MOST_FILES: usize = 2000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What the page may load and where it may be shown.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; \
     style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'";

/// The files by their path.
#[derive(Default)]
pub(crate) struct Web {
    files: HashMap<String, File>,
}

struct File {
    content: Bytes,
    media_type: &'static str,
    etag: HeaderValue,
    cache_control: &'static str,
}

impl Web {
    /// Reads all files below `root`; without that directory the gateway runs all the same, without a page.
    pub(crate) fn load(root: &Path) -> Self {
        let mut web = Self::default();
        let mut left = MOST_BYTES;
        if let Err(error) = web.read(root, "", &mut left) {
            tracing::warn!(%error, root = %root.display(), "the chat page's files can't be read; the API works without them");
        }
        web
    }

    fn read(&mut self, directory: &Path, prefix: &str, left: &mut u64) -> std::io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let (Ok(name), kind) = (entry.file_name().into_string(), entry.file_type()?) else {
                continue;
            };
            let path = format!("{prefix}/{name}");
            if kind.is_dir() {
                self.read(&entry.path(), &path, left)?;
            } else if kind.is_file() {
                let size = entry.metadata()?.len();
                if size > *left || self.files.len() >= MOST_FILES {
                    return Err(std::io::Error::other(
                        "there are too many files to be a web page",
                    ));
                }
                *left -= size;
                self.files
                    .insert(path.clone(), File::new(&path, std::fs::read(entry.path())?));
            }
        }
        Ok(())
    }

    /// The answer to a request that no route took; `None` if it is not for the page.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        if let Some(file) = self.files.get(path) {
            return Some(file.response(headers));
        }
        // The page's own addresses all show the page.
        let wants_page = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        let is_page = path == "/" || (wants_page && !is_api(path) && !has_extension(path));
        if !is_page {
            return None;
        }
        Some(
            self.files
                .get("/index.html")
                .map_or_else(without_page, |page| page.response(headers)),
        )
    }
}

/// Paths of routes: a wrong one is a mistake of a program, not a page.
fn is_api(path: &str) -> bool {
    [
        "/api",
        "/auth",
        "/chat",
        "/chats",
        "/health",
        "/metrics",
        "/socket.io",
        "/ws",
    ]
    .iter()
    .any(|prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
}

fn without_page() -> Response {
    let text = "This gateway was started without the files of the chat page (CHAT_WEB_ROOT). The API is at /api/v1.\n";
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, headers, text).into_response()
}

impl File {
    fn new(path: &str, content: Vec<u8>) -> Self {
        let digest = hex::encode(&Sha256::digest(&content)[..12]);
        // Weak, because compression on the way changes the bytes but not what they say.
        let etag =
            HeaderValue::try_from(format!("W/\"{digest}\"")).expect("hex digits fit into a header");
        Self {
            content: content.into(),
            media_type: media_type(path),
            etag,
            // The build names these files by their content.
            cache_control: if path.starts_with("/assets/") {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
        }
    }

    fn response(&self, request: &HeaderMap) -> Response {
        let is_known = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| {
                let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
                tag.trim() == "*"
                    || self
                        .etag
                        .to_str()
                        .is_ok_and(|own| opaque(own) == opaque(tag))
            });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::from(self.content.clone()))
        };
        let headers = response.headers_mut();
        if !is_known {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.media_type),
            );
        }
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(self.cache_control),
        );
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        );
        response
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "mp3" => "audio/mpeg",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Web {
        let file = |path: &str| (path.to_owned(), File::new(path, b"content".to_vec()));
        Web {
            files: HashMap::from([file("/index.html"), file("/assets/app-1234.js")]),
        }
    }

    fn get(
        web: &Web,
        path: &str,
        headers: &[(header::HeaderName, &'static str)],
    ) -> Option<Response> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        web.answer(&Method::GET, path, &headers)
    }

    #[test]
    fn the_page_is_checked_each_time_and_its_assets_never_again() {
        let page = get(&web(), "/", &[]).unwrap();
        assert_eq!(page.headers()["cache-control"], "no-cache");
        assert!(
            page.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        let asset = get(&web(), "/assets/app-1234.js", &[]).unwrap();
        assert!(
            asset.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let web = web();
        let etag = get(&web, "/", &[]).unwrap().headers()["etag"].clone();
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        let response = web.answer(&Method::GET, "/", &headers).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn only_addresses_of_the_page_show_the_page() {
        let html = [(header::ACCEPT, "text/html,*/*")];
        assert!(get(&web(), "/rooms/1", &html).is_some());
        assert!(get(&web(), "/rooms/1", &[]).is_none());
        for path in [
            "/api/v1/nothing",
            "/auth",
            "/missing.js",
            "/chats/1",
            "/../etc/passwd.txt",
        ] {
            assert!(get(&web(), path, &html).is_none(), "{path}");
        }
        assert!(
            web()
                .answer(&Method::POST, "/", &HeaderMap::new())
                .is_none()
        );
    }

    #[test]
    fn without_files_the_page_says_so() {
        let response = get(&Web::load(Path::new("/nonexistent")), "/", &[]).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
