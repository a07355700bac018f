//! Rules of content.

use std::collections::BTreeMap;

use super::Report;
use crate::model::{Content, Document};
use crate::yaml::Node;

pub(super) fn check(content: &Content, documents: &[(Document, Node)], report: &mut Report<'_>) {
    if let Some(valid) = &content.valid {
        let mut date = |key: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            report.date(&format!("valid/{key}"), text)
        };
        let (from, until) = (date("from", &valid.from), date("until", &valid.until));
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            let message = format!("`{}` would never be valid", content.name);
            let help = "`until` is the day or moment from which on it may not be shown";
            report.clash("content", "valid/until", "valid/from", message, help);
        }
    }
    report.unique("based_on", content.based_on.iter().cloned());
    check_cycle(content, documents, report);
}

/// Content that is made from itself, over whatever others: told once, at the first of the circle.
fn check_cycle(content: &Content, documents: &[(Document, Node)], report: &mut Report<'_>) {
    let contents: Vec<&Content> = documents
        .iter()
        .filter_map(|(document, _)| match document {
            Document::Content(content) => Some(content),
            _ => None,
        })
        .collect();
    let place_of = |name: &str| contents.iter().position(|other| other.name == name);
    let Some(own) = place_of(&content.name) else {
        return;
    };
    // From where each content is reached, going from this one to what it is made from.
    let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = vec![own];
    while let Some(place) = open.pop() {
        for source in contents[place]
            .based_on
            .iter()
            .filter_map(|name| place_of(name))
        {
            if reached.contains_key(&source) {
                continue;
            }
            reached.insert(source, place);
            if source != own {
                open.push(source);
                continue;
            }
            let mut circle = vec![own];
            let mut at = place;
            while at != own {
                circle.push(at);
                at = reached[&at];
            }
            if circle.iter().any(|other| *other < own) {
                return;
            }
            circle.push(own);
            let names: Vec<&str> = circle
                .iter()
                .rev()
                .map(|place| contents[*place].name.as_str())
                .collect();
            let message = format!("this content is made from itself: {}", names.join(" from "));
            let help = "leave the original without `based_on`";
            report.error("cycle", "based_on", message, help);
            return;
        }
    }
}
