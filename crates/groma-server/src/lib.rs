//! The loop and the doors: durable log, PostgreSQL wire.
