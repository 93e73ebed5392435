//! What a scenario takes for granted of the system: its `@if:` tags, answered by the profile.
//!
//! `@if:HLF-SD-002` stands for a claim, `@if:twinning.max_secondaries` for a key of the profile, and
//! `@if:twinning.authorization.secondary_token=provisioned` for its value. A scenario whose conditions
//! the profile denies does not apply, and the report says why. `@since:1.1` is for LwM2M servers whose
//! profile claims that version or a newer one.

use serde_json::Value;
use twinproof_lwm2m::wire::Version;

use crate::catalogue::{Catalogue, Level};
use crate::profile::Profile;

/// In front of a condition.
const TAG: &str = "if:";

/// In front of the version of LwM2M that introduced what a scenario looks at.
const SINCE: &str = "since:";

/// What one tag takes for granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition<'a> {
    /// The system offers what this requirement speaks of.
    Claim(&'a str),
    /// The profile has this key; with a value, it says nothing else of it.
    Key(&'a str, Option<&'a str>),
    /// The profile claims this version of LwM2M, or a newer one.
    Since(&'a str),
}

/// What the tags of a scenario take for granted.
pub fn conditions(tags: &[String]) -> impl Iterator<Item = Condition<'_>> {
    tags.iter().filter_map(|tag| {
        if let Some(version) = tag.strip_prefix(SINCE) {
            return Some(Condition::Since(version));
        }
        let condition = tag.strip_prefix(TAG)?;
        Some(match condition.split_once('=') {
            Some((key, value)) => Condition::Key(key, Some(value)),
            None if condition.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Condition::Claim(condition)
            }
            None => Condition::Key(condition, None),
        })
    })
}

/// Why a scenario with these tags does not apply to the system of this profile, if so.
pub fn not_applicable(tags: &[String], profile: &Profile) -> Option<String> {
    conditions(tags).find_map(|condition| condition.denied_by(profile))
}

impl Condition<'_> {
    /// Whether there is such a requirement, such a key in a profile, or such a version.
    pub fn is_known(&self, catalogue: &Catalogue) -> bool {
        match self {
            Self::Claim(label) => catalogue.requirement(label).is_some(),
            Self::Key(key, _) => Profile::has_key(key),
            Self::Since(version) => version.parse::<Version>().is_ok(),
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
                    (Some(Value::Bool(said)), Some(wanted)) if said.to_string() != *wanted => Some(
                        format!("the profile declares {key} = {said}, and it is for {wanted}"),
                    ),
                    (Some(Value::String(said)), Some(wanted)) if said != wanted => Some(format!(
                        "the profile declares {key} = {said:?}, and it is for {wanted:?}"
                    )),
                    _ => None,
                }
            }
            Self::Since(version) => {
                let since = version.parse::<Version>().ok()?;
                let claimed = profile.lwm2m.as_ref()?.version.0;
                (since > claimed).then(|| newer(since, claimed))
            }
        }
    }
}

/// Why what came with a version does not apply to a system that claims an older one.
pub(crate) fn newer(since: Version, claimed: Version) -> String {
    format!("it came with version {since}, and the profile claims {claimed}")
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
    fn what_is_newer_than_the_claimed_version_does_not_apply() {
        let server = |version: &str| {
            let text = format!(
                "[sut]\nname = \"x\"\nrole = \"lwm2m-server\"\n[lwm2m]\n\
                 server = \"coap://127.0.0.1\"\nversion = \"{version}\"\n"
            );
            let profile = Declared::parse(&text).unwrap().profile;
            not_applicable(&["since:1.1".to_owned()], &profile)
        };
        let why = "it came with version 1.1, and the profile claims 1.0";
        assert_eq!(server("1.0").as_deref(), Some(why));
        assert_eq!(server("1.1"), None);
        assert_eq!(server("1.2"), None);
        // Another enabler has other versions.
        assert_eq!(denied("", "since:1.1"), None);
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
        let since = |version: &str| {
            let tags = [format!("since:{version}")];
            let mut conditions = conditions(&tags);
            conditions.next().is_some_and(|c| c.is_known(&catalogue))
        };
        assert!(since("1.1") && !since("one"));
        for tag in ["HLF-SD-999", "twinning.max_secondary", "twinning", "x.y=z"] {
            assert!(!known(tag), "{tag}");
        }
    }
}
