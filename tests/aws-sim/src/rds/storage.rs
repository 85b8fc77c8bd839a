//! An instance's storage, and the valid combinations of type, size and performance.

use super::engines::Engine;
use crate::fault::{Fault, Outcome};

/// The storage of an instance, or of a snapshot's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    pub(crate) gib: u32,
    pub(crate) kind: String,
    pub(crate) iops: Option<u32>,
    /// In MiB/s.
    pub(crate) throughput: Option<u32>,
}

/// The storage parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) gib: Option<u32>,
    pub(super) kind: Option<&'a str>,
    pub(super) iops: Option<u32>,
    pub(super) throughput: Option<u32>,
}

impl<'a> Wanted<'a> {
    pub(super) fn read(query: &'a crate::query::Query) -> Outcome<Self> {
        Ok(Self {
            gib: query.number("AllocatedStorage")?,
            kind: query.text("StorageType"),
            iops: query.number("Iops")?,
            throughput: query.number("StorageThroughput")?,
        })
    }

    pub(super) fn anything(&self) -> bool {
        self.gib.is_some() || self.kind.is_some() || self.iops.is_some() || self.throughput.is_some()
    }

    /// The type, by default io1 with Iops, otherwise gp3 (RDS API Reference, RestoreDBInstanceFromDBSnapshot,
    /// StorageType). Iops of 0 turn provisioned performance off (same page, Iops).
    pub(super) fn kind(&self) -> &'a str {
        self.kind.unwrap_or(if self.iops.is_some_and(|iops| iops > 0) { "io1" } else { "gp3" })
    }
}

impl Storage {
    /// gp3 storage with its baseline performance.
    pub(crate) fn usual(engine: &Engine, gib: u32) -> Self {
        let (iops, throughput) = baseline(engine, gib);
        Self { gib, kind: "gp3".to_owned(), iops: Some(iops), throughput: Some(throughput) }
    }

    /// The same size with another type and without provisioned performance, for databases that are set up.
    pub(crate) fn of_kind(self, kind: &str) -> Self {
        if kind == self.kind {
            return self;
        }
        Self { kind: kind.to_owned(), iops: None, throughput: None, ..self }
    }

    /// Checks that a storage configuration is valid (RDS User Guide, Amazon RDS DB instance storage).
    ///
    /// UNSOURCED where no text is quoted: the codes. The API Reference also says that gp3 needs Iops; in practice Iops
    /// are refused below the striping threshold, and have a default above it.
    pub(super) fn checked(
        engine: &Engine,
        gib: u32,
        kind: &str,
        iops: Option<u32>,
        throughput: Option<u32>,
    ) -> Outcome<Self> {
        let iops = iops.filter(|iops| *iops > 0);
        let made = |iops, throughput| Ok(Self { gib, kind: kind.to_owned(), iops, throughput });
        let smallest = if kind.starts_with("io") && !engine.sql_server() { 100 } else { 20 };
        match kind {
            "gp2" | "gp3" | "io1" | "io2" => {}
            // Magnetic storage can be neither created nor restored since 2026-07-01 (RDS User Guide, Magnetic storage).
            "standard" => {
                return Err(Fault::bad(
                    "StorageTypeNotSupported",
                    "Magnetic storage (standard) can no longer be used.",
                ));
            }
            other => return Err(Fault::value(format!("Invalid storage type: {other}"))),
        }
        if !(smallest..=engine.largest_gib).contains(&gib) {
            return Err(Fault::combination(format!(
                "Invalid storage size for engine name {} and storage type {kind}: {gib}",
                engine.name
            )));
        }
        if throughput.is_some() && kind != "gp3" {
            return Err(Fault::combination("You can specify StorageThroughput only for the gp3 storage type."));
        }
        match kind {
            "gp2" if iops.is_some() => Err(Fault::combination("You can't specify IOPS for the gp2 storage type.")),
            "gp2" => made(None, None),
            "gp3" => {
                let (usual_iops, usual_throughput) = baseline(engine, gib);
                if let Some(threshold) = engine.striped_from.filter(|threshold| gib < *threshold)
                    && (iops.is_some() || throughput.is_some())
                {
                    // The text has been seen in practice.
                    return Err(Fault::combination(format!(
                        "You can't specify IOPS or storage throughput for engine {} and a storage size less than {threshold}.",
                        engine.name
                    )));
                }
                let (iops, throughput) = (iops.unwrap_or(usual_iops), throughput.unwrap_or(usual_throughput));
                let (most_iops, most_throughput) =
                    if engine.striped_from.is_some() { (64_000, 4_000) } else { (16_000, 1_000) };
                // At most 0.25 MiB/s for each of the IOPS, and 500 IOPS for each GiB.
                if !(usual_iops..=most_iops).contains(&iops)
                    || !(usual_throughput..=most_throughput).contains(&throughput)
                    || throughput * 4 > iops
                    || iops > gib * 500
                {
                    return Err(Fault::combination(format!(
                        "Invalid iops {iops} or storage throughput {throughput} for engine name {}, storage type gp3 and {gib} GiB",
                        engine.name
                    )));
                }
                made(Some(iops), Some(throughput))
            }
            _ => {
                let Some(iops) = iops else {
                    return Err(Fault::combination(format!("You must specify Iops for the {kind} storage type.")));
                };
                let most_per_gib = if kind == "io1" { 50 } else { 1_000 };
                let least_per_two_gib = if engine.sql_server() { 2 } else { 1 };
                if !(1_000..=256_000).contains(&iops) {
                    return Err(Fault::combination(format!("Invalid iops for storage type {kind}: {iops}")));
                }
                if iops > gib.saturating_mul(most_per_gib) || iops * 2 < gib * least_per_two_gib {
                    // The text has been seen in practice.
                    return Err(Fault::combination(format!(
                        "Invalid iops to storage (GB) ratio for engine name {} and storage type {kind}: {:.4}",
                        engine.name,
                        f64::from(iops) / f64::from(gib)
                    )));
                }
                made(Some(iops), None)
            }
        }
    }

    /// The storage after a restore: larger if requested, by at least 10 %, but not for SQL Server (RDS User Guide,
    /// Restoring to a DB instance; RDS API Reference, RestoreDBInstanceFromDBSnapshot, AllocatedStorage).
    pub(super) fn restored(&self, engine: &Engine, wanted: &Wanted<'_>) -> Outcome<Self> {
        if self.kind == "standard" {
            return Err(Fault::bad(
                "StorageTypeNotSupported",
                "A snapshot of magnetic storage can no longer be restored.",
            ));
        }
        let gib = wanted.gib.unwrap_or(self.gib);
        if gib != self.gib && engine.sql_server() {
            return Err(Fault::combination("AllocatedStorage can't be changed when SQL Server is restored."));
        }
        if gib < self.gib {
            return Err(Fault::combination(format!(
                "Invalid allocated storage: {gib} GiB is less than the snapshot's {} GiB.",
                self.gib
            )));
        }
        if gib > self.gib && gib < least_increase(self.gib) {
            return Err(Fault::combination(format!(
                "Invalid allocated storage: {gib} GiB is not at least 10 percent more than the snapshot's {} GiB.",
                self.gib
            )));
        }
        let kind = wanted.kind();
        // "If this parameter isn't specified, the IOPS value is taken from the backup" (same page, Iops), if the
        // storage type is the same and supports it.
        let same = kind == self.kind && wanted.iops.is_none();
        let kept = same && (kind != "gp3" || engine.striped_from.is_none_or(|threshold| self.gib >= threshold));
        let iops = if kept { self.iops } else { wanted.iops };
        let throughput = wanted.throughput.or(if kept { self.throughput } else { None });
        Self::checked(engine, gib, kind, iops, throughput)
    }

    /// The storage after a modification. An increase of less than 10 % is rounded up to 10 % (RDS API Reference,
    /// ModifyDBInstance, AllocatedStorage).
    pub(super) fn modified(&self, engine: &Engine, wanted: &Wanted<'_>) -> Outcome<Self> {
        let gib = match wanted.gib {
            Some(gib) if gib < self.gib => {
                return Err(Fault::combination(format!(
                    "Invalid storage size: the allocated storage can't be decreased from {} GiB to {gib} GiB.",
                    self.gib
                )));
            }
            Some(gib) if gib > self.gib && !engine.sql_server() => gib.max(least_increase(self.gib)),
            other => other.unwrap_or(self.gib),
        };
        // The type changes to io1 when Iops are given for gp2, and otherwise stays (same page, StorageType).
        let kind = match (wanted.kind, wanted.iops) {
            (Some(kind), _) => kind,
            (None, Some(iops)) if iops > 0 && self.kind == "gp2" => "io1",
            (None, _) => &self.kind,
        };
        let threshold = engine.striped_from.unwrap_or(0);
        let kept = kind == self.kind && (kind != "gp3" || self.gib >= threshold);
        let iops = wanted.iops.or(if kept { self.iops } else { None });
        let throughput = wanted.throughput.or(if kept { self.throughput } else { None });
        // "When you increase the allocated storage for a DB instance that uses Provisioned IOPS, you must also specify
        // the Iops parameter", and vice versa (same page). gp3 below the threshold has no Iops to specify.
        let provisioned = kind == self.kind && matches!(kind, "io1" | "io2");
        if provisioned && gib > self.gib && wanted.iops.is_none() {
            return Err(Fault::combination("You must specify Iops when you increase the allocated storage."));
        }
        if provisioned && iops > self.iops && wanted.gib.is_none() {
            return Err(Fault::combination("You must specify AllocatedStorage when you increase the Iops."));
        }
        Self::checked(engine, gib, kind, iops, throughput)
    }
}

/// The default IOPS and throughput of gp3.
fn baseline(engine: &Engine, gib: u32) -> (u32, u32) {
    match engine.striped_from {
        Some(threshold) if gib >= threshold => (12_000, 500),
        _ => (3_000, 125),
    }
}

/// The least size that is 10 % larger.
pub(super) fn least_increase(gib: u32) -> u32 {
    gib + gib.div_ceil(10)
}
