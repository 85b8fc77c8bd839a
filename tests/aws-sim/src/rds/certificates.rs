//! Choosing and describing certificate authorities.

use super::certificate::{AUTHORITIES, DEFAULT};
use super::listing::{filters, paged};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

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
