//! One file a scenario; each returns its figures as a JSON object.

pub(crate) mod drain;
mod hall;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod send;
pub(crate) mod storm;

use serde_json::{Value, json};

/// Prints the figures with the command that made them.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn print(command: &str, figures: &Value, as_json: bool) {
    if as_json {
        println!(
            "{}",
            json!({"command": format!("chat-bench {command}"), "figures": figures})
        );
        return;
    }
    println!("chat-bench {command}");
    let empty = serde_json::Map::new();
    for (name, value) in figures.as_object().unwrap_or(&empty) {
        println!("  {name:<28} {}", shown(value));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let parts: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name} {}", shown(value)))
                .collect();
            parts.join(", ")
        }
        Value::Number(number) => number.as_i64().map_or_else(
            || format!("{:.2}", number.as_f64().unwrap_or_default()),
            |whole| whole.to_string(),
        ),
        other => other
            .as_str()
            .map_or_else(|| other.to_string(), str::to_owned),
    }
}

/// `count` in `seconds`, as a rate.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
