//! Statements that make deep trees, and long lists.

use groma_query::STACK_BYTES;
use groma_store::LIVE;
use tokio::runtime::Builder;

use crate::world::WorldHandle;
use crate::written::ask;

/// As many times as goes; the words where the number stands are told apart.
fn many(item: &str, between: &str, count: usize) -> String {
    let items: Vec<_> = (0..count).map(|number| item.replace('#', &number.to_string())).collect();
    items.join(between)
}

#[test]
fn the_deepest_trees_that_are_taken_do_not_end_the_process_and_lists_may_be_long() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .unwrap();
    let deep = [
        format!("SELECT {}", many("1", " + ", 1_000)),
        format!("SELECT 1{}", "::int::bigint".repeat(490)),
        format!("DELETE FROM service.farm WHERE {}", many("id = '#'", " OR ", 1_000)),
        many("SELECT 1", " UNION ALL ", 245),
    ];
    let deeper = [
        format!("SELECT {}", many("1", " + ", 1_000_000)),
        format!("DELETE FROM service.farm WHERE {}", many("id = '#'", " OR ", 100_000)),
        many("SELECT 1", " UNION ALL ", 100_000),
    ];
    let lists = [
        format!("INSERT INTO service.farm (id) VALUES {}", many("('#')", ", ", 100_000)),
        format!("SELECT id FROM service.farm WHERE id IN ({})", many("'#'", ", ", 100_000)),
    ];
    let asked = runtime.spawn(async move {
        let session = WorldHandle::new().session(LIVE);
        for sql in deep.iter().chain(&lists) {
            ask(&session, sql).await.unwrap();
        }
        for sql in &deeper {
            assert_eq!(ask(&session, sql).await.unwrap_err().sqlstate(), "54001");
        }
    });
    runtime.block_on(asked).unwrap();
}
