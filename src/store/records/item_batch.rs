//! A batch of transcript items.

/// Memory of an item besides its text, here and as a JavaScript string.
pub(crate) const ITEM_BYTES: usize = 64;

/// Items, stored consecutively in memory.
#[derive(Debug, Default)]
pub struct ItemBatch {
    bytes: Vec<u8>,
    /// For each item, its position and its end in `bytes`.
    items: Vec<(i64, usize)>,
}

impl ItemBatch {
    /// A batch without items.
    pub(crate) const EMPTY: ItemBatch = ItemBatch {
        bytes: Vec::new(),
        items: Vec::new(),
    };

    /// The items and their positions.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let mut start = 0;
        self.items.iter().map(move |(position, end)| {
            let item = &self.bytes[start..*end];
            start = *end;
            (*position, item)
        })
    }

    /// The item at this index.
    pub(crate) fn get(&self, index: usize) -> Option<(i64, &[u8])> {
        let (position, end) = *self.items.get(index)?;
        let start = match index {
            0 => 0,
            _ => self.items[index - 1].1,
        };
        Some((position, &self.bytes[start..end]))
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The approximate memory of the batch, in bytes. Empty items count, too.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.items.len() * ITEM_BYTES
    }

    /// The memory that the batch has for texts, in bytes, whether used or not.
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity()
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
