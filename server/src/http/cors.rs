//! Which pages of other origins may call (the wire contract, §1.1).

use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::CorsOrigins;

/// Headers that a page may read beyond the harmless ones.
const EXPOSED: [HeaderName; 3] = [
    header::RETRY_AFTER,
    HeaderName::from_static("x-has-more"),
    HeaderName::from_static("x-next-seq"),
];

/// The layer around everything, sockets included.
pub(crate) fn layer(origins: &CorsOrigins) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(600));
    match origins {
        // Credentials never go with the star: browsers refuse it, and we carry tokens in headers anyway.
        CorsOrigins::Any => layer.allow_origin(tower_http::cors::Any),
        CorsOrigins::Listed(listed) => layer
            .allow_origin(AllowOrigin::list(listed.iter().cloned()))
            .allow_credentials(true),
    }
}
