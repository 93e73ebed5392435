//! The gateway's devices: who is there, and what its records say of them.

use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::Event;
use twinproof_kernel::{Outbox, Time};

use super::rules::{About, Arrival, Leaving, Stock};
use super::{Adapted, Fresh, Gateway, Mode, Moment, Protocol, Provision, Reach, Shared};
use crate::alert::Report;
use crate::objects::below;

/// A device.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) mode: Mode,
    /// Where it takes notifications.
    pub(super) push: String,
    /// How it is adapted, if it speaks another protocol.
    pub(super) adapted: Option<Adapted>,
    /// What it is brought, if it has no account.
    pub(super) fresh: Option<Fresh>,
    /// What it has said of itself in its own protocol.
    pub(super) said: Option<About>,
    /// It can be reached, for all that is known.
    pub(super) attached: bool,
    /// What it showed at first was right for somebody else: it has come from another gateway.
    pub(super) moved: bool,
    /// What it showed last was not right, and nothing has come of it yet.
    doubted: bool,
    /// Where its record is.
    record: Option<NodeUri>,
    /// The number of the session that was announced to it last.
    pub(super) announced: u16,
}

impl Device {
    pub(super) fn new(provision: Provision, announced: u16) -> Self {
        Self {
            mode: provision.mode,
            push: provision.push,
            adapted: provision.adapted,
            fresh: provision.fresh,
            said: None,
            attached: false,
            moved: false,
            doubted: false,
            record: None,
            announced,
        }
    }
}

impl Gateway {
    /// Devices that have sessions with their servers only are there from the start.
    pub(super) fn enlist(&mut self, moment: &Moment<'_>) {
        let own = self
            .devices
            .iter()
            .filter(|(_, d)| d.mode == Mode::Transparent);
        let own: Vec<String> = own.map(|(id, _)| id.clone()).collect();
        for device in own {
            self.record(moment, &device);
        }
    }

    /// Hears what has happened on the southern side.
    pub(super) fn listen(&mut self, moment: &mut Moment<'_>) {
        let news = self.south.events()[self.heard..].to_vec();
        for event in news {
            self.heard += 1;
            match event {
                Event::Ended {
                    device,
                    complete: true,
                    ..
                } => self.arrived(moment, &device),
                Event::Ended { device, .. } => self.give_up(moment, &device, REFUSED),
                Event::Refused {
                    device,
                    code: REFUSED,
                } => {
                    if moment.shared.rules.hails(false) {
                        self.announce(&device);
                    }
                    if let Some(device) = self.devices.get_mut(&device) {
                        device.doubted = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// A device has shown who it is.
    pub(super) fn arrived(&mut self, moment: &mut Moment<'_>, id: &str) {
        let Some(device) = self.devices.get(id) else {
            return;
        };
        let facts = Arrival {
            recorded: device.record.is_some(),
            attached: device.attached,
            reports: self.is_set(&moment.shared.names.report_attached),
        };
        let rules = &moment.shared.rules;
        let (records, reports) = (rules.records(facts), rules.reports(facts));
        if let Some(device) = self.devices.get_mut(id) {
            device.moved = std::mem::take(&mut device.doubted);
            if records {
                device.record = None;
            }
        }
        if records || facts.recorded {
            self.record(moment, id);
        }
        if reports && rules.hails(true) {
            self.announce(id);
        } else if !facts.reports && !facts.recorded {
            self.missed.push(id.to_owned());
        }
    }

    /// Tells its servers that a device is there.
    fn announce(&mut self, id: &str) {
        let device = self.devices.get(id);
        let record = device.and_then(|device| device.record.clone());
        let record = record.unwrap_or_default().to_string();
        for server in self.servers() {
            self.tell(&server, vec![Report::Attached.alert(&record, id, None)]);
        }
    }

    /// Once announcements are on, who came before is announced or forgotten.
    pub(super) fn catch_up(&mut self, moment: &Moment<'_>) {
        if self.missed.is_empty() || !self.is_set(&moment.shared.names.report_attached) {
            return;
        }
        let missed = std::mem::take(&mut self.missed);
        if moment.shared.rules.catches_up(missed.len()) {
            for id in missed {
                self.announce(&id);
            }
        }
    }

    /// Writes the record of a device that is there.
    fn record(&mut self, moment: &Moment<'_>, id: &str) {
        let names = &moment.shared.names;
        let rules = &moment.shared.rules;
        let records = below(&self.places.inventory, &names.records);
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        let [recorded, attached] = &mut self.recorded;
        *attached += usize::from(!device.attached);
        device.attached = true;
        let at = device.record.get_or_insert_with(|| {
            *recorded += 1;
            self.records += 1;
            records.child(rules.labels(self.records, id.to_owned()))
        });
        let mode = rules.shows(rules.works(device.mode));
        let protocol = device.adapted.as_ref().map(|adapted| adapted.protocol);
        let protocol = rules.lists(protocol).map_or(NATIVE, Protocol::name);
        let at = at.clone();
        let about = |leaf| self.south.about(id, leaf).map(str::to_owned);
        let said = device.said.clone().unwrap_or_else(|| About {
            maker: about("Man"),
            model: about("Mod"),
        });
        let About { maker, model } = rules.describes(said);
        let reach = match moment.shared.reach {
            Reach::Private => Some(&names.address_private),
            Reach::Public if device.mode == Mode::Transparent => Some(&names.address_public),
            Reach::Public => None,
        };
        let place = reach.map(|_| rules.locates(device.push.clone()));
        let leaves = [
            (&names.record_device, Some(id.to_owned())),
            (&names.record_status, Some(names.status_attached.clone())),
            (&names.record_mode, Some(names.mode(mode).to_owned())),
            (&names.record_protocol, Some(protocol.to_owned())),
            (&names.record_maker, maker),
            (&names.record_model, model),
            (&names.record_address, place),
            (&names.record_address_type, reach.cloned()),
        ];
        // Most devices come back as they were.
        let known = self.north.tree().node(&at);
        let is_new = |leaf: &str, value: &str| {
            let mut names = leaf.split('/').filter(|name| !name.is_empty());
            let leaf = names.try_fold(known?, |node, name| node.child(name));
            Some(leaf?.value() != value.as_bytes())
        };
        let changed = leaves.into_iter().filter_map(|(leaf, value)| {
            let value = value?;
            is_new(leaf, &value)
                .unwrap_or(true)
                .then(|| (below(&at, leaf), value))
        });
        let changed: Vec<_> = changed.collect();
        let tree = self.north.tree_mut();
        for (leaf, value) in changed {
            tree.set(&leaf, value);
        }
    }

    /// A device cannot be reached any more.
    pub(super) fn left(&mut self, moment: &mut Moment<'_>, id: &str) {
        let names = &moment.shared.names;
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        let leaving = moment.shared.rules.leaves(device.attached);
        self.recorded[1] -= usize::from(device.attached);
        device.attached = false;
        let Some(at) = device.record.clone() else {
            return;
        };
        let tree = self.north.tree_mut();
        match leaving {
            Leaving::Detached => {
                let status = below(&at, &names.record_status);
                tree.set(&status, names.status_detached.as_str());
            }
            Leaving::Erased => {
                tree.remove(&at);
                device.record = None;
                self.recorded[0] -= 1;
            }
            Leaving::Kept => {}
        }
    }

    /// Notices that a device has gone.
    pub(crate) fn loses(&mut self, shared: &Shared, now: Time, id: &str) {
        let out = &mut Outbox::default();
        self.left(&mut Moment { shared, now, out }, id);
    }

    /// Whether a device is there, for all that is known.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let device = self.devices.get(id);
        device.is_some_and(|device| device.attached && device.record.is_some())
    }

    /// Says how many devices there are.
    pub(super) fn count(&mut self, moment: &Moment<'_>) {
        let names = &moment.shared.names;
        let [total, attached] = self.recorded;
        let stock = moment.shared.rules.counts(Stock { total, attached });
        let [total, attached] = [stock.total, stock.attached].map(|number| number.to_string());
        for (path, number) in [(&names.total, total), (&names.attached, attached)] {
            let at = below(&self.places.inventory, path);
            if self.tree().text(&at) != Some(&number) {
                self.north.tree_mut().set(&at, number);
            }
        }
    }
}

/// What stands in a record for the protocol that needs no adaptation.
const NATIVE: &str = "DM";

/// The code of a device that is not believed; and of one that broke its session off: as a rule, because it does
/// not believe the gateway.
const REFUSED: u16 = 401;
