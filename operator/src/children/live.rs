//! A live object as the API server told it: its text, and the few metadata that say which one it is. Most news is of the
//! operator's own writes and is dropped unread, so the rest is taken apart by those only who look at it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;
use serde_json::value::RawValue;

/// A live object that nobody has looked into.
#[derive(Clone)]
pub struct LiveObject {
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

impl LiveObject {
    /// All of it.
    #[must_use]
    pub fn read(&self) -> Value {
        // That it is JSON was found when it came.
        serde_json::from_str(self.text.get()).unwrap_or_default()
    }
}

// Some are Secrets.
impl fmt::Debug for LiveObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LiveObject")
            .field("namespace", &self.metadata.namespace)
            .field("name", &self.metadata.name)
            .finish_non_exhaustive()
    }
}

#[derive(serde::Deserialize)]
struct Head {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

impl<'de> Deserialize<'de> for LiveObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Head { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let metadata = ObjectMeta {
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            labels: metadata.labels,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, text })
    }
}

impl Resource for LiveObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};
    use serde_json::json;

    use super::*;

    fn given() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "namespace": "chat", "name": "demo", "uid": "u1", "resourceVersion": "10",
                "labels": {"a": "b"}, "managedFields": [{"manager": "m"}],
            },
            "data": {"password": "s3cret"},
        })
    }

    fn is_given(object: &LiveObject) {
        let meta = object.meta();
        assert_eq!(meta.name.as_deref(), Some("demo"));
        assert_eq!(meta.resource_version.as_deref(), Some("10"));
        assert_eq!(object.read(), given());
        assert!(!format!("{object:?}").contains("s3cret"));
    }

    #[test]
    fn an_object_comes_whole_out_of_answers_lists_and_watches() {
        is_given(&serde_json::from_str(&given().to_string()).unwrap());
        let list =
            json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": [given()]});
        let list: ObjectList<LiveObject> = serde_json::from_str(&list.to_string()).unwrap();
        is_given(&list.items[0]);
        let event = format!(r#"{{"type":"ADDED","object":{}}}"#, given());
        match serde_json::from_str(&event).unwrap() {
            WatchEvent::Added(object) => is_given(&object),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for text in ["1", r#"{"metadata": 1}"#, r#"{"metadata": {"name": {}}}"#] {
            assert!(serde_json::from_str::<LiveObject>(text).is_err(), "{text}");
        }
    }
}
