//! Workloads that are shipped.

use crate::workload::{Operation, Unusable, Workload};

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
pub const PRESETS: [Preset; 9] = presets![
    "steady",
    "reconnect-storm",
    "notification-storm",
    "readings",
    "mixed",
    "fan-out-storm",
    "twinning-pairs",
    "meters",
    "soak",
];

impl Preset {
    /// What it is, in a sentence.
    pub fn says(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }

    /// The operations that it has and devices do not.
    pub fn missing(&self) -> Vec<String> {
        let table: toml::Table = self.text.parse().unwrap_or_default();
        let mix = table.get("mix").and_then(toml::Value::as_table);
        let names = mix.into_iter().flat_map(|mix| mix.keys());
        let known = |name: &&String| Operation::ALL.iter().any(|one| one.name() == *name);
        names.filter(|name| !known(name)).cloned().collect()
    }

    /// It as a workload.
    ///
    /// # Errors
    ///
    /// When devices do not do what it has; says what is missing.
    pub fn read(&self) -> Result<Workload, Unusable> {
        let missing = self.missing();
        match missing.is_empty() {
            true => Workload::read(self.text),
            false => Err(Unusable::new(format!(
                "{} needs devices that {}, which those of this version do not",
                self.name,
                missing.join(" and ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_can_be_used_or_says_what_is_missing() {
        for preset in PRESETS {
            assert!(preset.says().ends_with('.'), "{}", preset.says());
            match (preset.missing().as_slice(), preset.read()) {
                ([], Ok(workload)) => assert!(!workload.thresholds.is_empty()),
                ([missing, ..], Err(why)) => assert!(why.to_string().contains(missing), "{why}"),
                (missing, read) => panic!("{missing:?} and {read:?}"),
            }
        }
    }

    #[test]
    fn meters_have_550_events_per_device_and_day() {
        let meters = PRESETS.iter().find(|preset| preset.name == "meters");
        let workload = meters.unwrap().read().unwrap();
        for count in [10_000, 2_000_000] {
            let workload = workload.clone().with_devices(count);
            let each = workload.stages[0].rate * 86_400.0 / f64::from(count);
            assert!((each - 550.0).abs() < 1e-6, "{each}");
        }
        assert_eq!(workload.mix.values().sum::<u32>(), 550);
    }
}
