//! A server that keeps what was known for some time only.

use std::time::Duration;

use groma_server::ServeConfig;

use crate::served::Served;

#[test]
fn what_was_known_longer_ago_than_it_keeps_is_given_up_and_said_to_be() {
    let retain = Some(Duration::from_secs(1));
    let served = Served::empty(ServeConfig { retain, ..ServeConfig::default() });
    served.run(async |served| {
        let client = served.client("live").await;
        let first = "INSERT INTO service.farm (id, balancing) VALUES ('orders', 'nearest')";
        client.batch_execute(first).await.unwrap();
        for balancing in ["round_robin", "nearest", "round_robin"] {
            let next = format!("UPDATE service.farm SET balancing = '{balancing}'");
            client.batch_execute(&next).await.unwrap();
        }
        let oldest = "SELECT oldest_version FROM model.databases WHERE oldest_version = 4";
        let given_up = async {
            while client.query(oldest, &[]).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), given_up).await.unwrap();
        let error = client.query("SELECT * FROM \"live@v2\".service.farm", &[]).await.unwrap_err();
        let told = format!("{:?}", error.as_db_error().unwrap());
        assert!(told.contains("v2 is before v4, the oldest version that is kept"), "{told}");
        assert!(told.contains("Ask for v4 or later"), "{told}");
        let kept = "SELECT balancing FROM \"live@v4\".service.farm";
        assert_eq!(client.query(kept, &[]).await.unwrap()[0].get::<_, &str>(0), "round_robin");
    });
}
