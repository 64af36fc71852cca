//! The kernel's account of processes' CPU time.

use std::fs;
use std::time::Duration;

/// The length of a tick of `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// CPU time at one moment.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Of the threads that live, to the nanosecond.
    threads: Duration,
    /// Of the processes, their ended threads included, to the tick.
    processes: Duration,
}

impl Sample {
    /// Reads the account of processes, without their children.
    pub fn take(pids: &[u32]) -> Self {
        let mut sample = Self::default();
        for pid in pids {
            for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let nanoseconds = fs::read_to_string(thread.path().join("schedstat")).ok();
                let nanoseconds = nanoseconds.and_then(|text| text.split(' ').next()?.parse().ok());
                sample.threads += Duration::from_nanos(nanoseconds.unwrap_or_default());
            }
            sample.processes += TICK * ticks(*pid).unwrap_or_default();
        }
        sample
    }

    /// The time spent since `earlier`: exact, unless a thread has ended or the kernel keeps no `schedstat`.
    pub fn since(self, earlier: Self) -> Duration {
        let exact = self.threads.saturating_sub(earlier.threads);
        let coarse = self.processes.saturating_sub(earlier.processes);
        if coarse > exact + 4 * TICK { coarse } else { exact }
    }
}

/// User and system time (`proc(5)`: fields 14 and 15 of `stat`).
fn ticks(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
}
