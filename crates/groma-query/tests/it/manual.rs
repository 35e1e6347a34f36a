//! What the manual shows can be typed as it stands.

use sqllogictest::AsyncDB;

use crate::world::{Asker, WorldHandle};

#[tokio::test]
async fn statements_of_the_page_about_graphs_run() {
    let page = include_str!("../../../../docs/graphs.md");
    let mut asker = Asker::new(WorldHandle::new());
    asker.run("WORLD\nphysical.device leaf01\nphysical.port leaf01:1 device=leaf01").await.unwrap();
    let blocks = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut count = 0;
    for block in blocks {
        let lines = block.lines().map(|line| line.split("--").next().unwrap_or(line));
        let text = lines.collect::<Vec<_>>().join("\n");
        for statement in text.split(';').map(str::trim).filter(|text| !text.is_empty()) {
            let outcome = asker.run(statement).await;
            assert!(outcome.is_ok(), "{statement}\n{:?}", outcome.err());
            count += 1;
        }
    }
    assert!(count >= 9, "{count} statements");
}
