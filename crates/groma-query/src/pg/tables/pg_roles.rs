//! Who there is: the owner of everything, the roles that can be granted, and the users.

use super::PgTable;
use crate::Role;
use crate::pg::OWNER;
use crate::pg::relations::{OWNER_OID, role_oid};
use crate::table::Cell::{Boolean, Integer, Null, Text, Time};
use crate::table::Type;

pub(super) static TABLE: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_roles",
    columns: &[
        ("oid", Type::Integer, Null),
        ("rolname", Type::Text, Null),
        ("rolsuper", Type::Boolean, Boolean(false)),
        ("rolinherit", Type::Boolean, Boolean(true)),
        ("rolcreaterole", Type::Boolean, Boolean(false)),
        ("rolcreatedb", Type::Boolean, Boolean(false)),
        ("rolcanlogin", Type::Boolean, Boolean(false)),
        ("rolreplication", Type::Boolean, Boolean(false)),
        ("rolconnlimit", Type::Integer, Integer(-1)),
        ("rolpassword", Type::Text, Null),
        ("rolvaliduntil", Type::Time, Null),
        ("rolbypassrls", Type::Boolean, Boolean(false)),
        ("rolconfig", Type::Texts, Null),
    ],
    rows: |relations, rows| {
        rows.push([
            ("oid", Integer(OWNER_OID)),
            ("rolname", Text(OWNER)),
            ("rolsuper", Boolean(true)),
            ("rolcreaterole", Boolean(true)),
            ("rolcreatedb", Boolean(true)),
            ("rolcanlogin", Boolean(true)),
            ("rolbypassrls", Boolean(true)),
        ])?;
        for role in Role::ALL {
            rows.push([
                ("oid", Integer(role_oid(role.name()))),
                ("rolname", Text(role.name())),
                ("rolcreaterole", Boolean(role >= Role::Admin)),
                ("rolcreatedb", Boolean(role >= Role::Operator)),
            ])?;
        }
        relations.users().iter().try_for_each(|user| {
            let largest = user.roles.iter().max().copied();
            rows.push([
                ("oid", Integer(role_oid(&user.name))),
                ("rolname", Text(&user.name)),
                ("rolcreaterole", Boolean(largest >= Some(Role::Admin))),
                ("rolcreatedb", Boolean(largest >= Some(Role::Operator))),
                ("rolcanlogin", Boolean(user.login)),
                ("rolvaliduntil", user.valid_until.map_or(Null, Time)),
            ])
        })
    },
};

/// Which roles the users were granted.
pub(super) static MEMBERS: PgTable = PgTable {
    schema: "pg_catalog",
    name: "pg_auth_members",
    columns: &[
        ("roleid", Type::Integer, Null),
        ("member", Type::Integer, Null),
        ("grantor", Type::Integer, Integer(OWNER_OID)),
        ("admin_option", Type::Boolean, Boolean(false)),
        ("inherit_option", Type::Boolean, Boolean(true)),
        ("set_option", Type::Boolean, Boolean(false)),
    ],
    rows: |relations, rows| {
        relations.users().iter().try_for_each(|user| {
            user.roles.iter().try_for_each(|role| {
                rows.push([
                    ("roleid", Integer(role_oid(role.name()))),
                    ("member", Integer(role_oid(&user.name))),
                ])
            })
        })
    },
};
