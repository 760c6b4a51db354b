//! `Ready`, `Reconciling` and `Stalled`: the summary of the parts, as kstatus reads it.

use super::Verdict;
use crate::crd::ConditionType;

pub(super) fn summary(
    parts: &[(ConditionType, Verdict)],
    failure: Option<&str>,
) -> [(ConditionType, Verdict); 3] {
    let missing: Vec<_> = parts
        .iter()
        .filter(|(_, verdict)| !verdict.holds())
        .collect();
    let stalled = missing.iter().find(|(_, verdict)| verdict.stalled);
    let ready = match (failure, missing.first()) {
        (_, Some((_, verdict))) => Verdict::no(
            verdict.reason,
            missing
                .iter()
                .map(|(type_, verdict)| format!("{}: {}", type_.as_str(), verdict.message))
                .collect::<Vec<_>>()
                .join("; "),
        ),
        (Some(failure), None) => Verdict::no("ApplyFailed", failure),
        (None, None) => Verdict::yes("AllReady", "Everything runs and serves"),
    };
    let reconciling = match (failure, missing.first()) {
        (Some(failure), _) => Verdict::yes("ApplyFailed", failure),
        (None, Some((_, verdict))) if stalled.is_none() => {
            Verdict::yes(verdict.reason, verdict.message.clone())
        }
        _ => Verdict::no("UpToDate", "Everything is as the spec says"),
    };
    let stalled = match stalled {
        Some((_, verdict)) => Verdict::yes(verdict.reason, verdict.message.clone()),
        None => Verdict::no("Progressing", "Nothing stands in the way"),
    };
    [
        (ConditionType::Ready, ready),
        (ConditionType::Reconciling, reconciling),
        (ConditionType::Stalled, stalled),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(parts: &[Verdict], failure: Option<&str>) -> [(bool, &'static str); 3] {
        let parts: Vec<_> = parts
            .iter()
            .map(|verdict| (ConditionType::GatewayReady, verdict.clone()))
            .collect();
        summary(&parts, failure).map(|(_, verdict)| (verdict.holds(), verdict.reason))
    }

    #[test]
    fn every_row_of_the_truth_table_has_its_reason() {
        let good = Verdict::yes("Available", "");
        let slow = Verdict::no("NotEnoughReady", "");
        let broken = Verdict::stalled("MigrationFailed", "");
        let fine = (false, "Progressing");
        assert_eq!(
            outcome(std::slice::from_ref(&good), None),
            [(true, "AllReady"), (false, "UpToDate"), fine]
        );
        assert_eq!(
            outcome(&[good.clone(), slow.clone()], None),
            [(false, "NotEnoughReady"), (true, "NotEnoughReady"), fine]
        );
        assert_eq!(
            outcome(std::slice::from_ref(&good), Some("refused")),
            [(false, "ApplyFailed"), (true, "ApplyFailed"), fine]
        );
        assert_eq!(
            outcome(&[broken, slow], None),
            [
                (false, "MigrationFailed"),
                (false, "UpToDate"),
                (true, "MigrationFailed")
            ]
        );
    }
}
