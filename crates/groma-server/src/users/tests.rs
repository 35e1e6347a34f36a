//! What is kept, what is forgotten, and what is never on disk.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

fn create(name: &str, password: &str, roles: &[Role]) -> UserChange {
    UserChange::Create {
        name: name.into(),
        settings: UserSettings {
            password: Some(Some(Secret(password.into()))),
            login: Some(true),
            roles: roles.to_vec(),
            ..UserSettings::default()
        },
    }
}

#[test]
fn users_are_there_after_a_restart_and_their_passwords_never() {
    let folder = TempDir::new().unwrap();
    let book = UserBook::open(folder.path()).unwrap();
    assert!(book.is_empty());
    book.change(&create("ann", "top secret", &[Role::Reader])).unwrap();
    book.change(&UserChange::Grant { roles: vec![Role::Operator], names: vec!["ann".into()] })
        .unwrap();
    let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!text.contains("top secret") && text.contains("SCRAM-SHA-256$4096:"), "{text}");
    let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = UserBook::open(folder.path()).unwrap();
    assert_eq!(again.role("ann"), Some(Role::Operator));
    assert_eq!(again.role("bob"), None);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let book = UserBook::open(folder.path()).unwrap();
    book.change(&create("ann", "x", &[])).unwrap();
    let state = |change: &UserChange| book.change(change).unwrap_err().sqlstate();
    assert_eq!(state(&create("ann", "y", &[])), QueryError::DUPLICATE_ROLE);
    assert_eq!(state(&create("groma", "y", &[])), "42939");
    assert_eq!(state(&create("", "y", &[])), "42602");
    assert_eq!(state(&create("bob", "", &[])), "22023");
    assert_eq!(state(&create("bob", "SCRAM-SHA-256$what", &[])), "22023");
    let names = vec!["ann".into(), "nobody".into()];
    assert_eq!(state(&UserChange::Drop { names, if_exists: false }), QueryError::NO_ROLE);
    assert_eq!(book.all().len(), 1);
}

#[test]
fn a_token_works_until_its_end_and_goes_with_its_user() {
    let folder = TempDir::new().unwrap();
    let book = UserBook::open(folder.path()).unwrap();
    book.change(&create("ann", "x", &[Role::Operator])).unwrap();
    let hour = Duration::from_secs(3600);
    let (token, Secret(text)) = book.make_token("ann", Some(Role::Admin), hour).unwrap();
    assert_eq!(token.role, Role::Operator, "not more than its user");
    assert_eq!(book.of_token(&text), Some(("ann".into(), Role::Operator)));
    assert_eq!(book.of_token(&format!("{text}x")), None);
    let on_disk = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!on_disk.contains(text.rsplit('_').next().unwrap()));
    let (_, Secret(ended)) = book.make_token("ann", None, Duration::ZERO).unwrap();
    assert_eq!(book.of_token(&ended), None);
    book.change(&UserChange::Drop { names: vec!["ann".into()], if_exists: false }).unwrap();
    assert_eq!(book.of_token(&text), None);
    assert!(book.tokens().is_empty());
}

#[test]
fn a_token_opens_nothing_while_its_user_may_not_come_in() {
    let folder = TempDir::new().unwrap();
    let book = UserBook::open(folder.path()).unwrap();
    book.change(&create("ann", "x", &[Role::Reader])).unwrap();
    let (_, Secret(text)) = book.make_token("ann", None, Duration::from_secs(3600)).unwrap();
    let alter = |settings| {
        book.change(&UserChange::Alter { name: "ann".into(), settings }).unwrap();
        book.of_token(&text).is_some()
    };
    let login = |login| UserSettings { login: Some(login), ..UserSettings::default() };
    let until = |until| UserSettings { valid_until: Some(until), ..UserSettings::default() };
    assert!(!alter(login(false)));
    assert!(alter(login(true)));
    assert!(!alter(until(Some(now()))));
    assert!(alter(until(None)));
}

#[test]
fn one_user_cannot_take_the_tokens_of_all() {
    let folder = TempDir::new().unwrap();
    let book = UserBook::open(folder.path()).unwrap();
    let hour = Duration::from_secs(3600);
    for name in ["ann", "bob"] {
        book.change(&create(name, "x", &[Role::Reader])).unwrap();
    }
    for _ in 0..USER_TOKENS_MAX {
        book.make_token("ann", None, hour).unwrap();
    }
    let refused = book.make_token("ann", None, hour).unwrap_err();
    assert_eq!(refused.sqlstate(), "54000");
    assert!(book.make_token("bob", None, hour).is_ok());
}
