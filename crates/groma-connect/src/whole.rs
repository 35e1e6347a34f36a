//! Files that make sense only as a whole, such as one JSON document.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use groma_model::Problem;

/// Largest file that is read as a whole, in bytes.
pub const FILE_SIZE_MAX: u64 = 1 << 30;

/// Opens a file for reading. What is no file but a pipe or a device may never end, or never begin:
/// it is an error.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// The bytes of a file; a problem if it cannot be read or is larger than [`FILE_SIZE_MAX`].
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let place = path.display().to_string();
    match open(path) {
        Ok(file) => read_from(file, &place),
        Err(error) => Err(Problem::new(place, "", format!("cannot be opened: {error}"))),
    }
}

/// The bytes of a reader, under the same bound.
pub fn read_from(reader: impl Read, place: &str) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    match reader.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes) {
        Ok(size) if size as u64 > FILE_SIZE_MAX => Err(Problem::new(
            place,
            &crate::lines::lossy_start(&bytes),
            format!("the file is larger than the {FILE_SIZE_MAX} bytes that are read as a whole"),
        )),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Problem::new(place, "", format!("reading failed: {error}"))),
    }
}
