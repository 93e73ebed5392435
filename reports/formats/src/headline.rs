use twinproof_evidence::report::Report;
use twinproof_evidence::{ExitCode, Verdict};

use crate::text;

/// The answer that every format begins with.
///
/// It never says more than the run showed: `conforms` stands there only when all requirements were
/// selected, judged and met.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Headline {
    /// What it is to be coloured like.
    pub tone: Verdict,
    /// The answer, without a full stop.
    pub answer: &'static str,
    /// The figures behind it, as one or more sentences.
    pub figures: String,
}

impl Headline {
    /// The headline of a report.
    pub fn of(report: &Report) -> Self {
        let (requirements, scenarios) = (&report.summary.requirements, &report.summary.scenarios);
        let accepted = text::accepted(report).count();
        let exit_code = report.exit_code();
        let (tone, answer) = match exit_code {
            ExitCode::Fails => (Verdict::Fail, "Does not conform"),
            ExitCode::OurFault => (Verdict::Error, "No verdict: Twinproof itself broke"),
            _ if !report.summary.contact => (
                Verdict::Inconclusive,
                "No verdict: the system never gave a successful answer",
            ),
            _ if report.summary.cut.is_some() => (
                Verdict::Inconclusive,
                "No verdict: the record of the run is not whole",
            ),
            ExitCode::Incomplete => (
                Verdict::Inconclusive,
                "No verdict: not everything could be found out",
            ),
            ExitCode::StaleBaseline if accepted == 0 => (
                Verdict::Warning,
                "Nothing fails, but the baseline lists what does not happen any more",
            ),
            ExitCode::StaleBaseline => (
                Verdict::Warning,
                "Accepted, but the baseline lists what does not happen any more",
            ),
            ExitCode::Conformant if accepted > 0 => (
                Verdict::Warning,
                "Accepted: nothing is wrong but what the baseline lists",
            ),
            ExitCode::Conformant if requirements.pass == 0 => (
                Verdict::Untested,
                "No verdict: no requirement was met by test",
            ),
            ExitCode::Conformant if report.summary.filtered || scenarios.untested > 0 => {
                (Verdict::Pass, "Nothing fails in the part that was judged")
            }
            ExitCode::Conformant
                if requirements.untested
                    + requirements.inspect
                    + report.summary.disclaimed.len()
                    > 0 =>
            {
                (Verdict::Pass, "Conforms as far as it was judged")
            }
            ExitCode::Conformant => (Verdict::Pass, "Conforms"),
            // Only a command ends with these; a report of such a run does not exist.
            ExitCode::Usage | ExitCode::NothingSelected => (Verdict::Untested, "No verdict"),
        };
        let mut figures = vec![format!(
            "{} of {} pass",
            requirements.pass,
            text::count(requirements.total, "requirement")
        )];
        let says = [
            (Verdict::Fail, "fail"),
            (Verdict::Error, "met an error of ours"),
            (Verdict::Inconclusive, "inconclusive"),
            (Verdict::Warning, "with a warning"),
            (Verdict::Inspect, "for a person to inspect"),
            (Verdict::Untested, "untested"),
            (Verdict::NotApplicable, "not applicable"),
        ];
        for (verdict, words) in says {
            // A scenario may fail without a requirement that shows it.
            match (requirements.of(verdict), scenarios.of(verdict)) {
                (0, 0) => {}
                (0, n) => figures.push(format!("{} {words}", text::count(n, "scenario"))),
                (n, _) => figures.push(format!("{n} {words}")),
            }
        }
        let mut figures = format!("{}.", figures.join(", "));
        let unrecorded = match scenarios.untested {
            0 => None,
            1 => Some("1 scenario is not on record".to_owned()),
            n => Some(format!("{n} scenarios are not on record")),
        };
        let left_out = report
            .summary
            .filtered
            .then(|| "Filters left scenarios out".to_owned());
        if let Some(why) = left_out.or(unrecorded) {
            figures.push_str(&format!(" {why}"));
            let partly = report
                .requirements
                .iter()
                .filter(|r| r.verdict == Verdict::Pass && r.is_partly_judged());
            match partly.count() {
                0 => figures.push('.'),
                1 => figures.push_str("; 1 of the passes rests on some of its scenarios."),
                n => figures.push_str(&format!(
                    "; {n} of the passes rest on some of their scenarios."
                )),
            }
        }
        match report.scenarios.iter().filter(|s| s.is_flaky()).count() {
            0 => {}
            1 => figures.push_str(" 1 scenario is flaky: its attempts came to different verdicts."),
            n => figures.push_str(&format!(
                " {n} scenarios are flaky: their attempts came to different verdicts."
            )),
        }
        if !report.summary.disclaimed.is_empty() {
            figures.push_str(&format!(
                " The profile does not claim what binds it: {}.",
                report.summary.disclaimed.join(", ")
            ));
        }
        if let Some(instead) = &report.summary.no_contact {
            figures.push_str(&format!(" {}", text::line(instead, 1_000)));
        }
        if let Some(cut) = &report.summary.cut {
            figures.push_str(&format!(" The record was cut: {}.", text::line(cut, 500)));
        }
        if accepted > 0 {
            let scenarios = text::count(accepted, "scenario");
            figures.push_str(&format!(" The baseline accepts {scenarios}."));
        }
        Self {
            tone,
            answer,
            figures,
        }
    }
}
