//! Users as statements change and list them. Who keeps them, and their secrets, is behind [`Users`].

use std::fmt;
use std::time::Duration;

use groma_model::Timestamp;

use crate::{QueryError, Role};

/// Keeps who may come in. What a change reports is durable; no secret is ever given back but the
/// token that was just made.
pub trait Users: Send + Sync {
    /// All of them, by name.
    fn all(&self) -> Vec<User>;

    /// Whether there are none, so that nobody can be asked who it is.
    fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// What a user may do now. `None`: there is none of this name, or it may do nothing.
    fn role(&self, name: &str) -> Option<Role>;

    /// Carries out a change, whole or not at all.
    fn change(&self, change: &UserChange) -> Result<(), QueryError>;

    /// All tokens, by user.
    fn tokens(&self) -> Vec<Token>;

    /// Makes a token for a user, at most as mighty as `role`, and gives its text: the only time
    /// that it can be seen.
    fn make_token(
        &self,
        user: &str,
        role: Option<Role>,
        lives: Duration,
    ) -> Result<(Token, Secret), QueryError>;

    /// Ends a token. `None`: there is none of this id.
    fn drop_token(&self, id: &str) -> Result<Option<Token>, QueryError>;
}

/// A user as all may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Roles granted; the largest counts.
    pub roles: Vec<Role>,
    /// Whether it may come in with a password.
    pub login: bool,
    /// Whether it has a password.
    pub has_password: bool,
    /// When its password ends. `None`: never.
    pub valid_until: Option<Timestamp>,
    /// Its own statement timeout. `None`: the server's.
    pub statement_timeout: Option<Duration>,
}

/// A token of the HTTP door as all may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What names it in lists and in `drop_token`.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it may do at most.
    pub role: Role,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A change of the users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// `CREATE ROLE name ...`
    Create {
        /// Name.
        name: String,
        /// What is said of it.
        settings: UserSettings,
    },
    /// `ALTER ROLE name ...`
    Alter {
        /// Name.
        name: String,
        /// What is said of it; the rest stays.
        settings: UserSettings,
    },
    /// `DROP ROLE name`: with its tokens.
    Drop {
        /// Names.
        names: Vec<String>,
        /// Whether one that is not there is no error.
        if_exists: bool,
    },
    /// `GRANT role TO name`
    Grant {
        /// Roles.
        roles: Vec<Role>,
        /// Names.
        names: Vec<String>,
    },
    /// `REVOKE role FROM name`
    Revoke {
        /// Roles.
        roles: Vec<Role>,
        /// Names.
        names: Vec<String>,
    },
}

/// What a statement says of a user; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// A new password in clear, or as PostgreSQL's verifier; `Some(None)`: none any more.
    pub password: Option<Option<Secret>>,
    /// Whether it may come in with a password.
    pub login: Option<bool>,
    /// Roles to grant.
    pub roles: Vec<Role>,
    /// When the password ends; `Some(None)`: never.
    pub valid_until: Option<Option<Timestamp>>,
    /// Its own statement timeout; `Some(None)`: the server's.
    pub statement_timeout: Option<Option<Duration>>,
}
