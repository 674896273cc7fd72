//! Writes: one operation or a batch, from the user's bytes to the commit pipeline.
//!
//! 1. Refuse what cannot be written: a closed or read-only database, a key or value too long, a dropped keyspace, one
//!    without room ([`crate::limits`]).
//! 2. Pay for the pressure, and wait if the memtables are at their cap; both before any lock is taken.
//! 3. Look where it will go, and encode into this thread's ticket, whose buffers are reused from write to write.
//! 4. [`Pipeline::commit`](crate::commit::Pipeline::commit).
//!
//! A failed sync turns the database read-only (INV-LIFE-2); any other failure concerns the failed group alone.
//!
//! Not here: how a group is logged, applied and published ([`crate::commit`]).

use std::cell::RefCell;
use std::sync::Arc;

use esker_format::batch::{BatchReader, Operation, put_operation};

use crate::background;
use crate::batch::{Operations, check_lengths};
use crate::commit::ticket::{Committed, Request, Ticket, Touch};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::limits;
use crate::options::Durability;
use crate::signal::{BUFFERED, MEASURE, WORK};
use crate::state::KeyspaceState;

/// How many operations of a batch are looked for ahead: what their places take should not outgrow the caches before they
/// are applied.
const LOOKS: usize = 1024;

type KeyspaceTicket = Ticket<Arc<KeyspaceState>>;

thread_local! {
    /// This thread's place in commit queues.
    static TICKET: RefCell<Option<Arc<KeyspaceTicket>>> = const { RefCell::new(None) };
}

/// Writes one operation.
pub(crate) fn write_one(
    core: &Arc<Core>,
    keyspace: &Arc<KeyspaceState>,
    operation: Operation,
    key: &[u8],
    value: &[u8],
    durability: Durability,
) -> Result<()> {
    core.health.check_writable()?;
    check_lengths(key, value)?;
    let bytes = key.len() + value.len();
    if keyspace.is_special() {
        limits::admit_one(keyspace, operation, bytes)?;
    }
    admit(core, bytes)?;
    let place = keyspace.tree.look(key);
    let ticket = take_ticket();
    let mut request = ticket.request();
    request.durability = durability;
    request.count = 1;
    request.places.push(place);
    put_operation(&mut request.payload, keyspace.id, operation, key, value);
    let touch = Touch { id: keyspace.id, keyspace: Arc::clone(keyspace), entries: 1, key_value_bytes: bytes };
    request.touches.push(touch);
    let outcome = core.pipeline.commit(&ticket, request);
    put_back(ticket);
    finish(core, outcome, durability)
}

/// Writes a batch: all of it, visible at once, or nothing.
pub(crate) fn write_batch(core: &Arc<Core>, batch: &mut Operations, durability: Durability) -> Result<()> {
    core.health.check_writable()?;
    batch.check(core.options.max_batch_bytes)?;
    if batch.count == 0 {
        return if durability == Durability::Sync { persist(core, durability) } else { Ok(()) };
    }
    admit(core, batch.payload.len())?;
    let ticket = take_ticket();
    let mut request = ticket.request();
    request.durability = durability;
    let outcome = match fill(core, &mut request, batch) {
        Ok(()) => {
            look(&mut request);
            core.pipeline.commit(&ticket, request)
        }
        Err(error) => {
            request.clear();
            drop(request);
            Err(error)
        }
    };
    put_back(ticket);
    finish(core, outcome, durability)
}

/// Looks where the first operations of a batch will go.
fn look(request: &mut Request<Arc<KeyspaceState>>) {
    let Request { payload, count, touches, places, .. } = request;
    for operation in BatchReader::new(payload, *count).take(LOOKS).flatten() {
        let touch = touches.iter().find(|touch| touch.id == operation.keyspace);
        places.extend(touch.map(|touch| touch.keyspace.tree.look(operation.key)));
    }
}

/// Hands everything buffered to the operating system, or to the device.
pub(crate) fn persist(core: &Core, durability: Durability) -> Result<()> {
    core.health.check_open()?;
    note(core, core.pipeline.persist(durability))
}

/// Moves a batch into a request.
fn fill(core: &Core, request: &mut Request<Arc<KeyspaceState>>, batch: &mut Operations) -> Result<()> {
    for share in &batch.shares {
        let keyspace = core.registry.get(share.id);
        let keyspace = keyspace.ok_or_else(|| Error::KeyspaceDropped { name: format!("#{}", share.id) })?;
        if keyspace.is_limited() {
            limits::admit_batch(&keyspace, &batch.payload, batch.count)?;
        }
        request.touches.push(Touch {
            id: share.id,
            keyspace,
            entries: share.entries,
            key_value_bytes: share.key_value_bytes,
        });
    }
    std::mem::swap(&mut request.payload, &mut batch.payload);
    request.count = batch.count;
    Ok(())
}

/// After a write: what the background should know, and what became of it.
#[inline]
fn finish(core: &Arc<Core>, outcome: Result<Committed>, durability: Durability) -> Result<()> {
    let signal = core.signal();
    if durability == Durability::Buffered {
        signal.raise(BUFFERED);
    }
    if !core.has_threads() && signal.flags() & WORK != 0 {
        // The write itself is done: what fails here turns the database read-only and says so at the next one.
        let _ = background::run_inline(core);
    }
    note(core, outcome).map(|_: Committed| ())
}

/// Slows the writer down as far as the pressure asks.
#[inline]
fn admit(core: &Arc<Core>, bytes: usize) -> Result<()> {
    let signal = core.signal();
    if signal.flags() & MEASURE != 0 && signal.lower(MEASURE) != 0 {
        core.measure();
    }
    core.backpressure.pay(bytes);
    if core.backpressure.is_full() { wait_for_memory(core) } else { Ok(()) }
}

#[cold]
fn wait_for_memory(core: &Arc<Core>) -> Result<()> {
    if core.has_threads() {
        core.signal().raise(WORK);
        core.backpressure.wait_for_memory(&|| core.health.check_writable())
    } else {
        background::run_inline(core)
    }
}

/// Remembers a failed sync.
#[inline]
pub(crate) fn note<T>(core: &Core, outcome: Result<T>) -> Result<T> {
    if let Err(error @ Error::Indeterminate { .. }) = &outcome {
        core.fail(Error::clone(error));
    }
    outcome
}

fn take_ticket() -> Arc<KeyspaceTicket> {
    TICKET.with_borrow_mut(Option::take).unwrap_or_else(|| Arc::new(Ticket::new()))
}

fn put_back(ticket: Arc<KeyspaceTicket>) {
    TICKET.with_borrow_mut(|place| *place = Some(ticket));
}
