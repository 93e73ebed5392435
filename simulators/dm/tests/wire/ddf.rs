//! Device descriptions.

use twinproof_dm::document::Element;
use twinproof_dm::syncml::Format;
use twinproof_dm::tree::ddf::{Access, Description, Occurrence, Scope};
use twinproof_dm::{Fault, Limits, xml};

const PUMP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN"
  "http://example.com/dm_ddf.dtd" [<?oma-dm-ddf-ver supported-versions="1.2"?>]>
<MgmtTree xmlns:v="urn:vendor">
  <VerDTD>1.2</VerDTD>
  <Man>Example</Man>
  <v:Note>of no concern</v:Note>
  <Node>
    <NodeName>Pump</NodeName>
    <Path>./Vendor/Example/</Path>
    <RTProperties><Type><DDFName>urn:x:pump</DDFName></Type></RTProperties>
    <DFProperties>
      <AccessType><Get/></AccessType>
      <Description>A pump.</Description>
      <DFFormat><node/></DFFormat>
      <Occurrence><ZeroOrOne/></Occurrence>
      <Scope><Permanent/></Scope>
      <DFType><DDFName>urn:x:pump</DDFName></DFType>
      <CaseSense><CIS/></CaseSense>
    </DFProperties>
    <Node>
      <NodeName/>
      <DFProperties>
        <AccessType><Add/><Delete/><Get/></AccessType>
        <DFFormat><node/></DFFormat>
        <Occurrence><ZeroOrN>8</ZeroOrN></Occurrence>
        <Scope><Dynamic/></Scope>
        <DFType><MIME/></DFType>
      </DFProperties>
      <Node>
        <NodeName>Speed</NodeName>
        <DFProperties>
          <AccessType><Get/><Replace/><v:More/></AccessType>
          <DefaultValue>0</DefaultValue>
          <DFFormat><int/></DFFormat>
          <DFTitle>Speed</DFTitle>
          <DFType><MIME>text/plain</MIME></DFType>
        </DFProperties>
        <Value>3</Value>
      </Node>
    </Node>
  </Node>
</MgmtTree>"#;

fn read(text: &str) -> Element {
    xml::read(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_published_description_is_read() {
    let description = Description::from_element(&read(PUMP)).unwrap();
    assert_eq!(description.man.as_deref(), Some("Example"));
    let pump = &description.nodes[0];
    assert_eq!(pump.name.as_deref(), Some("Pump"));
    assert_eq!(pump.path.as_deref(), Some("./Vendor/Example/"));
    assert_eq!(pump.scope, Scope::Permanent);
    assert_eq!(pump.occurrence, Occurrence::ZeroOrOne);
    assert_eq!(pump.object.as_deref(), Some("urn:x:pump"));
    assert_eq!(pump.case_sensitive, Some(false));
    assert_eq!(
        pump.properties.node_type.as_ref().unwrap().as_str(),
        "urn:x:pump"
    );

    let instance = &pump.children[0];
    assert_eq!(instance.name, None);
    assert_eq!(instance.occurrence, Occurrence::ZeroOrN(8));
    assert_eq!(instance.access, [Access::Add, Access::Delete, Access::Get]);
    assert!(instance.mimes.is_empty());

    let speed = &instance.children[0];
    assert_eq!(speed.format, Format::Int);
    assert_eq!(speed.default_value.as_deref(), Some("0"));
    assert_eq!(speed.title.as_deref(), Some("Speed"));
    assert_eq!(speed.mimes, ["text/plain"]);
    assert_eq!(
        (speed.scope, speed.occurrence),
        (Scope::Dynamic, Occurrence::One)
    );
    assert_eq!(speed.value.as_deref(), Some("3"));
}

#[test]
fn a_placeholder_stands_for_any_name() {
    let description = Description::from_element(&read(PUMP)).unwrap();
    let find = |path: &str| {
        let names: Vec<_> = path.split('/').map(str::to_owned).collect();
        description.nodes[0].find(&names)
    };
    assert_eq!(find("left/Speed").unwrap().format, Format::Int);
    assert!(find("left").unwrap().name.is_none());
    assert!(find("left/Colour").is_none());
    assert!(find("left/Speed/x").is_none());
    assert!(description.nodes[0].find(&[]).is_some());
}

#[test]
fn occurrence_is_a_range() {
    for (occurrence, mandatory, most) in [
        (Occurrence::One, true, Some(1)),
        (Occurrence::OneOrMore, true, None),
        (Occurrence::OneOrN(4), true, Some(4)),
        (Occurrence::ZeroOrMore, false, None),
        (Occurrence::ZeroOrN(4), false, Some(4)),
        (Occurrence::ZeroOrOne, false, Some(1)),
    ] {
        assert_eq!(occurrence.is_mandatory(), mandatory);
        assert_eq!(occurrence.most(), most);
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (from, to, fault, expected) in [
        ("MgmtTree", "Tree", Fault::Value, "<MgmtTree>"),
        (
            "<VerDTD>1.2</VerDTD>",
            "",
            Fault::Missing,
            "VerDTD in <MgmtTree>",
        ),
        ("<NodeName/>", "", Fault::Missing, "NodeName in <Node>"),
        (
            "<DFFormat><int/></DFFormat>",
            "",
            Fault::Missing,
            "DFFormat in <DFProperties>",
        ),
        (
            "<ZeroOrOne/>",
            "",
            Fault::Missing,
            "an occurrence in <Occurrence>",
        ),
        ("<ZeroOrOne/>", "<Two/>", Fault::Value, "an occurrence"),
        (">8<", ">1<", Fault::Value, "2 to 65536 in <ZeroOrN>"),
        (">8<", ">many<", Fault::Value, "a number in <ZeroOrN>"),
        (
            "<Get/>",
            "<Put/>",
            Fault::Value,
            "a command in <AccessType>",
        ),
    ] {
        let error = Description::from_element(&read(&PUMP.replace(from, to))).unwrap_err();
        assert_eq!((error.fault, &*error.expected), (fault, expected));
        assert!(error.offset > 0);
    }
    let empty = read("<MgmtTree><VerDTD>1.2</VerDTD></MgmtTree>");
    assert_eq!(
        Description::from_element(&empty).unwrap_err().fault,
        Fault::Missing
    );
}
