//! The store from outside: databases, laws, faults, checks.

mod check;
mod faulty;
mod laws;
mod made;
mod world;
