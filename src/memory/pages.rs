//! Pages of SQLite's caches, in groups that go back to the system when no page of them is used.
//!
//! A page comes from the oldest group that has one, so that younger groups become empty. In `npm run memory` the groups make
//! the export's peak 17 MiB lower, the import's 3, and what is resident at the end 29: glibc's heaps, of which each
//! thread has one, kept the pages of caches that no longer existed.

use std::ptr::NonNull;

use super::large::{map, unmap};

/// How much memory is mapped at a time.
const GROUP_BYTES: usize = 256 << 10;

/// Pages of one size.
pub(super) struct Pages {
    page_bytes: usize,
    groups: Vec<Option<Group>>,
    /// No group before this one has a page that is not used.
    first: usize,
}

struct Group {
    memory: NonNull<u8>,
    /// Indices of pages that are not used.
    free: Vec<u32>,
}

// SAFETY: the memory belongs to the group, which any one thread at a time may use.
unsafe impl Send for Group {}

/// A page that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) memory: NonNull<u8>,
    pub(super) place: Place,
}

/// Where a page comes from, by which it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    group: u32,
    index: u32,
}

impl Place {
    /// That of no page.
    pub(super) const NONE: Place = Place {
        group: u32::MAX,
        index: 0,
    };
}

impl Pages {
    /// None yet, of so many bytes each, which are rounded up to a multiple of 16.
    pub(super) const fn of(page_bytes: usize) -> Pages {
        Pages {
            page_bytes: page_bytes.next_multiple_of(16),
            groups: Vec::new(),
            first: 0,
        }
    }

    /// A page that nobody uses; `None` if there is no memory.
    pub(super) fn take(&mut self) -> Option<Page> {
        let has_page =
            |group: &Option<Group>| group.as_ref().is_some_and(|group| !group.free.is_empty());
        let after = self.groups.get(self.first..).unwrap_or_default();
        let found = match after.iter().position(has_page) {
            Some(offset) => self.first + offset,
            None => self.add_group()?,
        };
        self.first = found;
        let group = self.groups.get_mut(found)?.as_mut()?;
        let index = group.free.pop()?;
        // SAFETY: the index is that of a page within the group's memory.
        let memory = unsafe { group.memory.add(index as usize * self.page_bytes) };
        let place = Place {
            group: u32::try_from(found).ok()?,
            index,
        };
        Some(Page { memory, place })
    }

    /// Adds a group; returns its index.
    fn add_group(&mut self) -> Option<usize> {
        let count = u32::try_from(GROUP_BYTES / self.page_bytes).ok()?;
        let mut free = Vec::new();
        free.try_reserve_exact(count as usize).ok()?;
        // The first is taken first: those that never are take no memory.
        free.extend((0..count).rev());
        self.groups.try_reserve(1).ok()?;
        let memory = NonNull::new(map(GROUP_BYTES))?;
        let group = Some(Group { memory, free });
        match self.groups.iter().position(Option::is_none) {
            Some(index) => {
                self.groups[index] = group;
                Some(index)
            }
            None => {
                self.groups.push(group);
                Some(self.groups.len() - 1)
            }
        }
    }

    /// Takes a page back.
    ///
    /// # Safety
    /// It was taken from here, is given back once, and nobody uses its memory any more.
    pub(super) unsafe fn give_back(&mut self, place: Place) {
        let index = place.group as usize;
        let Some(slot) = self.groups.get_mut(index) else {
            return;
        };
        let Some(group) = slot else {
            return;
        };
        // There is room: it was in here before.
        group.free.push(place.index);
        self.first = self.first.min(index);
        if group.free.len() == GROUP_BYTES / self.page_bytes {
            let memory = group.memory;
            *slot = None;
            // SAFETY: it was mapped with this length, and all its pages were given back.
            unsafe { unmap(memory.as_ptr(), GROUP_BYTES) };
        }
    }

    /// How many groups there are.
    #[cfg(test)]
    fn group_count(&self) -> usize {
        self.groups.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_BYTES: usize = 4384;
    const IN_GROUP: usize = (256 << 10) / PAGE_BYTES;

    #[test]
    fn pages_are_apart() {
        let mut pages = Pages::of(PAGE_BYTES - 3);
        let taken: Vec<Page> = (0..3 * IN_GROUP).map(|_| pages.take().unwrap()).collect();
        assert_eq!(pages.group_count(), 3);
        for (number, page) in taken.iter().enumerate() {
            // SAFETY: the page was taken, and is of this length.
            unsafe { page.memory.write_bytes(number as u8, PAGE_BYTES) };
        }
        for (number, page) in taken.iter().enumerate() {
            for at in 0..PAGE_BYTES {
                // SAFETY: as above.
                assert_eq!(unsafe { *page.memory.add(at).as_ptr() }, number as u8);
            }
        }
        for page in taken {
            // SAFETY: it is not used any more.
            unsafe { pages.give_back(page.place) };
        }
        assert_eq!(pages.group_count(), 0);
    }

    #[test]
    fn a_group_goes_when_its_last_page_is_back_and_its_place_is_used_again() {
        let mut pages = Pages::of(PAGE_BYTES);
        let taken: Vec<Page> = (0..2 * IN_GROUP + 1)
            .map(|_| pages.take().unwrap())
            .collect();
        assert_eq!(pages.group_count(), 3);
        // SAFETY: none is used.
        let give = |pages: &mut Pages, page: &Page| unsafe { pages.give_back(page.place) };
        for page in &taken[IN_GROUP..2 * IN_GROUP] {
            assert_eq!(pages.group_count(), 3);
            give(&mut pages, page);
        }
        assert_eq!(pages.group_count(), 2);
        // The oldest that has room comes first.
        give(&mut pages, &taken[5]);
        assert_eq!(pages.take().unwrap(), taken[5]);
        for _ in 1..IN_GROUP {
            assert_eq!(pages.take().unwrap().place.group, 2);
        }
        assert_eq!(pages.group_count(), 2);
        assert_eq!(pages.take().unwrap().place.group, 1);
        assert_eq!(pages.group_count(), 3);
    }
}
