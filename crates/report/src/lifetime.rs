//! Sentences about lifetimes that terminal and page share.

use catalog::Unit;
use measure::audience::lifetime::{
    LifeUnit, LifetimeFinding, LifetimeUnit, State, States, StatesRow,
};

use crate::format::{Format, places};

const FORMAT: Format = Format::PLAIN;

/// What the finding counts: customers and their purchases, or contracts and their renewals.
pub(crate) struct Words {
    pub(crate) customer: &'static str,
    pub(crate) customers: &'static str,
    /// Repeat purchases.
    repeat: &'static str,
    repeats: &'static str,
    without_repeat: &'static str,
    /// What is expected and forecast.
    pub(crate) purchase: &'static str,
    pub(crate) purchases: &'static str,
    pub(crate) have_not_left: &'static str,
    pub(crate) who: &'static str,
    pub(crate) he: &'static str,
    /// What life begins with.
    pub(crate) first: &'static str,
    pub(crate) began: &'static str,
    /// What first brings something.
    pub(crate) first_brought: &'static str,
}

impl Words {
    pub(crate) fn of(finding: &LifetimeFinding) -> Self {
        if finding.retention.is_some() {
            return Self {
                customer: "contract",
                customers: "contracts",
                repeat: "renewal",
                repeats: "renewals",
                without_repeat: "never renewed",
                purchase: "payment",
                purchases: "payments",
                have_not_left: "still run",
                who: "that",
                he: "it",
                first: "start",
                began: "started",
                first_brought: "first payment",
            };
        }
        Self {
            customer: "customer",
            customers: "customers",
            repeat: "repeat purchase",
            repeats: "repeat purchases",
            without_repeat: "without a second purchase",
            purchase: "purchase",
            purchases: "purchases",
            have_not_left: "have not left",
            who: "who",
            he: "he",
            first: "first purchase",
            began: "first bought",
            first_brought: "first purchase",
        }
    }
}

/// What values are counted in, for numbers.
pub(crate) fn unit(finding: &LifetimeFinding) -> Unit {
    match finding.unit {
        LifetimeUnit::Margin | LifetimeUnit::Spend => Unit::Money,
        LifetimeUnit::Purchases => Unit::Number,
    }
}

/// What customers have brought, where nothing is said of their future.
pub(crate) fn so_far(finding: &LifetimeFinding) -> Option<String> {
    let mut rules = finding.baselines.iter();
    let average = rules.find(|rule| rule.rule == "historic-average");
    let average = average.filter(|_| finding.value.is_none())?.value?;
    let brought = FORMAT.fixed(average, places(average.abs() / 10.0).min(4));
    let of = match finding.unit {
        LifetimeUnit::Margin => format!("{} of margin", finding.currency),
        LifetimeUnit::Spend => format!("{} of spend", finding.currency),
        LifetimeUnit::Purchases => "purchases".to_owned(),
    };
    let customer = Words::of(finding).customer;
    Some(format!(
        "So far a {customer} has brought {brought} {of} on average."
    ))
}

/// Who is counted, and what is left out.
pub(crate) fn scope(finding: &LifetimeFinding) -> String {
    let (extent, words) = (&finding.extent, Words::of(finding));
    let mut text = match (&extent.first_day, &extent.last_day) {
        (Some(first), Some(last)) => format!(
            "{} from {first} to {last}, {} of them {}; {}.",
            FORMAT.counted(extent.customers, words.customer, words.customers),
            FORMAT.count(extent.without_repeat),
            words.without_repeat,
            FORMAT.counted(extent.repeat_purchases, words.repeat, words.repeats),
        ),
        _ => format!(
            "No {}: {} read, of which none is a {} on a day that counts.",
            words.customers,
            FORMAT.counted(extent.rows, "row", "rows"),
            words.purchase,
        ),
    };
    if let Some(every) = finding.opportunities {
        text.push_str(&format!(
            " Customers can buy once in {every}; a day stands for the period that it begins."
        ));
    }
    if extent.returns_netted > 0 {
        let rows = FORMAT.counted(extent.returns_netted, "returned row", "returned rows");
        text.push_str(&format!(" {rows} netted against their order."));
    }
    for left in &extent.left_out {
        text.push_str(&format!(
            " Left out: {} {}.",
            FORMAT.count(left.number),
            left.reason
        ));
    }
    text
}

/// How long a customer stays.
pub(crate) fn life(finding: &LifetimeFinding) -> Option<String> {
    let life = finding.mean_life?;
    let (unit, what) = match life.unit {
        LifeUnit::Days => ("days", "stays"),
        LifeUnit::Purchases => ("purchases", "leaves after"),
        LifeUnit::RepeatPurchases => ("repeat purchases", "leaves after"),
    };
    let who = if finding.covariates.is_empty() {
        "A customer"
    } else {
        "A customer whose covariates are zero"
    };
    let shown = |value: f64| {
        let places = match life.unit {
            LifeUnit::Days => 0,
            _ => places(value / 10.0).min(2),
        };
        FORMAT.fixed(value, places)
    };
    let level = FORMAT.level(1.0 - finding.alpha);
    let Some(low) = life.low else {
        return Some(format!("The mean life of a customer has no end ({level})."));
    };
    let low = shown(low);
    Some(match (life.estimate, life.high) {
        (Some(mean), Some(high)) => format!(
            "{who} {what} {} {unit} on average ({level} interval {low} to {}).",
            shown(mean),
            shown(high)
        ),
        (Some(mean), None) => format!(
            "{who} {what} {} {unit} on average ({level} interval from {low}, without an upper end).",
            shown(mean)
        ),
        (None, _) => format!(
            "The mean life of a customer has no end by these models; it is {low} {unit} at least ({level})."
        ),
    })
}

/// Who of the audiences is in no value.
pub(crate) fn about_audiences(finding: &LifetimeFinding) -> String {
    let each = finding.audiences.iter().filter_map(|audience| {
        let parts: Vec<String> = [
            (audience.never_bought, "without a purchase"),
            (
                audience.not_counted,
                "bought first outside of the days that count",
            ),
        ]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", FORMAT.count(*number)))
        .collect();
        if parts.is_empty() && audience.value.is_none() && finding.value.is_some() {
            return Some(format!("{}: nobody is in it", audience.audience));
        }
        (!parts.is_empty()).then(|| format!("{}: {}", audience.audience, parts.join(", ")))
    });
    let left_out: Vec<String> = each.collect();
    let mut text = "Audiences may overlap; who is in one is what its source says.".to_owned();
    if !left_out.is_empty() {
        text.push_str(&format!(" In no value: {}.", left_out.join("; ")));
    }
    text
}

/// The contracts that run, of which some are known to end.
pub(crate) fn running(finding: &LifetimeFinding) -> Option<String> {
    let retention = finding.retention.as_ref()?;
    let mut text = format!(
        "{} run, renewed for {} each time; {} have ended.",
        FORMAT.counted(retention.running, "contract", "contracts"),
        retention.period,
        FORMAT.count(retention.ended),
    );
    if retention.known_to_end > 0 {
        text.push_str(&format!(
            " The end of {} that run is known: what they will pay is certain.",
            FORMAT.count(retention.known_to_end)
        ));
    }
    Some(text)
}

/// The name of an age of cohorts.
pub(crate) fn age(finding: &LifetimeFinding, number: usize) -> String {
    let step = finding.age_step;
    match step.count {
        1 => format!("{} {number}", step.unit.name()),
        _ => format!("period {number}"),
    }
}

/// Where the ages are that a table of cohorts has no room for.
pub(crate) fn later_ages(finding: &LifetimeFinding, known: usize, shown: usize) -> String {
    match known > shown {
        true => format!("What came after {} is in the JSON.", age(finding, shown)),
        false => String::new(),
    }
}

/// What a cohort's ages say.
pub(crate) fn ages(finding: &LifetimeFinding) -> String {
    let words = Words::of(finding);
    let step = match finding.age_step.count {
        1 => finding.age_step.unit.name().to_owned(),
        _ => format!("period of {}", finding.age_step),
    };
    format!(
        "What {} brought on average in each {step} since their {}, that one included",
        words.customers, words.first_brought
    )
}

/// What time is counted in by the models' parameters.
pub(crate) fn time_unit(finding: &LifetimeFinding) -> String {
    let period = finding.retention.as_ref().map(|retention| retention.period);
    match period.or(finding.opportunities) {
        Some(period) => format!("periods of {period}"),
        None => "weeks".to_owned(),
    }
}

/// A model's parameter, of any size.
pub(crate) fn of_any_size(value: f64) -> String {
    if (1e-3..1e5).contains(&value.abs()) {
        FORMAT.fixed(value, 3)
    } else {
        format!("{value:.1e}")
    }
}

/// When the mean customer has paid back what he cost.
pub(crate) fn about_payback(finding: &LifetimeFinding) -> String {
    let words = Words::of(finding);
    format!(
        "Paid back when the mean {} has brought what {} cost, by the observed curve; an open end was not reached in the \
         months observed.",
        words.customer, words.he
    )
}

/// The repeat purchases of a row of states.
pub(crate) fn purchases(row: &StatesRow) -> String {
    match (row.from, row.to) {
        (from, Some(to)) if from == to => FORMAT.count(from.into()),
        (from, Some(to)) => format!(
            "{} to {}",
            FORMAT.count(from.into()),
            FORMAT.count(to.into())
        ),
        (from, None) => format!("{} or more", FORMAT.count(from.into())),
    }
}

/// The days, or the periods in which customers can buy, since the last purchase that each cell of states covers.
pub(crate) fn ago(states: &States) -> Vec<String> {
    let from = match states.periods_from.as_slice() {
        [] => &states.days_from,
        _ => &states.periods_from,
    };
    let next = from.iter().skip(1).map(|next| Some(next - 1));
    let each = from.iter().zip(next.chain([None]));
    each.map(|(from, to)| match to {
        Some(to) if to == *from => format!("{from}"),
        Some(to) => format!("{from} to {to}"),
        None => format!("{from} or more"),
    })
    .collect()
}

/// The customers of a state and the purchases that are expected of each.
pub(crate) fn in_state(state: &State) -> String {
    let expected = state.expected_purchases;
    format!(
        "{}; {}",
        FORMAT.count(state.customers),
        FORMAT.fixed(expected, places(expected / 10.0).min(4))
    )
}

/// What [`ago`] counts.
pub(crate) fn ago_in(states: &States) -> &'static str {
    match states.periods_from.as_slice() {
        [] => "days",
        _ => "periods",
    }
}

/// How to read the picture of who is still there.
pub(crate) fn about_states(finding: &LifetimeFinding) -> String {
    let since = match finding.opportunities {
        Some(every) => format!("periods of {every}"),
        None => "days".to_owned(),
    };
    format!(
        "Customers by repeat purchases and by {since} since the last one: the expected share that has not left, how many \
         customers that are, and the purchases expected of each in the next {}.",
        finding.horizon
    )
}

/// What a covariate is: its column, and a value against the reference or a unit against the mean.
pub(crate) fn covariate(found: &measure::audience::lifetime::CovariateFinding) -> (String, String) {
    match &found.level {
        Some(level) => (
            format!("{}: {level}", found.column),
            format!("against {}", found.reference),
        ),
        None => (
            format!("{}, for 1 more", found.column),
            format!("around {}", found.reference),
        ),
    }
}

/// What the columns of covariates say.
pub(crate) const ABOUT_COVARIATES: &str = "What is multiplied: the rate of purchase, the hazard of leaving (in the \
    beta-geometric models the odds of leaving after a purchase), and spend per purchase. One is no effect.";
