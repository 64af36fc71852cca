//! Where a provider is: which of its vendor's APIs, in which region, at which base URL.

use super::{Check, VendorFacts, url};
use crate::config::node::KeyPath;
use crate::config::suggest::one_of;

/// Stands in a vendor's base URL for the region.
const REGION: &str = "{region}";

impl<'v> Check<'v> {
    /// The vendor that `api` chooses: each of a vendor's APIs is one in the catalogue.
    pub(super) fn api(&mut self, given: Option<&str>, vendor: &'v VendorFacts, path: &KeyPath<'_>) -> &'v VendorFacts {
        let Some(given) = given else { return vendor };
        let vendors = self.vendors;
        if let Some(found) = vendor.apis.get(given).and_then(|id| vendors.iter().find(|other| other.id == *id)) {
            return found;
        }
        let at = path.key("api");
        if vendor.apis.is_empty() {
            self.report.error(&at, format!("`type: {}` has one API only", vendor.id), "leave the key out".to_owned());
        } else {
            let known = one_of(vendor.apis.keys().map(String::as_str));
            self.report.error(&at, format!("unknown API `{given}`"), format!("`type: {}` has {known}", vendor.id));
        }
        vendor
    }

    /// The region: the file's, or what the environment says where the vendor's is usually named there.
    pub(super) fn region(&mut self, given: Option<String>, vendor: Option<&VendorFacts>) -> Option<String> {
        let names = vendor.map(|vendor| vendor.region_env.as_slice()).unwrap_or_default();
        given.or_else(|| names.iter().find_map(|name| (self.env)(name).filter(|region| is_region(region))))
    }

    /// The base URL: the file's, or the vendor's own in the region.
    pub(super) fn base_url(
        &mut self,
        given: Option<&str>,
        region: Option<&str>,
        vendor: Option<&VendorFacts>,
        path: &KeyPath<'_>,
    ) -> String {
        if let (Some(region), Some(vendor)) = (region, vendor)
            && let Some(url) = self.regions_url(given, region, vendor, path)
        {
            return url;
        }
        match (given, vendor) {
            (Some(text), _) => match url::base_url(text) {
                Ok(url) => return url,
                Err((message, hint)) => self.report.error(&path.key("base_url"), message, hint),
            },
            (None, Some(VendorFacts { default_base_url: Some(url), .. })) if !self.report.has(&path.key("base_url")) => {
                match with_region(url, region) {
                    Some(url) => return url,
                    None => self.report.missing(path, "region", "write it like `region: us-east-1`".to_owned()),
                }
            }
            (None, Some(vendor)) => self.report.missing(path, "base_url", format!("`type: {}` has no address of its own", vendor.id)),
            (None, None) => {}
        }
        String::new()
    }

    /// The base URL that the vendor has for a region. Complains where there cannot be such.
    fn regions_url(&mut self, given: Option<&str>, region: &str, vendor: &VendorFacts, path: &KeyPath<'_>) -> Option<String> {
        let at = path.key("region");
        if vendor.default_base_url.as_deref().is_some_and(|url| url.contains(REGION)) {
            if !is_region(region) {
                self.report.error(&at, "this is no region", "write it like `us-east-1`".to_owned());
            }
        } else if vendor.regions.is_empty() {
            self.report.error(&at, format!("`type: {}` has no regions", vendor.id), "leave the key out".to_owned());
        } else if given.is_some() {
            self.report.error(&at, "with a `base_url` the `region` would not be used", "leave one of the two out".to_owned());
        } else if let Some(url) = vendor.regions.get(region) {
            return Some(url.trim_end_matches('/').to_owned());
        } else {
            let known = one_of(vendor.regions.keys().map(String::as_str));
            let hint = format!("known are {known}; for another one give its `base_url`");
            self.report.error(&at, format!("unknown region `{region}`"), hint);
        }
        None
    }
}

fn is_region(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A vendor's base URL in a region; `None` where it needs one that is not known.
pub(in crate::config) fn with_region(url: &str, region: Option<&str>) -> Option<String> {
    let url = url.trim_end_matches('/');
    if url.contains(REGION) { region.map(|region| url.replace(REGION, region)) } else { Some(url.to_owned()) }
}
