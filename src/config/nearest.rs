//! The word that was probably meant.

/// The nearest of the words, unless all are too far away.
pub(crate) fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).max(2);
    words
        .iter()
        .filter(|known| !known.starts_with('<'))
        .map(|known| (distance(word, known), *known))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, known)| known)
}

/// How many letters are added, removed or changed on the way from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // A long key was not meant to be one of ours.
    let one = one.chars().take(64);
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word() {
        let words = ["interval", "enabled", "limits"];
        assert_eq!(nearest("intervall", &words), Some("interval"));
        assert_eq!(nearest("Enabled", &words), Some("enabled"));
        assert_eq!(nearest("colour", &words), None);
    }
}
