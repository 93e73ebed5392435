//! The built-in systems in other lawful shapes.
//!
//! A dimension is something that the texts leave open, with its lawful values; the first is what the
//! built-in system does by itself. Variants combine them so that any two values of two dimensions
//! meet in at least one variant.

/// The table of a system: each thing that the texts leave open, where that stands, and its values, the built-in one's first.
macro_rules! dimensions {
    ($(
        $name:literal from $source:literal { $own:literal $(, $value:literal: $kind:ident ($choice:expr))+ $(,)? }
    )+) => {
        /// What the texts leave open for the system.
        pub(super) const DIMENSIONS: &[$crate::variants::Dimension<Choice>] = &[$(
            $crate::variants::Dimension {
                name: $name,
                source: $source,
                values: &[
                    $crate::variants::Value { name: $own, choice: None },
                    $( $crate::variants::Value { name: $value, choice: Some(Choice::$kind($choice)) } ),+
                ],
            }
        ),+];
    };
}

pub mod dm;
pub mod dm_client;
pub mod gwmo;
pub mod lwm2m;
pub mod lwm2m_client;
pub mod overseer;
mod pairs;
pub mod twinning;

pub use pairs::all_pairs;

/// Something that the texts leave open.
pub struct Dimension<C: 'static> {
    /// Its name.
    pub name: &'static str,
    /// What leaves it open: a section of the digest, or rulings of the ambiguity register.
    pub source: &'static str,
    /// Its lawful values, the built-in system's own first.
    pub values: &'static [Value<C>],
}

/// A lawful value.
pub struct Value<C> {
    /// Its name.
    pub name: &'static str,
    /// What makes a system have it; nothing where the built-in system has it.
    pub choice: Option<C>,
}

/// What a variant is made of, and what its profile has to say of it.
pub trait Shape: Clone + Default + Send + Sync + 'static {
    /// What makes a system have a value.
    type Choice: Sync + 'static;

    /// What the texts leave open for it.
    const DIMENSIONS: &'static [Dimension<Self::Choice>];

    /// Has a value from now on.
    fn choose(&mut self, choice: &Self::Choice);

    /// The rules that decide otherwise for a value; none where it is a shape of the system.
    fn rules_of(choice: &Self::Choice) -> &'static [&'static str];

    /// What its profile says of the interface's shapes.
    fn knobs(&self) -> serde_json::Value;

    /// The shape that has this value of each dimension; what is left out is the first.
    fn of(row: &[usize]) -> Self {
        let mut shape = Self::default();
        let chosen = Self::DIMENSIONS.iter().zip(row);
        let values = chosen.filter_map(|(dimension, number)| dimension.values.get(*number));
        for choice in values.filter_map(|value| value.choice.as_ref()) {
            shape.choose(choice);
        }
        shape
    }
}

/// A reading of the texts.
pub trait Reads: Copy + Sync + 'static {
    /// The rules that decide otherwise under it.
    fn rules(self) -> &'static [&'static str];
}

/// What makes a system have a value, where values are readings and shapes.
pub enum Choice<S: Readable> {
    /// A reading of the texts.
    Reads(S::Reading),
    /// Another shape.
    Shapes(fn(&mut S)),
}

/// A shape whose values are readings and shapes, and nothing else.
pub trait Readable: Clone + Default + Send + Sync + 'static {
    /// How it reads the texts.
    type Reading: Reads;

    /// What the texts leave open for it.
    const DIMENSIONS: &'static [Dimension<Choice<Self>>];

    /// Reads the texts so from now on.
    fn read(&mut self, reading: Self::Reading);

    /// What its profile says of the interface's shapes.
    fn knobs(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

impl<S: Readable> Shape for S {
    type Choice = Choice<S>;

    const DIMENSIONS: &'static [Dimension<Choice<S>>] = <S as Readable>::DIMENSIONS;

    fn choose(&mut self, choice: &Choice<S>) {
        match choice {
            Choice::Reads(reading) => self.read(*reading),
            Choice::Shapes(apply) => apply(self),
        }
    }

    fn rules_of(choice: &Choice<S>) -> &'static [&'static str] {
        match choice {
            Choice::Reads(reading) => reading.rules(),
            Choice::Shapes(_) => &[],
        }
    }

    fn knobs(&self) -> serde_json::Value {
        Readable::knobs(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Shape, dm, dm_client, gwmo, lwm2m, lwm2m_client, overseer, twinning};

    fn is_sound<S: Shape>(rules: &[&str]) {
        let dimensions: BTreeSet<_> = S::DIMENSIONS.iter().map(|d| d.name).collect();
        assert_eq!(dimensions.len(), S::DIMENSIONS.len());
        for dimension in S::DIMENSIONS {
            let values: BTreeSet<_> = dimension.values.iter().map(|v| v.name).collect();
            assert_eq!(values.len(), dimension.values.len(), "{}", dimension.name);
            let choices = dimension.values.iter().map(|value| value.choice.as_ref());
            for (number, choice) in choices.enumerate() {
                assert_eq!(number == 0, choice.is_none(), "{}", dimension.name);
                for rule in choice.into_iter().flat_map(S::rules_of) {
                    assert!(rules.contains(rule), "{rule}");
                }
            }
        }
    }

    #[test]
    fn names_differ_and_the_rules_that_decide_otherwise_are_there() {
        is_sound::<twinning::Shape>(twinproof_twinning::enabler::rules::NAMES);
        is_sound::<lwm2m::Shape>(twinproof_lwm2m::server::rules::NAMES);
        is_sound::<lwm2m_client::Shape>(twinproof_lwm2m::device::rules::NAMES);
        is_sound::<gwmo::Shape>(twinproof_gwmo::gateway::rules::decide::NAMES);
        is_sound::<overseer::Shape>(twinproof_gwmo::overseer::rules::decide::NAMES);
        is_sound::<dm::Shape>(twinproof_dm::server::rules::decide::NAMES);
        let (sessions, trees) = (
            twinproof_dm::client::rules::decide::NAMES,
            twinproof_dm::store::rules::decide::NAMES,
        );
        is_sound::<dm_client::Shape>(&[sessions, trees].concat());
    }
}
