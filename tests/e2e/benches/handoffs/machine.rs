//! The wall time and memory of a run on this machine.

use std::time::{Duration, Instant};

/// A run that is being measured.
#[derive(Debug)]
pub(crate) struct Run(Instant);

/// The wall time and memory that a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// The peak resident memory in MiB; 0 where the system does not report it.
    pub(crate) memory: u64,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "it measures the machine, whose clock is not paused")]
    pub(crate) fn begin() -> Self {
        // Resets the peak on Linux (proc(5), /proc/pid/clear_refs); elsewhere this fails and is ignored.
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
