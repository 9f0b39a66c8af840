//! The paths and URLs of places.

use std::path::{Path, PathBuf};

use crate::store::error::{Error, Result};

/// The schemes of URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    S3,
    Gs,
    Az,
    Http,
    Https,
}

impl Scheme {
    const ALL: [Scheme; 5] = [
        Scheme::S3,
        Scheme::Gs,
        Scheme::Az,
        Scheme::Http,
        Scheme::Https,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Scheme::S3 => "s3",
            Scheme::Gs => "gs",
            Scheme::Az => "az",
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// Whether places with this scheme can only be read.
    pub(super) fn is_read_only(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }
}

/// The parts of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub scheme: Scheme,
    /// The bucket, the container, or the host and port.
    pub host: String,
    /// The path, as it is in the URL, without slashes at its ends.
    pub path: String,
}

impl Url {
    /// The URL without a slash at its end.
    pub(super) fn text(&self) -> String {
        let separator = if self.path.is_empty() { "" } else { "/" };
        let Url { scheme, host, path } = self;
        format!("{}://{host}{separator}{path}", scheme.name())
    }
}

/// Where a place is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    Directory(PathBuf),
    Remote(Url),
}

impl Location {
    /// Parses a path or a URL. A path is everything that does not begin with a scheme and `://`.
    ///
    /// # Errors
    /// [`Error::BadArgument`].
    pub(super) fn parse(text: &Path) -> Result<Location> {
        let split = text.to_str().and_then(|text| text.split_once("://"));
        let Some((scheme, rest)) = split.filter(|(scheme, _)| is_scheme(scheme)) else {
            return Ok(Location::Directory(text.to_owned()));
        };
        let lower = scheme.to_ascii_lowercase();
        if lower == "file" {
            return file(rest).map(Location::Directory);
        }
        let known = Scheme::ALL.into_iter().find(|known| known.name() == lower);
        let Some(scheme) = known else {
            return refuse(format!(
                "{scheme}:// is not supported. Use a directory, or a URL that begins with file://, s3://, \
                 gs://, az://, http:// or https://"
            ));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return refuse(format!(
                "a {lower}:// URL must not contain a user name or password, which other users of this \
                 machine could see. Set the provider's environment variables instead"
            ));
        }
        if rest.contains(['?', '#']) {
            return refuse(format!(
                "a {lower}:// URL must end with a path, without ? and #, because the names of artifacts \
                 are appended to it"
            ));
        }
        if host.is_empty() {
            let what = if scheme.is_read_only() {
                "host"
            } else {
                "bucket or container"
            };
            return refuse(format!(
                "a {lower}:// URL must name a {what} after {lower}://"
            ));
        }
        let path = path.trim_matches('/');
        if path.split('/').any(|part| matches!(part, "." | "..")) {
            return refuse(format!(
                "a {lower}:// URL must not contain . or .. as a part of its path"
            ));
        }
        Ok(Location::Remote(Url {
            scheme,
            host: host.to_owned(),
            path: path.to_owned(),
        }))
    }
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::BadArgument(message))
}

/// Whether a text is a scheme. A single letter is a drive of Windows.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The directory of a URL `file://…`. `rest` is the part after the slashes.
fn file(rest: &str) -> Result<PathBuf> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let decoded = path
        .starts_with('/')
        .then(|| percent_decode(path))
        .flatten();
    let Some(path) = decoded else {
        return refuse(format!(
            "file://{rest} names no directory. Write file:///DIRECTORY, with an absolute path and three \
             slashes, or only the path"
        ));
    };
    // On Windows, a path begins with a drive: file:///C:/archive.
    let path = match path.as_bytes() {
        [b'/', drive, b':', ..] if cfg!(windows) && drive.is_ascii_alphabetic() => &path[1..],
        _ => &path,
    };
    Ok(PathBuf::from(path))
}

/// Replaces `%` and two hexadecimal digits by the byte that they stand for.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, left) = match (first, after) {
            (b'%', [high, low, left @ ..]) => (hex(*high)? * 16 + hex(*low)?, left),
            (b'%', _) => return None,
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = left;
    }
    // No path contains a NUL.
    String::from_utf8(bytes)
        .ok()
        .filter(|path| !path.contains('\0'))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location> {
        Location::parse(Path::new(text))
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn paths_are_directories() {
        for path in [
            "archive",
            "/backup/archive",
            "C:\\archive",
            "C://archive",
            "a:/b",
            "./s3://bucket",
            "3s://bucket",
            "",
        ] {
            assert_eq!(
                parse(path).unwrap(),
                Location::Directory(path.into()),
                "{path}"
            );
        }
    }

    #[test]
    fn urls_of_files_are_directories() {
        let directory = |path: &str| Location::Directory(path.into());
        for (url, path) in [
            ("file:///backup/archive", "/backup/archive"),
            ("FILE:///backup/archive/", "/backup/archive/"),
            ("file://localhost/a%20b/%C3%a4", "/a b/ä"),
        ] {
            assert_eq!(parse(url).unwrap(), directory(path), "{url}");
        }
        for url in [
            "file://",
            "file://backup/archive",
            "file:///a%2",
            "file:///a%zz",
            "file:///%ff",
            "file:///a%00",
        ] {
            let refused = refusal(url);
            assert!(refused.contains("Write file:///DIRECTORY"), "{refused}");
        }
    }

    #[test]
    fn urls_have_a_bucket_and_a_path() {
        for (text, scheme, host, path, shown) in [
            ("s3://b", Scheme::S3, "b", "", "s3://b"),
            ("S3://b/", Scheme::S3, "b", "", "s3://b"),
            ("gs://b/a/c/", Scheme::Gs, "b", "a/c", "gs://b/a/c"),
            ("az://c/a", Scheme::Az, "c", "a", "az://c/a"),
            (
                "http://h:8080//a",
                Scheme::Http,
                "h:8080",
                "a",
                "http://h:8080/a",
            ),
            (
                "https://h/a%20b",
                Scheme::Https,
                "h",
                "a%20b",
                "https://h/a%20b",
            ),
        ] {
            let Location::Remote(url) = parse(text).unwrap() else {
                panic!("{text}");
            };
            assert_eq!((url.scheme, &*url.host, &*url.path), (scheme, host, path));
            assert_eq!(url.text(), shown);
            let is_web = text.starts_with("http");
            assert_eq!(url.scheme.is_read_only(), is_web, "{text}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, reason) in [
            ("ftp://h/a", "ftp:// is not supported"),
            ("s3a://h/a", "s3a:// is not supported"),
            ("s3://", "must name a bucket or container"),
            ("s3:///a", "must name a bucket or container"),
            ("https:///a", "must name a host"),
            ("https://user:secret@h/a", "must not contain a user name"),
            ("https://h/a?sig=secret", "without ? and #"),
            ("s3://h#secret", "without ? and #"),
            ("s3://h/a/../b", "must not contain . or .."),
            ("s3://h/./b", "must not contain . or .."),
        ] {
            let refused = refusal(url);
            assert!(refused.contains(reason), "{url}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
