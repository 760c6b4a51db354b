//! What a file is: what the client says it is, held against what its first bytes say.
//!
//! A file that says one thing and is another is refused, because whoever opens it trusts what it says.

/// Types that carry text, which have no signature to be known by.
const TEXTS: [&str; 3] = ["application/json", "application/xml", "application/rtf"];

/// One container, several names: what the bytes can't tell apart. The first is what the bytes are known as.
const ALIASES: [(&str, &[&str]); 9] = [
    (
        "video/mp4",
        &[
            "audio/mp4",
            "audio/x-m4a",
            "audio/m4a",
            "video/quicktime",
            "video/x-m4v",
        ],
    ),
    ("audio/m4a", &["audio/mp4", "audio/x-m4a", "video/mp4"]),
    ("video/webm", &["audio/webm", "video/x-matroska"]),
    ("video/x-matroska", &["video/webm", "audio/webm"]),
    ("audio/ogg", &["video/ogg", "application/ogg", "audio/opus"]),
    (
        "audio/x-wav",
        &["audio/wav", "audio/wave", "audio/vnd.wave"],
    ),
    ("audio/x-flac", &["audio/flac"]),
    ("image/vnd.microsoft.icon", &["image/x-icon"]),
    ("application/gzip", &["application/x-gzip"]),
];

/// What is a ZIP archive underneath.
const ZIPPED: [&str; 3] = [
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/epub+zip",
];

/// Media types that may be uploaded.
#[derive(Debug, Clone)]
pub struct AllowedTypes(Vec<String>);

impl AllowedTypes {
    /// Of a comma list whose entries are types or like `image/*`; `None` if one is neither.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let entries: Vec<String> = list
            .split(',')
            .map(|entry| entry.trim().to_ascii_lowercase())
            .filter(|entry| !entry.is_empty())
            .collect();
        let is_type = |entry: &String| {
            entry
                .split_once('/')
                .is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty())
        };
        (!entries.is_empty() && entries.iter().all(is_type)).then_some(Self(entries))
    }

    /// Whether files of this type are taken.
    pub(crate) fn holds(&self, media_type: &str) -> bool {
        self.0.iter().any(|entry| match entry.strip_suffix('*') {
            Some(kind) => media_type.starts_with(kind),
            None => entry == media_type,
        })
    }
}

/// The type of a file that begins with `head`; `None` if it is not what it is declared to be, or nothing known.
pub(crate) fn of(declared: Option<&str>, head: &[u8]) -> Option<String> {
    let declared = declared
        .map(|text| {
            text.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .filter(|text| !text.is_empty() && text != "application/octet-stream");
    let found = infer::get(head).map(|kind| kind.mime_type());
    match (declared, found) {
        (None, Some(found)) => Some(found.to_owned()),
        (None, None) => is_text(head).then(|| "text/plain".to_owned()),
        (Some(declared), Some(found)) => agrees(&declared, found).then_some(declared),
        // Only text is known by having no signature.
        (Some(declared), None) => {
            let says_text = declared.starts_with("text/") || TEXTS.contains(&declared.as_str());
            (says_text && is_text(head)).then_some(declared)
        }
    }
}

fn agrees(declared: &str, found: &str) -> bool {
    let is_alias = ALIASES
        .iter()
        .any(|(name, others)| *name == found && others.contains(&declared));
    let is_zipped =
        found == "application/zip" && ZIPPED.iter().any(|start| declared.starts_with(start));
    declared == found || is_alias || is_zipped
}

/// UTF-8 without NUL; the last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";

    #[test]
    fn a_file_is_what_its_bytes_say_or_it_is_refused() {
        assert_eq!(of(Some("image/png"), PNG).as_deref(), Some("image/png"));
        assert_eq!(of(None, PNG).as_deref(), Some("image/png"));
        assert_eq!(
            of(Some("application/octet-stream"), PNG).as_deref(),
            Some("image/png")
        );
        assert_eq!(of(Some("image/jpeg"), PNG), None);
        assert_eq!(of(Some("text/plain"), PNG), None);
        assert_eq!(of(Some("image/png"), b"<html><script>"), None);
        assert_eq!(of(Some("image/png"), b"not a picture"), None);
        assert_eq!(of(Some("image/png"), b"MZ\x90\0\x03"), None);
    }

    #[test]
    fn text_is_known_by_having_nothing_else_in_it() {
        assert_eq!(
            of(Some("text/csv; charset=utf-8"), b"a,b\n").as_deref(),
            Some("text/csv")
        );
        assert_eq!(
            of(None, "gr\u{fc}n".as_bytes()).as_deref(),
            Some("text/plain")
        );
        assert_eq!(of(Some("text/plain"), b"a\0b"), None);
        assert_eq!(of(Some("text/plain"), b"<html><body>x</body></html>"), None);
        assert_eq!(
            of(Some("text/plain"), &"\u{fc}".as_bytes()[..1]).as_deref(),
            Some("text/plain")
        );
    }

    #[test]
    fn a_list_of_types_may_hold_whole_kinds() {
        let allowed = AllowedTypes::parse("image/*, application/pdf").unwrap();
        assert!(allowed.holds("image/webp") && allowed.holds("application/pdf"));
        assert!(!allowed.holds("video/mp4") && !allowed.holds("application/pdfx"));
        assert!(AllowedTypes::parse("").is_none() && AllowedTypes::parse("png").is_none());
    }
}
