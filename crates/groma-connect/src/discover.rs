//! What there is to read: files and who reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use groma_model::Problem;

use crate::live::{MANIFEST, Recording};
use crate::{FIRST_BYTES_MAX, Importer, Input, Takes, importers, whole};

/// Deepest folder that is walked below the one asked for.
const FOLDER_DEPTH_MAX: usize = 32;
/// Files that explain the data rather than being it.
const SILENT_NAMES: [&str; 7] =
    ["license", "licence", "readme", "notice", "copying", "changelog", "truth"];

/// What was found.
#[derive(Default)]
pub struct Discovered {
    /// What can be read, sorted by path.
    pub inputs: Vec<Input>,
    /// Files that no importer recognises, folders that cannot be listed.
    pub problems: Vec<Problem>,
}

/// The path that was asked for cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct DiscoverError {
    /// The path.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Finds the importer of a file, or of each file of a folder and the folders in it.
/// Hidden files and those named LICENSE or README are passed over; links to folders are not followed.
pub fn discover(path: &Path) -> Result<Discovered, DiscoverError> {
    let failed = |source| DiscoverError { path: path.display().to_string(), source };
    let mut discovered = Discovered::default();
    let mut files = Vec::new();
    if fs::metadata(path).map_err(failed)?.is_dir() {
        fs::read_dir(path).map_err(failed)?;
        list_files(path, 0, &mut files, &mut discovered.problems);
    } else {
        whole::open(path).map_err(failed)?;
        files.push(path.to_owned());
    }
    take_recordings(&mut files, &mut discovered);
    let mut folders: BTreeMap<(PathBuf, &str), usize> = BTreeMap::new();
    let found: Vec<_> = files.iter().map(|file| importer_of(file)).collect();
    let named = named_by_others(&files, &found);
    for (file, importer) in files.into_iter().zip(found) {
        if named.contains(&file) {
            continue;
        }
        match importer {
            Ok(Some(importer)) if matches!(importer.takes, Takes::Folder) => {
                let folder = file.parent().map(Path::to_owned).unwrap_or_default();
                let index = *folders.entry((folder.clone(), importer.name)).or_insert_with(|| {
                    let source = source_name(importer, &folder);
                    discovered.inputs.push(Input::of_files(importer, source, Vec::new()));
                    discovered.inputs.len() - 1
                });
                discovered.inputs[index].paths.push(file);
            }
            Ok(Some(importer)) => {
                let source = source_name(importer, &file);
                discovered.inputs.push(Input::of_files(importer, source, vec![file]));
            }
            Ok(None) => discovered.problems.push(Problem::new(
                file.display().to_string(),
                "",
                "no importer recognises this file",
            )),
            Err(error) => discovered.problems.push(unreadable(&file, &error)),
        }
    }
    Ok(discovered)
}

/// Folders that hold a recording are one input each, whatever else lies in them.
fn take_recordings(files: &mut Vec<PathBuf>, discovered: &mut Discovered) {
    let folder_of = |file: &Path| file.parent().unwrap_or(Path::new("")).to_owned();
    let folders: BTreeSet<PathBuf> = (files.iter())
        .filter(|file| file.file_name().is_some_and(|name| name == MANIFEST))
        .map(|manifest| folder_of(manifest))
        .collect();
    files.retain(|file| !folders.contains(&folder_of(file)));
    for folder in folders {
        match Recording::read(&folder) {
            Ok(recording) => discovered.inputs.push(recording.into_input()),
            Err(problem) => discovered.problems.push(problem),
        }
    }
}

/// Files that another file names, such as the tables of a mapping.
fn named_by_others(
    files: &[PathBuf],
    found: &[io::Result<Option<&'static Importer>>],
) -> BTreeSet<PathBuf> {
    let mut named = BTreeSet::new();
    for (file, importer) in files.iter().zip(found) {
        if let Ok(Some(Importer { takes: Takes::FileWithOthers(others), .. })) = importer {
            named.extend(others(file));
        }
    }
    named
}

fn importer_of(file: &Path) -> io::Result<Option<&'static Importer>> {
    let mut first = Vec::with_capacity(FIRST_BYTES_MAX);
    whole::open(file)?.take(FIRST_BYTES_MAX as u64).read_to_end(&mut first)?;
    Ok(importers().find(|importer| (importer.recognises)(file, &first)))
}

/// `suzieq:eos`: the importer and the last part of the path.
fn source_name(importer: &Importer, path: &Path) -> String {
    let canonical = path.canonicalize();
    let path = canonical.as_deref().unwrap_or(path);
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    format!("{}:{name}", importer.name)
}

fn list_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    if depth > FOLDER_DEPTH_MAX {
        let reason = format!("folders are read {FOLDER_DEPTH_MAX} deep, and this one is deeper");
        return problems.push(Problem::new(folder.display().to_string(), "", reason));
    }
    let mut paths = Vec::new();
    match fs::read_dir(folder) {
        Err(error) => return problems.push(unreadable(folder, &error)),
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => paths.push(entry.path()),
                    Err(error) => problems.push(unreadable(folder, &error)),
                }
            }
        }
    }
    paths.sort();
    for path in paths {
        if is_silent(&path) || (path.is_symlink() && path.is_dir()) {
            continue;
        }
        if path.is_dir() {
            list_files(&path, depth + 1, files, problems);
        } else {
            files.push(path);
        }
    }
}

fn is_silent(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    name.starts_with('.') || SILENT_NAMES.contains(&stem.as_str())
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(path.display().to_string(), "", format!("cannot be read: {error}"))
}
