//! Names, and what a misspelt one was meant to be.

/// Whether a text can name something: letters, digits, `-` and `_`, beginning with a letter or digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The candidate that a misspelt name was most likely meant to be: the nearest by edits (insertion, deletion,
/// substitution and transposition), where at most one in three of its characters differs. Case, `-` and `_` do not count.
///
/// ```
/// assert_eq!(catalog::did_you_mean("sped", ["visit", "spend"]), Some("spend"));
/// assert_eq!(catalog::did_you_mean("order", ["visit", "spend"]), None);
/// ```
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace('_', "-");
    let folded = fold(name);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &fold(candidate));
            let longest = name.chars().count().max(candidate.chars().count());
            (distance * 3 <= longest.max(3) && distance < longest).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(["a", "7-day", "email_2008"].into_iter().all(is_name));
        assert!(
            !["", "-a", "_a", "two words", "é", "a.b"]
                .into_iter()
                .any(is_name)
        );
    }

    #[test]
    fn suggests_near_names_only() {
        let kinds = ["source", "fact", "metric", "experiment"];
        assert_eq!(did_you_mean("sorce", kinds), Some("source"));
        assert_eq!(did_you_mean("Metrics", kinds), Some("metric"));
        assert_eq!(did_you_mean("fcat", kinds), Some("fact"));
        assert_eq!(did_you_mean("banana", kinds), None);
        assert_eq!(did_you_mean("a", ["b"]), None);
        assert_eq!(
            did_you_mean("several_arm", ["several-arms"]),
            Some("several-arms")
        );
    }
}
