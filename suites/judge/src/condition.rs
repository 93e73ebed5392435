//! What a scenario takes for granted of the system: its `@if:` tags, answered by the profile.
//!
//! `@if:HLF-SD-002` stands for a claim, `@if:twinning.max_secondaries` for a key of the profile, and
//! `@if:twinning.authorization.secondary_token=provisioned` for its value. A scenario whose conditions
//! the profile denies does not apply, and the report says why.

use serde_json::Value;

use crate::catalogue::{Catalogue, Level};
use crate::profile::Profile;

/// In front of a condition.
const TAG: &str = "if:";

/// What one tag takes for granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition<'a> {
    /// The system offers what this requirement speaks of.
    Claim(&'a str),
    /// The profile has this key; with a value, it says nothing else of it.
    Key(&'a str, Option<&'a str>),
}

/// What the tags of a scenario take for granted.
pub fn conditions(tags: &[String]) -> impl Iterator<Item = Condition<'_>> {
    tags.iter()
        .filter_map(|tag| tag.strip_prefix(TAG))
        .map(|condition| match condition.split_once('=') {
            Some((key, value)) => Condition::Key(key, Some(value)),
            None if condition.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Condition::Claim(condition)
            }
            None => Condition::Key(condition, None),
        })
}

/// Why a scenario with these tags does not apply to the system of this profile, if so.
pub fn not_applicable(tags: &[String], profile: &Profile) -> Option<String> {
    conditions(tags).find_map(|condition| condition.denied_by(profile))
}

impl Condition<'_> {
    /// Whether there is such a requirement, or such a key in a profile.
    pub fn is_known(&self, catalogue: &Catalogue) -> bool {
        match self {
            Self::Claim(label) => catalogue.requirement(label).is_some(),
            Self::Key(key, _) => Profile::has_key(key),
        }
    }

    /// Whether it is an option of the text that the profile leaves open: what is judged under it can
    /// fail nobody.
    pub(crate) fn is_open(&self, catalogue: &Catalogue, profile: &Profile) -> bool {
        let Self::Claim(label) = self else {
            return false;
        };
        let option = catalogue.requirement(label);
        let option = option.is_some_and(|r| matches!(r.level, Level::May | Level::Should));
        option && profile.claim(label).is_none()
    }

    fn denied_by(&self, profile: &Profile) -> Option<String> {
        match self {
            Self::Claim(label) => (profile.claim(label) == Some(false))
                .then(|| format!("the profile does not claim {label}, which it takes for granted")),
            Self::Key(key, wanted) => {
                let profile = serde_json::to_value(profile).unwrap_or_default();
                let said = profile.pointer(&format!("/{}", key.replace('.', "/")));
                match (said, wanted) {
                    (None | Some(Value::Null | Value::Bool(false)), None) => {
                        Some(format!("the profile declares no {key}"))
                    }
                    (Some(Value::String(said)), Some(wanted)) if said != wanted => Some(format!(
                        "the profile declares {key} = {said:?}, and it is for {wanted:?}"
                    )),
                    _ => None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, conditions, not_applicable};
    use crate::FEATURES;
    use crate::catalogue::Catalogue;
    use crate::profile::Declared;

    const PROFILE: &str = "[sut]\nname = \"x\"\nrole = \"twinning-enabler\"\n\
         [twinning]\nbase_url = \"http://127.0.0.1:1\"\n";

    fn denied(more: &str, tag: &str) -> Option<String> {
        let declared = Declared::parse(&format!("{PROFILE}{more}")).unwrap();
        not_applicable(&[tag.to_owned()], &declared.profile)
    }

    #[test]
    fn a_condition_is_denied_by_the_profile_alone() {
        let claim = "if:HLF-SD-002";
        assert_eq!(denied("", claim), None);
        assert_eq!(
            denied("[twinning.claims]\n\"HLF-SD-002\" = true\n", claim),
            None
        );
        let why = denied("[twinning.claims]\n\"HLF-SD-002\" = false\n", claim).unwrap();
        assert!(why.contains("HLF-SD-002"), "{why}");
        let limit = "if:twinning.max_secondaries";
        assert!(
            denied("", limit)
                .unwrap()
                .contains("declares no twinning.max_secondaries")
        );
        assert_eq!(denied("max_secondaries = 3\n", limit), None);
        let token = "if:twinning.authorization.secondary_token=client_credentials";
        // What the profile does not speak of is missed by the step that needs it.
        assert_eq!(denied("", token), None);
        let authorization = "[twinning.authorization]\ntoken_url = \"http://127.0.0.1:1/t\"\n";
        assert_eq!(denied(authorization, token), None);
        let provisioned = format!("{authorization}secondary_token = \"provisioned\"\n");
        assert!(denied(&provisioned, token).is_some());
        assert_eq!(denied("", "advice"), None);
    }

    #[test]
    fn what_stands_in_no_catalogue_and_no_profile_is_not_known() {
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let known = |tag: &str| {
            let tags = [format!("if:{tag}")];
            let all: Vec<Condition<'_>> = conditions(&tags).collect();
            all.len() == 1 && all[0].is_known(&catalogue)
        };
        for tag in [
            "HLF-SD-002",
            "twinning.max_secondaries",
            "twinning.notification_channel",
            "twinning.authorization.secondary_token=provisioned",
        ] {
            assert!(known(tag), "{tag}");
        }
        for tag in ["HLF-SD-999", "twinning.max_secondary", "twinning", "x.y=z"] {
            assert!(!known(tag), "{tag}");
        }
    }
}
