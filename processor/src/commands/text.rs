//! Texts that people give: sanitised once, then measured.

use std::ops::RangeInclusive;

use chat_core::content::sanitize::sanitize;
use chat_core::error::Refusal;

/// A sanitised text of a bounded length.
///
/// # Errors
/// `validation_failed` that names `path` and the bounds.
pub fn bounded(path: &str, text: &str, chars: RangeInclusive<usize>) -> Result<String, Refusal> {
    // Sanitising costs time in proportion to the input, so what is far too long is refused first.
    let given = text.chars().take(chars.end().saturating_mul(4) + 1).count();
    let clean = if given > chars.end().saturating_mul(4) {
        String::new()
    } else {
        sanitize(text)
    };
    let count = clean.chars().count();
    if given > chars.end().saturating_mul(4) || count > *chars.end() {
        let message = format!("must be at most {} characters", chars.end());
        return Err(Refusal::invalid(path, "too_long", message));
    }
    if count < *chars.start() {
        let message = format!("must be at least {} characters", chars.start());
        return Err(Refusal::invalid(path, "too_short", message));
    }
    Ok(clean)
}

/// The same for a text that may be left out.
///
/// # Errors
/// As [`bounded`].
pub fn optional(
    path: &str,
    text: Option<&str>,
    chars: RangeInclusive<usize>,
) -> Result<Option<String>, Refusal> {
    text.map(|text| bounded(path, text, chars)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_sanitised_then_measured() {
        assert_eq!(
            bounded("title", "  <b>Team</b> ", 1..=100),
            Ok("Team".to_owned())
        );
        assert_eq!(
            bounded("title", "<b></b>", 1..=100).unwrap_err().fields[0].code,
            "too_short"
        );
        let long = "x".repeat(101);
        assert_eq!(
            bounded("title", &long, 1..=100).unwrap_err().fields[0].path,
            "title"
        );
    }
}
