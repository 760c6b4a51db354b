//! One line of the tables: what a route takes and answers.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

type Describe = fn(&mut SchemaGenerator) -> Schema;

/// A route.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: String,
    summary: &'static str,
    query: Vec<&'static str>,
    body: Option<Describe>,
    is_upload: bool,
    answer: Answer,
    is_public: bool,
}

enum Answer {
    /// An answer without a body.
    Nothing(u16),
    /// JSON of which only the summary tells.
    Some(u16),
    /// JSON of this type.
    Of(u16, Describe),
    /// A list of these, with a cursor.
    List(Describe),
    /// Bytes or a page.
    Other(&'static str),
}

pub(super) fn get(path: &str, summary: &'static str) -> Operation {
    Operation::new("GET", path, summary)
}

pub(super) fn post(path: &str, summary: &'static str) -> Operation {
    Operation::new("POST", path, summary)
}

pub(super) fn put(path: &str, summary: &'static str) -> Operation {
    Operation::new("PUT", path, summary)
}

pub(super) fn patch(path: &str, summary: &'static str) -> Operation {
    Operation::new("PATCH", path, summary)
}

pub(super) fn delete(path: &str, summary: &'static str) -> Operation {
    Operation::new("DELETE", path, summary).nothing(204)
}

impl Operation {
    fn new(method: &'static str, path: &str, summary: &'static str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            summary,
            query: Vec::new(),
            body: None,
            is_upload: false,
            answer: Answer::Some(200),
            is_public: false,
        }
    }

    /// The parameters of the query.
    pub(super) fn query(mut self, names: &[&'static str]) -> Self {
        self.query.extend_from_slice(names);
        self
    }

    /// The JSON body.
    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// A form with a part called `file`.
    pub(super) fn uploads(mut self) -> Self {
        self.is_upload = true;
        self
    }

    /// JSON of this type.
    pub(super) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answer = Answer::Of(status, SchemaGenerator::subschema_for::<T>);
        self
    }

    /// JSON of which the summary tells.
    pub(super) fn some(mut self, status: u16) -> Self {
        self.answer = Answer::Some(status);
        self
    }

    /// `{data:[…], nextCursor}`.
    pub(super) fn lists<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::List(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// No body.
    pub(super) fn nothing(mut self, status: u16) -> Self {
        self.answer = Answer::Nothing(status);
        self
    }

    /// Another media type than JSON.
    pub(super) fn other(mut self, media_type: &'static str) -> Self {
        self.answer = Answer::Other(media_type);
        self
    }

    /// No token is asked for.
    pub(super) fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// The operation as the document has it.
    pub(super) fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let in_path = self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| (name, "path", true));
        let in_query = self.query.iter().map(|name| (*name, "query", false));
        let parameters: Vec<Value> = in_path
            .chain(in_query)
            .map(|(name, place, required)| {
                json!({"name": name, "in": place, "required": required, "schema": {"type": "string"}})
            })
            .collect();
        let mut described = json!({
            "summary": self.summary,
            "parameters": parameters,
            "responses": self.responses(generator),
        });
        if let Some(body) = self.body {
            let schema = body(generator);
            described["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        if self.is_upload {
            let file = json!({"type": "string", "contentMediaType": "application/octet-stream"});
            let form =
                json!({"type": "object", "required": ["file"], "properties": {"file": file}});
            described["requestBody"] =
                json!({"required": true, "content": {"multipart/form-data": {"schema": form}}});
        }
        if self.is_public {
            described["security"] = json!([]);
        }
        described
    }

    fn responses(&self, generator: &mut SchemaGenerator) -> Value {
        let json_of = |schema: Value| json!({"application/json": {"schema": schema}});
        let (status, content) = match &self.answer {
            Answer::Nothing(status) => (*status, None),
            Answer::Some(status) => (*status, Some(json_of(json!({"type": "object"})))),
            Answer::Of(status, of) => (*status, Some(json_of(of(generator).to_value()))),
            Answer::List(of) => {
                let items = of(generator);
                let list = json!({
                    "type": "object", "required": ["data", "nextCursor"],
                    "properties": {
                        "data": {"type": "array", "items": items},
                        "nextCursor": {"type": ["string", "null"]},
                    },
                });
                (200, Some(json_of(list)))
            }
            Answer::Other(media_type) => {
                let mut content = Map::new();
                content.insert((*media_type).to_owned(), json!({}));
                (200, Some(Value::Object(content)))
            }
        };
        let mut success = json!({"description": "Done."});
        if let Some(content) = content {
            success["content"] = content;
        }
        let mut responses = Map::new();
        responses.insert(status.to_string(), success);
        responses.insert(
            "default".to_owned(),
            json!({
                "description": "Refused, or failed.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }),
        );
        Value::Object(responses)
    }
}
