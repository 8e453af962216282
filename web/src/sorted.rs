//! Sorting by text, by putting each item into its place: lists here have some hundred items at most, and the
//! library's sort, made for millions, would cost the page 4 KB for each kind of them.

/// The items, ordered by their keys.
pub(crate) fn sorted<T>(items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let mut ordered: Vec<(String, T)> = Vec::with_capacity(items.len());
    for item in items {
        let key = key(&item);
        let place = ordered.partition_point(|(other, _)| *other <= key);
        ordered.insert(place, (key, item));
    }
    ordered.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_stay_in_order() {
        let items = vec![("b", 1), ("a", 2), ("b", 3), ("a", 4)];
        let ordered = sorted(items, |(name, _)| (*name).to_owned());
        assert_eq!(ordered, [("a", 2), ("a", 4), ("b", 1), ("b", 3)]);
    }
}
