//! Servers that show certificates over TLS, good ones and bad ones.

use std::net::Ipv4Addr;
use std::sync::Arc;

use twinproof_evidence::record::Halt;

use super::{Halted, Inner, Stage};
use crate::certificates::{Authority, Certificate, Shows};

/// Who signs what servers show.
#[derive(Default)]
pub(super) enum Certified {
    /// The authority of the network, if it has one.
    #[default]
    Elsewhere,
    /// One that a hosted system knows, and that is made when a server first shows something.
    Here(Option<Arc<Shows>>),
}

impl Stage {
    /// From now on hosted systems know an authority, which signs what servers show.
    pub fn certify(&mut self) {
        self.certified = Certified::Here(None);
    }

    /// From now on hosted systems know this authority, which signs what servers show elsewhere.
    pub fn certify_by(&mut self, shows: Shows) {
        let shows = Arc::new(shows);
        self.trust_in(&shows);
        self.certified = Certified::Here(Some(shows));
    }

    /// Makes a place where HTTP requests over TLS reach the actor that will be called `name`, who shows this there,
    /// or shows it from now on where it has such a place; returns its base URL, without a slash at its end. None if
    /// the system under test knows no authority of ours.
    ///
    /// # Errors
    ///
    /// No socket can be had, or no certificate be made.
    pub async fn listen_shown(
        &mut self,
        name: &str,
        certificate: Certificate,
    ) -> Result<Option<String>, Halted> {
        let shows = self.shows().map_err(|why| self.halt(Halt::Error { why }))?;
        let Some(shows) = shows else { return Ok(None) };
        let now = self.seconds();
        let authority = Arc::clone(&shows.authority);
        let opened = match &mut self.inner {
            Inner::Live(live) => match authority.server(certificate, &shows.host, now) {
                Ok(tls) => live.listen_shown(name, (&*shows, certificate, tls)).await,
                Err(why) => Err(why),
            },
            Inner::Simulated(simulated) => {
                let tls = |host: &str| authority.server(certificate, host, now);
                simulated.listen_shown(name, certificate, tls).await
            }
        };
        opened.map(Some).map_err(|why| {
            let why = format!("no socket with {certificate} for {name}: {why}");
            self.halt(Halt::Error { why })
        })
    }

    fn shows(&mut self) -> Result<Option<Arc<Shows>>, String> {
        let now = self.seconds();
        match (&mut self.certified, &mut self.inner) {
            (Certified::Elsewhere, Inner::Live(live)) => Ok(live.network().shows().cloned()),
            (Certified::Elsewhere, Inner::Simulated(_)) => Ok(None),
            (Certified::Here(Some(shows)), _) => Ok(Some(Arc::clone(shows))),
            (Certified::Here(None), _) => {
                let made = Arc::new(Shows {
                    authority: Arc::new(Authority::new(now)?),
                    host: Ipv4Addr::LOCALHOST.to_string(),
                    listen: Ipv4Addr::LOCALHOST.into(),
                    made: None,
                });
                self.trust_in(&made);
                self.certified = Certified::Here(Some(Arc::clone(&made)));
                Ok(Some(made))
            }
        }
    }

    /// Hosted systems trust who signs what is shown.
    fn trust_in(&mut self, shows: &Shows) {
        let authority = Arc::clone(&shows.authority);
        match &mut self.inner {
            Inner::Live(live) => live.trust_authority(authority),
            Inner::Simulated(simulated) => simulated.trust_authority(authority),
        }
    }
}
