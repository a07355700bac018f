use stats::moments::{CoMoments, Products};
use std::time::Instant;
fn main() {
    let rows = 1 << 18;
    let mut s = 1u64;
    let mut next = move || {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        (s >> 11) as f64 / (1u64 << 53) as f64
    };
    let full: Vec<Vec<f64>> = (0..20)
        .map(|_| {
            (0..rows)
                .map(|_| 100.0 + 30.0 * (next() + next() + next()))
                .collect()
        })
        .collect();
    let half: Vec<Vec<f64>> = (0..20)
        .map(|c| {
            if c % 2 == 0 {
                full[c].clone()
            } else {
                full[c].iter().map(|x| f64::from(*x > 150.0)).collect()
            }
        })
        .collect();
    let products = Products::new(20, |_, j| j >= 10);
    assert_eq!(products.pairs().len(), 165);
    for (name, data) in [("full", &full), ("half", &half)] {
        for threads in [1, 2] {
            for chunk in [2048usize, rows] {
                let mut best = f64::MAX;
                for _ in 0..4 {
                    let t = Instant::now();
                    std::thread::scope(|scope| {
                        for _ in 0..threads {
                            scope.spawn(|| {
                                let mut acc = CoMoments::new(&products);
                                for _ in 0..10 / threads {
                                    for start in (0..rows).step_by(chunk) {
                                        let c: Vec<&[f64]> =
                                            data.iter().map(|c| &c[start..start + chunk]).collect();
                                        acc.push(&c).unwrap();
                                    }
                                }
                                std::hint::black_box(acc.finish());
                            });
                        }
                    });
                    best = best.min(t.elapsed().as_secs_f64());
                }
                println!(
                    "{name} threads {threads} chunk {chunk}: 10M rows {:.3} s",
                    best * 1e7 / (10 * rows) as f64
                );
            }
        }
    }
    let t = Instant::now();
    for _ in 0..10 {
        for c in &full {
            std::hint::black_box(c.iter().sum::<f64>());
        }
    }
    println!(
        "naive sums {:.3}",
        t.elapsed().as_secs_f64() * 1e7 / (10 * rows) as f64
    );
}
