//! What is asked: databases, tables and functions on the SQL engine.
