//! The properties that JavaScript objects inherit from `Object.prototype`.
//!
//! The reference uses plain objects as maps, so it finds these names in every map.

/// The names of the properties of `Object.prototype`.
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

/// Whether every object has a property of this name.
pub(super) fn has(name: &[u8]) -> bool {
    NAMES.contains(&name)
}

/// Whether SES, with its default options, throws on an assignment to this property of a
/// compartment's global object.
pub(super) fn is_read_only_global(name: &[u8]) -> bool {
    match name {
        b"Infinity" | b"NaN" | b"undefined" => true,
        // `__proto__` is an accessor; SES makes the other two accessors so that they can be
        // overridden.
        b"__proto__" | b"toString" | b"valueOf" => false,
        _ => has(name),
    }
}
