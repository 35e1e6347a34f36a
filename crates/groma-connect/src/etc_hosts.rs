//! `/etc/hosts`: addresses and names of machines.
//!
//! Hears machines with an address each, the first IPv4 one, and their full names. A name loses its domain, unless it
//! is there in several domains. Needs the file.
//! It cannot know whether a name is a machine or something that one offers; further names of a line say nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use groma_model::{Observation, Problem, Timestamp};

use crate::{Heard, Importer, Input, Takes, host_name, lines};

/// Reads files of hosts.
pub(crate) static IMPORTER: Importer = Importer {
    name: "hosts",
    doc: "Files in the form of /etc/hosts.",
    takes: Takes::File,
    recognises: |path: &Path, first| {
        let is_named = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.contains("hosts"));
        let text = String::from_utf8_lossy(first);
        let first = text.lines().map(without_comment).find(|line| !line.is_empty());
        is_named
            && first.is_some_and(|line| {
                let mut words = line.split_whitespace();
                words.next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok())
                    && words.next().is_some_and(|name| !name.contains('='))
            })
    },
    decode,
};

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or(line).trim()
}

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut heard = Heard::default();
    let mut named: Vec<(String, IpAddr)> = Vec::new();
    for path in &input.paths {
        let mut lines = match lines::open(path) {
            Ok(lines) => lines,
            Err(problem) => return sink(problem.into()),
        };
        while let Some(line) = lines.next_line() {
            let number = line.number;
            let text = match line.text {
                Ok(text) => without_comment(text).to_owned(),
                Err(problem) => {
                    heard.problems.push(problem);
                    continue;
                }
            };
            if text.is_empty() {
                continue;
            }
            let place = lines.place(number);
            match line_of(&text) {
                Ok(None) => {}
                Ok(Some((ip, name))) => named.push((name.to_owned(), ip)),
                Err(reason) => heard.problems.push(Problem::new(place, &text, reason)),
            }
        }
    }
    for (key, (ip, fqdn)) in hosts(&named) {
        heard.observations.push(
            Observation::new("compute.host", key, observed_at)
                .with("address", ip.to_string())
                .with_some("fqdn", fqdn),
        );
    }
    sink(heard);
}

/// By key the address and the full name. A line with the short name is about the only one that has it.
fn hosts(named: &[(String, IpAddr)]) -> BTreeMap<&str, (IpAddr, Option<&str>)> {
    let keys = host_name::keys(named.iter().filter_map(|(name, _)| host_name::full(name)));
    let mut hosts: BTreeMap<&str, (IpAddr, Option<&str>)> = BTreeMap::new();
    for (name, ip) in named {
        let key = keys.get(name.as_str()).copied().unwrap_or(name);
        let (address, fqdn) = hosts.entry(key).or_insert((*ip, None));
        *fqdn = fqdn.or(host_name::full(name));
        if address.is_ipv6() && ip.is_ipv4() {
            *address = *ip;
        }
    }
    hosts
}

/// Address and first name; `None`: the line is about this machine or a group of machines.
fn line_of(text: &str) -> Result<Option<(IpAddr, &str)>, &'static str> {
    let mut words = text.split_whitespace();
    // `fe80::1%eth0` has the interface behind.
    let ip =
        words.next().and_then(|ip| ip.split('%').next()).and_then(|ip| ip.parse::<IpAddr>().ok());
    let (ip, name) = (
        ip.ok_or("it does not begin with an address")?,
        words.next().ok_or("the address has no name")?,
    );
    let is_own =
        ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || name.starts_with("ip6-");
    Ok((!is_own).then_some((ip, name)))
}
