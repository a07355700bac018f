//! Features cut into bins.

/// The bins of a feature. The last one is that of missing values.
pub(super) struct Binned {
    /// The greatest value of each bin, ascending.
    pub(super) edges: Vec<f64>,
}

impl Binned {
    /// Up to `bins - 1` bins of about as many rows each, or one a value where there are no
    /// more values; and one for what is not finite.
    pub(super) fn new(feature: &[f64], bins: usize) -> Self {
        Binned {
            edges: edges(feature, bins - 1),
        }
    }

    /// The bin of a value.
    pub(super) fn code(&self, value: f64) -> u8 {
        if value.is_finite() {
            // At most 255 edges, the last of them the greatest value.
            self.edges.partition_point(|&edge| edge < value) as u8
        } else {
            self.missing()
        }
    }

    /// The bin of missing values.
    pub(super) fn missing(&self) -> u8 {
        // At most 255 edges.
        self.edges.len() as u8
    }
}

fn edges(feature: &[f64], most: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = feature.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.chunk_by(|a, b| a == b).count() <= most {
        sorted.dedup();
        return sorted;
    }
    // The last row of each of `most` parts of one size.
    let mut edges: Vec<f64> = (1..=most)
        .map(|part| sorted[part * sorted.len() / most - 1])
        .collect();
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each() {
        let feature = [3.0, f64::NAN, 1.0, 3.0, -0.0, 0.0];
        let binned = Binned::new(&feature, 64);
        assert_eq!(binned.edges, [0.0, 1.0, 3.0]);
        assert_eq!(feature.map(|value| binned.code(value)), [2, 3, 1, 2, 0, 0]);
        assert_eq!(binned.missing(), 3);
    }

    #[test]
    fn many_values_share_bins_of_one_size() {
        let feature: Vec<f64> = (0..630).map(f64::from).collect();
        let binned = Binned::new(&feature, 64);
        assert_eq!(binned.edges.len(), 63);
        for bin in 0..63 {
            let of_bin = |value: &&f64| binned.code(**value) == bin;
            assert_eq!(feature.iter().filter(of_bin).count(), 10);
        }
        assert_eq!(binned.edges.last(), Some(&629.0));
    }

    #[test]
    fn a_frequent_value_takes_several_parts() {
        let mut feature = vec![0.0; 900];
        feature.extend((1..=100).map(f64::from));
        let binned = Binned::new(&feature, 11);
        // Nine of ten parts are zeros.
        assert_eq!(binned.edges, [0.0, 100.0]);
    }
}
