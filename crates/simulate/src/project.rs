//! The project's documents: what is declared in [`crate::company`], written as a business would write it.

use std::fmt::Write;

use crate::company::{
    Arm, CHANNELS, CONTENT, Content, EXPERIMENTS, Experiment, Exposure, INITIATIVES, Initiative,
    Per, TEAMS,
};
use crate::oracle::scaled;

/// Name and text of every document's file, for a company of `customers`.
pub(crate) fn documents(customers: u64) -> Vec<(String, String)> {
    let experiments = EXPERIMENTS
        .iter()
        .map(|declared| experiment(declared, customers));
    [
        ("touchstone.yaml", include_str!("project/touchstone.yaml").to_owned()),
        ("catalog/sources.yaml", include_str!("project/sources.yaml").to_owned()),
        ("catalog/facts.yaml", include_str!("project/facts.yaml").to_owned()),
        ("catalog/metrics.yaml", include_str!("project/metrics.yaml").to_owned()),
        ("catalog/holdout.yaml", include_str!("project/holdout.yaml").to_owned()),
        ("catalog/lifetime.yaml", include_str!("project/lifetime.yaml").to_owned()),
        ("catalog/teams.yaml", file("Who owns initiatives.", TEAMS.iter().map(|team| named("team", team.name, team.description)))),
        (
            "catalog/channels.yaml",
            file("Where customers are reached.", CHANNELS.iter().map(|channel| named("channel", channel.name, channel.description))),
        ),
        ("catalog/touches.yaml", include_str!("project/touches.yaml").to_owned()),
        ("catalog/factorials.yaml", include_str!("project/factorials.yaml").to_owned()),
        ("catalog/content.yaml", file("What customers are shown.", CONTENT.iter().map(content))),
        (
            "catalog/initiatives.yaml",
            file(
                "The personalization efforts. Levels: 0 generic, 1 substitution, 2 contextual, 3 segment, 4 behavioural,\n\
                 # 5 predictive one-to-one, 6 one-to-one across channels: by the data that the decision uses.",
                INITIATIVES.iter().map(initiative),
            ),
        ),
        (
            "catalog/experiments.yaml",
            file("Customers randomized to arms, and what is compared.", experiments),
        ),
        (
            "catalog/costs.yaml",
            file("What initiatives cost.", INITIATIVES.iter().flat_map(|initiative| costs(initiative, customers))),
        ),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into()
}

/// A file of several documents under a comment.
fn file(comment: &str, documents: impl Iterator<Item = String>) -> String {
    format!(
        "# {comment}\n{}",
        documents.collect::<Vec<_>>().join("---\n")
    )
}

fn named(kind: &str, name: &str, description: &str) -> String {
    let description = scalar(description);
    format!("kind: {kind}\nname: {name}\ndescription: {description}\n")
}

fn content(content: &Content) -> String {
    format!(
        "kind: content\nname: {}\nchannels: {}\nstage: {}\ncost: {{ creation: {} }}\n{}",
        content.name,
        list(content.channels),
        content.stage,
        content.cost,
        levels("components", content.components)
            .map(|components| components + "\n")
            .unwrap_or_default(),
    )
}

fn initiative(initiative: &Initiative) -> String {
    format!(
        "kind: initiative\nname: {}\ndescription: {}\nteam: {}\nlevel: {}\nchannels: {}\ncontent: {}\nhypothesis: {}\n",
        initiative.name,
        scalar(initiative.description),
        initiative.team,
        initiative.level,
        list(initiative.channels),
        list(initiative.content),
        scalar(initiative.hypothesis),
    )
}

/// The experiment that declares a plan, so that it may be looked at from its first day.
const PLANNED: &str = "loyalty-offers";
/// The share of the company's customers that it plans for, a little below those who are there when it runs.
const PLANNED_SHARE: f64 = 0.7;

/// When the data of an experiment may decide, where it says so.
fn plan(experiment: &Experiment, customers: u64) -> String {
    if experiment.name != PLANNED {
        return String::new();
    }
    let planned = (PLANNED_SHARE * customers as f64).max(2.0);
    format!(
        "# Looked at every day, and decided by one boundary for all looks.\n\
         plan: {{ looks: hybrid, minimum_effect: 0.08, customers: {planned:.0}, days: 42 }}\n"
    )
}

fn experiment(experiment: &Experiment, customers: u64) -> String {
    let name = experiment.name;
    let arms: String = experiment.arms.iter().map(arm).collect();
    let covariates: String = experiment
        .covariates
        .iter()
        .map(|column| format!("  - {column}\n"))
        .collect();
    // Before they join there is nothing on record of customers but the first order.
    let before = if experiment.lasts() {
        "1 day"
    } else {
        "56 days"
    };
    let exposure = match experiment.exposure {
        Exposure::AtOnce => String::new(),
        Exposure::FirstVisit { .. } => format!(
            "# Only who visits after assignment can notice the arm.\n\
             exposure:\n  source: exposures\n  customer: customer_id\n  time: exposed_at\n  \
             where: experiment = '{name}'\n"
        ),
    };
    format!(
        "kind: experiment\nname: {name}\ndescription: {}\nhypothesis: {}\n\
         assignment:\n  source: assignments\n  customer: customer_id\n  arm: arm\n  time: assigned_at\n  \
         where: experiment = '{name}'\n\
         {exposure}\
         arms:\n{arms}\
         metrics:\n  primary: {}\n  secondary: {}\n\
         covariates:\n{covariates}  - {{ metric: revenue, before: {before} }}\n\
         segments: {}\n{}",
        scalar(experiment.description),
        scalar(experiment.hypothesis),
        experiment.primary,
        list(experiment.secondary),
        list(experiment.segments),
        plan(experiment, customers),
    )
}

fn arm(arm: &Arm) -> String {
    let initiative = arm
        .initiative
        .map(|name| format!(", initiative: {name}"))
        .unwrap_or_default();
    let factors = levels("factors", arm.factors)
        .map(|factors| format!(", {factors}"))
        .unwrap_or_default();
    format!(
        "  - {{ name: {}, role: {}{initiative}, share: {}{factors} }}\n",
        arm.name, arm.role, arm.share
    )
}

/// The costs of an initiative, and before the first that is paid by the touch the fact that counts touches.
fn costs(initiative: &Initiative, customers: u64) -> Vec<String> {
    let mut documents = Vec::new();
    for cost in initiative.costs {
        let mut text = format!(
            "kind: cost\nname: {}\ndescription: {}\ninitiative: {}\n",
            cost.name,
            scalar(cost.description),
            initiative.name
        );
        let details = match cost.per {
            Per::Once(amount) => format!("amount: {}\nper: once\n", scaled(amount, customers)),
            Per::Month { amount, months } => {
                format!(
                    "amount: {}\nper: month\nmonths: {months}\n",
                    scaled(amount, customers)
                )
            }
            Per::Customer(amount) => format!("amount: {amount}\nper: customer\n"),
            Per::Touch(amount) => {
                let fact = format!("{}-touch", initiative.name);
                documents.push(format!(
                    "kind: fact\nname: {fact}\nsource: touches\ncustomer: customer_id\ntime: touched_at\n\
                     where: initiative = '{}'\n",
                    initiative.name
                ));
                format!("amount: {amount}\nper: touch\nfact: {fact}\n")
            }
            // A share of what the arm's customers pay.
            Per::Revenue(share) => format!("amount: {share}\nper: revenue\nmetric: revenue\n"),
        };
        text.push_str(&details);
        documents.push(text);
    }
    documents
}

/// A text as a YAML scalar on one line: plain where that is safe, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.contains([':', '#', '"', '\\']);
    if plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        // Writing to a string does not fail.
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            c => write!(quoted, "{c}"),
        };
    }
    quoted.push('"');
    quoted
}

/// A key that maps factors to their levels, if there are any.
fn levels(key: &str, factors: &[(&str, &str)]) -> Option<String> {
    let levels: Vec<String> = factors
        .iter()
        .map(|(factor, level)| format!("{factor}: {level}"))
        .collect();
    (!levels.is_empty()).then(|| format!("{key}: {{ {} }}", levels.join(", ")))
}

fn list(items: &[&str]) -> String {
    format!("[{}]", items.join(", "))
}
