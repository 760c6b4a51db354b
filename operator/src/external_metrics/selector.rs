//! Label selectors as they stand in a URL: `cluster=demo,queue in (a,b),!x`.

use std::collections::BTreeMap;

/// A selector: all of its requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// The text is no selector.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no label selector")]
pub(super) struct MalformedSelector(String);

impl Selector {
    pub(super) fn parse(text: &str) -> Result<Self, MalformedSelector> {
        requirements(text)
            .into_iter()
            .map(str::trim)
            .filter(|requirement| !requirement.is_empty())
            .map(requirement)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| MalformedSelector(text.chars().take(200).collect()))
    }

    pub(super) fn matches(&self, labels: &BTreeMap<&str, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels
                .get(key.as_str())
                .is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels
                .get(key.as_str())
                .is_none_or(|value| !values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key.as_str()),
            Requirement::Absent(key) => !labels.contains_key(key.as_str()),
        })
    }
}

/// Splits at commas that are not within parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|character: char| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

fn requirement(text: &str) -> Option<Requirement> {
    if let Some(key) = text.strip_prefix('!') {
        return name(key).map(Requirement::Absent);
    }
    for (operator, excludes) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = text.split_once(operator) {
            let (key, values) = (name(key)?, vec![value.trim().to_owned()]);
            return Some(match excludes {
                true => Requirement::NotIn(key, values),
                false => Requirement::In(key, values),
            });
        }
    }
    let Some((head, list)) = text.split_once('(') else {
        return name(text).map(Requirement::Exists);
    };
    let values = list
        .strip_suffix(')')?
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect();
    let (key, operator) = head.trim().split_once(char::is_whitespace)?;
    match operator.trim() {
        "in" => Some(Requirement::In(name(key)?, values)),
        "notin" => Some(Requirement::NotIn(name(key)?, values)),
        _ => None,
    }
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let valid = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    (!text.is_empty() && text.chars().all(valid)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_selects_what_it_should() {
        let labels = BTreeMap::from([("cluster", "demo".to_owned()), ("queue", "a".to_owned())]);
        for (text, matches) in [
            ("", true),
            ("cluster=demo", true),
            ("cluster==other", false),
            ("cluster!=other", true),
            ("cluster=demo,queue in (a,b)", true),
            ("queue in (b, c)", false),
            ("queue notin (b,c),cluster", true),
            ("missing notin (b)", true),
            ("missing", false),
            ("!missing", true),
            ("!cluster", false),
        ] {
            assert_eq!(
                Selector::parse(text).map(|selector| selector.matches(&labels)),
                Ok(matches),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a in b", "a within (b)", "a in (b", "=x", "a b"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
