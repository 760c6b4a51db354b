//! Which part of a live object is ours, and whether it still is what we applied.
//!
//! Server-side apply records for each manager the fields that it set. Cut down to our fields, a live object equals what
//! we applied, whatever the API server or others have added; so equal hashes mean that there is nothing to write. A field
//! that someone else has taken over is no longer among ours, and the hashes differ: that is drift.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

/// Who we are to server-side apply.
pub const FIELD_MANAGER: &str = "chatcluster-operator";

/// A hash of what an object to be applied says.
#[must_use]
pub fn hash_of_wanted(object: &Value) -> u64 {
    let Value::Object(fields) = object else {
        return hash(object);
    };
    let mut hasher = DefaultHasher::new();
    hash_fields(
        fields,
        &["apiVersion", "kind"],
        &mut hasher,
        |name, value, hasher| match value {
            Value::Object(metadata) if name == "metadata" => {
                hash_fields(
                    metadata,
                    &["name", "namespace"],
                    hasher,
                    |_, value, hasher| {
                        hash_into(value, hasher);
                    },
                );
            }
            _ => hash_into(value, hasher),
        },
    );
    hasher.finish()
}

/// A hash of our part of a live object, or `None` where we never applied it.
#[must_use]
pub fn hash_of_ours(object: &Value) -> Option<u64> {
    our_fields(object).map(|fields| hash(&pick(object, fields).unwrap_or(Value::Null)))
}

/// Whether a field, given as a path of names, is ours in a live object.
#[must_use]
pub fn is_ours(object: &Value, path: &[&str]) -> bool {
    our_fields(object).is_some_and(|fields| {
        path.iter()
            .try_fold(fields, |fields, name| fields.get(format!("f:{name}")))
            .is_some()
    })
}

fn our_fields(object: &Value) -> Option<&Value> {
    object
        .pointer("/metadata/managedFields")?
        .as_array()?
        .iter()
        .find(|entry| {
            entry["manager"] == FIELD_MANAGER
                && entry["operation"] == "Apply"
                && entry["subresource"].is_null()
        })?
        .get("fieldsV1")
}

/// The part of `value` that `fields` (in the format of `fieldsV1`) names.
fn pick(value: &Value, fields: &Value) -> Option<Value> {
    let fields = fields.as_object()?;
    let named: Vec<_> = fields.iter().filter(|(name, _)| *name != ".").collect();
    if named.is_empty() {
        return Some(match (fields.contains_key("."), value) {
            // The container is ours, but nothing in it.
            (true, Value::Object(_)) => Value::Object(Map::new()),
            (true, Value::Array(_)) => Value::Array(Vec::new()),
            _ => value.clone(),
        });
    }
    match value {
        Value::Object(object) => Some(Value::Object(
            named
                .into_iter()
                .filter_map(|(name, inner)| {
                    let name = name.strip_prefix("f:")?;
                    Some((name.to_owned(), pick(object.get(name)?, inner)?))
                })
                .collect(),
        )),
        Value::Array(items) => Some(Value::Array(pick_items(items, &named))),
        _ => None,
    }
}

fn pick_items(items: &[Value], named: &[(&String, &Value)]) -> Vec<Value> {
    items
        .iter()
        .filter_map(|item| {
            let (_, inner) = named.iter().find(|(name, _)| names_item(name, item))?;
            pick(item, inner)
        })
        .collect()
}

/// Whether a list entry's path element, `k:{…}` by its keys or `v:…` by its value, means this item.
fn names_item(name: &str, item: &Value) -> bool {
    if let Some(keys) = name.strip_prefix("k:") {
        let Ok(Value::Object(keys)) = serde_json::from_str(keys) else {
            return false;
        };
        return keys.iter().all(|(key, value)| item.get(key) == Some(value));
    }
    name.strip_prefix("v:")
        .and_then(|value| serde_json::from_str::<Value>(value).ok())
        .is_some_and(|value| value == *item)
}

/// Objects hash independently of the order of their keys, because `serde_json`'s map is sorted.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_into(value, &mut hasher);
    hasher.finish()
}

fn hash_into(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        Value::Bool(value) => (1_u8, value).hash(hasher),
        Value::Number(number) => (2_u8, number.to_string()).hash(hasher),
        Value::String(text) => (3_u8, text).hash(hasher),
        Value::Array(items) => {
            (4_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| hash_into(item, hasher));
        }
        Value::Object(fields) => {
            hash_fields(fields, &[], hasher, |_, value, hasher| {
                hash_into(value, hasher);
            });
        }
    }
}

/// Hashes the fields of an object that are not left out, each value as `inner` says.
fn hash_fields(
    fields: &Map<String, Value>,
    left_out: &[&str],
    hasher: &mut DefaultHasher,
    inner: impl Fn(&str, &Value, &mut DefaultHasher),
) {
    let mut sorted: Vec<_> = fields
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    (5_u8, sorted.len()).hash(hasher);
    for (name, value) in sorted {
        name.hash(hasher);
        inner(name, value, hasher);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "demo", "namespace": "chat", "labels": {"a": "1"}},
            "spec": {
                "template": {"spec": {
                    "containers": [{"name": "gateway", "image": "x", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                }},
                "selector": {"matchLabels": {"a": "1"}},
            },
        })
    }

    fn live() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "demo", "namespace": "chat", "uid": "u", "labels": {"a": "1", "other": "2"},
                "managedFields": [
                    {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:other": {}}}}},
                    {"manager": FIELD_MANAGER, "operation": "Apply", "subresource": "status", "fieldsV1": {}},
                    {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:a": {}}},
                        "f:spec": {
                            "f:selector": {},
                            "f:template": {"f:spec": {
                                "f:containers": {"k:{\"name\":\"gateway\"}": {
                                    ".": {}, "f:name": {}, "f:image": {},
                                    "f:ports": {"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                                }},
                                "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                            }},
                        },
                    }},
                ],
            },
            "spec": {
                "replicas": 5,
                "selector": {"matchLabels": {"a": "1"}},
                "template": {"spec": {
                    "dnsPolicy": "ClusterFirst",
                    "containers": [
                        {"name": "injected", "image": "y"},
                        {"name": "gateway", "image": "x", "imagePullPolicy": "Always",
                         "ports": [{"containerPort": 8080, "protocol": "TCP"}]},
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                }},
            },
            "status": {"readyReplicas": 1},
        })
    }

    #[test]
    fn what_others_add_is_no_difference() {
        assert_eq!(hash_of_ours(&live()), Some(hash_of_wanted(&wanted())));
    }

    #[test]
    fn a_changed_field_of_ours_is_a_difference() {
        let mut changed = live();
        changed["spec"]["template"]["spec"]["containers"][1]["image"] = json!("evil");
        assert_ne!(hash_of_ours(&changed), Some(hash_of_wanted(&wanted())));
    }

    #[test]
    fn a_field_that_someone_took_over_is_a_difference() {
        let mut taken = live();
        taken["metadata"]["managedFields"][2]["fieldsV1"]["f:metadata"]["f:labels"] = json!({});
        assert_ne!(hash_of_ours(&taken), Some(hash_of_wanted(&wanted())));
    }

    #[test]
    fn an_object_that_we_never_applied_has_nothing_of_ours() {
        let mut foreign = live();
        foreign["metadata"]["managedFields"]
            .as_array_mut()
            .unwrap()
            .truncate(2);
        assert_eq!(hash_of_ours(&foreign), None);
    }

    #[test]
    fn replicas_are_ours_only_when_we_applied_them() {
        assert!(!is_ours(&live(), &["spec", "replicas"]));
        let mut fixed = live();
        fixed["metadata"]["managedFields"][2]["fieldsV1"]["f:spec"]["f:replicas"] = json!({});
        assert!(is_ours(&fixed, &["spec", "replicas"]));
    }
}
