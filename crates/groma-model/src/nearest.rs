//! What somebody may have meant.

/// The name most like `name`, if any is alike enough to be what was meant. Cost: O(names · length²).
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |known: &'a str| (strsim::osa_distance(name, known), known);
    let (distance, known) = names.into_iter().map(alike).min()?;
    let noun = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let same_noun = name.contains('.') && noun(name) == noun(known);
    (same_noun || distance * 3 <= name.chars().count().max(3)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_understood_and_a_guess_is_not_made() {
        let names = ["power.feed", "power.circuit", "facility.rack"];
        assert_eq!(nearest("power.fed", names), Some("power.feed"));
        assert_eq!(nearest("physical.rack", names), Some("facility.rack"));
        assert_eq!(nearest("cooling.pump", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
