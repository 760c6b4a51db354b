//! The README's table of features names tests; each of them must be there.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_readme_names_exists() {
    // Tests run in their package's folder; a path from compile time may be another checkout's, whose artifact this is.
    let root = Path::new("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, table) = readme.split_once("| tests that show it |").unwrap();
    let named: Vec<&str> = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|row| row.split('|').nth(3).unwrap_or_default().split('`'))
        .filter(|name| name.contains('_') && !name.contains(' '))
        .collect();
    assert!(named.len() > 20, "the table names tests: {named:?}");
    let mut sources = String::new();
    for part in ["core", "backends", "processor", "server"] {
        for folder in ["src", "tests"] {
            read(&root.join(part).join(folder), &mut sources);
        }
    }
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "there is no such test: {missing:?}");
}

fn read(folder: &Path, sources: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
