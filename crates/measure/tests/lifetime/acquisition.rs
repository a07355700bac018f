//! What acquisition cost, of whom, and against what.

use measure::audience::lifetime::AcquisitionFinding;

use super::*;

/// Customers of purchases in `rows.csv` with what `crm.csv` knows of them.
fn acquired(rows: &str, crm: &str, keys: &str) -> LifetimeFinding {
    let documents = format!(
        "{FACT}{{ kind: source, name: crm, path: crm.csv, types: {{ id: VARCHAR, cost: DOUBLE }} }}\n---\n\
         kind: lifetime\nname: test\nfact: purchases\nspend: amount\nhorizon: 2 years\n\
         customers: {{ source: crm, customer: id }}\n{keys}"
    );
    project(
        &[("rows.csv", rows), ("crm.csv", crm)],
        SETTINGS,
        &documents,
    )
    .unwrap()
}

fn group<'f>(finding: &'f LifetimeFinding, name: &str) -> &'f AcquisitionFinding {
    let mut groups = finding.acquisition.iter();
    groups.find(|found| found.group == name).unwrap()
}

/// Purchases of 600 customers, the odd ones of whom spend eight times as much.
fn unlike() -> String {
    let [rows, ..] = simulated(600, 1.0);
    let each = rows.lines().skip(1).map(|row| {
        let mut fields = row.split(',');
        let mut next = || fields.next().unwrap();
        let (id, day, amount) = (next(), next(), next());
        let is_odd = id.parse::<u32>().unwrap() % 2 == 1;
        let amount = amount.parse::<f64>().unwrap() * if is_odd { 8.0 } else { 1.0 };
        format!("{id},{day},{amount:.2}\n")
    });
    "id,day,amount\n".to_owned() + &each.collect::<String>()
}

#[test]
fn cost_value_and_payback_are_of_the_same_customers() {
    let rows = unlike();
    let crm = |known: fn(u32) -> bool| {
        let each = (0..600).filter(|id| known(*id)).map(|id| match id % 2 {
            0 => format!("{id},20,paid\n"),
            _ => format!("{id},,free\n"),
        });
        "id,cost,kind\n".to_owned() + &each.collect::<String>()
    };
    let keys = "by: [kind]\nacquisition: { cost: cost }\n";
    let finding = acquired(&rows, &crm(|_| true), keys);
    let all = &finding.acquisition[0];
    assert_eq!((all.customers, all.without_cost), (300, 300));
    assert_eq!(all.cost, Some(20.0));
    let paid = finding.by[0].values.iter().find(|by| by.group == "paid");
    let paid = paid.unwrap();
    let worth = paid.past + paid.future.estimate;
    near(all.value.unwrap().estimate, worth, 1e-12);
    near(all.value_over_cost.unwrap().estimate, worth / 20.0, 1e-12);
    let everyone = finding.value.as_ref().unwrap();
    assert!(worth < 0.5 * (everyone.past + everyone.future.estimate));
    for cohort in &finding.acquisition[1..] {
        assert_eq!(cohort.of, "cohort");
        assert!(cohort.without_cost > 0 && cohort.value.unwrap().estimate < 2.0 * worth);
    }

    // What was observed of them is what is observed where there are no others.
    let only: String = (rows.lines().enumerate())
        .filter(|(i, row)| {
            let id = row.split(',').next().unwrap();
            *i == 0 || id.parse::<u32>().unwrap() % 2 == 0
        })
        .map(|(_, row)| format!("{row}\n"))
        .collect();
    let alone = acquired(&only, &crm(|id| id % 2 == 0), keys);
    let alone = &alone.acquisition[0];
    assert_eq!((&all.curve, all.payback), (&alone.curve, alone.payback));
    assert!(all.payback.unwrap().months.unwrap() > 0.1);
}

#[test]
fn what_was_spent_on_customers_who_never_bought_is_spent() {
    let [rows, _, known] = simulated(600, 1.0);
    let mut crm = known;
    for id in 0..100 {
        writeln!(crm, "ghost{id},DE,10,search").unwrap();
    }
    for id in 0..50 {
        writeln!(crm, "unmoved{id},DE,30,tv").unwrap();
    }
    let finding = acquired(
        &rows,
        &crm,
        "acquisition: { cost: cost, channel: source }\n",
    );
    // Those who bought cost 5, 10 and 15, a third of them each.
    let all = &finding.acquisition[0];
    let never = all.never_bought.unwrap();
    assert_eq!((never.customers, never.cost), (150, 2_500.0));
    assert_eq!(all.customers, 600);
    near(all.cost.unwrap(), (6_000.0 + 2_500.0) / 600.0, 1e-12);
    near(
        all.value_over_cost.unwrap().estimate,
        all.value.unwrap().estimate / all.cost.unwrap(),
        1e-12,
    );
    let search = group(&finding, "search");
    near(search.cost.unwrap(), (5.0 * 200.0 + 1_000.0) / 200.0, 1e-12);
    near(group(&finding, "shop").cost.unwrap(), 15.0, 1e-12);
    let tv = group(&finding, "tv");
    assert_eq!((tv.customers, tv.cost), (0, None));
    let refusal = tv.refusal.as_ref().unwrap();
    assert!(
        refusal.message.contains("nobody was acquired for the 1500"),
        "{refusal:?}"
    );
    let cohort = group(&finding, "2023-01");
    assert_eq!(cohort.never_bought, None);
    near(cohort.cost.unwrap(), 10.0, 0.1);
    assert!(says(
        &finding,
        "150 customers of `crm` cost 2500 and never bought: what was spent on all over those who bought is 14.17 each, of \
         which 10.00 was spent on these"
    ));
}

#[test]
fn acquisition_without_a_cost_is_refused() {
    let [rows, ..] = simulated(300, 1.0);
    let crm = |cost: &str| {
        let each = (0..300).map(|id| format!("{id},{cost}\n"));
        "id,cost\n".to_owned() + &each.collect::<String>()
    };
    let keys = "acquisition: { cost: cost }\n";
    let unknown = acquired(&rows, &crm(""), keys);
    let all = &unknown.acquisition[0];
    let refusal = all.refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::TooLittleData);
    assert!(refusal.message.contains("the cost of none"), "{refusal:?}");
    assert_eq!((all.customers, all.without_cost, all.cost), (0, 300, None));
    assert!(all.value.is_none() && all.payback.is_none() && all.curve.is_empty());
    let free = acquired(&rows, &crm("0"), keys);
    let all = &free.acquisition[0];
    assert!(all.refusal.as_ref().unwrap().message.contains("no ratio"));
    assert_eq!((all.cost, all.value_over_cost), (Some(0.0), None));
    assert_eq!(all.payback.unwrap().months, Some(0.0));
}

/// Twenty channels among which customers of one kind are dealt out: of each the interval should hold what all are worth.
#[test]
fn intervals_of_channels_count_which_customers_they_got() {
    let [rows, ..] = simulated(3_000, 1.0);
    let mut random = Random(99);
    let mut crm = "id,cost,source\n".to_owned();
    for id in 0..3_000 {
        writeln!(crm, "{id},10,c{}", (20.0 * random.next()) as u32).unwrap();
    }
    let finding = acquired(
        &rows,
        &crm,
        "by: [source]\nacquisition: { cost: cost, channel: source }\n",
    );
    let all = finding.value.as_ref().unwrap();
    let channels = &finding.by[0].values;
    assert_eq!(channels.len(), 20);
    let truth = all.future.estimate;
    let held = channels
        .iter()
        .filter(|channel| channel.future.low <= truth && truth <= channel.future.high);
    let held = held.count();
    assert!(held >= 17, "{held} of 20");
    // They are not wide beyond reason: the values of channels vary by as much as is said.
    let spread: f64 = channels
        .iter()
        .map(|channel| ((channel.future.estimate - truth) / channel.future.se).powi(2))
        .sum();
    assert!((0.4..1.8).contains(&(spread / 20.0)), "{spread}");
    let widest = all.future.high - all.future.low;
    assert!(
        channels
            .iter()
            .all(|channel| channel.future.high - channel.future.low > widest)
    );
    let total = all.past + truth;
    let of_channels = finding
        .acquisition
        .iter()
        .filter(|found| found.of == "channel");
    let held = of_channels
        .filter_map(|found| found.value)
        .filter(|value| value.low <= total && total <= value.high);
    assert!(held.count() >= 17);
}

/// Purchases and costs in another unit of money.
fn in_unit(unit: f64) -> LifetimeFinding {
    let [rows, ..] = simulated(600, 1.0);
    let rows = rows.lines().skip(1).map(|row| {
        let (at, amount) = row.rsplit_once(',').unwrap();
        format!("{at},{}\n", amount.parse::<f64>().unwrap() * unit)
    });
    let rows = "id,day,amount\n".to_owned() + &rows.collect::<String>();
    let crm = (0..600).map(|id| format!("{id},{},{}\n", 30.0 * unit, ["a", "b", "c"][id % 3]));
    let crm = "id,cost,source\n".to_owned() + &crm.collect::<String>();
    acquired(
        &rows,
        &crm,
        "acquisition: { cost: cost, channel: source }\n",
    )
}

#[test]
fn the_unit_of_money_does_not_matter() {
    let plain = in_unit(1.0);
    let payback = plain.acquisition[0].payback.unwrap();
    let (low, high) = (payback.low.unwrap(), payback.high.unwrap());
    assert!(0.1 < low && low < 0.9 * high, "{payback:?}");
    for unit in [1e-10, 1e-4, 1e6] {
        let other = in_unit(unit);
        assert_eq!(other.acquisition.len(), plain.acquisition.len());
        for (other, plain) in other.acquisition.iter().zip(&plain.acquisition) {
            let (found, wanted) = (
                other.value_over_cost.unwrap(),
                plain.value_over_cost.unwrap(),
            );
            near(found.estimate, wanted.estimate, 1e-6);
            near(found.low, wanted.low, 1e-6);
            near(found.high, wanted.high, 1e-6);
            let (found, wanted) = (other.payback.unwrap(), plain.payback.unwrap());
            for (found, wanted) in [
                (found.months, wanted.months),
                (found.low, wanted.low),
                (found.high, wanted.high),
            ] {
                assert_eq!(found.is_some(), wanted.is_some());
                near(found.unwrap_or(0.0), wanted.unwrap_or(0.0), 1e-6);
            }
        }
    }
}

#[test]
fn one_huge_amount_is_no_error() {
    let [rows, _, known] = simulated(600, 1.0);
    let with = |amount: &str| {
        let keys = "acquisition: { cost: cost, channel: source }\n";
        let rows = format!("{rows}600,2023-02-01,{amount}\n");
        let known = format!("{known}600,DE,10,tv\n");
        (
            measured(&rows, "spend: amount\n").unwrap(),
            acquired(&rows, &known, keys),
        )
    };
    let [(plain, other), (huge, acquired)] = ["20", "2e19"].map(with);
    assert_eq!(huge.extent.customers, plain.extent.customers);
    // A customer of one purchase tells nothing of what repeat purchases bring.
    let future = |finding: &LifetimeFinding| finding.value.as_ref().unwrap().future.estimate;
    near(future(&huge), future(&plain), 1e-9);
    // Its channel has all of it, and that of the others is what it was.
    let tv = group(&acquired, "tv");
    near(
        tv.curve.last().map_or(1e19, |p| p.brought.estimate),
        1e19,
        1e-9,
    );
    let search = |finding| group(finding, "search").payback;
    assert_eq!(search(&acquired), search(&other));
    let (_, beyond) = with("1e200");
    let refusal = beyond.acquisition[0].refusal.as_ref().unwrap();
    assert_eq!(refusal.reason, Reason::UnfitData);
    assert!(
        refusal
            .message
            .contains("an amount of `purchases`, or a cost, is too large"),
        "{refusal:?}"
    );
}
