//! The object definitions that we bring, and what is no definition.

use twinproof_lwm2m::model::{self, Operations, Registry, TEST_OBJECT};
use twinproof_lwm2m::wire::{Kind, Value, Version};

fn files() -> impl Iterator<Item = (String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/objects");
    std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    })
}

#[test]
fn every_file_is_loaded_and_is_what_its_name_says() {
    let registry = Registry::builtin();
    let mut count = 0;
    for (name, xml) in files() {
        let objects = model::parse(&xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [object] = &objects[..] else {
            panic!("{name} has {} objects", objects.len());
        };
        assert_eq!(
            name,
            format!(
                "{}-{}_{}",
                object.id, object.version.major, object.version.minor
            )
        );
        assert_eq!(
            registry.version(object.id, object.version),
            Some(object),
            "{name}"
        );
        let kind = if object.id < 1024 { "oma" } else { "x" };
        let urn = match object.version {
            Version::V1_0 => format!("urn:oma:lwm2m:{kind}:{}", object.id),
            version => format!("urn:oma:lwm2m:{kind}:{}:{version}", object.id),
        };
        assert_eq!(object.urn, urn);
        assert!(!object.name.is_empty() && !object.description.is_empty());
        for resource in object.resources.values() {
            assert_eq!(
                resource.kind.is_none(),
                resource.operations.execute,
                "{name}/{}",
                resource.id
            );
            assert!(!resource.name.is_empty() && !resource.description.is_empty());
        }
        count += 1;
    }
    assert_eq!(registry.objects().count(), count);
}

/// Every resource as one word: its id, operations, S or M, M or O, type.
fn facts(id: u16, version: Version) -> String {
    let registry = Registry::builtin();
    let object = registry.version(id, version).unwrap();
    let words = object.resources.values().map(|resource| {
        let Operations {
            read,
            write,
            execute,
        } = resource.operations;
        let letter = |yes: bool, letter: &str| {
            if yes {
                letter.to_owned()
            } else {
                String::new()
            }
        };
        let operations = letter(read, "R") + &letter(write, "W") + &letter(execute, "E");
        let multiple = if resource.multiple { "M" } else { "S" };
        let mandatory = if resource.mandatory { "M" } else { "O" };
        let kind = resource.kind.map_or("-", |kind| &kind.name()[..3]);
        format!("{}{operations}{multiple}{mandatory}{kind}", resource.id)
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_core_objects_are_those_of_the_standard() {
    assert_eq!(
        facts(0, Version::V1_0),
        "0SMStr 1SMBoo 2SMInt 3SMOpa 4SMOpa 5SMOpa 6SOInt 7SOOpa 8SOOpa 9SOStr 10SOInt 11SOInt 12SOInt"
    );
    assert_eq!(
        facts(1, Version::V1_0),
        "0RSMInt 1RWSMInt 2RWSOInt 3RWSOInt 4ESO- 5RWSOInt 6RWSMBoo 7RWSMStr 8ESM-"
    );
    assert_eq!(facts(2, Version::V1_0), "0RSMInt 1RSMInt 2RWMOInt 3RWSMInt");
    assert_eq!(
        facts(3, Version::V1_0),
        "0RSOStr 1RSOStr 2RSOStr 3RSOStr 4ESM- 5ESO- 6RMOInt 7RMOInt 8RMOInt 9RSOInt 10RSOInt 11RMMInt 12ESO- 13RWSOTim 14RWSOStr 15RWSOStr 16RSMStr 17RSOStr 18RSOStr 19RSOStr 20RSOInt 21RSOInt 22RMOObj"
    );
    assert_eq!(
        facts(5, Version::V1_0),
        "0WSMOpa 1RWSMStr 2ESM- 3RSMInt 5RSMInt 6RSOStr 7RSOStr 8RMOInt 9RSMInt"
    );
    assert_eq!(
        facts(6, Version::V1_0),
        "0RSMFlo 1RSMFlo 2RSOFlo 3RSOFlo 4RSOOpa 5RSMTim 6RSOFlo"
    );
    assert_eq!(
        facts(7, Version::V1_0),
        "0RSOInt 1RSOInt 2RSOInt 3RSOInt 4RSOInt 5RSOInt 6ESM- 7ESM- 8RWSOInt"
    );
    // Between 1.1 and 1.2 the registration settings became readable.
    assert!(facts(1, Version::V1_1).contains(" 13SOUns "));
    assert!(facts(1, Version::V1_2).contains(" 13RSOUns "));
    assert!(facts(1, Version::V1_2).ends_with("27RWSOUns"));
}

#[test]
fn an_enabler_has_the_newest_version_that_it_knows() {
    let registry = Registry::builtin();
    let version = |id, enabler| {
        registry
            .for_enabler(id, enabler)
            .unwrap()
            .version
            .to_string()
    };
    assert_eq!(
        [Version::V1_0, Version::V1_1, Version::V1_2].map(|e| version(0, e)),
        ["1.0", "1.1", "1.2"]
    );
    assert_eq!(
        [Version::V1_0, Version::V1_1, Version::V1_2].map(|e| version(1, e)),
        ["1.0", "1.1", "1.2"]
    );
    assert_eq!(version(6, Version::V1_2), "1.0");
    assert_eq!(registry.object(1).unwrap().version, Version::V1_2);
    assert_eq!(registry.object(4711), None);
}

#[test]
fn paths_have_types() {
    let registry = Registry::builtin();
    let kind = |text: &str| registry.kind(text.parse().unwrap());
    assert_eq!(kind("/3/0/9"), Some(Kind::Integer));
    assert_eq!(kind("/3/0/6/1"), Some(Kind::Integer));
    assert_eq!(kind("/3/0"), None);
    assert_eq!(kind("/3/0/4"), None, "executable");
    assert_eq!(kind("/4711/0/0"), None);
    let test = registry.object(TEST_OBJECT).unwrap();
    for (kind, _) in Kind::TABLE {
        assert!(
            test.resources
                .values()
                .any(|resource| resource.kind == Some(*kind)),
            "{kind}"
        );
    }
}

#[test]
fn ranges_bound_numbers_and_lengths() {
    let registry = Registry::builtin();
    let allows = |text: &str, value: Value| {
        registry
            .resource(text.parse().unwrap())
            .unwrap()
            .allows(&value)
    };
    assert!(allows("/3/0/9", Value::Integer(100)));
    assert!(!allows("/3/0/9", Value::Integer(101)));
    assert!(!allows("/3/0/9", Value::Float(50.0)), "another type");
    assert!(allows("/26241/0/24", Value::Integer(-10)));
    assert!(!allows("/26241/0/24", Value::Integer(-11)));
    assert!(!allows("/0/0/0", Value::String("x".repeat(256))));
    assert!(allows("/0/0/8", Value::Opaque(vec![0; 32])));
    assert!(!allows("/0/0/8", Value::Opaque(vec![0; 33])));
    assert!(allows("/3/0/10", Value::Integer(i64::MAX)), "no range");
}

#[test]
fn what_is_no_definition() {
    let (_, good) = files().find(|(name, _)| name == "2-1_0").unwrap();
    assert!(model::parse(&good).is_ok());
    for (from, to, expected) in [
        (
            "<ObjectID>2</ObjectID>",
            "",
            "expected an id from 0 to 65534 in `ObjectID`, got nothing",
        ),
        (
            "<ObjectID>2<",
            "<ObjectID>65535<",
            "expected an id from 0 to 65534 in `ObjectID`, got `65535`",
        ),
        (
            "<ObjectVersion>1.0<",
            "<ObjectVersion>one<",
            "expected a version such as 1.0 in `ObjectVersion`, got `one`",
        ),
        (
            "<Operations>RW<",
            "<Operations>RX<",
            "expected R, W, RW, E or nothing in `Operations`, got `RX`",
        ),
        (
            "<Type>Integer<",
            "<Type>Number<",
            "expected the name of a type in `Type`, got `Number`",
        ),
        (
            "<Type>Integer</Type>",
            "",
            "expected the name of a type in `Type`, got nothing",
        ),
        (
            "<Mandatory>Optional<",
            "<Mandatory>Maybe<",
            "expected Mandatory or Optional in `Mandatory`, got `Maybe`",
        ),
        (
            "ID=\"1\"",
            "ID=\"0\"",
            "expected each resource once, got 0 again",
        ),
        (
            "</LWM2M>",
            "",
            "expected the end of every element, got the end of the file",
        ),
        ("</Item>", "</Itme>", "expected XML"),
        ("<Object ", "<Thing ", "expected"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = model::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.at <= good.len());
    }
    assert!(model::parse("").is_err());

    let mut registry = Registry::default();
    assert!(registry.load("<LWM2M>").is_err());
    assert_eq!(registry.objects().count(), 0);
    registry.load(&good).unwrap();
    assert_eq!(registry.objects().count(), 1);
}

#[test]
fn references_and_character_data_are_read() {
    let (_, good) = files().find(|(name, _)| name == "2-1_0").unwrap();
    let xml = good.replace(
        "Which server may do what with one object instance.",
        "a &lt;b&gt; &amp; &#x63;<![CDATA[ <d>]]>",
    );
    assert_eq!(model::parse(&xml).unwrap()[0].description, "a <b> & c <d>");
    assert!(model::parse(&good.replace("Access Control Owner", "&unknown;")).is_err());
}
