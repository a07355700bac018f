//! Touches: what was shown to customers, mapped from a company's own columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Scalar, name_schema};

/// What was shown to customers, when and where: the rows of a source, or of a query over sources.
///
/// Each of the keys that describe a touch names a column, or gives one value for all rows as `{ value: email }`. With
/// `mapping`, those that are left out are the columns of a known tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// Unique among its kind.
    #[schemars(schema_with = "name_schema")]
    pub name: Name,
    pub description: Option<String>,
    /// The source whose rows these are. Either this or `sql`.
    #[schemars(extend("x-names" = "source"))]
    pub source: Option<Name>,
    /// A SELECT over sources, by their names.
    pub sql: Option<String>,
    /// The tool whose columns these are: the keys below then need to be given only where they differ.
    pub mapping: Option<Mapping>,
    /// The column that holds the customer.
    pub customer: Option<String>,
    /// The column that says when it was shown.
    pub time: Option<String>,
    /// The way by which it reached the customer.
    pub channel: Option<Field>,
    /// The piece of content, by the name of its document where there is one.
    pub content: Option<Field>,
    /// The version of the content.
    pub version: Option<Field>,
    /// The place where it was shown.
    pub slot: Option<Field>,
    pub campaign: Option<Field>,
    pub initiative: Option<Field>,
    pub team: Option<Field>,
    /// The stage of the customer's journey.
    pub stage: Option<Field>,
    /// The level of personalization, 0 to 6.
    pub level: Option<Field>,
    /// The decision that chose it.
    pub decision: Option<Field>,
    /// The probability with which the decision chose it.
    pub propensity: Option<Field>,
    /// What the decision could choose from: a list, or a text with commas.
    pub candidates: Option<Field>,
    /// What the decision knew of the customer: a list, or a text with commas.
    pub attributes: Option<Field>,
    /// What showing it cost, in the project's currency.
    pub cost: Option<Field>,
    /// Whether the customer saw it or clicked on it. Default: views.
    pub engagement: Option<Field>,
    /// A SQL condition that rows must meet.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// What a key of a touch takes its value from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Field {
    /// A column.
    Column(String),
    /// One value for all rows.
    Constant(Constant),
}

/// One value for all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    pub value: Scalar,
}

/// A tool whose columns are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mapping {
    /// Promotions of Segment's e-commerce events.
    SegmentPromotion,
    /// Promotions of Google Analytics 4, as exported.
    Ga4Promotion,
    /// Promotions of Snowplow's e-commerce tracking.
    SnowplowPromotion,
    /// E-mail events as Segment names them.
    Email,
    /// Exposures to experiments as Segment names them.
    Experiment,
}

/// How a tool records time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// As a time, a day, or a text that reads as one.
    Time,
    /// The same, in UTC where it does not name an offset.
    Utc,
    /// As microseconds since 1970, a number or a text of one.
    Microseconds,
}

impl Mapping {
    /// The tool's columns, by the keys of a touch.
    #[must_use]
    pub fn columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::SegmentPromotion => &[
                ("customer", "user_id"),
                ("time", "timestamp"),
                ("content", "promotion_id"),
                ("version", "creative"),
                ("slot", "position"),
                ("campaign", "name"),
                ("engagement", "event"),
            ],
            Self::Ga4Promotion => &[
                ("customer", "user_pseudo_id"),
                ("time", "event_timestamp"),
                ("content", "promotion_id"),
                ("version", "creative_name"),
                ("slot", "creative_slot"),
                ("campaign", "promotion_name"),
                ("engagement", "event_name"),
            ],
            Self::SnowplowPromotion => &[
                ("customer", "user_id"),
                ("time", "derived_tstamp"),
                ("content", "promotion_id"),
                ("version", "promotion_type"),
                ("slot", "promotion_position"),
                ("campaign", "promotion_name"),
                ("engagement", "action_type"),
            ],
            Self::Email => &[
                ("customer", "user_id"),
                ("time", "timestamp"),
                ("content", "email_id"),
                ("version", "email_subject"),
                ("campaign", "campaign_id"),
                ("engagement", "event"),
            ],
            Self::Experiment => &[
                ("customer", "user_id"),
                ("time", "timestamp"),
                ("content", "variation_id"),
                ("version", "variation_name"),
                ("campaign", "experiment_id"),
                ("engagement", "event"),
            ],
        }
    }

    /// The channel of all its rows.
    fn channel(self) -> &'static str {
        match self {
            Self::Email => "email",
            _ => "web",
        }
    }

    fn column(self, key: &str) -> Option<&'static str> {
        let mut columns = self.columns().iter();
        columns.find(|(known, _)| *known == key).map(|(_, c)| *c)
    }
}

/// What describes a touch beside its customer and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TouchKey {
    Channel,
    Content,
    Version,
    Slot,
    Campaign,
    Initiative,
    Team,
    Stage,
    Level,
    Decision,
    Propensity,
    Candidates,
    Attributes,
    Cost,
    Engagement,
}

impl TouchKey {
    /// The key, as a document has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Content => "content",
            Self::Version => "version",
            Self::Slot => "slot",
            Self::Campaign => "campaign",
            Self::Initiative => "initiative",
            Self::Team => "team",
            Self::Stage => "stage",
            Self::Level => "level",
            Self::Decision => "decision",
            Self::Propensity => "propensity",
            Self::Candidates => "candidates",
            Self::Attributes => "attributes",
            Self::Cost => "cost",
            Self::Engagement => "engagement",
        }
    }
}

impl Touch {
    /// The column that holds the customer: its own, else that of the mapping.
    #[must_use]
    pub fn customer_column(&self) -> Option<&str> {
        self.column(&self.customer, "customer")
    }

    /// The column that says when it was shown: its own, else that of the mapping.
    #[must_use]
    pub fn time_column(&self) -> Option<&str> {
        self.column(&self.time, "time")
    }

    /// How that column records time.
    #[must_use]
    pub fn time_format(&self) -> TimeFormat {
        match (&self.time, self.mapping) {
            (None, Some(Mapping::Ga4Promotion)) => TimeFormat::Microseconds,
            (None, Some(_)) => TimeFormat::Utc,
            _ => TimeFormat::Time,
        }
    }

    /// What a key takes its value from: what the document says, else what the mapping does.
    #[must_use]
    pub fn field(&self, key: TouchKey) -> Option<Field> {
        let own = match key {
            TouchKey::Channel => &self.channel,
            TouchKey::Content => &self.content,
            TouchKey::Version => &self.version,
            TouchKey::Slot => &self.slot,
            TouchKey::Campaign => &self.campaign,
            TouchKey::Initiative => &self.initiative,
            TouchKey::Team => &self.team,
            TouchKey::Stage => &self.stage,
            TouchKey::Level => &self.level,
            TouchKey::Decision => &self.decision,
            TouchKey::Propensity => &self.propensity,
            TouchKey::Candidates => &self.candidates,
            TouchKey::Attributes => &self.attributes,
            TouchKey::Cost => &self.cost,
            TouchKey::Engagement => &self.engagement,
        };
        if own.is_some() {
            return own.clone();
        }
        let mapping = self.mapping?;
        if key == TouchKey::Channel {
            let value = Scalar::Text(mapping.channel().to_owned());
            return Some(Field::Constant(Constant { value }));
        }
        let column = mapping.column(key.name())?;
        Some(Field::Column(column.to_owned()))
    }

    fn column<'a>(&'a self, own: &'a Option<String>, key: &str) -> Option<&'a str> {
        own.as_deref()
            .or_else(|| self.mapping.and_then(|mapping| mapping.column(key)))
    }
}
