//! Orders as requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinproof_kernel::http::Request;

use super::{Access, Credential, Device, Grant, Order, Purpose};
use crate::knobs::{PrimaryOperator, ToggleStyle};
use crate::message::{ActivationCode, Role, Twinning, api, repeats};
use crate::tree::Tree;
use crate::url::encode_segment;

impl Device {
    /// The request that carries an order out, or what the device lacks for it.
    pub(super) fn request(
        &self,
        access: &Access,
        order: &Order,
    ) -> Result<(Purpose, Request), String> {
        let own = || self.collection(access, &self.provision.address);
        Ok(match order {
            Order::Activate { code, mno_id, name } => {
                let twinning = Twinning {
                    role: Some(Role::Primary.literal(&access.knobs).to_owned()),
                    name: name.clone(),
                    activation_code: (code.is_some() || mno_id.is_some()).then(|| ActivationCode {
                        code: code.clone(),
                        mno_id: mno_id.clone(),
                    }),
                    ..Twinning::default()
                };
                (Purpose::Create, self.post(access, own(), &twinning)?)
            }
            Order::Deactivate { url } => {
                let request = Request::new("DELETE", self.twinning_url(url.as_deref())?);
                (Purpose::Other, self.signed(request, &Credential::Best)?)
            }
            Order::List => (Purpose::Other, self.get(own(), &Credential::Provisioned)?),
            Order::ListOf { user } => {
                let url = self.collection(access, user);
                (Purpose::Other, self.get(url, &Credential::Provisioned)?)
            }
            Order::Notify(order) => {
                let (purpose, request) = self.notify_request(access, order)?;
                (Purpose::Notify(purpose), request)
            }
            Order::ObtainToken(grant) => self.token_request(access, grant)?,
            Order::Read => {
                let url = self.twinning_url(None)?;
                (Purpose::Other, self.get(url, &Credential::Best)?)
            }
            Order::ReadOf { url } => (
                Purpose::Other,
                self.get(url.clone(), &Credential::Provisioned)?,
            ),
            Order::RequestCode { primary_operator } => {
                let mut twinning = Twinning {
                    role: Some(Role::Secondary.literal(&access.knobs).to_owned()),
                    ..Twinning::default()
                };
                if let Some(operator) = primary_operator {
                    match access.knobs.primary_operator {
                        PrimaryOperator::ActivationCode => {
                            twinning.activation_code = Some(ActivationCode {
                                code: None,
                                mno_id: Some(operator.clone()),
                            });
                        }
                        PrimaryOperator::OwnElement => {
                            twinning.primary_operator = Some(operator.clone());
                        }
                    }
                }
                (Purpose::Create, self.post(access, own(), &twinning)?)
            }
            Order::RevokeToken => {
                let url = access.revoke_url.as_deref().ok_or(
                    "no revocation endpoint is known (profile: twinning.authorization.revoke_url)",
                )?;
                let token = self
                    .twinning_token
                    .as_ref()
                    .ok_or("the device has no token for its twinning")?;
                (Purpose::Other, self.form(url, &[("token", token)])?)
            }
            Order::Send(raw) => {
                let user = encode_segment(&self.provision.address);
                let twinnings = own();
                let request = raw.fill(&[
                    ("base", &access.base_url),
                    ("user", &user),
                    ("address", &self.provision.address),
                    ("twinnings", &twinnings),
                    ("resource", self.resource.as_deref().unwrap_or_default()),
                ]);
                let purpose = if raw.method == "POST" && request.url == twinnings {
                    Purpose::Create
                } else {
                    Purpose::Other
                };
                (purpose, self.signed(request, &raw.credential)?)
            }
            Order::Toggle { url, status } => {
                let url = self.twinning_url(url.as_deref())?;
                (Purpose::Other, self.toggle(access, url, status)?)
            }
        })
    }

    fn toggle(&self, access: &Access, url: String, status: &str) -> Result<Request, String> {
        let knobs = &access.knobs;
        let known = self.known.get(&url).cloned().unwrap_or_default();
        let whole = Twinning {
            role: known.role,
            name: known.name,
            status: Some(status.to_owned()),
            resource_url: Some(url.clone()),
            ..Twinning::default()
        };
        let (method, url, document) = match knobs.toggle_style {
            ToggleStyle::PutFull => ("PUT", url, whole.document(knobs)),
            ToggleStyle::PutLight => (
                "PUT",
                format!("{url}{}", knobs.paths.status_part),
                api(&knobs.names.twinning_status, Tree::Leaf(status.to_owned())),
            ),
            ToggleStyle::Post => ("POST", url, whole.document(knobs)),
        };
        let body = document.write(self.format, knobs.json, &repeats(&knobs.names));
        let request = Request::new(method, url)
            .with("Accept", self.format.media_type())
            .with_body(self.format.media_type(), body);
        self.signed(request, &Credential::Best)
    }

    fn collection(&self, access: &Access, user: &str) -> String {
        let paths = &access.knobs.paths;
        let user = encode_segment(user);
        format!(
            "{}/{}/{}/{user}{}",
            access.base_url, paths.api, paths.version, paths.twinnings
        )
    }

    fn twinning_url(&self, url: Option<&str>) -> Result<String, String> {
        url.or(self.resource())
            .map(str::to_owned)
            .ok_or_else(|| "the device has no twinning whose URL it knows".to_owned())
    }

    fn get(&self, url: String, credential: &Credential) -> Result<Request, String> {
        let request = Request::new("GET", url).with("Accept", self.format.media_type());
        self.signed(request, credential)
    }

    fn post(&self, access: &Access, url: String, twinning: &Twinning) -> Result<Request, String> {
        let knobs = &access.knobs;
        let body = twinning
            .document(knobs)
            .write(self.format, knobs.json, &repeats(&knobs.names));
        let request = Request::new("POST", url)
            .with("Accept", self.format.media_type())
            .with_body(self.format.media_type(), body);
        self.signed(request, &Credential::Provisioned)
    }

    fn token_request(&self, access: &Access, grant: &Grant) -> Result<(Purpose, Request), String> {
        let url = access.token_url.as_deref().ok_or(
            "no authorization server is known (profile: twinning.authorization.token_url)",
        )?;
        let mut form = Vec::new();
        let network = match grant {
            Grant::AuthorizationCode { code } => {
                form.extend([("grant_type", "authorization_code"), ("code", code)]);
                true
            }
            Grant::ClientCredentials { scope } => {
                form.push(("grant_type", "client_credentials"));
                form.extend(scope.as_deref().map(|scope| ("scope", scope)));
                false
            }
            Grant::Refresh => {
                let token = self
                    .refresh_token
                    .as_deref()
                    .ok_or("the device was given no refresh token")?;
                form.extend([("grant_type", "refresh_token"), ("refresh_token", token)]);
                true
            }
        };
        Ok((Purpose::Token { network }, self.form(url, &form)?))
    }

    /// A form to the authorization server, from the device's application.
    fn form(&self, url: &str, form: &[(&str, &str)]) -> Result<Request, String> {
        let (id, secret) = self.provision.client.as_ref().ok_or_else(|| {
            format!(
                "{} has no client_id and client_secret in the profile",
                self.provision.address
            )
        })?;
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encode_segment(value)))
            .collect();
        let basic = STANDARD.encode(format!("{id}:{secret}"));
        Ok(Request::new("POST", url)
            .with("Authorization", format!("Basic {basic}"))
            .with("Accept", "application/json")
            .with_body(
                "application/x-www-form-urlencoded",
                body.join("&").into_bytes(),
            ))
    }

    pub(super) fn signed(
        &self,
        request: Request,
        credential: &Credential,
    ) -> Result<Request, String> {
        let provisioned = &self.provision.token;
        let token = match credential {
            Credential::Best => self.twinning_token.as_ref().unwrap_or(provisioned),
            Credential::Network => self
                .network_token
                .as_ref()
                .ok_or("the device has no token for the primary's network")?,
            Credential::None => return Ok(request),
            Credential::Provisioned => provisioned,
            Credential::Token(token) => token,
            Credential::Twinning => self
                .twinning_token
                .as_ref()
                .ok_or("the device has no token for its twinning")?,
        };
        Ok(request.with("Authorization", format!("Bearer {token}")))
    }
}
