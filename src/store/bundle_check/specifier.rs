//! Resolves and joins module specifiers.

use crate::store::encoding::quote::plain;
use crate::store::error::refusal::Refusal;

/// Resolves the import `specifier` of the module `referrer` to a full specifier.
///
/// Absolute paths and file URLs stay as they are.
pub(super) fn resolve(specifier: &[u8], referrer: &[u8]) -> Result<Vec<u8>, Refusal> {
    if specifier.starts_with(b"file://") || specifier.starts_with(b"/") {
        return Ok(specifier.to_vec());
    }
    if !referrer.starts_with(b"./") {
        return Err(Refusal::error(format!(
            "Module referrer {} must begin with \"./\"",
            plain(referrer)
        )));
    }
    let mut solution = Vec::new();
    let is_relative = matches!(parts(specifier).next(), Some(b"." | b".."));
    let reached = if is_relative {
        let directory = referrer.iter().rposition(|byte| *byte == b'/');
        solution.push(b".".as_slice());
        walk(&mut solution, &referrer[..directory.unwrap_or(0)]) && walk(&mut solution, specifier)
    } else {
        walk(&mut solution, specifier)
    };
    if !reached {
        return Err(Refusal::error(format!(
            "Module specifier {} via referrer {} must not traverse behind an empty path",
            plain(specifier),
            plain(referrer)
        )));
    }
    Ok(solution.join(&b'/'))
}

/// Joins the package name `base` and the specifier of one of its modules.
pub(super) fn join(base: &[u8], specifier: &[u8]) -> Result<Vec<u8>, Refusal> {
    if specifier.starts_with(b"/") {
        return Err(Refusal::error(format!(
            "Module specifier {} must not start with \"/\"",
            plain(specifier)
        )));
    }
    if let Some(b"." | b"..") = parts(base).next() {
        return Err(Refusal::error(format!(
            "External module specifier {} must be absolute",
            plain(base)
        )));
    }
    if parts(specifier).next() != Some(b".") {
        return Err(Refusal::error(format!(
            "Internal module specifier {} must be relative",
            plain(specifier)
        )));
    }
    let mut solution = vec![base];
    // The path must not lead out of the base.
    let mut inside = Vec::new();
    if !walk(&mut inside, specifier) {
        return Err(Refusal::error(format!(
            "Module specifier {} via base {} must not refer to a module outside of the base",
            plain(specifier),
            plain(base)
        )));
    }
    solution.append(&mut inside);
    Ok(solution.join(&b'/'))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// Appends a path to `solution`, and resolves `.` and `..`. Returns false if it leads out of the
/// root.
fn walk<'a>(solution: &mut Vec<&'a [u8]>, path: &'a [u8]) -> bool {
    parts(path).all(|part| match part {
        b"" | b"." => true,
        b".." => solution.pop().is_some(),
        part => {
            solution.push(part);
            true
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(specifier: &str, referrer: &str) -> Result<String, String> {
        resolve(specifier.as_bytes(), referrer.as_bytes())
            .map(|full| String::from_utf8(full).unwrap())
            .map_err(|refusal| refusal.message().to_owned())
    }

    #[test]
    fn imports_resolve() {
        for (specifier, referrer, full) in [
            ("./b.js", "./a.js", "./b.js"),
            ("./b.js", "./x/a.js", "./x/b.js"),
            ("../b.js", "./x/a.js", "./b.js"),
            (".//b/./c", "./x//a.js", "./x/b/c"),
            (".", "./x/a.js", "./x"),
            ("..", "./a.js", ""),
            ("../b.js", "./a.js", "b.js"),
            ("dep", "./a.js", "dep"),
            ("dep/../x/", "./a.js", "x"),
            ("", "./a.js", ""),
            ("/b.js", ".", "/b.js"),
            ("file:///b/../c", "x", "file:///b/../c"),
        ] {
            assert_eq!(resolved(specifier, referrer).unwrap(), full);
        }
    }

    #[test]
    fn some_imports_do_not_resolve() {
        assert_eq!(
            resolved("./b.js", ".").unwrap_err(),
            "Module referrer \".\" must begin with \"./\""
        );
        assert_eq!(
            resolved("../../b.js", "./a.js").unwrap_err(),
            "Module specifier \"../../b.js\" via referrer \"./a.js\" must not traverse behind an \
             empty path"
        );
        assert!(resolved("..", "a.js").is_err());
        assert!(resolved("a/../..", "./a.js").is_err());
    }

    #[test]
    fn modules_join_their_package() {
        let joined = |base: &str, specifier: &str| {
            join(base.as_bytes(), specifier.as_bytes())
                .map(|full| String::from_utf8(full).unwrap())
                .map_err(|refusal| refusal.message().to_owned())
        };
        assert_eq!(joined("dep", ".").unwrap(), "dep");
        assert_eq!(joined("dep", "./a//b/../c").unwrap(), "dep/a/c");
        assert_eq!(joined("", "./a").unwrap(), "/a");
        for (base, specifier) in [
            ("dep", "a"),
            ("dep", ""),
            ("dep", "/a"),
            ("dep", "../a"),
            ("dep", "./a/../.."),
            ("..", "./a"),
            (".", "./a"),
        ] {
            assert!(joined(base, specifier).is_err(), "{base} {specifier}");
        }
    }
}
