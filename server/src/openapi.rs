//! The API documents, generated from the code: OpenAPI for the routes, AsyncAPI for the sockets.
//!
//! **To add a route**, add its line to the table of its kind: [`canonical`] for `/api/v1` and what stands beside it,
//! `older` for the dialects' own. A line is `get("/path/{id}", "What it does.")`, then `.takes::<Body>()`,
//! `.answers::<Body>(200)` or `.lists::<Item>()`, and `.public()` where no token is asked for. A type needs
//! `#[derive(schemars::JsonSchema)]`. The test `every_route_is_documented_and_nothing_else_is` prints the lines that are missing.
//! Then `chat-server openapi > docs/openapi.json`.

mod asyncapi;
mod canonical;
mod older;
mod operation;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use self::operation::Operation;

/// The version of the API, not of this program: the path has it too.
const VERSION: &str = "1";

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> Value {
    let mut generator = generator();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let described = operation.describe(&mut generator);
        let path = paths
            .entry(operation.path.clone())
            .or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    sort(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ChatCluster",
            "version": VERSION,
            "description": "The canonical REST API. Errors are application/problem+json with a stable `code`.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": schemas,
        },
    })
}

/// The AsyncAPI 3 document.
#[must_use]
pub fn asyncapi() -> Value {
    asyncapi::document(&mut generator(), VERSION)
}

fn operations() -> Vec<Operation> {
    let mut all = canonical::operations();
    all.extend(older::operations());
    all
}

/// Definitions stand where both kinds of document look for them.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator()
}

/// Every error's body (RFC 9457 and what older clients read).
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code", "message", "statusCode"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "instance": {"type": "string"},
            "code": {"type": "string", "description": "Stable; what programs decide by."},
            "message": {"type": "string"}, "statusCode": {"type": "integer"},
            "errors": {"type": "array", "items": {"type": "object", "properties": {
                "path": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}}}},
            "retryAfter": {"type": "integer", "description": "Seconds."},
        },
    })
}

fn sort(paths: &mut Map<String, Value>) {
    let mut sorted: Vec<_> = std::mem::take(paths).into_iter().collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    paths.extend(sorted);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The routes that the router has, by what it says of itself: there is no other way to ask it.
    fn routed() -> BTreeSet<(String, String)> {
        let said = format!(
            "{:?}{:?}",
            crate::routes::router(),
            crate::routes::uploads()
        );
        let mut routes = BTreeSet::new();
        // Each router numbers its own routes from the start.
        for router in said.split("Router { path_router:").skip(1) {
            let routes_alone = router.split("fallback_router:").next().unwrap();
            let (mut methods, mut paths) = (BTreeMap::new(), BTreeMap::new());
            for part in routes_alone.split("RouteId(").skip(1) {
                let Some((id, rest)) = part.split_once(')') else {
                    continue;
                };
                if let Some(path) = rest.strip_prefix(": \"") {
                    paths.insert(id, path.split('"').next().unwrap());
                } else if let Some((_, allowed)) = rest.split_once("allow_header: Bytes(b\"") {
                    methods.insert(id, allowed.split('"').next().unwrap());
                }
            }
            for (id, path) in paths {
                for method in methods.get(id).into_iter().flat_map(|list| list.split(',')) {
                    if method != "HEAD" {
                        routes.insert((method.to_owned(), path.to_owned()));
                    }
                }
            }
        }
        routes
    }

    #[test]
    fn every_route_is_documented_and_nothing_else_is() {
        let routed = routed();
        assert!(
            routed.len() > 90,
            "the router says nothing of itself any more: {routed:?}"
        );
        let documented: BTreeSet<(String, String)> = operations()
            .into_iter()
            .map(|operation| (operation.method.to_owned(), operation.path))
            .collect();
        let lines: Vec<String> = routed
            .difference(&documented)
            .map(|(method, path)| format!("{}(\"{path}\", \"\"),", method.to_lowercase()))
            .collect();
        assert!(lines.is_empty(), "add to the table:\n{}", lines.join("\n"));
        let gone: Vec<_> = documented.difference(&routed).collect();
        assert!(gone.is_empty(), "documented, but not there: {gone:?}");
    }

    /// With `WRITE_API_DOCS` set it writes them instead.
    #[test]
    fn the_committed_documents_are_what_this_program_prints() {
        for (name, document) in [("openapi", openapi()), ("asyncapi", asyncapi())] {
            let path = format!("../docs/{name}.json");
            let printed = format!("{document:#}\n");
            if std::env::var_os("WRITE_API_DOCS").is_some() {
                std::fs::write(&path, &printed).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap();
            assert!(
                committed == printed,
                "docs/{name}.json is out of date: chat-server {name} > docs/{name}.json"
            );
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for document in [openapi(), asyncapi()] {
            let mut references = Vec::new();
            collect(&document, &mut references);
            assert!(!references.is_empty());
            for reference in references {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(target) if name == "$ref" => references.push(target.clone()),
                        other => collect(other, references),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
            _ => {}
        }
    }

    #[test]
    fn every_event_of_the_table_is_in_the_document() {
        let text = asyncapi().to_string();
        for name in [
            "message.send",
            "session.resume",
            "message.delivered",
            "draft.updated",
            "session.ready",
        ] {
            assert!(text.contains(&format!("\"name\":\"{name}\"")), "{name}");
        }
    }
}
