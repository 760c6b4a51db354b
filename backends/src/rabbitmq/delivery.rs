//! A job as it comes from the broker, before it is believed.

use chat_core::job::{self, Job};
use chat_core::names;
use chat_core::signing::{KeyRing, SignatureError};
use lapin::BasicProperties;

use super::headers;

/// The broker's number of a delivery; it counts on its consumer's channel only.
pub type DeliveryTag = u64;

/// A delivered message with what its headers say; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The broker's number of this delivery on its consumer's channel, for the acknowledgement.
    pub tag: DeliveryTag,
    /// Whether the broker delivered it before, to anyone.
    pub redelivered: bool,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// The AMQP message id: the job's id.
    pub message_id: Option<String>,
    /// The AMQP priority.
    pub priority: u8,
    /// Id of the key that signed it.
    pub key_id: Option<String>,
    /// The signature, in hex.
    pub signature: Option<String>,
    /// How often it was tried before.
    pub attempt: u32,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The bytes that are signed.
    pub body: Vec<u8>,
}

/// Why a delivery is not a job.
#[derive(Debug, thiserror::Error)]
pub enum NotAJob {
    /// It carries no signature.
    #[error("the job is not signed")]
    Unsigned,
    /// Its signature is unknown or another's.
    #[error("the job's signature is not valid: {0}")]
    Signature(#[from] SignatureError),
    /// It is not JSON of the envelope's shape.
    #[error("the job can't be decoded: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It was made by a newer version.
    #[error("the job has version {0}, this worker knows version {known}", known = job::VERSION)]
    Version(u8),
}

impl Delivery {
    /// Verifies the signature and decodes the job; in that order, so that nothing unsigned is ever parsed.
    ///
    /// # Errors
    /// [`NotAJob`]: such a delivery belongs into the dead letter queue at once.
    pub fn job(&self, keys: &KeyRing) -> Result<Job, NotAJob> {
        let (Some(key_id), Some(signature)) = (&self.key_id, &self.signature) else {
            return Err(NotAJob::Unsigned);
        };
        keys.verify(&self.body, key_id, signature)?;
        let job: Job = serde_json::from_slice(&self.body)?;
        if job.v != job::VERSION {
            return Err(NotAJob::Version(job.v));
        }
        Ok(job)
    }
}

impl From<lapin::message::Delivery> for Delivery {
    fn from(message: lapin::message::Delivery) -> Self {
        let properties = &message.properties;
        Self {
            tag: message.delivery_tag,
            redelivered: message.redelivered,
            routing_key: message.routing_key.to_string(),
            message_id: properties.message_id().as_ref().map(ToString::to_string),
            priority: properties.priority().unwrap_or_default(),
            key_id: headers::text(properties, names::HEADER_KEY_ID),
            signature: headers::text(properties, names::HEADER_SIGNATURE),
            attempt: attempt(properties),
            traceparent: headers::text(properties, names::HEADER_TRACEPARENT),
            body: message.data,
        }
    }
}

/// How often a message was tried before; nonsense counts as never.
fn attempt(properties: &BasicProperties) -> u32 {
    headers::number(properties, names::HEADER_ATTEMPT)
        .and_then(|attempt| u32::try_from(attempt).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(body: &[u8], keys: &KeyRing) -> Delivery {
        let signature = keys.sign(body);
        Delivery {
            tag: 1,
            redelivered: false,
            routing_key: "high.0".into(),
            message_id: None,
            priority: 9,
            key_id: Some(signature.key_id),
            signature: Some(signature.hex),
            attempt: 0,
            traceparent: None,
            body: body.to_vec(),
        }
    }

    #[test]
    fn unsigned_forged_malformed_and_newer_jobs_are_told_apart() {
        let keys = KeyRing::parse("k1:0123456789abcdef").unwrap();
        let mut unsigned = delivery(b"{}", &keys);
        unsigned.signature = None;
        assert!(matches!(unsigned.job(&keys), Err(NotAJob::Unsigned)));

        let mut forged = delivery(b"{}", &keys);
        forged.body = b"{ }".to_vec();
        assert!(matches!(forged.job(&keys), Err(NotAJob::Signature(_))));

        assert!(matches!(
            delivery(b"{}", &keys).job(&keys),
            Err(NotAJob::Malformed(_))
        ));

        let newer = serde_json::json!({
            "jobId": "0190a5b4-0000-7000-8000-00000000abcd", "v": 99, "priority": 1, "roomId": null,
            "userId": "0190a5b4-0000-7000-8000-00000000abcd", "sessionId": null, "socketId": null,
            "gatewayId": "g", "createdAt": "2026-02-14T12:00:00.000Z",
            "type": "typing", "payload": {"isTyping": true}
        });
        let body = serde_json::to_vec(&newer).unwrap();
        assert!(matches!(
            delivery(&body, &keys).job(&keys),
            Err(NotAJob::Version(99))
        ));
    }
}
