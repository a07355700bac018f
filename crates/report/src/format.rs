//! Numbers as people read them.
//!
//! An estimate is shown to as many places as its uncertainty deserves: two significant digits of half its interval.
//! Money that adds up is shown to the cent, so that columns tie.

use catalog::Unit;
use value::Money;

/// How signs and spaces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    minus: &'static str,
    space: &'static str,
}

impl Format {
    /// For terminals: a hyphen for minus and plain spaces.
    pub const PLAIN: Self = Self {
        minus: "-",
        space: " ",
    };
    /// For pages: a true minus sign, which screen readers say, and no-break spaces, which keep a number and its
    /// unit on one line.
    pub const TYPESET: Self = Self {
        minus: "\u{2212}",
        space: "\u{a0}",
    };
}

/// An estimate and the ends of its interval as text, all to the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// With its unit.
    pub estimate: String,
    pub low: String,
    pub high: String,
}

impl Shown {
    /// The interval in words: `+0.17 to +0.68`.
    pub fn interval(&self) -> String {
        format!("{} to {}", self.low, self.high)
    }

    /// The estimate and its interval in one line: `+0.42 (+0.17 to +0.68)`.
    pub fn in_line(&self) -> String {
        format!("{} ({})", self.estimate, self.interval())
    }
}

/// An effect's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

impl From<&measure::audience::Estimate> for Interval {
    fn from(effect: &measure::audience::Estimate) -> Self {
        Self {
            estimate: effect.estimate,
            low: effect.low,
            high: effect.high,
        }
    }
}

impl From<&value::Estimate> for Interval {
    fn from(effect: &value::Estimate) -> Self {
        Self {
            estimate: effect.estimate,
            low: effect.low,
            high: effect.high,
        }
    }
}

/// The places after the point that show two significant digits of an uncertainty; at most eight.
pub fn places(uncertainty: f64) -> usize {
    if !uncertainty.is_finite() || uncertainty <= 0.0 {
        return 2;
    }
    (1.0 - uncertainty.log10().floor()).clamp(0.0, 8.0) as usize
}

/// The places for amounts per customer: money has at least cents.
fn places_of(unit: Unit, uncertainty: f64) -> usize {
    match unit {
        Unit::Money => places(uncertainty).max(2),
        Unit::Share => places(100.0 * uncertainty),
        Unit::Count | Unit::Number => places(uncertainty),
    }
}

impl Format {
    /// A number with separated thousands: `-1,234.50`.
    pub fn fixed(self, number: f64, places: usize) -> String {
        if number.is_nan() {
            return "–".to_owned();
        }
        let sign = if number < 0.0 { self.minus } else { "" };
        if number.is_infinite() {
            return format!("{sign}∞");
        }
        format!("{sign}{}", grouped(&format!("{:.places$}", number.abs())))
    }

    /// The same with a plus sign where it is positive. The sign stays where the rounded digits are all zero, so that
    /// an interval that excludes zero looks as if it did.
    pub fn signed(self, number: f64, places: usize) -> String {
        let plus = if number > 0.0 { "+" } else { "" };
        format!("{plus}{}", self.fixed(number, places))
    }

    /// A whole number with separated thousands.
    pub fn count(self, number: u64) -> String {
        grouped(&number.to_string())
    }

    /// A number of things with their name: `1 line`, `1,204 lines`.
    pub fn counted(self, number: u64, one: &str, many: &str) -> String {
        let name = if number == 1 { one } else { many };
        format!("{}{}{name}", self.count(number), self.space)
    }

    /// A quantity, with places only where it has a fraction.
    pub fn quantity(self, number: f64) -> String {
        self.fixed(number, if number.fract() == 0.0 { 0 } else { 2 })
    }

    /// An amount to the cent: `1,234.50`.
    pub fn money(self, amount: Money) -> String {
        let sign = if amount.0.is_sign_negative() && !amount.0.is_zero() {
            self.minus
        } else {
            ""
        };
        format!("{sign}{}", grouped(&format!("{:.2}", amount.0.abs())))
    }

    /// An amount to the unit of currency, for headlines and intervals: `1,235 EUR`. Amounts below 100 keep cents.
    pub fn amount(self, amount: Money, currency: &str) -> String {
        format!("{}{}{currency}", self.round_money(amount), self.space)
    }

    /// An amount to the cent with its currency: `1,234.50 EUR`.
    pub fn cents(self, amount: f64, currency: &str) -> String {
        format!("{}{}{currency}", self.fixed(amount, 2), self.space)
    }

    /// An amount to the unit of currency, without the currency.
    pub fn round_money(self, amount: Money) -> String {
        let number = amount.to_f64();
        self.fixed(number, if number.abs() < 100.0 { 2 } else { 0 })
    }

    /// A share as per cent: `12.5 %`.
    pub fn percent(self, share: f64, places: usize) -> String {
        format!("{}{}%", self.fixed(100.0 * share, places), self.space)
    }

    /// The level of an interval, without needless zeros: `95 %`, `99.9 %`.
    pub fn level(self, level: f64) -> String {
        let digits = format!("{:.3}", 100.0 * level);
        format!(
            "{}{}%",
            digits.trim_end_matches('0').trim_end_matches('.'),
            self.space
        )
    }

    /// A probability as per cent, never rounded to certainty: `> 99.9 %`.
    pub fn probability(self, probability: f64) -> String {
        let space = self.space;
        match probability {
            p if p > 0.9995 => format!(">{space}99.9{space}%"),
            p if p < 0.0005 => format!("<{space}0.1{space}%"),
            p => self.percent(p, 1),
        }
    }

    /// A p-value: `0.43`, `0.0496`, `0.0011`, `2.1e-44`, and with its logarithm where it is below all numbers.
    pub fn p_value(self, p: f64, ln_p: Option<f64>) -> String {
        let (space, minus) = (self.space, self.minus);
        if p < 1e-300 {
            let ln = ln_p
                .map(|ln_p| format!(" (ln{space}p{space}={space}{})", self.fixed(ln_p, 1)))
                .unwrap_or_default();
            return format!("<{space}1e{minus}300{ln}");
        }
        match p {
            p if p >= 0.1 => format!("{p:.2}"),
            p if p >= 0.01 => format!("{p:.4}"),
            p if p >= 1e-4 => format!("{p:.*}", (1.0 - p.log10().floor()) as usize),
            p => format!("{p:.1e}").replace('-', minus),
        }
    }

    /// A difference per customer in the metric's unit; of shares, in percentage points.
    pub fn absolute(self, unit: Unit, effect: Interval) -> Shown {
        let (scale, suffix) = self.of_differences(unit);
        let places = places_of(unit, effect.half_width());
        Shown {
            estimate: format!("{}{suffix}", self.signed(scale * effect.estimate, places)),
            low: self.signed(scale * effect.low, places),
            high: format!("{}{suffix}", self.signed(scale * effect.high, places)),
        }
    }

    /// A distance that was declared in the metric's unit; of shares, in percentage points.
    pub fn distance(self, unit: Unit, distance: f64) -> String {
        let (scale, suffix) = self.of_differences(unit);
        format!("{}{suffix}", self.quantity(scale * distance))
    }

    /// What differences are multiplied by, and what stands behind them.
    fn of_differences(self, unit: Unit) -> (f64, String) {
        match unit {
            Unit::Share => (100.0, format!("{}pp", self.space)),
            Unit::Money | Unit::Count | Unit::Number => (1.0, String::new()),
        }
    }

    /// A relative difference, or a return, in per cent. What is not zero does not look like it, as far as two more places
    /// can tell.
    pub fn relative(self, effect: Interval) -> Shown {
        let places = places(100.0 * effect.half_width());
        let looks_zero = |share: f64, places: usize| {
            share != 0.0 && 100.0 * share.abs() * 10_f64.powi(places as i32) < 0.5
        };
        let told = |places: &usize| {
            let ends = [effect.estimate, effect.low, effect.high];
            !ends.into_iter().any(|share| looks_zero(share, *places))
        };
        let places = (places..=places + 2).find(told).unwrap_or(places);
        let signed = |share: f64| format!("{}{}%", self.signed(100.0 * share, places), self.space);
        Shown {
            estimate: signed(effect.estimate),
            low: signed(effect.low),
            high: signed(effect.high),
        }
    }

    /// An amount of money to the unit of currency, with the ends of its interval.
    pub fn whole(self, effect: Interval) -> Shown {
        let places = if effect.half_width() < 100.0 { 2 } else { 0 };
        Shown {
            estimate: self.fixed(effect.estimate, places),
            low: self.fixed(effect.low, places),
            high: self.fixed(effect.high, places),
        }
    }

    /// A mean per customer, to the place that its effect is shown to.
    pub fn mean(self, unit: Unit, mean: f64, uncertainty: f64) -> String {
        let places = places_of(unit, uncertainty);
        match unit {
            Unit::Share => self.percent(mean, places),
            Unit::Money | Unit::Count | Unit::Number => self.fixed(mean, places),
        }
    }

    /// Days, to the day from ten on.
    pub fn days(self, days: f64) -> String {
        let places = if days < 10.0 && days.fract() != 0.0 {
            1
        } else {
            0
        };
        let unit = if days == 1.0 { "day" } else { "days" };
        format!("{}{}{unit}", self.fixed(days, places), self.space)
    }

    /// Bytes in the units of 1000: `1.2 MB`.
    pub fn bytes(self, bytes: u64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"];
        let mut size = bytes as f64;
        let mut unit = 0;
        while size >= 1000.0 && unit + 1 < units.len() {
            size /= 1000.0;
            unit += 1;
        }
        let places = if unit > 0 && size < 100.0 { 1 } else { 0 };
        format!("{}{}{}", self.fixed(size, places), self.space, units[unit])
    }
}

/// Puts commas between the thousands of a number's digits.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let mut text = String::with_capacity(digits.len() + whole.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// The civil date of microseconds since 1970 in the project's time zone: `2024-03-01`.
pub fn date(microseconds: i64) -> String {
    jiff::civil::date(1970, 1, 1)
        .at(0, 0, 0, 0)
        .checked_add(jiff::SignedDuration::from_micros(microseconds))
        .map_or_else(|_| "–".to_owned(), |time| time.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Format = Format::PLAIN;

    fn money(amount: f64) -> Money {
        Money::from_f64(amount).unwrap()
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(PLAIN.count(0), "0");
        assert_eq!(PLAIN.count(999), "999");
        assert_eq!(PLAIN.count(1_234_567), "1,234,567");
        assert_eq!(PLAIN.counted(1, "line", "lines"), "1 line");
        assert_eq!(PLAIN.counted(0, "line", "lines"), "0 lines");
        assert_eq!(PLAIN.counted(1_204, "line", "lines"), "1,204 lines");
        assert_eq!(PLAIN.fixed(-1234.5, 2), "-1,234.50");
        assert_eq!(PLAIN.fixed(-123_456.0, 0), "-123,456");
        assert_eq!(Format::TYPESET.fixed(-5.0, 0), "\u{2212}5");
        assert_eq!(PLAIN.fixed(f64::INFINITY, 2), "∞");
        assert_eq!(PLAIN.fixed(f64::NAN, 2), "–");
    }

    #[test]
    fn money_is_exact_to_the_cent() {
        assert_eq!(PLAIN.money(money(1_234_567.895)), "1,234,567.90");
        assert_eq!(PLAIN.money(money(-0.5)), "-0.50");
        assert_eq!(PLAIN.money(money(0.0)), "0.00");
        assert_eq!(PLAIN.amount(money(482_310.27), "EUR"), "482,310 EUR");
        assert_eq!(PLAIN.amount(money(-12.3), "EUR"), "-12.30 EUR");
    }

    #[test]
    fn an_estimate_shows_the_places_that_its_interval_deserves() {
        let effect = |estimate, low, high| Interval {
            estimate,
            low,
            high,
        };
        let spend = PLAIN.absolute(Unit::Money, effect(0.4244, 0.1694, 0.6793));
        assert_eq!(
            (spend.estimate.as_str(), spend.interval().as_str()),
            ("+0.42", "+0.17 to +0.68")
        );
        let conversion = PLAIN.absolute(Unit::Share, effect(0.0031, 0.0016, 0.0046));
        assert_eq!(
            (conversion.estimate.as_str(), conversion.interval().as_str()),
            ("+0.31 pp", "+0.16 to +0.46 pp")
        );
        let relative = PLAIN.relative(effect(0.65, 0.21, 1.14));
        assert_eq!(
            (relative.estimate.as_str(), relative.interval().as_str()),
            ("+65 %", "+21 % to +114 %")
        );
        assert_eq!(
            PLAIN.relative(effect(0.02134, 0.0182, 0.0245)).estimate,
            "+2.13 %"
        );
        assert_eq!(PLAIN.mean(Unit::Share, 0.10617, 0.0015), "10.62 %");
        assert_eq!(
            PLAIN
                .absolute(Unit::Count, effect(1234.4, 1100.0, 1370.0))
                .estimate,
            "+1,234"
        );
    }

    #[test]
    fn a_distance_between_shares_is_in_percentage_points() {
        assert_eq!(PLAIN.distance(Unit::Share, 0.02), "2 pp");
        assert_eq!(PLAIN.distance(Unit::Share, 0.0025), "0.25 pp");
        assert_eq!(PLAIN.distance(Unit::Money, 1.5), "1.50");
    }

    #[test]
    fn an_end_of_an_interval_keeps_its_side_of_zero() {
        let shown = PLAIN.absolute(
            Unit::Money,
            Interval {
                estimate: 0.25,
                low: 0.0004,
                high: 0.4996,
            },
        );
        assert_eq!(shown.interval(), "+0.00 to +0.50");
        let shown = PLAIN.absolute(
            Unit::Money,
            Interval {
                estimate: 0.25,
                low: -0.0004,
                high: 0.5,
            },
        );
        assert_eq!(shown.low, "-0.00");
        assert_eq!(PLAIN.signed(0.0, 2), "0.00");
    }

    #[test]
    fn p_values_keep_what_matters() {
        let p = |p| PLAIN.p_value(p, None);
        assert_eq!(p(1.0), "1.00");
        assert_eq!(p(0.4312), "0.43");
        assert_eq!(p(0.0496), "0.0496");
        assert_eq!(p(0.00113), "0.0011");
        assert_eq!(p(0.00012), "0.00012");
        assert_eq!(p(2.1e-44), "2.1e-44");
        assert_eq!(
            PLAIN.p_value(0.0, Some(-727.79)),
            "< 1e-300 (ln p = -727.8)"
        );
    }

    #[test]
    fn probabilities_are_never_certain() {
        assert_eq!(PLAIN.probability(0.9999), "> 99.9 %");
        assert_eq!(PLAIN.probability(0.9994), "99.9 %");
        assert_eq!(PLAIN.probability(0.0), "< 0.1 %");
        assert_eq!(PLAIN.probability(0.5), "50.0 %");
    }

    #[test]
    fn levels_days_bytes_and_dates_are_short() {
        assert_eq!(PLAIN.level(0.95), "95 %");
        assert_eq!(PLAIN.level(1.0 - 0.001), "99.9 %");
        assert_eq!(PLAIN.days(1.0), "1 day");
        assert_eq!(PLAIN.days(4.25), "4.2 days");
        assert_eq!(PLAIN.days(31.6), "32 days");
        assert_eq!(PLAIN.bytes(999), "999 B");
        assert_eq!(PLAIN.bytes(1_234_567), "1.2 MB");
        assert_eq!(date(1_205_971_200_000_000), "2008-03-20");
        assert_eq!(date(i64::MIN), "–");
    }
}
