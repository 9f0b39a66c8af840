//! JSON values.

use indexmap::IndexMap;

/// A JSON value.
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number. A number that is too large is an infinity.
    Number(f64),
    /// A string, in WTF-8.
    String(Vec<u8>),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(JsObject),
}

/// The own properties of an object, in JavaScript's order.
#[derive(Default)]
pub struct JsObject(
    // Boxed, so that objects do not make every value three times as large, and absent if there are
    // none.
    Option<Box<IndexMap<Vec<u8>, Json>>>,
);

impl Json {
    /// An own property; `None` if the value is not an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key.as_bytes())
    }

    /// Whether the value is truthy in JavaScript.
    pub fn truthy(&self) -> bool {
        match self {
            Json::Null => false,
            Json::Bool(value) => *value,
            Json::Number(value) => *value != 0.0 && !value.is_nan(),
            Json::String(value) => !value.is_empty(),
            Json::Array(_) | Json::Object(_) => true,
        }
    }

    /// The bytes of a string.
    pub fn as_str(&self) -> Option<&[u8]> {
        match self {
            Json::String(value) => Some(value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Json::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The bytes of a string; otherwise the value itself as an error.
    pub(crate) fn into_string(mut self) -> Result<Vec<u8>, Json> {
        match &mut self {
            Json::String(value) => Ok(std::mem::take(value)),
            _ => Err(self),
        }
    }

    /// The items of an array; otherwise the value itself as an error.
    pub(crate) fn into_array(mut self) -> Result<Vec<Json>, Json> {
        match &mut self {
            Json::Array(items) => Ok(std::mem::take(items)),
            _ => Err(self),
        }
    }

    /// The properties of an object.
    pub fn as_object(&self) -> Option<&JsObject> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The properties of an object; otherwise the value itself as an error.
    pub(crate) fn into_object(mut self) -> Result<JsObject, Json> {
        match &mut self {
            Json::Object(object) => Ok(std::mem::take(object)),
            _ => Err(self),
        }
    }

    /// JavaScript's `typeof`.
    pub fn type_of(&self) -> &'static str {
        match self {
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Null | Json::Array(_) | Json::Object(_) => "object",
        }
    }

    /// Whether arrays and objects are nested more than `levels` deep.
    pub fn is_deeper_than(&self, levels: usize) -> bool {
        let mut pending = vec![(self, 1)];
        while let Some((value, level)) = pending.pop() {
            let children: Box<dyn Iterator<Item = &Json>> = match value {
                Json::Array(items) => Box::new(items.iter()),
                Json::Object(object) => Box::new(object.iter().map(|(_, value)| value)),
                _ => continue,
            };
            if level > levels {
                return true;
            }
            let nested = children.filter(|child| matches!(child, Json::Array(_) | Json::Object(_)));
            pending.extend(nested.map(|child| (child, level + 1)));
        }
        false
    }

    /// Removes and returns the values that this one contains.
    fn move_children_to(&mut self, pending: &mut Vec<Json>) {
        match self {
            Json::Array(items) => pending.append(items),
            Json::Object(object) => {
                let properties = object.0.take().into_iter().flat_map(|all| *all);
                pending.extend(properties.map(|(_, value)| value));
            }
            _ => {}
        }
    }
}

impl Drop for Json {
    /// Frees nested values one level at a time. The derived implementation would recurse.
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.move_children_to(&mut pending);
        while let Some(mut child) = pending.pop() {
            child.move_children_to(&mut pending);
        }
    }
}

impl JsObject {
    /// An own property.
    pub fn get(&self, key: &[u8]) -> Option<&Json> {
        self.0.as_ref()?.get(key)
    }

    /// Removes an own property. The order of the others is not kept.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        self.0.as_mut()?.swap_remove(key.as_bytes())
    }

    /// An own property along with its key.
    pub fn get_key_value(&self, key: &[u8]) -> Option<(&[u8], &Json)> {
        let found = self.0.as_ref()?.get_key_value(key)?;
        Some((found.0.as_slice(), found.1))
    }

    /// Keys and values in JavaScript's enumeration order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Json)> {
        let properties = self.0.as_ref().into_iter().flat_map(|all| all.iter());
        properties.map(|(key, value)| (key.as_slice(), value))
    }

    /// Keys and values in JavaScript's enumeration order.
    pub(crate) fn into_properties(self) -> impl Iterator<Item = (Vec<u8>, Json)> {
        self.0.into_iter().flat_map(|all| *all)
    }

    /// The number of own properties.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len())
    }

    /// Whether there are no own properties.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of keys that are array indices. They come first.
    pub(crate) fn index_count(&self) -> usize {
        self.iter()
            .filter(|(key, _)| array_index(key).is_some())
            .count()
    }

    /// Sets a property, in its position if it exists, or as the last one.
    pub(super) fn insert(&mut self, key: Vec<u8>, value: Json) {
        self.0.get_or_insert_default().insert(key, value);
    }

    /// Moves keys that are array indices to the front, in numeric order.
    pub(super) fn settle_order(&mut self) {
        if let Some(all) = &mut self.0
            && all.keys().any(|key| array_index(key).is_some())
        {
            // A stable sort keeps the other keys in insertion order.
            all.sort_by(|left, _, right, _| {
                let place = |key: &[u8]| array_index(key).map_or(u64::MAX, u64::from);
                place(left).cmp(&place(right))
            });
        }
    }
}

impl FromIterator<(Vec<u8>, Json)> for JsObject {
    /// Creates an object by setting properties in order.
    fn from_iter<T: IntoIterator<Item = (Vec<u8>, Json)>>(properties: T) -> Self {
        let all: IndexMap<Vec<u8>, Json> = properties.into_iter().collect();
        let mut object = JsObject((!all.is_empty()).then(|| Box::new(all)));
        object.settle_order();
        object
    }
}

/// The number of a key that is an array index: an integer below 2³² - 1 in canonical form.
fn array_index(key: &[u8]) -> Option<u32> {
    let plain = match key {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let number: u32 = std::str::from_utf8(key)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()?;
    (number != u32::MAX).then_some(number)
}
