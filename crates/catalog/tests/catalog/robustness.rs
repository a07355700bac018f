use std::path::{Path, PathBuf};

use catalog::Catalog;
use proptest::prelude::*;

/// Pieces of YAML and of catalogs, from which near-misses are put together.
const PIECES: [&str; 40] = [
    "kind: ",
    "metric",
    "experiment",
    "name: ",
    "a",
    "\n",
    "\n  ",
    "- ",
    "---\n",
    "...",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    ": ",
    "arms:",
    "metrics: ",
    "primary: ",
    "é",
    "\u{feff}",
    "\t",
    "\r\n",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "&x ",
    "*x",
    "!!str ",
    "<<: ",
    "# c",
    "0x1F",
    "1e999",
    "-",
    "${",
    "}",
    "%YAML 1.2\n",
    "? ",
    "amount: ",
];

fn load_never_panics(project: Vec<u8>, documents: Vec<u8>) {
    let files = [("touchstone.yaml", project), ("catalog/a.yaml", documents)];
    let files = files.map(|(path, bytes)| (PathBuf::from(path), bytes));
    if let Err(error) = Catalog::from_sources(Path::new("."), files, &|_| None) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(project: Vec<u8>, documents: Vec<u8>) {
        load_never_panics(project, documents);
    }

    #[test]
    fn any_text(project: String, documents: String) {
        load_never_panics(project.into_bytes(), documents.into_bytes());
    }

    #[test]
    fn anything_like_a_catalog(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        let text = pieces.concat().into_bytes();
        load_never_panics(b"name: x".to_vec(), text.clone());
        load_never_panics(text, Vec::new());
    }
}

#[test]
fn deep_and_long_documents_are_refused_or_read() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(10_000),
        "{a: ".repeat(10_000),
        "a:\n ".repeat(1_000),
    ] {
        load_never_panics(b"name: x".to_vec(), text.into_bytes());
    }
    let many: String = (0..2_000)
        .map(|i| format!("---\n{{ kind: team, name: t{i} }}\n"))
        .collect();
    load_never_panics(b"name: x".to_vec(), many.into_bytes());
}
