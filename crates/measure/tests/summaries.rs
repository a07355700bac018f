//! Experiments of which only summaries are known: rules, refusals, and two published collections of real experiments.
//!
//! The numbers expected of the real data were computed apart from this code, from the same files with plain formulas
//! (Pearson's chi-square, Welch's z, Holm, Benjamini and Hochberg, restricted likelihood).

use std::path::Path;

use catalog::{Catalog, LoadError};
use lake::Lake;
use measure::Reason;
use measure::audience::{ProgrammeFinding, programme};
use tempfile::TempDir;

/// A project with the file `rows.csv` and a document `test` with these keys.
fn measured(rows: &str, keys: &str) -> ProgrammeFinding {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
    let documents = format!(
        "{{ kind: source, name: rows, path: rows.csv }}\n---\nkind: summaries\nname: test\nsource: rows\n\
         experiment: test\narm: arm\n{keys}"
    );
    of_catalog(&catalog(folder.path(), &documents))
}

fn catalog(folder: &Path, documents: &str) -> Catalog {
    let files = [
        ("touchstone.yaml".into(), "name: Test\n".to_owned()),
        ("catalog/test.yaml".into(), documents.to_owned()),
    ];
    Catalog::from_sources(folder, files, &|name| std::env::var(name).ok())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn of_catalog(catalog: &Catalog) -> ProgrammeFinding {
    let mut lake = Lake::open(catalog, None).unwrap();
    let summaries = catalog.all_summaries().next().unwrap();
    programme(catalog, &mut lake, summaries).unwrap()
}

/// A published collection as `examples/` declares it; none without the test data.
#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests must see that this one did not"
)]
fn example(name: &str) -> Option<ProgrammeFinding> {
    if std::env::var_os("TOUCHSTONE_TEST_DATA").is_none() {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA does not name the folder of the test data");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let documents =
        std::fs::read_to_string(root.join(format!("{name}/catalog/{name}.yaml"))).unwrap();
    // Elsewhere than in the example, so that nothing is written there.
    let folder = TempDir::new().unwrap();
    Some(of_catalog(&catalog(folder.path(), &documents)))
}

const COUNTS: &str = "holds: { n: n, successes: hits }\n";
const COMPARISON: &str = "time: day\ntreated: { n: n_t, mean: m_t, variance: v_t }\n\
                          control: { n: n_c, mean: m_c, variance: v_c }\n";

/// The codes of the mistakes in a document `test` with these keys, sorted.
fn mistakes(keys: &str) -> Vec<&'static str> {
    let documents = format!(
        "{{ kind: source, name: rows, path: rows.csv }}\n---\nkind: summaries\nname: test\nsource: rows\n\
         experiment: test\narm: arm\n{keys}"
    );
    let files = [
        ("touchstone.yaml".into(), "name: Test\n".to_owned()),
        ("catalog/test.yaml".into(), documents),
    ];
    match Catalog::from_sources(Path::new("."), files, &|_| None) {
        Err(LoadError::Invalid(diagnostics)) => {
            let mut codes: Vec<_> = diagnostics.errors().map(|error| error.code).collect();
            codes.sort_unstable();
            codes
        }
        _ => Vec::new(),
    }
}

#[test]
fn the_catalog_says_what_a_row_holds() {
    assert_eq!(mistakes(""), ["missing-key"]);
    assert_eq!(
        mistakes("holds: { n: n }\n"),
        ["missing-key", "reference-arm"]
    );
    assert_eq!(
        mistakes("holds: { n: n, mean: m, variance: v }\n"),
        ["reference-arm"]
    );
    assert_eq!(
        mistakes("holds: { n: n, successes: h, mean: m }\n"),
        ["misplaced-key"]
    );
    assert_eq!(
        mistakes("treated: { n: n, successes: h }\n"),
        ["missing-key"]
    );
    let both = format!("{COUNTS}{COMPARISON}");
    assert_eq!(mistakes(&both), ["misplaced-key", "misplaced-key"]);
    assert_eq!(
        mistakes(&format!("{COMPARISON}reference: true\n")),
        ["wrong-type"]
    );
    assert_eq!(
        mistakes(&format!("{COMPARISON}reference: arm = 'a'\n")),
        ["misplaced-key"]
    );
    assert_eq!(
        mistakes(&format!("{COUNTS}planned: p\nshares: {{ a: 0 }}\n")),
        ["misplaced-key", "shares"]
    );
    assert!(mistakes(COUNTS).is_empty());
}

#[test]
fn an_arm_is_compared_with_the_reference_that_a_condition_names() {
    let rows = "test,arm,n,hits\na,old,1000,100\na,new,1000,130\n";
    let finding = measured(rows, &format!("{COUNTS}reference: arm = 'old'\n"));
    let comparison = finding.experiment("a").unwrap().comparison("hits", "new");
    let outcome = &comparison.unwrap().outcome;
    let effect = outcome.absolute.unwrap();
    assert!((effect.estimate - 0.03).abs() < 1e-15);
    // sqrt(0.13 * 0.87 / 999 + 0.1 * 0.9 / 999)
    assert!((effect.se - 0.014_258_4).abs() < 1e-7, "{}", effect.se);
    assert_eq!(finding.experiment("a").unwrap().comparisons.len(), 1);
}

#[test]
fn without_a_reference_each_arm_is_compared_with_all_others() {
    let rows =
        "test,arm,n,hits\na,x,1000,100\na,y,1000,130\na,z,1000,110\nb,x,500,50\nb,y,500,60\n";
    let finding = measured(rows, COUNTS);
    let a = finding.experiment("a").unwrap();
    assert_eq!(a.comparisons.len(), 3);
    let y = a.comparison("hits", "y").unwrap();
    assert_eq!(y.against, "others");
    assert_eq!(y.n.unwrap().against, 2000);
    assert!((y.mean.unwrap().against - 0.105).abs() < 1e-15);
    assert_eq!(a.omnibus.len(), 1);
    // Two arms are one comparison, not two.
    let b = finding.experiment("b").unwrap();
    assert_eq!(b.comparisons.len(), 1);
    assert_eq!(b.comparisons[0].against, "x");
    assert!(b.omnibus.is_empty());
    assert_eq!(finding.extent.customers, 4000);
}

#[test]
fn impossible_rows_are_refused_and_counted() {
    let rows = "test,arm,day,n_t,m_t,v_t,n_c,m_c,v_c\n\
                shrinks,x,1,1000,2,9,1000,2,9\nshrinks,x,2,990,2,9,1010,2,9\n\
                missing,x,1,1000,2,9,1000,2,9\nmissing,x,2,1100,2,,1100,2,9\n\
                negative,x,1,1000,2,-9,1000,2,9\n\
                constant,x,1,1000,2,0,1000,2,9\n\
                twice,x,1,1000,2,9,1000,2,9\ntwice,x,1,1000,2,9,1000,2,9\n\
                split,x,1,2000,2,9,1000,2,9\n\
                fine,x,1,,2,9,1000,2,9\nfine,x,2,1000,2,9,1000,2,9\n\
                ,x,1,1000,2,9,1000,2,9\n";
    let finding = measured(rows, COMPARISON);
    let refusal = |experiment: &str| {
        let finding = finding.experiment(experiment).unwrap();
        let outcome = &finding.comparisons[0].outcome;
        outcome.refusal.as_ref().map(|refusal| refusal.reason)
    };
    assert_eq!(refusal("shrinks"), Some(Reason::UnfitData));
    assert_eq!(refusal("missing"), Some(Reason::UnfitData));
    assert_eq!(refusal("negative"), Some(Reason::UnfitData));
    assert_eq!(refusal("constant"), Some(Reason::TooLittleData));
    assert_eq!(refusal("twice"), Some(Reason::UnfitData));
    assert_eq!(refusal("split"), Some(Reason::SampleRatioMismatch));
    // An earlier look without a number is left out, no more.
    assert_eq!(refusal("fine"), None);
    assert_eq!(finding.extent.looks_left_out[0].number, 1);
    assert_eq!(finding.extent.rows_left_out[0].number, 1);
    let refused: u64 = finding.refused.iter().map(|kind| kind.comparisons).sum();
    assert_eq!((refused, finding.extent.comparisons), (6, 7));
}

#[test]
fn declared_shares_decide_what_a_fitting_split_is() {
    let rows = "test,arm,day,n_t,m_t,v_t,n_c,m_c,v_c\na,x,1,1000,2.5,9,9000,2,9\n";
    let refused = measured(rows, COMPARISON);
    assert!(refused.experiment("a").unwrap().refusal.is_some());
    let shares = format!("{COMPARISON}shares: {{ control: 0.9, x: 0.1 }}\n");
    let fitting = measured(rows, &shares);
    assert_eq!(fitting.experiment("a").unwrap().refusal, None);
    assert_eq!(fitting.metric("m_t").unwrap().found.more, 1);
}

#[test]
fn what_was_seen_of_a_split_does_not_depend_on_later_looks() {
    let anytime_p = |more: &[u64]| {
        let mut rows = "test,arm,day,n_t,m_t,v_t,n_c,m_c,v_c\n\
                        a,x,1,900,2.5,9,900,2,9\na,x,2,2100,2.5,9,1900,2,9\n"
            .to_owned();
        for (day, n) in (3..).zip(more) {
            rows.push_str(&format!("a,x,{day},{},2.5,9,{n},2,9\n", n + 200));
        }
        let finding = measured(&rows, COMPARISON);
        let ratio = finding.experiment("a").unwrap().sample_ratio.clone();
        ratio.unwrap().anytime_p.unwrap()
    };
    let seen = anytime_p(&[]);
    assert!(0.001 < seen && seen < 0.5, "{seen}");
    assert_eq!(anytime_p(&[10_000, 400_000]), seen);
}

#[test]
fn watching_decides_a_clear_effect_early() {
    let mut rows = "test,arm,day,n_t,m_t,v_t,n_c,m_c,v_c\n".to_owned();
    for day in 1..=10 {
        let n = 1000 * day;
        rows.push_str(&format!("a,x,{day},{n},2.5,9,{n},2,9\n"));
    }
    let finding = measured(&rows, COMPARISON);
    let watch = finding.experiment("a").unwrap().comparisons[0]
        .watch
        .clone();
    let watch = watch.unwrap();
    assert_eq!((watch.looks, watch.fraction), (10, 1.0));
    // z on day d is 0.5 / sqrt(18 / (1000 d)): 3.73, 5.27, ...
    assert_eq!(watch.peeking.unwrap().time, "1");
    assert_eq!(watch.group_sequential.unwrap().time, "2");
    let anytime = watch.anytime.unwrap();
    assert!((anytime.fraction - anytime.time.parse::<f64>().unwrap() / 10.0).abs() < 1e-12);
    assert!(anytime.more && anytime.fraction < 0.5);
    // Stopping early overstates; the correction takes some of it back.
    assert!(watch.corrected.unwrap().estimate <= 0.5 + 1e-9);
}

#[test]
fn the_78_experiments_of_a_shop() {
    let Some(finding) = example("asos") else {
        return;
    };
    assert_eq!(finding.extent.experiments, 78);
    assert_eq!(finding.extent.comparisons, 396);
    assert_eq!(finding.extent.looks, 24_153);
    assert_eq!(finding.sample_ratios.all.failed, 10);
    let refused: Vec<(u64, u64)> = finding
        .refused
        .iter()
        .map(|kind| (kind.experiments, kind.comparisons))
        .collect();
    // Sizes of arms, shrinking counts, variances that are missing.
    assert_eq!(refused, [(10, 68), (2, 8), (3, 15)]);
    let expected = [
        ("1", 80, 20, 10, 12, 0.005_852_9),
        ("2", 75, 19, 11, 14, 0.007_414_1),
        ("3", 75, 19, 9, 13, 0.007_149_4),
        ("4", 75, 21, 9, 13, 0.006_877_3),
    ];
    for (name, judged, alone, holm, discoveries, tau) in expected {
        let metric = finding.metric(name).unwrap();
        assert_eq!(metric.comparisons - metric.refused, judged, "{name}");
        let significant = metric.significant;
        assert_eq!(
            (
                significant.alone,
                significant.holm,
                significant.benjamini_hochberg
            ),
            (alone, holm, discoveries),
            "{name}"
        );
        // The standard errors are read from Fieller's intervals here, and from the delta method there.
        let prior = metric.prior.unwrap();
        assert!(
            (prior.tau / tau - 1.0).abs() < 0.01,
            "{name}: {}",
            prior.tau
        );
        let winners = metric.winners.unwrap();
        assert!(0.0 < winners.corrected && winners.corrected < winners.naive);
        let watching = metric.watched.as_ref().unwrap();
        assert_eq!(watching.at_the_end, alone, "{name}");
        assert!(watching.at_any_look > watching.group_sequential.decided);
    }
}

#[test]
fn the_faulty_half_year_of_a_news_site_is_found() {
    let Some(finding) = example("upworthy") else {
        return;
    };
    assert_eq!(finding.extent.experiments, 4_873);
    assert_eq!(finding.extent.arms, 22_666);
    assert_eq!(finding.extent.customers, 81_024_151);
    assert_eq!(finding.sample_ratios.all.failed, 753);
    // The archive's authors: from 25 June 2013 to 10 January 2014, the weeks 201325 to 201401.
    let [stretch] = finding.sample_ratios.stretches.as_slice() else {
        panic!("{:?}", finding.sample_ratios.stretches);
    };
    assert_eq!(
        (stretch.first.as_str(), stretch.last.as_str()),
        ("201325", "201401")
    );
    assert_eq!((stretch.experiments, stretch.counts.failed), (1_058, 735));
    let clicks = finding.metric("clicks").unwrap();
    assert_eq!(clicks.comparisons - clicks.refused, 18_177);
    let omnibus = finding.experiments.iter().flat_map(|test| &test.omnibus);
    assert_eq!(omnibus.count(), 3_699);
    assert!(finding.metric("clicks").unwrap().prior.is_some());
}
