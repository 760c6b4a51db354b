//! The adapters to Postgres, RabbitMQ and Redis. What a rule says lives above; what a backend needs lives here.

pub mod config;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;
