//! What people type into psql. Skipped, and said so, where psql is not installed.

use std::process::Command;

use crate::served::Served;

/// What psql prints, unaligned and without a head; what it complains of comes behind.
pub(crate) fn psql(served: &Served, database: &str, commands: &[&str]) -> Option<String> {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-h", "127.0.0.1", "-U", "tester", "-d", database]);
    psql.args(["-p", &served.address.port().to_string()]);
    psql.env("LC_ALL", "C").env("PGCONNECT_TIMEOUT", "10");
    for command in commands {
        psql.args(["-c", command]);
    }
    match psql.output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some(String::from_utf8(text).unwrap())
        }
        Err(_) => {
            eprintln!("skipped: psql is not installed");
            None
        }
    }
}

#[test]
fn the_backslash_commands_list_databases_schemas_and_tables() {
    let served = Served::world();
    let Some(databases) = psql(&served, "live", &["CREATE DATABASE one TEMPLATE live", "\\l"])
    else {
        return;
    };
    for name in ["live|", "one|"] {
        assert!(databases.lines().any(|line| line.starts_with(name)), "{databases}");
    }
    let connected = psql(&served, "live", &["\\c one", "SELECT current_database()"]).unwrap();
    assert!(connected.ends_with("one\n"), "{connected}");
    let schemas = psql(&served, "live", &["\\dn"]).unwrap();
    for schema in ["model|", "network|", "service|", "trace|", "traffic|"] {
        assert!(schemas.lines().any(|line| line.starts_with(schema)), "{schemas}");
    }
    let tables = psql(&served, "live", &["\\dt service.*"]).unwrap();
    assert!(tables.contains("service|farm|"), "{tables}");
    let columns = psql(&served, "live", &["\\d service.farm"]).unwrap();
    for column in ["id|text", "balancing|text", "load_cap|double precision"] {
        assert!(columns.contains(column), "{columns}");
    }
}

#[test]
fn a_change_in_a_fork_is_seen_there_alone_and_one_query_sees_both() {
    let served = Served::world();
    let Some(tags) = psql(&served, "live", &["CREATE DATABASE near TEMPLATE live"]) else { return };
    assert_eq!(tags, "CREATE DATABASE\n");
    let update = "UPDATE service.farm SET balancing = 'nearest' WHERE id = 'orders'";
    assert_eq!(psql(&served, "near", &[update]).unwrap(), "UPDATE 1\n");
    let both = "SELECT l.id, l.balancing, n.balancing FROM live.service.farm l \
        JOIN near.service.farm n ON l.id = n.id ORDER BY 1";
    assert_eq!(
        psql(&served, "live", &[both]).unwrap(),
        "bills|round_robin|round_robin\norders|round_robin|nearest\n"
    );
    assert_eq!(psql(&served, "live", &["DROP DATABASE near"]).unwrap(), "DROP DATABASE\n");
    let gone = psql(&served, "near", &["SELECT 1"]).unwrap();
    assert!(gone.contains("FATAL") && gone.contains("near") && gone.contains("live"), "{gone}");
}

#[test]
fn a_correlated_subquery_is_not_null() {
    let served = Served::world();
    let counts = "SELECT id, (SELECT count(*) FROM service.instance i WHERE i.farm = f.id) \
        FROM service.farm f ORDER BY id";
    let Some(rows) = psql(&served, "live", &[counts]) else { return };
    assert_eq!(rows, "bills|1\norders|2\n");
}

#[test]
fn an_error_says_where_and_what_to_try_and_the_session_goes_on() {
    let served = Served::world();
    let Some(text) = psql(&served, "live", &["SELECT * FROM service.frm"]) else { return };
    assert!(text.starts_with("ERROR:") && text.contains("frm"), "{text}");
    assert!(text.contains("HINT:"), "{text}");
    let syntax = psql(&served, "live", &["SELECT FROM WHERE", "SELECT 1"]).unwrap();
    assert!(syntax.contains("ERROR:") && syntax.contains("1\n"), "{syntax}");
}

#[test]
fn rollback_after_a_write_warns_that_nothing_is_taken_back() {
    let served = Served::world();
    let script = "BEGIN; UPDATE service.farm SET balancing = 'nearest'; ROLLBACK";
    let Some(text) = psql(&served, "live", &[script]) else { return };
    assert!(text.contains("WARNING:  ROLLBACK takes nothing back"), "{text}");
}

#[test]
fn copy_goes_both_ways_through_files() {
    let served = Served::world();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("farms.csv");
    let shown = file.display();
    let out = format!(
        "\\copy (SELECT id || ' too', balancing FROM service.farm) TO '{shown}' CSV HEADER"
    );
    let Some(text) = psql(&served, "live", &[&out]) else { return };
    assert_eq!(text, "COPY 2\n");
    let back =
        format!("\\copy service.farm (id, balancing) FROM '{shown}' WITH (FORMAT csv, HEADER)");
    assert_eq!(psql(&served, "live", &[&back]).unwrap(), "COPY 2\n");
    let count = psql(&served, "live", &["SELECT count(*) FROM service.farm"]).unwrap();
    assert_eq!(count, "4\n");
    let again = psql(&served, "live", &[&back, "SELECT 1"]).unwrap();
    assert!(again.contains("is there already") && again.contains("line 2"), "{again}");
}

#[test]
fn without_a_database_psql_is_led_to_live() {
    let served = Served::world();
    let Some(text) = psql(&served, "tester", &["SELECT current_database()"]) else { return };
    assert!(text.contains("live\n") && text.contains("NOTICE:  there is no database"), "{text}");
    let list = psql(&served, "postgres", &["\\l"]).unwrap();
    assert!(list.lines().any(|line| line.starts_with("live|")), "{list}");
}

#[test]
fn the_statements_of_a_request_are_answered_one_by_one() {
    let served = Served::world();
    let Some(text) = psql(&served, "live", &["SELECT 1; SELECT nothing; SELECT 2"]) else { return };
    assert!(text.starts_with("1\nERROR:") || text.contains("1\n"), "{text}");
    assert!(!text.contains("2\n"), "{text}");
}
