//! Labels of pictures that fit; the table beside a picture has them in full.

/// From one line of a label to the next, in pixels.
pub(super) const LINE_HEIGHT: u32 = 14;

/// A label of so many characters at most.
pub(super) fn shortened(label: &str, longest: usize) -> String {
    if label.chars().count() <= longest {
        return label.to_owned();
    }
    label.chars().take(longest - 1).chain(['…']).collect()
}

/// A label in one line if it fits, and else in two, broken behind a blank or a sign between words.
pub(super) fn lines(label: &str, longest: usize) -> Vec<String> {
    if label.chars().count() <= longest {
        return vec![label.to_owned()];
    }
    let ends = label.char_indices().take(longest + 1).enumerate();
    let breaks = ends.filter_map(|(number, (at, sign))| {
        let behind = at + sign.len_utf8();
        match sign {
            ' ' => Some((at, behind)),
            '-' | '_' | '/' if number < longest => Some((behind, behind)),
            _ => None,
        }
    });
    match breaks.last() {
        Some((end, next)) if end > 0 && next < label.len() => {
            vec![label[..end].to_owned(), shortened(&label[next..], longest)]
        }
        _ => vec![shortened(label, longest)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_too_long_have_two_lines() {
        for (label, expected) in [
            ("per customer", ["per customer", ""]),
            ("per assigned customer", ["per assigned", "customer"]),
            (
                "hero-spring-2024-promotion",
                ["hero-spring-", "2024-promotion"],
            ),
            ("sixteen letters, and", ["sixteen letters,", "and"]),
            (
                "Übergrößenträger im Überfluss",
                ["Übergrößenträger", "im Überfluss"],
            ),
            ("unbreakableanduninteresting", ["unbreakableandu…", ""]),
            (
                "one two three four five six seven",
                ["one two three", "four five six s…"],
            ),
        ] {
            let mut found = lines(label, 16);
            if found.len() == 1 {
                found.push(String::new());
            }
            assert_eq!(found, expected);
        }
    }
}
