//! Media between the addresses that several dialects write and the hub.

use crate::chat::Media;

/// What an image's address stands for: a data URL holds the image itself.
pub(super) fn image(url: &str) -> Media {
    data_url(url).map_or_else(
        || Media::Url(url.to_owned()),
        |(kind, data)| Media::Base64 { media_type: if kind.is_empty() { "image/png".into() } else { kind }, data },
    )
}

/// The address of an image; `None` where it has none.
pub(super) fn image_url(source: &Media) -> Option<String> {
    match source {
        Media::Url(url) => Some(url.clone()),
        Media::Base64 { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
        Media::Text(_) | Media::FileId(_) => None,
    }
}

/// Whether an address is one of the web, in whatever case its scheme is written.
pub(super) fn is_web_address(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
}

/// Media type and base64 text of a data URL. Parameters such as `charset` are left out, and so is white space in the data.
pub(super) fn data_url(url: &str) -> Option<(String, String)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mut parameters = head.split(';');
    let kind = parameters.next().unwrap_or_default().trim().to_ascii_lowercase();
    if !parameters.any(|parameter| parameter.trim().eq_ignore_ascii_case("base64")) {
        return None;
    }
    let data = if data.bytes().any(|byte| byte.is_ascii_whitespace()) { data.split_ascii_whitespace().collect() } else { data.to_owned() };
    Some((kind, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_images_or_tell_where_they_are() {
        let data = |media_type: &str, data: &str| Media::Base64 { media_type: media_type.into(), data: data.into() };
        for (url, expected) in [
            ("https://a/b.png", Media::Url("https://a/b.png".into())),
            ("data:image/JPEG;charset=x;base64,AA\nBB", data("image/jpeg", "AABB")),
            ("data:;base64,AA", data("image/png", "AA")),
            ("data:text/plain,hi", Media::Url("data:text/plain,hi".into())),
        ] {
            assert_eq!(image(url), expected, "{url}");
        }
        assert_eq!(image_url(&data("image/png", "AA")).as_deref(), Some("data:image/png;base64,AA"));
        assert_eq!(image_url(&Media::FileId("f".into())), None);
    }
}
