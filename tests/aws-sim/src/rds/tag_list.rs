//! The description of tags in XML.

use crate::xml::Xml;

pub(super) fn show<'a>(xml: &mut Xml, tags: impl IntoIterator<Item = (&'a String, &'a String)>) {
    xml.list("TagList", "Tag", tags, |xml, (key, value)| {
        xml.leaf("Key", key);
        xml.leaf("Value", value);
    });
}
