//! `kill -9` at any instant of an import: what was acknowledged is there, and importing again mends the rest.

use std::time::Duration;

use crate::called::Groma;

const FARMS: usize = 40_000;
/// When to kill, in milliseconds after the start; spread over the whole import by steps of a golden ratio.
const KILLS: usize = 6;

#[test]
fn nothing_acknowledged_is_missing() {
    let groma = Groma::new();
    let first = groma.file("first/service.farm.csv", "id,balancing\nacknowledged,nearest\n");
    groma.ask(&["import", &first]);
    let rows: String = (0..FARMS).map(|n| format!("farm-{n},round_robin\n")).collect();
    let many = groma.file("many/service.farm.csv", &format!("id,balancing\n{rows}"));
    let kept = || {
        let text = groma.ask(&["--json", "sql", "SELECT count(*) AS n FROM service.farm"]);
        text.trim().trim_start_matches("{\"n\":").trim_end_matches('}').parse::<usize>().unwrap()
    };
    let mut before = kept();
    assert_eq!(before, 1);
    for kill in 1..=KILLS {
        let after_millis = (kill as f64 * 0.618_034).fract() * 3_000.0;
        let mut import = groma.command(&["import", &many]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after_millis as u64));
        import.kill().unwrap();
        import.wait().unwrap();
        let now = kept();
        assert!(before <= now && now <= FARMS + 1, "{before} farms before, {now} after a kill");
        before = now;
    }
    groma.ask(&["import", &many]);
    assert_eq!(kept(), FARMS + 1);
}
