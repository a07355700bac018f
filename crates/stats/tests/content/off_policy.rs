//! What another policy would have brought, and what is lost without an item.

use stats::off_policy::{
    Decision, FEWEST_CUSTOMERS, ItemSums, OffPolicyError, Part, PolicySums, drop_weight,
};

use super::common::{Random, assert_rate};

/// Items with these rates chosen by these probabilities.
fn log_without(
    random: &mut Random,
    n: usize,
    rates: &[f64],
    chances: &[f64],
    item: usize,
) -> (PolicySums, ItemSums) {
    let (mut sums, mut of_item) = (PolicySums::default(), ItemSums::default());
    for _ in 0..n {
        let mut u = random.uniform();
        let mut chosen = 0;
        while chosen + 1 < chances.len() && u >= chances[chosen] {
            u -= chances[chosen];
            chosen += 1;
        }
        let reward = f64::from(u8::from(random.uniform() < rates[chosen]));
        let own = f64::from(u8::from(chosen == item));
        let weight = drop_weight(chosen == item, chances[item]);
        of_item.add(own, own * reward, weight * reward);
        sums.add([Decision {
            reward,
            weight,
            expected: 0.0,
            expected_of_other: 0.0,
        }]);
    }
    (sums, of_item)
}

#[test]
fn the_value_of_an_item_is_what_is_lost_without_it() {
    let (rates, chances) = ([0.3, 0.1, 0.2], [0.5, 0.25, 0.25]);
    // By hand: with all 0.225; without the first the others get half each, 0.15.
    let truth = 0.225 - 0.15;
    let mut random = Random(8);
    let mut inside = 0;
    const ROUNDS: u64 = 400;
    for _ in 0..ROUNDS {
        let (sums, own) = log_without(&mut random, 1500, &rates, &chances, 0);
        let value = sums.drop_value(&own, 0.05).unwrap().difference;
        inside += u64::from(value.low <= truth && truth <= value.high);
    }
    assert_rate("value of an item", inside, ROUNDS, 0.93, 0.97);
}

#[test]
fn logs_that_do_not_support_a_policy_are_refused() {
    let decision = |reward, weight| Decision {
        reward,
        weight,
        expected: 0.0,
        expected_of_other: 0.0,
    };
    let mut few = PolicySums::default();
    for i in 0..5000 {
        few.add([decision(0.0, if i % 500 == 0 { 500.0 } else { 0.0 })]);
    }
    assert!(matches!(
        few.value(0.05),
        Err(OffPolicyError::TooLittleOverlap { .. })
    ));
    let mut wrong = PolicySums::default();
    for i in 0..5000 {
        wrong.add([decision(0.0, if i % 2 == 0 { 2.0 } else { 0.5 })]);
    }
    assert!(matches!(
        wrong.value(0.05),
        Err(OffPolicyError::WrongPropensities { .. })
    ));
    let mut none = PolicySums::default();
    for _ in 0..500 {
        none.add([decision(1.0, 0.0)]);
    }
    assert!(matches!(
        none.value(0.05),
        Err(OffPolicyError::TooLittleOverlap { .. })
    ));
    assert!(PolicySums::default().value(0.05).is_err());
}

#[test]
fn an_item_needs_decisions_with_it_and_decisions_without_it() {
    let mut random = Random(9);
    // Chosen in nearly all of 50 decisions: one or two of them say what happens without it.
    let (always, own) = log_without(&mut random, 50, &[0.3, 0.1], &[0.98, 0.02], 0);
    let refused = always.drop_value(&own, 0.05).unwrap_err();
    assert!(
        matches!(refused, OffPolicyError::TooLittleOverlap { effective, decisions }
            if effective < 5.0 && decisions == 50.0),
        "{refused}"
    );
    // Chosen in about 30 of 3,000: its interval would hold its value in three cases of four.
    let (seldom, own) = log_without(&mut random, 3000, &[0.05, 0.05], &[0.01, 0.99], 0);
    let chosen = own.choices.sum as u64;
    assert!((15..60).contains(&chosen));
    assert_eq!(
        seldom.drop_value(&own, 0.05),
        Err(OffPolicyError::TooFewChoices {
            chosen,
            decisions: 3000.0
        })
    );
    assert!(seldom.value(0.05).is_ok());
}

/// Decisions of one customer: how many chose the item and how many did not, and what these and those brought.
type Customer = (u64, u64, f64, f64);

/// The sums of customers' decisions among candidates of which the item is chosen with this probability.
fn log_of(chance: f64, customers: impl IntoIterator<Item = Customer>) -> (PolicySums, ItemSums) {
    let (mut sums, mut of_item) = (PolicySums::default(), ItemSums::default());
    for (own, others, own_reward, other_reward) in customers {
        let other_weight = drop_weight(false, chance);
        of_item.add(own as f64, own_reward, other_weight * other_reward);
        // Rewards are added up by customer: it does not matter which decision of a customer has them.
        let decisions = |chosen, n, reward| {
            (0..n).map(move |i| Decision {
                reward: if i == 0 { reward } else { 0.0 },
                weight: drop_weight(chosen, chance),
                expected: 0.0,
                expected_of_other: 0.0,
            })
        };
        sums.add(decisions(true, own, own_reward).chain(decisions(false, others, other_reward)));
    }
    (sums, of_item)
}

/// Customers with as many decisions each; with probability `chance` a decision is for the item, or all decisions of a
/// customer are. Outcomes follow the item and the others with these rates.
struct Simulated {
    customers: usize,
    each: u64,
    chance: f64,
    sticky: bool,
    rates: [f64; 2],
}

impl Simulated {
    fn log(&self, random: &mut Random) -> (PolicySums, ItemSums) {
        let customers: Vec<Customer> = (0..self.customers)
            .map(|_| {
                let always = random.uniform() < self.chance;
                let (mut own, mut rewards) = (0, [0.0; 2]);
                for _ in 0..self.each {
                    let chosen = match self.sticky {
                        true => always,
                        false => random.uniform() < self.chance,
                    };
                    own += u64::from(chosen);
                    let of = usize::from(!chosen);
                    rewards[of] += f64::from(u8::from(random.uniform() < self.rates[of]));
                }
                (own, self.each - own, rewards[0], rewards[1])
            })
            .collect();
        log_of(self.chance, customers)
    }

    /// How many of so many logs have a value, and how many of these hold the true one.
    fn inside(&self, random: &mut Random, rounds: u64) -> (u64, u64) {
        let truth = self.chance * (self.rates[0] - self.rates[1]);
        let (mut answered, mut inside) = (0, 0);
        for _ in 0..rounds {
            let (sums, own) = self.log(random);
            match sums.drop_value(&own, 0.05) {
                Ok(value) => {
                    let value = value.difference;
                    answered += 1;
                    inside += u64::from(value.low <= truth && truth <= value.high);
                }
                Err(OffPolicyError::TooFewCustomers { effective, .. }) => {
                    assert!(effective < FEWEST_CUSTOMERS);
                }
                // Chance chose it in fewer than a hundred decisions.
                Err(OffPolicyError::TooFewChoices { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        (answered, inside)
    }
}

/// Six of 300 customers are shown an item in all of their fifty decisions: 300 decisions of six customers.
#[test]
fn choices_that_stick_to_a_few_customers_have_no_value() {
    let mut random = Random(41);
    for chance in [0.02, 0.05] {
        let simulated = Simulated {
            customers: 300,
            each: 50,
            chance,
            sticky: true,
            rates: [0.05, 0.05],
        };
        // At 0.05 chance seldom gives it to many more than fifteen customers.
        let (answered, _) = simulated.inside(&mut random, 100);
        assert!(answered <= if chance < 0.03 { 0 } else { 10 }, "{answered}");
    }
}

#[test]
fn values_that_are_given_lie_in_their_intervals() {
    let mut random = Random(42);
    let simulated = |customers, each, chance, sticky, rates| Simulated {
        customers,
        each,
        chance,
        sticky,
        rates,
    };
    const ROUNDS: u64 = 400;
    for (what, log) in [
        ("sticky", simulated(300, 50, 0.2, true, [0.1, 0.05])),
        ("independent", simulated(1000, 20, 0.1, false, [0.05, 0.05])),
        ("rare", simulated(400, 25, 0.02, false, [0.2, 0.2])),
    ] {
        let (answered, inside) = log.inside(&mut random, ROUNDS);
        assert!(answered > ROUNDS * 9 / 10, "{what}: {answered}");
        assert_rate(what, inside, answered, 0.93, 0.97);
    }
    // With five or ten outcomes after the item, normal intervals would hold it in about 91 %.
    let (answered, _) = simulated(400, 25, 0.02, false, [0.05, 0.05]).inside(&mut random, 100);
    assert!(answered <= 5, "{answered}");
}

#[test]
fn a_customer_with_all_other_decisions_does_not_speak_for_them() {
    // The first of 20 is always shown a, 120 times, as often as chance would; all others b.
    let customers = (0..20).map(|i| match i {
        0 => (0, 120, 0.0, 60.0),
        _ => (120, 0, 12.0, 0.0),
    });
    let (sums, own) = log_of(0.95, customers);
    let refused = sums.drop_value(&own, 0.05).unwrap_err();
    assert_eq!(
        refused,
        OffPolicyError::TooFewCustomers {
            part: Part::OtherDecisions,
            effective: 1.0,
            customers: 20
        }
    );
    assert_eq!(
        refused.to_string(),
        "the decisions that speak for the other policy come from 1.0 of 20 customers in effect, and at least 20 are \
         needed: log more customers, or draw anew at each of their decisions"
    );
    // Two customers with both.
    let (sums, own) = log_of(0.5, [(75, 75, 30.0, 20.0), (75, 75, 25.0, 22.0)]);
    assert_eq!(
        sums.drop_value(&own, 0.05),
        Err(OffPolicyError::TooFewCustomers {
            part: Part::Decisions,
            effective: 2.0,
            customers: 2
        })
    );
}

#[test]
fn each_part_of_a_value_needs_customers() {
    let even = || (0..200).map(|i| (5, 5, f64::from(i % 2), f64::from(i % 2)));
    let (sums, own) = log_of(0.5, even());
    let value = sums.drop_value(&own, 0.05).unwrap();
    // A hundred of 200 have all outcomes, as many after the item as after others.
    assert_eq!(value.effective_customers, 100.0);
    assert_eq!(value.difference.df, 99.0);
    assert_eq!(value.difference.estimate, 0.0);
    // Another has twenty times as many outcomes, or choices.
    let part = |customer: Customer| {
        let (sums, own) = log_of(0.5, even().chain([customer]));
        match sums.drop_value(&own, 0.05).unwrap_err() {
            OffPolicyError::TooFewCustomers {
                part, effective, ..
            } => (part, effective),
            other => panic!("{other}"),
        }
    };
    assert_eq!(
        part((5, 5, 100.0, 0.0)),
        (Part::Rewards, 200.0 * 200.0 / 10_100.0)
    );
    assert_eq!(part((5, 5, 0.0, 100.0)).0, Part::OtherRewards);
    assert_eq!(part((1000, 0, 0.0, 0.0)).0, Part::Decisions);
}

/// Every decision is followed by a reward of mean 0.2 and standard deviation 10, like orders less returns: there is no lack
/// of outcomes.
#[test]
fn rewards_of_both_signs_are_as_many_as_there_are() {
    let mut random = Random(43);
    let mut inside = 0;
    const ROUNDS: u64 = 400;
    for _ in 0..ROUNDS {
        let (mut sums, mut of_item) = (PolicySums::default(), ItemSums::default());
        for _ in 0..300 {
            let mut sizes = [0.0; 3];
            let decisions = (0..5).map(|_| {
                let chosen = random.uniform() < 0.5;
                let reward = 0.2 + 10.0 * random.normal();
                let weight = drop_weight(chosen, 0.5);
                let own = f64::from(u8::from(chosen));
                let of_one = [own, own * reward.abs(), weight * reward.abs()];
                for (size, of_one) in sizes.iter_mut().zip(of_one) {
                    *size += of_one;
                }
                Decision {
                    reward,
                    weight,
                    expected: 0.0,
                    expected_of_other: 0.0,
                }
            });
            sums.add(decisions.collect::<Vec<_>>());
            let [choices, rewards, other_rewards] = sizes;
            of_item.add(choices, rewards, other_rewards);
        }
        let value = sums.drop_value(&of_item, 0.05).unwrap();
        // Of 2.5 rewards each, by chance of none to five and of any size.
        assert!(
            (150.0..250.0).contains(&value.effective_customers),
            "{value:?}"
        );
        // The item brings as much as the other.
        let value = value.difference;
        inside += u64::from(value.low <= 0.0 && 0.0 <= value.high);
    }
    assert_rate("signed", inside, ROUNDS, 0.93, 0.97);
}

#[test]
fn an_item_after_which_nobody_buys_has_a_value_where_many_buy_after_others() {
    let mut random = Random(44);
    const ROUNDS: u64 = 400;
    for (what, customers, each, chance, rates) in [
        ("none after the item", 400, 10, 0.5, [0.0, 0.3]),
        ("none after others", 400, 10, 0.5, [0.3, 0.0]),
        ("none after a seldom item", 10_000, 1, 0.1, [0.0, 0.3]),
        ("few after the item", 5_000, 4, 0.5, [0.0004, 0.3]),
    ] {
        let simulated = Simulated {
            customers,
            each,
            chance,
            sticky: false,
            rates,
        };
        let (answered, inside) = simulated.inside(&mut random, ROUNDS);
        assert!(answered > ROUNDS * 9 / 10, "{what}: {answered}");
        assert_rate(what, inside, answered, 0.93, 0.97);
    }
    // By hand: of 2,000 decisions each, 600 orders after others: 0.15 a decision, and 0.3 without the item.
    let customers = (0..400).map(|i| (5, 5, 0.0, f64::from(i % 4)));
    let (sums, own) = log_of(0.5, customers);
    let value = sums.drop_value(&own, 0.05).unwrap();
    assert!((value.difference.estimate + 0.15).abs() < 1e-12);
    // 600^2 / (100 (1 + 4 + 9)), of those who order at all.
    assert!((value.effective_customers - 360_000.0 / 1400.0).abs() < 1e-9);
}

#[test]
fn an_item_after_which_nobody_buys_has_no_value_where_few_orders_would_change_it() {
    // None of a hundred decisions that chose it, and 49 of 4,900 others.
    let customers =
        |bought: u32| (0..100).map(move |i| (1, 49, 0.0, f64::from(u8::from(i < bought))));
    let refused = |bought| {
        let (sums, own) = log_of(0.02, customers(bought));
        sums.drop_value(&own, 0.05).unwrap_err()
    };
    assert_eq!(
        refused(49).to_string(),
        "the outcomes after the item come from 0.0 of 100 customers in effect, and at least 20 are needed where a few \
         more would change the value: log more decisions, or measure an outcome that is more frequent"
    );
    // Nor where nothing is bought at all.
    assert!(matches!(
        refused(0),
        OffPolicyError::TooFewCustomers {
            part: Part::Rewards,
            ..
        }
    ));
}
