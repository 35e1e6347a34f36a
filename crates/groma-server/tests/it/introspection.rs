//! What tools ask of PostgreSQL's own tables before their user asks anything: psql's backslash
//! commands, SQLAlchemy's reflection, pandas, and the questions of JDBC drivers and of Grafana.

use std::process::Command;

use crate::psql::psql;
use crate::served::Served;

/// Commands of psql that describe, each with something that its answer holds.
const DESCRIBES: [(&str, &str); 31] = [
    ("\\l", "live|groma|UTF8"),
    ("\\l+", "live|groma|UTF8"),
    ("\\dn+", "service|groma"),
    ("\\dt service.*", "service|farm|table|groma"),
    ("\\dt+ service.*", "A group of routers or multiplexers"),
    ("\\d service.instance", "\"instance_pkey\" PRIMARY KEY, btree (id)"),
    ("\\d service.instance", "FOREIGN KEY (farm) REFERENCES service.farm(id)"),
    ("\\d+ service.farm", "Largest load of a member"),
    ("\\d model.facts", "observed_at|timestamp with time zone"),
    ("\\du", "groma|Superuser"),
    ("\\du", "reader|Cannot login"),
    ("\\dO", "Schema|Name|Collate"),
    ("\\dOS", "pg_catalog|C|C|C"),
    ("\\df path", "public|path|TABLE("),
    ("\\df+ path", "from, to"),
    ("\\sf path", "path(from, to"),
    ("\\dT", ""),
    ("\\dp service.farm", "service|farm|table"),
    ("\\z service.farm", "service|farm|table"),
    ("\\di service.*", "service|farm_pkey|index|groma|farm"),
    ("\\dv", ""),
    ("\\dm", ""),
    ("\\ds", ""),
    ("\\dx", ""),
    ("\\db", "pg_default|groma"),
    ("\\dC", ""),
    ("\\dD", ""),
    ("\\dL", ""),
    ("\\dRp", ""),
    ("\\drds", ""),
    ("\\dconfig", ""),
];

#[test]
fn psql_describes_everything() {
    let served = Served::world();
    for (command, expected) in DESCRIBES {
        let Some(text) = psql(&served, "live", &["\\t off", command]) else { return };
        assert!(!text.contains("ERROR") && text.contains(expected), "{command}: {text}");
    }
}

#[test]
fn psql_lists_the_users_with_what_they_may() {
    let served = Served::world();
    served.run(async |served| {
        let client = served.client("live").await;
        let users = "CREATE ROLE olaf LOGIN PASSWORD 'olafolaf' IN ROLE operator";
        client.batch_execute(users).await.unwrap();
        let roles = client
            .query_one(
                "SELECT rolcanlogin, rolcreatedb, rolcreaterole, rolsuper, oid::regrole::text \
                 FROM pg_roles WHERE rolname = 'olaf'",
                &[],
            )
            .await
            .unwrap();
        let truths = [0, 1, 2, 3].map(|column| roles.get::<_, bool>(column));
        assert_eq!((truths, roles.get(4)), ([true, true, false, false], "olaf"));
        let member = client
            .query_one(
                "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member \
                 JOIN pg_roles r ON r.oid = m.roleid WHERE u.rolname = 'olaf'",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(member.get::<_, &str>(0), "operator");
    });
}

/// What pgjdbc sends for `getTables` and `getColumns`, and Grafana for its query builder.
const TOOLS_ASK: [(&str, &str); 10] = [
    (
        "SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, \
         CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' \
         WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' ELSE NULL END ELSE NULL END AS TABLE_TYPE, \
         d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c \
         LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 \
         AND d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid \
         AND n.nspname LIKE 'service' AND (c.relkind = 'r') ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME",
        "|service|farm|TABLE|A group of routers",
    ),
    (
        "SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR \
         (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, t.typtypmod, \
         row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, \
         nullif(a.attidentity, '') AS attidentity, nullif(a.attgenerated, '') AS attgenerated, \
         pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typbasetype, t.typtype \
         FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) \
         JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) \
         JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) \
         LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) \
         LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) \
         WHERE c.relkind IN ('r','p','v','f','m') AND a.attnum > 0 AND NOT a.attisdropped \
         AND n.nspname LIKE 'service' AND c.relname LIKE 'farm') c WHERE true ORDER BY nspname, c.relname, attnum",
        "service|farm|id|25|t|",
    ),
    (
        "SELECT quote_ident(table_name) FROM information_schema.tables \
         WHERE quote_ident(table_schema) = 'service' ORDER BY table_name",
        "farm",
    ),
    (
        "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\" FROM information_schema.columns \
         WHERE quote_ident(table_schema) = 'service' AND quote_ident(table_name) = 'farm'",
        "load_cap|double precision",
    ),
    (
        "SELECT k.column_name, t.constraint_type FROM information_schema.table_constraints t \
         JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name) \
         WHERE k.table_schema = 'service' AND k.table_name = 'instance' ORDER BY 1",
        "farm|FOREIGN KEY",
    ),
    // Functions by number, as Npgsql looks for types that are lists, and by name.
    (
        "SELECT t.typname, p.proname, named.proname FROM pg_type t \
         LEFT JOIN pg_proc p ON p.oid = t.typreceive JOIN pg_proc named ON named.proname = t.typreceive \
         WHERE t.typinput = 'pg_catalog.array_in'::regproc AND t.typname = '_int8'",
        "_int8|array_recv|array_recv",
    ),
    // Columns of one name, as pgjdbc's getProcedures has them.
    ("SELECT NULL, NULL, n.nspname FROM pg_namespace n WHERE nspname = 'service'", "||service"),
    // Indexes as DBeaver lists them.
    (
        "SELECT i.*, i.indkey AS keys, c.relname, pg_catalog.pg_relation_size(i.indexrelid), \
         pg_catalog.pg_stat_get_numscans(i.indexrelid) FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'service.farm'::regclass",
        "farm_pkey",
    ),
    // getPrimaryKeys of pgjdbc 42.7.
    (
        "SELECT result.TABLE_CAT, result.TABLE_SCHEM, result.TABLE_NAME, result.COLUMN_NAME, \
         result.KEY_SEQ, result.PK_NAME FROM (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, \
         ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, \
         (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, \
         information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM \
         FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) \
         JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) \
         JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) \
         JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true \
         AND n.nspname = 'service' AND ct.relname = 'farm' AND i.indisprimary) result \
         WHERE result.A_ATTNUM = (result.KEYS).x \
         ORDER BY result.table_name, result.pk_name, result.key_seq",
        "|service|farm|id|1|farm_pkey\n",
    ),
    // The same of pgjdbc before 42.2.
    (
        "SELECT ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, \
         (i.keys).n AS KEY_SEQ, ci.relname AS PK_NAME FROM pg_catalog.pg_class ct \
         JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) \
         JOIN (SELECT i.indexrelid, i.indrelid, i.indisprimary, \
         information_schema._pg_expandarray(i.indkey) AS keys FROM pg_catalog.pg_index i) i \
         ON (a.attnum = (i.keys).x AND a.attrelid = i.indrelid) \
         JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) \
         WHERE i.indisprimary AND ct.relname = 'farm'",
        "farm|id|1|farm_pkey\n",
    ),
];

#[test]
fn jdbc_and_grafana_find_tables_and_columns() {
    let served = Served::world();
    for (question, expected) in TOOLS_ASK {
        let Some(text) = psql(&served, "live", &[question]) else { return };
        assert!(!text.contains("ERROR") && text.contains(expected), "{question}: {text}");
    }
}

#[test]
fn sqlalchemy_reflects_the_model_and_pandas_reads_it() {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        eprintln!("skipped: GROMA_TEST_PYTHON does not name a Python");
        return;
    };
    let served = Served::world();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/introspection.py");
    let output =
        Command::new(python).args([script, &served.address.port().to_string()]).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{text}");
}
