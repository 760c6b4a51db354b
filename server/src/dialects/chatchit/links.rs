//! The files of a message: uploads of the sender's, and links to files elsewhere, which are kept as they are and never
//! fetched.

use chat_backends::postgres::attachments;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{AttachmentId, RoomId};
use chat_core::limits;
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::access;
use chat_processor::failure::unavailable;
use serde::Deserialize;

use crate::app::App;

/// Where uploads are read.
const UPLOADS: &str = "/api/v1/attachments/";

/// Longest link.
const LONGEST_URL: usize = 2048;

/// A file of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkedFile {
    file_url: String,
    #[serde(default)]
    thumb_url: Option<String>,
}

/// The attachments that these files are.
///
/// # Errors
/// `validation_failed`, `forbidden` for somebody else's upload, `room_not_found`, `not_member`, `unavailable`.
pub(super) async fn attachments(
    app: &App,
    actor: &Actor,
    room: RoomId,
    files: &[LinkedFile],
) -> Result<Vec<AttachmentId>, Refusal> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    if files.len() > limits::ATTACHMENTS {
        let message = format!("must hold at most {} entries", limits::ATTACHMENTS);
        return Err(Refusal::invalid("attachments", "too_many", message));
    }
    // Before anything is stored for it.
    access::require_member(&app.context, room, actor.user_id).await?;
    let pg = &app.context.pg;
    let away = |error: sqlx::Error| unavailable(&error);
    let mut ids = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        if let Some(id) = upload(&file.file_url) {
            if attachments::all_uploaded_by(pg, actor.user_id, &[id])
                .await
                .map_err(away)?
            {
                ids.push(id);
                continue;
            }
            let message = "This file is not one of yours.";
            return Err(Refusal::new(ErrorCode::Forbidden, message));
        }
        let link = link(index, file)?;
        attachments::insert(pg, actor.user_id, &link)
            .await
            .map_err(away)?;
        ids.push(link.id);
    }
    Ok(ids)
}

/// The upload that a path on this service names.
fn upload(url: &str) -> Option<AttachmentId> {
    let id = url.strip_prefix(UPLOADS)?;
    id.split(['?', '#']).next()?.parse().ok()
}

fn link(index: usize, file: &LinkedFile) -> Result<Attachment, Refusal> {
    require_url(&format!("attachments[{index}].fileUrl"), &file.file_url)?;
    if let Some(thumb) = &file.thumb_url {
        require_url(&format!("attachments[{index}].thumbUrl"), thumb)?;
    }
    Ok(Attachment {
        id: AttachmentId::now_v7(),
        file_name: file_name(&file.file_url),
        mime_type: "application/octet-stream".to_owned(),
        size: 0,
        sha256: String::new(),
        url: file.file_url.clone(),
        thumb_url: file.thumb_url.clone(),
        width: None,
        height: None,
        duration_ms: None,
        created_at: Timestamp::now(),
    })
}

fn require_url(path: &str, url: &str) -> Result<(), Refusal> {
    let is_web = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if is_web && url.len() <= LONGEST_URL {
        return Ok(());
    }
    let message = "must be an upload of yours or an http(s) URL of at most 2048 characters";
    Err(Refusal::invalid(path, "malformed", message))
}

fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return "link".to_owned();
    }
    name.chars().take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_names_an_upload() {
        let id = AttachmentId::now_v7();
        assert_eq!(upload(&format!("/api/v1/attachments/{id}")), Some(id));
        assert_eq!(
            upload(&format!("/api/v1/attachments/{id}?token=x")),
            Some(id)
        );
        assert_eq!(
            upload(&format!("https://elsewhere.test{UPLOADS}{id}")),
            None
        );
        assert_eq!(upload("/api/v1/attachments/7"), None);
    }

    #[test]
    fn a_link_is_a_web_address_and_nothing_else() {
        for url in ["https://cdn.test/a.png", "http://cdn.test:81/a?b=c"] {
            assert!(require_url("x", url).is_ok(), "{url}");
        }
        let long = format!("https://cdn.test/{}", "a".repeat(LONGEST_URL));
        for url in [
            "",
            "/a.png",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a/b",
            "http:",
            &long,
        ] {
            assert!(require_url("x", url).is_err(), "{url}");
        }
        assert_eq!(file_name("https://cdn.test/a/b.png?c#d"), "b.png");
        assert_eq!(file_name("https://cdn.test/"), "link");
    }
}
