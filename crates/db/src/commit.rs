//! THE WRITE PATH: from an encoded request to an acknowledged, visible write.
//!
//! A writer encodes its operations into the [`Request`] of its [`Ticket`], looks where they will go in the memtables, so
//! that the memory is fetched while it goes on, and calls [`Pipeline::commit`]; all this outside of any lock. Two locks order everything behind it, taken hand over hand: the *log lock* (its holder is the
//! leader) and the *apply lock*.
//!
//! 1. **Lead or follow.** Whoever finds the log lock free takes it and leads, with no queue and no handoff: that is an
//!    uncontended write. Everyone else queues the ticket, looks for a moment whether the lock comes free, and sleeps.
//!    A leader takes what is queued (up to 1 MiB) into its group. Whoever lets go of the log lock while someone is
//!    queued promotes the first one to lead, so nobody sleeps without a leader (INV-COMMIT-5).
//! 2. **Reserve** memtable space for the whole group in every keyspace that it touches; a memtable without enough room
//!    is sealed here. As that happens under the log lock, all sequence numbers below the present one are in the old
//!    memtable and all from it on in the new one (INV-COMMIT-2).
//! 3. **Number and append.** Sequence numbers and the place in the log are taken together, one number for each
//!    operation. One frame holds the group. If it cannot be appended, the whole group fails, nothing was applied, and
//!    its numbers are burnt (INV-COMMIT-3).
//! 4. **Apply.** The apply lock is taken *before* the log lock is let go, so groups are applied in log order, while
//!    the next leader already writes its frame. Applying cannot fail: the room was reserved (INV-COMMIT-1).
//! 5. **Publish** the last number + 1, once for the group, still under the apply lock: so in order (INV-COMMIT-4), and
//!    a batch becomes visible as a whole, across keyspaces.
//! 6. **Acknowledge.** Followers are told; a `Sync` writer then waits for the device ([`LogSync::sync_to`]), holding
//!    no lock: readers may see its write before it is durable, and an `Os` write never waits for a sync (INV-COMMIT-6).
//!
//! Lock order: log → apply; log → queue; the queue's and the tickets' mutexes are leaves. The environment is a trait, so
//! that all of this is tested without a database.
//!
//! Not here: the locks and the queue before them ([`line`]); waiting for memory, which must happen before the log lock ([`crate::backpressure`]); frames and segments
//! ([`crate::wal::writer`]); memtables (`esker_tree`).

use std::sync::{Arc, MutexGuard};

use esker_format::batch::BatchReader;
use esker_format::checksum::key_hash;
use esker_format::ids::KeyspaceId;
use esker_mem::kind::Kind;
use esker_mem::memtable::Place;
use esker_mem::seqno::SeqNo;

use crate::commit::line::Line;
use crate::commit::ticket::{Committed, Request, Ticket, Touch, share};
use crate::error::Result;
use crate::options::{Durability, PlantedBug};
use crate::wal::sync::LogSync;
use crate::wal::writer::LogWriter;

pub(crate) mod line;
pub(crate) mod ticket;

/// What the pipeline asks of the database around it.
pub(crate) trait Environment: Send + Sync {
    /// Where operations of one keyspace go.
    type Keyspace: Send;
    /// Room in a memtable. Dropped when everything is applied.
    type Reservation;
    /// The right to fill that room.
    type Inserter<'a>
    where
        Self: 'a;

    /// Room for so many entries with so many bytes of keys and values, beside what is reserved and not yet released: the
    /// group before may still be being applied. Never waits.
    fn reserve(
        &self,
        keyspace: &Self::Keyspace,
        entries: usize,
        key_value_bytes: usize,
    ) -> Result<Self::Reservation>;

    /// The room will not be used. Under the log lock, as `reserve`.
    fn cancel(&self, keyspace: &Self::Keyspace, entries: usize, key_value_bytes: usize);

    /// The room was used. Under the apply lock, once for each keyspace of each request of the group.
    fn release(&self, keyspace: &Self::Keyspace, entries: usize, key_value_bytes: usize);

    /// Begins to fill the room.
    fn begin<'a>(&'a self, room: &'a Self::Reservation) -> Self::Inserter<'a>;

    /// Applies one operation; there is room for it. `place` is where the writer saw that it will go.
    fn insert(&self, inserter: &mut Self::Inserter<'_>, entry: &Entry<'_>);

    /// Deletes the keys from `start` up to and without `end`; there is room for an entry with both.
    fn remove_range(&self, inserter: &mut Self::Inserter<'_>, start: &[u8], end: &[u8], seqno: SeqNo);

    /// Everything below `next_seqno` may be read from now on.
    fn publish(&self, next_seqno: SeqNo);

    /// A frame went to the log. `wants_segment` says, once per segment, that the next one should be prepared. Called
    /// without the log lock; must not wait.
    fn appended(&self, wants_segment: bool);

    /// The fault to commit on purpose, if any.
    fn planted_bug(&self) -> Option<PlantedBug> {
        None
    }
}

/// One operation on its way into a memtable.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) place: Place,
    pub(crate) seqno: SeqNo,
    pub(crate) kind: Kind,
    pub(crate) value: &'a [u8],
}

/// What the log lock guards.
pub(crate) struct LogStage {
    pub(crate) writer: LogWriter,
    pub(crate) next_seqno: SeqNo,
    /// The payload of a group of several requests.
    group_payload: Vec<u8>,
}

/// The commit pipeline of one database.
pub(crate) struct Pipeline<E: Environment> {
    environment: E,
    line: Line<LogStage, E::Keyspace>,
    sync: Arc<LogSync>,
}

/// Something for each keyspace of a group; one keyspace, the usual case, needs no allocation.
struct PerKeyspace<T> {
    first: Option<(KeyspaceId, T)>,
    more: Vec<(KeyspaceId, T)>,
}

/// How much a group writes to a keyspace.
struct Total<'a, K> {
    keyspace: &'a K,
    entries: usize,
    key_value_bytes: usize,
}

impl<E: Environment> Pipeline<E> {
    /// A pipeline that goes on from `next_seqno`.
    pub(crate) fn new(environment: E, writer: LogWriter, next_seqno: SeqNo) -> Self {
        let sync = Arc::clone(writer.sync());
        Self {
            environment,
            line: Line::new(LogStage { writer, next_seqno, group_payload: Vec::new() }),
            sync,
        }
    }

    /// The environment.
    pub(crate) fn environment(&self) -> &E {
        &self.environment
    }

    /// The written and the synced end of the log.
    pub(crate) fn sync(&self) -> &LogSync {
        &self.sync
    }

    /// Writes `request`, which is the ticket's; returns when it is visible, and as durable as it asks. The request is
    /// empty afterwards.
    pub(crate) fn commit(
        &self,
        ticket: &Arc<Ticket<E::Keyspace>>,
        mut request: MutexGuard<'_, Request<E::Keyspace>>,
    ) -> Result<Committed> {
        let durability = request.durability;
        let outcome = match self.line.try_lead_awhile() {
            Some(log) => {
                let outcome = self.lead(log, Some(&request));
                request.clear();
                outcome
            }
            None => {
                let payload_len = request.payload.len();
                drop(request);
                let outcome = self.line.follow(ticket, payload_len, |log| {
                    // The outcome reaches us through the ticket, like everyone else's.
                    let _ = self.lead(log, None);
                });
                ticket.request().clear();
                outcome
            }
        };
        let committed = outcome?;
        if durability == Durability::Sync {
            self.sync.sync_to(committed.lsn)?;
        }
        Ok(committed)
    }

    /// Runs `work` under the log lock: no sequence number is taken meanwhile, and everything numbered before has its
    /// memtable (a *commit barrier*).
    pub(crate) fn at_barrier<T>(&self, work: impl FnOnce(&mut LogStage) -> T) -> T {
        let mut log = self.line.lock();
        let result = work(&mut log);
        self.line.let_go(log);
        result
    }

    /// Runs `work` in a slot of its own in the order of commits: every group before it is applied and published, and none
    /// after it is numbered. Numbers that `work` takes are published with it. Writers wait meanwhile.
    pub(crate) fn at_slot<T>(&self, work: impl FnOnce(&mut LogStage) -> Result<T>) -> Result<T> {
        let mut log = self.line.lock();
        // Only with this are the groups before it applied.
        let applying = self.line.wait_for_applied(&log);
        let result = work(&mut log);
        if result.is_ok() {
            self.environment.publish(log.next_seqno);
        }
        drop(applying);
        self.line.let_go(log);
        result
    }

    /// Hands everything buffered to the operating system, and to the device if asked.
    pub(crate) fn persist(&self, durability: Durability) -> Result<()> {
        if durability == Durability::Buffered {
            return Ok(());
        }
        let point = self.at_barrier(|log| log.writer.drain())?;
        if durability == Durability::Sync { self.sync.sync_to(point.lsn) } else { Ok(()) }
    }

    /// Makes the log durable past every number below `seqno`.
    pub(crate) fn sync_seqno(&self, seqno: SeqNo) -> Result<()> {
        self.sync.check()?;
        if self.sync.synced().next_seqno >= seqno { Ok(()) } else { self.persist(Durability::Sync) }
    }

    /// Commits the own request, if any, and what is queued. Gives the outcome of the own one.
    fn lead(&self, log: MutexGuard<'_, LogStage>, own: Option<&Request<E::Keyspace>>) -> Result<Committed> {
        let followers = self.line.take_queued();
        if followers.is_empty() {
            return match own {
                Some(own) => self.commit_group(log, &[own]),
                None => {
                    let nothing = Committed { lsn: log.writer.end_lsn(), next_seqno: log.next_seqno };
                    self.line.let_go(log);
                    Ok(nothing)
                }
            };
        }
        let requests: Vec<_> = followers.iter().map(|follower| follower.request()).collect();
        let group: Vec<&Request<E::Keyspace>> =
            own.into_iter().chain(requests.iter().map(|request| &**request)).collect();
        let outcome = self.commit_group(log, &group);
        drop(group);
        drop(requests);
        for follower in &followers {
            follower.finish(share(&outcome));
        }
        outcome
    }

    /// Steps 2 to 5.
    fn commit_group(
        &self,
        mut log: MutexGuard<'_, LogStage>,
        group: &[&Request<E::Keyspace>],
    ) -> Result<Committed> {
        let rooms = match self.reserve(group) {
            Ok(rooms) => rooms,
            Err(error) => {
                self.line.let_go(log);
                return Err(error);
            }
        };
        if self.environment.planted_bug() == Some(PlantedBug::PublishBeforeAppend) {
            return Ok(self.commit_group_wrongly(&mut log, group, &rooms));
        }
        let first_seqno = log.next_seqno;
        let appended = log.append(group);
        let next_seqno = log.next_seqno;
        let wants_segment = log.writer.take_wish();
        let lsn = match appended {
            Ok(lsn) => lsn,
            Err(error) => {
                // INV-COMMIT-3: nothing of the group was applied, and its numbers are never used again.
                self.cancel(group);
                self.line.let_go(log);
                return Err(error);
            }
        };
        let applying = self.line.go_on_to_apply(log);
        self.environment.appended(wants_segment);
        self.apply(group, &rooms, first_seqno);
        self.environment.publish(next_seqno);
        self.release(group);
        drop(applying);
        Ok(Committed { lsn, next_seqno })
    }

    /// The order that must not be, for the test that shows that the crash harness sees it.
    #[cold]
    fn commit_group_wrongly(
        &self,
        log: &mut LogStage,
        group: &[&Request<E::Keyspace>],
        rooms: &PerKeyspace<E::Reservation>,
    ) -> Committed {
        let count: u64 = group.iter().map(|request| u64::from(request.count)).sum();
        self.apply(group, rooms, log.next_seqno);
        self.environment.publish(log.next_seqno + count);
        self.cancel(group);
        let appended = log.append(group);
        Committed { lsn: appended.unwrap_or(0), next_seqno: log.next_seqno }
    }

    /// Step 2: room for the whole group, keyspace by keyspace: all of it or none.
    fn reserve(&self, group: &[&Request<E::Keyspace>]) -> Result<PerKeyspace<E::Reservation>> {
        let mut totals: PerKeyspace<Total<'_, E::Keyspace>> = PerKeyspace::new();
        for touch in group.iter().flat_map(|request| &request.touches) {
            match totals.get_mut(touch.id) {
                Some(total) => total.add(touch),
                None => totals.add(touch.id, Total::of(touch)),
            }
        }
        let mut rooms = PerKeyspace::new();
        for (taken, (id, total)) in totals.iter().enumerate() {
            match self.environment.reserve(total.keyspace, total.entries, total.key_value_bytes) {
                Ok(room) => rooms.add(*id, room),
                Err(error) => {
                    for (_, total) in totals.iter().take(taken) {
                        self.environment.cancel(total.keyspace, total.entries, total.key_value_bytes);
                    }
                    return Err(error);
                }
            }
        }
        Ok(rooms)
    }

    /// The counterpart of [`Self::reserve`] for a group that is not applied.
    fn cancel(&self, group: &[&Request<E::Keyspace>]) {
        for touch in group.iter().flat_map(|request| &request.touches) {
            self.environment.cancel(&touch.keyspace, touch.entries, touch.key_value_bytes);
        }
    }

    /// The counterpart of [`Self::reserve`] for one that is.
    fn release(&self, group: &[&Request<E::Keyspace>]) {
        for touch in group.iter().flat_map(|request| &request.touches) {
            self.environment.release(&touch.keyspace, touch.entries, touch.key_value_bytes);
        }
    }

    /// Step 4. Each memtable is locked once for the group.
    fn apply(
        &self,
        group: &[&Request<E::Keyspace>],
        rooms: &PerKeyspace<E::Reservation>,
        first_seqno: SeqNo,
    ) {
        let mut inserters = PerKeyspace::new();
        for (id, room) in rooms.iter() {
            inserters.add(*id, self.environment.begin(room));
        }
        let mut seqno = first_seqno;
        for request in group {
            let mut places = request.places.iter();
            for operation in BatchReader::new(&request.payload, request.count) {
                // The payload was encoded by this process a moment ago.
                let Ok(operation) = operation else { unreachable!("a request is well-formed") };
                let place = places.next().copied();
                let (key, value) = (operation.key, operation.value);
                match (inserters.get_mut(operation.keyspace), operation.operation.kind()) {
                    (Some(inserter), Some(kind)) => {
                        let place = place.unwrap_or_else(|| Place::of_hash(key_hash(key)));
                        self.environment.insert(inserter, &Entry { key, place, seqno, kind, value });
                    }
                    (Some(inserter), None) => self.environment.remove_range(inserter, key, value, seqno),
                    (None, _) => {}
                }
                seqno += 1;
            }
        }
    }
}

impl LogStage {
    /// Logs an event, which is a batch by itself, for what has a slot of its own; returns its number. The operating system has
    /// it then. After an error it is not in the log.
    pub(crate) fn append_event(&mut self, batch: &[u8]) -> Result<SeqNo> {
        let seqno = self.next_seqno;
        // Used or burnt.
        self.next_seqno += 1;
        self.writer.append(seqno, 1, batch, true)?;
        Ok(seqno)
    }

    /// Step 3: numbers and a place in the log for the group, together. Returns the end of its frame.
    fn append<K>(&mut self, group: &[&Request<K>]) -> Result<u64> {
        let first_seqno = self.next_seqno;
        let count: u32 = group.iter().map(|request| request.count).sum();
        // Used or burnt: either way these numbers are gone.
        self.next_seqno += u64::from(count);
        let write_through = group.iter().any(|request| request.durability > Durability::Buffered);
        if let [one] = group {
            return self.writer.append(first_seqno, count, &one.payload, write_through);
        }
        self.group_payload.clear();
        for request in group {
            self.group_payload.extend_from_slice(&request.payload);
        }
        self.writer.append(first_seqno, count, &self.group_payload, write_through)
    }
}

impl<'a, K> Total<'a, K> {
    #[inline]
    const fn of(touch: &'a Touch<K>) -> Self {
        let Touch { keyspace, entries, key_value_bytes, .. } = touch;
        Self { keyspace, entries: *entries, key_value_bytes: *key_value_bytes }
    }

    fn add(&mut self, touch: &Touch<K>) {
        self.entries += touch.entries;
        self.key_value_bytes += touch.key_value_bytes;
    }
}

impl<T> PerKeyspace<T> {
    const fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    /// Adds what there is not yet.
    #[inline]
    fn add(&mut self, id: KeyspaceId, item: T) {
        match &self.first {
            None => self.first = Some((id, item)),
            Some(_) => self.more.push((id, item)),
        }
    }

    #[inline]
    fn get_mut(&mut self, id: KeyspaceId) -> Option<&mut T> {
        match &mut self.first {
            Some((first, item)) if *first == id => Some(item),
            _ => self.more.iter_mut().find(|(other, _)| *other == id).map(|(_, item)| item),
        }
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = &(KeyspaceId, T)> {
        self.first.iter().chain(&self.more)
    }
}

#[cfg(test)]
mod tests;
