//! Rules of arms that get a programme of initiatives.

use super::{Documents, Report};
use crate::model::{Covers, Experiment, Role};
use crate::names::did_you_mean;

pub(super) fn check(experiment: &Experiment, all: &Documents<'_>, report: &mut Report<'_>) {
    let reference = experiment.reference();
    for (i, arm) in experiment.arms.iter().enumerate() {
        let Some(covers) = &arm.covers else { continue };
        let path = format!("arms/{i}/covers");
        if reference.is_none_or(|reference| reference.role != Role::Holdout) {
            let message = "what a programme brings shows against an arm that gets nothing of it";
            let help =
                "give the arm that others are compared with `role: holdout`, or remove `covers`";
            report.error("covers", &path, message, help);
        } else if arm.role == Role::Holdout {
            let message = "the holdout gets nothing, so it covers no initiative";
            report.error(
                "covers",
                &path,
                message,
                "move it to the arm that gets the programme",
            );
        }
        if arm.initiative.is_some() {
            let message = "an arm that covers initiatives shows none of its own, which would count its effect twice";
            let help = "remove `initiative`, and name it in `covers`";
            report.clash(
                "covers",
                &format!("arms/{i}/initiative"),
                &path,
                message,
                help,
            );
        }
        match covers {
            Covers::Tag(tagged) if !all.tags.contains(tagged.tag.as_str()) => {
                let message = format!("no initiative has the tag `{}`", tagged.tag);
                let help = match did_you_mean(&tagged.tag, all.tags.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "add it to the `tags` of the programme's initiatives".to_owned(),
                };
                report.error("covers", &format!("{path}/tag"), message, help);
            }
            Covers::Tag(_) => {}
            Covers::Initiatives(names) => report.unique(&path, names.iter().cloned()),
        }
    }
}
