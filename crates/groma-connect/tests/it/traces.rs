use groma_connect::Heard;
use groma_model::Timestamp;
use std::path::{Path, PathBuf};

fn shared(path: &str) -> Option<PathBuf> {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/traces")).join(path);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} is not there", path.display());
        None
    }
}

fn hear(path: &Path) -> Heard {
    let discovered = groma_connect::discover(path).unwrap();
    let mut all = Heard { problems: discovered.problems, ..Heard::default() };
    for input in discovered.inputs {
        input.decode(Timestamp(7), &mut |heard| {
            all.observations.extend(heard.observations);
            all.messages.extend(heard.messages);
            all.problems.extend(heard.problems);
        });
    }
    all
}

#[test]
fn look() {
    for p in [
        "nezha",
        "zipkin/skew.json",
        "zipkin/messaging2.json",
        "zipkin/smartthings-mobile-web-install.json",
        "tempo",
    ] {
        let Some(p) = shared(p) else { return };
        let h = hear(&p);
        println!(
            "=== {} obs {} msg {} problems {:?}",
            p.display(),
            h.observations.len(),
            h.messages.len(),
            h.problems
        );
        for m in h.messages.iter().take(24) {
            println!(
                "{:?} {} {:?} {} m={:x} pm={:x} r={} t={:x} x={:x} px={:x} {:?} {:?} {:?}",
                m.time.map(|t| t.to_string()),
                m.process,
                m.direction,
                m.peer,
                m.message,
                m.parent_message,
                m.reply,
                m.tree,
                m.transaction,
                m.parent_transaction,
                m.service,
                m.bytes,
                m.status
            );
        }
        for o in h.observations.iter().take(12) {
            println!("{} {} {:?}", o.kind, o.key, o.attributes);
        }
        use std::collections::BTreeMap;
        let mut peers: BTreeMap<String, usize> = BTreeMap::new();
        for m in &h.messages {
            *peers.entry(m.peer.to_string()).or_default() += 1;
        }
        println!(
            "unknown {:?} client {:?} peers {}",
            peers.get("unknown"),
            peers.get("client"),
            peers.len()
        );
    }
}
