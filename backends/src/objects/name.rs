//! Names of objects. They are made of ids only, so none can lead out of the store.

use std::fmt;

use chat_core::ids::{AttachmentId, ExportId};

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    /// Of an uploaded file.
    pub fn attachment(id: AttachmentId) -> Self {
        Self(format!("attachments/{id}"))
    }

    /// Of an export of a user's data.
    pub fn export(id: ExportId) -> Self {
        Self(format!("exports/{id}.zip"))
    }

    /// As it stands in a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
