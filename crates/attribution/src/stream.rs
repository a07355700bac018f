//! Journeys from a stream of touches and conversions.

use std::collections::HashSet;

use crate::builder::{JourneyBuilder, check_outcome};
use crate::error::JourneyError;
use crate::path::{ChannelId, Outcome};

/// What a conversion does to the touches before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterConversion {
    /// It ends the journey: its touches earn nothing from later conversions, and the next touch
    /// begins a new journey.
    #[default]
    Cut,
    /// Its touches may earn from later conversions too, within their lookback. A customer with
    /// `c` conversions and `t` touches costs `c` times `t`.
    Carry,
    /// Only a customer's first conversion counts; whatever comes after it is dropped.
    FirstOnly,
}

/// Journeys of customers whose events come in the order of customer and time.
///
/// A touch belongs to the journeys of the conversions that come after it, never of one before; at
/// equal times the order of the events decides. A conversion whose number the customer had before
/// is a duplicate and dropped. Touches after the last conversion make a null journey. The journeys
/// of one customer are remembered as such, so that a
/// [bootstrap](crate::bootstrap::bootstrap) draws customers.
///
/// Streams over different customers can run on different threads; their builders are
/// [merged](JourneyBuilder::merge).
///
/// ```
/// use attribution::{AfterConversion, JourneyBuilder, Outcome, PathPolicy, TouchStream};
///
/// let mut builder = JourneyBuilder::new(PathPolicy::default());
/// let email = builder.channel("email")?;
/// let web = builder.channel("web")?;
/// let mut stream = TouchStream::new(builder, AfterConversion::Cut);
/// stream.touch(1, 1_000, email)?;
/// stream.touch(1, 4_600, web)?;
/// stream.conversion(1, 5_000, 77, Outcome::converted(30.0))?;
/// stream.touch(1, 9_000, email)?;
/// let table = stream.finish()?.finish();
/// assert_eq!(table.path(1).ages, Some([4_000, 400].as_slice()));
/// assert_eq!(table.journeys(), 2);
/// # Ok::<(), attribution::JourneyError>(())
/// ```
#[derive(Debug)]
pub struct TouchStream {
    builder: JourneyBuilder,
    after: AfterConversion,
    events: u64,
    /// Customer and time of the event before.
    latest: Option<(u64, i64)>,
    /// The customer's touches that may still earn.
    channels: Vec<ChannelId>,
    times: Vec<i64>,
    /// How many of them had a conversion after them; the others make the null journey.
    closed: usize,
    /// Numbers of the customer's conversions.
    seen: HashSet<u64>,
    ages: Vec<u32>,
}

impl TouchStream {
    /// A stream into a builder.
    pub fn new(builder: JourneyBuilder, after: AfterConversion) -> Self {
        Self {
            builder,
            after,
            events: 0,
            latest: None,
            channels: Vec::new(),
            times: Vec::new(),
            closed: 0,
            seen: HashSet::new(),
            ages: Vec::new(),
        }
    }

    /// A touch of a customer, at a time in seconds.
    ///
    /// # Errors
    ///
    /// [`JourneyError::EventsOutOfOrder`] if the customer's number, or its time, is less than
    /// before; [`JourneyError::UnknownChannel`]. The event is not taken then.
    pub fn touch(
        &mut self,
        customer: u64,
        time: i64,
        channel: ChannelId,
    ) -> Result<(), JourneyError> {
        let known = self.builder.known_channels();
        if channel as usize >= known {
            return Err(JourneyError::UnknownChannel { channel, known });
        }
        self.advance(customer, time)?;
        if self.after == AfterConversion::FirstOnly && !self.seen.is_empty() {
            self.builder.dropped_mut().after_first_conversion += 1;
            return Ok(());
        }
        self.channels.push(channel);
        self.times.push(time);
        Ok(())
    }

    /// A conversion of a customer. `number` identifies it among the customer's.
    ///
    /// # Errors
    ///
    /// [`JourneyError::EventsOutOfOrder`], and invalid outcomes; one without a conversion is
    /// [`JourneyError::InvalidConversions`]. The event is not taken then.
    pub fn conversion(
        &mut self,
        customer: u64,
        time: i64,
        number: u64,
        outcome: Outcome,
    ) -> Result<(), JourneyError> {
        check_outcome(outcome)?;
        if outcome.is_null() {
            let conversions = outcome.conversions;
            return Err(JourneyError::InvalidConversions { conversions });
        }
        self.advance(customer, time)?;
        if self.seen.contains(&number) {
            self.builder.dropped_mut().duplicate_conversions += 1;
            return Ok(());
        }
        if self.after == AfterConversion::FirstOnly && !self.seen.is_empty() {
            self.builder.dropped_mut().later_conversions += 1;
            return Ok(());
        }
        self.seen.insert(number);
        self.close(0, time, outcome)?;
        if self.after != AfterConversion::Carry {
            self.channels.clear();
            self.times.clear();
        }
        self.closed = self.times.len();
        Ok(())
    }

    /// The builder, with the journeys of all customers.
    ///
    /// # Errors
    ///
    /// [`JourneyError::TooManyPaths`].
    pub fn finish(mut self) -> Result<JourneyBuilder, JourneyError> {
        self.end_customer()?;
        Ok(self.builder)
    }

    fn advance(&mut self, customer: u64, time: i64) -> Result<(), JourneyError> {
        let event = self.events;
        match self.latest {
            Some(latest) if (customer, time) < latest => {
                return Err(JourneyError::EventsOutOfOrder { event });
            }
            Some((same, _)) if same == customer => {}
            _ => self.end_customer()?,
        }
        self.events += 1;
        self.latest = Some((customer, time));
        Ok(())
    }

    /// Takes the journey of the touches from `first` on that ends at a time.
    fn close(&mut self, first: usize, time: i64, outcome: Outcome) -> Result<(), JourneyError> {
        self.ages.clear();
        // Touches are not later than the end; an age beyond 136 years is any such age.
        let age = |&touch: &i64| u32::try_from(time.abs_diff(touch)).unwrap_or(u32::MAX);
        self.ages.extend(self.times[first..].iter().map(age));
        let channels = &self.channels[first..];
        self.builder.journey(channels, Some(&self.ages), outcome)
    }

    fn end_customer(&mut self) -> Result<(), JourneyError> {
        if let Some(&last) = self.times[self.closed..].last() {
            self.close(self.closed, last, Outcome::NULL)?;
        }
        self.builder.end_customer()?;
        self.channels.clear();
        self.times.clear();
        self.seen.clear();
        self.closed = 0;
        Ok(())
    }
}
