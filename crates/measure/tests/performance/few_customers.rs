//! Many decisions of few customers say little of what would be lost without an item.

use std::fmt::Write as _;

use measure::content::{DropOneFinding, DroppedItem};

use super::common::{Project, assert_close};
use super::{CHOICES, chosen};

/// So many customers with so many decisions each, a minute apart; `item` says what a customer is shown in a decision, and
/// `p` with what probability. Every third decision is followed by an order.
fn of_customers(
    customers: u32,
    decisions: u32,
    item: impl Fn(u32, u32) -> &'static str,
    p: impl Fn(&str) -> f64,
) -> DropOneFinding {
    let orders = |customer, decision, _: &str| u32::from((customer + decision) % 3 == 0);
    of_orders(customers, decisions, item, p, orders)
}

/// As [`of_customers`], with so many orders after each decision.
fn of_orders(
    customers: u32,
    decisions: u32,
    item: impl Fn(u32, u32) -> &'static str,
    p: impl Fn(&str) -> f64,
    number: impl Fn(u32, u32, &str) -> u32,
) -> DropOneFinding {
    let (mut shown, mut orders) = (CHOICES.to_owned(), "customer,at,amount\n".to_owned());
    for customer in 0..customers {
        for decision in 0..decisions {
            let (hour, minute) = (9 + decision / 60, decision % 60);
            let item = item(customer, decision);
            let at = format!("2024-05-01 {hour:02}:{minute:02}");
            let p = p(item);
            writeln!(shown, "{customer},{at}:00,web,{item},view,se,{p},\"a,b\"").unwrap();
            for _ in 0..number(customer, decision, item) {
                writeln!(orders, "{customer},{at}:30,1").unwrap();
            }
        }
    }
    orders.push_str("nobody,2024-05-31 12:00:00,1\n");
    let project = Project::new()
        .file("shown.csv", &shown)
        .file("orders.csv", &orders);
    chosen(&project).drop_one.unwrap()
}

fn item<'f>(finding: &'f DropOneFinding, content: &str) -> &'f DroppedItem {
    finding
        .items
        .iter()
        .find(|item| item.content == content)
        .unwrap()
}

#[track_caller]
fn assert_refused(finding: &DropOneFinding, content: &str, why: &str) {
    let item = item(finding, content);
    assert!(item.value.is_none() && item.effective_customers.is_none());
    let message = &item.refusal.as_ref().unwrap().message;
    assert!(message.starts_with(why), "{message}");
}

/// The first of twenty customers is always shown `a`, in 120 of 2,400 decisions, and all others always `b`.
#[test]
fn what_one_customer_is_shown_has_no_value_and_nor_has_what_the_others_are_shown() {
    let finding = of_customers(
        20,
        120,
        |customer, _| if customer == 0 { "a" } else { "b" },
        |item| if item == "a" { 0.05 } else { 0.95 },
    );
    assert_eq!(finding.decisions, 2400);
    let (a, b) = (item(&finding, "a"), item(&finding, "b"));
    assert_eq!((a.chosen, b.chosen), (120, 2280));
    assert_refused(
        &finding,
        "b",
        "the decisions that speak for the other policy come from 1.0 of 20 customers in effect, and at least 20",
    );
    assert_refused(
        &finding,
        "a",
        "the decisions that speak for the other policy come from 19.0 of 20 customers in effect",
    );
}

#[test]
fn two_customers_do_not_speak_for_all() {
    let either = |_, decision| if decision % 2 == 0 { "a" } else { "b" };
    let finding = of_customers(2, 150, either, |_| 0.5);
    for content in ["a", "b"] {
        assert_refused(
            &finding,
            content,
            "the decisions come from 2.0 of 2 customers in effect",
        );
    }
}

/// Forty customers, each of whom is shown both items as often and orders as often after either.
#[test]
fn a_value_says_from_how_many_customers_it_comes() {
    let either = |customer, decision| match (customer + decision) % 2 {
        0 => "a",
        _ => "b",
    };
    let finding = of_customers(40, 12, either, |_| 0.5);
    for content in ["a", "b"] {
        let item = item(&finding, content);
        // Two orders after either item, of every customer.
        assert_close(item.effective_customers.unwrap(), 40.0, 1e-9);
        let value = item.value.unwrap();
        assert_close(value.estimate, 0.0, 1e-9);
    }
}

/// `a` is chosen half of the time and nobody orders after it; after `b` three of ten customers always do.
#[test]
fn an_item_after_which_nobody_orders_has_a_value_below_zero() {
    let item_of = |customer, decision| {
        if (customer + decision) % 2 == 0 {
            "a"
        } else {
            "b"
        }
    };
    let orders = |customer: u32, _, item: &str| u32::from(item == "b" && customer % 10 < 3);
    let finding = of_orders(400, 20, item_of, |_| 0.5, orders);
    let (a, b) = (item(&finding, "a"), item(&finding, "b"));
    assert_eq!((a.chosen, b.chosen), (4000, 4000));
    for (item, value) in [(a, -0.15), (b, 0.15)] {
        // Three of ten customers have all orders, as many each.
        assert_close(item.effective_customers.unwrap(), 120.0, 1e-9);
        let found = item.value.unwrap();
        assert_close(found.estimate, value, 1e-9);
        assert!(found.low < value && value < found.high, "{found:?}");
    }
}

/// One order after `a`, of the first customer, and 400 after `b`: a few more would change its value.
#[test]
fn an_item_after_which_few_order_has_no_value_where_a_few_more_would_change_it() {
    let item_of = |customer, decision| if decision == customer % 10 { "a" } else { "b" };
    let orders = |customer, decision, item: &str| {
        u32::from(if item == "a" {
            customer == 0
        } else {
            decision == (customer + 5) % 10
        })
    };
    let finding = of_orders(
        400,
        10,
        item_of,
        |item| if item == "a" { 0.1 } else { 0.9 },
        orders,
    );
    assert_refused(
        &finding,
        "a",
        "the outcomes after the item come from 1.0 of 400 customers in effect, and at least 20 are needed where a few \
         more would change the value",
    );
}
