//! `groma user`: who may come in.

use std::io::{self, IsTerminal as _, Read as _};

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use groma_server::new_password;

use super::{Answered, Groma, remark};
use crate::ask::{identifier, literal};

/// Add, list and drop users and their tokens
///
/// As soon as there is a user, everybody is asked for a password, this machine's own users too; only
/// who may read the data folder, as these verbs do, comes in without one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: CREATE ROLE name LOGIN PASSWORD '...' IN ROLE reader; ALTER ROLE; DROP \
    ROLE; GRANT; REVOKE; SELECT * FROM model.users"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a user. The password comes from stdin; on a terminal one is made and shown
    Add {
        /// Name of the user
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Give a user a new password: from stdin; on a terminal one is made and shown
    Password {
        /// Name of the user
        name: String,
    },
    /// List the users
    List,
    /// Drop a user, with its tokens
    Drop {
        /// Name of the user
        name: String,
    },
    /// Make a token for the HTTP door; it is shown this once
    Token {
        /// Name of the user
        name: String,
        /// How long it lives, such as 8h or 30d
        #[arg(long = "for", value_name = "TIME", default_value = "30d")]
        life: String,
        /// What it may do at most. Default: all that the user may
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
    /// List the tokens
    Tokens,
    /// End a token
    DropToken {
        /// Its id, as `groma user tokens` lists it
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Reads
    Reader,
    /// Writes, imports, forks and merges as well
    Operator,
    /// Users, schema and drops as well
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let sql = match &args.what {
        What::Add { name, role } => {
            let password = literal(&password(groma)?);
            let role = role.name();
            format!("CREATE ROLE {} LOGIN PASSWORD {password} IN ROLE {role}", identifier(name))
        }
        What::Password { name } => {
            format!("ALTER ROLE {} PASSWORD {}", identifier(name), literal(&password(groma)?))
        }
        What::List => "SELECT * FROM model.users ORDER BY name".to_owned(),
        What::Drop { name } => format!("DROP ROLE {}", identifier(name)),
        What::Token { name, life, role } => {
            let role = role.map(|role| format!(", {}", literal(role.name()))).unwrap_or_default();
            format!("SELECT * FROM create_token({}, {}{role})", literal(name), literal(life))
        }
        What::Tokens => "SELECT * FROM model.tokens".to_owned(),
        What::DropToken { id } => format!("SELECT * FROM drop_token({})", literal(id)),
    };
    groma.print("live", &sql)?;
    Ok(Answered::Well)
}

/// From a pipe, without its end of line; on a terminal a new one, which is told.
fn password(groma: &Groma) -> Result<String> {
    if groma.explain_sql {
        return Ok("...".to_owned());
    }
    if io::stdin().is_terminal() {
        let password = new_password();
        remark(&format!("password: {password}"));
        return Ok(password);
    }
    let mut password = String::new();
    io::stdin().take(4096).read_to_string(&mut password).context("reading the password")?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}
