//! Who begins now, and who waits: places for copies, and before them for source snapshots.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::copies::{Copies, CopyKey, behind, later};
use agent_runtime::inventory::Snapshots;
use agent_runtime::line::{Claim, Line, Places, Turn};
use agent_runtime::snapshot::{SnapshotStatus, SnapshotView};
use agent_runtime::{Clients, Fault, Working};
use jiff::Timestamp;
use protocol::names::SnapshotRole;
use protocol::{AccountId, DbIdentifier, HandoffId, Region, SnapshotId};
use tokio::time::Instant;

use crate::account::Account;
use crate::config::Settings;
use crate::moves::Move;

/// As in [`Move::rank`].
type Rank = (Reverse<i16>, Reverse<u32>, DbIdentifier, HandoffId);
/// Handoffs under way to one account and Region, from their snapshot to the end of their copy.
type UnderWay = Line<SnapshotId, Rank>;

/// Who is before another is given so long to ask before it.
const SOON: Duration = Duration::from_secs(30);

/// One for each process.
#[derive(Debug)]
pub(crate) struct Admission {
    copies: Copies<Rank>,
    under_way: RefCell<BTreeMap<(AccountId, Region), Rc<UnderWay>>>,
    /// Handoffs that have come to their copy, and since when.
    came: RefCell<BTreeMap<SnapshotId, Instant>>,
    /// As many as may be copied, and as many that wait for their places: a snapshot that is taken earlier is only older data.
    most_under_way: usize,
}

impl Admission {
    pub(crate) fn new(clients: &Clients, settings: &Settings) -> Self {
        let most = usize::from(settings.limits.copies_in_flight.get());
        let copies = Copies::new(clients.clone(), &settings.pace, most);
        Self { copies, under_way: RefCell::default(), came: RefCell::default(), most_under_way: 2 * most }
    }

    /// These come together: the first in rank goes first, whoever asks first.
    pub(crate) fn open(&self, moves: &[Move]) {
        self.copies.acts.set(true);
        for of in moves.iter().filter(|of| !of.begun) {
            self.line(of).enlist(&of.snapshot(SnapshotRole::Source), claim(of));
        }
    }

    /// May this handoff take its snapshot? Else it waits.
    pub(crate) async fn begins(&self, account: &Account, of: &Move) -> Result<Option<Working>, Fault> {
        let (home, key) = (&account.settings.region, of.snapshot(SnapshotRole::Source));
        let there = account.inventory.recent(home).await?;
        let room = self.copies.room(&there, home, account.clock.now()).await?;
        let places = Places {
            in_flight: 0,
            most: self.most_under_way,
            room: room.left,
            shown: &|key| there.contains_key(key),
            busy: &|_| false,
        };
        let turn = match self.copies.acts.get() {
            true => self.line(of).ask(&key, claim(of), &places),
            false if room.left == 0 => Turn::Behind { before: 0, room: true },
            false => Turn::In,
        };
        let Turn::Behind { before, room: full } = turn else { return Ok(None) };
        // Those that have taken their snapshot and wait go first.
        let words =
            if full { room.words } else { behind("a copy slot", before + self.copies.waiting(&of.route.region)) };
        let until = match before {
            0 if full => room.until,
            0 => later(account.clock.now(), Duration::from_hours(1)),
            _ => Timestamp::MAX,
        };
        Ok(Some(Working { until: Some(until), ..Working::waiting_for(words) }))
    }

    /// The snapshot is there, or being taken.
    pub(crate) fn begun(&self, of: &Move) {
        if self.copies.acts.get() {
            self.line(of).hold(&of.snapshot(SnapshotRole::Source), claim(of));
        }
    }

    /// May this copy begin? Else it waits.
    pub(crate) async fn copies(&self, account: &Account, of: &Move) -> Result<Option<Working>, Fault> {
        let region = &of.route.region;
        let there = account.inventory.recent(region).await?;
        let waits = self.gives_way(account, of, &there).await?;
        if waits.is_some() {
            return Ok(waits);
        }
        self.copies.ask(&there, region, &key(of), claim(of), None, account.clock.now()).await
    }

    /// Snapshots end together, and are seen one after another: those before it whose snapshot is complete are woken, and given time
    /// to ask first.
    async fn gives_way(&self, account: &Account, of: &Move, there: &Snapshots) -> Result<Option<Working>, Fault> {
        let (now, key) = (account.clock.now(), of.snapshot(SnapshotRole::Source));
        let came = *self.came.borrow_mut().entry(key).or_insert_with(Instant::now);
        let left = account.settings.pace.settle(SOON).saturating_sub(came.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        let taken = account.inventory.known(&account.settings.region).await?;
        let late = self.line(of).better(&claim(of).rank, |key| {
            let complete = taken.get(key).is_some_and(|view| view.status == SnapshotStatus::Available);
            complete && !self.came.borrow().contains_key(key)
        });
        let free = self.copies.free(there, &of.route.region, now).await?;
        if free == 0 || late.len() < free {
            return Ok(None);
        }
        for wake in &late {
            wake.notify_one();
        }
        let words = behind("a copy slot", late.len());
        Ok(Some(Working { until: Some(later(now, left)), ..Working::waiting_for(words) }))
    }

    /// The copy is there; complete or not.
    pub(crate) async fn copying(&self, account: &Account, of: &Move, copy: &SnapshotView) -> Result<(), Fault> {
        if !self.copies.watch(copy) {
            return Ok(());
        }
        let region = &of.route.region;
        let there = account.inventory.known(region).await?;
        self.copies.look(&there, region, account.clock.now()).await
    }

    /// The copy is complete: another handoff may take its snapshot.
    pub(crate) fn copied(&self, of: &Move) {
        let key = of.snapshot(SnapshotRole::Source);
        self.came.borrow_mut().remove(&key);
        self.line(of).leave(&key);
    }

    /// What a refusal in this Region means, of the snapshot or of the copy.
    pub(crate) async fn refused(&self, account: &Account, of: &Move, copy: bool, fault: Fault) -> Fault {
        let region = if copy { &of.route.region } else { &account.settings.region };
        if !copy {
            self.copied(of);
        }
        let meant = match account.inventory.snapshots(region, Duration::ZERO).await {
            Ok(there) => {
                let key = copy.then(|| key(of));
                self.copies.refused(&there, region, key.as_ref(), fault, account.clock.now()).await
            }
            Err(fault) => Err(fault),
        };
        meant.unwrap_or_else(|fault| fault)
    }

    /// A pass has ended; `over`: with a fault that somebody must mend, or the handoff is not offered any more.
    pub(crate) fn walked(&self, of: &Move, over: bool) {
        if over {
            self.came.borrow_mut().remove(&of.snapshot(SnapshotRole::Source));
        }
        self.copies.walked(&of.route.region, &key(of), over);
        self.line(of).walked(&of.snapshot(SnapshotRole::Source), over);
    }

    fn line(&self, of: &Move) -> Rc<UnderWay> {
        let route = (of.route.account.clone(), of.route.region.clone());
        self.under_way.borrow_mut().entry(route).or_insert_with(|| Rc::new(Line::keeping())).clone()
    }
}

fn key(of: &Move) -> CopyKey {
    (of.snapshot(SnapshotRole::Shared), None)
}

fn claim(of: &Move) -> Claim<Rank> {
    let (priority, size, database, id) = of.rank();
    Claim {
        sender: of.database.account.clone(),
        rank: (priority, size, database.clone(), id.clone()),
        source: of.resource.clone(),
        wake: of.wake.clone(),
    }
}
