//! Content that is declared and that no touch of the project shows.

use std::collections::BTreeSet;

use catalog::{Catalog, Performance, Touch, TouchKey};
use lake::{Lake, sql};

use super::query::Units;
use crate::content::touches::touch_rows;
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The declared content that neither these items hold nor any other touch of the project shows, by name. The other
/// touches are read where anything is missing among the items; one that cannot be read is why there is no answer.
pub(super) fn unshown(
    catalog: &Catalog,
    lake: &mut Lake,
    document: &Performance,
    items: &[Units],
) -> Result<Vec<String>, Refusal> {
    let declared = catalog.contents().map(|content| content.name.clone());
    let mut missing: BTreeSet<String> = declared.collect();
    for item in items {
        missing.remove(&item.keys[0]);
    }
    let others = catalog
        .touches()
        .filter(|touch| touch.name != document.touches && touch.field(TouchKey::Content).is_some());
    for touch in others {
        if missing.is_empty() {
            break;
        }
        for shown in shown_of(catalog, lake, touch, &missing).map_err(|error| {
            let message = format!(
                "touch `{}` may show it, and cannot be read: {error}",
                touch.name
            );
            Refusal::new(Reason::UnfitData, message)
        })? {
            missing.remove(&shown);
        }
    }
    Ok(missing.into_iter().collect())
}

/// Which of some content a touch shows.
fn shown_of(
    catalog: &Catalog,
    lake: &mut Lake,
    touch: &Touch,
    content: &BTreeSet<String>,
) -> Result<Vec<String>, MeasureError> {
    let rows = touch_rows(catalog, lake, touch, &[TouchKey::Content])?;
    let names: Vec<String> = content.iter().map(|name| sql::text(name)).collect();
    let query = format!(
        "SELECT DISTINCT content FROM ({}) WHERE content IN ({})",
        rows.sql,
        names.join(", "),
    );
    let context = format!("cannot read the content of touch `{}`", touch.name);
    Ok(lake.engine().rows(&query, &context, |row| row.get(0))?)
}
