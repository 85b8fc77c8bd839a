//! Reads that all handoffs of a process share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::fault::Fault;

/// Remembers the last read of each key. An entry serves as long as it is fresh enough for its purpose and this process has
/// not acted on its key since the read began.
#[derive(Debug)]
pub struct Shared<K, V> {
    slots: RefCell<BTreeMap<K, Rc<Slot<V>>>>,
}

#[derive(Debug)]
struct Slot<V> {
    /// Counts our acts. A read that began before the last one does not serve.
    acts: RefCell<u64>,
    /// Held while reading, so that handoffs that ask together cost one read.
    reading: Mutex<()>,
    last: RefCell<Option<Read<V>>>,
}

#[derive(Debug)]
struct Read<V> {
    began: Instant,
    acts: u64,
    value: Rc<V>,
}

impl<K: Ord + Clone, V> Shared<K, V> {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self { slots: RefCell::default() }
    }

    /// The last read if it is fresh, else a new one.
    ///
    /// # Errors
    /// The fault of the read; it is not remembered.
    pub async fn get(
        &self,
        key: &K,
        fresh: impl Fn(&V) -> Duration,
        read: impl AsyncFnOnce() -> Result<V, Fault>,
    ) -> Result<Rc<V>, Fault> {
        self.get_if(key, |value, began| began.elapsed() <= fresh(value), read).await
    }

    /// The last read if it is good enough, by its value and by when it began; else a new one.
    ///
    /// # Errors
    /// The fault of the read; it is not remembered.
    pub async fn get_if(
        &self,
        key: &K,
        good: impl Fn(&V, Instant) -> bool,
        read: impl AsyncFnOnce() -> Result<V, Fault>,
    ) -> Result<Rc<V>, Fault> {
        let slot = self.slot(key);
        let _reading = slot.reading.lock().await;
        let acts = *slot.acts.borrow();
        if let Some(last) = &*slot.last.borrow()
            && last.acts == acts
            && good(&last.value, last.began)
        {
            return Ok(last.value.clone());
        }
        let began = Instant::now();
        let value = Rc::new(read().await?);
        *slot.last.borrow_mut() = Some(Read { began, acts, value: value.clone() });
        Ok(value)
    }

    /// The last read, and when it began, however old it is.
    pub fn peek(&self, key: &K) -> Option<(Instant, Rc<V>)> {
        let slot = self.slot(key);
        let last = slot.last.borrow();
        last.as_ref().map(|last| (last.began, last.value.clone()))
    }

    /// What this process has made of it: as good as a read that begins now.
    pub fn put(&self, key: &K, value: V) {
        self.put_as_of(key, Instant::now(), value);
    }

    /// What this process has made of what it read at that time.
    pub fn put_as_of(&self, key: &K, began: Instant, value: V) {
        let slot = self.slot(key);
        let acts = *slot.acts.borrow();
        *slot.last.borrow_mut() = Some(Read { began, acts, value: Rc::new(value) });
    }

    /// This process has acted on the key: what was read before does not serve any more.
    pub fn acted(&self, key: &K) {
        *self.slot(key).acts.borrow_mut() += 1;
    }

    /// Nobody asks for it any more.
    pub fn forget(&self, key: &K) {
        self.slots.borrow_mut().remove(key);
    }

    fn slot(&self, key: &K) -> Rc<Slot<V>> {
        let mut slots = self.slots.borrow_mut();
        let new = || Rc::new(Slot { acts: RefCell::default(), reading: Mutex::new(()), last: RefCell::new(None) });
        slots.entry(key.clone()).or_insert_with(new).clone()
    }
}

impl<K: Ord + Clone, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn one_read_serves_all_until_it_is_old_or_we_have_acted() {
        let (shared, reads) = (Shared::<u8, u32>::new(), Cell::new(0));
        let get = || {
            shared.get(
                &1,
                |_| Duration::from_secs(5),
                async || {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    reads.set(reads.get() + 1);
                    Ok(reads.get())
                },
            )
        };
        let (one, two) = tokio::join!(get(), get());
        assert_eq!((*one.unwrap(), *two.unwrap(), reads.get()), (1, 1, 1));
        shared.acted(&1);
        assert_eq!(*get().await.unwrap(), 2);
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(*get().await.unwrap(), 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(*get().await.unwrap(), 3);
        let (during, ()) = tokio::join!(
            async {
                shared.acted(&1);
                get().await
            },
            async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                shared.acted(&1);
            }
        );
        assert_eq!(*during.unwrap(), 4);
        assert_eq!(*get().await.unwrap(), 5, "a read that began before our act does not serve after it");
    }
}
