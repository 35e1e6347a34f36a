//! Memory of one session: a part of what all queries may use together, so that one that asks for too
//! much ends with an error and not the server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryLimit, MemoryPool, MemoryReservation, UnboundedMemoryPool,
    human_readable_size,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

/// Most bytes of files that queries together may write when they run out of memory.
const SPILL_BYTES_MAX: u64 = 8 << 30;

/// What all queries of an engine share. `bytes_max`: most memory; `None`: no bound.
pub(crate) fn runtime(bytes_max: Option<usize>) -> Arc<RuntimeEnv> {
    let pool: Arc<dyn MemoryPool> = match bytes_max {
        Some(bytes) => Arc::new(GreedyMemoryPool::new(bytes)),
        None => Arc::new(UnboundedMemoryPool::default()),
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_max_temp_directory_size(SPILL_BYTES_MAX)
        .build_arc();
    runtime.unwrap_or_default()
}

/// The same with a bound for what one session works on at a time; `None`: as it is.
pub(crate) fn runtime_of_session(
    shared: &Arc<RuntimeEnv>,
    bytes_max: Option<usize>,
) -> Result<Arc<RuntimeEnv>> {
    let Some(max) = bytes_max else { return Ok(Arc::clone(shared)) };
    let pool =
        SessionPool { shared: Arc::clone(&shared.memory_pool), used: AtomicUsize::new(0), max };
    RuntimeEnvBuilder::from_runtime_env(shared).with_memory_pool(Arc::new(pool)).build_arc()
}

#[derive(Debug)]
struct SessionPool {
    shared: Arc<dyn MemoryPool>,
    used: AtomicUsize,
    max: usize,
}

impl fmt::Display for SessionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "query({} of {})",
            human_readable_size(self.reserved()),
            human_readable_size(self.max)
        )
    }
}

impl MemoryPool for SessionPool {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
        self.shared.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
        self.shared.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let fits = |used: usize| used.checked_add(additional).filter(|used| *used <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|used| {
            // Of this kind, because operators that can go on with files look for it.
            DataFusionError::ResourcesExhausted(format!(
                "the query needs more than the {} of memory that one may use: it had {} and asked for {} more",
                human_readable_size(self.max),
                human_readable_size(used),
                human_readable_size(additional),
            ))
        })?;
        self.shared.try_grow(reservation, additional).map_err(|_| {
            self.used.fetch_sub(additional, Ordering::Relaxed);
            DataFusionError::ResourcesExhausted(format!(
                "all queries together need more memory than they may use ({})",
                self.shared
            ))
        })
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;

    #[test]
    fn a_query_stays_within_its_own_part_and_the_common_one() {
        let shared = runtime(Some(100));
        let pool = |max| Arc::clone(&runtime_of_session(&shared, Some(max)).unwrap().memory_pool);
        let (one, two) = (pool(60), pool(60));
        let one = MemoryConsumer::new("one").register(&one);
        let two = MemoryConsumer::new("two").register(&two);
        one.try_grow(60).unwrap();
        assert!(one.try_grow(1).unwrap_err().to_string().contains("one may use"));
        two.try_grow(40).unwrap();
        assert!(two.try_grow(1).unwrap_err().to_string().contains("all queries together"));
        drop(one);
        two.try_grow(20).unwrap();
        drop(two);
        assert_eq!(shared.memory_pool.reserved(), 0);
    }
}
