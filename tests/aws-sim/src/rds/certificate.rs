//! The certificates of database servers, and the authorities that issue them.

use crate::xml::Xml;

/// The default authority of instances (RDS User Guide, Using SSL/TLS: certificate authorities).
pub(super) const DEFAULT: &str = "rds-ca-rsa2048-g1";

/// The authorities with their end dates (same page), without the expired `rds-ca-2019`.
pub(super) const AUTHORITIES: [(&str, &str); 3] = [
    ("rds-ca-ecc384-g1", "2121-05-25T00:00:00.000Z"),
    (DEFAULT, "2061-05-25T00:00:00.000Z"),
    ("rds-ca-rsa4096-g1", "2121-05-25T00:00:00.000Z"),
];

/// An instance's certificate. AWS renews it every year.
pub(super) fn show(xml: &mut Xml, name: &str) {
    xml.leaf("CACertificateIdentifier", name);
    xml.node("CertificateDetails", |xml| {
        xml.leaf("CAIdentifier", name);
        xml.maybe("ValidTill", AUTHORITIES.iter().find(|(known, _)| *known == name).map(|(_, until)| until));
    });
}
