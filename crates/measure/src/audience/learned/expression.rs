//! Models as SQL.

use stats::boosting::{Model, Node};

/// A number that is there and finite, or none: what is missing to a model is missing in SQL.
pub(super) fn bare(number: &str) -> String {
    format!("CASE WHEN isfinite({number}) THEN {number} END")
}

/// What a model says of a customer whose features are in columns of these names; without a value they are NULL.
///
/// Trees are added in their order, as [`Model::predict`] does it.
pub(super) fn prediction(model: &Model, features: &[String]) -> String {
    let mut sum = literal(model.base);
    for tree in &model.trees {
        sum.push_str(" + ");
        write(tree, features, &mut sum);
    }
    format!("({sum})")
}

fn write(node: &Node, features: &[String], sql: &mut String) {
    let split = match node {
        Node::Leaf(value) => return sql.push_str(&literal(*value)),
        Node::Split(split) => split,
    };
    // A comparison with NULL holds on neither side, and goes to ELSE.
    let (sign, then, otherwise) = if split.missing_left {
        (">", &split.right, &split.left)
    } else {
        ("<=", &split.left, &split.right)
    };
    let (name, threshold) = (&features[split.feature], literal(split.threshold));
    sql.push_str(&format!("CASE WHEN {name} {sign} {threshold} THEN "));
    write(then, features, sql);
    sql.push_str(" ELSE ");
    write(otherwise, features, sql);
    sql.push_str(" END");
}

/// A number with an exponent, which the engine reads as the double that it is.
fn literal(number: f64) -> String {
    format!("{number:e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::boosting::Split;

    #[test]
    fn missing_values_go_where_the_tree_says() {
        let tree = |missing_left| {
            Node::Split(Box::new(Split {
                feature: 0,
                threshold: 0.5,
                missing_left,
                gain: 1.0,
                left: Node::Leaf(-1.0),
                right: Node::Leaf(2.0),
            }))
        };
        let model = Model {
            base: 10.0,
            trees: vec![tree(true), tree(false)],
        };
        assert_eq!(
            prediction(&model, &["x".to_owned()]),
            "(1e1 + CASE WHEN x > 5e-1 THEN 2e0 ELSE -1e0 END + CASE WHEN x <= 5e-1 THEN -1e0 ELSE 2e0 END)"
        );
        assert_eq!(model.predict(&[f64::NAN]), 10.0 - 1.0 + 2.0);
    }
}
