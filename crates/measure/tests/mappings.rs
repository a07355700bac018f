//! Touches as the tools write them, under the names of the catalog.
//!
//! The project's clocks are in Berlin and the lookback is half an hour, so that a time that is taken for local instead of
//! UTC, or in a wrong unit, credits nothing.

use catalog::Catalog;
use lake::Lake;
use measure::content::{AttributionCheckKind, AttributionFinding, CreditModel, attribution};
use tempfile::TempDir;

/// Orders of 100 at 10:00 in UTC, by the customers `u1`, `u2` and 42.
const ORDERS: &str = "who,at,amount\nu1,2026-01-02 10:00:00+00,100\nu2,2026-01-02 10:00:00+00,100\n\
                      42,2026-01-02 10:00:00+00,100\n";

fn credited(mapping: &str, file: (&str, &str), by: &str) -> AttributionFinding {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(file.0), file.1).unwrap();
    std::fs::write(folder.path().join("orders.csv"), ORDERS).unwrap();
    let documents = format!(
        "{{ kind: source, name: events, path: {} }}\n---\n\
         {{ kind: source, name: orders, path: orders.csv, types: {{ who: VARCHAR, at: TIMESTAMP WITH TIME ZONE }} }}\n---\n\
         {{ kind: fact, name: orders, source: orders, customer: who, time: at }}\n---\n\
         {{ kind: touch, name: touches, source: events, mapping: {mapping} }}\n---\n\
         kind: attribution\nname: credit\nconversion: {{ fact: orders, value: amount, unit: money }}\n\
         touches: [touches]\nlookback: 30 minutes\nby: {by}\n",
        file.0
    );
    let files = [
        (
            "touchstone.yaml".into(),
            "name: Test\ntime_zone: Europe/Berlin\n".to_owned(),
        ),
        ("catalog/test.yaml".into(), documents),
    ];
    let catalog = Catalog::from_sources(folder.path(), files, &|_| None)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut lake = Lake::open(&catalog, None).unwrap();
    attribution(&catalog, &mut lake, catalog.attributions().next().unwrap()).unwrap()
}

/// What is credited by the last touch, with touches and clicks: `(key, value, touches, clicks)`.
fn last(finding: &AttributionFinding) -> Vec<(&str, f64, u64, u64)> {
    assert_eq!(finding.refusal, None);
    let model = finding.model(CreditModel::Last).unwrap();
    let keys = finding.keys.iter();
    keys.map(|key| {
        let credit = model.credit(&key.key).unwrap();
        let value = credit.value.unwrap().estimate;
        (key.key.as_str(), value, key.touches, key.clicks)
    })
    .collect()
}

/// Rows that are neither a view nor a click.
fn others(finding: &AttributionFinding) -> u64 {
    let checks = finding.checks.iter();
    let of_touches = checks.filter(|check| check.kind == AttributionCheckKind::Touches);
    of_touches.map(|check| check.number).sum()
}

const PROMOTIONS: &str = "[channel, campaign, content, slot]";

#[test]
fn a_warehouse_table_of_segment_has_a_column_for_each_property() {
    let rows = "id,received_at,anonymous_id,user_id,timestamp,event,event_text,promotion_id,creative,name,position\n\
                m1,2026-01-02 09:50:01.2,an1,u1,2026-01-02 09:50:00.123,promotion_viewed,Promotion Viewed,7,red,spring,top\n\
                m2,2026-01-02 09:51:01.2,an1,42,2026-01-02 09:51:00.123,promotion_clicked,Promotion Clicked,7,red,spring,top\n\
                m3,2026-01-02 09:52:01.2,an1,42,2026-01-02 09:52:00.123,products_searched,Products Searched,,,,\n";
    let finding = credited("segment-promotion", ("events.csv", rows), PROMOTIONS);
    assert_eq!(last(&finding), [("web / spring / 7 / top", 200.0, 2, 1)]);
    assert_eq!((others(&finding), finding.journeys.untouched), (1, 1));
}

#[test]
fn a_track_call_nests_its_properties() {
    let rows = r#"{"timestamp":"2026-01-02T09:49:00.854Z","type":"identify","userId":"u1","traits":{"plan":"pro"},"messageId":"node-1"}
{"timestamp":"2026-01-02T09:50:00.854Z","type":"track","event":"Promotion Viewed","userId":"u1","anonymousId":"an1","properties":{"promotion_id":"promo_1","creative":"top_banner_2","name":"75% store-wide shoe sale","position":"home_banner_top"},"messageId":"node-2"}
{"timestamp":"2026-01-02T10:51:00+01:00","type":"track","event":"Promotion Clicked","userId":"u2","properties":{"promotion_id":"promo_1","creative":"top_banner_2","name":"75% store-wide shoe sale","position":"home_banner_top"},"messageId":"node-3"}
"#;
    let finding = credited("segment-promotion", ("events.jsonl", rows), PROMOTIONS);
    let key = "web / 75% store-wide shoe sale / promo_1 / home_banner_top";
    assert_eq!(last(&finding), [(key, 200.0, 2, 1)]);
    assert_eq!(others(&finding), 1);
}

#[test]
fn google_analytics_exports_items_and_parameters() {
    // 1767347400 is 09:50:00 in UTC; whole numbers are texts in a JSON export.
    let rows = r#"{"event_date":"20260102","event_timestamp":"1767347400000000","event_name":"view_promotion","user_pseudo_id":"u1","event_params":[{"key":"page_location","value":{"string_value":"https://x.test/"}}],"items":[{"item_id":"SKU1","promotion_id":"P_1","promotion_name":"Summer","creative_name":"banner","creative_slot":"slot_1"},{"item_id":"SKU2","promotion_id":"P_2","promotion_name":"(not set)","creative_name":"banner","creative_slot":"slot_2"}]}
{"event_date":"20260102","event_timestamp":"1767347460000000","event_name":"select_promotion","user_pseudo_id":"u2","event_params":[{"key":"promotion_id","value":{"string_value":"P_3"}},{"key":"promotion_name","value":{"string_value":"Winter"}}],"items":[]}
{"event_date":"20260102","event_timestamp":"1767347460000000","event_name":"page_view","user_pseudo_id":"u2","event_params":[{"key":"page_location","value":{"string_value":"https://x.test/"}}],"items":[]}
"#;
    let finding = credited("ga4-promotion", ("events.jsonl", rows), PROMOTIONS);
    let linear = finding.model(CreditModel::Linear).unwrap();
    let value = |key: &str| linear.credit(key).unwrap().value.unwrap().estimate;
    assert_eq!(value("web / Summer / P_1 / slot_1"), 50.0);
    assert_eq!(value("web / (none) / P_2 / slot_2"), 50.0);
    assert_eq!(value("web / Winter / P_3 / (none)"), 100.0);
    assert_eq!((finding.journeys.touches, others(&finding)), (3, 1));
    let clicked = finding.keys.iter().find(|key| key.clicks == 1).unwrap();
    assert_eq!(clicked.key, "web / Winter / P_3 / (none)");
}

#[test]
fn snowplow_hangs_entities_on_an_event() {
    let rows = r#"{"event_id":"e1","user_id":"u1","derived_tstamp":"2026-01-02 09:50:00.123","event_name":"snowplow_ecommerce_action","unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1":{"type":"promo_view"},"contexts_com_snowplowanalytics_snowplow_ecommerce_promotion_1":[{"id":"IP1234","name":"promo_winter","type":"carousel","position":1,"product_ids":["P1234"]},{"id":"IP1235","name":"promo_winter","type":"carousel","position":2,"product_ids":["P1235"]}]}
{"event_id":"e2","user_id":"u1","derived_tstamp":"2026-01-02 09:51:00.123","event_name":"snowplow_ecommerce_action","unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1":{"type":"promo_click"},"contexts_com_snowplowanalytics_snowplow_ecommerce_promotion_1":[{"id":"IP1235","name":"promo_winter","type":"carousel","position":2,"product_ids":["P1235"]}]}
{"event_id":"e3","user_id":"u2","derived_tstamp":"2026-01-02 09:52:00.123","event_name":"page_view","unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1":null,"contexts_com_snowplowanalytics_snowplow_ecommerce_promotion_1":null}
"#;
    let finding = credited("snowplow-promotion", ("events.jsonl", rows), PROMOTIONS);
    assert_eq!(
        last(&finding),
        [
            ("web / promo_winter / IP1234 / 1", 0.0, 1, 0),
            ("web / promo_winter / IP1235 / 2", 100.0, 2, 1),
        ]
    );
    assert_eq!(others(&finding), 1);
}

#[test]
fn email_events_have_numbers_for_ids() {
    let event = |minute: u32, event: &str, user: &str| {
        format!(
            "{{\"timestamp\":\"2026-01-02T09:{minute}:00.000Z\",\"type\":\"track\",\"event\":\"{event}\",\
             \"userId\":\"{user}\",\"properties\":{{\"email_id\":18446744,\"email_subject\":\"Hello\",\
             \"campaign_id\":4711,\"campaign_name\":\"Spring\"}}}}\n"
        )
    };
    let rows = [
        event(50, "Email Delivered", "u1"),
        event(51, "Email Opened", "u1"),
        event(52, "Email Link Clicked", "u1"),
        event(53, "Email Bounced", "u2"),
        event(54, "Email Delivered", "42"),
    ];
    let finding = credited(
        "email",
        ("events.jsonl", &rows.concat()),
        "[channel, campaign, content]",
    );
    assert_eq!(last(&finding), [("email / 4711 / 18446744", 200.0, 3, 1)]);
    // What was opened was delivered before, and what bounced was never seen.
    assert_eq!(others(&finding), 2);
}

#[test]
fn exposures_to_experiments_are_touches() {
    let table = "user_id,timestamp,event,experiment_id,experiment_name,variation_id,variation_name\n\
                 42,2026-01-02 09:50:00,experiment_viewed,11,hero,0,control\n";
    let of_table = credited("experiment", ("events.csv", table), "[campaign, content]");
    assert_eq!(last(&of_table), [("11 / 0", 100.0, 1, 0)]);
    let nested = r#"{"timestamp":"2026-01-02T09:50:00.816719+00:00","type":"track","event":"Experiment Viewed","userId":"u1","properties":{"experimentId":"hero-exp","variationId":"0"},"channel":"server"}
"#;
    let nested = credited(
        "experiment",
        ("events.jsonl", nested),
        "[campaign, content]",
    );
    assert_eq!(last(&nested), [("hero-exp / 0", 100.0, 1, 0)]);
}
