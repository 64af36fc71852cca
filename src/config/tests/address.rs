//! Where a provider is.

use super::*;

#[test]
fn an_api_and_a_region_choose_the_address() {
    let address = |keys: &str| {
        let config = good(&format!("providers: {{a: {{type: dashscope, api_key: \"${{KEY}}\"{keys}}}}}"));
        let provider = &config.providers["a"];
        (provider.vendor.clone(), provider.base_url.clone())
    };
    let at = |vendor: &str, url: &str| (vendor.to_owned(), url.to_owned());
    assert_eq!(address(""), at("qwen", "https://dashscope.example/v1"));
    assert_eq!(address(", api: native"), at("qwen_native", "https://dashscope.example/api"));
    assert_eq!(address(", api: native, region: us"), at("qwen_native", "https://us.example/v1"));
    for (text, said) in [
        ("type: qwen, api: nativ", "`type: qwen` has `compatible` or `native`"),
        ("type: groq, api: native", "`type: groq` has one API only"),
        ("type: qwen, region: mars", "known are `intl` or `us`; for another one give its `base_url`"),
        ("type: groq, region: us", "`type: groq` has no regions"),
        ("type: qwen, region: us, base_url: \"http://127.0.0.1:1\"", "with a `base_url` the `region` would not be used"),
    ] {
        let text = rendered(&format!("providers: {{a: {{{text}}}}}"));
        assert!(text.contains(said), "{text}");
    }
}
