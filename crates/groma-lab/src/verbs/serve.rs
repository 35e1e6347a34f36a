//! `groma-lab serve`

use std::net::SocketAddr;

use super::say;
use crate::{Flags, LISTENING, Service};

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;
    let ready = |address: SocketAddr| {
        let _nobody_reads = say(&format!("{LISTENING}{}\n", address.port()));
    };
    crate::serve(service, ready).map_err(|error| format!("cannot serve: {error}"))
}
