//! Link lists as LwM2M uses them: the objects of a Register and an Update, and what a Discover
//! answers.

use std::fmt;

use twinproof_coap::ContentFormat;
use twinproof_coap::link::{self, Link, Links};

use super::attributes::{self, Attribute, Attributes};
use super::{Path, Version, WireError};

/// A list of objects, object instances, resources and what is known of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectList {
    /// The enabler version at the head of a Bootstrap-Discover (`</>;lwm2m=1.1`, or a bare
    /// `lwm2m="1.0"`).
    pub lwm2m: Option<Version>,
    /// The alternate path without slash at its end, empty if there is none: `/lwm2m`.
    pub root: String,
    /// The content formats that the root announces.
    pub formats: Vec<ContentFormat>,
    /// The links below the root, in the order written.
    pub items: Vec<Item>,
}

/// One link.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The path, without the alternate path.
    pub path: Path,
    /// The version of the object, if it is said.
    pub version: Option<Version>,
    /// How many instances a multiple resource has.
    pub dim: Option<u16>,
    /// The Short Server ID of a security, server or OSCORE instance.
    pub ssid: Option<u16>,
    /// The server URI of a security instance.
    pub uri: Option<String>,
    /// The attributes of notifications.
    pub attributes: Attributes,
}

impl Item {
    /// A link that says nothing but its path.
    pub const fn new(path: Path) -> Self {
        Self {
            path,
            version: None,
            dim: None,
            ssid: None,
            uri: None,
            attributes: Attributes::NONE,
        }
    }
}

impl ObjectList {
    /// The list of these paths.
    pub fn of(paths: impl IntoIterator<Item = Path>) -> Self {
        Self {
            items: paths.into_iter().map(Item::new).collect(),
            ..Self::default()
        }
    }

    /// Reads a list. Link attributes that LwM2M does not know, and links that are no LwM2M paths, are
    /// passed over, as a server must. A slash at the end of a path is accepted, quotes are optional.
    ///
    /// # Errors
    ///
    /// When the text is no link list, or an attribute that LwM2M knows has a value it cannot have.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut text = std::str::from_utf8(payload)
            .map_err(|error| WireError::new(error.valid_up_to(), "UTF-8", "another byte"))?;
        let mut list = Self::default();
        let mut skipped = 0;
        if let Some(rest) = text.strip_prefix("lwm2m=") {
            let end = rest.find(',').unwrap_or(rest.len());
            let version = rest[..end].trim_matches('"');
            list.lwm2m = Some(known("lwm2m=".len(), "a version", version)?);
            skipped = text.len() - rest.len() + end + usize::from(end < rest.len());
            text = &text[skipped..];
        }
        let links: Vec<Link<'_>> = Links::new(text)
            .collect::<Result<_, _>>()
            .map_err(|error| {
                WireError::new(skipped + error.at, error.expected, "something else")
            })?;
        let at = |link: &Link<'_>| {
            skipped + (link.target.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize)
        };
        let is_root = |link: &&Link<'_>| {
            link.attribute("rt")
                .is_some_and(|rt| rt.value().split(' ').any(|rt| rt == "oma.lwm2m"))
        };
        if let Some(root) = links.iter().find(is_root) {
            list.root = root.target.trim_end_matches('/').to_owned();
        }
        for link in &links {
            let Some(target) = link.target.strip_prefix(list.root.as_str()) else {
                continue;
            };
            let target = target.strip_suffix('/').unwrap_or(target);
            if target.is_empty() {
                list.read_root(at(link), link)?;
            } else if let Ok(path) = target.parse::<Path>()
                && path != Path::ROOT
            {
                list.items.push(Item::read(at(link), path, link)?);
            }
        }
        Ok(list)
    }

    fn read_root(&mut self, at: usize, link: &Link<'_>) -> Result<(), WireError> {
        for attribute in link.attributes() {
            let value = attribute.value();
            match attribute.name {
                "ct" => {
                    for number in value.split_ascii_whitespace() {
                        self.formats
                            .push(ContentFormat(known(at, "a content format", number)?));
                    }
                }
                "lwm2m" => self.lwm2m = Some(known(at, "a version", &value)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// The links at exactly this path.
    pub fn item(&self, path: Path) -> Option<&Item> {
        self.items.iter().find(|item| item.path == path)
    }

    /// The version of an object: what its own link says, or the link of an instance.
    pub fn version(&self, object: u16) -> Option<Version> {
        self.items
            .iter()
            .filter(|item| item.path.object() == Some(object))
            .find_map(|item| item.version)
    }
}

impl Item {
    fn read(at: usize, path: Path, link: &Link<'_>) -> Result<Self, WireError> {
        let mut item = Self::new(path);
        for link_attribute in link.attributes() {
            let value = link_attribute.value();
            match link_attribute.name {
                "ver" => item.version = Some(known(at, "a version", &value)?),
                "dim" => item.dim = Some(known(at, "a number of instances", &value)?),
                "ssid" => item.ssid = Some(known(at, "a Short Server ID", &value)?),
                "uri" => item.uri = Some(value.into_owned()),
                name => {
                    if let Some(attribute) = Attribute::by_name(name) {
                        let value = attributes::parse(attribute, &value).map_err(|error| {
                            WireError::new(at, "the value of an attribute", error.to_string())
                        })?;
                        item.attributes.set(attribute, Some(value));
                    }
                }
            }
        }
        Ok(item)
    }
}

fn known<T: std::str::FromStr>(
    at: usize,
    expected: &'static str,
    text: &str,
) -> Result<T, WireError> {
    text.parse()
        .map_err(|_| WireError::new(at, expected, format!("`{text}`")))
}

/// The list in link-format, without spaces.
impl fmt::Display for ObjectList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = String::new();
        if self.lwm2m.is_some() || !self.root.is_empty() || !self.formats.is_empty() {
            link::write_link(
                &mut list,
                if self.root.is_empty() {
                    "/"
                } else {
                    &self.root
                },
            );
            if !self.root.is_empty() {
                link::write_attribute(&mut list, "rt", "oma.lwm2m");
            }
            if let Some(version) = self.lwm2m {
                link::write_attribute(&mut list, "lwm2m", &version.to_string());
            }
            if !self.formats.is_empty() {
                let numbers: Vec<String> = self
                    .formats
                    .iter()
                    .map(|format| format.0.to_string())
                    .collect();
                link::write_attribute(&mut list, "ct", &numbers.join(" "));
            }
        }
        for item in &self.items {
            link::write_link(&mut list, &format!("{}{}", self.root, item.path));
            let shown = [
                ("ver", item.version.map(|version| version.to_string())),
                ("dim", item.dim.map(|dim| dim.to_string())),
                ("ssid", item.ssid.map(|ssid| ssid.to_string())),
            ];
            for (name, value) in shown {
                if let Some(value) = value {
                    link::write_attribute(&mut list, name, &value);
                }
            }
            if let Some(uri) = &item.uri {
                link::write_quoted(&mut list, "uri", uri);
            }
            list.push_str(&item.attributes.to_string());
        }
        f.write_str(&list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ObjectList {
        ObjectList::parse(text.as_bytes()).unwrap()
    }

    fn paths(list: &ObjectList) -> Vec<String> {
        list.items
            .iter()
            .map(|item| item.path.to_string())
            .collect()
    }

    #[test]
    fn registrations_as_clients_send_them() {
        assert_eq!(paths(&read("</1/0>,</3/0>")), ["/1/0", "/3/0"]);

        let list =
            read(r#"</>;rt="oma.lwm2m";ct="110 112 60",</1/0>,</55>;ver="1.9",</55/0>,</5/>"#);
        assert_eq!(list.root, "");
        assert_eq!(
            list.formats.iter().map(|f| f.0).collect::<Vec<_>>(),
            [110, 112, 60]
        );
        assert_eq!(paths(&list), ["/1/0", "/55", "/55/0", "/5"]);
        assert_eq!(list.version(55), Some(Version { major: 1, minor: 9 }));
        assert_eq!(list.version(1), None);
        assert_eq!(
            read("</>;ct=110,</3/0>").formats,
            [ContentFormat::SENML_JSON]
        );
    }

    #[test]
    fn an_alternate_path_is_cut_off_and_put_back() {
        let text = "</lwm2m>;rt=oma.lwm2m,</lwm2m/1/0>,</lwm2m/3/0>";
        let list = read(&format!("{text},</sensors/temp>;if=sensor"));
        assert_eq!(list.root, "/lwm2m");
        assert_eq!(paths(&list), ["/1/0", "/3/0"]);
        assert_eq!(list.to_string(), text);
    }

    #[test]
    fn what_is_unknown_is_passed_over() {
        let list = read("</4711/7>;if=x;title=\"a, b\",</.well-known/core>,<//>,</3/0>;foo");
        assert_eq!(paths(&list), ["/4711/7", "/3/0"]);
    }

    #[test]
    fn discover_answers() {
        let list = read("</3/0>;pmin=10;pmax=60,</3/0/6>;dim=2,</3/0/9>;lt=20;gt=85.5;st=10");
        let attributes: Vec<String> = list
            .items
            .iter()
            .map(|item| item.attributes.to_string())
            .collect();
        assert_eq!(attributes, [";pmin=10;pmax=60", "", ";gt=85.5;lt=20;st=10"]);
        assert_eq!(list.items[1].dim, Some(2));

        let text =
            r#"</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com",</0/1>,</3/0>"#;
        let list = read(text);
        assert_eq!(list.lwm2m, Some(Version::V1_1));
        assert_eq!(list.item("/0/0".parse().unwrap()).unwrap().ssid, Some(101));
        assert_eq!(list.to_string(), text);

        let old = read(r#"lwm2m="1.0",</0/0>;ssid=101, </1/0/>;ssid=101"#);
        assert_eq!(old.lwm2m, Some(Version::V1_0));
        assert_eq!(paths(&old), ["/0/0", "/1/0"]);
    }

    #[test]
    fn what_is_no_list() {
        for (text, at) in [
            ("</1/0", 5),
            ("lwm2m=\"1.0\",</1", 15),
            ("lwm2m=one,</1>", 6),
            ("</1>;ver=x", 1),
            ("</3/0/6>;dim=many", 1),
            ("</3/0>,</3/0/9>;pmin=-1", 8),
        ] {
            assert_eq!(
                ObjectList::parse(text.as_bytes()).unwrap_err().at,
                at,
                "{text}"
            );
        }
    }
}
