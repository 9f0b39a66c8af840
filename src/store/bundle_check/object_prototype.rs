//! The properties that every JavaScript object inherits.
//!
//! The reference looks names of an archive up in plain objects, where these names are found
//! although nobody put them there.

/// The names of all properties of `Object.prototype`.
const NAMES: [&[u8]; 12] = [
    b"__defineGetter__",
    b"__defineSetter__",
    b"__lookupGetter__",
    b"__lookupSetter__",
    b"__proto__",
    b"constructor",
    b"hasOwnProperty",
    b"isPrototypeOf",
    b"propertyIsEnumerable",
    b"toLocaleString",
    b"toString",
    b"valueOf",
];

/// Whether every object has a property of that name.
pub(super) fn has(name: &[u8]) -> bool {
    NAMES.contains(&name)
}

/// Whether SES, with its default options, refuses to assign to a property of that name in the
/// global object of a compartment.
pub(super) fn is_read_only_global(name: &[u8]) -> bool {
    match name {
        b"Infinity" | b"NaN" | b"undefined" => true,
        // An accessor, and two that SES makes accessors so that they can be overridden.
        b"__proto__" | b"toString" | b"valueOf" => false,
        _ => has(name),
    }
}
