//! Tables for terminals, as a reader sees them.

use std::path::PathBuf;

use lake::{Imported, ImportedFile, Snapshot};
use report::terminal::{self, Screen};

use crate::fixture;

const SCREEN: Screen = Screen {
    width: 104,
    color: false,
};

#[test]
fn a_lift() {
    insta::assert_snapshot!(terminal::lift(&fixture::email(), SCREEN));
}

#[test]
fn a_refused_lift_shows_no_effect() {
    insta::assert_snapshot!(terminal::lift(&fixture::mismatched(), SCREEN));
}

#[test]
fn a_ledger() {
    insta::assert_snapshot!(terminal::ledger(&fixture::ledger(), SCREEN));
}

#[test]
fn a_ledger_without_any_number() {
    let mut ledger = fixture::ledger();
    ledger.initiatives.drain(..3);
    ledger.total = None;
    ledger.caveats.clear();
    insta::assert_snapshot!(terminal::ledger(&ledger, SCREEN));
}

#[test]
fn estimates_beside_the_truth() {
    insta::assert_snapshot!(terminal::truth(&fixture::Findings::new().truth, SCREEN));
}

#[test]
fn imports_and_snapshots() {
    let file = |name: &str, outcome, rows, rejected, reasons| ImportedFile {
        file: PathBuf::from(name),
        outcome,
        rows,
        rejected,
        reasons,
    };
    let imported = Imported {
        source: "orders".to_owned(),
        files: vec![
            file(
                "orders/2024-01.csv",
                lake::Outcome::Added,
                1_204_331,
                2,
                vec![("expected 5 columns, found 4".to_owned(), 2)],
            ),
            file(
                "orders/2024-02.csv",
                lake::Outcome::Unchanged,
                998,
                0,
                Vec::new(),
            ),
        ],
        snapshot: 7,
    };
    insta::assert_snapshot!(terminal::imports(&[imported], SCREEN));
    let snapshot = Snapshot {
        id: 7,
        time: "2024-03-01 10:00:00".to_owned(),
        changes: "orders: 1204331 rows added".to_owned(),
    };
    insta::assert_snapshot!(terminal::snapshots(&[snapshot], SCREEN));
}

#[test]
fn colours_come_only_when_asked_for_and_say_nothing_of_their_own() {
    let plain =
        terminal::lift(&fixture::email(), SCREEN) + &terminal::ledger(&fixture::ledger(), SCREEN);
    assert!(!plain.contains('\u{1b}'));
    let screen = Screen {
        color: true,
        ..SCREEN
    };
    let colored =
        terminal::lift(&fixture::email(), screen) + &terminal::ledger(&fixture::ledger(), screen);
    assert!(colored.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut in_code = false;
    for character in colored.chars() {
        match character {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if !in_code => stripped.push(character),
            _ => {}
        }
    }
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&stripped), words(&plain));
}

#[test]
fn a_narrow_screen_is_kept_to_in_prose() {
    let screen = Screen {
        width: 60,
        ..SCREEN
    };
    let text = terminal::lift(&fixture::mismatched(), screen);
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
}
