//! Bringing a system in sight that runs elsewhere.

use twinproof_evidence::record::{Halt, SceneStarted};
use twinproof_judge::profile::{Declared, DmBootstrapTester, DmTester, HookSpec};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_stage::{Bootstrapper, Front, Halted, PEER, ServerHooks, Stage};
use twinproof_upper::Hands;

use super::CLIENT;
use crate::suite::Entry;
use crate::target::{
    Part, bootstrap_elsewhere, elsewhere, gateway_elsewhere, hook_call, place_dm_server,
    place_gateway, place_servers, server_elsewhere,
};
use crate::world::Hold;

/// Brings a system that runs elsewhere in sight: with the devices that this scenario has of it, and
/// the peer operator's address where the scenario needs that.
pub(super) async fn visit(
    stage: &mut Stage,
    declared: &Declared,
    (hold, hands): (&Hold, &Hands),
    (entry, seed): (&Entry, Seed),
) -> Result<Declared, Halted> {
    let mut declared = declared.clone();
    let profile = &mut declared.profile;
    let part = Part::of(entry);
    if part.role == "dm-gateway" {
        place_gateway(stage, &mut declared).await?;
        if let Some(gateway) = &declared.profile.gwmo {
            stage.introduce(&gateway.push, SUT);
            let places = [&gateway.lines_at, &gateway.lwm2m_at];
            for place in places.into_iter().flatten() {
                if let Ok(place) = place.parse() {
                    stage.introduce_address(place, SUT);
                }
            }
        }
        if let Some(system) = gateway_elsewhere(&declared.profile) {
            stage.visit(system);
        }
        let section = declared.profile.gwmo.as_ref();
        if let Some(hook) = section.and_then(|section| section.reset.as_ref()) {
            let patience = declared.profile.pace.hook.duration();
            stage.pull("gwmo.reset", &hook_call(hook), patience).await?;
        }
        return Ok(declared);
    }
    if entry.enabler == "dm" || part.role == "dm-server" {
        return visit_dm(stage, declared, part).await;
    }
    if part.role == CLIENT {
        stage.introduce_strangers(SUT);
        place_servers(stage, &mut declared, part, seed).await?;
        let section = declared.profile.lwm2m.as_mut();
        if let Some(client) = section.and_then(|section| section.client.as_mut()) {
            let own = || format!("twinproof-{:08x}", seed.derive(SUT).rng().u32(..));
            client.endpoint.get_or_insert_with(own);
            if let Some(control) = hands.client(client, part.accounts()) {
                stage.control_by(control);
            }
        }
        return Ok(declared);
    }
    if entry.enabler == "lwm2m" {
        let found = match part.role {
            "lwm2m-bootstrap-server" => bootstrap_elsewhere(profile, part).await,
            _ => server_elsewhere(profile, part).await,
        };
        match found {
            Ok(Some((system, address))) => {
                stage.visit(system);
                stage.introduce_address(address, SUT);
            }
            Ok(None) => {}
            Err(why) => return Err(stage.halt(Halt::Inconclusive { why })),
        }
        let described = profile.lwm2m.as_ref().and_then(|l| l.upper_tester.as_ref());
        if let Some(tester) = described.and_then(|described| hands.of(described)) {
            stage.attend_by(tester).await?;
        }
        return Ok(declared);
    }
    if let Some(system) = elsewhere(profile) {
        stage.visit(system);
    }
    if let (Some(twinning), Some(lease)) = (&mut profile.twinning, &hold.lease) {
        twinning.subscribers = lease.devices();
    }
    let has_peer = profile.twinning.as_ref().is_some_and(|t| t.peer.is_some());
    if has_peer && profile.harness.peer_listen.is_some() && needs_peer(&entry.described) {
        profile.harness.peer_advertise = Some(stage.listen(PEER).await?);
    }
    Ok(declared)
}

/// Brings a DM system in sight that runs elsewhere.
async fn visit_dm(
    stage: &mut Stage,
    mut declared: Declared,
    part: Part<'_>,
) -> Result<Declared, Halted> {
    if part.role == "dm-client" {
        place_dm_server(stage, &mut declared).await?;
    }
    let section = declared.profile.dm.as_ref();
    let client = section.and_then(|section| section.client.as_ref());
    let bootstrap = section.and_then(|section| section.bootstrap.as_ref());
    if let Some(bootstrap) = bootstrap.filter(|_| part.role == "dm-bootstrap-server") {
        stage.introduce(&bootstrap.url, SUT);
        if let Some(DmBootstrapTester::Hook(hook)) = &bootstrap.upper_tester {
            let hooks = [&hook.renew, &hook.push].map(|hook| hook.as_ref().map(hook_call));
            stage.attend_dm_bootstrap_by(hooks, bootstrap.patience.duration());
        }
    } else if let Some(client) = client.filter(|_| part.role == "dm-client") {
        if let Some(push) = &client.push {
            stage.introduce(push, SUT);
        }
        for place in [&client.wsp, &client.sip].into_iter().flatten() {
            if let Ok(place) = place.parse() {
                stage.introduce_address(place, SUT);
            }
        }
        if let Some(own) = &client.bootstrap {
            let call = |hook: &Option<HookSpec>| hook.as_ref().map(hook_call);
            stage.bootstrap_dm_by(Bootstrapper {
                announce: call(&own.announce),
                call: call(&own.call),
                card: call(&own.card),
                fetch: call(&own.fetch),
                pin: call(&own.pin),
                reset: call(&own.reset),
                patience: client.patience.duration(),
            });
        }
        if let Some(hook) = &client.start {
            stage.control_dm_by(hook_call(hook), client.patience.duration());
        }
        if let Some(hook) = &client.report {
            stage.report_dm_by(hook_call(hook), client.patience.duration());
        }
        if let Some(user) = &client.user {
            stage.front_dm_by(Front {
                sees: hook_call(&user.sees),
                says: hook_call(&user.says),
                patience: client.patience.duration(),
            });
        }
    } else if let Some(server) = section.and_then(|section| section.server.as_ref()) {
        stage.introduce(&server.url, SUT);
        if let Some(place) = server.sip.as_ref().and_then(|place| place.parse().ok()) {
            stage.introduce_address(place, SUT);
        }
        if let Some(DmTester::Hook(hook)) = &server.upper_tester {
            stage.attend_dm_by(ServerHooks {
                plan: hook_call(&hook.plan),
                events: hook.events.as_ref().map(hook_call),
                sip: hook.sip.as_ref().map(hook_call),
                behind: hook.behind.as_ref().map(hook_call),
                patience: hook.patience.duration(),
            });
        }
    }
    Ok(declared)
}

/// Whether a scenario speaks of another operator.
fn needs_peer(scenario: &SceneStarted) -> bool {
    scenario.steps.iter().any(|step| {
        ["operator", "partner"]
            .iter()
            .any(|word| step.text.contains(word))
    })
}
