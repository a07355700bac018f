//! Who is still there, by how often and how lately they have bought; what covariates do; who renews contracts.

use measure::audience::lifetime::LifetimeFinding;

use super::Side::{Left, Right};
use super::lifetime::interval;
use super::{Screen, Tone, finish};
use crate::format::Format;
use crate::lifetime::{
    ABOUT_COVARIATES, about_states, ago, ago_in, covariate, in_state, purchases,
};

const FORMAT: Format = Format::PLAIN;
/// Columns of days that fit beside each other.
const MOST_COLUMNS: usize = 8;
/// Most renewals that are listed; the others are in the JSON.
const MOST_RENEWALS: usize = 12;

/// The customers of each state.
pub(super) fn states(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let states = finding.states.as_ref()?;
    let cells = ago(states);
    let corner = format!("purchases /\n{} ago", ago_in(states));
    let mut headers = [("", Right); MOST_COLUMNS + 1];
    headers[0] = (&corner, Left);
    for (header, ago) in headers[1..].iter_mut().zip(&cells) {
        *header = (ago, Right);
    }
    let mut table = screen.table(headers, false);
    for row in &states.rows {
        let cells =
            (0..MOST_COLUMNS).map(|column| match row.cells.get(column).copied().flatten() {
                Some(state) => format!("{}\n{}", FORMAT.percent(state.alive, 0), in_state(&state)),
                None => String::new(),
            });
        table.add_row(std::iter::once(purchases(row)).chain(cells));
    }
    Some(finish(&table) + &screen.prose(&about_states(finding), Tone::Plain))
}

/// What covariates do.
pub(super) fn covariates(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    if finding.covariates.is_empty() {
        return None;
    }
    let mut table = screen.table(
        [
            ("covariate", Left),
            ("rate of purchase", Right),
            ("leaving", Right),
            ("spend", Right),
        ],
        false,
    );
    for found in &finding.covariates {
        let (name, about) = covariate(found);
        let effects = [&found.rate, &found.attrition, &found.spend]
            .map(|effect| effect.as_ref().map_or("–".to_owned(), interval));
        table.add_row(std::iter::once(format!("{name}\n{about}")).chain(effects));
    }
    Some(finish(&table) + &screen.prose(ABOUT_COVARIATES, Tone::Plain))
}

/// Who renews.
pub(super) fn retention(finding: &LifetimeFinding, screen: Screen) -> Option<String> {
    let found = finding.retention.as_ref()?;
    let level = FORMAT.level(1.0 - finding.alpha);
    let observed = format!("renewed\n{level} interval");
    let mut table = screen.table(
        [
            ("renewal", Right),
            ("due", Right),
            (&observed, Right),
            ("by the model", Right),
            ("of all", Right),
            ("by the model", Right),
        ],
        false,
    );
    let share = |estimate: Option<measure::audience::Estimate>| {
        estimate.map_or("–".to_owned(), |share| {
            format!(
                "{} ({} to {})",
                FORMAT.percent(share.estimate, 1),
                FORMAT.percent(share.low, 1),
                FORMAT.percent(share.high, 1)
            )
        })
    };
    for point in found.curve.iter().take(MOST_RENEWALS) {
        let surviving = point.surviving.map(|share| FORMAT.percent(share, 1));
        table.add_row([
            FORMAT.count(point.renewal.into()),
            FORMAT.count(point.due),
            share(point.observed),
            share(point.modelled),
            surviving.unwrap_or_default(),
            share(point.surviving_modelled),
        ]);
    }
    let note = "Of the contracts that were due for a renewal, the share that was renewed; of all contracts, the share that \
                is renewed so often.";
    Some(finish(&table) + &screen.prose(note, Tone::Plain))
}
