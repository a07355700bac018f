use catalog::{Catalog, Diagnostics, LoadError, Severity};

use crate::load;

/// A file in which nearly every document has a mistake.
const BROKEN: &str = "\
kind: source
name: orders
path: ${NOWHERE}/orders.parquet
delimiter: ';'
---
kind: fact
name: order
sorce: orders
customer: 12
---
kind: fact
name: visit
customer: id
---
{ kind: metrc, name: m0 }
---
{ kind: metric, name: revenue, fact: ordr, aggregate: summ, value: amount, unit: money, margin: 50% }
---
{ kind: metric, name: visits, fact: visit, aggregate: count, value: x, window: { from: 2 days, to: 1 day } }
---
{ kind: metric, name: rate, aggregate: ratio, numerator: visits }
---
{ kind: metric, name: visits, fact: visit, aggregate: any, window: { to: 14 dys } }
---
name: lost
---
{ kind: initiative, name: a, level: 7, team: crm, name: b }
---
{ kind: initiative, name: good, level: 3, recurs: { every: 1 month, times: 0 } }
---
kind: experiment
name: e
assignment: { source: orders, customer: id, arm: arm }
arms:
  - { name: x, role: personalized, share: 0.5, initiative: c }
  - { name: y, role: shuffled, share: 0.4, initiative: c }
  - { name: x, role: Holdout, value: 007 }
metrics: { primary: revenue, secondary: [revenue, visitz] }
alpha: 0.9
covariates: [arm, { metric: visits, before: 28 days }]
---
kind: experiment
name: e2
assignment: { source: orders, customer: id, arm: arm }
arms:
  - { name: x, role: personalized, share: 0.5, initiative: good }
  - { name: y, role: shuffled, share: 0.4, initiative: good }
  - { name: x, role: personalized, value: y }
metrics: { primary: visits, secondary: [rate, visits] }
covariates: [arm, { metric: visits, before: 28 days }]
---
{ kind: cost, name: c, initiative: good, amount: 0.02 , per: touch, months: 3 }
---
{ kind: cost, name: c, initiative: good, amount: -1, per: month }
---
{ kind: cost, name: d, initiative: good, amount: 5, per: revenue, metric: visits }
---
kind: team
	name: x
---
- a
---
kind: team
name: two words
description:
";

/// What is wrong in these files.
fn mistakes_in(files: &[(&str, &str)]) -> Diagnostics {
    match load(files) {
        Err(LoadError::Invalid(diagnostics)) => diagnostics,
        other => panic!("{other:?}"),
    }
}

/// `line:column code` of each diagnostic.
fn places(diagnostics: &Diagnostics) -> Vec<String> {
    let place = |d: &catalog::Diagnostic| format!("{}:{} {}", d.place.line, d.place.column, d.code);
    diagnostics.diagnostics.iter().map(place).collect()
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let diagnostics = mistakes_in(&[
        ("touchstone.yaml", "name: Shop"),
        ("catalog/a.yaml", BROKEN),
    ]);
    let expected = [
        "3:7 environment",
        "8:1 unknown-key",
        "9:11 wrong-type",
        "11:1 missing-key",
        "15:9 unknown-kind",
        "17:38 unknown-name",
        "17:55 unknown-value",
        "17:97 wrong-type",
        "19:62 misplaced-key",
        "19:80 needs-time",
        "19:100 out-of-range",
        "21:1 missing-key",
        "23:23 duplicate-name",
        "23:74 bad-span",
        "25:1 missing-key",
        "27:37 out-of-range",
        "27:46 unknown-name",
        "27:51 duplicate-key",
        "29:76 out-of-range",
        "35:60 unknown-name",
        "36:56 unknown-name",
        "37:22 unknown-value",
        "37:38 ambiguous-value",
        "38:51 unknown-name",
        "39:8 out-of-range",
        "46:3 reference-arm",
        "47:56 duplicate-value",
        "48:5 shares",
        "48:5 no-initiative",
        "48:13 duplicate-name",
        "49:21 needs-time",
        "49:47 duplicate-value",
        "49:47 needs-time",
        "50:14 column",
        "50:29 needs-time",
        "50:45 needs-time",
        "52:1 missing-key",
        "52:69 misplaced-key",
        "54:21 duplicate-name",
        "54:50 out-of-range",
        "56:50 out-of-range",
        "56:75 metric",
        "59:1 yaml",
        "61:1 wrong-type",
        "64:7 bad-name",
        "65:1 wrong-type",
    ];
    assert_eq!(places(&diagnostics), expected);
    assert_eq!(diagnostics.errors().count(), expected.len() - 1);
    for diagnostic in &diagnostics.diagnostics {
        let file = diagnostics.file(&diagnostic.place).unwrap();
        let line = file
            .text
            .lines()
            .nth(diagnostic.place.line as usize - 1)
            .unwrap();
        let at_place: String = line
            .chars()
            .skip(diagnostic.place.column as usize - 1)
            .collect();
        let at_offset = &file.text[diagnostic.place.offset..][..diagnostic.place.length];
        assert!(at_place.starts_with(at_offset), "{diagnostic}");
        assert!(
            diagnostic.severity == Severity::Warning || diagnostic.help.is_some(),
            "{diagnostic}"
        );
    }
}

#[test]
fn a_diagnostic_says_where_what_and_how_to_mend_it() {
    let text = "{ kind: metric, name: m, fact: f, aggregate: sum, valeu: x }\n---\n{ kind: fact, name: f, sql: SELECT 1, customer: c }";
    let diagnostics = mistakes_in(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", text)]);
    assert_eq!(
        diagnostics.to_string(),
        "catalog/a.yaml:1:51: error[unknown-key]: a metric has no key `valeu`\n  help: did you mean `value`?"
    );
    let text = "{ kind: team, name: crm }\n---\n{ kind: team, name: crm }";
    let diagnostics = mistakes_in(&[("touchstone.yaml", "name: Shop"), ("catalog/a.yaml", text)]);
    assert_eq!(
        diagnostics.to_string(),
        "catalog/a.yaml:3:21: error[duplicate-name]: there are two documents of kind team named `crm`\n  \
         catalog/a.yaml:1:21: first here\n  help: rename one of them, or remove it"
    );
    let place = &diagnostics.diagnostics[0].place;
    assert_eq!(
        &diagnostics.files[1].text[place.offset..][..place.length],
        "crm"
    );
}

/// Documents for others to name.
const BASE: &str = "\
{ kind: source, name: s, path: orders.csv }
---
{ kind: fact, name: timed, source: s, customer: c, time: t }
---
{ kind: fact, name: timeless, source: s, customer: c }
---
{ kind: metric, name: revenue, fact: timed, aggregate: sum, value: x, unit: money }
---
{ kind: metric, name: orders, fact: timeless, aggregate: count }
---
{ kind: metric, name: early, fact: timed, aggregate: any, window: { to: 14 days } }
---
{ kind: metric, name: rate, aggregate: ratio, numerator: revenue, denominator: orders }
---
{ kind: initiative, name: i, level: 3 }
---
";

/// The catalog of the base and one more document, whose diagnostics are given as on a first line.
fn with(document: &str) -> Result<Catalog, LoadError> {
    load(&[
        ("touchstone.yaml", "name: Shop"),
        ("catalog/base.yaml", BASE),
        ("catalog/a.yaml", document),
    ])
}

/// Asserts that a document has exactly one mistake, and gives its code and what stands at its place.
fn only_mistake(document: &str) -> (&'static str, String) {
    let diagnostics = match with(document) {
        Err(LoadError::Invalid(diagnostics)) => diagnostics,
        other => panic!("{document}: {other:?}"),
    };
    let errors: Vec<_> = diagnostics.errors().collect();
    let [error] = errors.as_slice() else {
        panic!("{document}:\n{diagnostics}")
    };
    (
        error.code,
        document[error.place.offset..][..error.place.length].to_owned(),
    )
}

#[test]
fn rules_of_sources_and_rows() {
    let cases = [
        (
            "{ kind: source, name: a }",
            "missing-key",
            "{ kind: source, name: a }",
        ),
        (
            "{ kind: source, name: a, path: x.csv, table: t }",
            "misplaced-key",
            "table",
        ),
        (
            "{ kind: source, name: a, path: 'postgres://h/d' }",
            "missing-key",
            "'postgres://h/d'",
        ),
        (
            "{ kind: source, name: a, path: 'gs://bucket/x.csv' }",
            "unknown-value",
            "'gs://bucket/x.csv'",
        ),
        (
            "{ kind: source, name: a, path: x.parquet, columns: [a] }",
            "misplaced-key",
            "columns",
        ),
        (
            "{ kind: source, name: a, path: x.csv, sheet: b }",
            "misplaced-key",
            "sheet",
        ),
        (
            "{ kind: source, name: a, path: x.csv, columns: [a, b, A] }",
            "duplicate-value",
            "A",
        ),
        (
            "{ kind: source, name: a, path: x.csv, delimiter: '||' }",
            "out-of-range",
            "'||'",
        ),
        (
            "{ kind: source, name: a, path: 'x${', format: csv }",
            "environment",
            "'x${'",
        ),
        (
            "{ kind: source, name: S, path: x.csv }",
            "duplicate-name",
            "S",
        ),
        (
            "{ kind: fact, name: a, source: s, sql: SELECT 1, customer: c }",
            "misplaced-key",
            "SELECT 1",
        ),
        (
            "{ kind: fact, name: a, source: s, customer: '' }",
            "empty",
            "''",
        ),
        (
            "{ kind: audience, name: a, customer: c }",
            "missing-key",
            "{ kind: audience, name: a, customer: c }",
        ),
    ];
    for (document, code, at) in cases {
        assert_eq!(only_mistake(document), (code, at.to_owned()), "{document}");
    }
    for document in [
        "{ kind: source, name: a, table: orders, key: id }",
        "{ kind: source, name: a, path: 'postgres://h/d', table: orders }",
        "{ kind: source, name: a, path: folder, columns: [a, b], delimiter: \"\\t\", null_values: [NA, ''] }",
        "{ kind: source, name: a, path: x.csv, types: { zip: VARCHAR } }",
    ] {
        with(document).unwrap();
    }
}

#[test]
fn rules_of_metrics_and_costs() {
    let cases = [
        ("kind: metric, name: a, aggregate: count", "missing-key", ""),
        (
            "kind: metric, name: a, fact: timed, aggregate: mean",
            "missing-key",
            "",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: any, value: x",
            "misplaced-key",
            "value",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, unit: money",
            "metric",
            "money",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, unit: share",
            "metric",
            "share",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, margin: 0.2",
            "misplaced-key",
            "margin",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, numerator: revenue",
            "misplaced-key",
            "numerator",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, cap: {}",
            "missing-key",
            "{}",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, cap: { lower: 2, upper: 1 }",
            "out-of-range",
            "{ lower: 2, upper: 1 }",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, cap: { upper: .inf }",
            "out-of-range",
            ".inf",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, window: { from: 1 week, to: 7 days }",
            "out-of-range",
            "7 days",
        ),
        (
            "kind: metric, name: a, fact: timed, aggregate: count, where: ",
            "wrong-type",
            "where",
        ),
        (
            "kind: metric, name: a, aggregate: ratio, numerator: revenue, denominator: rate",
            "metric",
            "rate",
        ),
        (
            "kind: metric, name: a, aggregate: ratio, numerator: revenue, denominator: orders, where: x",
            "misplaced-key",
            "where",
        ),
        (
            "kind: cost, name: a, initiative: i, amount: 1, per: once, fact: timed",
            "misplaced-key",
            "fact",
        ),
        (
            "kind: cost, name: a, initiative: i, amount: 1, per: month, metric: revenue",
            "misplaced-key",
            "metric",
        ),
        (
            "kind: cost, name: a, initiative: i, amount: 1, per: month, months: 0",
            "out-of-range",
            "0",
        ),
        (
            "kind: cost, name: a, initiative: i, amount: 0.1, per: revenue, metric: rate",
            "metric",
            "rate",
        ),
        (
            "kind: cost, name: a, initiative: i, amount: 0.1234567890123456789012345678901, per: once",
            "out-of-range",
            "0.1234567890123456789012345678901",
        ),
        (
            "kind: initiative, name: a, level: 1, recurs: { every: 0 days, times: 2 }",
            "out-of-range",
            "0 days",
        ),
        (
            "kind: initiative, name: a, level: 1, recurs: { every: 1 day, times: 5000000000 }",
            "out-of-range",
            "5000000000",
        ),
        ("kind: initiative, name: a, level: 1.5", "wrong-type", "1.5"),
        (
            "kind: initiative, name: a, level: 1, channels: mail",
            "wrong-type",
            "mail",
        ),
        (
            "kind: content, name: a, channels: [mail]",
            "unknown-name",
            "mail",
        ),
    ];
    for (keys, code, at) in cases {
        let document = format!("{{ {keys} }}");
        let at = if at.is_empty() {
            document.clone()
        } else {
            at.to_owned()
        };
        assert_eq!(only_mistake(&document), (code, at), "{document}");
    }
    for keys in [
        "kind: metric, name: a, fact: timed, aggregate: count, window: { from: 0 days, to: 1 month }",
        "kind: metric, name: a, fact: timed, aggregate: any, unit: share, cap: { upper: 1 }",
        "kind: cost, name: a, initiative: i, amount: 0.05, per: revenue, metric: revenue",
        "kind: cost, name: a, initiative: i, amount: 1, per: touch, fact: timed",
        "kind: initiative, name: a, level: 6, recurs: { every: 1 month, times: 12, retained: 0.9 }",
    ] {
        with(&format!("{{ {keys} }}")).unwrap();
    }
}

/// An experiment with these arms and other keys.
fn experiment(assignment: &str, arms: &str, other: &str) -> String {
    format!(
        "kind: experiment\nname: e\nassignment: {{ source: s, customer: c, arm: a{assignment} }}\narms: [{arms}]\n{other}"
    )
}

const TWO_ARMS: &str = "{ name: x, role: generic }, { name: y, role: personalized, initiative: i }";
const TIME: &str = ", time: t";

#[test]
fn rules_of_arms() {
    let cases = [
        (
            "{ name: x, role: generic }",
            "too-few",
            "[{ name: x, role: generic }]",
        ),
        (
            "{ name: x, role: generic }, { name: x, role: shuffled, value: y }",
            "duplicate-name",
            "x",
        ),
        (
            "{ name: x, role: generic }, { name: y, role: shuffled, value: x }",
            "duplicate-value",
            "x",
        ),
        (
            "{ name: x, role: generic, value: 1 }, { name: y, role: shuffled, value: '1' }",
            "duplicate-value",
            "'1'",
        ),
        (
            "{ name: x, role: generic }, { name: y, role: generic }",
            "reference-arm",
            "generic",
        ),
        (
            "{ name: x, role: holdout }, { name: y, role: holdout }",
            "reference-arm",
            "holdout",
        ),
        (
            "{ name: x, role: generic, share: 0.5 }, { name: y, role: shuffled }",
            "shares",
            "{ name: y, role: shuffled }",
        ),
        (
            "{ name: x, role: generic, share: 0 }, { name: y, role: shuffled, share: 1 }",
            "out-of-range",
            "0",
        ),
        (
            "{ name: x, role: generic, value: 1e3 }, { name: y, role: shuffled }",
            "ambiguous-value",
            "1e3",
        ),
        (
            "{ name: x, role: generic, value: 0x1F }, { name: y, role: shuffled }",
            "ambiguous-value",
            "0x1F",
        ),
        (
            "{ name: x, role: generic, initiative: i }, { name: y, role: shuffled, initiative: i }",
            "duplicate-value",
            "i",
        ),
    ];
    for (arms, code, at) in cases {
        let document = experiment(TIME, arms, "metrics: { primary: orders }");
        assert_eq!(only_mistake(&document), (code, at.to_owned()), "{arms}");
    }
    let shares = "{ name: x, role: generic, share: 0.5 }, { name: y, role: shuffled, share: 0.4 }";
    let (code, at) = only_mistake(&experiment(TIME, shares, "metrics: { primary: orders }"));
    assert_eq!((code, at), ("shares", format!("[{shares}]")));

    for arms in [
        "{ name: x, role: holdout }, { name: y, role: shuffled }",
        "{ name: x, role: generic }, { name: h, role: holdout }, { name: h2, role: holdout }",
        "{ name: x, role: generic, share: 0.3333333 }, { name: y, role: shuffled, share: 0.6666667 }",
    ] {
        let catalog = with(&experiment(TIME, arms, "metrics: { primary: orders }")).unwrap();
        assert_eq!(catalog.warnings(), []);
        assert_eq!(
            catalog.experiment("e").unwrap().reference().unwrap().name,
            "x"
        );
    }
}

#[test]
fn rules_of_an_experiments_metrics_and_columns() {
    let cases = [
        ("", "metrics: { primary: early }", "needs-time", "early"),
        (
            "",
            "metrics: { primary: orders, secondary: [early] }",
            "needs-time",
            "early",
        ),
        (
            TIME,
            "metrics: { primary: orders, secondary: [orders] }",
            "duplicate-value",
            "orders",
        ),
        (
            TIME,
            "metrics: { primary: orders, secondary: [rate, rate] }",
            "duplicate-value",
            "rate",
        ),
        (
            TIME,
            "metrics: { primary: orders }\nalpha: 0",
            "out-of-range",
            "0",
        ),
        (
            TIME,
            "metrics: { primary: orders }\nsegments: [a]",
            "column",
            "a",
        ),
        (
            TIME,
            "metrics: { primary: orders }\nstrata: [a]",
            "column",
            "a",
        ),
        (
            TIME,
            "metrics: { primary: orders }\nstrata: [x, x]",
            "duplicate-value",
            "x",
        ),
        (
            TIME,
            "metrics: { primary: orders }\nstrata: [q, r, s, t, u, v, w, x, y]",
            "too-many",
            "y",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [c]",
            "column",
            "c",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [x, x]",
            "duplicate-value",
            "x",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [{ metric: orders, before: 28 days }]",
            "needs-time",
            "orders",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [{ metric: rate, before: 28 days }]",
            "metric",
            "rate",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [{ metric: revenue, before: 0 days }]",
            "out-of-range",
            "0 days",
        ),
        (
            "",
            "metrics: { primary: orders }\ncovariates: [{ metric: revenue, before: 28 days }]",
            "needs-time",
            "28 days",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [{ column: x, metrics: [revenue] }]",
            "metric",
            "revenue",
        ),
        (
            TIME,
            "metrics: { primary: orders }\ncovariates: [[x]]",
            "wrong-type",
            "[x]",
        ),
    ];
    for (assignment, other, code, at) in cases {
        let document = experiment(assignment, TWO_ARMS, other);
        assert_eq!(only_mistake(&document), (code, at.to_owned()), "{other}");
    }
    let exposure = "metrics: { primary: early }\nexposure: { source: s, customer: c, time: t }\n\
                    covariates: [x, { metric: revenue, before: 28 days }]";
    assert_eq!(
        with(&experiment("", TWO_ARMS, exposure))
            .unwrap()
            .warnings(),
        []
    );
}

#[test]
fn warnings_do_not_refuse_a_catalog() {
    let warnings = |document: &str| {
        let catalog = with(document).unwrap();
        let place = |d: &catalog::Diagnostic| {
            (
                d.code,
                document[d.place.offset..][..d.place.length].to_owned(),
            )
        };
        catalog.warnings().iter().map(place).collect::<Vec<_>>()
    };
    let of_arms = |arms: &str| warnings(&experiment(TIME, arms, "metrics: { primary: orders }"));
    let arm = "{ name: y, role: personalized }";
    assert_eq!(
        of_arms(&format!("{{ name: x, role: generic }}, {arm}")),
        [("no-initiative", arm.to_owned())]
    );
    assert_eq!(
        of_arms("{ name: x, role: generic, initiative: i }, { name: y, role: shuffled }"),
        [("reference-initiative", "i".to_owned())]
    );
    assert_eq!(
        warnings(&experiment("", TWO_ARMS, "metrics: { primary: revenue }")),
        [("no-time", "revenue".to_owned())]
    );
}

#[test]
fn rules_of_the_settings() {
    let cases = [
        ("", "1:1 missing-key", "begin with `name:`"),
        (
            "currency: EUR",
            "1:1 missing-key",
            "as it appears on reports",
        ),
        ("name: x\ncurrency: euro", "2:11 currency", "EUR"),
        (
            "name: x\ntime_zone: Europe/Berln",
            "2:12 time-zone",
            "did you mean `Europe/Berlin`?",
        ),
        (
            "name: x\ntime_zone: utc",
            "2:12 time-zone",
            "did you mean `UTC`?",
        ),
        ("name: x\nmargin: 1.5", "2:9 out-of-range", "0 to 1"),
        (
            "name: x\nmargin: 50 %",
            "2:9 wrong-type",
            "write 0.5 for 50 %",
        ),
        (
            "name: x\ndiscount_rate: -0.1",
            "2:16 out-of-range",
            "ten per cent",
        ),
        ("name: x\nlake: ${LAKE}", "2:7 environment", "export LAKE"),
        (
            "name: x\nlake: s3://bucket/lake",
            "2:7 unknown-value",
            "name a folder",
        ),
        (
            "name: x\nengine: { memory: 4 }",
            "2:19 wrong-type",
            "quotes",
        ),
        ("name: x\nengine: { memory: 4 gigs }", "2:19 memory", "4GB"),
        (
            "name: x\nengine: { threads: 0 }",
            "2:20 out-of-range",
            "Threads",
        ),
        (
            "name: x\nmargn: 0.5",
            "2:1 unknown-key",
            "did you mean `margin`?",
        ),
        (
            "name: x\n---\nkind: team\nname: y",
            "3:1 project",
            "`catalog`",
        ),
    ];
    for (text, place, help) in cases {
        let diagnostics = mistakes_in(&[("touchstone.yaml", text)]);
        assert_eq!(places(&diagnostics), [place], "{text}");
        let found = diagnostics.diagnostics[0].help.as_deref().unwrap();
        assert!(found.contains(help), "{text}: {found}");
    }
    for zone in [
        "UTC",
        "Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "Etc/UTC",
    ] {
        load(&[("touchstone.yaml", &format!("name: x\ntime_zone: {zone}"))]).unwrap();
    }
}

#[test]
fn settings_with_several_mistakes_show_all_of_them() {
    let text = "curency: EUR\ntime_zone: Europe/Berlyn\nengine: { memory: 4XB }\nmargin: much\nlake: ${NOT_SET}";
    let diagnostics = mistakes_in(&[("touchstone.yaml", text)]);
    let mut found = places(&diagnostics);
    found.sort();
    assert_eq!(
        found,
        [
            "1:1 missing-key",
            "1:1 unknown-key",
            "2:12 time-zone",
            "3:19 memory",
            "4:9 wrong-type",
            "5:7 environment",
        ]
    );
}

#[test]
fn rules_of_yaml() {
    let cases: [(&str, &[&str]); 11] = [
        ("kind: team\n\tname: x", &["2:1 yaml"]),
        ("kind: team\nname: a: b", &["2:8 yaml"]),
        ("kind: team\nname: [a", &["2:9 yaml"]),
        ("{ kind: team, name: &a x }", &["1:21 yaml-feature"]),
        ("{ kind: team, name: !!str x }", &["1:21 yaml-feature"]),
        ("kind: team\n<<: x\nname: a", &["2:1 yaml-feature"]),
        ("kind: team\n[a]: x\nname: a", &["2:1 yaml"]),
        ("kind: team\nname: a\nkind: team", &["3:1 duplicate-key"]),
        ("just text", &["1:1 wrong-type"]),
        (
            "kind: team\r\nname: é\r\nnäme: b",
            &["2:7 bad-name", "3:1 unknown-key"],
        ),
        // A document that cannot be read does not hide the next, nor names that it may declare.
        (
            "kind: team\nname: crm: x\n---\n{ kind: initiative, name: i, level: 9, team: crm }",
            &["2:10 yaml", "4:37 out-of-range"],
        ),
    ];
    for (text, expected) in cases {
        let diagnostics = mistakes_in(&[("touchstone.yaml", "name: x"), ("catalog/a.yaml", text)]);
        assert_eq!(places(&diagnostics), expected, "{text}\n{diagnostics}");
    }
}

#[test]
fn bytes_that_are_not_utf8_have_a_place() {
    let files = [
        ("touchstone.yaml", &b"name: x"[..]),
        (
            "catalog/a.yaml",
            &b"\xEF\xBB\xBFkind: team\nname: caf\xE9\n"[..],
        ),
    ];
    let files = files.map(|(path, bytes)| (path.into(), bytes));
    let Err(LoadError::Invalid(diagnostics)) =
        Catalog::from_sources(".".as_ref(), files, &|_| None)
    else {
        panic!("bytes that are not UTF-8 were read");
    };
    assert_eq!(places(&diagnostics), ["2:7 bad-name", "2:10 encoding"]);
}

#[test]
fn rules_of_learned_covariates() {
    let cases = [
        ("{ learned: [] }", "too-few", "[]"),
        ("{ learned: [age, age] }", "duplicate-value", "age"),
        ("{ learned: [a] }", "column", "a"),
        ("{ learned: [c] }", "column", "c"),
        ("{ learned: [t] }", "column", "t"),
        ("{ learned: [age], folds: 1 }", "out-of-range", "1"),
        (
            "{ learned: [{ metric: rate, before: 7 days }] }",
            "metric",
            "rate",
        ),
    ];
    for (covariate, code, at) in cases {
        let keys = format!("metrics: {{ primary: orders }}\ncovariates: [{covariate}]");
        let document = experiment(TIME, TWO_ARMS, &keys);
        let (found, place) = only_mistake(&document);
        assert_eq!((found, place.as_str()), (code, at), "{covariate}");
    }
    let keys = "metrics: { primary: orders }\ncovariates: [{ learned: [age, { metric: revenue, before: 7 days }], folds: 5 }]";
    with(&experiment(TIME, TWO_ARMS, keys)).unwrap();
}

#[test]
fn rules_of_clusters() {
    for (keys, at) in [
        ("plan: { minimum_effect: 0.02 }", "{ minimum_effect: 0.02 }"),
        ("prior: { mean: 0, sd: 0.05 }", "{ mean: 0, sd: 0.05 }"),
        ("strata: [region]", "[region]"),
    ] {
        let keys = format!("metrics: {{ primary: orders }}\n{keys}");
        let document = experiment(", time: t, cluster: shop", TWO_ARMS, &keys);
        assert_eq!(
            only_mistake(&document),
            ("cluster", at.to_owned()),
            "{keys}"
        );
    }
    let document = experiment(
        ", time: t, cluster: c",
        TWO_ARMS,
        "metrics: { primary: orders }",
    );
    assert_eq!(only_mistake(&document), ("column", "c".to_owned()));
}

#[test]
fn rules_of_programmes() {
    let tagged = "\n---\n{ kind: initiative, name: tagged, level: 2, tags: [crm] }";
    let metrics = format!("metrics: {{ primary: orders }}{tagged}");
    let arms = |reference: &str, keys: &str| {
        format!("{{ name: x, role: {reference} }}, {{ name: y, role: personalized, {keys} }}")
    };
    let cases = [
        ("generic", "covers: [i]", "covers", "[i]"),
        ("holdout", "covers: { tag: crn }", "covers", "crn"),
        ("holdout", "covers: [i, i]", "duplicate-value", "i"),
        ("holdout", "covers: [nobody]", "unknown-name", "nobody"),
        ("holdout", "initiative: i, covers: [tagged]", "covers", "i"),
    ];
    for (reference, keys, code, at) in cases {
        let document = experiment(TIME, &arms(reference, keys), &metrics);
        let (found, place) = only_mistake(&document);
        assert_eq!((found, place.as_str()), (code, at), "{keys}");
    }
    for covers in ["covers: { tag: crm }", "covers: [i, tagged]"] {
        let catalog = with(&experiment(TIME, &arms("holdout", covers), &metrics)).unwrap();
        // The arm enters the ledger by what it covers.
        assert_eq!(catalog.warnings(), []);
    }
}
