//! The page's colours, once for both schemes.
//!
//! Plots are drawn in the light scheme's colours. A style sheet's rules outrank the attributes that a plot is drawn
//! with, so that rules on those very values (`[fill="#1A7F4B"]`) turn them into the scheme that the reader prefers.

use plotters::style::RGBColor;

/// A colour by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    /// The name of its CSS variable.
    pub(super) name: &'static str,
    light: [u8; 3],
    dark: [u8; 3],
}

const fn ink(name: &'static str, light: [u8; 3], dark: [u8; 3]) -> Ink {
    Ink { name, light, dark }
}

pub(super) const SURFACE: Ink = ink("surface", [0xff, 0xff, 0xff], [0x12, 0x17, 0x1e]);
pub(super) const TEXT: Ink = ink("text", [0x1b, 0x24, 0x30], [0xe6, 0xea, 0xf0]);
pub(super) const QUIET: Ink = ink("quiet", [0x56, 0x61, 0x70], [0xa3, 0xaf, 0xbf]);
pub(super) const GRID: Ink = ink("grid", [0xe1, 0xe5, 0xea], [0x2b, 0x35, 0x42]);
pub(super) const GOOD: Ink = ink("good", [0x1a, 0x7f, 0x4b], [0x52, 0xc9, 0x90]);
pub(super) const BAD: Ink = ink("bad", [0xb4, 0x23, 0x18], [0xff, 0x8f, 0x80]);
pub(super) const CAUTION: Ink = ink("caution", [0x84, 0x56, 0x00], [0xe8, 0xb3, 0x4f]);

/// All of them.
pub(super) const INKS: [Ink; 7] = [SURFACE, TEXT, QUIET, GRID, GOOD, BAD, CAUTION];

impl Ink {
    /// The colour that plots are drawn in.
    pub(super) fn drawn(self) -> RGBColor {
        let [red, green, blue] = self.light;
        RGBColor(red, green, blue)
    }

    /// In the notation that the plotting library writes.
    pub(super) fn light(&self) -> String {
        hexadecimal(self.light)
    }

    pub(super) fn dark(&self) -> String {
        hexadecimal(self.dark)
    }
}

fn hexadecimal([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2: relative luminance and contrast ratio.
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let luminance = |color: [u8; 3]| {
            let linear = color.map(|channel| {
                let share = f64::from(channel) / 255.0;
                if share <= 0.04045 {
                    share / 12.92
                } else {
                    ((share + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_can_be_read_in_both_schemes() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        for ink in [TEXT, QUIET, GOOD, BAD, CAUTION] {
            assert!(
                contrast(ink.light, SURFACE.light) >= 4.5,
                "{} is too faint in light",
                ink.name
            );
            assert!(
                contrast(ink.dark, SURFACE.dark) >= 4.5,
                "{} is too faint in dark",
                ink.name
            );
        }
    }
}
