//! The company's tables, filled customer by customer and turned into Arrow batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int8Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int8Type;
use arrow::error::ArrowError;

use crate::calendar::{Calendar, SECOND_YEAR};
use crate::company::{
    ACQUISITION, CATEGORIES, CHANNELS, CONTENT, DEVICES, EXPERIMENTS, INITIATIVES, PROGRAMME,
    PROGRAMME_ARMS, REGIONS, STAGES, TIERS, position,
};
use crate::history::{Enrolment, History};
use crate::population::Customer;
use crate::touches::{Showcase, Touch};

/// The tables' files in the project's folder, in the order of [`Tables::into_batches`].
pub(crate) const FILES: [&str; 7] = [
    "data/customers.parquet",
    "data/orders.parquet",
    "data/visits.parquet",
    "data/assignments.parquet",
    "data/exposures.parquet",
    "data/touches.parquet",
    "truth/customers.parquet",
];

/// The names that codes in the tables stand for.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    experiments: Vec<&'static str>,
    arms: Vec<&'static str>,
    initiatives: Vec<&'static str>,
    channels: Vec<&'static str>,
    contents: Vec<&'static str>,
    slots: Vec<&'static str>,
    campaigns: Vec<&'static str>,
    /// By content: the code of its campaign.
    campaign_of: Vec<i8>,
    /// What was chosen from, as names with commas.
    candidates: Vec<String>,
    /// By experiment and arm: the arm's code, its initiative's code, and the level that it shows.
    shown: Vec<Vec<(i8, Option<i8>, i64)>>,
}

impl Names {
    pub(crate) fn new(showcase: &Showcase) -> Self {
        let initiatives: Vec<_> = INITIATIVES.iter().map(|i| i.name).collect();
        let mut arms: Vec<&'static str> = PROGRAMME_ARMS.to_vec();
        for arm in EXPERIMENTS.iter().flat_map(|experiment| experiment.arms) {
            if !arms.contains(&arm.name) {
                arms.push(arm.name);
            }
        }
        let code = |list: &[&'static str], name| {
            position(list.iter().copied(), name).map(|code| code as i8)
        };
        let shown = EXPERIMENTS
            .iter()
            .map(|experiment| {
                let arms = experiment.arms.iter().map(|arm| {
                    let initiative = arm.initiative.and_then(|name| code(&initiatives, name));
                    let level =
                        initiative.map_or(0, |code| i64::from(INITIATIVES[code as usize].level));
                    (code(&arms, arm.name).unwrap_or_default(), initiative, level)
                });
                arms.collect()
            })
            .collect();
        let mut campaigns: Vec<&'static str> = CONTENT.iter().map(|c| c.campaign).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        let choices = showcase.choices();
        let mut candidates: Vec<String> = choices.filter_map(|c| c.candidates.clone()).collect();
        candidates.sort_unstable();
        candidates.dedup();
        Self {
            slots: CHANNELS.iter().map(|c| c.slot).collect(),
            campaign_of: CONTENT
                .iter()
                .map(|content| code(&campaigns, content.campaign).unwrap_or_default())
                .collect(),
            campaigns,
            candidates,
            experiments: EXPERIMENTS
                .iter()
                .map(|e| e.name)
                .chain([PROGRAMME])
                .collect(),
            arms,
            initiatives,
            channels: CHANNELS.iter().map(|c| c.name).collect(),
            contents: CONTENT.iter().map(|c| c.name).collect(),
            shown,
        }
    }
}

/// Rows of all tables, column by column.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    customers: Customers,
    orders: Orders,
    visits: Visits,
    assignments: Assignments,
    exposures: Exposures,
    touches: Touches,
    latents: Latents,
}

#[derive(Debug, Default)]
struct Customers {
    customer: Vec<i64>,
    joined: Vec<i64>,
    region: Vec<i8>,
    device: Vec<i8>,
    channel: Vec<i8>,
    cost: Vec<i128>,
    tier: Vec<i8>,
}

#[derive(Debug, Default)]
struct Orders {
    order: Vec<i64>,
    customer: Vec<i64>,
    time: Vec<i64>,
    category: Vec<i8>,
    cents: Vec<i128>,
}

#[derive(Debug, Default)]
struct Visits {
    customer: Vec<i64>,
    time: Vec<i64>,
    stage: Vec<i8>,
}

#[derive(Debug, Default)]
struct Assignments {
    experiment: Vec<i8>,
    customer: Vec<i64>,
    arm: Vec<i8>,
    time: Vec<i64>,
    region: Vec<i8>,
    device: Vec<i8>,
    tier: Vec<i8>,
    newbie: Vec<bool>,
    tenure: Vec<i64>,
    engagement: Vec<Option<f64>>,
}

#[derive(Debug, Default)]
struct Exposures {
    experiment: Vec<i8>,
    customer: Vec<i64>,
    time: Vec<i64>,
}

#[derive(Debug, Default)]
struct Touches {
    customer: Vec<i64>,
    time: Vec<i64>,
    experiment: Vec<i8>,
    arm: Vec<i8>,
    initiative: Vec<Option<i8>>,
    channel: Vec<i8>,
    content: Vec<i8>,
    campaign: Vec<i8>,
    stage: Vec<i8>,
    level: Vec<i64>,
    exposure: Vec<i64>,
    propensity: Vec<f64>,
    candidates: Vec<Option<i8>>,
    cost: Vec<f64>,
    clicked: Vec<Option<i64>>,
}

#[derive(Debug, Default)]
struct Latents {
    customer: Vec<i64>,
    purchase_rate: Vec<f64>,
    visit_rate: Vec<f64>,
    dropout_rate: Vec<f64>,
    died: Vec<i64>,
    order_value: Vec<f64>,
    held_out: Vec<bool>,
}

/// Orders of one customer are numbered from the customer's number times this.
const ORDERS_PER_CUSTOMER: i64 = 100_000;

/// One assignment on record.
struct Record {
    experiment: i8,
    arm: i8,
    assigned: f64,
    newbie: bool,
    engagement: Option<f64>,
}

impl Tables {
    /// Adds a customer, what they did and what is on record of their assignments and exposures.
    pub(crate) fn add(&mut self, calendar: &Calendar, names: &Names, history: &History) {
        let customer = &history.customer;
        let id = customer.id();
        let rows = &mut self.customers;
        rows.customer.push(id);
        rows.joined.push(calendar.microseconds(customer.joined));
        rows.region.push(customer.region as i8);
        rows.device.push(customer.device as i8);
        rows.channel.push(customer.acquisition as i8);
        rows.cost
            .push((ACQUISITION[customer.acquisition].2 * 100.0).round() as i128);
        rows.tier.push(customer.tier as i8);

        let rows = &mut self.orders;
        for (number, order) in history.orders.iter().enumerate() {
            rows.order.push(id * ORDERS_PER_CUSTOMER + number as i64);
            rows.customer.push(id);
            rows.time.push(calendar.microseconds(order.time));
            rows.category.push(order.category as i8);
            rows.cents.push(i128::from(order.cents));
        }

        let rows = &mut self.visits;
        for visit in &history.visits {
            rows.customer.push(id);
            rows.time.push(calendar.microseconds(visit.time));
            rows.stage.push(visit.stage as i8);
        }

        for enrolment in &history.enrolments {
            self.add_enrolment(calendar, names, customer, enrolment);
        }
        if customer.joined < SECOND_YEAR {
            let record = Record {
                experiment: EXPERIMENTS.len() as i8,
                arm: i8::from(!history.held_out),
                assigned: SECOND_YEAR,
                newbie: customer.is_newbie(SECOND_YEAR),
                engagement: Some(customer.engagement),
            };
            self.assignments.add(calendar, customer, &record);
        }

        let rows = &mut self.latents;
        rows.customer.push(id);
        rows.purchase_rate.push(customer.purchase_rate);
        rows.visit_rate.push(customer.visit_rate);
        rows.dropout_rate.push(customer.dropout_rate);
        rows.died.push(calendar.microseconds(history.died));
        rows.order_value.push(customer.order_value);
        rows.held_out.push(history.held_out);
    }

    fn add_enrolment(
        &mut self,
        calendar: &Calendar,
        names: &Names,
        customer: &Customer,
        enrolment: &Enrolment,
    ) {
        let faults = enrolment.faults;
        let arm_code = |arm: usize| names.shown[enrolment.experiment][arm].0;
        let record = |arm: usize, assigned: f64| Record {
            experiment: enrolment.experiment as i8,
            arm: arm_code(arm),
            assigned,
            newbie: enrolment.newbie,
            engagement: (!faults.no_engagement).then_some(customer.engagement),
        };
        let first = record(enrolment.arm, enrolment.assigned);
        self.assignments.add(calendar, customer, &first);
        if faults.duplicated {
            self.assignments.add(calendar, customer, &first);
        }
        if let Some((arm, assigned)) = faults.second {
            self.assignments
                .add(calendar, customer, &record(arm, assigned));
        }

        let exposures = [
            enrolment.exposed,
            enrolment
                .exposed
                .zip(faults.exposed_again)
                .map(|(first, later)| first + later),
        ];
        if enrolment.has_exposure_records() {
            for time in exposures.into_iter().flatten() {
                self.exposures.experiment.push(enrolment.experiment as i8);
                self.exposures.customer.push(customer.id());
                self.exposures.time.push(calendar.microseconds(time));
            }
        }
    }

    /// Adds what the customer was shown.
    pub(crate) fn add_touches(
        &mut self,
        calendar: &Calendar,
        names: &Names,
        customer: &Customer,
        touches: &[Touch<'_>],
    ) {
        let rows = &mut self.touches;
        for touch in touches {
            let (arm, initiative, level) = names.shown[touch.experiment][touch.arm];
            let shown = touch.shown;
            rows.customer.push(customer.id());
            rows.time.push(calendar.microseconds(touch.time));
            rows.experiment.push(touch.experiment as i8);
            rows.arm.push(arm);
            rows.initiative.push(initiative);
            rows.channel.push(shown.channel as i8);
            rows.content.push(shown.content as i8);
            rows.campaign.push(names.campaign_of[shown.content]);
            let stage = position(STAGES, CONTENT[shown.content].stage);
            rows.stage.push(stage.unwrap_or_default() as i8);
            rows.level.push(level);
            rows.exposure.push(i64::from(touch.exposure));
            rows.propensity.push(shown.probability);
            let candidates = touch.choice.candidates.as_ref();
            let code = candidates.and_then(|list| names.candidates.binary_search(list).ok());
            rows.candidates.push(code.map(|code| code as i8));
            rows.cost.push(CHANNELS[shown.channel].cost);
            let clicked = touch.clicked.map(|time| calendar.microseconds(time));
            rows.clicked.push(clicked);
        }
    }

    /// The rows as one batch for each of [`FILES`].
    pub(crate) fn into_batches(
        self,
        names: &Names,
    ) -> Result<[RecordBatch; FILES.len()], ArrowError> {
        Ok([
            self.customers.into_batch()?,
            self.orders.into_batch()?,
            self.visits.into_batch()?,
            self.assignments.into_batch(names)?,
            self.exposures.into_batch(names)?,
            self.touches.into_batch(names)?,
            self.latents.into_batch()?,
        ])
    }
}

impl Assignments {
    fn add(&mut self, calendar: &Calendar, customer: &Customer, record: &Record) {
        self.experiment.push(record.experiment);
        self.customer.push(customer.id());
        self.arm.push(record.arm);
        self.time.push(calendar.microseconds(record.assigned));
        self.region.push(customer.region as i8);
        self.device.push(customer.device as i8);
        self.tier.push(customer.tier as i8);
        self.newbie.push(record.newbie);
        self.tenure
            .push((record.assigned - customer.joined).floor() as i64);
        self.engagement.push(record.engagement);
    }

    fn into_batch(self, names: &Names) -> Result<RecordBatch, ArrowError> {
        batch([
            ("experiment", texts(self.experiment, &names.experiments)?),
            ("customer_id", integers(self.customer)),
            ("arm", texts(self.arm, &names.arms)?),
            ("assigned_at", times(self.time)),
            ("region", texts(self.region, &REGIONS)?),
            ("device", texts(self.device, &DEVICES)?),
            ("loyalty_tier", texts(self.tier, &TIERS)?),
            ("newbie", Arc::new(BooleanArray::from(self.newbie))),
            ("tenure_days", integers(self.tenure)),
            ("engagement", Arc::new(Float64Array::from(self.engagement))),
        ])
    }
}

impl Customers {
    fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        batch([
            ("customer_id", integers(self.customer)),
            ("joined_at", times(self.joined)),
            ("region", texts(self.region, &REGIONS)?),
            ("device", texts(self.device, &DEVICES)?),
            (
                "acquisition_channel",
                texts(self.channel, &ACQUISITION.map(|(name, ..)| name))?,
            ),
            ("acquisition_cost", money(self.cost)?),
            ("loyalty_tier", texts(self.tier, &TIERS)?),
        ])
    }
}

impl Orders {
    fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        batch([
            ("order_id", integers(self.order)),
            ("customer_id", integers(self.customer)),
            ("ordered_at", times(self.time)),
            (
                "category",
                texts(self.category, &CATEGORIES.map(|(name, _)| name))?,
            ),
            ("amount", money(self.cents)?),
        ])
    }
}

impl Visits {
    fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        batch([
            ("customer_id", integers(self.customer)),
            ("visited_at", times(self.time)),
            ("stage", texts(self.stage, &STAGES)?),
        ])
    }
}

impl Exposures {
    fn into_batch(self, names: &Names) -> Result<RecordBatch, ArrowError> {
        batch([
            ("experiment", texts(self.experiment, &names.experiments)?),
            ("customer_id", integers(self.customer)),
            ("exposed_at", times(self.time)),
        ])
    }
}

impl Touches {
    fn into_batch(self, names: &Names) -> Result<RecordBatch, ArrowError> {
        batch([
            ("customer_id", integers(self.customer)),
            ("touched_at", times(self.time)),
            ("experiment", texts(self.experiment, &names.experiments)?),
            ("arm", texts(self.arm, &names.arms)?),
            ("initiative", texts(self.initiative, &names.initiatives)?),
            ("channel", texts(self.channel.clone(), &names.channels)?),
            ("content", texts(self.content, &names.contents)?),
            ("stage", texts(self.stage, &STAGES)?),
            ("level", integers(self.level)),
            ("campaign", texts(self.campaign, &names.campaigns)?),
            ("slot", texts(self.channel, &names.slots)?),
            ("exposure", integers(self.exposure)),
            ("propensity", Arc::new(Float64Array::from(self.propensity))),
            ("candidates", texts(self.candidates, &names.candidates)?),
            ("cost", Arc::new(Float64Array::from(self.cost))),
            ("clicked_at", times(self.clicked)),
        ])
    }
}

impl Latents {
    fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        let numbers = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
        batch([
            ("customer_id", integers(self.customer)),
            ("purchase_rate", numbers(self.purchase_rate)),
            ("visit_rate", numbers(self.visit_rate)),
            ("dropout_rate", numbers(self.dropout_rate)),
            ("died_at", times(self.died)),
            ("mean_order_value", numbers(self.order_value)),
            ("held_out", Arc::new(BooleanArray::from(self.held_out))),
        ])
    }
}

/// A batch whose columns may all hold nulls, so that every batch of a table has the same schema.
fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
}

fn integers(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

/// Microseconds since 1970, without a time zone: the project's, UTC.
fn times<V>(values: Vec<V>) -> ArrayRef
where
    TimestampMicrosecondArray: From<Vec<V>>,
{
    Arc::new(TimestampMicrosecondArray::from(values))
}

/// `DECIMAL(12, 2)` from cents.
fn money(cents: Vec<i128>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(
        Decimal128Array::from(cents).with_precision_and_scale(12, 2)?,
    ))
}

/// Texts from their positions in a list.
fn texts(codes: impl Into<Int8Array>, list: &[impl AsRef<str>]) -> Result<ArrayRef, ArrowError> {
    let list = Arc::new(StringArray::from_iter_values(list));
    Ok(Arc::new(DictionaryArray::<Int8Type>::try_new(
        codes.into(),
        list,
    )?))
}
