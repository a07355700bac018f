//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures what personalized customer experiences earn, what they cost, and how sure that is.
#[derive(Debug, Parser)]
#[command(name = "touchstone", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The project's folder, the one with touchstone.yaml
    #[arg(
        short = 'C',
        long,
        global = true,
        default_value = ".",
        value_name = "FOLDER"
    )]
    pub(crate) project: PathBuf,
    /// A table for people, or JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Threads of the SQL engine, instead of the project's setting
    #[arg(long, global = true, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// Memory of the SQL engine, such as 4GB, instead of the project's setting
    #[arg(long, global = true, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate a retailer, measure it, and show the estimates beside the truth
    Demo(Demo),
    /// Start a project: a folder with settings and an example to edit
    Init {
        /// The folder to make
        folder: PathBuf,
    },
    /// Check the project's files, all mistakes at once
    Check,
    /// Print the JSON Schema of what is written and of what is read
    Schema {
        #[arg(value_enum, default_value_t = Schema::Catalog)]
        of: Schema,
    },
    /// Bring the files of sources into the project's lake, each once
    Import {
        /// Sources to import; all sources with files, if none is named
        sources: Vec<String>,
        /// Keep damaged lines in this CSV file and import the others
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
    },
    /// List the lake's snapshots, which --at can go back to
    Snapshots,
    /// Show how large an experiment has to be, how long it takes and what running it costs
    Plan(Plan),
    /// Fix an experiment's definition before its data come in, so that it can be held to it
    Seal {
        /// The experiment
        experiment: String,
        /// Why a definition that was sealed before is changed
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Measure, from summaries of the data
    Measure {
        #[command(subcommand)]
        what: Measure,
    },
    /// Show what each initiative earned, cost and returned
    Roi(At),
    /// Write everything to one HTML file that works offline
    Report {
        /// The file to write
        #[arg(long, short, default_value = "report.html", value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        replay: Replay,
        #[command(flatten)]
        at: At,
    },
    /// Write the data, the catalog and the truth of a simulated retailer
    Simulate {
        /// The folder to write to
        folder: PathBuf,
        #[command(flatten)]
        company: Company,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Measure {
    /// What experiments say: the lift of every arm, for every metric and segment
    Audience {
        /// The experiment; all of them, if none is named
        name: Option<String>,
        /// Of a lifetime, also write what each customer is worth to this new file, .csv or .parquet
        #[arg(long, value_name = "FILE", requires = "name", conflicts_with_all = ["replay", "with"])]
        customers: Option<PathBuf>,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        at: At,
    },
    /// What each channel, piece of content and touch contributes
    Content {
        /// The attribution; all of them, if none is named
        name: Option<String>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Replay {
    /// Also analyse this many random halves of every experiment's reference arm, to see whether the analyses are valid
    #[arg(long, value_name = "SPLITS")]
    pub(crate) replay: Option<u32>,
    /// The same seed gives the same halves
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Trust {
    /// Instead of measuring, analyse this many random halves of the reference arm, to see whether the analysis is valid
    #[arg(long, value_name = "SPLITS", requires = "name")]
    pub(crate) replay: Option<u32>,
    /// Instead of measuring, see whether this other experiment on the same customers disturbs it
    #[arg(
        long,
        value_name = "EXPERIMENT",
        requires = "name",
        conflicts_with = "replay"
    )]
    pub(crate) with: Option<String>,
    /// The same seed gives the same halves
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Look through the rows of facts, however many customers there are
    #[arg(long)]
    pub(crate) deep: bool,
}

impl Trust {
    /// How much is looked at before effects are believed.
    pub(crate) fn depth(&self) -> measure::audience::Depth {
        if self.deep {
            measure::audience::Depth::Deep
        } else {
            measure::audience::Depth::Usual
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The experiment
    pub(crate) experiment: String,
    /// Mean of the primary metric per customer without the treatment, where there are no data yet
    #[arg(long, value_name = "NUMBER")]
    pub(crate) baseline_mean: Option<f64>,
    /// Its standard deviation between customers; of a share it follows from the mean
    #[arg(long, value_name = "NUMBER", requires = "baseline_mean")]
    pub(crate) baseline_sd: Option<f64>,
    /// Customers who come into the experiment a day, all arms together
    #[arg(long, value_name = "NUMBER")]
    pub(crate) customers_a_day: Option<f64>,
    /// The smallest effect that matters, 0.02 for two per cent, instead of the plan's
    #[arg(long, value_name = "NUMBER")]
    pub(crate) minimum_effect: Option<f64>,
    /// All customers for whom the winner is chosen: with a prior, shows the test that earns most
    #[arg(long, value_name = "NUMBER")]
    pub(crate) audience: Option<u64>,
    /// How many weeks to show
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) weeks: Option<u32>,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct At {
    /// Measure the lake as it was at this snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) at: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder to write to
    #[arg(default_value = "demo")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) company: Company,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Company {
    /// How many customers the retailer has
    #[arg(long, default_value_t = 50_000, value_name = "NUMBER")]
    pub(crate) customers: u64,
    /// The same seed gives the same retailer
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schema {
    /// The documents of a catalog
    Catalog,
    /// The project's settings, touchstone.yaml
    Project,
    /// What the commands print with --format json
    Findings,
}
