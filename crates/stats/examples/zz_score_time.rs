use stats::*;
use std::time::Instant;
fn main() {
    let cases = [
        ((3, 60), (0, 50)),
        ((9, 200), (4, 200)),
        ((5, 200), (14, 180)),
        ((0, 200), (3, 200)),
        ((10, 20), (60, 200)),
        ((1, 200), (1, 200)),
        ((1, 20), (3, 10_000_000u64)),
        ((7, 1_000_000), (3, 1_000_000)),
        ((5, 1000), (9, 1000)),
        ((0, 1_000_000), (1_000_000, 1_000_000)),
        ((5, 20), (5_000_000, 10_000_000)),
        ((18, 20), (100, 200)),
        ((200, 200), (199, 200)),
        ((0, 1_000_000_000_000), (4, 1_000_000_000_000)),
        ((10, 20), (500_000_000_000, 1_000_000_000_000)),
    ];
    for (t, c) in cases {
        let t = Counts {
            successes: t.0,
            n: t.1,
        };
        let c = Counts {
            successes: c.0,
            n: c.1,
        };
        let s = Instant::now();
        let k = 10;
        let mut l = None;
        for _ in 0..k {
            l = Some(lift_of_shares(t, c, 0.05).unwrap());
        }
        let l = l.unwrap();
        println!(
            "{t:?} {c:?} {} us {:?} {:?} p {}",
            s.elapsed().as_micros() / k,
            l.method,
            l.relative.as_ref().map(|r| (r.low, r.high)),
            l.probability.p
        );
        if t.n + c.n < 3000 {
            let s = Instant::now();
            let b = barnard(t, c).unwrap();
            println!("   barnard {} us {}", s.elapsed().as_micros(), b.p);
        }
    }
    let s = Instant::now();
    let mut w = 0u128;
    let mut tot = 0u128;
    let mut wc = ((0, 0), (0, 0));
    let mut n = 0u128;
    for nt in [50u64, 120, 200] {
        for nc in [20u64, 100, 200] {
            for xt in 0..=nt {
                if xt % 3 != 0 {
                    continue;
                }
                for xc in 0..=nc {
                    if xc % 3 != 0 {
                        continue;
                    }
                    let a = Instant::now();
                    let l = lift_of_shares(
                        Counts {
                            successes: xt,
                            n: nt,
                        },
                        Counts {
                            successes: xc,
                            n: nc,
                        },
                        0.05,
                    )
                    .unwrap();
                    if l.method == Method::Score {
                        let e = a.elapsed().as_micros();
                        n += 1;
                        tot += e;
                        if e > w {
                            w = e;
                            wc = ((xt, nt), (xc, nc));
                        }
                    }
                }
            }
        }
    }
    println!(
        "all {n} mean {} us worst {w} us {wc:?} {:?}",
        tot / n,
        s.elapsed()
    );
}
