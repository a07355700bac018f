//! Random numbers that depend on a seed and a place alone: SplitMix64 (G. L. Steele, D. Lea
//! and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).

/// The odd number that states of a stream are apart.
pub const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number whose bits all depend on all bits of another: one to one.
pub fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mixed(self.state)
    }

    /// Uniform on (0, 1), neither end included.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_reference_implementation() {
        let mut stream = SplitMix64::new(1_234_567);
        let numbers: [u64; 3] = std::array::from_fn(|_| stream.bits());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, published);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&stream.uniform())));
    }
}
