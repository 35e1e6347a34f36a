//! Who may come in: users with verifiers of their passwords, and tokens of the HTTP door.
//!
//! They stand in a file of their own, not in the journal: the journal is kept whole, is forked and
//! copied and read by whoever may read the model, while a verifier must be gone when its user is.

mod file;
mod scram;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use groma_model::Timestamp;
use groma_query::{QueryError, Role, Secret, Token, User, UserChange, UserSettings, Users};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::clock::now;
use file::{Book, Entry, TokenEntry};
pub(crate) use scram::{Exchange, Unproven, Verifier};

const FILE: &str = "users.json";
/// Most users.
pub const USERS_MAX: usize = 10_000;
/// Most tokens; those that have ended are forgotten when a new one is made.
pub const TOKENS_MAX: usize = 10_000;
/// Most tokens of one user, so that nobody takes those of all.
pub const USER_TOKENS_MAX: usize = 100;
/// Longest name of a user, as in PostgreSQL.
const NAME_BYTES_MAX: usize = 63;
/// Longest password.
const PASSWORD_BYTES_MAX: usize = 1024;
/// The name under which the data folder's owner comes in.
pub(crate) const OWNER: &str = "groma";
/// Names that mean something else.
const RESERVED: [&str; 5] = [OWNER, "public", "reader", "operator", "admin"];
const TOKEN_START: &str = "groma_";

/// The users of a data folder.
pub(crate) struct UserBook {
    path: PathBuf,
    book: Mutex<Book>,
}

/// How a password is to be checked.
pub(crate) struct Check {
    pub(crate) verifier: Verifier,
    /// Why the user may not come in although the password is right.
    pub(crate) barred: Option<&'static str>,
}

impl UserBook {
    /// Reads the file of a data folder; without one there are no users.
    pub(crate) fn open(folder: &Path) -> io::Result<UserBook> {
        let path = folder.join(FILE);
        let book = file::read(&path)?.unwrap_or_default();
        Ok(UserBook { path, book: Mutex::new(book) })
    }

    /// Whether there is nobody, so that nobody can be asked for a password.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().users.is_empty()
    }

    /// What a user may do; the least if it is not known.
    pub(crate) fn role_of(&self, name: &str) -> Role {
        self.role(name).unwrap_or(Role::Reader)
    }

    /// How the password of a name is checked; for a name that nobody has, in a way that looks the same.
    pub(crate) fn check(&self, name: &str) -> Check {
        let book = self.lock();
        let nobody = || Verifier::of_nobody(name, book.nobody.as_bytes());
        let known = book.users.get(name);
        let verifier = known
            .filter(|user| user.is_valid())
            .and_then(|user| Verifier::parse(user.verifier.as_deref()?));
        let barred = known.and_then(|user| match user {
            user if !user.login => Some("may not log in; ALTER ROLE it with LOGIN"),
            user if user.roles.is_empty() => {
                Some("has no role; GRANT it reader, operator or admin")
            }
            _ => None,
        });
        Check { verifier: verifier.unwrap_or_else(nobody), barred }
    }

    /// Whose token it is, and what it may do. `None`: it is none of ours, it has ended, or its user
    /// may not come in any more.
    pub(crate) fn of_token(&self, text: &str) -> Option<(String, Role)> {
        let (id, secret) = text.strip_prefix(TOKEN_START)?.split_once('_')?;
        let book = self.lock();
        let token = book.tokens.get(id).filter(|token| now().0 < token.expires_at)?;
        let kept = STANDARD.decode(&token.hash).ok()?.try_into().ok()?;
        if !scram::equal(&scram::hash(secret.as_bytes()), &kept) {
            return None;
        }
        let user = book.users.get(&token.user).filter(|user| user.login && user.is_valid())?;
        let of_user = role(user)?;
        Some((token.user.clone(), of_user.min(token.role.parse().ok()?)))
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a copy, writes it, and only then takes it for true.
    fn update<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut held = self.lock();
        let mut book = held.clone();
        if book.nobody.is_empty() {
            book.nobody = STANDARD.encode(random::<32>());
        }
        let changed = change(&mut book)?;
        file::write(&self.path, &book).map_err(|error| {
            QueryError::new(
                QueryError::IO,
                format!("cannot write {}: {error}", self.path.display()),
            )
        })?;
        *held = book;
        Ok(changed)
    }
}

impl Users for UserBook {
    fn all(&self) -> Vec<User> {
        let user = |(name, entry): (&String, &Entry)| User {
            name: name.clone(),
            roles: entry.roles.iter().filter_map(|role| role.parse().ok()).collect(),
            login: entry.login,
            has_password: entry.verifier.is_some(),
            valid_until: entry.valid_until.map(Timestamp),
            statement_timeout: entry.statement_timeout_ms.map(Duration::from_millis),
        };
        self.lock().users.iter().map(user).collect()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn role(&self, name: &str) -> Option<Role> {
        role(self.lock().users.get(name)?)
    }

    fn change(&self, change: &UserChange) -> Result<(), QueryError> {
        // Outside of the lock: it takes milliseconds.
        let verifier = match change {
            UserChange::Create { settings, .. } | UserChange::Alter { settings, .. } => {
                verifier(settings)?
            }
            _ => None,
        };
        self.update(|book| match change {
            UserChange::Create { name, settings } => {
                check_name(name)?;
                if book.users.contains_key(name) {
                    return Err(QueryError::new(
                        QueryError::DUPLICATE_ROLE,
                        format!("role \"{name}\" is there already"),
                    )
                    .with_hint("Change it with ALTER ROLE."));
                }
                if book.users.len() >= USERS_MAX {
                    return Err(QueryError::new(
                        "54000",
                        format!("{USERS_MAX} users are the most"),
                    ));
                }
                let mut entry = Entry::default();
                entry.apply(settings, verifier);
                book.users.insert(name.clone(), entry);
                Ok(())
            }
            UserChange::Alter { name, settings } => {
                book.user(name)?.apply(settings, verifier);
                Ok(())
            }
            UserChange::Drop { names, if_exists } => names.iter().try_for_each(|name| {
                if book.users.remove(name).is_none() && !if_exists {
                    return Err(no_user(name));
                }
                book.tokens.retain(|_, token| token.user != *name);
                Ok(())
            }),
            UserChange::Grant { roles, names } => {
                names.iter().try_for_each(|name| book.user(name).map(|user| user.grant(roles)))
            }
            UserChange::Revoke { roles, names } => names.iter().try_for_each(|name| {
                let gone = |kept: &String| roles.iter().any(|role| role.name() == kept);
                book.user(name).map(|user| user.roles.retain(|kept| !gone(kept)))
            }),
        })
    }

    fn tokens(&self) -> Vec<Token> {
        self.lock().tokens.iter().filter_map(|(id, entry)| entry.shown(id)).collect()
    }

    fn make_token(
        &self,
        user: &str,
        role: Option<Role>,
        lives: Duration,
    ) -> Result<(Token, Secret), QueryError> {
        let made_at = now();
        let lives = i64::try_from(lives.as_nanos()).unwrap_or(i64::MAX);
        let expires_at = Timestamp(made_at.0.saturating_add(lives));
        self.update(|book| {
            let of_user = self::role(book.user(user)?).ok_or_else(|| {
                QueryError::new(QueryError::NOT_LET_IN, format!("\"{user}\" has no role"))
                    .with_hint(format!("GRANT reader TO \"{user}\"."))
            })?;
            book.tokens.retain(|_, token| made_at.0 < token.expires_at);
            if book.tokens.len() >= TOKENS_MAX {
                return Err(QueryError::new("54000", format!("{TOKENS_MAX} tokens are the most"))
                    .with_hint("End some with drop_token."));
            }
            let own = book.tokens.values().filter(|token| token.user == user).count();
            if own >= USER_TOKENS_MAX {
                let text = format!("{USER_TOKENS_MAX} tokens are the most of one user");
                return Err(QueryError::new("54000", text)
                    .with_hint("End some with drop_token; model.tokens lists them."));
            }
            let id: String = random::<6>().iter().map(|byte| format!("{byte:02x}")).collect();
            let secret = URL_SAFE_NO_PAD.encode(random::<32>());
            let role = role.unwrap_or(of_user).min(of_user);
            let entry = TokenEntry {
                user: user.to_owned(),
                role: role.to_string(),
                hash: STANDARD.encode(scram::hash(secret.as_bytes())),
                made_at: made_at.0,
                expires_at: expires_at.0,
            };
            book.tokens.insert(id.clone(), entry);
            let text = Secret(format!("{TOKEN_START}{id}_{secret}"));
            Ok((Token { id, user: user.to_owned(), role, made_at, expires_at }, text))
        })
    }

    fn drop_token(&self, id: &str) -> Result<Option<Token>, QueryError> {
        self.update(|book| Ok(book.tokens.remove(id).and_then(|entry| entry.shown(id))))
    }
}

impl Book {
    fn user(&mut self, name: &str) -> Result<&mut Entry, QueryError> {
        self.users.get_mut(name).ok_or_else(|| no_user(name))
    }
}

impl Entry {
    /// Whether its time has not ended.
    fn is_valid(&self) -> bool {
        self.valid_until.is_none_or(|until| now().0 < until)
    }

    fn apply(&mut self, settings: &UserSettings, verifier: Option<Verifier>) {
        if settings.password.is_some() {
            self.verifier = verifier.map(|verifier| verifier.print());
        }
        if let Some(login) = settings.login {
            self.login = login;
        }
        if let Some(until) = settings.valid_until {
            self.valid_until = until.map(|until| until.0);
        }
        if let Some(timeout) = settings.statement_timeout {
            let milliseconds = |timeout: Duration| timeout.as_millis() as u64;
            self.statement_timeout_ms = timeout.map(milliseconds);
        }
        self.grant(&settings.roles);
    }

    fn grant(&mut self, roles: &[Role]) {
        for role in roles {
            if !self.roles.iter().any(|known| known == role.name()) {
                self.roles.push(role.to_string());
            }
        }
    }
}

impl TokenEntry {
    fn shown(&self, id: &str) -> Option<Token> {
        Some(Token {
            id: id.to_owned(),
            user: self.user.clone(),
            role: self.role.parse().ok()?,
            made_at: Timestamp(self.made_at),
            expires_at: Timestamp(self.expires_at),
        })
    }
}

/// The largest of its roles.
fn role(entry: &Entry) -> Option<Role> {
    entry.roles.iter().filter_map(|role| role.parse().ok()).max()
}

/// Of a password in clear, or one that is a verifier already, as `psql`'s `\password` sends it.
fn verifier(settings: &UserSettings) -> Result<Option<Verifier>, QueryError> {
    let Some(Some(Secret(password))) = &settings.password else { return Ok(None) };
    let refused = |reason: &str| Err(QueryError::new("22023", reason));
    match password {
        password if password.starts_with("SCRAM-SHA-256$") => match Verifier::parse(password) {
            Some(verifier) => Ok(Some(verifier)),
            None => refused("this verifier of a password is not written as PostgreSQL writes it"),
        },
        password if password.is_empty() => refused("a password cannot be empty"),
        password if password.len() > PASSWORD_BYTES_MAX => {
            refused("a password of more than 1024 bytes is not taken")
        }
        password => Ok(Some(Verifier::of(password))),
    }
}

fn check_name(name: &str) -> Result<(), QueryError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(QueryError::new("42602", "this cannot be the name of a role")
            .with_hint("A name has 1 to 63 bytes."));
    }
    if RESERVED.contains(&name) || name.starts_with("pg_") {
        return Err(QueryError::new("42939", format!("the name \"{name}\" is reserved")));
    }
    Ok(())
}

fn no_user(name: &str) -> QueryError {
    QueryError::new(QueryError::NO_ROLE, format!("role \"{name}\" does not exist"))
        .with_hint("SELECT * FROM model.users lists them.")
}

/// A password that nobody guesses, for who does not bring one.
pub fn new_password() -> String {
    URL_SAFE_NO_PAD.encode(random::<15>())
}

/// From the system's generator.
///
/// # Panics
/// If the system has none: then nothing here can be kept secret.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests;
