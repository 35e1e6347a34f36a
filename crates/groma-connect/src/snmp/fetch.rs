//! Walks the tables that are read, with bulk requests.

use std::time::{Duration, Instant};

use groma_model::{Problem, Timestamp};
use snmp2::{Error, Oid, SyncSession};

use super::walk::{self, VALUES_MAX, Value};
use super::{Access, Agent, IMPORTER};
use crate::live::{FetchError, Live, Recording};

/// What is walked, in this order.
const ROOTS: [&str; 13] = [
    "1.3.6.1.2.1.1",
    "1.3.6.1.2.1.2.2.1",
    "1.3.6.1.2.1.31.1",
    "1.2.840.10006.300.43.1.2.1.1.13",
    "1.3.6.1.2.1.4.20.1",
    "1.3.6.1.2.1.4.22.1.2",
    "1.3.6.1.2.1.4.34.1",
    "1.3.6.1.2.1.4.35.1.4",
    "1.3.6.1.2.1.17.1",
    "1.3.6.1.2.1.17.2",
    "1.3.6.1.2.1.17.4.3",
    "1.3.6.1.2.1.17.7.1",
    "1.3.6.1.2.1.47.1.1.1.1",
];
/// LLDP-MIB stands in another tree.
const LLDP: &str = "1.0.8802.1.1.2.1";
/// Values of one request.
const REPETITIONS: u32 = 25;
/// How long an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// How often a request is sent.
const TRIES_MAX: u32 = 4;
/// Longest time for all.
const FETCH_TIME_MAX: Duration = Duration::from_secs(600);

/// One value as it came: its identifier, itself, and the number of its type.
type Bind = (Vec<u64>, Value, &'static str);

pub(super) fn fetch(agent: &Agent, now: Timestamp) -> Result<Recording, FetchError> {
    let failed =
        |reason: String| FetchError::Failed { what: agent.name.clone(), reason, retry_after: None };
    let mut recording = Recording::new(&agent.name, agent.source(), &IMPORTER, now);
    let mut session = open(agent)?;
    let deadline = Instant::now() + FETCH_TIME_MAX;
    let (mut text, mut values) = (Vec::new(), 0);
    for root in ROOTS.iter().chain([&LLDP]) {
        match walk_root(&mut session, root, deadline, &mut text, &mut values) {
            Ok(()) => {}
            Err(error) if values == 0 => return Err(refusal(agent, &error)),
            Err(error) => {
                let reason = format!("the walk broke off: {}", shown(&error));
                recording.lack(Problem::new(format!("{} {root}", agent.name), "", reason));
                if error == Error::Receive {
                    break; // It went away; the other tables would each be waited for.
                }
            }
        }
        if values >= VALUES_MAX {
            let reason = format!("it has more than {VALUES_MAX} values");
            recording.lack(Problem::new(&*agent.name, "", reason));
            break;
        }
        if Instant::now() > deadline {
            let reason = format!("it took longer than {} s", FETCH_TIME_MAX.as_secs());
            recording.lack(Problem::new(&*agent.name, "", reason));
            break;
        }
    }
    if values == 0 {
        return Err(failed("it tells nothing of itself".into()));
    }
    let file: String = agent
        .host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    match recording.add(format!("{file}.snmprec"), text) {
        true => Ok(recording),
        false => Err(FetchError::TooLarge { what: agent.name.clone() }),
    }
}

fn open(agent: &Agent) -> Result<SyncSession, FetchError> {
    let failed =
        |reason: String| FetchError::Failed { what: agent.name.clone(), reason, retry_after: None };
    let time = Some(ANSWER_TIME_MAX);
    match &agent.access {
        Access::Community(community) => {
            SyncSession::new_v2c(&*agent.address, community.expose().as_bytes(), time, 1)
                .map_err(|error| failed(error.to_string()))
        }
        Access::User(security) => {
            let mut session = SyncSession::new_v3(&*agent.address, time, 1, (**security).clone())
                .map_err(|error| failed(error.to_string()))?;
            for _ in 1..TRIES_MAX {
                match session.init() {
                    Ok(()) => return Ok(session),
                    Err(Error::Receive) => {}
                    Err(error) => return Err(refusal(agent, &error)),
                }
            }
            Err(refusal(agent, &Error::Receive))
        }
    }
}

/// Why nothing was told. An agent does not answer a wrong community, so silence has two readings.
fn refusal(agent: &Agent, error: &Error) -> FetchError {
    let what = agent.name.clone();
    match error {
        Error::AuthFailure(_) | Error::Crypto(_) | Error::CommunityMismatch => FetchError::Refused {
            what,
            reason: shown(error),
            hint: "Check the user, the passwords and the protocols; the device must know the same.".into(),
        },
        Error::Receive if matches!(agent.access, Access::Community(_)) => FetchError::Failed {
            what,
            reason: "no answer; a wrong community is not answered either".into(),
            retry_after: None,
        },
        error => FetchError::Failed { what, reason: shown(error), retry_after: None },
    }
}

fn shown(error: &Error) -> String {
    match error {
        Error::Receive => "no answer".into(),
        other => other.to_string(),
    }
}

/// Writes all values below a root. Ends where the agent leaves it, or does not go on.
fn walk_root(
    session: &mut SyncSession,
    root: &str,
    deadline: Instant,
    out: &mut Vec<u8>,
    values: &mut usize,
) -> Result<(), Error> {
    let root: Vec<u64> = root.split('.').filter_map(|part| part.parse().ok()).collect();
    let mut last = root.clone();
    while *values < VALUES_MAX && Instant::now() < deadline {
        let binds = next_values(session, &last)?;
        if binds.is_empty() {
            return Ok(());
        }
        for (oid, value, kind) in binds {
            if !oid.starts_with(&root) || oid <= last {
                return Ok(());
            }
            let text = oid.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
            walk::write(out, &text, &value, kind);
            *values += 1;
            last = oid;
        }
    }
    Ok(())
}

/// The values behind an identifier; none at the end of all. Asks again where no answer comes.
fn next_values(session: &mut SyncSession, last: &[u64]) -> Result<Vec<Bind>, Error> {
    let oid = Oid::from(last).map_err(|_| Error::AsnParse)?;
    let mut tries = 0;
    loop {
        tries += 1;
        match session.getbulk(&[&oid], 0, REPETITIONS) {
            Ok(answer) => return Ok(binds(answer)),
            // A late answer to an earlier try, or a clock that was not known yet: the next one is right.
            Err(Error::Receive | Error::AuthUpdated | Error::RequestIdMismatch)
                if tries < TRIES_MAX => {}
            Err(error) => return Err(error),
        }
    }
}

fn binds(answer: snmp2::Pdu<'_>) -> Vec<Bind> {
    let mut binds = Vec::new();
    for (oid, value) in answer.varbinds {
        let Some(oid) = oid.iter().map(Iterator::collect::<Vec<u64>>) else { continue };
        let (value, kind) = match value {
            snmp2::Value::Integer(number) => (Value::Integer(number), "2"),
            snmp2::Value::OctetString(bytes) => (Value::Bytes(bytes.to_vec()), "4"),
            snmp2::Value::ObjectIdentifier(oid) => {
                let parts =
                    oid.iter().into_iter().flatten().filter_map(|part| u32::try_from(part).ok());
                (Value::Oid(parts.collect()), "6")
            }
            snmp2::Value::IpAddress(bytes) => (Value::Ip(bytes.into()), "64"),
            snmp2::Value::Counter32(number) => (Value::Integer(number.into()), "65"),
            snmp2::Value::Unsigned32(number) => (Value::Integer(number.into()), "66"),
            snmp2::Value::Timeticks(number) => (Value::Integer(number.into()), "67"),
            snmp2::Value::Counter64(number) => {
                (Value::Integer(number.try_into().unwrap_or(i64::MAX)), "70")
            }
            snmp2::Value::Opaque(bytes) => (Value::Bytes(bytes.to_vec()), "68"),
            snmp2::Value::EndOfMibView => return binds,
            _ => continue,
        };
        binds.push((oid, value, kind));
    }
    binds
}
