//! Why a request failed, in words without secrets.
//!
//! The messages of `object_store` contain URLs, whose query may be a signature, and the bodies of
//! answers, which may repeat credentials. So only known parts of them are taken: the status, the
//! provider's code of the error, and the message of the innermost cause if a connection failed.

use std::error::Error as StdError;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::url::{Scheme, Url};

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The place itself does not exist.
    NoPlace,
    /// The file does not exist.
    NoFile,
    /// The request was refused.
    Denied,
    /// The file exists, and should not.
    Exists,
    /// The place does not support the request.
    NotSupported,
    /// There are no credentials in the environment, and the provider's own network has none.
    NoCredentials,
    /// The settings in the environment are incomplete or invalid.
    Settings,
    /// Another failure, which may pass.
    Other,
}

/// A failed request.
#[derive(Debug)]
pub(super) struct Reason {
    pub class: Class,
    /// The reason.
    pub text: String,
}

/// The longest message of a cause that is repeated.
const MAX_CAUSE: usize = 300;

impl Reason {
    pub(super) fn of(error: &Error) -> Reason {
        let shown = error.to_string();
        let status = between(&shown, "status code: ", |byte| byte.is_ascii_digit());
        let code = between(&shown, "<Code>", |byte| byte.is_ascii_alphanumeric());
        let connection = connection(error);
        Reason {
            class: class(error, &shown, status, code, connection.is_some()),
            text: text(error, status, code, connection),
        }
    }

    /// What to do about it.
    pub(super) fn advice(&self, url: &Url) -> &'static str {
        match (self.class, url.scheme) {
            (Class::Denied | Class::NoCredentials | Class::Settings, Scheme::S3) => {
                "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the \
                 environment, and what they permit; profiles in ~/.aws are not read. \
                 AWS_SKIP_SIGNATURE=true reads a public bucket"
            }
            (Class::Denied | Class::NoCredentials | Class::Settings, Scheme::Gs) => {
                "Check GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS in the environment, and \
                 what they permit. GOOGLE_SKIP_SIGNATURE=true reads a public bucket"
            }
            (Class::Denied | Class::NoCredentials | Class::Settings, Scheme::Az) => {
                "Check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or the other variables \
                 of Azure, in the environment, and what they permit. AZURE_SKIP_SIGNATURE=true reads a \
                 public container"
            }
            (Class::Denied | Class::NoCredentials | Class::Settings, _) => {
                "Check what the server permits"
            }
            (Class::NoPlace | Class::NoFile, Scheme::Http | Scheme::Https) => "Check the URL",
            (Class::NoPlace | Class::NoFile, _) => {
                "Check the URL. The bucket or container must exist"
            }
            _ => {
                "Check the URL and the network, and repeat the command: it continues where this one ended"
            }
        }
    }
}

fn class(
    error: &Error,
    shown: &str,
    status: Option<&str>,
    code: Option<&str>,
    is_connection: bool,
) -> Class {
    if matches!(
        code,
        Some("NoSuchBucket" | "ContainerNotFound" | "AccountIsDisabled")
    ) || shown.contains("bucket does not exist")
    {
        return Class::NoPlace;
    }
    match (error, status) {
        (Error::NotFound { .. }, _) | (_, Some("410")) => Class::NoFile,
        (Error::AlreadyExists { .. } | Error::Precondition { .. }, _) => Class::Exists,
        (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _)
        | (_, Some("401" | "403")) => Class::Denied,
        (Error::NotImplemented { .. } | Error::NotSupported { .. }, _) | (_, Some("501")) => {
            Class::NotSupported
        }
        _ if METADATA.iter().any(|host| shown.contains(host)) => Class::NoCredentials,
        (_, None) if !is_connection => Class::Settings,
        _ => Class::Other,
    }
}

/// The servers that give credentials to machines in a provider's network.
const METADATA: [&str; 3] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
];

fn text(
    error: &Error,
    status: Option<&str>,
    code: Option<&str>,
    connection: Option<(HttpErrorKind, String)>,
) -> String {
    let more = |what: &str| match code {
        Some(code) => format!("{what} ({code})"),
        None => what.to_owned(),
    };
    match (error, status) {
        (Error::NotFound { .. }, _) => return more("it was not found"),
        (Error::PermissionDenied { .. }, _) | (_, Some("403")) => {
            return more("the server denies access");
        }
        (Error::Unauthenticated { .. }, _) | (_, Some("401")) => {
            return more("the server does not accept the credentials");
        }
        (Error::AlreadyExists { .. } | Error::Precondition { .. }, _) => {
            return more("it exists already");
        }
        _ => {}
    }
    if let Some(status) = status {
        return more(&format!("the server answered with HTTP status {status}"));
    }
    if let Some((kind, cause)) = connection {
        let what = match kind {
            HttpErrorKind::Connect => "the connection failed",
            HttpErrorKind::Timeout => "the server did not answer in time",
            HttpErrorKind::Interrupted => "the connection broke off",
            HttpErrorKind::Decode => "the answer was cut off or malformed",
            _ => "the request failed",
        };
        return format!("{what}: {cause}");
    }
    harmless(&innermost(error)).unwrap_or_else(|| "the settings or the answer are invalid".into())
}

/// The error of the connection among the causes, and the message of its innermost cause.
fn connection(error: &Error) -> Option<(HttpErrorKind, String)> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(http) = current.downcast_ref::<HttpError>() {
            let message = harmless(&innermost(http));
            return Some((
                http.kind(),
                message.unwrap_or_else(|| "unknown cause".into()),
            ));
        }
        cause = current.source();
    }
    None
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// A message, unless it may contain a URL or a secret: the values of the environment's settings.
fn harmless(message: &str) -> Option<String> {
    let mut secrets = std::env::vars_os().filter_map(|(key, value)| {
        let key = key.into_string().ok()?;
        let is_setting = ["AWS_", "AZURE_", "GOOGLE_"]
            .iter()
            .any(|prefix| key.starts_with(prefix));
        let is_secret = ["KEY", "TOKEN", "SECRET", "SAS", "ACCOUNT", "CREDENTIALS"]
            .iter()
            .any(|part| key.contains(part));
        let value = value.into_string().ok()?;
        (is_setting && is_secret && !value.is_empty()).then_some(value)
    });
    let is_harmful = message.contains("://")
        || message.len() > MAX_CAUSE
        || secrets.any(|secret| message.contains(&secret));
    (!is_harmful).then(|| message.to_owned())
}

/// The characters after `start` up to the first that is not of `kind`; `None` if there are none.
fn between<'a>(text: &'a str, start: &str, kind: fn(&u8) -> bool) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    let length = rest.bytes().take_while(kind).count();
    (1..=60).contains(&length).then(|| &rest[..length])
}
