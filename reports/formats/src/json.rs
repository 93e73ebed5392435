//! `report.json`: the report itself.

use schemars::Schema;
use twinproof_evidence::report::Report;

/// The name of the report in its directory.
pub const FILE_NAME: &str = "report.json";

/// The report, indented. Keys stand in the order of the structure, so that two reports can be
/// compared line by line.
pub fn render(report: &Report) -> String {
    let mut text =
        serde_json::to_string_pretty(report).expect("a report has text keys and finite numbers");
    text.push('\n');
    text
}

/// The JSON Schema of the report.
pub fn schema() -> Schema {
    schemars::schema_for!(Report)
}
