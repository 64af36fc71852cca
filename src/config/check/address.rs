//! Where a provider is: which of its vendor's APIs, in which region, at which base URL.

use super::{Check, VendorFacts, url};
use crate::config::node::KeyPath;
use crate::config::suggest::one_of;

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

    /// The base URL: the file's, or the vendor's own in the region.
    pub(super) fn base_url(
        &mut self,
        given: Option<&str>,
        region: Option<&str>,
        vendor: Option<&VendorFacts>,
        path: &KeyPath<'_>,
    ) -> String {
        if let (Some(region), Some(vendor)) = (region, vendor) {
            let at = path.key("region");
            if vendor.regions.is_empty() {
                self.report.error(&at, format!("`type: {}` has no regions", vendor.id), "leave the key out".to_owned());
            } else if given.is_some() {
                self.report.error(&at, "with a `base_url` the `region` would not be used", "leave one of the two out".to_owned());
            } else if let Some(url) = vendor.regions.get(region) {
                return url.trim_end_matches('/').to_owned();
            } else {
                let known = one_of(vendor.regions.keys().map(String::as_str));
                let hint = format!("known are {known}; for another one give its `base_url`");
                self.report.error(&at, format!("unknown region `{region}`"), hint);
            }
        }
        match (given, vendor) {
            (Some(text), _) => match url::base_url(text) {
                Ok(url) => return url,
                Err((message, hint)) => self.report.error(&path.key("base_url"), message, hint),
            },
            (None, Some(VendorFacts { default_base_url: Some(url), .. })) if !self.report.has(&path.key("base_url")) => {
                return url.trim_end_matches('/').to_owned();
            }
            (None, Some(vendor)) => self.report.missing(path, "base_url", format!("`type: {}` has no address of its own", vendor.id)),
            (None, None) => {}
        }
        String::new()
    }
}
