//! The wire: documents, verbs, addresses and refusals.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Resource, Rules, Standard, View};
use twinproof_twinning::message::{Role, Twinning};

use super::damage::says;
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "any-version" "serves every version in the URL as if it were v1" breaks "HLF-CM-003"
    caught by {
        "twinning/common/unknown-version" "twinning/version-not-served",
        "twinning/common/unknown-version" "twinning/list-counts",
    }
    fn version_is_served(&self, _f: facts::VersionFacts<'_>) -> bool { true }

    "version-missing" "gives twinnings addresses without the version" breaks "HLF-CM-003"
    caught by { "twinning/common/version-in-addresses" "twinning/addresses-versioned" }
    fn shown(&self, mut t: Twinning, v: View) -> Twinning {
        if v == View::Listed { t.resource_url = t.resource_url.map(|u| u.replace("/v1/", "/")); }
        t
    }

    "garbage-is-a-request" "takes what it cannot read for a request for a code" breaks "HLF-CM-001"
    also breaks {
        "HLF-SD-001" because "a request without a role is taken for one of a secondary as well",
    }
    caught by {
        "twinning/common/unreadable-json-refused" "twinning/refused",
        "twinning/common/unreadable-json-refused" "twinning/list-counts",
        "twinning/common/unreadable-xml-refused" "twinning/refused",
        "twinning/common/unreadable-xml-refused" "twinning/list-counts",
    }
    fn document_is_accepted(&self, _f: facts::DocumentFacts<'_>) -> bool { true }
    fn role_asked(&self, f: facts::RoleFacts<'_>) -> Option<Role> { f.named.or(Some(Role::Secondary)) }

    "xml-differs" "leaves the name out of what it says in XML" breaks "HLF-CM-001"
    also breaks {
        "CR-N1", "HLF-PD-001", "HLF-SD-004", "HLF-TE-007"
        because "these read a name in XML or compare it with the one in JSON",
    }
    caught by {
        "twinning/change-request/both-formats-agree" "twinning/same-in-both-formats",
        "twinning/primary-device/activates-across-formats" "twinning/same-in-both-formats",
    }
    fn sent(&self, mut r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        let xml = r.headers.first("Content-Type").is_some_and(|t| t.contains("xml"));
        if xml && r.is_success() {
            let text = String::from_utf8_lossy(&r.body).replace("<name>", "<name>X");
            r.length = text.len() as u64;
            r.body = text.into_bytes();
        }
        r
    }

    "refusal-without-reason" "refuses without saying why" breaks "HLF-CM-001"
    caught by {
        "twinning/common/unreadable-json-refused" "twinning/refused",
        "twinning/common/unreadable-xml-refused" "twinning/refused",
    }
    fn sent(&self, mut r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        if r.status >= 400 { r.body.clear(); r.length = 0; }
        r
    }

    "no-allow" "does not say which verbs it allows" breaks "HLF-CM-001"
    caught by { "twinning/common/undefined-operations-refused" "twinning/verbs-named" }
    fn sent(&self, r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        let headers = r.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("allow")).collect();
        Response { headers, ..r }
    }

    "any-verb" "answers every verb as if it were a reading" breaks "HLF-CM-001"
    caught by { "twinning/common/undefined-operations-refused" "twinning/verbs-named" }
    fn verbs(&self, f: facts::VerbFacts) -> &'static [&'static str] {
        match f.resource {
            Resource::Twinnings | Resource::Twinning => &["GET", "PUT", "POST", "DELETE", "PATCH"],
            _ => Standard.verbs(f),
        }
    }

    "status-of-its-own" "answers a switch with a status that HTTP does not have" breaks "HLF-CM-001"
    also breaks {
        "CR-N1", "CR-N12", "CR-N7", "CR-N8", "HLF-CM-006", "HLF-IC-005", "HLF-IC-007",
        "HLF-PD-002", "HLF-PD-005", "HLF-PD-007", "HLF-SD-004", "HLF-SD-005", "HLF-SD-008",
        "HLF-TE-002", "HLF-TE-003", "HLF-TE-004"
        because "these switch on, or try to, as a part of what they show",
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by { "twinning/common/whole-life-by-plain-http" "twinning/plain-http" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.method == "PUT" && says(f, "On") { Response { status: 999, ..r } } else { r }
    }

    "deeds-in-addresses" "gives twinnings addresses that name deeds" breaks "HLF-CM-002"
    caught by { "twinning/common/addresses-name-things" "twinning/addresses-readable" }
    fn shown(&self, mut t: Twinning, v: View) -> Twinning {
        if v == View::Listed { t.resource_url = t.resource_url.map(|u| format!("{u}/get")); }
        t
    }

    "network-terms" "speaks of the network below in its lists" breaks "HLF-CM-004"
    caught by { "twinning/common/terms-of-users" "twinning/no-network-terms" }
    fn sent(&self, mut r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.resource == Some(Resource::Twinnings) && f.method == "GET" && r.is_success() {
            let text = String::from_utf8_lossy(&r.body).replacen("\"resourceURL\"", "\"imsi\":\"001010123456789\",\"resourceURL\"", 1);
            r.length = text.len() as u64;
            r.body = text.into_bytes();
        }
        r
    }
};
