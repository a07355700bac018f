//! Progress of long work, on standard error and only where a person looks on.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that says what is going on, with the time that it has taken so far.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn new(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        // The template is fixed and known to be right; without it the bar's own is used.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:>4}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar for work whose size is known.
pub(crate) fn bar(what: &str, size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {bar:30} {human_pos} of {human_len} {elapsed:>4}")
    {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
