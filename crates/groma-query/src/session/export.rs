//! COPY TO a Parquet file of the server: only inside the export folder, whole or not at all.

use std::fs;
use std::path::{Component, Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use datafusion::dataframe::{DataFrame, DataFrameWriteOptions};

use crate::{QueryError, Session};

/// Where the file goes. Errors: the name leads out of the folder, or is no Parquet file's.
pub(super) fn path(folder: Option<&Path>, name: &str) -> Result<PathBuf, QueryError> {
    let Some(folder) = folder else {
        return Err(QueryError::new(QueryError::NOT_SUPPORTED, "this engine writes no files"));
    };
    let plain = |part: Component<'_>| match part {
        Component::Normal(part) => part.to_str().is_some_and(|part| {
            part.chars().all(|c| c.is_alphanumeric() || ['-', '_', '.'].contains(&c))
        }),
        _ => false,
    };
    let relative = Path::new(name);
    if !name.ends_with(".parquet") || name.len() > 255 || !relative.components().all(plain) {
        return Err(QueryError::new(
            "22023",
            format!("\"{name}\" cannot be the name of an exported file"),
        )
        .with_hint("Write a name such as 'facts.parquet' or 'monday/facts.parquet', of letters, digits, '-', '_' and '.'; the file goes to the folder exports of the data folder."));
    }
    Ok(folder.join(relative))
}

/// Writes the rows and gives their number. A file of the same name is replaced.
pub(super) async fn write(
    session: &Session,
    frame: DataFrame,
    path: PathBuf,
) -> Result<u64, QueryError> {
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder).map_err(|error| failed(&path, &error))?;
    let part = Part(path.with_extension(format!("{}.parquet", crate::clock::now().0)));
    let options = DataFrameWriteOptions::new().with_single_file_output(true);
    let counts = frame.write_parquet(&part.0.display().to_string(), options, None).await?;
    let shown = path.clone();
    let put_there = move || {
        fs::File::open(&part.0)?.sync_all()?;
        fs::rename(&part.0, &path)?;
        // The name is in the folder.
        fs::File::open(&folder)?.sync_all()
    };
    session.change(move || put_there().map_err(|error| failed(&shown, &error))).await?;
    let rows = counts.first().and_then(|batch| {
        let column = batch.columns().first()?.as_primitive_opt::<UInt64Type>()?;
        (!column.is_empty()).then(|| column.value(0))
    });
    Ok(rows.unwrap_or(0))
}

/// A file that is not whole yet. What is left of it when it is dropped is of no use; if it cannot be
/// removed, it does no harm.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn failed(path: &Path, error: &std::io::Error) -> QueryError {
    QueryError::new(QueryError::IO, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_lead_out_of_the_folder() {
        let folder = Some(Path::new("exports"));
        assert_eq!(path(folder, "a/b.parquet").unwrap(), Path::new("exports/a/b.parquet"));
        for name in [
            "../a.parquet",
            "/etc/a.parquet",
            "a/../../b.parquet",
            "a.csv",
            ".parquet/",
            "a b.parquet",
        ] {
            assert!(path(folder, name).is_err(), "{name}");
        }
        assert!(path(None, "a.parquet").is_err());
    }
}
