//! Makes user text safe to store and to send on: whatever a client does with it, no tag, attribute or comment of it is live.
//!
//! The five steps of the wire contract (§1.7), each over the whole result of the one before. They are hand-written scanners
//! that look at every byte a bounded number of times, so that no text is slow; regular expressions with "up to the
//! nearest closing tag" would be quadratic on a row of opening ones. Nothing here decides about emptiness or length.

use std::borrow::Cow;
use std::ops::Range;

use super::elements::is_known;

/// Elements that go with their contents.
const WITH_CONTENTS: [&str; 2] = ["script", "style"];

/// The text as it may be stored and shown: code and arithmetic as typed, no live markup, no spaces at the ends.
///
/// Idempotent: sanitising the result changes nothing.
pub fn sanitize(text: &str) -> String {
    let text = without_controls(text);
    if !text.contains('<') {
        return text.trim().to_owned();
    }
    let text = without_script_and_style(&text);
    let text = without_known_tags(&text);
    disarmed(&text).trim().to_owned()
}

/// Step 1: control characters go, except line feeds and tabs.
fn without_controls(text: &str) -> Cow<'_, str> {
    let goes = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(goes) {
        Cow::Owned(text.chars().filter(|&c| !goes(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Step 2: `<script …>…</script>` and `<style …>…</style>` go with what is between.
fn without_script_and_style(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut openers_end = Ahead::default();
    let mut closers = WITH_CONTENTS.map(|name| (name, Ahead::default()));
    without(text, |open| {
        let (name, closers) = closers
            .iter_mut()
            .find(|(name, _)| is_tag_name(bytes, open + 1, name))?;
        let opener_end = openers_end.find(open, |from| {
            let end = from + position(&bytes[from..], b'>')?;
            Some(end..end + 1)
        })?;
        let closer = closers.find(opener_end.end, |from| next_closer(bytes, from, name))?;
        Some(closer.end)
    })
}

/// The first closing tag of `name` at or after `from`; browsers allow (and ignore) anything between the name and its `>`.
fn next_closer(bytes: &[u8], mut from: usize, name: &str) -> Option<Range<usize>> {
    loop {
        let start = from + position(&bytes[from..], b'<')?;
        if bytes.get(start + 1) == Some(&b'/') && is_tag_name(bytes, start + 2, name) {
            let rest = start + 2 + name.len();
            if let Some(end) = tag_end(bytes, rest) {
                return Some(start..end + 1);
            }
        }
        from = start + 1;
    }
}

/// Step 3: tags of known elements go, what they enclose stays.
fn without_known_tags(text: &str) -> String {
    let bytes = text.as_bytes();
    without(text, |open| {
        let closing = bytes.get(open + 1) == Some(&b'/');
        let name = name_at(text, open + 1 + usize::from(closing));
        if !is_known(&text[name.clone()]) {
            return None;
        }
        let end = tag_end(bytes, name.end)?;
        let attributes = &bytes[name.end..end];
        let separated = attributes
            .first()
            .is_none_or(|&byte| is_space(byte) || byte == b'/');
        let bare = attributes.trim_ascii();
        let is_tag = match closing {
            true => bare.is_empty(),
            false => bare.is_empty() || bare == b"/" || attributes.contains(&b'='),
        };
        (separated && is_tag).then_some(end + 1)
    })
}

/// Step 4: a space after every `<` that could still open live markup, also where the steps before put it together.
fn disarmed(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut tag_ends, mut equals) = (Ahead::default(), Ahead::default());
    let next = |ahead: &mut Ahead, from: usize, byte: u8| {
        ahead
            .find(from, |from| {
                let at = from + position(&bytes[from..], byte)?;
                Some(at..at + 1)
            })
            .map_or(bytes.len(), |found| found.start)
    };
    let mut safe = String::with_capacity(text.len() + 16);
    let mut copied = 0;
    for (open, _) in text.match_indices('<') {
        let live = match bytes.get(open + 1) {
            Some(b'/' | b'!' | b'?') => true,
            Some(byte) if byte.is_ascii_alphabetic() => {
                is_known(&text[name_at(text, open + 1)])
                    || next(&mut equals, open, b'=') < next(&mut tag_ends, open, b'>')
            }
            _ => false,
        };
        if live {
            safe.push_str(&text[copied..=open]);
            safe.push(' ');
            copied = open + 1;
        }
    }
    safe.push_str(&text[copied..]);
    safe
}

/// The text without the parts that begin at a `<` for which `end_of` gives an end.
fn without(text: &str, mut end_of: impl FnMut(usize) -> Option<usize>) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut copied = 0;
    for (open, _) in text.match_indices('<') {
        if open < copied {
            continue; // inside the part that just went
        }
        if let Some(end) = end_of(open) {
            kept.push_str(&text[copied..open]);
            copied = end;
        }
    }
    kept.push_str(&text[copied..]);
    kept
}

/// A search whose questions only move forward: the last find is the answer until it is passed, so that all questions together
/// read the text once.
#[derive(Default)]
struct Ahead {
    found: Option<Range<usize>>,
    exhausted: bool,
}

impl Ahead {
    fn find(
        &mut self,
        from: usize,
        search: impl FnOnce(usize) -> Option<Range<usize>>,
    ) -> Option<Range<usize>> {
        let passed = self.found.as_ref().is_none_or(|found| found.start < from);
        if passed && !self.exhausted {
            self.found = search(from);
            self.exhausted = self.found.is_none();
        }
        self.found.clone()
    }
}

/// The letters, digits, `-` and `_` from `start` on, if the first one is a letter.
fn name_at(text: &str, start: usize) -> Range<usize> {
    let rest = &text.as_bytes()[start..];
    let length = match rest.first() {
        Some(byte) if byte.is_ascii_alphabetic() => rest
            .iter()
            .position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'))
            .unwrap_or(rest.len()),
        _ => 0,
    };
    start..start + length
}

/// Whether exactly this tag name stands at `start`, as a browser reads it.
fn is_tag_name(bytes: &[u8], start: usize, name: &str) -> bool {
    let end = start + name.len();
    bytes
        .get(start..end)
        .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        && bytes
            .get(end)
            .is_some_and(|&byte| is_space(byte) || byte == b'/' || byte == b'>')
}

/// Where the `>` is that ends the tag, unless another `<` comes before it.
fn tag_end(bytes: &[u8], from: usize) -> Option<usize> {
    let end = from
        + bytes[from..]
            .iter()
            .position(|&byte| byte == b'<' || byte == b'>')?;
    (bytes[end] == b'>').then_some(end)
}

fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::elements::KNOWN;
    use super::*;

    #[test]
    fn code_and_arithmetic_survive_as_typed() {
        for text in [
            "1 < 2",
            "a<3",
            "if x<y",
            "Vec<String>",
            "HashMap<String, Vec<u8>>",
            "x<y and y>z",
            "<3",
            "a <= b",
            "1<<4 >> 2",
            "x<a_b",
            "for (;i<n;i++)",
            "a & b &amp; c",
            "=> -> == <=>",
            "Grüße 👋🏽 <é>",
            "one\n\ttwo",
            "<x-card>",
        ] {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn what_could_open_a_tag_gets_a_space() {
        for (text, safe) in [
            ("a<b and c>d", "a< b and c>d"),
            ("x <b", "x < b"),
            ("<input disabled>", "< input disabled>"),
            ("</3", "< /3"),
            ("<!-- hi -->", "< !-- hi -->"),
            ("<!DOCTYPE html>", "< !DOCTYPE html>"),
            ("<?xml version=1?>", "< ?xml version=1?>"),
            ("</x-card>", "< /x-card>"),
            ("<x-card onclick=go()>", "< x-card onclick=go()>"),
            ("<x onclick=go() ", "< x onclick=go()"),
            ("x<y a>b=c", "x<y a>b=c"),
            (
                "<img src=x onerror=alert(1)",
                "< img src=x onerror=alert(1)",
            ),
            ("<svg/onload=alert(1)", "< svg/onload=alert(1)"),
            ("<b;", "< b;"),
            ("<a=b>", "< a=b>"),
            ("<script", "< script"),
        ] {
            assert_eq!(sanitize(text), safe, "{text}");
        }
    }

    #[test]
    fn tags_of_known_elements_go_and_their_text_stays() {
        for (text, safe) in [
            ("<b>bold</b>", "bold"),
            ("<B >bold</b\n>", "bold"),
            ("a<br>b<br/>c<BR />d", "abcd"),
            ("<a href=\"javascript:alert(1)\">x</a>", "x"),
            ("<img src=x onerror=alert(1)>", ""),
            ("<img/src=x/onerror=alert(1)>", ""),
            ("<svg><circle r=\"1\"/></svg>", ""),
            ("<math><mi>x</mi></math>", "x"),
            ("<foreignObject width=1>x</foreignobject>", "x"),
            ("<script>alert(1)", "alert(1)"),
            ("alert(1)</script>", "alert(1)"),
            ("<a title=\"1>0\">x</a>", "0\">x"),
        ] {
            assert_eq!(sanitize(text), safe, "{text}");
        }
    }

    #[test]
    fn script_and_style_go_with_their_contents() {
        for (text, safe) in [
            ("a<script>alert(1)</script>b", "ab"),
            ("a<SCRIPT type=\"x\">1 < 2</Script\n>b", "ab"),
            ("a<style>* { color: red }</style foo>b", "ab"),
            ("<script>1</script><script>2</script>", ""),
            ("<script><style></script>x</style>", "x"),
            ("<scripts>x</scripts>", "<scripts>x< /scripts>"),
        ] {
            assert_eq!(sanitize(text), safe, "{text}");
        }
    }

    #[test]
    fn nothing_put_together_on_the_way_is_live() {
        for (text, safe) in [
            ("<scr<script>ipt>alert(1)", "< script>alert(1)"),
            ("<scr<script>ipt>alert(1)</script>", "<scr"),
            ("<scr<script></script>ipt>alert(1)</script>", "alert(1)"),
            ("<scr<style></style>ipt>x</scr<style></style>ipt>", "x"),
            (
                "<<b>img src=x onerror=alert(1)>",
                "< img src=x onerror=alert(1)>",
            ),
            ("<<b>/script>", "< /script>"),
            ("<<b>!-- x", "< !-- x"),
            ("<i\u{0}mg src=x onerror=1>", ""),
            ("<\u{8}b>x", "x"),
            ("<\r\nb>", "<\nb>"),
        ] {
            assert_eq!(sanitize(text), safe, "{text}");
        }
    }

    #[test]
    fn control_characters_and_outer_spaces_go() {
        assert_eq!(
            sanitize("\u{0}a\u{7}\tb\r\nc\u{7f}\u{85}\u{1b}[0m"),
            "a\tb\nc[0m"
        );
        assert_eq!(sanitize(" \n\t hello \u{a0}\u{3000}"), "hello");
        assert_eq!(sanitize(" \u{0} "), "");
        assert_eq!(sanitize(""), "");
    }

    #[test]
    fn every_known_element_is_caught_in_every_spelling() {
        for name in KNOWN {
            let upper = name.to_uppercase();
            for text in [
                format!("<{name}>"),
                format!("<{upper}>"),
                format!("</{name}>"),
                format!("<{name}/>"),
                format!("<{upper} x=1>"),
            ] {
                assert_eq!(sanitize(&text), "", "{text}");
            }
            assert_eq!(sanitize(&format!("<{name} x")), format!("< {name} x"));
        }
    }

    #[test]
    fn hostile_text_of_megabytes_takes_linear_time() {
        const BYTES: usize = 2_000_000;
        for part in [
            "<",
            "<script>",
            "<script ",
            "<style><script>",
            "</script",
            "<a ",
            "<a =",
            "<x =",
            "<x ",
            "<b>",
            "<scr<b>",
            "=",
            ">",
            "<a/",
            "<!",
            "a",
            "<script></script",
            "</script <",
            "\u{0}<",
        ] {
            let text = part.repeat(BYTES / part.len());
            let began = Instant::now();
            let safe = sanitize(&text);
            // Reading once takes milliseconds; reading once for each of 10⁵ tags would take minutes.
            assert!(began.elapsed() < Duration::from_secs(5), "{part}");
            assert!(safe.len() <= 2 * text.len());
        }
    }

    /// What a browser's tokeniser, and a reader with a list of names, would find live; shares no code with the scanner.
    fn live_markup(text: &str) -> Option<String> {
        text.split('<').skip(1).find_map(|after| {
            let first = after.chars().next()?;
            if "/!?".contains(first) {
                return Some(after.to_owned());
            }
            if !first.is_ascii_alphabetic() {
                return None;
            }
            let word = |ends: &dyn Fn(char) -> bool| {
                after.split(ends).next().unwrap_or_default().to_lowercase()
            };
            let as_browser = word(&|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
            let as_reader = word(&|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            let known = KNOWN.contains(&as_browser.as_str()) || KNOWN.contains(&as_reader.as_str());
            known.then(|| after.to_owned())
        })
    }

    fn attribute_of_any_name(text: &str) -> bool {
        text.match_indices('<').any(|(at, _)| {
            let after = &text[at + 1..];
            let tag = after.split('>').next().unwrap_or_default();
            after.starts_with(|c: char| c.is_ascii_alphabetic()) && tag.contains('=')
        })
    }

    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => prop::sample::select(vec![
                "<", ">", "/", "=", " ", "\n", "\0", "\r", "\u{85}", "!", "?", "-", "\"", "'", "script", "style", "scr", "ipt", "b", "img",
                "svg", "x", "x-card", "é", "👋", "<script>", "</script>", "<style ", "</style>", "<b>", "</b>", "<img src=x onerror=y>",
                "<!--", "-->", "<svg/onload=1", "onclick=", "1 < 2", "a<3", "Vec<String>",
            ]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn output_is_never_live(text in hostile()) {
            let safe = sanitize(&text);
            prop_assert_eq!(live_markup(&safe), None, "{:?}", safe);
            prop_assert!(!attribute_of_any_name(&safe), "{:?}", safe);
            prop_assert!(!safe.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(safe.trim(), &safe);
        }

        #[test]
        fn sanitising_twice_is_sanitising_once(text in hostile()) {
            let once = sanitize(&text);
            prop_assert_eq!(sanitize(&once), once);
        }

        #[test]
        fn text_without_angle_brackets_keeps_every_visible_character(text in "[^<\\p{Cc}]*") {
            prop_assert_eq!(sanitize(&text), text.trim());
        }
    }
}
