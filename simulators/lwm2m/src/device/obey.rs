//! Orders of a tester.

use twinproof_coap::{Code, Raw};
use twinproof_kernel::CallId;

use super::registration::{Purpose, impossible, no_server};
use super::write::told_to_all;
use super::{Answer, Behaviour, Device, Effect, Moment, Order, Request};

impl Device {
    pub(super) fn obey(&mut self, moment: &mut Moment<'_>, call: CallId, order: Order) {
        match order {
            Order::Behave(behaviour) => self.behave(moment, behaviour),
            Order::Bootstrap => return self.ask_for_bootstrap(moment, Some(call)),
            Order::Card(values) => self.insert_card(values),
            Order::Create { path, values } => {
                let changes = self.change();
                changes.add_instance(path.prefix(2));
                for entry in values {
                    if let Some(value) = entry.value {
                        changes.set(entry.path, value);
                    }
                }
                self.effect(moment, 0, told_to_all());
            }
            Order::Delete { path } => {
                self.change().remove_instance(path.prefix(2));
                self.effect(moment, 0, told_to_all());
            }
            Order::Deregister { server } => return self.deregister(moment, Some(call), server),
            Order::Move { to } => self.at = to,
            Order::Notify(notify) => return self.notify(moment, call, notify),
            Order::Register(how) => {
                self.read_card(moment);
                return self.register(moment, Some(call), how);
            }
            Order::Request(request) => return self.request(moment, call, &request),
            Order::Send { server, paths } => return self.send(moment, call, server, &paths),
            Order::SendRaw { server, bytes } => {
                let Some(to) = self.address_of(moment.shared, server) else {
                    return impossible(moment, Some(call), no_server(server));
                };
                let at = self.at;
                moment
                    .out
                    .datagram(at, to, |buffer| buffer.extend_from_slice(&bytes));
            }
            Order::Set { path, value } => {
                let lifetime = value.to_string();
                self.change().set(path, value);
                // Who owns the life time wants to hear of it.
                if path.object() == Some(1) && path.resource() == Some(1) {
                    let mut accounts = 0..self.servers(moment.shared).len();
                    let own = accounts.find(|&account| {
                        self.account_of(moment.shared, account) == Some(path.prefix(2))
                    });
                    let query = vec![format!("lt={lifetime}")];
                    self.effect(
                        moment,
                        0,
                        Effect::Update {
                            account: own,
                            query,
                            list: false,
                        },
                    );
                }
            }
            Order::PowerCycle => self.effect(moment, 0, Effect::Reboot),
            Order::Start => self.start(moment),
            Order::Update(how) => {
                self.read_card(moment);
                return self.update(moment, Some(call), how);
            }
        }
        moment.out.answer(call, Answer::Done);
    }

    fn behave(&mut self, moment: &mut Moment<'_>, behaviour: Behaviour) {
        let mut parameters = None;
        if !behaviour.announces {
            let mut own = moment.shared.parameters.clone();
            own.acknowledge_after = own.acknowledge_after.max(behaviour.delay * 2);
            parameters = Some(own);
        }
        let aside = self.aside.get_or_insert_default();
        aside.parameters = parameters;
        aside.behaviour = behaviour;
    }

    fn request(&mut self, moment: &mut Moment<'_>, call: CallId, request: &Request) {
        let Some(address) = self.address_of(moment.shared, request.server) else {
            return impossible(moment, Some(call), no_server(request.server));
        };
        let account = self.accounts.get(request.server);
        let location = account.map_or("", |account| &account.location);
        let path = request.path.replace("{location}", location);
        let query = request.query.iter();
        let query: Vec<String> = query
            .map(|argument| argument.replace("{endpoint}", &self.endpoint))
            .collect();
        let (ty, message) = request.message(&path, &query);
        let to = (request.server, address, ty);
        self.ask(moment, to, message, Purpose::Other, Some(call));
    }
}

/// An answer under a token that nobody has asked with, and with another code.
pub(super) fn stray(answer: &[u8]) -> Vec<u8> {
    let mut stray = Raw::dissect(answer);
    stray.code = Code::INTERNAL_SERVER_ERROR.byte();
    stray.token.iter_mut().for_each(|byte| *byte = !*byte);
    stray.to_bytes()
}
