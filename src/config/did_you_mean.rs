//! Suggestions for misspelled names.

/// Longest input that is compared: longer ones are not misspelled names.
const MAX_COMPARED_CHARS: usize = 64;

/// Returns the known name closest to `word`, unless all differ too much.
///
/// Placeholders such as `<check>` are never suggested.
pub(crate) fn did_you_mean<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let max_distance = (word.chars().count() / 3).max(2);
    let compared: String = word.chars().take(MAX_COMPARED_CHARS).collect();
    known
        .iter()
        .filter(|name| !name.starts_with('<'))
        .map(|name| (strsim::levenshtein(&compared, name), *name))
        .filter(|(distance, _)| *distance <= max_distance)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typo_suggests_the_closest_name() {
        let known = ["interval", "enabled", "timeouts"];
        assert_eq!(did_you_mean("intervall", &known), Some("interval"));
        assert_eq!(did_you_mean("Enabled", &known), Some("enabled"));
        assert_eq!(did_you_mean("colour", &known), None);
    }
}
