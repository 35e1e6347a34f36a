//! Real files whole. The numbers were counted once more by a script that knows none of our code.

use std::collections::BTreeSet;

use super::*;

#[test]
fn nezha_has_no_missing_parent_and_few_early_and_late_children() {
    let Some(folder) = shared("nezha") else { return };
    let heard = hear(&folder);
    let unread = |it: &&String| !it.contains("no importer recognises");
    assert_eq!(problems(&heard).iter().filter(unread).count(), 0);
    assert_eq!(heard.messages.len(), 2 * 14_460);

    let counts = reconstructed(&heard.messages).counts;
    assert_eq!(counts.duplicates, 2 * 200, "spans that two minutes hold");
    assert_eq!((counts.trees, counts.transactions), (169, 14_260));
    assert_eq!((counts.children, counts.missing_parents), (14_091, 0));
    assert_eq!((counts.early_children, counts.late_children), (1, 566));
    assert_eq!(counts.local_messages, 2 * 11_812);
}

#[test]
fn nezha_tells_where_each_pod_runs() {
    let Some(folder) = shared("nezha") else { return };
    let heard = hear(&folder);
    let count = |kind: &str| {
        let keys = heard.observations.iter().filter(|it| it.kind == kind).map(|it| &it.key);
        keys.collect::<BTreeSet<_>>().len()
    };
    assert_eq!(count("compute.container"), 27);
    assert_eq!(count("service.instance"), 28, "the gateway is in no placement file");
    assert_eq!(count("service.service"), 28);
    assert!(entity(&heard, "compute.container", "ts-gateway-service-6f6cfc45b-h5m2n").is_empty());
    let unplaced: BTreeSet<_> = heard
        .messages
        .iter()
        .flat_map(|it| [&it.process, &it.peer])
        .filter(|name| entity(&heard, "service.instance", name).is_empty())
        .collect();
    assert_eq!(unplaced.iter().map(|name| &***name).collect::<Vec<_>>(), ["client"]);
}

#[test]
fn zipkin_smartthings_is_heard_whole() {
    let Some(file) = shared("zipkin/smartthings-mobile-web-install.json") else { return };
    let heard = hear(&file);
    assert_eq!(problems(&heard), [""; 0]);
    let requests = heard.messages.iter().filter(|it| !it.reply);
    assert_eq!(requests.clone().count(), 1041);
    assert_eq!(requests.filter(|it| it.time.is_none()).count(), 84);
    assert_eq!(heard.messages.len(), 1041 + 1041 - 175, "no reply without a duration");
    let keys = |kind: &str| heard.observations.iter().filter(|it| it.kind == kind).count();
    let services: BTreeSet<_> = heard
        .observations
        .iter()
        .filter(|it| it.kind == "service.service")
        .map(|it| &it.key)
        .collect();
    assert_eq!((services.len(), keys("compute.host"), keys("service.instance")), (16, 136, 136));

    let counts = reconstructed(&heard.messages).counts;
    assert_eq!((counts.trees, counts.transactions, counts.missing_parents), (1, 663, 0));
}

#[test]
fn zipkin_messaging_misses_most_of_its_parents() {
    let Some(file) = shared("zipkin/messaging2.json") else { return };
    let heard = hear(&file);
    assert_eq!(problems(&heard), [""; 0]);
    let counts = reconstructed(&heard.messages).counts;
    assert_eq!(counts.transactions, 11);
    assert_eq!(counts.orphans, 6, "6 of 11 have a parent that nobody tells of");
    assert_eq!(counts.missing_parents, 2);
}

#[test]
fn zipkin_skew_shows_the_clock_that_is_behind() {
    let Some(file) = shared("zipkin/skew.json") else { return };
    let heard = hear(&file);
    let child = 0x7428_0ae0_c10d_8062;
    let received = of_transaction(&heard, child);
    let received = received.iter().find(|it| it.process.starts_with("serviceb") && !it.reply);
    let parent = of_transaction(&heard, 0xbf39_6325_699c_84bf);
    let early = parent[0].time.unwrap().0 - received.unwrap().time.unwrap().0;
    assert_eq!(early / 1_000_000, 62);
    assert_eq!(reconstructed(&heard.messages).counts.both_ends, 2, "request and reply");
}

#[test]
fn tempo_gives_sizes_once_for_each_call() {
    let Some(file) = shared("tempo/responseTrace.json") else { return };
    let heard = hear(&file);
    assert_eq!(problems(&heard), [""; 0]);
    let counts = reconstructed(&heard.messages).counts;
    assert_eq!((counts.transactions, counts.missing_parents), (8, 0));
    assert_eq!(counts.local_messages, 8, "four client spans are book-keeping");
    assert_eq!(counts.bytes, 5294 + 442 + 178 + 48);
    let pods: BTreeSet<_> = heard.messages.iter().map(|it| &*it.process).collect();
    assert_eq!(pods.len(), 5);
    assert!(heard.messages.iter().all(|it| it.peer.contains("-v") || it.peer.contains("gateway")));
}

#[test]
fn all_that_traces_say_of_the_model_fits_the_schema() {
    let schema = groma_model::Schema::builtin();
    for path in ["nezha", "zipkin", "tempo"] {
        let Some(path) = shared(path) else { continue };
        for observation in hear(&path).observations {
            let kind = schema.find(&observation.kind).unwrap();
            for (name, raw) in &observation.attributes {
                let attribute = &kind.attributes[kind.attribute(name).unwrap()];
                groma_model::Value::read(raw, attribute, &schema).unwrap();
            }
        }
    }
}
