//! The wire as clients see it: psql, and a driver.

mod driver;
mod import;
mod limits;
mod psql;
mod served;
