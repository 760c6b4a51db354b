//! Taking files in: streamed to the store's scratch space, bounded, hashed and looked into on the way.

mod media_type;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use chat_backends::objects::{ObjectError, ObjectName, Scratch};
use chat_backends::postgres::attachments;
use chat_core::content::sanitize::sanitize;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{AttachmentId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use chat_processor::failure::unavailable;
use sha2::{Digest, Sha256};

pub(crate) use self::media_type::AllowedTypes;
use crate::app::App;

/// The part of the form that holds the file.
const PART: &str = "file";

/// How much of a file's beginning says what it is.
const HEAD_BYTES: usize = 8 * 1024;

/// What is known of a file once it was read to its end.
struct Received {
    file: Scratch,
    head: Vec<u8>,
    sha256: String,
}

/// Takes the form's file in and stores it for `uploader`.
pub(crate) async fn receive(
    app: &App,
    uploader: UserId,
    mut form: Multipart,
) -> Result<Attachment, Refusal> {
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        if field.name() == Some(PART) {
            return store(app, uploader, field).await;
        }
    }
    Err(Refusal::invalid(PART, "missing", "is missing in the form"))
}

async fn store(app: &App, uploader: UserId, field: Field<'_>) -> Result<Attachment, Refusal> {
    let file_name = file_name(field.file_name().unwrap_or_default());
    let declared = field.content_type().map(ToOwned::to_owned);
    let received = read(app, field).await?;
    let mime_type = media_type::of(declared.as_deref(), &received.head)
        .filter(|found| app.config.uploads.allowed.holds(found))
        .ok_or_else(|| {
            let message =
                "Files of this type are not taken, or the file is not what it says it is.";
            Refusal::new(ErrorCode::UnsupportedMediaType, message)
        })?;
    let (width, height) = dimensions(&mime_type, &received.file).await;
    let id = AttachmentId::random();
    let url = format!("/api/v1/attachments/{id}");
    let attachment = Attachment {
        id,
        file_name,
        // The picture itself: browsers scale it, and no second file has to be kept in step.
        thumb_url: mime_type.starts_with("image/").then(|| url.clone()),
        url,
        size: i64::try_from(received.file.size()).unwrap_or(i64::MAX),
        mime_type,
        sha256: received.sha256,
        width,
        height,
        duration_ms: None,
        created_at: Timestamp::now(),
    };
    // Remembered first: whatever happens then, the bytes never lie in the store without anybody knowing.
    attachments::insert(&app.context.pg, uploader, &attachment)
        .await
        .map_err(|error| unavailable(&error))?;
    if let Err(error) = app
        .objects
        .put(&ObjectName::attachment(id), received.file)
        .await
    {
        if let Err(error) = attachments::forget(&app.context.pg, id).await {
            tracing::warn!(%error, attachment = %id, "a file that was not stored is still known; housekeeping removes it");
        }
        return Err(unstored(&error));
    }
    Ok(attachment)
}

async fn read(app: &App, mut field: Field<'_>) -> Result<Received, Refusal> {
    let most = app.config.uploads.max_file_bytes;
    let mut file = app
        .objects
        .scratch()
        .await
        .map_err(|error| unstored(&error))?;
    let (mut head, mut hash) = (Vec::new(), Sha256::new());
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if file.size() + chunk.len() as u64 > most {
            let message = format!("The file is larger than {most} bytes.");
            return Err(Refusal::new(ErrorCode::PayloadTooLarge, message));
        }
        let missing = HEAD_BYTES.saturating_sub(head.len()).min(chunk.len());
        head.extend_from_slice(&chunk[..missing]);
        hash.update(&chunk);
        file.write(&chunk)
            .await
            .map_err(|error| unstored(&error.into()))?;
    }
    if file.size() == 0 {
        return Err(Refusal::invalid(PART, "empty", "is empty"));
    }
    file.flush()
        .await
        .map_err(|error| unstored(&error.into()))?;
    Ok(Received {
        file,
        head,
        sha256: hex::encode(hash.finalize()),
    })
}

/// Width and height of an image, read from its header; unknown is no error.
async fn dimensions(mime_type: &str, file: &Scratch) -> (Option<i32>, Option<i32>) {
    if !mime_type.starts_with("image/") {
        return (None, None);
    }
    let path = file.path().to_owned();
    let size = tokio::task::spawn_blocking(move || imagesize::size(path)).await;
    let pixels = |count: usize| i32::try_from(count).ok();
    match size {
        Ok(Ok(size)) => (pixels(size.width), pixels(size.height)),
        _ => (None, None),
    }
}

/// The name without folders, live markup and control characters.
fn file_name(given: &str) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(limits::FILE_NAME_CHARS)
        .collect();
    let name = sanitize(&name);
    if name.trim_matches('.').is_empty() {
        return "file".to_owned();
    }
    name
}

/// The form itself can't be read, or the client went away.
fn broken(error: &MultipartError) -> Refusal {
    if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
        return Refusal::new(ErrorCode::PayloadTooLarge, "The form is too large.");
    }
    Refusal::invalid(
        PART,
        "malformed",
        "the form can't be read as multipart/form-data",
    )
}

/// The store of files is away or full.
pub(crate) fn unstored(error: &ObjectError) -> Refusal {
    unavailable(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_only_a_name() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\pictures\\a.png"), "a.png");
        assert_eq!(file_name("a\r\nb.txt"), "ab.txt");
        assert_eq!(file_name("<img onerror=x>.png"), ".png");
        for nothing in ["", "..", "/"] {
            assert_eq!(file_name(nothing), "file");
        }
        assert_eq!(file_name(&"x".repeat(999)).len(), limits::FILE_NAME_CHARS);
    }
}
