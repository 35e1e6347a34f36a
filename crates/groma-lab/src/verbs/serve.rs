//! `groma-lab serve`

use std::net::SocketAddr;

use groma_lab::{Flags, LISTENING, Service};

use crate::say;

pub(crate) fn run(mut flags: Flags) -> Result<(), String> {
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;
    let ready = |address: SocketAddr| {
        let _nobody_reads = say(&format!("{LISTENING}{}\n", address.port()));
    };
    groma_lab::serve(service, ready).map_err(|error| format!("cannot serve: {error}"))
}
