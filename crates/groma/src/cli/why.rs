//! `groma why`: why traffic crossed the distribution layer, and what each remedy would save.

use anyhow::Result;

use super::{Answered, Groma, InDatabase};
use crate::ask::literal;

/// Show why traffic crossed the distribution layer, and the bytes that each remedy would save
///
/// Without a filter: all traffic by kind of hop and reason. LB: the balancer chose a far member though a near
/// one was eligible. VLAN: the ends are near, in different VLANs. LB|VLAN: either remedy suffices; LB&VLAN:
/// only both. PLACEMENT: no eligible member is near. PINNED: only this one was eligible, and it is far.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SQL: SELECT * FROM traffic.reasons; of two ends: SELECT * FROM explain_crossing('a', 'b'); \
    with a filter: SELECT ... FROM traffic.crossing"
)]
pub(super) struct Args {
    /// Only one message: who asks
    #[arg(requires = "callee", conflicts_with_all = ["app", "service"])]
    caller: Option<String>,
    /// And who is asked
    callee: Option<String>,
    /// Only the traffic of this application's services and farms
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Only the traffic of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    within: InDatabase,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    groma.print(&args.within.database, &statement(args))?;
    Ok(Answered::Well)
}

fn statement(args: &Args) -> String {
    if let (Some(caller), Some(callee)) = (&args.caller, &args.callee) {
        let (caller, callee) = (literal(caller), literal(callee));
        return format!("SELECT * FROM explain_crossing({caller}, {callee})");
    }
    let of_app = args.app.as_ref().map(|name| {
        let among = |kind| format!("(SELECT id FROM {kind} WHERE application = {})", literal(name));
        let (services, farms) = (among("service.service"), among("service.farm"));
        let of = |group| format!("{group} IN {services} OR {group} IN {farms}");
        format!("({} OR {})", of("caller_group"), of("callee_group"))
    });
    let of_service = args.service.as_ref().map(|name| {
        let name = literal(name);
        format!("(caller_group = {name} OR callee_group = {name})")
    });
    let filters: Vec<String> = of_app.into_iter().chain(of_service).collect();
    if filters.is_empty() {
        return "SELECT * FROM traffic.reasons ORDER BY hop_kind, bytes DESC".into();
    }
    let sums: Vec<String> = [
        "messages",
        "bytes",
        "hop_bytes",
        "saved_by_balancing_bytes",
        "saved_by_vlan_bytes",
        "saved_by_both_bytes",
    ]
    .iter()
    .map(|column| format!("sum({column}) AS {column}"))
    .collect();
    format!(
        "SELECT hop_kind, class, reason, {} FROM traffic.crossing WHERE {} \
         GROUP BY hop_kind, class, reason ORDER BY hop_kind, bytes DESC",
        sums.join(", "),
        filters.join(" AND ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(app: Option<&str>, service: Option<&str>) -> Args {
        Args {
            caller: None,
            callee: None,
            app: app.map(str::to_owned),
            service: service.map(str::to_owned),
            within: InDatabase { database: "live".into() },
        }
    }

    #[test]
    fn filters_are_joined_and_quoted() {
        let sql = statement(&args(Some("o'brien"), Some("s1")));
        assert!(sql.contains("application = 'o''brien')"), "{sql}");
        assert!(
            sql.contains(" AND (caller_group = 's1' OR callee_group = 's1') GROUP BY"),
            "{sql}"
        );
    }

    #[test]
    fn without_a_filter_the_sums_are_asked_for() {
        assert!(statement(&args(None, None)).contains("FROM traffic.reasons"));
    }
}
