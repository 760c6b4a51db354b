//! Pages by number, as this dialect counts them.

use chat_core::error::Refusal;
use serde::Serialize;

use crate::http::extract::Params;

/// Most entries of a page.
const MOST: u32 = 200;

/// A page that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// The first is 1.
    pub(super) number: u64,
    /// Entries of a page.
    pub(super) size: u32,
}

/// `PageResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageResult<T> {
    page: u64,
    size: u32,
    total_page: u64,
    total_element: u64,
    result: Vec<T>,
}

/// A page of what administrators list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageItems<T> {
    items: Vec<T>,
    total: u64,
    page: u64,
    size: u32,
    total_pages: u64,
}

impl Page {
    /// `page` and `size_name` of a query.
    ///
    /// # Errors
    /// `validation_failed`.
    pub(super) fn of(params: &Params, size_name: &str, default: u32) -> Result<Self, Refusal> {
        let number = params.parsed::<u64>("page")?.unwrap_or(1);
        let size = params.parsed::<u32>(size_name)?.unwrap_or(default);
        if number == 0 {
            return Err(Refusal::invalid("page", "too_small", "must be at least 1"));
        }
        if size == 0 {
            return Err(Refusal::invalid(
                size_name,
                "too_small",
                "must be at least 1",
            ));
        }
        Ok(Self {
            number,
            size: size.min(MOST),
        })
    }

    /// Entries before this page.
    pub(super) const fn skip(self) -> u64 {
        (self.number - 1).saturating_mul(self.size as u64)
    }

    /// How many pages `total` entries fill.
    pub(super) const fn pages(self, total: u64) -> u64 {
        total.div_ceil(self.size as u64)
    }

    /// This page of a whole list.
    pub(super) fn cut<T>(self, all: Vec<T>) -> Vec<T> {
        let skip = usize::try_from(self.skip()).unwrap_or(usize::MAX);
        all.into_iter()
            .skip(skip)
            .take(self.size as usize)
            .collect()
    }

    pub(super) fn items<T>(self, total: u64, items: Vec<T>) -> PageItems<T> {
        PageItems {
            items,
            total,
            page: self.number,
            size: self.size,
            total_pages: self.pages(total),
        }
    }

    pub(super) fn result<T>(self, total: u64, result: Vec<T>) -> PageResult<T> {
        PageResult {
            page: self.number,
            size: self.size,
            total_page: self.pages(total),
            total_element: total,
            result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_count_from_one_and_end() {
        let page = Page { number: 2, size: 3 };
        assert_eq!((page.skip(), page.pages(7)), (3, 3));
        assert_eq!(page.cut(vec![1, 2, 3, 4, 5]), [4, 5]);
        let far = Page {
            number: u64::MAX,
            size: 200,
        };
        assert!(far.cut(vec![1]).is_empty());
    }
}
