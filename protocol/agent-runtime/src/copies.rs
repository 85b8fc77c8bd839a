//! Copies in flight: no more than AWS, the configuration and the quota of manual snapshots let there be.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use protocol::{Digest, Region, SnapshotId};

use crate::clients::Clients;
use crate::fault::Fault;
use crate::inventory::Snapshots;
use crate::line::{Claim, Line, Places, Turn};
use crate::pace::Pace;
use crate::quotas::Quotas;
use crate::snapshot::{SnapshotStatus, SnapshotView};
use crate::step::Working;

/// Who is first looks again this seldom when all that is in flight is watched by this process: whoever watches it wakes the first.
const SELDOM: Duration = Duration::from_hours(1);

/// AWS's one code for two quotas: of copies in flight and of manual snapshots.
pub const FULL: &str = "SnapshotQuotaExceeded";

/// Which copy; of which message, where several may ask for the same one.
pub type CopyKey = (SnapshotId, Option<Digest>);

/// Another bound than AWS's places: how many more may begin, what is waited for, until when.
#[derive(Debug, Clone)]
pub struct Bound {
    /// So many more may begin.
    pub left: usize,
    /// What is waited for, for a person.
    pub words: String,
    /// When there is more.
    pub until: Timestamp,
}

/// The copies of one account. One for each process.
#[derive(Debug)]
pub struct Copies<R> {
    /// Whether this process begins any: else it only looks.
    pub acts: std::cell::Cell<bool>,
    most: usize,
    pace: Pace,
    quotas: Quotas,
    lines: RefCell<BTreeMap<Region, Rc<Line<CopyKey, R>>>>,
    /// Copies in flight, as each Region was last seen.
    copying: RefCell<BTreeMap<Region, Vec<Rc<SnapshotView>>>>,
    /// Copies that a handoff of this process looks at.
    watched: RefCell<BTreeSet<SnapshotId>>,
}

impl<R: Ord + Clone> Copies<R> {
    /// At most so many in flight to each Region.
    pub fn new(clients: Clients, pace: &Pace, most: usize) -> Self {
        Self {
            acts: false.into(),
            most,
            pace: pace.clone(),
            quotas: Quotas::new(clients),
            lines: RefCell::default(),
            copying: RefCell::default(),
            watched: RefCell::default(),
        }
    }

    /// May this copy begin? Else it waits.
    ///
    /// # Errors
    /// When the quota cannot be read.
    pub async fn ask(
        &self,
        there: &Snapshots,
        region: &Region,
        key: &CopyKey,
        claim: Claim<R>,
        bound: Option<Bound>,
        now: Timestamp,
    ) -> Result<Option<Working>, Fault> {
        let mut bounds = vec![self.room(there, region, now).await?];
        bounds.extend(bound);
        let Some(tightest) = bounds.into_iter().min_by_key(|bound| bound.left) else { return Ok(None) };
        let line = self.line(region);
        let turn = self.places(there, region, tightest.left, |places| match self.acts.get() {
            true => line.ask(key, claim, places),
            false if line.free(places) == 0 => Turn::Behind { before: 0, room: tightest.left == 0 },
            false => Turn::In,
        });
        let Turn::Behind { before, room } = turn else { return Ok(None) };
        let until = match (before, room) {
            (0, true) => tightest.until,
            (0, false) => self.soonest(there, now),
            // Whoever is before it goes on first, and wakes it then.
            _ => Timestamp::MAX,
        };
        let words = if room { tightest.words } else { behind("a copy slot", before) };
        Ok(Some(Working { until: Some(until), ..Working::waiting_for(words) }))
    }

    /// How many may begin now.
    ///
    /// # Errors
    /// When the quota cannot be read.
    pub async fn free(&self, there: &Snapshots, region: &Region, now: Timestamp) -> Result<usize, Fault> {
        let (room, line) = (self.room(there, region, now).await?.left, self.line(region));
        Ok(self.places(there, region, room, |places| line.free(places)))
    }

    /// This process looks at a copy that goes on, or is there. Tells whether somebody waits for its place.
    pub fn watch(&self, copy: &SnapshotView) -> bool {
        let mut watched = self.watched.borrow_mut();
        if is_copying(copy) {
            watched.insert(copy.arn.snapshot.clone());
        } else {
            watched.remove(&copy.arn.snapshot);
        }
        self.waiting(&copy.arn.region) > 0
    }

    /// Whoever waits for a place that has come free is next.
    ///
    /// # Errors
    /// When the quota cannot be read.
    pub async fn look(&self, there: &Snapshots, region: &Region, now: Timestamp) -> Result<(), Fault> {
        let room = self.room(there, region, now).await?.left;
        let line = self.line(region);
        self.places(there, region, room, |places| line.look(places));
        Ok(())
    }

    /// What [`FULL`] means: where it is for want of a place or of room, the copy waits, and nobody need be told.
    ///
    /// # Errors
    /// When the quota cannot be read.
    pub async fn refused(
        &self,
        there: &Snapshots,
        region: &Region,
        key: Option<&CopyKey>,
        fault: Fault,
        now: Timestamp,
    ) -> Result<Fault, Fault> {
        self.quotas.doubt(region);
        let room = self.room(there, region, now).await?;
        if room.left == 0 {
            if let Some(key) = key {
                self.line(region).leave(key);
            }
            return Ok(fault.awaits(room.words));
        }
        let Some(key) = key else { return Ok(fault) };
        let in_flight = there.values().filter(|view| is_copying(view)).count();
        self.line(region).refused(key, in_flight);
        // AWS has one code for two quotas: where the other one is not known, somebody should look.
        let known = room.left != usize::MAX;
        Ok(if known || in_flight > 0 { fault.awaits("a copy slot") } else { fault })
    }

    /// A pass of a handoff has ended, perhaps with a fault that somebody must mend.
    pub fn walked(&self, region: &Region, key: &CopyKey, blocked: bool) {
        self.line(region).walked(key, blocked);
    }

    /// How many wait for a place.
    pub fn waiting(&self, region: &Region) -> usize {
        self.line(region).len()
    }

    /// How many manual snapshots more the account may have there. A person makes room: that is looked at again after a while.
    ///
    /// # Errors
    /// When the quota cannot be read.
    pub async fn room(&self, there: &Snapshots, region: &Region, now: Timestamp) -> Result<Bound, Fault> {
        let most = self.quotas.manual_snapshots(region, there.len()).await?;
        let quota = most.unwrap_or(usize::MAX);
        Ok(Bound {
            left: if most.is_none() { usize::MAX } else { quota.saturating_sub(there.len()) },
            words: format!("room for a manual snapshot in {region} (quota {quota}, all used; raise L-272F1212)"),
            until: later(now, self.pace.ceiling()),
        })
    }

    fn line(&self, region: &Region) -> Rc<Line<CopyKey, R>> {
        self.lines.borrow_mut().entry(region.clone()).or_default().clone()
    }

    fn places<T>(
        &self,
        there: &Snapshots,
        region: &Region,
        room: usize,
        of: impl FnOnce(&Places<'_, CopyKey>) -> T,
    ) -> T {
        let copying: Vec<_> = there.values().filter(|view| is_copying(view)).cloned().collect();
        let in_flight = copying.len();
        self.copying.borrow_mut().insert(region.clone(), copying);
        let copying = self.copying.borrow();
        of(&Places {
            in_flight,
            most: self.most,
            room,
            shown: &|key| there.contains_key(&key.0),
            busy: &|source| copying.values().flatten().any(|view| view.resource.as_ref() == Some(source)),
        })
    }

    /// When a copy may be done that no handoff of this process looks at.
    fn soonest(&self, there: &Snapshots, now: Timestamp) -> Timestamp {
        let watched = self.watched.borrow();
        let strange = there.values().filter(|view| is_copying(view) && !watched.contains(&view.arn.snapshot));
        let looks = strange.map(|view| {
            let working = Working { percent: view.percent, since: view.created, ..Working::new("") };
            self.pace.look_again(&working, now, Duration::ZERO)
        });
        later(now, looks.min().unwrap_or(SELDOM))
    }
}

/// A place in a line, for a person.
pub fn behind(what: &str, before: usize) -> String {
    if before == 0 { what.to_owned() } else { format!("{what}, {before} before it") }
}

/// A time that is so much later.
pub fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A copy in flight takes one of AWS's places. A snapshot that is being taken does not: it has no source, and is `creating`.
fn is_copying(view: &SnapshotView) -> bool {
    match &view.status {
        SnapshotStatus::Working(status) => match status.as_str() {
            "pending" | "copying" => true,
            "deleting" => false,
            _ => view.is_copy,
        },
        SnapshotStatus::Available | SnapshotStatus::Failed(_) => false,
    }
}
