//! Reads files and remembers which, so that a change of any of them can be noticed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256, digest};

use super::parse::MAX_BYTES;

/// The files that were asked for, whether they could be read or not, and the folders that were searched.
#[derive(Debug, Default)]
pub struct Files {
    seen: Vec<(PathBuf, Fingerprint)>,
}

/// What a file held when it was read.
type Fingerprint = [u8; 32];
const ABSENT: Fingerprint = [0; 32];

impl Files {
    /// # Errors
    /// As the system says, or if the path is no regular file or too large.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let content = read(path);
        self.note(path, content.as_ref().map_or(ABSENT, |bytes| fingerprint(bytes)));
        content
    }

    /// The names in a folder, sorted, without hidden ones.
    ///
    /// # Errors
    /// As the system says.
    pub fn list(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        let names = list(folder);
        self.note(folder, names.as_ref().map_or(ABSENT, |names| fingerprint(names.join("\0").as_bytes())));
        names
    }

    fn note(&mut self, path: &Path, print: Fingerprint) {
        if !self.seen.iter().any(|(seen, _)| seen == path) {
            self.seen.push((path.to_owned(), print));
        }
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.seen.iter().map(|(path, _)| path.clone()).collect()
    }

    /// What [`hash_files`] says of the paths as long as nothing has changed since they were read.
    pub fn hash(&self) -> String {
        combine(self.seen.iter().map(|(_, print)| *print))
    }
}

/// SHA-256 in hex over the content of the files, in this order. Of a folder the names in it count; what is not there counts as such.
pub fn hash_files(paths: &[PathBuf]) -> String {
    combine(paths.iter().map(|path| {
        if path.is_dir() {
            list(path).map_or(ABSENT, |names| fingerprint(names.join("\0").as_bytes()))
        } else {
            read(path).map_or(ABSENT, |bytes| fingerprint(&bytes))
        }
    }))
}

fn combine(prints: impl Iterator<Item = Fingerprint>) -> String {
    let mut context = Context::new(&SHA256);
    for print in prints {
        context.update(&print);
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut print = ABSENT;
    print.copy_from_slice(digest(&SHA256, bytes).as_ref());
    print
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before opening: a pipe without a writer would block for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut content)?;
    if content.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(content)
}

fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_content_presence_and_names() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "1").unwrap();
        let mut files = Files::default();
        files.read(&a).unwrap();
        files.read(&b).unwrap_err();
        files.list(folder.path()).unwrap();
        assert_eq!(files.hash(), hash_files(&files.paths()));
        let before = files.hash();
        fs::write(&a, "2").unwrap();
        assert_ne!(hash_files(&files.paths()), before);
        fs::write(&a, "1").unwrap();
        assert_eq!(hash_files(&files.paths()), before);
        fs::write(&b, "").unwrap();
        assert_ne!(hash_files(&files.paths()), before);
        fs::remove_file(&b).unwrap();
        fs::write(folder.path().join("c"), "").unwrap();
        assert_ne!(hash_files(&files.paths()), before);
    }

    #[test]
    fn folders_and_large_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Files::default().read(folder.path()).is_err());
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(MAX_BYTES as u64 + 1).unwrap();
        assert_eq!(Files::default().read(&large).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
