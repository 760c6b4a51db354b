//! What makes a message spam: too many links, or the same text again and again (the wire contract, §1.7).
//!
//! Pure: the counting of repeats over time is the caller's, who has a shared store for it; here is only the key.

use sha2::{Digest, Sha256};

use crate::limits::SPAM_LINKS;

/// Beginnings of a link, in lower case. `www.` counts only where a word begins and no scheme stands before it.
const SCHEMES: [&str; 3] = ["http://", "https://", "ftp://"];
const BARE: &str = "www.";

/// How many links the text holds, glued ones too.
///
/// Names such as `example.org` without scheme or `www.` aren't counted: code is full of words with a dot.
pub fn count_links(text: &str) -> usize {
    let bytes = text.as_bytes();
    (0..bytes.len())
        .filter(|&at| {
            let here = |prefix: &&str| {
                bytes[at..]
                    .get(..prefix.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(prefix.as_bytes()))
            };
            if SCHEMES.iter().any(&here) {
                return true;
            }
            let before = at.checked_sub(1).map(|before| bytes[before]);
            here(&BARE)
                && before.is_none_or(|byte| {
                    !byte.is_ascii_alphanumeric() && byte != b'/' && byte != b'.'
                })
        })
        .count()
}

/// Whether the text holds more links than one message may.
pub fn has_too_many_links(text: &str) -> bool {
    count_links(text) > SPAM_LINKS
}

/// The same for the same content and for no other: what repeats are counted by, without keeping the content.
pub fn repeat_key(content: &str) -> String {
    hex::encode(&Sha256::digest(content.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn links_are_counted_however_they_are_written() {
        for (text, links) in [
            ("", 0),
            ("hello", 0),
            ("example.org and foo.bar()", 0),
            ("http://a", 1),
            ("HTTPS://A.example/x?y=z", 1),
            ("https://www.example.org", 1),
            ("www.example.org", 1),
            ("(www.example.org)", 1),
            ("awww.cute", 0),
            ("http://a,http://b http://c", 3),
            ("http://ahttps://b", 2),
            ("ftp://a/b", 1),
            ("http:/ /a https:", 0),
            ("é http://ü www.ö", 2),
        ] {
            assert_eq!(count_links(text), links, "{text}");
        }
    }

    #[test]
    fn twenty_links_are_fine_and_one_more_is_spam() {
        let links = |count: usize| "see https://example.org/a ".repeat(count);
        assert!(!has_too_many_links(&links(20)));
        assert!(has_too_many_links(&links(21)));
    }

    #[test]
    fn counting_takes_linear_time() {
        for part in ["http:/", "www", "h", "https://"] {
            let text = part.repeat(2_000_000 / part.len());
            let began = Instant::now();
            count_links(&text);
            assert!(began.elapsed() < Duration::from_secs(5), "{part}");
        }
    }

    #[test]
    fn repeat_key_tells_contents_apart_and_hides_them() {
        assert_eq!(repeat_key("hello"), repeat_key("hello"));
        assert_ne!(repeat_key("hello"), repeat_key("Hello"));
        assert_eq!(repeat_key(&"x".repeat(100_000)).len(), 32);
    }
}
