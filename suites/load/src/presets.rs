//! Workloads that are shipped.

use crate::workload::{Unusable, Workload};

/// A workload that is shipped.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// How it is called.
    pub name: &'static str,
    /// Its text, as [`Workload::read`] takes it; the first line says what it is.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),+ $(,)?) => {
        [$( Preset { name: $name, text: include_str!(concat!("../presets/", $name, ".toml")) } ),+]
    };
}

/// All of them, in the order in which people want them.
pub const PRESETS: [Preset; 10] = presets![
    "steady",
    "reconnect-storm",
    "notification-storm",
    "readings",
    "mixed",
    "fan-out-storm",
    "twinning-pairs",
    "town",
    "meters",
    "soak",
];

impl Preset {
    /// What it is, in a sentence.
    pub fn says(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }

    /// It as a workload.
    ///
    /// # Errors
    ///
    /// As [`Workload::read`]; those that are shipped have none.
    pub fn read(&self) -> Result<Workload, Unusable> {
        Workload::read(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_can_be_used() {
        for preset in PRESETS {
            assert!(preset.says().ends_with('.'), "{}", preset.says());
            let workload = preset.read().unwrap();
            assert!(!workload.thresholds.is_empty(), "{}", preset.name);
        }
    }

    #[test]
    fn meters_have_550_events_per_device_and_day() {
        let meters = PRESETS.iter().find(|preset| preset.name == "meters");
        let workload = meters.unwrap().read().unwrap();
        for count in [10_000, 2_000_000] {
            let workload = workload.clone().with_devices(count);
            let each = workload.own_rate() * 86_400.0 / f64::from(count);
            // To the millisecond.
            assert!((each - 550.0).abs() < 0.01, "{each}");
        }
    }
}
