//! The Prometheus text format, as far as it is needed: one sample a line.

use std::collections::HashMap;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: &'a str,
    pub(super) value: f64,
}

impl Sample<'_> {
    /// Its labels.
    pub(super) fn labels(&self) -> HashMap<&str, String> {
        labels(self.labels)
    }
}

/// All samples of a page; lines that are none are passed over.
pub(super) fn samples(page: &str) -> impl Iterator<Item = Sample<'_>> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(sample)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = match line.find('{') {
        // A label's value can hold anything, so the last brace ends the labels.
        Some(_) => line
            .rsplit_once('}')
            .map(|(series, rest)| (series, rest.trim_start())),
        None => line.split_once(' '),
    }?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let value = value.split(' ').next()?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

fn labels(text: &str) -> HashMap<&str, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.char_indices();
        let mut end = after.len();
        while let Some((position, character)) = characters.next() {
            match character {
                '"' => {
                    end = position + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                other => value.push(other),
            }
        }
        found.insert(name.trim_start_matches(',').trim(), value);
        rest = &after[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_broker_is_understood() {
        let page = "# TYPE rabbitmq_detailed_queue_messages_ready gauge\n\
                    rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"chat.events.high.0\"} 12\n\
                    up 1 1700000000\nbroken\n";
        let found: Vec<_> = samples(page).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name, found[0].value),
            ("rabbitmq_detailed_queue_messages_ready", 12.0)
        );
        assert_eq!(found[0].labels()["queue"], "chat.events.high.0");
        assert_eq!((found[1].name, found[1].value), ("up", 1.0));
    }

    #[test]
    fn a_label_may_hold_braces_quotes_and_commas() {
        let page = r#"m{queue="a,}\"b\\",x="y"} 3"#;
        let sample = samples(page).next().expect("a sample");
        assert_eq!(sample.labels()["queue"], "a,}\"b\\");
        assert_eq!(sample.labels()["x"], "y");
    }
}
