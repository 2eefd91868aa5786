//! `redirect` and `respond`: answers of the proxy's own.

use http::header::CONTENT_TYPE;
use outrigger_config::model::{PathMatch, PathRewrite, Redirect, Respond, Scheme};
use serde_json::{Value, json};

use crate::{
    Refused,
    pb::envoy::config::{
        core::v3::{DataSource, HeaderValueOption, data_source::Specifier},
        route::v3::{
            DirectResponseAction, RedirectAction,
            redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
            route::Action,
            route_match::PathSpecifier,
        },
    },
    refused::Within,
    remainder::Keys,
    routes::{
        edits,
        new_path::{self, NewPath},
    },
};

/// The largest body that Envoy gives where nobody allows more.
pub(in crate::routes) const DIRECT_BODY: usize = 4096;

/// By status.
const CODES: [(u16, RedirectResponseCode); 5] = [
    (301, RedirectResponseCode::MovedPermanently),
    (302, RedirectResponseCode::Found),
    (303, RedirectResponseCode::SeeOther),
    (307, RedirectResponseCode::TemporaryRedirect),
    (308, RedirectResponseCode::PermanentRedirect),
];

pub(super) fn redirect(redirect: &Redirect, matched: &PathMatch) -> Action {
    let code = CODES.iter().find(|(status, _)| redirect.status == *status);
    let path = redirect.path.as_ref().map(|path| match path {
        PathRewrite::Full(path) => PathRewriteSpecifier::PathRedirect(path.clone()),
        prefix => match new_path::to_wire(prefix, matched) {
            NewPath::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix),
            NewPath::Regex(rewrite) => PathRewriteSpecifier::RegexRewrite(rewrite),
        },
    });
    let scheme = redirect.scheme.map(|scheme| match scheme {
        Scheme::Http => SchemeRewriteSpecifier::SchemeRedirect("http".to_owned()),
        Scheme::Https => SchemeRewriteSpecifier::HttpsRedirect(true),
    });
    Action::Redirect(RedirectAction {
        host_redirect: redirect.host.clone().unwrap_or_default(),
        port_redirect: redirect.port.map(u32::from).unwrap_or_default(),
        response_code: code
            .map_or(RedirectResponseCode::Found, |(_, code)| *code)
            .into(),
        strip_query: false,
        scheme_rewrite_specifier: scheme,
        path_rewrite_specifier: path,
    })
}

pub(super) fn direct(respond: &Respond) -> Action {
    let body = (!respond.body.is_empty()).then(|| DataSource {
        specifier: Some(Specifier::InlineString(respond.body.clone())),
        ..DataSource::default()
    });
    Action::DirectResponse(DirectResponseAction {
        status: respond.status.as_u16().into(),
        body,
        body_format: None,
    })
}

/// Envoy would say `text/plain`.
pub(super) fn content_type(respond: &Respond) -> HeaderValueOption {
    edits::set(&CONTENT_TYPE, &respond.content_type)
}

/// The filter `redirect`.
pub(in crate::routes) fn from_redirect(
    redirect: &RedirectAction,
    path: Option<&PathSpecifier>,
) -> Result<Value, Refused> {
    let mut keys = Keys::new();
    if redirect.strip_query {
        return Err(Refused::new("the query is always kept")).within("strip_query");
    }
    let status = CODES
        .iter()
        .find(|(_, code)| i32::from(*code) == redirect.response_code);
    let (status, _) = status
        .ok_or_else(|| Refused::new("unknown"))
        .within("response_code")?;
    keys.insert("status".to_owned(), json!(status));
    match &redirect.scheme_rewrite_specifier {
        Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => {
            keys.insert("scheme".to_owned(), json!("https"));
        }
        Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => {
            keys.insert("scheme".to_owned(), json!(scheme));
        }
        Some(SchemeRewriteSpecifier::HttpsRedirect(false)) | None => {}
    }
    if !redirect.host_redirect.is_empty() {
        keys.insert("host".to_owned(), json!(redirect.host_redirect));
    }
    if redirect.port_redirect != 0 {
        keys.insert("port".to_owned(), json!(redirect.port_redirect));
    }
    let new_path = match &redirect.path_rewrite_specifier {
        Some(
            PathRewriteSpecifier::PathRedirect(path) | PathRewriteSpecifier::PathRewrite(path),
        ) => [("path".to_owned(), json!(path))].into_iter().collect(),
        Some(PathRewriteSpecifier::PrefixRewrite(with)) => {
            new_path::from_prefix(with, path).within("prefix_rewrite")?
        }
        Some(PathRewriteSpecifier::RegexRewrite(rewrite)) => new_path::from_regex(rewrite, path)?,
        None => Keys::new(),
    };
    keys.extend(new_path);
    Ok(json!({"redirect": keys}))
}

/// The filter `respond`. Its content type is the first that is set among `options`, and taken out of there.
pub(in crate::routes) fn from_direct(
    direct: &DirectResponseAction,
    options: &mut Vec<HeaderValueOption>,
) -> Result<Value, Refused> {
    let mut keys = Keys::new();
    keys.insert("status".to_owned(), json!(direct.status));
    if direct.body_format.is_some() {
        return Err(Refused::new("formats are not supported")).within("body_format");
    }
    let body = direct
        .body
        .as_ref()
        .and_then(|body| body.specifier.as_ref());
    let body = match body {
        None => String::new(),
        Some(Specifier::InlineString(text)) => text.clone(),
        Some(Specifier::InlineBytes(bytes)) => String::from_utf8(bytes.clone())
            .map_err(|_| Refused::new("not text"))
            .within("body.inline_bytes")?,
        Some(_) => return Err(Refused::new("only inline bodies are supported")).within("body"),
    };
    keys.insert("body".to_owned(), json!(body));
    let content_type = |option: &HeaderValueOption| {
        let (name, value, replaces) = edits::edit(option).ok()?;
        (replaces && name == CONTENT_TYPE.as_str()).then_some(value)
    };
    if let Some(place) = options
        .iter()
        .position(|option| content_type(option).is_some())
    {
        let option = options.remove(place);
        keys.extend(content_type(&option).map(|value| ("content_type".to_owned(), value)));
    }
    Ok(json!({"respond": keys}))
}
