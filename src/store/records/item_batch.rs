//! A batch of transcript items.

/// What an item takes up besides its text: here, and as a string of JavaScript.
pub(crate) const ITEM_BYTES: usize = 64;

/// Items, one behind the other in memory.
#[derive(Debug, Default)]
pub struct ItemBatch {
    bytes: Vec<u8>,
    /// For each item, its position and where it ends.
    items: Vec<(i64, usize)>,
}

impl ItemBatch {
    /// The items and their positions.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let mut start = 0;
        self.items.iter().map(move |(position, end)| {
            let item = &self.bytes[start..*end];
            start = *end;
            (*position, item)
        })
    }

    /// The item of this number.
    pub(crate) fn get(&self, index: usize) -> Option<(i64, &[u8])> {
        let (position, end) = *self.items.get(index)?;
        let start = match index {
            0 => 0,
            _ => self.items[index - 1].1,
        };
        Some((position, &self.bytes[start..end]))
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// What it takes up, roughly; items without any text count, too.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.items.len() * ITEM_BYTES
    }

    pub(crate) fn add(&mut self, position: i64, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.items.push((position, self.bytes.len()));
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}
