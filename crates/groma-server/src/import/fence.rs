//! What no import reads and no recording is written to: the secrets of the server itself.

use std::path::{Component, Path, PathBuf};

use groma_query::QueryError;

/// What the kernel tells of processes, with the environment of this one.
const PROCESSES: &str = "/proc";

/// The data folder, where verifiers, the audit and what lets the owner in stand beside the model; the
/// file of credentials; and what the kernel tells of this process. Links are followed before it is asked.
pub(super) struct Fence {
    forbidden: Vec<PathBuf>,
    /// Of the data folder, what clients may read and write.
    exports: PathBuf,
}

impl Fence {
    /// Around a data folder that is there, and a file of credentials.
    pub(super) fn new(data: &Path, exports: &Path, credentials: Option<&Path>) -> Fence {
        let forbidden = [Some(data), Some(Path::new(PROCESSES)), credentials];
        Fence {
            forbidden: forbidden.into_iter().flatten().map(real).collect(),
            exports: real(exports),
        }
    }

    /// Whether a path leads to where nobody may.
    pub(super) fn forbids(&self, path: &Path) -> bool {
        let path = real(path);
        let is_forbidden = self.forbidden.iter().any(|forbidden| path.starts_with(forbidden));
        is_forbidden && !path.starts_with(&self.exports)
    }

    /// # Errors
    /// A path leads to where nobody may.
    pub(super) fn check(&self, path: &Path) -> Result<(), QueryError> {
        if !self.forbids(path) {
            return Ok(());
        }
        Err(QueryError::new(QueryError::NOT_ALLOWED, self::reason(path)).with_hint(
            "Name a file or folder outside of the data folder, or one in its folder exports.",
        ))
    }
}

/// Why a path is not read.
pub(super) fn reason(path: &Path) -> String {
    format!("{} is the server's own, which no import reads or writes", path.display())
}

/// Where a path leads. Of what is not there, where it would be.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for known in path.ancestors() {
        let Ok(real) = known.canonicalize() else { continue };
        let mut real = real;
        for part in path.strip_prefix(known).unwrap_or(Path::new("")).components() {
            match part {
                Component::ParentDir => drop(real.pop()),
                part => real.push(part),
            }
        }
        return real;
    }
    path
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_way_leads_into_the_data_folder_but_to_exports() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("data/exports")).unwrap();
        fs::create_dir(path("other")).unwrap();
        fs::write(path("data/users.json"), "{}").unwrap();
        fs::write(path("credentials.toml"), "").unwrap();
        symlink(path("data"), path("other/link")).unwrap();
        symlink(path("data/users.json"), path("other/users")).unwrap();
        let credentials = path("credentials.toml");
        let fence = Fence::new(&path("data"), &path("data/exports"), Some(&credentials));
        for name in [
            "data",
            "data/users.json",
            "data/made/later",
            "data/exports/../users.json",
            "other/../data/users.json",
            "other/link/users.json",
            "other/link/made/later",
            "other/users",
            "other/none/../../data/users.json",
            "credentials.toml",
        ] {
            assert!(fence.forbids(&path(name)), "{name}");
        }
        assert!(fence.forbids(Path::new("/proc/self/environ")));
        for name in
            ["other", "data2", "other/made/later", "data/exports/one.csv", "other/link/exports"]
        {
            assert!(!fence.forbids(&path(name)), "{name}");
        }
    }
}
