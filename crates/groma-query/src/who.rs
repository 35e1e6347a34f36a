//! Who asks: the name, what it may do, and from where.

use std::fmt;
use std::str::FromStr;

use crate::QueryError;

/// What a user may do; each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Reader,
    /// Writes, imports, makes forks and merges them.
    Operator,
    /// Users, the schema, and whatever drops something.
    Admin,
}

impl Role {
    /// The smallest first.
    pub const ALL: [Role; 3] = [Role::Reader, Role::Operator, Role::Admin];

    /// As SQL names it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Role, QueryError> {
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            QueryError::new(QueryError::NO_ROLE, format!("there is no role \"{text}\""))
                .with_hint("The roles are reader, operator and admin.")
        })
    }
}

/// How somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds the data folder, or knows the secret that lies in it.
    Owner,
    /// There were no users, so that nobody was asked. Of no worth once there are some, but in the
    /// session that made them.
    Unasked,
    /// Its name stands in the list of users: what it may do is looked up there anew for every
    /// statement.
    Listed,
}

/// Who a session works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Name, as facts and the audit carry it.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// How it was let in.
    pub standing: Standing,
    /// Through which door it came: `wire`, `http` or `process`.
    pub door: &'static str,
    /// From which address; empty: from inside this process.
    pub client: String,
}

impl Who {
    /// This process itself, which holds the data folder and may do all.
    pub fn owner(name: impl Into<String>) -> Who {
        Who {
            name: name.into(),
            role: Role::Admin,
            standing: Standing::Owner,
            door: "process",
            client: String::new(),
        }
    }

    /// Refuses what needs a larger role.
    pub(crate) fn may(&self, needs: Role, what: &str) -> Result<(), QueryError> {
        if needs <= self.role {
            return Ok(());
        }
        let name = &self.name;
        Err(QueryError::new(
            QueryError::NOT_ALLOWED,
            format!("{what} needs the role {needs}, and \"{name}\" is {}", self.role),
        )
        .with_hint(format!("Ask an admin to GRANT {needs} TO \"{name}\".")))
    }
}
