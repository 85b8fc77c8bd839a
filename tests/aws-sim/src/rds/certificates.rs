//! The certificate authorities of database servers.

use super::listing::{filters, paged};
use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// The one that instances have when none is chosen (RDS User Guide, Using SSL/TLS: certificate authorities).
pub(super) const DEFAULT: &str = "rds-ca-rsa2048-g1";

/// The same page: what it says of `rds-ca-2019` is that it has expired. With when they end.
const AUTHORITIES: [(&str, &str); 3] = [
    ("rds-ca-ecc384-g1", "2121-05-25T00:00:00.000Z"),
    (DEFAULT, "2061-05-25T00:00:00.000Z"),
    ("rds-ca-rsa4096-g1", "2121-05-25T00:00:00.000Z"),
];

/// The authority that a request names.
pub(super) fn chosen(query: &Query) -> Outcome<Option<String>> {
    let Some(name) = query.text("CACertificateIdentifier") else { return Ok(None) };
    let known = AUTHORITIES.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if known { Ok(Some(name.to_lowercase())) } else { Err(not_found(name)) }
}

/// RDS API Reference, CreateDBInstance and DescribeCertificates, Errors.
fn not_found(name: &str) -> Fault {
    Fault::not_found("CertificateNotFound", format!("Certificate not found: {name}"))
}

/// An instance's certificate. AWS renews it every year.
pub(super) fn show(xml: &mut Xml, name: &str) {
    xml.leaf("CACertificateIdentifier", name);
    xml.node("CertificateDetails", |xml| {
        xml.leaf("CAIdentifier", name);
        xml.maybe("ValidTill", AUTHORITIES.iter().find(|(known, _)| *known == name).map(|(_, until)| until));
    });
}

/// RDS API Reference, DescribeCertificates.
pub(super) fn describe(_: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["CertificateIdentifier", "Filters", "Marker", "MaxRecords"])?;
    filters(query, &[])?;
    let wanted = query.text("CertificateIdentifier");
    let mut items: Vec<_> = AUTHORITIES.iter().map(|item| (item.0.to_owned(), item)).collect();
    items.retain(|(name, _)| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name)));
    if let (Some(name), true) = (wanted, items.is_empty()) {
        return Err(not_found(name));
    }
    let (certificates, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("Certificates", "Certificate", certificates, |xml, (name, until)| {
        xml.leaf("CertificateIdentifier", name);
        xml.leaf("CertificateType", "CA");
        xml.leaf("ValidFrom", "2021-05-25T00:00:00.000Z");
        xml.leaf("ValidTill", until);
        xml.leaf("CertificateArn", Arn::new("rds", &caller.region, "", format!("cert:{name}")));
        xml.leaf("CustomerOverride", false);
    });
    xml.leaf("DefaultCertificateForNewLaunches", DEFAULT);
    xml.maybe("Marker", marker);
    Ok(xml)
}
