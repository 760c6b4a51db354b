//! The adapters to Postgres, RabbitMQ, Redis and the store of files. What a rule says lives above; what a backend needs lives here.

pub mod config;
pub mod objects;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;
pub mod tls;
