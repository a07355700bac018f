//! Exposures of content outside the time in which it may be shown.

use catalog::{Catalog, Content};
use lake::{Lake, sql};

use super::finding::NotValid;
use super::query::SHOWN;
use crate::error::MeasureError;

/// Exposures outside each piece's validity, for pieces that have one and such exposures. They count like others: the piece
/// was shown, whether or not it should have been.
pub(super) fn not_valid(catalog: &Catalog, lake: &Lake) -> Result<Vec<NotValid>, MeasureError> {
    let cases: Vec<String> = catalog.contents().filter_map(case).collect();
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT content, count(*) FROM (SELECT content, CAST(moment AS TIMESTAMP) AS shown FROM {SHOWN}) \
         WHERE CASE content {} ELSE false END GROUP BY content ORDER BY content",
        cases.join(" ")
    );
    let context = "cannot hold exposures against the validity of content";
    Ok(lake.engine().rows(&query, context, |row| {
        Ok(NotValid {
            content: row.get(0)?,
            exposures: row.get(1)?,
        })
    })?)
}

/// Whether an exposure of the piece is outside its validity, as a case of SQL.
fn case(content: &Content) -> Option<String> {
    let valid = content.valid.as_ref()?;
    let time = |text: &String| format!("TIMESTAMP {}", sql::text(text));
    let before = valid
        .from
        .iter()
        .map(|from| format!("shown < {}", time(from)));
    let after = valid
        .until
        .iter()
        .map(|until| format!("shown >= {}", time(until)));
    let outside: Vec<String> = before.chain(after).collect();
    let name = sql::text(&content.name);
    (!outside.is_empty()).then(|| format!("WHEN {name} THEN {}", outside.join(" OR ")))
}
