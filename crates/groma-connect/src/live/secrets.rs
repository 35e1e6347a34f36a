//! Tokens, communities and passwords: from the environment or a file that only its owner can read.
//!
//! Never from a name or a command line, where `ps` and histories show them. The environment is for one site at a
//! time; the file binds each secret to the source it is for, so that a name that somebody makes up gets none:
//!
//! ```toml
//! ["netbox+https://netbox.example.org"]
//! token = "0123456789abcdef"
//! ["snmp://core1"]
//! community = "not-public"
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// All that a source may need to be let in; `ca_file` names a file of those who vouch for it.
pub const FIELDS: [&str; 5] =
    ["token", "ca_file", "community", "auth_password", "privacy_password"];

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "GROMA_CREDENTIALS";

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// What a file holds that only its owner may read, without the white space around it.
    ///
    /// # Errors
    /// It cannot be read, is empty, or others may read it.
    pub fn from_file(path: &Path) -> Result<Secret, SecretsError> {
        let fail = |reason| SecretsError { path: path.display().to_string(), reason };
        check_permissions(path).map_err(fail)?;
        let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        match text.trim() {
            "" => Err(fail("it is empty".into())),
            text => Ok(Secret::new(text)),
        }
    }

    /// The text itself, for who sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secrets that are known.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// By the beginning of a source's name, then by field.
    of_sources: BTreeMap<String, BTreeMap<String, Secret>>,
    /// By the name of a variable.
    environment: BTreeMap<String, Secret>,
}

/// The file of secrets cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the credentials in {path}: {reason}")]
pub struct SecretsError {
    /// The file.
    pub path: String,
    /// What is wrong; it shows nothing of what is in it.
    pub reason: String,
}

impl Secrets {
    /// From variables of the environment, `GROMA_…` and `NETBOX_TOKEN`, and the file that `GROMA_CREDENTIALS` names.
    ///
    /// # Errors
    /// The file cannot be read, is not such a file, or others than its owner may read it.
    pub fn load(
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Secrets, SecretsError> {
        let mut secrets = Secrets::default();
        let mut file = None;
        for (name, value) in variables {
            match name.as_str() {
                FILE_VARIABLE => file = Some(value),
                "NETBOX_TOKEN" => drop(secrets.environment.insert(name, Secret(value))),
                _ if name.starts_with("GROMA_") => {
                    secrets.environment.insert(name, Secret(value));
                }
                _ => {}
            }
        }
        if let Some(path) = file {
            let fail = |reason: String| SecretsError { path: path.clone(), reason };
            check_permissions(Path::new(&path)).map_err(fail)?;
            let text = fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
            secrets.of_sources = parse(&text).map_err(fail)?;
        }
        Ok(secrets)
    }

    /// Without those of the environment, which would go to any host that somebody makes up.
    #[must_use]
    pub fn bound(self) -> Secrets {
        Secrets { environment: BTreeMap::new(), ..self }
    }

    /// With one more, as the file would give it; for programs and tests.
    #[must_use]
    pub fn with(mut self, source: &str, field: &str, secret: Secret) -> Secrets {
        self.of_sources.entry(source.into()).or_default().insert(field.into(), secret);
        self
    }

    /// The secret of a source: the one that the file binds to the longest beginning of its name, or the variable.
    pub fn of(&self, source: &str, field: &str, variable: &str) -> Option<&Secret> {
        let bound = (self.of_sources.iter())
            .filter(|(beginning, fields)| {
                is_beginning(beginning, source) && fields.contains_key(field)
            })
            .max_by_key(|(beginning, _)| beginning.len());
        match bound {
            Some((_, fields)) => fields.get(field),
            None => self.environment.get(variable),
        }
    }
}

/// `snmp://core1` is a beginning of `snmp://core1:1161`, not of `snmp://core10` or `snmp://core1.example`.
fn is_beginning(beginning: &str, source: &str) -> bool {
    source.strip_prefix(beginning).is_some_and(|rest| {
        beginning.ends_with('/') || rest.is_empty() || rest.starts_with(['/', ':', '?'])
    })
}

fn parse(text: &str) -> Result<BTreeMap<String, BTreeMap<String, Secret>>, String> {
    let fields: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            format!("line {line} is not [\"source\"] or field = \"secret\"")
        })?;
    let hide = |fields: BTreeMap<String, String>| {
        fields.into_iter().map(|(field, secret)| (field, Secret(secret))).collect()
    };
    Ok(fields.into_iter().map(|(source, fields)| (source, hide(fields))).collect())
}

#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|error| error.to_string())?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err("others than its owner may read it; chmod 600 it".into()),
    }
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_to_the_source_it_is_for() {
        let secrets = Secrets {
            of_sources: parse("[\"snmp://core1\"]\ncommunity = \"one\"\n").unwrap(),
            environment: [("GROMA_SNMP_COMMUNITY".into(), Secret::new("all"))].into(),
        };
        let community =
            |source| secrets.of(source, "community", "GROMA_SNMP_COMMUNITY").map(Secret::expose);
        assert_eq!(community("snmp://core1:1161?version=3"), Some("one"));
        assert_eq!(community("snmp://core10"), Some("all"));
        assert_eq!(community("snmp://core1.evil.example"), Some("all"));
        let bound = secrets.clone().bound();
        let community = |source| bound.of(source, "community", "GROMA_SNMP_COMMUNITY");
        assert_eq!(community("snmp://core1").map(Secret::expose), Some("one"));
        assert_eq!(community("snmp://core10"), None);
        assert_eq!(format!("{secrets:?}").matches("one").count(), 0);
    }

    #[test]
    fn a_wrong_file_is_told_without_what_is_in_it() {
        let error = parse("[\"a\"]\ntoken = hunter2").unwrap_err();
        assert_eq!(error, "line 2 is not [\"source\"] or field = \"secret\"");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.toml");
        fs::write(&path, "[\"a\"]\ntoken = \"t\"").unwrap();
        let load = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Secrets::load([(FILE_VARIABLE.into(), path.display().to_string())].into_iter())
        };
        assert!(load(0o644).unwrap_err().reason.contains("others"));
        assert!(load(0o600).unwrap().of("a", "token", "").is_some());
        fs::write(&path, " t \n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().expose(), "t");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Secret::from_file(&path).unwrap_err().reason.contains("chmod 600"));
    }
}
