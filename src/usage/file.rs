//! Records as JSON lines in a file, which is followed by a new one when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::ledger::{Sink, Taken};
use super::record::Record;
use crate::metrics::MoneyMetrics;

/// Records that wait to be written, in bytes; more are lost.
const MOST_WAITING: usize = 8 << 20;
/// So many bytes are written out without waiting for the next tick: more would no longer be in the processor's cache.
const FLUSH_AT: usize = 256 << 10;

/// Gathers lines in memory and writes them when it is told to.
pub struct FileSink {
    waiting: Mutex<Vec<u8>>,
    file: Mutex<Rotating>,
    metrics: MoneyMetrics,
}

struct Rotating {
    path: PathBuf,
    max_size: u64,
    keep: u32,
    /// With its size.
    open: Option<(File, u64)>,
    /// Takes turns with the lines that wait, so that neither has to grow again.
    spare: Vec<u8>,
}

impl FileSink {
    /// Opens the file, so that a place where nothing can be written is known at the start.
    pub fn open(path: &Path, max_size: u64, keep: u32, metrics: &MoneyMetrics) -> io::Result<Self> {
        let mut file = Rotating { path: path.to_owned(), max_size, keep, open: None, spare: Vec::new() };
        file.open()?;
        // From the start, so that a first loss shows as one.
        metrics.lost("file", 0);
        Ok(Self { waiting: Mutex::default(), file: Mutex::new(file), metrics: metrics.clone() })
    }
}

impl Sink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    fn record(&self, record: &Record<'_>) -> Taken {
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        if before >= MOST_WAITING {
            return Taken::No;
        }
        record.write(&mut waiting);
        // Told once, and again when it has been written.
        if before < FLUSH_AT && waiting.len() >= FLUSH_AT { Taken::Much } else { Taken::Yes }
    }

    fn flush(&self) {
        // The file's lock comes first, so that two flushes do not change the order.
        let mut file = self.file.lock();
        let mut lines = std::mem::take(&mut file.spare);
        std::mem::swap(&mut lines, &mut *self.waiting.lock());
        let mut rest = &*lines;
        while !rest.is_empty() {
            match file.write_some(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) => {
                    let lost = memchr::memchr_iter(b'\n', rest).count();
                    self.metrics.lost("file", lost as u64);
                    tracing::error!(%error, path = %file.path.display(), lost, "records of use could not be written");
                    // Whatever is wrong with it, the next lines find the file anew.
                    file.open = None;
                    break;
                }
            }
        }
        lines.clear();
        // After a burst it is let go.
        lines.shrink_to(2 * FLUSH_AT);
        file.spare = lines;
    }
}

impl Rotating {
    fn open(&mut self) -> io::Result<&mut (File, u64)> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let mut options = OpenOptions::new();
                options.create(true).append(true);
                // Who asked what model, and when, is nobody else's business.
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
                let file = options.open(&self.path)?;
                let size = file.metadata()?.len();
                (file, size)
            }
        };
        Ok(self.open.insert(open))
    }

    /// Writes as many whole lines as the file has room for, at least one. Returns their bytes.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        let max_size = self.max_size;
        let first = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
        if let (_, size) = self.open()?
            && *size > 0
            && *size + first as u64 > max_size
        {
            self.rotate()?;
        }
        let (file, size) = self.open()?;
        let room = usize::try_from(max_size.saturating_sub(*size)).unwrap_or(usize::MAX).min(lines.len());
        let fitting = lines.get(..room).and_then(|fitting| memchr::memrchr(b'\n', fitting)).map_or(first, |end| end + 1);
        file.write_all(lines.get(..fitting).unwrap_or(lines))?;
        *size += fitting as u64;
        Ok(fitting)
    }

    /// The full file becomes the latest of those that are kept.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let numbered = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, numbered(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Summary;

    fn rotating(path: &Path, keep: u32) -> Rotating {
        Rotating { path: path.to_owned(), max_size: 10, keep, open: None, spare: Vec::new() }
    }

    fn write(file: &mut Rotating, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = file.write_some(rest).unwrap();
            rest = &rest[written..];
        }
    }

    #[test]
    fn full_files_are_kept_up_to_a_number_and_no_line_is_split() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.jsonl");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        let mut file = rotating(&path, 2);
        write(&mut file, "aaa\nbbb\nccc\n");
        assert_eq!((read("usage.jsonl"), read("usage.jsonl.1")), (Some("ccc\n".into()), Some("aaa\nbbb\n".into())));
        write(&mut file, "longer than a file\nd\n");
        assert_eq!((read("usage.jsonl"), read("usage.jsonl.1")), (Some("d\n".into()), Some("longer than a file\n".into())));
        assert_eq!((read("usage.jsonl.2"), read("usage.jsonl.3")), (Some("ccc\n".into()), None));
        write(&mut rotating(&path, 2), "e\n");
        assert_eq!(read("usage.jsonl"), Some("d\ne\n".into()), "a new process goes on with the file");
    }

    #[test]
    fn much_is_told_once_until_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = MoneyMetrics::new(&mut prometheus_client::registry::Registry::default());
        let sink = FileSink::open(&folder.path().join("usage.jsonl"), u64::MAX, 1, &metrics).unwrap();
        let (version, summary) = ("v".repeat(FLUSH_AT / 3), Summary::default());
        let record = Record { price_version: Some(&version), ..Record::of(&summary, crate::price::Currency::USD) };
        let taken = |times| (0..times).map(|_| sink.record(&record)).collect::<Vec<_>>();
        assert_eq!(taken(4), [Taken::Yes, Taken::Yes, Taken::Much, Taken::Yes]);
        sink.flush();
        assert_eq!(taken(3), [Taken::Yes, Taken::Yes, Taken::Much]);
        sink.waiting.lock().resize(MOST_WAITING, b'\n');
        assert_eq!(taken(1), [Taken::No]);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = MoneyMetrics::new(&mut prometheus_client::registry::Registry::default());
        assert!(FileSink::open(&folder.path().join("none/usage.jsonl"), 10, 1, &metrics).is_err());
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let sink = FileSink::open(&inner.join("usage.jsonl"), 10, 1, &metrics).unwrap();
        sink.file.lock().open = None;
        fs::remove_dir_all(&inner).unwrap();
        sink.waiting.lock().extend_from_slice(b"a\nb\n");
        sink.flush();
        assert_eq!(metrics.lost.get_or_create(&crate::metrics::Labels::of([("sink", "file")])).get(), 2);
    }
}
