//! How much memory is in use, and of how much: of the process where `server.max_memory` says so, else of the control group
//! that a container runtime has put the process in (cgroups, versions 1 and 2).

use std::fs;
use std::path::{Path, PathBuf};

/// Memory in use and the most that may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub used: u64,
    pub limit: u64,
}

/// Where to look.
pub(super) struct Memory {
    cgroup: Option<Cgroup>,
}

impl Memory {
    /// Looks for the process's control group.
    pub(super) fn find() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self { cgroup: Cgroup::find(Path::new("/sys/fs/cgroup"), &groups) }
    }

    /// `None` where there is no limit, or nothing can be read.
    pub(super) fn usage(&self, limit: Option<usize>) -> Option<Usage> {
        match limit {
            Some(limit) => Some(Usage { used: resident(&fs::read_to_string("/proc/self/status").ok()?)?, limit: limit as u64 }),
            None => self.cgroup.as_ref()?.usage(),
        }
    }
}

/// Resident memory from `/proc/self/status`, in bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A control group's files.
struct Cgroup {
    limit: PathBuf,
    usage: PathBuf,
    stat: PathBuf,
    /// Lines of `stat` with the pages of files, which the kernel takes back before it kills.
    files: [&'static str; 2],
}

/// Version 1 says "no limit" with a number near the largest.
const NO_LIMIT: u64 = 1 << 60;

impl Cgroup {
    /// `groups` is the content of `/proc/self/cgroup`. Inside a container its paths may be those of the host: then the group
    /// is what is mounted at the root.
    fn find(mount: &Path, groups: &str) -> Option<Self> {
        let mut found = None;
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let path = path.trim_start_matches('/');
            if id == "0" && controllers.is_empty() {
                let group = [mount.join(path), mount.to_owned()].into_iter().find(|folder| folder.join("memory.max").exists());
                found = found.or(group.map(|folder| Self {
                    limit: folder.join("memory.max"),
                    usage: folder.join("memory.current"),
                    stat: folder.join("memory.stat"),
                    files: ["inactive_file ", "active_file "],
                }));
            } else if controllers.split(',').any(|controller| controller == "memory") {
                let mount = mount.join("memory");
                let group = [mount.join(path), mount].into_iter().find(|folder| folder.join("memory.limit_in_bytes").exists());
                found = group.map(|folder| Self {
                    limit: folder.join("memory.limit_in_bytes"),
                    usage: folder.join("memory.usage_in_bytes"),
                    stat: folder.join("memory.stat"),
                    files: ["total_inactive_file ", "total_active_file "],
                });
            }
        }
        found
    }

    fn usage(&self) -> Option<Usage> {
        let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let limit = number(&self.limit).filter(|limit| (1..NO_LIMIT).contains(limit))?;
        let stat = fs::read_to_string(&self.stat).ok()?;
        let files = self.files.iter().filter_map(|key| stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok()));
        Some(Usage { used: number(&self.usage)?.saturating_sub(files.sum()), limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn a_process_has_a_size() {
        assert_eq!(resident("VmSize:\t  900 kB\nVmRSS:\t  12 kB\nThreads:\t4\n"), Some(12 << 10));
        let usage = Memory { cgroup: None }.usage(Some(1 << 30)).unwrap();
        assert!(usage.used > 100 << 10 && usage.limit == 1 << 30, "{usage:?}");
        assert_eq!(Memory { cgroup: None }.usage(None), None);
    }

    #[test]
    fn version_2_inside_and_outside_of_a_container() {
        let files = [
            ("memory.max", "268435456\n"),
            ("memory.current", "200000000\n"),
            ("memory.stat", "anon 1\ninactive_file 50000000\nactive_file 10000000\n"),
        ];
        let expected = Usage { used: 140_000_000, limit: 256 << 20 };
        let inside = folder(&files);
        assert_eq!(Cgroup::find(inside.path(), "0::/\n").unwrap().usage(), Some(expected));
        assert_eq!(Cgroup::find(inside.path(), "0::/kubepods/pod1/abc\n").unwrap().usage(), Some(expected));
        let (mount, group) = (inside.path().parent().unwrap(), inside.path().file_name().unwrap().display());
        assert_eq!(Cgroup::find(mount, &format!("0::/{group}\n")).unwrap().usage(), Some(expected));
    }

    #[test]
    fn version_1_and_no_limit() {
        let groups = "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n";
        let limited = folder(&[
            ("memory/memory.limit_in_bytes", "104857600\n"),
            ("memory/memory.usage_in_bytes", "50000000\n"),
            ("memory/memory.stat", "inactive_file 7\ntotal_inactive_file 1000000\ntotal_active_file 0\n"),
        ]);
        let usage = Cgroup::find(limited.path(), groups).unwrap().usage();
        assert_eq!(usage, Some(Usage { used: 49_000_000, limit: 100 << 20 }));
        let unlimited = folder(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/memory.usage_in_bytes", "50000000\n"),
            ("memory/memory.stat", ""),
        ]);
        assert_eq!(Cgroup::find(unlimited.path(), groups).unwrap().usage(), None);
        let version_2 = folder(&[("memory.max", "max\n"), ("memory.current", "1\n"), ("memory.stat", "")]);
        assert_eq!(Cgroup::find(version_2.path(), "0::/\n").unwrap().usage(), None);
        assert!(Cgroup::find(version_2.path(), "").is_none());
    }
}
