//! How devices were answered.

use cucumber::then;
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_stage::Halted;

use crate::world::World;

#[then("the server confirms the registration and says where it is")]
async fn confirms_registration(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Answer::Registered { act })
}

#[then("where the server stands is on record, for a person who knows the network")]
async fn stands_on_record(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let server = scene.lwm2m_profile()?.server.unwrap_or_default();
    scene.check_last(|act| Answer::Placed { act, server })
}

#[then("the server takes it that the life time is a day")]
async fn takes_a_day(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Answer::DefaultTaken { act })
}

#[then("the server confirms the update")]
async fn confirms_update(w: &mut World) -> Result<(), Halted> {
    let code = "2.04".to_owned();
    w.scene().check_last(|act| Answer::Confirmed { act, code })
}

#[then("the server confirms that the device has left")]
async fn confirms_leaving(w: &mut World) -> Result<(), Halted> {
    let code = "2.02".to_owned();
    w.scene().check_last(|act| Answer::Confirmed { act, code })
}

#[then("the server does not know that registration")]
async fn does_not_know(w: &mut World) -> Result<(), Halted> {
    let code = "4.04".to_owned();
    w.scene()
        .check_last(|act| Answer::RefusedWith { act, code })
}

#[then("the server refuses the registration as a bad request")]
async fn refuses_bad_request(w: &mut World) -> Result<(), Halted> {
    let code = "4.00".to_owned();
    w.scene()
        .check_last(|act| Answer::RefusedWith { act, code })
}

#[then("the server refuses the registration because of its version")]
async fn refuses_version(w: &mut World) -> Result<(), Halted> {
    let code = "4.12".to_owned();
    w.scene()
        .check_last(|act| Answer::RefusedWith { act, code })
}

#[then("the server refuses the request")]
async fn refuses(w: &mut World) -> Result<(), Halted> {
    w.scene().check_last(|act| Answer::Refused { act })
}
