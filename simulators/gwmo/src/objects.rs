//! The management objects of a gateway.
//!
//! What they are called below their roots is data: a profile may give a gateway's own names. What they are
//! is said by their types, which are registered; where they stand is each gateway's own business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::tree::ddf::{Description, Node};
use twinproof_dm::{Limits, xml};
use twinproof_kernel::Seed;

use crate::gateway::Mode;

/// How the type of the object with a gateway's settings starts, in whichever version.
pub const CONFIG: &str = "urn:oma:mo:oma-gwmo-config:";

/// The same for the inventory of its devices.
pub const INVENTORY: &str = "urn:oma:mo:oma-gwmo-deviceinventory:";

/// The same for fan-outs.
pub const FANOUT: &str = "urn:oma:mo:oma-gwmo-fanout:";

/// The same for images.
pub const IMAGES: &str = "urn:oma:mo:oma-gwmo-imageinventory:";

/// The same for notifications that servers have it bring to devices.
pub const TRIGGERS: &str = "urn:oma:mo:oma-gwmo-edtrigger:";

/// The descriptions that we bring.
const DESCRIPTIONS: [&str; 5] = [
    include_str!("../data/config.xml"),
    include_str!("../data/inventory.xml"),
    include_str!("../data/fanout.xml"),
    include_str!("../data/images.xml"),
    include_str!("../data/edtrigger.xml"),
];

/// What nodes are called: addresses below the root of their object, or below one of its instances.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// In the settings: whether devices that attach are reported.
    pub report_attached: String,
    /// In the settings: whether images are kept for devices.
    pub keep_images: String,
    /// In the inventory: how many devices there are.
    pub total: String,
    /// In the inventory: how many of them are attached.
    pub attached: String,
    /// In the inventory: where the records of devices are.
    pub records: String,
    /// In a record: the device's identifier.
    pub record_device: String,
    /// In a record: whether it is attached.
    pub record_status: String,
    /// What stands there if it is.
    pub status_attached: String,
    /// What stands there if it has left.
    pub status_detached: String,
    /// In a record: the mode in which the gateway works for it.
    pub record_mode: String,
    /// What stands there for transparent mode.
    pub mode_transparent: String,
    /// What stands there for proxy mode.
    pub mode_proxy: String,
    /// What stands there for adaptation mode.
    pub mode_adaptation: String,
    /// In a record: the protocol that the device speaks.
    pub record_protocol: String,
    /// In a record: who made the device.
    pub record_maker: String,
    /// In a record: its model.
    pub record_model: String,
    /// In a record: where the device takes notifications.
    pub record_address: String,
    /// In a record: who reaches it there.
    pub record_address_type: String,
    /// What stands there if servers do.
    pub address_public: String,
    /// What stands there if nobody beyond the gateway does.
    pub address_private: String,
    /// In the inventory: where servers describe which devices without an account are to be brought one.
    pub bootstraps: String,
    /// In such a description: the device's identifier.
    pub bootstrap_device: String,
    /// In it: the identifier of the server whose account the device is to be brought, or that of the gateway.
    pub bootstrap_server: String,
    /// In it: what has the gateway bring it.
    pub bootstrap_start: String,
    /// In the inventory: where groups are.
    pub groups: String,
    /// In a group: what it is called.
    pub group_name: String,
    /// In a group: where its members are, each a leaf with the identifier of a device.
    pub members: String,
    /// In a fan-out: the name of the group that it is for.
    pub target_group: String,
    /// In a fan-out: where single devices are that it is for.
    pub target_devices: String,
    /// In a fan-out: the commands.
    pub payload: String,
    /// In a fan-out: the seconds after which it ends, whoever is missing.
    pub deadline: String,
    /// In a fan-out: what starts it.
    pub start: String,
    /// In a fan-out: where it stands.
    pub state: String,
    /// In a fan-out: where the results are.
    pub results: String,
    /// In a result: the device.
    pub result_device: String,
    /// In a result: its code.
    pub result_status: String,
    /// In a result: the values, one in a line.
    pub result_data: String,
    /// In the object of images: where they are.
    pub images: String,
    /// In an image: where the gateway gets it.
    pub image_source: String,
    /// In an image: its octets, where a server brings them.
    pub image_data: String,
    /// In an image: where devices get it.
    pub image_local: String,
    /// In an image: what has the gateway get it.
    pub image_download: String,
    /// In an image: how far it is.
    pub image_state: String,
    /// In the object of notifications: where servers put those that devices are to be brought.
    pub triggers: String,
    /// With such a notification: the device's identifier.
    pub trigger_device: String,
    /// With it: its octets.
    pub trigger_octets: String,
    /// With it: what has the gateway bring it.
    pub trigger_start: String,
    /// With it: what became of it.
    pub trigger_state: String,
    /// What stands there once the device has taken it, and otherwise never.
    pub trigger_taken: String,
}

impl Names {
    /// What stands in a record for a mode.
    #[must_use]
    pub fn mode(&self, mode: Mode) -> &str {
        match mode {
            Mode::Transparent => &self.mode_transparent,
            Mode::Proxy => &self.mode_proxy,
            Mode::Adaptation => &self.mode_adaptation,
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            report_attached: text("Alerts/DeviceAttach"),
            keep_images: text("ImageCache/Enabled"),
            total: text("Summary/Total"),
            attached: text("Summary/Attached"),
            records: text("Records"),
            record_device: text("DeviceID"),
            record_status: text("Status"),
            status_attached: text("attached"),
            status_detached: text("detached"),
            record_mode: text("Mode"),
            mode_transparent: text("1"),
            mode_proxy: text("2"),
            mode_adaptation: text("3"),
            record_protocol: text("Protocol"),
            record_maker: text("Man"),
            record_model: text("Mod"),
            record_address: text("Address"),
            record_address_type: text("AddressType"),
            address_public: text("public"),
            address_private: text("private"),
            bootstraps: text("Bootstraps"),
            bootstrap_device: text("DeviceID"),
            bootstrap_server: text("ServerID"),
            bootstrap_start: text("Operations/Bootstrap"),
            groups: text("Groups"),
            group_name: text("Name"),
            members: text("Members"),
            target_group: text("Target/Group"),
            target_devices: text("Target/Devices"),
            payload: text("Payload"),
            deadline: text("Policy/Deadline"),
            start: text("Operations/Start"),
            state: text("State"),
            results: text("Results"),
            result_device: text("DeviceID"),
            result_status: text("Status"),
            result_data: text("Data"),
            images: text("Images"),
            image_source: text("SourceURI"),
            image_data: text("Data"),
            image_local: text("LocalURI"),
            image_download: text("Operations/Download"),
            image_state: text("State"),
            triggers: text("Requests"),
            trigger_device: text("Target"),
            trigger_octets: text("Notification"),
            trigger_start: text("Operations/Trigger"),
            trigger_state: text("State"),
            trigger_taken: text("delivered"),
        }
    }
}

/// An address below another one: its names are between slashes.
#[must_use]
pub fn below(at: &NodeUri, path: &str) -> NodeUri {
    let names = path.split('/').filter(|name| !name.is_empty());
    names.fold(at.clone(), |at, name| at.child(name))
}

/// Where the objects of a gateway are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Its settings.
    pub config: NodeUri,
    /// Its devices.
    pub inventory: NodeUri,
    /// Its fan-outs.
    pub fanouts: NodeUri,
    /// Its images.
    pub images: NodeUri,
    /// Notifications for its devices.
    pub triggers: NodeUri,
}

impl Places {
    /// Where a tree has them, by their types.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let first = |kind| tree.objects(kind).into_iter().next().unwrap_or_default();
        Self {
            config: first(CONFIG),
            inventory: first(INVENTORY),
            fanouts: first(FANOUT),
            images: first(IMAGES),
            triggers: first(TRIGGERS),
        }
    }
}

/// What a gateway can have in its tree: what any device has, and the objects of gateways, at the root and
/// under names that differ from seed to seed. Their nodes are called as `names` has it, where that is as many
/// names below each other as [`Names::default`] has.
#[must_use]
pub fn profile(seed: Seed, names: &Names) -> Profile {
    let mut profile = Profile::builtin();
    for (number, (text, own)) in DESCRIPTIONS.into_iter().zip(renamed(names)).enumerate() {
        let read = xml::read(text.as_bytes(), &Limits::default());
        let read = read.and_then(|root| Description::from_element(&root));
        let mut description = read.expect("descriptions that we bring are tested");
        let mut rng = seed.derive("object").derive(&number.to_string()).rng();
        for node in &mut description.nodes {
            rename(&mut node.children, "", &own);
            node.name = Some(format!("N{:08X}", rng.u32(..)));
        }
        let added = profile.add(&description);
        added.expect("descriptions that we bring are tested");
    }
    profile
}

/// What stands in a path for the name of an instance.
const ANY: &str = "*";

/// For each description, what its nodes are called that we call otherwise: by their paths, as we call them.
fn renamed(names: &Names) -> [BTreeMap<String, String>; 5] {
    let ours = Names::default();
    let each = |above: &str, pairs: &[(&String, &String)]| {
        let below = pairs.iter().flat_map(|(our, other)| {
            let (our, other): (Vec<_>, Vec<_>) =
                (our.split('/').collect(), other.split('/').collect());
            let same = our.len() == other.len();
            let ends = 1..=if same { our.len() } else { 0 };
            let named = ends.map(|end| {
                let path = our[..end].iter().map(|name| format!("/{name}"));
                (
                    format!("{above}{}", path.collect::<String>()),
                    other[end - 1].to_owned(),
                )
            });
            named.collect::<Vec<_>>()
        });
        below.collect::<BTreeMap<_, _>>()
    };
    let mut inventory = each(
        "",
        &[
            (&ours.total, &names.total),
            (&ours.attached, &names.attached),
            (&ours.records, &names.records),
            (&ours.bootstraps, &names.bootstraps),
            (&ours.groups, &names.groups),
        ],
    );
    inventory.extend(each(
        &format!("/{}/{ANY}", ours.records),
        &[
            (&ours.record_device, &names.record_device),
            (&ours.record_status, &names.record_status),
            (&ours.record_mode, &names.record_mode),
            (&ours.record_protocol, &names.record_protocol),
            (&ours.record_maker, &names.record_maker),
            (&ours.record_model, &names.record_model),
            (&ours.record_address, &names.record_address),
            (&ours.record_address_type, &names.record_address_type),
        ],
    ));
    inventory.extend(each(
        &format!("/{}/{ANY}", ours.bootstraps),
        &[
            (&ours.bootstrap_device, &names.bootstrap_device),
            (&ours.bootstrap_server, &names.bootstrap_server),
            (&ours.bootstrap_start, &names.bootstrap_start),
        ],
    ));
    inventory.extend(each(
        &format!("/{}/{ANY}", ours.groups),
        &[
            (&ours.group_name, &names.group_name),
            (&ours.members, &names.members),
        ],
    ));
    let mut fanout = each(
        &format!("/{ANY}"),
        &[
            (&ours.target_group, &names.target_group),
            (&ours.target_devices, &names.target_devices),
            (&ours.payload, &names.payload),
            (&ours.deadline, &names.deadline),
            (&ours.start, &names.start),
            (&ours.state, &names.state),
            (&ours.results, &names.results),
        ],
    );
    fanout.extend(each(
        &format!("/{ANY}/{}/{ANY}", ours.results),
        &[
            (&ours.result_device, &names.result_device),
            (&ours.result_status, &names.result_status),
            (&ours.result_data, &names.result_data),
        ],
    ));
    let mut images = each("", &[(&ours.images, &names.images)]);
    images.extend(each(
        &format!("/{}/{ANY}", ours.images),
        &[
            (&ours.image_source, &names.image_source),
            (&ours.image_data, &names.image_data),
            (&ours.image_local, &names.image_local),
            (&ours.image_download, &names.image_download),
            (&ours.image_state, &names.image_state),
        ],
    ));
    let mut triggers = each("", &[(&ours.triggers, &names.triggers)]);
    triggers.extend(each(
        &format!("/{}/{ANY}", ours.triggers),
        &[
            (&ours.trigger_device, &names.trigger_device),
            (&ours.trigger_octets, &names.trigger_octets),
            (&ours.trigger_start, &names.trigger_start),
            (&ours.trigger_state, &names.trigger_state),
        ],
    ));
    let config = each(
        "",
        &[
            (&ours.report_attached, &names.report_attached),
            (&ours.keep_images, &names.keep_images),
        ],
    );
    [config, inventory, fanout, images, triggers]
}

fn rename(nodes: &mut [Node], above: &str, names: &BTreeMap<String, String>) {
    for node in nodes {
        let path = format!("{above}/{}", node.name.as_deref().unwrap_or(ANY));
        if let (Some(name), Some(other)) = (&mut node.name, names.get(&path)) {
            name.clone_from(other);
        }
        rename(&mut node.children, &path, names);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use twinproof_dm::store::Tree;
    use twinproof_kernel::Seed;

    use super::{Names, Places, below, profile};

    #[test]
    fn objects_are_found_by_their_types_and_stand_elsewhere_in_each_run() {
        let places = |seed| {
            let names = Names::default();
            let tree = Tree::new(Arc::new(profile(Seed::new(seed), &names)));
            let places = Places::of(&tree);
            assert_eq!(
                tree.text(&below(&places.config, &names.report_attached)),
                Some("true")
            );
            assert_eq!(
                tree.text(&below(&places.inventory, &names.total)),
                Some("0")
            );
            assert!(tree.node(&places.fanouts).is_some() && !places.fanouts.is_root());
            assert!(tree.node(&below(&places.images, &names.images)).is_some());
            let triggers = below(&places.triggers, &names.triggers);
            assert!(tree.node(&triggers).is_some());
            places
        };
        assert_ne!(places(1), places(2));
        assert_eq!(places(1), places(1));
    }

    #[test]
    fn nodes_are_called_as_one_likes() {
        let text = str::to_owned;
        let names = Names {
            report_attached: text("Tell/New"),
            // What has one node above it has one name for that.
            total: text("Sum/All"),
            attached: text("Sum/Here"),
            ..Names::default()
        };
        let tree = Tree::new(Arc::new(profile(Seed::new(1), &names)));
        let places = Places::of(&tree);
        let at = below(&places.config, &names.report_attached);
        assert_eq!(tree.text(&at), Some("true"));
        let at = below(&places.inventory, &names.total);
        assert_eq!(tree.text(&at), Some("0"));
        let ours = below(&places.inventory, &Names::default().total);
        assert!(tree.node(&ours).is_none());
    }
}
