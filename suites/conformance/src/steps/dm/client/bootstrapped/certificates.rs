//! A client that is led to servers whose certificates it cannot verify.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::bootstrap::library::Library;
use twinproof_judge::checks::dm::bootstrapped::Check as Bootstrapped;
use twinproof_stage::{Certificate, Deed, Halted};

use super::{Guard, Who};
use crate::target::BOOTSTRAP_SERVER;
use crate::world::{Scene, World};

/// Who hands out a bootstrap behind a bad certificate.
const IMPOSTOR: &str = "bootstrap server that is none";

/// A bad certificate, and who shows it.
pub(super) struct Doubt {
    certificate: Certificate,
    by: &'static str,
}

impl Scene {
    /// A place where a certificate is shown.
    async fn shown(&mut self, name: &str, certificate: Certificate) -> Result<String, Halted> {
        match self.stage.listen_shown(name, certificate).await? {
            Some(base) => Ok(base),
            None => {
                let why = "the client trusts no authority of the tester's: the profile has no \
                           dm.client.https.authority";
                Err(self.inconclusive(why))
            }
        }
    }

    /// Two servers that the client has no account of: one shows this, the other a good certificate.
    async fn doubtful(&mut self, certificate: Certificate) -> Result<(), Halted> {
        for (who, certificate) in [(Who::New, certificate), (Who::Other, Certificate::Good)] {
            let base = self.shown(who.name(), certificate).await?;
            self.newcomer_at(who, &base).await?;
        }
        let by = Who::New.name();
        self.dm.newcomers.doubt = Some(Doubt { certificate, by });
        Ok(())
    }

    /// Lets the client fetch the account of a server, which nothing protects but the certificate.
    async fn fetches_behind(
        &mut self,
        who: Who,
        name: &'static str,
        certificate: Certificate,
    ) -> Result<(), Halted> {
        let base = self.shown(name, certificate).await?;
        let library = self.stage.enter(name, Library::default(), Arc::new(()));
        self.dm.newcomers.library = Some((base, library));
        let kind = self.kind()?;
        let made = self.made(who, kind, &[])?;
        let content_type = made.media_type().to_owned();
        let url = self.puts(200, Some((made, content_type))).await?;
        self.stage.bootstrap_dm(Deed::Fetch(url)).await
    }

    async fn fetches_doubtful(&mut self, certificate: Certificate) -> Result<(), Halted> {
        self.fetches_behind(Who::New, IMPOSTOR, certificate).await?;
        let by = IMPOSTOR;
        self.dm.newcomers.doubt = Some(Doubt { certificate, by });
        self.settles().await;
        self.lures(Who::New).await?;
        let good = Certificate::Good;
        self.fetches_behind(Who::Other, BOOTSTRAP_SERVER, good)
            .await?;
        self.is_fetched().await?;
        self.comes(Who::Other).await?;
        Ok(())
    }
}

#[given(
    "a new server with a certificate of an unknown authority, and another one with a good certificate"
)]
async fn unknown_authority(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::OfOtherAuthority;
    world.scene().doubtful(bad).await
}

#[given(
    "a new server with a certificate that it signed itself, and another one with a good certificate"
)]
async fn self_signed(world: &mut World) -> Result<(), Halted> {
    world.scene().doubtful(Certificate::SelfSigned).await
}

#[given(
    "a new server with a certificate for another host, and another one with a good certificate"
)]
async fn other_name(world: &mut World) -> Result<(), Halted> {
    world.scene().doubtful(Certificate::OfOtherName).await
}

#[given(
    "a new server with a certificate that has expired, and another one with a good certificate"
)]
async fn expired(world: &mut World) -> Result<(), Halted> {
    world.scene().doubtful(Certificate::Expired).await
}

#[given(
    "a new server with a certificate that is not valid yet, and another one with a good certificate"
)]
async fn not_yet_valid(world: &mut World) -> Result<(), Halted> {
    world.scene().doubtful(Certificate::NotYetValid).await
}

#[when("an account of the one is given to the client, and then one of the other")]
async fn given_both(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    for form in scene.forms(&Guard::NetworkId, kind)? {
        let key = scene.key_of(&Guard::NetworkId, kind, form)?;
        let content_type = made.protected(Guard::NetworkId.method(), &key);
        scene.carry(&content_type, made.octets.clone()).await?;
    }
    scene.then_the_other().await
}

#[when(
    "the client fetches an account of the one behind a certificate of an unknown authority, and then one of the other behind a good one"
)]
async fn fetches_unknown_authority(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::OfOtherAuthority;
    world.scene().fetches_doubtful(bad).await
}

#[when(
    "the client fetches an account of the one behind a certificate for another host, and then one of the other behind a good one"
)]
async fn fetches_other_name(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::OfOtherName;
    world.scene().fetches_doubtful(bad).await
}

#[when(
    "the client fetches an account of the one behind a certificate that has expired, and then one of the other behind a good one"
)]
async fn fetches_expired(world: &mut World) -> Result<(), Halted> {
    let bad = Certificate::Expired;
    world.scene().fetches_doubtful(bad).await
}

#[then("the client says nothing to the one, and comes to the other")]
fn says_nothing(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.said_to(Who::New)?;
    let other = scene.said_to(Who::Other)?;
    let Some(Doubt { certificate, by }) = &scene.dm.newcomers.doubt else {
        return Err(scene.inconclusive("nobody has shown a bad certificate"));
    };
    let check = Bootstrapped::Distrusted {
        session,
        by: (*by).to_owned(),
        shown: certificate.to_string(),
        other,
    };
    scene.check_dm_bootstrapped(check);
    Ok(())
}
