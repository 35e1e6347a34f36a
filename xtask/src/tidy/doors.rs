//! Crates depend downwards, and a heavy library has one door.

use serde_json::Value;

use super::Finding;

/// Which crates may name a library. A name that ends with `*` stands for all that begin so.
const DOORS: [(&str, &[&str]); 10] = [
    ("datafusion*", &["groma-query", "groma-server"]),
    ("arrow-pg", &["groma-server"]),
    ("pgwire", &["groma-server"]),
    ("redb", &["groma-server"]),
    ("axum", &["groma-server"]),
    ("aya", &["groma-probe"]),
    ("plotters*", &["groma"]),
    ("epaint_default_fonts", &["groma"]),
    ("clap", &["groma"]),
    ("tokio*", &["groma-query", "groma-server", "groma"]),
];

/// `metadata` is what `cargo metadata --no-deps` prints.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let packages = list(&metadata["packages"]);
    let tier_of = |name: &str| {
        let package = packages.iter().find(|package| text(&package["name"]) == name)?;
        package["metadata"]["groma"]["tier"].as_i64()
    };
    let mut findings = Vec::new();
    for package in packages {
        let name = text(&package["name"]);
        let Some(tier) = tier_of(name) else {
            findings
                .push(Finding::error(name, "its manifest names no [package.metadata.groma] tier"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let on = text(&dependency["name"]);
            if let Some(below) = tier_of(on).filter(|below| *below >= tier) {
                findings.push(Finding::error(
                    name,
                    format!("tier {tier} depends on {on} of tier {below}; tiers must fall"),
                ));
            }
            let door = DOORS.iter().find(|(library, _)| matches(library, on));
            if let Some((_, users)) = door
                && !users.contains(&name)
            {
                let users = users.join(" and ");
                findings.push(Finding::error(name, format!("only {users} may depend on {on}")));
            }
        }
    }
    findings
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, tier: i64, dependencies: &[&str]) -> Value {
        let dependencies: Vec<_> =
            dependencies.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "name": name,
            "metadata": { "groma": { "tier": tier } },
            "dependencies": dependencies,
        })
    }

    fn texts(packages: Vec<Value>) -> Vec<String> {
        check(&json!({ "packages": packages })).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn tiers_must_fall() {
        let low = package("low", 1, &["same", "serde"]);
        let packages = vec![low, package("same", 1, &[]), package("high", 2, &["low"])];
        assert_eq!(texts(packages), ["low: tier 1 depends on same of tier 1; tiers must fall"]);
    }

    #[test]
    fn a_crate_without_a_tier_is_found() {
        let found = texts(vec![json!({ "name": "new", "metadata": null, "dependencies": [] })]);
        assert_eq!(found, ["new: its manifest names no [package.metadata.groma] tier"]);
    }

    #[test]
    fn a_heavy_library_has_one_door() {
        let packages = vec![
            package("groma-query", 4, &["datafusion", "datafusion-pg-catalog"]),
            package("groma-trace", 2, &["datafusion-common", "redb"]),
        ];
        assert_eq!(
            texts(packages),
            [
                "groma-trace: only groma-query and groma-server may depend on datafusion-common",
                "groma-trace: only groma-server may depend on redb",
            ]
        );
    }
}
