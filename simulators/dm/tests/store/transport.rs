//! Structures and serialised trees.

use twinproof_dm::document::Limits;
use twinproof_dm::media;
use twinproof_dm::store::rules::Listed;
use twinproof_dm::store::rules::decide::Rules;
use twinproof_dm::tree::Selector;
use twinproof_dm::tree::tnds::Tnds;

use super::operations::free;
use super::*;

fn filled() -> Tree {
    let mut tree = free();
    add(&mut tree, "S", "./Vendor/Open/t/a", "1");
    add(&mut tree, "S", "./Vendor/Open/t/b/c", "2");
    replace(
        &mut tree,
        "S",
        "./Vendor/Open/t/b?prop=ACL",
        "Get=T&Replace=S&Delete=S",
    );
    tree
}

fn listed(tree: &Tree, by: Hand<'_>, at: &str) -> Vec<(String, Told)> {
    let found = tree.get(by, &address(at)).unwrap();
    let entries = found.entries.into_iter();
    entries.map(|entry| (entry.source, entry.told)).collect()
}

#[test]
fn structures_tell_only_what_may_be_read() {
    let tree = filled();
    let names = |by| -> Vec<_> {
        let all = listed(&tree, hand(by), "./Vendor/Open/t?list=Struct");
        all.into_iter()
            .map(|(uri, told)| {
                assert_eq!(told, Told::Nothing);
                uri
            })
            .collect()
    };
    assert_eq!(names("S"), ["./Vendor/Open/t", "./Vendor/Open/t/a"]);
    assert_eq!(names("T").len(), 4);
    let values = listed(&tree, hand("T"), "./Vendor/Open/t?list=StructData");
    assert_eq!(
        values[1],
        ("./Vendor/Open/t/a".into(), Told::Text("1".into()))
    );
    assert_eq!(
        values[3],
        ("./Vendor/Open/t/b/c".into(), Told::Text("2".into()))
    );
}

#[test]
fn secrets_are_in_no_structure() {
    let mut tree = free();
    tree.set(&uri("DMAcc/a/AppAuth/1/AAuthSecret"), "canary");
    for query in ["list=Struct", "list=StructData", "list=TNDS"] {
        let all = listed(&tree, hand("S"), &format!("./DMAcc?{query}"));
        assert!(!format!("{all:?}").contains("canary"), "{query}");
    }
    struct Leaky;
    impl Rules for Leaky {
        fn listed(&self, _right: bool, _access: bool) -> Listed {
            Listed::Shown
        }
    }
    let all = listed(&tree, under("S", &Leaky), "./DMAcc?list=StructData");
    assert!(format!("{all:?}").contains("canary"));
}

fn tnds_of(tree: &Tree, by: &str, at: &str) -> Tnds {
    tree.export(hand(by), &uri(at), &Selector::Unspecified)
}

fn import(tree: &mut Tree, by: Hand<'_>, at: &str, tnds: &Tnds, over: bool) -> u16 {
    let data = Data::element(tnds.to_element());
    let given = Given {
        format: Some(&Format::Xml),
        media_type: Some(media::TNDS_XML),
        data: Some(&data),
    };
    match over {
        false => code(tree.add(by, &address(at), given)),
        true => code(tree.replace(by, &address(at), given)),
    }
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let here = filled();
    let tnds = tnds_of(&here, "T", "./Vendor/Open/t");
    let mut there = free();
    assert_eq!(
        import(&mut there, hand("S"), "./Vendor/Open/t", &tnds, false),
        200
    );
    assert_eq!(there.text(&uri("./Vendor/Open/t/b/c")), Some("2"));
    let list = |tree: &Tree| tree.node(&uri("./Vendor/Open/t/b")).unwrap().acl.clone();
    assert_eq!(list(&there), list(&here));
    assert_eq!(
        import(&mut there, hand("S"), "./Vendor/Open/t", &tnds, false),
        418
    );
}

#[test]
fn a_part_becomes_equal_to_what_replaces_it() {
    let here = filled();
    let tnds = tnds_of(&here, "T", "./Vendor/Open/t");
    let mut there = here.clone();
    add(&mut there, "S", "./Vendor/Open/t/new", "n");
    delete(&mut there, "S", "./Vendor/Open/t/b");
    replace(&mut there, "S", "./Vendor/Open/t/a", "other");
    assert_eq!(
        import(&mut there, hand("S"), "./Vendor/Open/t", &tnds, true),
        200
    );
    assert!(there.node(&uri("./Vendor/Open/t/new")).is_none());
    assert_eq!(there.text(&uri("./Vendor/Open/t/a")), Some("1"));
    assert_eq!(there.text(&uri("./Vendor/Open/t/b/c")), Some("2"));
    assert_eq!(
        import(&mut there, hand("S"), "./Vendor/Open/none", &tnds, true),
        404
    );
}

const BROKEN: &str = "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>t</NodeName>\
    <RTProperties><Format><node/></Format></RTProperties>\
    <Node><NodeName>a</NodeName><Value>1</Value></Node>\
    <Node><NodeName>b</NodeName><RTProperties><Format><int/></Format></RTProperties><Value>x</Value></Node>\
    </Node></MgmtTree>";

struct LeavesTraces;

impl Rules for LeavesTraces {
    fn import_is_undone(&self, _failed: bool) -> bool {
        false
    }
}

#[test]
fn one_bad_node_and_nothing_is_added() {
    let document = twinproof_dm::xml::read(BROKEN.as_bytes(), &Limits::default()).unwrap();
    let tnds = Tnds::from_element(&document).unwrap();
    let mut tree = free();
    let before = tree.clone();
    assert_eq!(
        import(&mut tree, hand("S"), "./Vendor/Open/t", &tnds, false),
        415
    );
    assert_eq!(tree, before);
    import(
        &mut tree,
        under("S", &LeavesTraces),
        "./Vendor/Open/t",
        &tnds,
        false,
    );
    assert_ne!(tree, before);
}

#[test]
fn a_device_without_serialised_trees_says_so() {
    let tnds = tnds_of(&filled(), "T", "./Vendor/Open/t");
    let mut profile = Profile::builtin();
    profile.tnds = false;
    let mut tree = Tree::new(Arc::new(profile));
    assert_eq!(
        import(&mut tree, hand("S"), "./Vendor/Open/t", &tnds, false),
        415
    );
    let asked = tree.get(hand("S"), &address("./DevInfo?list=TNDS"));
    assert_eq!(asked.unwrap_err().0, 406);
}
