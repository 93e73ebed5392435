//! What gateways report: the types of their generic alerts, as they are registered.

use twinproof_dm::syncml::alert::bare_type;
use twinproof_dm::syncml::{Alert, AlertCode, Data, Item, Location, Meta};

/// What all types start with.
pub const ROOT: &str = "urn:oma:at:oma-gwmo";

/// What a gateway reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// A device was found.
    Attached,
    /// A device has left.
    Detached,
    /// The results of a fan-out.
    Results,
    /// A fan-out has ended.
    Completed,
    /// An image is in the store.
    ImageReady,
}

/// Every report and its registered name.
pub const TABLE: [(Report, &str); 5] = [
    (Report::Attached, "deviceattached"),
    (Report::Detached, "devicedetached"),
    (Report::Results, "resultaggregation"),
    (Report::Completed, "completionstatus"),
    (Report::ImageReady, "imageready"),
];

impl Report {
    /// Its registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = TABLE.iter().find(|(report, _)| *report == self);
        found.map_or("", |(_, name)| name)
    }

    /// The type of version 1.0.
    #[must_use]
    pub fn text(self) -> String {
        format!("{ROOT}:{}:1.0", self.name())
    }

    /// The report that a type means, in whichever version, and whatever kind of name is said to be in front.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let bare = bare_type(text).to_ascii_lowercase();
        let rest = bare
            .strip_prefix(ROOT)
            .map_or(&*bare, |rest| rest.trim_start_matches(':'));
        let name = rest.split(':').next().unwrap_or_default();
        let found = TABLE.iter().find(|(_, known)| *known == name);
        found.map(|(report, _)| *report)
    }

    /// The alert: about a node, with a value, and with what the `Exec` said that it is about.
    #[must_use]
    pub fn alert(self, source: &str, value: &str, correlator: Option<&str>) -> Alert {
        let mut alert = Alert::new("", AlertCode::GENERIC);
        alert.correlator = correlator.map(str::to_owned);
        alert.items.push(Item {
            source: Some(Location::new(source)),
            meta: Some(Meta {
                media_type: Some(self.text()),
                ..Meta::default()
            }),
            data: Some(Data::Text(value.to_owned())),
            ..Item::default()
        });
        alert
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, TABLE};

    #[test]
    fn a_type_is_known_in_every_form() {
        for (report, _) in TABLE {
            assert_eq!(Report::of(&report.text()), Some(report));
        }
        for text in [
            "Reversed-Domain-Name: urn:oma:at:oma-gwmo:deviceattached:1.1",
            "urn:oma:at:oma-gwmo:DeviceAttached:1.0",
            "deviceattached:1.0",
        ] {
            assert_eq!(Report::of(text), Some(Report::Attached), "{text}");
        }
        assert_eq!(Report::of("urn:oma:at:scomo:1.0"), None);
    }
}
