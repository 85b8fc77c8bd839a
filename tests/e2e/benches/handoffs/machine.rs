//! What a run takes of this machine.

use std::time::{Duration, Instant};

/// A run under way.
#[derive(Debug)]
pub(crate) struct Run(Instant);

/// What it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// The most that was resident at once, in MiB; 0 where the system does not say.
    pub(crate) memory: u64,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "it measures the machine, whose clock is not paused")]
    pub(crate) fn begin() -> Self {
        // Linux forgets the highest mark so far (proc(5), /proc/pid/clear_refs); elsewhere it stays.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self(Instant::now())
    }

    pub(crate) fn end(self) -> Took {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let kib: u64 = highest.and_then(|kib| kib.trim().parse().ok()).unwrap_or_default();
        Took { wall: self.0.elapsed(), memory: kib / 1024 }
    }
}
