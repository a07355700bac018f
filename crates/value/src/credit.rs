//! Content that no experiment measures, credited by observation where its document asks for it.

use catalog::{Catalog, Content, ContentCost, Unit};
use measure::content::{AttributionFinding, CreditFinding, CreditModel};
use measure::{Reason, Refusal, begun_months};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Money, MoneyEstimate};
use crate::increment::{MICROSECONDS_A_DAY, Measured, too_large};
use crate::sum::Sum;

/// The model of credit: equal shares to all that a journey meets. It has no parameter to choose, and no order.
pub(crate) const MODEL: CreditModel = CreditModel::Shapley;

/// The credit of content whose documents ask for it, at grade D: margin observed beside the content, of orders that would
/// have come anyway, too. It is in no total.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CountedCredit {
    pub attribution: String,
    pub model: CreditModel,
    /// Content that asks for it, in the order of the catalog.
    pub contents: Vec<CreditedContent>,
    /// The sum of the margin credited.
    pub credited: Money,
    /// What experiments in this ledger measured in the time of the data: it may be part of what is credited, and is
    /// taken off.
    pub measured_already: Money,
    /// What is left, and no money that the total has; at least nothing.
    pub counted: MoneyEstimate,
    /// The sum of the costs of content with a credit.
    pub cost: Money,
    /// Counted less cost.
    pub net: Money,
    /// Why there is none.
    pub refusal: Option<Refusal>,
}

/// The credit of one piece of content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CreditedContent {
    pub content: String,
    /// Credited value times margin.
    pub credit: Option<MoneyEstimate>,
    /// The same by the models that credit it with least and with most.
    pub least: Option<Money>,
    pub greatest: Option<Money>,
    /// Creation, localisation and approval, upkeep for the months of the conversions, and what its touches cost.
    pub cost: Money,
    /// Why there is no credit.
    pub refusal: Option<Refusal>,
}

impl CountedCredit {
    /// Content that has a credit.
    pub fn contents_counted(&self) -> impl Iterator<Item = (&CreditedContent, MoneyEstimate)> {
        let contents = self.contents.iter();
        contents.filter_map(|content| Some((content, content.credit?)))
    }

    /// Whether any content has a credit.
    pub fn counts(&self) -> bool {
        self.contents_counted().next().is_some()
    }

    /// What to know of it.
    pub(crate) fn caveat(&self) -> Option<String> {
        self.counts().then(|| {
            format!(
                "credit by `{}` is no increment and not in the total: it shares out orders that would have come anyway, \
                 too, and its interval does not hold the doubt whether any of it is due to the content",
                self.attribution
            )
        })
    }
}

/// The credit of the content whose documents ask for it; none where none does.
///
/// Credit shares out orders whole, those too that would have come anyway and those that experiments say exist because of
/// something else. `counted = max(0, sum of credit x margin - sum of what experiments measured in the data)`, as if all
/// of the latter were credited to this content: so much of the credit at least is no money that the ledger has
/// already. Errors of credits, and of what is taken off, are added up, which is the most that they can be.
pub(crate) fn counted_credit(
    catalog: &Catalog,
    attributions: &[AttributionFinding],
    increments: &[Measured],
) -> Option<CountedCredit> {
    let asking: Vec<(&Content, &String)> = catalog
        .contents()
        .filter_map(|content| Some((content, content.credit.as_ref()?)))
        .collect();
    // The catalog allows one attribution in all of them.
    let (_, name) = asking.first()?;
    let mut counted = CountedCredit {
        attribution: (*name).clone(),
        model: MODEL,
        contents: Vec::new(),
        credited: Money::default(),
        measured_already: Money::default(),
        counted: MoneyEstimate::default(),
        cost: Money::default(),
        net: Money::default(),
        refusal: None,
    };
    let finding = attributions
        .iter()
        .find(|finding| finding.attribution == **name);
    if let Err(refusal) = fill(&mut counted, catalog, finding, &asking, increments) {
        counted.refusal = Some(refusal);
    }
    Some(counted)
}

fn fill(
    counted: &mut CountedCredit,
    catalog: &Catalog,
    finding: Option<&AttributionFinding>,
    asking: &[(&Content, &String)],
    increments: &[Measured],
) -> Result<(), Refusal> {
    let Some(finding) = finding else {
        let message = format!("the attribution `{}` is not measured", counted.attribution);
        return Err(Refusal::new(Reason::Undeclared, message));
    };
    let credited = Credited::of(catalog, finding)?;
    for (content, _) in asking {
        counted.contents.push(credited.content(content));
    }
    let with_credit = || counted.contents_counted();
    let credit: Decimal = with_credit().map(|(_, credit)| credit.amount.0).sum();
    let cost: Decimal = with_credit().map(|(content, _)| content.cost.0).sum();
    let gains = || {
        let amounts = increments.iter().map(Measured::within_the_data);
        (increments.iter().zip(amounts)).filter(|(_, amount)| *amount > Money::default())
    };
    let already: Decimal = gains().map(|(_, amount)| amount.0).sum();
    let left = (credit - already).max(Decimal::ZERO);
    let se: f64 = with_credit().map(|(_, credit)| credit.se).sum::<f64>()
        + gains()
            .map(|(measured, _)| measured.increment.se)
            .sum::<f64>();
    let estimate = Sum {
        amount: Money(left),
        se: if left.is_zero() { 0.0 } else { se },
        df: f64::INFINITY,
    };
    counted.credited = Money(credit);
    counted.measured_already = Money(already);
    counted.counted = estimate.estimate().ok_or_else(too_large)?;
    counted.cost = Money(cost);
    counted.net = Money(left - cost);
    Ok(())
}

/// Why attributions of money say nothing in it, each reason once.
pub(crate) fn refusals(catalog: &Catalog, attributions: &[AttributionFinding]) -> Vec<String> {
    let of_money = attributions
        .iter()
        .filter(|finding| finding.unit == Some(Unit::Money));
    let refused = of_money.filter_map(|finding| Credited::of(catalog, finding).err());
    let mut messages: Vec<String> = refused
        .map(|refusal| format!("no credit is shown: {}", refusal.message))
        .collect();
    messages.dedup();
    messages
}

/// What an attribution credits, in margin.
pub(crate) struct Credited<'a> {
    finding: &'a AttributionFinding,
    credits: &'a [CreditFinding],
    margin: f64,
}

impl<'a> Credited<'a> {
    /// # Errors
    ///
    /// An attribution or a model that is refused; no margin to make money of revenue.
    pub(crate) fn of(catalog: &Catalog, finding: &'a AttributionFinding) -> Result<Self, Refusal> {
        let named = |refusal: &Refusal| {
            let message = format!("attribution `{}`: {}", finding.attribution, refusal.message);
            Refusal::new(refusal.reason, message)
        };
        if let Some(refusal) = &finding.refusal {
            return Err(named(refusal));
        }
        let margin = catalog.project().margin.ok_or_else(|| {
            let message = "no margin for what is credited: add `margin:` to touchstone.yaml";
            Refusal::new(Reason::Undeclared, message)
        })?;
        let model = finding.model(MODEL).ok_or_else(|| {
            let message = "nothing is credited";
            named(&Refusal::new(Reason::TooLittleData, message))
        })?;
        match &model.refusal {
            Some(refusal) => Err(named(refusal)),
            None => Ok(Self {
                finding,
                credits: &model.credits,
                margin,
            }),
        }
    }

    /// The names of what is credited, the greatest credit first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.credits.iter().map(|credit| credit.key.as_str())
    }

    pub(crate) fn margin(&self) -> f64 {
        self.margin
    }

    /// The margin credited.
    ///
    /// # Errors
    ///
    /// Without an interval, which no sum can do without.
    pub(crate) fn credit(&self, key: &str) -> Result<MoneyEstimate, Refusal> {
        let credit = self.credits.iter().find(|credit| credit.key == key);
        let Some(credit) = credit.and_then(|credit| credit.value) else {
            let message = format!(
                "no touch of it belongs to a journey of `{}`",
                self.finding.attribution
            );
            return Err(Refusal::new(Reason::TooLittleData, message));
        };
        let Some(se) = credit.se else {
            let message = "there are too many journeys or names for the interval of a credit";
            return Err(Refusal::new(Reason::UnfitData, message));
        };
        let sum = Sum {
            amount: Money::from_f64(credit.estimate * self.margin).ok_or_else(too_large)?,
            se: se * self.margin,
            df: f64::INFINITY,
        };
        sum.estimate().ok_or_else(too_large)
    }

    /// The least and the greatest margin that a model credits.
    pub(crate) fn spread(&self, key: &str) -> Option<(Money, Money)> {
        let value = self.key(key)?.value?;
        Some((
            Money::from_f64(value.least * self.margin)?,
            Money::from_f64(value.greatest * self.margin)?,
        ))
    }

    /// What showing it cost.
    pub(crate) fn showing(&self, key: &str) -> Option<Money> {
        Money::from_f64(self.key(key)?.cost?)
    }

    /// Making and keeping a piece of content.
    pub(crate) fn making(&self, cost: &ContentCost) -> Money {
        let counts = &self.finding.journeys;
        let days = counts
            .first_conversion
            .zip(counts.last_conversion)
            .map_or(0.0, |(first, last)| {
                (last - first) as f64 / MICROSECONDS_A_DAY
            });
        let months = Decimal::from(begun_months(days) as u64);
        let once = cost.creation + cost.localisation + cost.approval;
        Money::rounded(once + cost.upkeep * months)
    }

    fn key(&self, key: &str) -> Option<&'a measure::content::KeyFinding> {
        self.finding.keys.iter().find(|finding| finding.key == key)
    }

    fn content(&self, content: &Content) -> CreditedContent {
        let name = content.name.as_str();
        let credit = self.credit(name);
        let spread = self.spread(name);
        let making = content.cost.as_ref().map(|cost| self.making(cost));
        CreditedContent {
            content: name.to_owned(),
            credit: credit.as_ref().ok().copied(),
            least: spread.map(|(least, _)| least),
            greatest: spread.map(|(_, greatest)| greatest),
            cost: Money(making.unwrap_or_default().0 + self.showing(name).unwrap_or_default().0),
            refusal: credit.err(),
        }
    }
}
