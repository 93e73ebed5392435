//! One rule broken at a time.

mod access;
mod bootstrap;
mod bootstrapped;
mod client;
mod codes;
mod damage;
mod dm;
mod fields;
mod gwmo;
mod lwm2m;
mod message;
mod news;
mod operators;
mod overseer;
mod secured;
mod states;
mod wire;

use std::sync::Arc;

use twinproof_dm::{
    bootstrap as dm_bootstrap, client as dm_client, server as dm_server, store as dm_store,
};
use twinproof_gwmo::{gateway, overseer as above};
use twinproof_lwm2m::{bootstrap as bootstrap_server, device, server};
use twinproof_twinning::enabler;

/// The broken Twinning enablers: the defects that the negative halves of the scenarios look for.
pub fn twinning() -> impl Iterator<Item = &'static Mutant> {
    let groups = [
        codes::ALL,
        states::ALL,
        fields::ALL,
        access::ALL,
        wire::ALL,
        news::ALL,
        operators::ALL,
    ];
    groups.into_iter().flatten()
}

/// The broken LwM2M servers.
pub fn lwm2m() -> impl Iterator<Item = &'static Mutant<dyn server::rules::Rules>> {
    [lwm2m::ALL, message::ALL, secured::ALL]
        .into_iter()
        .flatten()
}

/// The broken LwM2M clients.
pub fn lwm2m_client() -> impl Iterator<Item = &'static Mutant<dyn device::rules::Rules>> {
    [client::ALL, bootstrapped::ALL].into_iter().flatten()
}

/// The broken LwM2M bootstrap servers.
pub fn lwm2m_bootstrap() -> impl Iterator<Item = &'static Mutant<dyn bootstrap_server::rules::Rules>>
{
    bootstrap::ALL.iter()
}

/// The broken DM clients, in what they say and whom they believe.
pub fn dm_client() -> impl Iterator<Item = &'static Mutant<dyn dm_client::rules::decide::Rules>> {
    let groups = [dm::client::ALL, dm::bootstrapped::ALL, dm::notified::ALL];
    groups.into_iter().flatten()
}

/// The broken DM clients, in what they do with their trees.
pub fn dm_tree() -> impl Iterator<Item = &'static Mutant<dyn dm_store::rules::decide::Rules>> {
    dm::tree::ALL.iter()
}

/// The broken DM servers.
pub fn dm_server() -> impl Iterator<Item = &'static Mutant<dyn dm_server::rules::decide::Rules>> {
    dm::server::ALL.iter()
}

/// The broken DM bootstrap servers.
pub fn dm_bootstrap()
-> impl Iterator<Item = &'static Mutant<dyn dm_bootstrap::rules::decide::Rules>> {
    dm::bootstrap::ALL.iter()
}

/// The broken gateways.
pub fn gateway() -> impl Iterator<Item = &'static Mutant<dyn gateway::rules::decide::Rules>> {
    gwmo::ALL.iter()
}

/// The broken DM servers, in what they do with gateways.
pub fn overseer() -> impl Iterator<Item = &'static Mutant<dyn above::rules::decide::Rules>> {
    overseer::ALL.iter()
}

/// A deliberately broken system, whose decisions are an `R`.
pub struct Mutant<R: ?Sized + 'static = dyn enabler::rules::Rules> {
    /// Its name, as `--mutant` takes it.
    pub name: &'static str,
    /// What it does wrong, in one sentence.
    pub does: &'static str,
    /// The requirement that it breaks.
    pub breaks: &'static str,
    /// Further requirements that it cannot but break, each group with the reason.
    pub also: &'static [(&'static [&'static str], &'static str)],
    /// The rules that it overrides.
    pub rules_broken: &'static [&'static str],
    /// The checks that must fail: scenario and check.
    pub caught_by: &'static [(&'static str, &'static str)],
    /// Its rules.
    pub rules: fn() -> Arc<R>,
}

/// Declares mutants: a name, what each does, what it breaks (and also breaks, with the reason), what
/// catches it, and the rules that it overrides.
macro_rules! mutants {
    ($(
        $name:literal $does:literal breaks $breaks:literal
        $( also breaks { $( $( $also:literal ),+ because $because:literal ),+ $(,)? } )?
        caught by { $( $scenario:literal $check:literal ),+ $(,)? }
        $( fn $rule:ident(&self, $($arg:ident)+ : $ty:ty $(, $arg2:ident: $ty2:ty)*) -> $ret:ty $body:block )+
    )+) => {
        &[$(
            $crate::mutants::Mutant {
                name: $name,
                does: $does,
                breaks: $breaks,
                also: &[$( $( (&[$( $also ),+], $because) ),+ )?],
                rules_broken: &[$(stringify!($rule)),+],
                caught_by: &[$( ($scenario, $check) ),+],
                rules: || {
                    struct Broken;
                    impl Rules for Broken {
                        $( fn $rule(&self, $($arg)+ : $ty $(, $arg2: $ty2)*) -> $ret $body )+
                    }
                    std::sync::Arc::new(Broken)
                },
            }
        ),+]
    };
}

pub(crate) use mutants;
