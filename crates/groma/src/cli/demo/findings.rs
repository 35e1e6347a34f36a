//! What "Grok the data center" found, and the SQL that finds it here.

use crate::ask::Column;

/// The fork in which callers choose the nearest member.
pub(super) const NEAREST: &str = "nearest_esb";
/// The fork in which all buses and applications share a VLAN, and callers choose the nearest.
pub(super) const ONE_VLAN: &str = "one_vlan";

/// How the forks differ from `live`.
pub(super) const CHANGES: &[(&str, &str)] = &[
    (NEAREST, "UPDATE service.farm SET balancing = 'nearest'"),
    (ONE_VLAN, "UPDATE service.farm SET balancing = 'nearest'"),
    (ONE_VLAN, "UPDATE service.service SET balancing = 'nearest'"),
    (
        ONE_VLAN,
        "UPDATE network.vlan SET merged_into = 'dc/11' \
         WHERE (name LIKE 'esb-%' OR name LIKE 'app-%') AND id <> 'dc/11'",
    ),
];

/// One number of the paper.
pub(super) struct Finding {
    /// What it is.
    what: &'static str,
    /// What the paper says.
    paper: &'static str,
    /// How to print ours.
    form: As,
    /// Finds it: one row, one column.
    pub(super) sql: &'static str,
}

enum As {
    /// A number of things or bytes at a thousandth of the traffic.
    Thousandth,
    /// A ratio.
    Ratio,
}

/// A total of the message log.
macro_rules! count {
    ($name:literal) => {
        concat!("SELECT \"count\" FROM trace.counts WHERE name = '", $name, "'")
    };
}

/// The share of a reason in what crosses between the ESB and the applications.
macro_rules! reason {
    ($reason:literal) => {
        concat!(
            "SELECT sum(bytes) FILTER (WHERE reason = '",
            $reason,
            "') / CAST(sum(bytes) AS DOUBLE) FROM traffic.reasons \
             WHERE hop_kind IN ('ESB->APP', 'APP->ESB') AND class = 'CROSSING'"
        )
    };
}

/// In the order in which the paper tells them.
pub(super) const FINDINGS: &[Finding] = &[
    Finding { what: "sessions", paper: "30 M", form: As::Thousandth, sql: count!("sessions") },
    Finding { what: "trees", paper: "47 M", form: As::Thousandth, sql: count!("trees") },
    Finding {
        what: "transactions",
        paper: "197 M",
        form: As::Thousandth,
        sql: count!("transactions"),
    },
    Finding {
        what: "trees that last less than 2 s",
        paper: "~ .95",
        form: As::Ratio,
        sql: "SELECT count(*) FILTER (WHERE duration_seconds < 2) \
              / CAST(count(duration_seconds) AS DOUBLE) FROM trace.trees",
    },
    Finding {
        what: "trees silent for more than 60 s",
        paper: ".0024",
        form: As::Ratio,
        sql: "SELECT count(*) FILTER (WHERE longest_silence_seconds > 60) \
              / CAST(count(longest_silence_seconds) AS DOUBLE) FROM trace.trees",
    },
    Finding {
        what: "bytes of ESB messages",
        paper: "4 TB",
        form: As::Thousandth,
        sql: "SELECT sum(bytes) FROM traffic.reasons WHERE hop_kind NOT LIKE '%CLIENT%'",
    },
    Finding {
        what: "links beyond access that an ESB byte takes, in the mean",
        paper: "3.52 ((3.75 + 10.31) / 4)",
        form: As::Ratio,
        sql: "SELECT sum(hop_bytes) / sum(bytes) FROM traffic.reasons \
              WHERE hop_kind NOT LIKE '%CLIENT%'",
    },
    Finding {
        what: "ESB-APP traffic that crosses the distribution layer",
        paper: ".994 (10.25 of 10.31 TB)",
        form: As::Ratio,
        sql: "SELECT sum(bytes) FILTER (WHERE class = 'CROSSING') / CAST(sum(bytes) AS DOUBLE) \
              FROM traffic.reasons WHERE hop_kind IN ('ESB->APP', 'APP->ESB')",
    },
    Finding {
        what: "of it because callers and VLANs both stand in the way (LB&VLAN)",
        paper: "",
        form: As::Ratio,
        sql: reason!("LB&VLAN"),
    },
    Finding {
        what: "of it because of VLANs alone",
        paper: "",
        form: As::Ratio,
        sql: reason!("VLAN"),
    },
    Finding {
        what: "of it because of the balancer alone",
        paper: "",
        form: As::Ratio,
        sql: reason!("LB"),
    },
    Finding {
        what: "of it because no replica is near",
        paper: "",
        form: As::Ratio,
        sql: reason!("PLACEMENT"),
    },
    Finding {
        what: "ESB-ESB traffic localised by choosing the nearest bus",
        paper: ".267 (almost 1 of 3.75 TB)",
        form: As::Ratio,
        sql: "SELECT 1 - CAST((SELECT sum(bytes) FROM nearest_esb.traffic.reasons \
              WHERE hop_kind = 'ESB->ESB' AND class = 'CROSSING') AS DOUBLE) / (SELECT sum(bytes) \
              FROM live.traffic.reasons WHERE hop_kind = 'ESB->ESB' AND class = 'CROSSING')",
    },
    Finding {
        what: "ESB-APP traffic that still crosses with one VLAN",
        paper: ".042 (.43 of 10.25 TB)",
        form: As::Ratio,
        sql: "SELECT CAST((SELECT sum(bytes) FROM one_vlan.traffic.reasons \
              WHERE hop_kind IN ('ESB->APP', 'APP->ESB') AND class = 'CROSSING') AS DOUBLE) \
              / (SELECT sum(bytes) FROM live.traffic.reasons \
              WHERE hop_kind IN ('ESB->APP', 'APP->ESB') AND class = 'CROSSING')",
    },
];

/// What one VLAN would cost besides: which zones it joins, and how large it is.
pub(super) const CONCERNS: &str = "SELECT vlan, members, zones, joins_zones, endpoints \
    FROM model.vlan_merges";

/// What to look at where no paper says what to expect.
pub(super) const LOOKS: &[&str] = &[
    "SELECT name, entities, doc FROM model.kinds WHERE entities > 0 ORDER BY name",
    "SELECT * FROM trace.counts",
    "SELECT * FROM traffic.reasons",
    "SELECT * FROM model.problems LIMIT 20",
];

/// All statements that make the forks.
pub(super) fn forks() -> impl Iterator<Item = String> {
    let make = [NEAREST, ONE_VLAN].map(|name| format!("CREATE DATABASE {name} TEMPLATE live"));
    let change = CHANGES.iter().map(|(fork, sql)| format!("/* in {fork} */ {sql}"));
    make.into_iter().chain(change)
}

/// The columns of [`Finding::row`].
pub(super) fn columns() -> Vec<Column> {
    ["finding", "paper", "here"]
        .map(|name| Column { name: name.to_owned(), of: "text".to_owned() })
        .to_vec()
}

impl Finding {
    /// What it is, what the paper says, what we found.
    pub(super) fn row(&self, found: Option<String>) -> Vec<Option<String>> {
        let number = found.and_then(|text| text.parse::<f64>().ok());
        let here = number.map(|number| match self.form {
            As::Thousandth => format!("{} × 1000", groma_model::format_count(number)),
            As::Ratio => format!("{number:.4}"),
        });
        vec![Some(self.what.to_owned()), Some(self.paper.to_owned()), here]
    }
}
